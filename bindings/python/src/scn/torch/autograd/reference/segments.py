"""Rows that belong together: sums and maxima over them, and the way back, whose order of addition is fixed."""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd import Function

from ...._native.generated import SCN_SEGMENT_MAX, SCN_SEGMENT_MEAN

__all__ = [
    "segment_gather",
    "segment_maximum",
    "segment_pad",
    "segment_reduce",
    "segment_softmax",
    "segment_sum",
]


def _counts(segment: torch.Tensor, count: int) -> torch.Tensor:
    """Return how many rows each segment has, [count] int64."""
    return segment.new_zeros(count).index_add_(0, segment, torch.ones_like(segment))


def _column(mask: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Return a mask of rows in a shape that meets theirs."""
    return mask.view(-1, *[1] * (rows.ndim - 1))


class _Sum(Function):
    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, segment: torch.Tensor, count: int) -> torch.Tensor:
        ctx.segment = segment
        # Rows of no segment go behind the last one.
        result = rows.new_zeros(count + 1, *rows.shape[1:])
        target = torch.where(segment < 0, count, segment)
        if rows.device.type in ("cpu", "meta") or not len(rows):
            return result.index_add_(0, target, rows)[:count]
        # Additions of many threads to one place come in any order; those of sorted segments do not.
        order, lengths = target.argsort(stable=True), _counts(target, count + 1)
        return torch.segment_reduce(rows[order], "sum", lengths=lengths, axis=0, unsafe=True)[:count]

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        return segment_gather(gradient, ctx.segment), None, None


class _Gather(Function):
    @staticmethod
    def forward(ctx: Any, vectors: torch.Tensor, segment: torch.Tensor) -> torch.Tensor:
        ctx.segment, ctx.count = segment, len(vectors)
        if not len(vectors):
            return vectors.new_zeros(len(segment), *vectors.shape[1:])
        return torch.where(_column(segment >= 0, vectors), vectors.index_select(0, segment.clamp(min=0)), 0)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        return segment_sum(gradient, ctx.segment, ctx.count), None


def segment_sum(rows: torch.Tensor, segment: torch.Tensor, count: int) -> torch.Tensor:
    """Return the sum over the rows of each segment, [count, ...]. segment: [rows] int64, -1 for none."""
    return _Sum.apply(rows, segment, count)  # type: ignore[no-any-return]


def segment_gather(vectors: torch.Tensor, segment: torch.Tensor) -> torch.Tensor:
    """Return for each row the vector of its segment, zeros for none."""
    return _Gather.apply(vectors, segment)  # type: ignore[no-any-return]


class _Maximum(Function):
    """All rows that have the maximum get its gradient."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, segment: torch.Tensor, count: int) -> torch.Tensor:
        target = torch.where(segment < 0, count, segment)
        least = rows.new_full((count + 1, rows.shape[1]), -torch.inf)
        largest = least.scatter_reduce_(0, target[:, None].expand(-1, rows.shape[1]), rows, "amax")
        result = torch.where(_counts(target, count + 1)[:, None] > 0, largest, 0)[:count]
        ctx.save_for_backward(rows, result)
        ctx.segment = segment
        return result

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        rows, result = (saved.detach() for saved in ctx.saved_tensors)
        largest = segment_gather(result, ctx.segment)
        is_largest = (rows == largest) | (rows.isnan() & largest.isnan())
        return segment_gather(gradient, ctx.segment) * is_largest, None, None


def segment_maximum(rows: torch.Tensor, segment: torch.Tensor, count: int) -> torch.Tensor:
    """Return the maximum over the rows of each segment, zeros for one without rows."""
    return _Maximum.apply(rows, segment, count)  # type: ignore[no-any-return]


def segment_reduce(rows: torch.Tensor, segment: torch.Tensor, count: int, reduction: int) -> torch.Tensor:
    """Return what a reduction of the library makes of the rows of each segment."""
    if reduction == SCN_SEGMENT_MAX:
        return segment_maximum(rows, segment, count)
    sums = segment_sum(rows, segment, count)
    if reduction != SCN_SEGMENT_MEAN:
        return sums
    counts = _counts(torch.where(segment < 0, count, segment), count + 1)[:count]
    return sums / counts.clamp(min=1)[:, None].to(sums.dtype)


def segment_softmax(rows: torch.Tensor, segment: torch.Tensor, count: int) -> torch.Tensor:
    """Return the softmax of each plane over the rows of a segment; rows of none become zeros."""
    largest = segment_gather(segment_maximum(rows.detach(), segment, count), segment)
    powers = (rows - largest).exp() * (segment >= 0)[:, None]
    totals = segment_gather(segment_sum(powers, segment, count), segment)
    return powers / torch.where((segment >= 0)[:, None], totals, torch.ones_like(totals))


def segment_pad(rows: torch.Tensor, segment: torch.Tensor, count: int, most: int) -> torch.Tensor:
    """Return the first rows of each segment side by side with zeros behind them, [count, most * planes]."""
    order = segment.argsort(stable=True)
    ordered = segment[order]
    first = torch.searchsorted(ordered, ordered)
    place = torch.arange(len(order), device=rows.device) - first
    kept = (ordered >= 0) & (place < most)
    target = ordered[kept] * most + place[kept]
    padded = rows.new_zeros(count * most, rows.shape[1]).index_copy(0, target, rows[order[kept]])
    return padded.view(count, most * rows.shape[1])
