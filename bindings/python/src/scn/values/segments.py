"""Rows that belong together: reductions over them, softmax within them, and the way back to the rows."""

from __future__ import annotations

from typing import Any

from .._messages import one_of, wrong_shape, wrong_type, wrong_value
from .._native.arrays import IntArray, address, int64, integer, shape_of
from .._native.generated import (
    SCN_BROADCAST_ADD,
    SCN_BROADCAST_JOIN,
    SCN_BROADCAST_MULTIPLY,
    SCN_SEGMENT_MAX,
    SCN_SEGMENT_MEAN,
    SCN_SEGMENT_SUM,
)
from .._native.handles import TensorHandle
from .._native.library import library
from .native import from_native, to_native
from .sparse import SparseConvNetTensor
from .tensor import Tensor

__all__ = [
    "broadcast",
    "segment_gather",
    "segment_max",
    "segment_mean",
    "segment_pad",
    "segment_softmax",
    "segment_sum",
]

OPERATIONS = {"add": SCN_BROADCAST_ADD, "multiply": SCN_BROADCAST_MULTIPLY, "join": SCN_BROADCAST_JOIN}

# The count that stands for the samples of a sparse tensor.
_SAMPLES = -1


def segment_sum(input: Any, segment_of_row: Any = None, segments: int | None = None) -> Tensor:
    """Return the sum over the rows of each segment, a `Tensor` [segments, ...].

    input: [rows, ...], a `Tensor`, an array or a `SparseConvNetTensor`. segment_of_row: [rows] whole numbers in any
    order, the segment of each row, or -1 if it belongs to none; None for the samples of a `SparseConvNetTensor`.
    segments: their number; None for one more than the largest in segment_of_row. A segment without rows gets zeros.
    Sums are added in double, in an order that does not depend on the number of threads. Gradients flow back. Raises
    `InvalidArgumentError`, which names the row, for a segment out of range.
    """
    return _reduced(SCN_SEGMENT_SUM, input, segment_of_row, segments)


def segment_mean(input: Any, segment_of_row: Any = None, segments: int | None = None) -> Tensor:
    """Return the mean over the rows of each segment, zeros for one without rows; see `segment_sum`."""
    return _reduced(SCN_SEGMENT_MEAN, input, segment_of_row, segments)


def segment_max(input: Any, segment_of_row: Any = None, segments: int | None = None) -> Tensor:
    """Return the maximum over the rows of each segment, zeros for one without rows; see `segment_sum`.

    NaN is larger than all numbers. All rows that have the maximum get the gradient.
    """
    return _reduced(SCN_SEGMENT_MAX, input, segment_of_row, segments)


def segment_softmax(input: Any, segment_of_row: Any = None, segments: int | None = None) -> Any:
    """Return the softmax over the rows of each segment, for each plane by itself, in the kind and shape of the input.

    Arguments as in `segment_sum`. Rows that belong to no segment become zeros. Differences from a segment's maximum are
    what is exponentiated, so that nothing overflows; a segment whose rows are all -inf gets NaN.
    """
    handle = to_native(input)
    where = _segments(input, handle, segment_of_row, segments)
    return from_native(TensorHandle.make(library.scn_tensor_segment_softmax, handle, *where.arguments()))


def segment_gather(vectors: Any, segment_of_row: Any) -> Tensor:
    """Return for each row the vector of its segment, zeros if it belongs to none: [segments, ...] -> [rows, ...].

    vectors: a `Tensor` or an array. segment_of_row: as in `segment_sum`. Gradients flow back: each vector gets the sum
    over its rows.
    """
    rows = _row_numbers(segment_of_row)
    handle = to_native(vectors)
    return Tensor._of(TensorHandle.make(library.scn_tensor_segment_gather, handle, address(rows), len(rows)))


def segment_pad(input: Any, most: int, segment_of_row: Any = None, segments: int | None = None) -> Tensor:
    """Return the first `most` rows of each segment, in their order, with zeros behind them: a `Tensor` [segments, most,
    ...].

    Other arguments as in `segment_sum`. Gradients flow back to the rows that were taken.
    """
    handle = to_native(input)
    where = _segments(input, handle, segment_of_row, segments)
    limit = integer(most, "most")
    return Tensor._of(TensorHandle.make(library.scn_tensor_segment_pad, handle, *where.arguments(), limit))


def broadcast(input: Any, vectors: Any, operation: str = "add", segment_of_row: Any = None) -> Any:
    """Return a tensor whose rows have met the vectors of their segments, in the kind of the input.

    input: [rows, planes], a `SparseConvNetTensor`, a `Tensor` or an array. vectors: [segments, planes], a `Tensor` or
    an array. operation: 'add', 'multiply', or 'join', which puts the vector's planes, any number, behind those of the
    row. segment_of_row: as in `segment_sum`; rows without a segment meet a vector of zeros. Gradients flow into both.
    """
    if operation not in OPERATIONS:
        raise wrong_value("operation", operation, one_of(OPERATIONS))
    handle, others = to_native(input), to_native(vectors)
    where = _segments(input, handle, segment_of_row, 0)
    return from_native(
        TensorHandle.make(
            library.scn_tensor_broadcast, handle, others, where.address(), where.count, OPERATIONS[operation]
        )
    )


def _reduced(reduction: int, input: Any, segment_of_row: Any, segments: int | None) -> Tensor:
    handle = to_native(input)
    where = _segments(input, handle, segment_of_row, segments)
    return Tensor._of(TensorHandle.make(library.scn_tensor_segment_reduce, handle, *where.arguments(), reduction))


class _Segments:
    """A map from rows to segments as the library takes it."""

    def __init__(self, rows: IntArray | None, count: int, segments: int) -> None:
        self.rows, self.count, self.segments = rows, count, segments

    def address(self) -> int | None:
        return None if self.rows is None else address(self.rows)

    def arguments(self) -> tuple[int | None, int, int]:
        return self.address(), self.count, self.segments


def _segments(input: Any, handle: TensorHandle, segment_of_row: Any, segments: int | None) -> _Segments:
    if segment_of_row is None:
        if not isinstance(input, SparseConvNetTensor):
            raise wrong_type("segment_of_row", None, "an array where input is no SparseConvNetTensor")
        return _Segments(None, _SAMPLES, 0)
    rows, shape = _row_numbers(segment_of_row), shape_of(handle)
    if rows.shape != shape[:1]:
        raise wrong_shape("segment_of_row", rows.shape, shape[:1])
    return _Segments(rows, len(rows), segment_count(rows, segments))


def segment_count(rows: IntArray, segments: int | None) -> int:
    """Return the number of segments: what a program says, or else one more than the largest."""
    if segments is None:
        return max(0, int(rows.max()) + 1) if rows.size else 0
    count = integer(segments, "segments")
    if count < 0:
        raise wrong_value("segments", count, "at least 0")
    return count


def _row_numbers(segment_of_row: Any) -> IntArray:
    rows = int64(segment_of_row, "segment_of_row")
    if rows.ndim != 1:
        raise wrong_shape("segment_of_row", rows.shape, "[rows]")
    return rows
