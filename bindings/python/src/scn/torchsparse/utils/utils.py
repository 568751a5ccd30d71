"""Small helpers for sizes and tensors."""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np
import torch

from ..._messages import wrong_shape, wrong_value

__all__ = ["make_divisible", "make_ntuple", "make_tensor"]


def make_ntuple(x: Any, ndim: int) -> tuple[int, ...]:
    """Return a tuple of `ndim` entries; one number counts for all. x: a number, a sequence, an array or a tensor.

    Raises `ShapeError`, a ValueError, for another length, and `InvalidArgumentError` for what is no sequence.
    """
    if isinstance(x, (torch.Tensor, np.ndarray)):
        x = x.tolist() if x.ndim == 0 else tuple(x.reshape(-1).tolist())
    if isinstance(x, (list, tuple)):
        if len(x) != ndim:
            raise wrong_shape("x", [len(x)], [ndim])
        return tuple(x)
    try:
        return (operator.index(x),) * ndim
    except TypeError:
        raise wrong_value("x", x, f"a number or a sequence of {ndim}") from None


@functools.lru_cache
def make_tensor(x: tuple[int, ...], dtype: torch.dtype, device: Any) -> torch.Tensor:
    """Return a tuple as a tensor; the same one for the same arguments, so it must not be changed."""
    return torch.tensor(x, dtype=dtype, device=device)


def make_divisible(x: int, divisor: int) -> int:
    """Return the least multiple of a divisor that is not below x."""
    return (x + divisor - 1) // divisor * divisor
