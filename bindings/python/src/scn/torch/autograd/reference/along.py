"""Functions along rulebooks made of torch's own operations: any real type, any device, derivatives of any order.

The library computes float32 on the CPU, see `scn.torch.functional`; these are for what it does not compute. Convolution
has its own, in `convolution.py`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd import Function

from ...._native.handles import RulebookHandle
from ..columns import RuleColumns, columns_of

__all__ = ["interpolation_weights", "pool", "rule_counts", "shape_context", "weighted_sum"]


def rule_counts(columns: RuleColumns, rows: int) -> torch.Tensor:
    """Return how many rules end at each output row, [rows] int64."""
    ones = torch.ones_like(columns.outputs)
    return columns.outputs.new_zeros(rows).index_add_(0, columns.outputs, ones)


def zero_rows(input: torch.Tensor, rows: int) -> torch.Tensor:
    """Return zeros [rows, planes] which are a function of the input, as a sum over no rules is."""
    return input[:0].sum(0).repeat(rows, 1)


def pool(input: torch.Tensor, rulebook: RulebookHandle, rows: int, pooling: str) -> torch.Tensor:
    """Return [rows, planes] of [input rows, planes]; pooling: as in `scn.functional.pool`."""
    columns = columns_of(rulebook, input.device)
    if pooling in ("max", "max_with_zero"):
        return _Maximum.apply(input, rulebook, rows, pooling == "max_with_zero")  # type: ignore[no-any-return]
    result = zero_rows(input, rows)
    for _, reads, writes in columns.parts():
        result = result.index_add_(0, writes, input.index_select(0, reads))
    if pooling == "volume_mean":
        return result / max(1, len(columns.offsets) - 1)
    if pooling == "mean":
        return result / rule_counts(columns, rows).clamp(min=1)[:, None].to(result.dtype)
    return result


def shape_context(input: torch.Tensor, rulebook: RulebookHandle, rows: int, volume: int) -> torch.Tensor:
    """Return the features under each filter offset side by side, [rows, volume * planes]."""
    parts = [zero_rows(input, rows)] * volume
    for k, reads, writes in columns_of(rulebook, input.device).parts():
        parts[k] = parts[k].index_copy(0, writes, input.index_select(0, reads))
    return torch.cat(parts, 1) if volume else input.new_zeros(rows, 0)


class _Maximum(Function):
    """All inputs that have the maximum get its gradient, which is differentiable itself."""

    @staticmethod
    def forward(ctx: Any, input: torch.Tensor, rulebook: RulebookHandle, rows: int, with_zero: bool) -> torch.Tensor:
        columns = columns_of(rulebook, input.device)
        result = input.new_full((rows, input.shape[1]), 0 if with_zero else -torch.inf)
        for _, reads, writes in columns.parts():
            result[writes] = torch.maximum(result[writes], input[reads])
        result = torch.where(rule_counts(columns, rows)[:, None] > 0, result, 0)
        ctx.save_for_backward(input, result)
        ctx.rulebook = rulebook
        return result

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        input, output = (saved.detach() for saved in ctx.saved_tensors)
        result = torch.zeros_like(input)
        for _, reads, writes in columns_of(ctx.rulebook, input.device).parts():
            chosen, largest = input[reads], output[writes]
            is_largest = (chosen == largest) | (chosen.isnan() & largest.isnan())
            result = result.index_add_(0, reads, gradient.index_select(0, writes) * is_largest)
        return result, None, None, None


def weighted_sum(input: torch.Tensor, weights: torch.Tensor, rulebook: RulebookHandle, rows: int) -> torch.Tensor:
    """Return for each output row the sum over its rules of the input row times the rule's weight."""
    columns = columns_of(rulebook, input.device)
    products = input.index_select(0, columns.inputs) * weights[:, None].to(input.dtype)
    result = zero_rows(input, rows)
    for begin, end in zip(columns.offsets, columns.offsets[1:]):
        result = result.index_add_(0, columns.outputs[begin:end], products[begin:end])
    return result


def interpolation_weights(points: torch.Tensor, rulebook: RulebookHandle, is_rescaled: bool) -> torch.Tensor:
    """Return what each rule of an interpolation's rulebook weighs, [rules]. points: [n, dimension]."""
    columns, dimension = columns_of(rulebook, points.device), points.shape[1]
    fractions = points - points.detach().floor()
    corner = torch.repeat_interleave(
        torch.arange(len(columns.offsets) - 1, device=points.device),
        torch.tensor(columns.offsets, device=points.device).diff(),
    )
    weights = points.new_ones(len(corner))
    for axis in range(dimension):
        is_upper = (corner >> (dimension - 1 - axis)) & 1 == 1
        near = fractions[:, axis].index_select(0, columns.outputs)
        weights = weights * torch.where(is_upper, near, 1 - near)
    if not is_rescaled:
        return weights
    total = points.new_zeros(len(points)).index_add_(0, columns.outputs, weights)
    share = total.index_select(0, columns.outputs)
    return torch.where(share > 0, weights / torch.where(share > 0, share, torch.ones_like(share)), weights)
