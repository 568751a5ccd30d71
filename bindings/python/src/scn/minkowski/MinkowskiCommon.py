"""Arguments that are one number or a number for each axis, and the base of the layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Union

import numpy as np
import torch
from torch.nn import Module

from .._messages import counted, wrong_value
from .._native.arrays import integer
from ..errors import ShapeError, UnsupportedError
from ._errors import asserted

__all__ = [
    "MinkowskiModuleBase",
    "StrideType",
    "convert_to_int_list",
    "convert_to_int_tensor",
    "get_minkowski_function",
    "get_postfix",
    "prep_args",
]

StrideType = Union[int, Sequence[int], np.ndarray, torch.Tensor]


def convert_to_int_list(arg: Any, dimension: int) -> list[int]:
    """Return an integer for each axis; arg: an integer, or a list, array or tensor of `dimension` integers."""
    if isinstance(arg, (Sequence, np.ndarray, torch.Tensor)) and not isinstance(arg, (str, bytes)) and np.ndim(arg):
        values = arg.tolist() if isinstance(arg, (np.ndarray, torch.Tensor)) else list(arg)
        if len(values) != dimension:
            raise asserted(ShapeError(f"arg: has {counted(len(values), 'entry')}, expected {dimension}"))
        return [integer(value, "arg") for value in values]
    if isinstance(arg, torch.Tensor):
        arg = arg.item()
    if not np.isscalar(arg) and not isinstance(arg, np.ndarray):
        raise wrong_value("arg", arg, "an integer or a sequence")
    return [integer(arg, "arg")] * dimension


def convert_to_int_tensor(arg: Any, dimension: int) -> torch.Tensor:
    """Return what `convert_to_int_list` does as a tensor, [dimension] int32."""
    return torch.tensor(convert_to_int_list(arg, dimension), dtype=torch.int32)


def prep_args(
    tensor_stride: Any, stride: Any, kernel_size: Any, dilation: Any, region_type: Any, D: int = -1
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, int]:
    """Return the arguments of a kernel as tensors [D] int32, and the region type as a number."""
    if D < 1:
        raise asserted(wrong_value("D", D, "at least 1"))
    sizes = convert_to_int_tensor(kernel_size, D)
    if not bool((sizes > 0).all()):
        raise asserted(wrong_value("kernel_size", sizes.tolist(), "positive integers"))
    strides = (convert_to_int_tensor(value, D) for value in (tensor_stride, stride))
    return (*strides, sizes, convert_to_int_tensor(dilation, D), int(region_type))  # type: ignore[return-value]


def get_postfix(tensor: torch.Tensor) -> str:
    """Return 'GPU' for a tensor of a GPU, otherwise 'CPU'."""
    return "GPU" if tensor.is_cuda else "CPU"


class MinkowskiModuleBase(Module):
    """The base of most layers."""


def get_minkowski_function(name: str, variable: torch.Tensor) -> Any:
    """Raise `UnsupportedError`: the functions of MinkowskiEngine's extension are not there."""
    raise UnsupportedError(
        f"name: is {name!r}, a function of MinkowskiEngine's own extension, which scn.minkowski does not have; "
        "expected a call of a layer, or of .apply of its Function"
    )
