"""Rules as tables of row numbers, in spconv's form, and convolution and pooling along such tables, by torch alone."""

from __future__ import annotations

from typing import Any, Optional

import torch
from torch.autograd import Function

from ..._messages import wrong_shape
from ...dialects.rows import Rules
from ._remembered import Remembered

__all__ = ["average", "convolve", "maximum", "pairs_of", "pairs_of_table", "rules_of_pairs", "table_of"]

rules_of_pairs = Remembered()
"""The rules that tables of pairs were made of."""

# The input rows and the output rows that meet, for each filter offset.
Meetings = list[tuple[torch.Tensor, torch.Tensor]]


def pairs_of(rules: Rules, is_subm: bool, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return which input row meets which output row, int32 [2, volume, input rows] with -1 behind the pairs of each
    filter offset, and how many pairs each has, int32 [volume].

    As in spconv, the counts of a submanifold filter end before its center: the other offsets mirror the first ones.
    """
    columns = rules.columns()
    counts = torch.tensor(columns.offsets).diff()
    pairs = torch.empty((2, rules.volume, len(rules.input)), dtype=torch.int32)
    for (inputs, outputs), count, begin in zip(pairs.unbind(1), counts.tolist(), columns.offsets):
        inputs[:count], outputs[:count] = columns.inputs[begin : begin + count], columns.outputs[begin : begin + count]
        inputs[count:] = outputs[count:] = -1
    if is_subm:
        counts[rules.volume // 2 :] = 0
    pairs = pairs.to(device)
    rules_of_pairs.put(pairs, rules)
    return pairs, counts.int().to(device)


def table_of(rules: Rules, device: torch.device) -> torch.Tensor:
    """Return the input row that each output row reads under each filter offset, int32 [volume, output rows], or -1."""
    columns = rules.columns()
    table = torch.full((rules.volume, len(rules.output)), -1, dtype=torch.int32)
    for offset, inputs, outputs in columns.parts():
        table[offset, outputs] = inputs.int()
    return table.to(device)


def pairs_of_table(table: torch.Tensor) -> torch.Tensor:
    """Return the pairs of a table [volume, output rows] of input rows, [2, volume, output rows], -1 where none is."""
    rows = torch.arange(table.shape[1], dtype=table.dtype, device=table.device).expand_as(table)
    return torch.stack([table, torch.where(table >= 0, rows, torch.full_like(rows, -1))])


def _meetings(pairs: torch.Tensor, inverse: bool) -> Meetings:
    if pairs.ndim != 3 or pairs.shape[0] != 2:
        raise wrong_shape("indice_pairs", pairs.shape, "[2, volume, rows]")
    reads, writes = (pairs[1], pairs[0]) if inverse else (pairs[0], pairs[1])
    found = []
    for some_reads, some_writes in zip(reads.long(), writes.long()):
        meet = some_reads >= 0
        found.append((some_reads[meet], some_writes[meet]))
    return found


def convolve(
    features: torch.Tensor,
    filters: torch.Tensor,
    pairs: torch.Tensor,
    rows: int,
    bias: Optional[torch.Tensor] = None,
    inverse: bool = False,
) -> torch.Tensor:
    """Return the convolution [rows, out] of features [input rows, in] along pairs [2, volume, any number].

    filters: [out, *size, in]. bias: [out] or None. inverse: whether the pairs are read from output to input.
    """
    by_offset = filters.flatten(1, -2).permute(1, 2, 0)
    meetings = _meetings(pairs, inverse)
    if len(meetings) != len(by_offset) or features.ndim != 2 or features.shape[1] != filters.shape[-1]:
        raise wrong_shape("filters", filters.shape, f"[out, volume {len(meetings)}, {features.shape[-1]}]")
    result = features.new_zeros(rows, filters.shape[0])
    for weight, (reads, writes) in zip(by_offset, meetings):
        if len(reads):
            products = features.index_select(0, reads) @ weight
            result = result.to(products.dtype).index_add(0, writes, products)
    return result if bias is None else result + bias


def average(features: torch.Tensor, pairs: torch.Tensor, rows: int) -> torch.Tensor:
    """Return the mean [rows, planes] of the features that meet each output row along pairs."""
    sums, counts = features.new_zeros(rows, features.shape[1]), features.new_zeros(rows, 1)
    for reads, writes in _meetings(pairs, False):
        sums = sums.index_add(0, writes, features.index_select(0, reads))
        counts = counts.index_add(0, writes, counts.new_ones(len(writes), 1))
    return sums / counts.clamp(min=1)


def maximum(features: torch.Tensor, pairs: torch.Tensor, rows: int) -> torch.Tensor:
    """Return the maximum [rows, planes], at least 0, of the features that meet each output row along pairs."""
    apply: Any = _Maximum.apply
    return apply(features, pairs, rows)  # type: ignore[no-any-return]


class _Maximum(Function):
    """All inputs that have the maximum get its gradient."""

    @staticmethod
    def forward(ctx: Any, features: torch.Tensor, pairs: torch.Tensor, rows: int) -> torch.Tensor:
        result = features.new_zeros(rows, features.shape[1])
        for reads, writes in _meetings(pairs, False):
            result[writes] = torch.maximum(result[writes], features[reads])
        ctx.save_for_backward(features, result, pairs)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        features, largest, pairs = ctx.saved_tensors
        result = torch.zeros_like(features)
        for reads, writes in _meetings(pairs, False):
            has_it = features.detach()[reads] == largest.detach()[writes]
            result = result.index_add(0, reads, gradient.index_select(0, writes) * has_it)
        return result, None, None
