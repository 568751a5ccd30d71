"""Losses, with their gradients in one pass."""

from __future__ import annotations

from typing import Any, Optional

import torch

from .._messages import missing_part, wrong_shape
from .._native.arrays import FloatArray, float32, int64, integer
from ..errors import UnsupportedError
from . import functions
from .autograd.buffers import as_tensor, computable, prepared
from .sparse import SparseConvNetTensor

__all__ = ["binary_cross_entropy", "cross_entropy"]


def cross_entropy(logits: Any, labels: Any, weight: Optional[Any] = None, ignore_index: int = -100) -> torch.Tensor:
    """Return the mean cross-entropy of softmax(logits) at the labels, rank 0.

    What `torch.nn.functional.cross_entropy` returns for these arguments, in a third of the time if classes are few.
    logits: [n, classes], a tensor or a `SparseConvNetTensor`, whose rows are in the order of its `features`. labels:
    [n] whole numbers of any type that numpy has, each a class or ignore_index; rows with ignore_index do not count.
    weight: [classes], constants for a weighted mean. If no row counts, the loss is 0. Rows with ignore_index are not
    read: a NaN there is in neither loss nor gradient. The result is float64 for float64 logits and float32 for all
    others. Raises `ShapeError` for other shapes and `InvalidArgumentError` for labels that are not
    a class.
    """
    values = _values(logits)
    classes = int64(labels.detach().cpu() if isinstance(labels, torch.Tensor) else labels, "labels")
    if values.ndim != 2:
        raise wrong_shape("logits", values.shape, "[n, classes]")
    if classes.shape != values.shape[:1]:
        raise wrong_shape("labels", classes.shape, values.shape[:1])
    weights = None if weight is None else _constants(weight, "weight")
    if weights is not None and weights.shape != values.shape[1:]:
        raise wrong_shape("weight", weights.shape, f"{list(values.shape[1:])}, one for each class")
    rows = prepared(values, "logits")
    return _typed(functions.cross_entropy(rows, classes, weights, integer(ignore_index, "ignore_index")), values)


def binary_cross_entropy(logits: Any, targets: Any) -> torch.Tensor:
    """Return the mean logistic loss, the cross-entropy of sigmoid(logits) at the targets, rank 0.

    What `torch.nn.functional.binary_cross_entropy_with_logits` returns. logits: a tensor of any shape or a
    `SparseConvNetTensor`; the `mask` of a `Sparsify` without activation, say. targets: constants of the same shape,
    each in 0 ... 1. If there are none, the loss is 0. The result's type is as for `cross_entropy`. Raises `ShapeError`
    for other shapes and `InvalidArgumentError` for other targets.
    """
    values = _values(logits)
    wanted = _constants(targets, "targets")
    if wanted.shape != values.shape:
        raise wrong_shape("targets", wanted.shape, values.shape)
    rows = prepared(values, "logits").reshape(values.numel(), 1)
    return _typed(functions.binary_cross_entropy(rows, wanted), values)


def _values(logits: Any) -> torch.Tensor:
    given = logits.features if isinstance(logits, SparseConvNetTensor) else logits
    if given is None:
        raise missing_part("features", "a torch.Tensor")
    return as_tensor(given, "logits")


def _constants(values: Any, name: str) -> FloatArray:
    """Return values that get no gradient; it is an error if they require one."""
    if isinstance(values, torch.Tensor):
        if values.requires_grad and torch.is_grad_enabled():
            raise UnsupportedError(
                f"{name}: requires a gradient, expected constants, since only logits get one here: give {name}.detach()"
            )
        values = values.detach().cpu()
        values = computable(values, name) if values.is_floating_point() else values
    return float32(values, name)


def _typed(loss: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    return loss if loss.dtype is torch.float64 or loss.device.type != "cpu" else loss.float()
