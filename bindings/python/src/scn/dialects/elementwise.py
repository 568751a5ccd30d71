"""Sums, joins, ReLU and products of rows by the library.

torch computes them as well, on threads of its own, which then wait for more work while the library's need the cores.
What the library does not take is left to torch: other types and devices, matrices of other layouts, empty ones; and
sums, joins and ReLU of small ones, for which torch needs no threads and less time than a call into the library.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Optional

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.autograd import Function
from torch.autograd.graph import increment_version
from torch.nn import functional as F

from .._native.arrays import address as array_address
from .._native.generated import BatchNormOptions
from .._native.library import library
from ..torch import functions
from ..torch.autograd.autocast import is_autocasting
from ..torch.autograd.buffers import computable, is_computable, is_tracing, matrix, new
from ..torch.autograd.derivatives import applied, recorded
from .watching import is_watched

__all__ = [
    "add_in_place",
    "added",
    "is_small",
    "joined",
    "linear",
    "product",
    "relu",
    "relu_in_place",
]

# The number of elements from which torch divides such work among its threads.
SMALL = 1 << 15

_TINY = torch.finfo(torch.float32).tiny


@lru_cache(maxsize=64)
def _standard(planes: int) -> tuple[int, int, NDArray[np.float32]]:
    """Return the addresses of means of 0 and of variances of 1, and the array that has them."""
    rows = np.repeat(np.array([[0], [1]], np.float32), planes, 1)
    return array_address(rows), array_address(rows[1]), rows


def _is_plain(values: torch.Tensor) -> bool:
    """Return whether the library can read a matrix where it is."""
    return is_computable(values) and values.ndim == 2 and bool(values.numel())


def _is_changeable(values: torch.Tensor) -> bool:
    """Return whether the library may change a matrix in place: torch has more to say of leaves and views."""
    is_leaf = values.is_leaf and values.requires_grad and torch.is_grad_enabled()
    return _is_plain(values) and not is_leaf and not values._is_view() and not values.is_inference()


def is_small(values: torch.Tensor) -> bool:
    """Return whether a matrix is so small that torch takes less time; its results differ in the sign of 0 at most."""
    return not is_tracing() and values.numel() < SMALL


def added(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the sum of two matrices, or of what torch makes them."""
    if not is_small(first) and first.shape == second.shape and _is_plain(first) and _is_plain(second):
        return functions.add(first, second)
    return first + second


def add_in_place(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Add a matrix to another one in place, and return that."""
    is_taken = not is_small(first) and first.shape == second.shape and first is not second
    if is_taken and _is_changeable(first) and _is_plain(second):
        return applied(_AddInPlace, first, second)  # type: ignore[no-any-return]
    first += second
    return first


class _AddInPlace(Function):
    @staticmethod
    def forward(ctx: Any, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        library.scn_add_forward(matrix(first), matrix(second), matrix(first))
        increment_version(first)
        ctx.mark_dirty(first)
        return first

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        return gradient, gradient


def joined(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return matrices of as many rows with their planes side by side."""
    if not all(map(is_small, parts)) and all(map(_is_plain, parts)) and len({len(part) for part in parts}) == 1:
        return functions.join(parts)
    return torch.cat(list(parts), -1)


def product(rows: torch.Tensor, kernel: torch.Tensor, bias: Optional[torch.Tensor]) -> torch.Tensor:
    """Return the product of rows [n, in] and a matrix [in, out], plus a bias [out] or [1, out]."""
    if not is_autocasting(rows.device) and _is_product(rows, kernel, bias, 0):
        return functions.linear(rows, kernel, None if bias is None else bias.reshape(-1))
    result = rows.mm(kernel)
    return result if bias is None else result + bias.to(result.dtype)


def _is_product(rows: torch.Tensor, weight: torch.Tensor, bias: Optional[torch.Tensor], inner: int) -> bool:
    """Return whether the library can multiply rows and a weight, whose axis `inner` the rows have, and add a bias."""
    if not _is_plain(rows) or not _is_plain(weight) or rows.shape[1] != weight.shape[inner]:
        return False
    return bias is None or (is_computable(bias) and bias.numel() == weight.shape[1 - inner])


def linear(module: nn.Linear, rows: torch.Tensor) -> torch.Tensor:
    """Return what a `torch.nn.Linear` makes of rows [n, in]."""
    is_torchs = type(module) is nn.Linear and not is_watched(module)
    if is_torchs and not is_autocasting(rows.device) and _is_product(rows, module.weight, module.bias, 1):
        return functions.linear(rows, module.weight, module.bias, is_transposed=True)
    result: torch.Tensor = module(rows)
    return result


def relu(values: torch.Tensor, is_in_place: bool) -> torch.Tensor:
    """Return the ReLU of a matrix, which is changed if it is in place."""
    if is_small(values):
        return F.relu(values, inplace=is_in_place)
    if is_in_place and _is_changeable(values):
        return applied(_ReLU, values, True)  # type: ignore[no-any-return]
    if not is_in_place and _is_plain(values) and not values.is_inference():
        return applied(_ReLU, values, False)  # type: ignore[no-any-return]
    return F.relu(values, inplace=is_in_place)


class _ReLU(Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, is_in_place: bool) -> torch.Tensor:
        if is_in_place:
            ctx.mark_dirty(values)
            result = relu_in_place(values)
        else:
            result = _rectified(values, new(*values.shape))
        ctx.save_for_backward(result)
        # The sign of the result is that of the input where it matters.
        ctx.reference = (torch.relu, (0,))
        return result

    @staticmethod
    @recorded
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        output, gradient = (computable(values) for values in (*ctx.saved_tensors, gradient))
        mean, variance, _kept = _standard(output.shape[1])
        result = new(*output.shape)
        library.scn_batch_norm_backward_evaluation(
            matrix(output),
            matrix(output),
            matrix(gradient),
            None,
            mean,
            variance,
            BatchNormOptions(epsilon=_TINY, momentum=1, leakiness=0),
            None,
            None,
            matrix(result),
        )
        return result, None


def relu_in_place(values: torch.Tensor) -> torch.Tensor:
    """Set negative numbers of a matrix to 0, unseen by autograd; return the matrix."""
    _rectified(values, values)
    increment_version(values)
    return values


def _rectified(values: torch.Tensor, result: torch.Tensor) -> torch.Tensor:
    """Write the ReLU of a matrix into another one, which may be the same: a batch norm with mean 0 and variance 1."""
    mean, variance, _kept = _standard(values.shape[1])
    library.scn_batch_norm_forward_evaluation(
        matrix(values),
        None,
        None,
        mean,
        variance,
        BatchNormOptions(epsilon=_TINY, momentum=1, leakiness=0),
        matrix(result),
    )
    return result
