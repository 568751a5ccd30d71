"""The rules between a fine set of sites and a coarse one, which layers share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Optional

import torch

from ...dialects.rows import Rules
from ...values.sites import Rulebook
from .filters import Filter
from .forms import Form, Triple
from .placed import Placed, placed

__all__ = ["KernelMap", "multiplied", "related"]

# Of torchsparse 1.4 and 2.0, whose maps are lists.
_NUMBERED: dict[Any, str] = {0: "nbmaps", 1: "nbsizes", 2: "sizes"}
_ENTRIES = ("coords", "spatial_range", "sizes", "out_in_map", "out_in_map_t", "nbmaps", "nbsizes")
# Rows of tables of neighbors are a multiple of this, as programs that read them expect.
_DIVISOR = 128


class KernelMap(Mapping[str, Any]):
    """The rules of a filter between the sites of two tensors of coordinates.

    As a mapping it has what programs read: `coords`, the coarse coordinates; `spatial_range`; `sizes`, the numbers of
    fine and of coarse sites; `out_in_map` [coarse rows, rounded up to a multiple of 128, volume] int32, the fine row
    that each tap reads, or -1, and `out_in_map_t`, the same the other way; `nbmaps` [rules, 2], fine and coarse row,
    tap by tap; `nbsizes` [volume], the rules of each tap. As in lists of 1.4 and 2.0, 0, 1 and 2 stand for `nbmaps`,
    `nbsizes` and `sizes`.
    """

    def __init__(
        self,
        form: Form,
        filter: Filter,
        stride: Triple,
        fine: torch.Tensor,
        coarse: torch.Tensor,
        fine_range: Optional[tuple[int, ...]] = None,
        spatial_range: Optional[tuple[int, ...]] = None,
        rules: Optional[Rules] = None,
    ) -> None:
        """stride: that of the fine sites. fine, coarse: coordinates, [sites, 4]. fine_range, spatial_range: the sizes
        of their fields, the batch first, or None. rules: if they are known already."""
        self.form, self.filter, self.stride = form, filter, stride
        self.fine, self.coarse, self.fine_range, self.spatial_range = fine, coarse, fine_range, spatial_range
        self._rules = rules
        self._reversed: Optional[Rules] = None

    def is_of(self, filter: Filter, fine: torch.Tensor, fine_range: Optional[tuple[int, ...]]) -> bool:
        """Return whether this is the map that a filter makes of some coordinates in a field of a size; None: of that
        which the map was made for."""
        if filter != self.filter or fine is not self.fine or fine_range not in (None, self.fine_range):
            return False
        return self._rules is None or self._rules.input is placed(fine, self.form, self.stride).rows

    @property
    def rules(self) -> Rules:
        """The rules from the fine sites to the coarse ones."""
        fine = placed(self.fine, self.form, self.stride)
        coarse = placed(self.coarse, self.form, multiplied(self.stride, self.filter.stride))
        known = self._rules
        if known is None or known.input is not fine.rows or known.output is not coarse.rows:
            rulebook = related(self.form, self.filter, self.stride, fine, coarse)
            known = self._rules = Rules(rulebook, fine.rows, coarse.rows)
            self._reversed = None
        return known

    @property
    def reversed_rules(self) -> Rules:
        """The rules from the coarse sites to the fine ones."""
        rules = self.rules
        if self._reversed is None:
            self._reversed = rules.reversed()
        return self._reversed

    def __getitem__(self, name: Any) -> Any:
        name = _NUMBERED.get(name, name)
        if name == "coords":
            return self.coarse
        if name == "spatial_range":
            return self.spatial_range
        if name not in _ENTRIES:
            raise KeyError(name)
        rules = self.rules
        if name == "sizes":
            return len(rules.input), len(rules.output)
        columns = rules.columns()
        sizes = torch.tensor(columns.offsets).diff()
        if name == "nbsizes":
            return sizes
        if name == "nbmaps":
            return torch.stack([columns.inputs, columns.outputs], 1)
        tap = torch.repeat_interleave(torch.arange(len(sizes)), sizes)
        inputs, outputs, rows = columns.inputs, columns.outputs, len(rules.output)
        if name == "out_in_map_t":
            inputs, outputs, rows = outputs, inputs, len(rules.input)
        table = torch.full((-(-rows // _DIVISOR) * _DIVISOR, len(sizes)), -1, dtype=torch.int32)
        table[outputs, tap] = inputs.int()
        return table

    def __iter__(self) -> Iterator[str]:
        return iter(_ENTRIES)

    def __len__(self) -> int:
        return len(_ENTRIES)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the rules: the library's memory belongs to one process. They are found again by the coordinates."""
        return {**self.__dict__, "_rules": None, "_reversed": None}


def related(form: Form, filter: Filter, stride: Triple, fine: Placed, coarse: Placed) -> Rulebook:
    """Return the rules of a filter from fine sites, those of a tensor of a stride, to coarse ones."""
    sites, result = fine.rows.sites, coarse.rows.sites
    if form.is_divided:
        return sites.related(result, filter.offsets, output_stride=filter.stride)
    common = [math.gcd(*axis) for axis in zip(fine.unit, coarse.unit, stride)]
    return sites.related(
        result,
        filter.offsets * [s // c for s, c in zip(stride, common)],
        input_stride=[unit // c for unit, c in zip(fine.unit, common)],
        output_stride=[unit // c for unit, c in zip(coarse.unit, common)],
    )


def multiplied(a: Triple, b: Triple) -> Triple:
    """Return the products of two strides."""
    return a[0] * b[0], a[1] * b[1], a[2] * b[2]
