"""Rows that belong together: reductions over them, softmax within them, and the way back to the rows."""

from __future__ import annotations

import math
from typing import Any, Callable, Optional

import numpy as np
import torch

from .._messages import missing_part, one_of, wrong_shape, wrong_type, wrong_value
from .._native.arrays import IntArray, int64, integer
from .._native.generated import SCN_SEGMENT_MAX, SCN_SEGMENT_MEAN, SCN_SEGMENT_SUM
from ..values.segments import OPERATIONS, segment_count
from . import functions
from .autograd.buffers import as_tensor, prepared, typed_like
from .sparse import SparseConvNetTensor

__all__ = [
    "broadcast",
    "segment_gather",
    "segment_max",
    "segment_mean",
    "segment_pad",
    "segment_softmax",
    "segment_sum",
]


def segment_sum(input: Any, segment_of_row: Any = None, segments: Optional[int] = None) -> torch.Tensor:
    """Return the sum over the rows of each segment, [segments, ...].

    input: [rows, ...], a tensor or a `SparseConvNetTensor`, whose rows are in the order of its `features`.
    segment_of_row: [rows] whole numbers in any order, the segment of each row, or -1 if it belongs to none; None for
    the samples of a `SparseConvNetTensor`. segments: their number; None for one more than the largest in
    segment_of_row. A segment without rows gets zeros. Sums are added in double, in an order that does not depend on the
    number of threads; the result has the input's type. Raises `InvalidArgumentError`, which names the row, for a
    segment out of range.
    """
    return _reduced(SCN_SEGMENT_SUM, input, segment_of_row, segments)


def segment_mean(input: Any, segment_of_row: Any = None, segments: Optional[int] = None) -> torch.Tensor:
    """Return the mean over the rows of each segment, zeros for one without rows; see `segment_sum`."""
    return _reduced(SCN_SEGMENT_MEAN, input, segment_of_row, segments)


def segment_max(input: Any, segment_of_row: Any = None, segments: Optional[int] = None) -> torch.Tensor:
    """Return the maximum over the rows of each segment, zeros for one without rows; see `segment_sum`.

    NaN is larger than all numbers. All rows that have the maximum get the gradient.
    """
    return _reduced(SCN_SEGMENT_MAX, input, segment_of_row, segments)


def segment_softmax(input: Any, segment_of_row: Any = None, segments: Optional[int] = None) -> Any:
    """Return the softmax over the rows of each segment, for each plane by itself, in the kind and shape of the input.

    Arguments as in `segment_sum`. Rows that belong to no segment become zeros. Differences from a segment's maximum are
    what is exponentiated, so that nothing overflows; a segment whose rows are all -inf gets NaN.
    """
    rows, where, count, back = _taken(input, segment_of_row, segments)
    soft = functions.segment_softmax(_matrix(rows, "input"), where, count)
    return back(typed_like(soft.reshape(rows.shape), rows))


def segment_gather(vectors: Any, segment_of_row: Any) -> torch.Tensor:
    """Return for each row the vector of its segment, zeros if it belongs to none: [segments, ...] -> [rows, ...].

    segment_of_row: as in `segment_sum`. The gradient of a vector is the sum of those of its rows.
    """
    given = as_tensor(vectors, "vectors")
    where = _row_numbers(segment_of_row)
    rows = functions.segment_gather(_matrix(given, "vectors"), where)
    return typed_like(rows.reshape(len(where), *given.shape[1:]), given)


def segment_pad(input: Any, most: int, segment_of_row: Any = None, segments: Optional[int] = None) -> torch.Tensor:
    """Return the first `most` rows of each segment, in their order, with zeros behind them: [segments, most, ...].

    Other arguments as in `segment_sum`.
    """
    rows, where, count, _ = _taken(input, segment_of_row, segments)
    limit = integer(most, "most")
    if limit < 1:
        raise wrong_value("most", limit, "at least 1")
    padded = functions.segment_pad(_matrix(rows, "input"), where, count, limit)
    return typed_like(padded.reshape(count, limit, *rows.shape[1:]), rows)


