"""Losses that are computed together with their gradients."""

from __future__ import annotations

from typing import Any, Optional, TypeVar

import numpy as np
import torch
from torch.autograd import Function

from ..._native.arrays import FloatArray, IntArray
from ..._native.arrays import address as array_address
from ..._native.generated import Matrix
from ..._native.library import library
from ...errors import InvalidArgumentError
from . import reference
from .buffers import is_computed_by_library, matrix, new, restored
from .derivatives import recorded

__all__ = ["binary_cross_entropy", "compare_sparse", "cross_entropy"]

Array = TypeVar("Array", IntArray, FloatArray)


class _Loss(Function):
    """A loss that is computed together with its gradient with respect to the logits."""

    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, compute: Any, wants_gradient: bool, again: Any) -> torch.Tensor:
        """again: the same loss, of torch's operations."""
        by_logits = new(*logits.shape) if wants_gradient else None
        loss = new()
        compute(matrix(logits), loss.data_ptr(), None if by_logits is None else matrix(by_logits))
        ctx.save_for_backward(logits if wants_gradient else None, by_logits)
        ctx.reference = (again, (0,))
        return loss

    @staticmethod
    @recorded
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        _, by_logits = restored(ctx)
        return torch.mul(by_logits, gradient, out=new(*by_logits.shape)), None, None, None


def _loss(logits: torch.Tensor, compute: Any, again: Any) -> torch.Tensor:
    """Return the loss that `compute` writes, together with its gradient if one is wanted."""
    if not is_computed_by_library(logits):
        return again(logits)  # type: ignore[no-any-return]
    # Inside an autograd function nothing says whether gradients are recorded.
    is_wanted = logits.requires_grad and torch.is_grad_enabled()
    return _Loss.apply(logits, compute, is_wanted, again)  # type: ignore[no-any-return]


def _kept(values: Array, logits: torch.Tensor) -> Array:
    """Return values, or a copy if a derivative may read them after the program has changed them."""
    return values.copy() if logits.requires_grad and torch.is_grad_enabled() else values


def cross_entropy(
    logits: torch.Tensor, labels: IntArray, weights: Optional[FloatArray], ignore_index: int
) -> torch.Tensor:
    """Return the mean cross-entropy of softmax(logits) at labels: [n, classes] -> []. weights: [classes] or None."""
    labels, weights = _kept(labels, logits), None if weights is None else _kept(weights, logits)

    def compute(logits: Matrix, loss: int, by_logits: Optional[Matrix]) -> None:
        given = None if weights is None else array_address(weights)
        library.scn_cross_entropy_forward(logits, array_address(labels), given, ignore_index, loss, by_logits)

    def again(logits: torch.Tensor) -> torch.Tensor:
        classes = _classes(labels, logits.shape[1], ignore_index).to(logits.device)
        factors = None if weights is None else torch.from_numpy(weights).to(logits)
        return reference.cross_entropy(logits, classes, factors, ignore_index)

    return _loss(logits, compute, again)


def _classes(labels: IntArray, classes: int, ignore_index: int) -> torch.Tensor:
    """Return labels as a tensor; it is an error if one is no class."""
    wrong = (labels != ignore_index) & ((labels < 0) | (labels >= classes))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InvalidArgumentError(
            f"labels: row {row} has {labels[row]}, expected 0 ... {classes - 1} or {ignore_index}"
        )
    return torch.from_numpy(labels)


def binary_cross_entropy(logits: torch.Tensor, targets: FloatArray) -> torch.Tensor:
    """Return the mean logistic loss of logits at targets, both [n, planes] -> []."""
    targets = _kept(targets, logits)

    def compute(logits: Matrix, loss: int, by_logits: Optional[Matrix]) -> None:
        library.scn_binary_cross_entropy_forward(logits, array_address(targets), loss, by_logits)

    def again(logits: torch.Tensor) -> torch.Tensor:
        return reference.binary_cross_entropy(logits, torch.from_numpy(targets).to(logits))

    return _loss(logits, compute, again)


class _Comparison(Function):
    """A loss of two tensors that is computed together with their gradients, which are differentiable themselves."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, y: torch.Tensor, wanted: tuple[bool, bool], compute: Any, slopes: Any
    ) -> torch.Tensor:
        results = [new(*rows.shape) if is_wanted else None for rows, is_wanted in zip((x, y), wanted)]
        loss = new()
        compute(
            matrix(x), matrix(y), loss.data_ptr(), *(None if result is None else matrix(result) for result in results)
        )
        ctx.save_for_backward(x, y, *results)
        ctx.slopes = slopes
        return loss

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        x, y, by_x, by_y = restored(ctx)
        if torch.is_grad_enabled():
            by_x, by_y = ctx.slopes(x, y)
        results = (None if slope is None else gradient * slope for slope in (by_x, by_y))
        return (*results, None, None, None)


def compare_sparse(x: torch.Tensor, y: torch.Tensor, compute: Any, slopes: Any) -> torch.Tensor:
    """Return the loss of [sites of x, planes] and [sites of y, planes], rank 0.

    compute: a call that takes both, the address of the loss and where the gradients go, each None if not wanted;
    slopes: one that makes the gradients of both with torch, for a derivative of them.
    """
    is_recorded = torch.is_grad_enabled()
    wanted = (is_recorded and x.requires_grad, is_recorded and y.requires_grad)
    return _Comparison.apply(x, y, wanted, compute, slopes)  # type: ignore[no-any-return]
