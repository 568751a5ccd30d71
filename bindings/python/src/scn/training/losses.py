"""Losses."""

from __future__ import annotations

from typing import Any

from .._messages import wrong_shape
from .._native.arrays import address, float32, int64, integer, shape_of
from .._native.handles import TensorHandle
from .._native.library import library
from ..values.native import to_native
from ..values.tensor import Tensor

__all__ = ["binary_cross_entropy", "cross_entropy"]


def cross_entropy(logits: Any, labels: Any, weight: Any | None = None, ignore_index: int = -100) -> Tensor:
    """Return the mean cross-entropy of softmax(logits) at the labels, a `Tensor` of rank 0.

    logits: [n, classes], a `Tensor`, a `SparseConvNetTensor` or an array. labels: [n] whole numbers of any type that
    numpy has, each a class or ignore_index; rows with ignore_index do not count. weight: [classes], for a weighted
    mean. If no row counts, the loss is 0. Raises `ShapeError` for other shapes and `InvalidArgumentError` for labels
    that are not a class.

    Rows of a `SparseConvNetTensor` are sorted by sample, then by coordinates. Labels in the order of an `InputLayer`'s
    points are wrong there, and go unnoticed if their number is right: end the network with an `OutputLayer`, whose rows
    are those of the points, or put the labels into the order of `get_spatial_locations()`.
    """
    handle = to_native(logits)
    shape, classes = shape_of(handle), int64(labels, "labels")
    if len(shape) != 2:
        raise wrong_shape("logits", shape, "[n, classes]")
    if classes.ndim != 1:
        raise wrong_shape("labels", classes.shape, shape[:1])
    weights = None if weight is None else float32(weight, "weight")
    if weights is not None and weights.shape != shape[1:]:
        raise wrong_shape("weight", weights.shape, f"{list(shape[1:])}, one for each class")
    loss = TensorHandle.make(
        library.scn_cross_entropy,
        handle,
        address(classes),
        classes.size,
        None if weights is None else address(weights),
        integer(ignore_index, "ignore_index"),
    )
    return Tensor._of(loss)


def binary_cross_entropy(logits: Any, targets: Any) -> Tensor:
    """Return the mean logistic loss, the cross-entropy of sigmoid(logits) at the targets, a `Tensor` of rank 0.

    logits: a `Tensor`, a `SparseConvNetTensor` or an array; the `mask` of a `Sparsify` without activation, say.
    (PyTorch's loss of this name takes probabilities; this one is its binary_cross_entropy_with_logits.) targets: of the
    same shape, each in 0 ... 1. If there are none, the loss is 0. Raises `ShapeError` for other shapes and
    `InvalidArgumentError` for other targets.

    Targets of a `SparseConvNetTensor`, and of a mask, are in the order of the sorted sites; see `cross_entropy`.
    """
    handle = to_native(logits)
    shape, wanted = shape_of(handle), float32(targets, "targets")
    if wanted.shape != shape:
        raise wrong_shape("targets", wanted.shape, shape)
    return Tensor._of(TensorHandle.make(library.scn_binary_cross_entropy, handle, address(wanted), wanted.size))
