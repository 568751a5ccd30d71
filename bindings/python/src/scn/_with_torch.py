"""What packages that stand on PyTorch import first: where it is not installed, this says so."""

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError(
        "scn.torch, and scn in place of spconv, MinkowskiEngine and torchsparse, needs PyTorch, which is not installed: "
        "pip install torch"
    ) from error
