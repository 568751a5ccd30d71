"""Torch tensors as those of cumm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Optional

import torch

from ..._messages import wrong_type
from ...errors import UnsupportedError
from .._cumm.tensorview import TENSOR_TO_NPDTYPE_MAP, Tensor

__all__ = ["get_arch", "get_current_stream", "torch_tensor_to_tv", "torch_tensors_to_tv"]

DIFFERS = {
    "get_arch": "(0, 0): there is no GPU",
    "get_current_stream": "0: a CPU has no streams",
    "torch_tensor_to_tv": "takes no stride",
}


def torch_tensor_to_tv(
    ten: torch.Tensor,
    dtype: Optional[int] = None,
    shape: Optional[Sequence[int]] = None,
    stride: Optional[Sequence[int]] = None,
) -> Tensor:
    """Return a tensor of the CPU as a `cumm.tensorview.Tensor` that shares its memory.

    dtype: cumm's number of another type to read the memory as. shape: another shape. stride: not supported.
    """
    if not isinstance(ten, torch.Tensor):
        raise wrong_type("ten", ten, "a torch.Tensor")
    if ten.device.type != "cpu" or stride is not None:
        raise UnsupportedError("torch_tensor_to_tv: takes tensors of the CPU, without a stride")
    array: Any = ten.detach().numpy()
    if dtype is not None:
        array = array.view(TENSOR_TO_NPDTYPE_MAP[dtype])
    return Tensor(array if shape is None else array.reshape(list(shape)))


def torch_tensors_to_tv(*tens: torch.Tensor) -> Iterator[Tensor]:
    """Return what `torch_tensor_to_tv` makes of each tensor."""
    return (torch_tensor_to_tv(tensor) for tensor in tens)


def get_current_stream() -> int:
    """Return 0: a CPU has no streams."""
    return 0


def get_arch() -> tuple[int, int]:
    """Return (0, 0): there is no GPU."""
    return 0, 0
