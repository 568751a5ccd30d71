"""What programs ask of SparseConvNet's extension module; the functions with which its layers compute are not there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .metadata import Metadata

__all__ = [f"Metadata_{dimension}" for dimension in range(1, 11)] + ["is_cuda_build", "n_rulebook_bits"]

globals().update({f"Metadata_{dimension}": partial(Metadata, dimension) for dimension in range(1, 11)})


def is_cuda_build() -> bool:
    """Return False: there is no GPU."""
    return False


def n_rulebook_bits() -> int:
    """Return the bits of a row number in a rulebook."""
    return 32


if not TYPE_CHECKING:  # Checkers shall go on refusing what is not there.

    def __getattr__(name):
        if name.startswith("__"):
            raise AttributeError(f"module 'scn.torch.SCN' has no attribute {name!r}")
        raise AttributeError(
            f"scn.torch has no SCN.{name}: SparseConvNet's extension module is not there. Use the layers, the classes such as "
            "scn.torch.convolution.ConvolutionFunction, or scn.torch.functions, and torch.autograd.grad for backward passes"
        )