def broadcast(input: Any, vectors: Any, operation: str = "add", segment_of_row: Any = None) -> Any:
    """Return a tensor whose rows have met the vectors of their segments, in the kind of the input.

    input: [rows, planes], a `SparseConvNetTensor` or a tensor. vectors: [segments, planes]. operation: 'add',
    'multiply', or 'join', which puts the vector's planes, any number, behind those of the row. segment_of_row: as in
    `segment_sum`; rows without a segment meet a vector of zeros.
    """
    if operation not in OPERATIONS:
        raise wrong_value("operation", operation, one_of(OPERATIONS))
    given = as_tensor(vectors, "vectors")
    rows, where, _, back = _taken(input, segment_of_row, len(given) if given.ndim else 0)
    if rows.ndim != 2:
        raise wrong_shape("input", rows.shape, "[rows, planes]")
    if given.ndim != 2 or (operation != "join" and given.shape[1] != rows.shape[1]):
        raise wrong_shape("vectors", given.shape, f"[segments, {'planes' if operation == 'join' else rows.shape[1]}]")
    spread = segment_gather(given, where)
    if operation == "join":
        return back(torch.cat([rows, spread], 1))
    return back(rows + spread if operation == "add" else rows * spread)


def _reduced(reduction: int, input: Any, segment_of_row: Any, segments: Optional[int]) -> torch.Tensor:
    rows, where, count, _ = _taken(input, segment_of_row, segments)
    reduced = functions.segment_reduce(_matrix(rows, "input"), where, count, reduction)
    return typed_like(reduced.reshape(count, *rows.shape[1:]), rows)


_Taken = tuple[torch.Tensor, IntArray, int, Callable[[torch.Tensor], Any]]


def _taken(input: Any, segment_of_row: Any, segments: Optional[int]) -> _Taken:
    """Return the rows of an input, the segment of each, how many segments there are, and what makes new rows a value of
    the input's kind."""
    if segment_of_row is None:
        if not isinstance(input, SparseConvNetTensor):
            raise wrong_type("segment_of_row", None, "an array where input is no SparseConvNetTensor")
        # Sorted rows: nothing has to be put into another order.
        rows, metadata = input._sorted(), input._known_metadata()
        samples = np.ascontiguousarray(metadata._locations(input._site_set())[:, -1])
        return rows, samples, metadata.batch_size(), input._on
    is_sparse = isinstance(input, SparseConvNetTensor)
    given = input.features if is_sparse else as_tensor(input, "input")
    if given is None:
        raise missing_part("features", "a torch.Tensor")
    where = _row_numbers(segment_of_row)
    if where.shape != tuple(given.shape[:1]):
        raise wrong_shape("segment_of_row", where.shape, given.shape[:1])
    count = segment_count(where, segments)
    if is_sparse:
        return given, where, count, lambda rows: input._like(lambda _: rows)
    return given, where, count, lambda rows: rows


def _row_numbers(segment_of_row: Any) -> IntArray:
    """Return the segments of rows, which a program may change before the backward pass reads them."""
    given = segment_of_row.detach().cpu() if isinstance(segment_of_row, torch.Tensor) else segment_of_row
    rows = int64(given, "segment_of_row")
    if rows.ndim != 1:
        raise wrong_shape("segment_of_row", rows.shape, "[rows]")
    copied: IntArray = rows.copy()
    return copied


def _matrix(values: torch.Tensor, name: str) -> torch.Tensor:
    """Return the values as the library takes them, a row for each index of the first axis."""
    if not values.ndim:
        raise wrong_shape(name, values.shape, "[rows, ...]")
    return prepared(values, name).reshape(values.shape[0], math.prod(values.shape[1:]))
