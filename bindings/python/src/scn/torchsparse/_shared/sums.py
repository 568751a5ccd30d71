"""Weighted sums of rows along pairs of rows, with derivatives of any order, in any real type, on any device."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import torch
from torch.autograd import Function

from ..._messages import wrong_elements, wrong_type, wrong_value
from ...torch.autograd.buffers import typed_like

__all__ = ["Pairs", "row_numbers", "sum_of_pairs"]


class Pairs(NamedTuple):
    """Which row is added to which row."""

    reads: torch.Tensor
    """[pairs] int64."""
    writes: torch.Tensor
    """[pairs] int64."""
    read_count: int
    """The number of rows that can be read."""
    write_count: int
    """The number of rows that are written."""


def sum_of_pairs(rows: torch.Tensor, weights: torch.Tensor, pairs: Pairs) -> torch.Tensor:
    """Return for each row that is written the sum of weight times row over its pairs, [write_count, planes].

    rows: [read_count, planes]. weights: [pairs]. Gradients flow into both. Computed in at least float32; the result has
    the rows' type.
    """
    kind = torch.promote_types(torch.promote_types(rows.dtype, weights.dtype), torch.float32)
    return typed_like(_apply(rows.to(kind), weights.to(kind), pairs), rows)


class _Sum(Function):
    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, weights: torch.Tensor, pairs: Pairs) -> torch.Tensor:
        ctx.save_for_backward(rows, weights)
        ctx.pairs = pairs
        order, begins = _bags(pairs.writes, pairs.write_count)
        reads = pairs.reads if order is None else pairs.reads[order]
        factors = weights if order is None else weights[order]
        return torch.nn.functional.embedding_bag(
            reads, rows.contiguous(), begins, mode="sum", per_sample_weights=factors.contiguous()
        )

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        rows, weights = ctx.saved_tensors
        pairs = ctx.pairs
        by_rows = by_weights = None
        if ctx.needs_input_grad[0]:
            by_rows = _apply(gradient, weights, Pairs(pairs.writes, pairs.reads, len(gradient), len(rows)))
        if ctx.needs_input_grad[1]:
            by_weights = (gradient[pairs.writes] * rows[pairs.reads]).sum(1)
        return by_rows, by_weights, None


_apply: Any = _Sum.apply


def _bags(writes: torch.Tensor, count: int) -> tuple[Optional[torch.Tensor], torch.Tensor]:
    """Return the order of pairs in which those of each row follow each other, None if they already do, and where those
    of each row begin."""
    order = None
    if len(writes) > 1 and bool((writes[1:] < writes[:-1]).any()):
        writes, order = torch.sort(writes, stable=True)
    return order, torch.searchsorted(writes, torch.arange(count, device=writes.device))


def row_numbers(index: Any, name: str, count: int, device: Any) -> torch.Tensor:
    """Return row numbers below `count`, where negative ones stand for no row, as int64 on a device.

    Raises `InvalidArgumentError` for a number out of range.
    """
    if not isinstance(index, torch.Tensor):
        raise wrong_type(name, index, "a torch.Tensor")
    if index.is_floating_point() or index.is_complex():
        raise wrong_elements(name, index.dtype, "integers")
    rows = index.to(device).long()
    if rows.numel() and int(rows.max()) >= count:
        raise wrong_value(name, int(rows.max()), f"rows below {count}")
    return rows
