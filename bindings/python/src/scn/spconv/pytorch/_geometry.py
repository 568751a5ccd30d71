"""Where the rows of tensors are, and what filters make of them.

The engine's sites of a tensor's `indices` are found again as long as that tensor exists and does not change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple, Optional

import numpy as np
import torch

from ..._messages import wrong_type
from ...dialects.rows import Rows, Rules, coordinate_array
from ...errors import InvalidArgumentError
from ...values.sites import filter_offsets
from ._remembered import Remembered

__all__ = [
    "Filter",
    "get_conv_output_size",
    "get_deconv_output_size",
    "known_rows",
    "matching_rows",
    "remember",
    "rows_of",
]


def get_conv_output_size(
    input_size: Sequence[int],
    kernel_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> list[int]:
    """Return the spatial shape that a strided filter makes of another, rounded down."""
    return [
        (places + 2 * pad - step * (taps - 1) - 1) // apart + 1
        for places, taps, apart, pad, step in zip(input_size, kernel_size, stride, padding, dilation)
    ]


def get_deconv_output_size(
    input_size: Sequence[int],
    kernel_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    output_padding: Sequence[int],
) -> list[int]:
    """Return the spatial shape that a transposed filter makes of another; as in spconv, dilation makes none larger."""
    return [
        (places - 1) * apart - 2 * pad + taps + more
        for places, taps, apart, pad, more in zip(input_size, kernel_size, stride, padding, output_padding)
    ]


# The rows of tensors of indices, by the size of the field.
_known = Remembered()


def known_rows(indices: torch.Tensor, spatial_shape: Sequence[int], is_compared: bool = False) -> Optional[Rows]:
    """Return the rows of a tensor of indices if they are known and it has not changed since, otherwise None.

    is_compared: whether changes are looked for that torch did not make.
    """
    by_shape: Optional[dict[tuple[int, ...], Rows]] = _known.get(indices, is_compared)
    return None if by_shape is None else by_shape.get(tuple(spatial_shape))


def remember(indices: torch.Tensor, spatial_shape: Sequence[int], rows: Rows) -> None:
    """Note which rows a tensor of indices names in a field of some size."""
    by_shape = _known.get(indices)
    if by_shape is None:
        by_shape = {}
        _known.put(indices, by_shape)
    by_shape[tuple(spatial_shape)] = rows


def rows_of(indices: torch.Tensor, spatial_shape: Sequence[int]) -> Rows:
    """Return the rows that indices [rows, 1 + dimension] name, batch index first, in a field of some size."""
    if not isinstance(indices, torch.Tensor):
        raise wrong_type("indices", indices, "a torch.Tensor")
    rows = known_rows(indices, spatial_shape, is_compared=True)
    if rows is None:
        where = coordinate_array(indices, "indices", len(spatial_shape))
        # Of an axis without places spconv has one, see `Filter._reached`.
        rows = Rows.made(where, "indices", spatial_size=[max(1, places) for places in spatial_shape])
        remember(indices, spatial_shape, rows)
    return rows


def matching_rows(indices: torch.Tensor, spatial_shape: Sequence[int], known: torch.Tensor, rows: Rows) -> Rows:
    """Return the rows of indices: `rows` where the known indices, whose rows they are, are the same or equal."""
    found = known_rows(indices, spatial_shape)
    if found is not None:
        return found
    if known is not indices and known_rows(known, spatial_shape) is rows and torch.equal(indices, known):
        remember(indices, spatial_shape, rows)
        return rows
    return rows_of(indices, spatial_shape)


class Filter(NamedTuple):
    """The window of a layer; a number for each axis."""

    size: list[int]
    stride: list[int]
    padding: list[int]
    dilation: list[int]
    is_subm: bool = False
    """Whether outputs are where inputs are."""
    is_transposed: bool = False
    """Whether inputs are a stride apart, not outputs."""
    output_padding: Optional[list[int]] = None
    """What a transposed layer's field is larger by; None for nothing."""

    def output_shape(self, shape: Sequence[int]) -> list[int]:
        """Return the size of the output's field."""
        if self.is_subm:
            return list(shape)
        if self.is_transposed:
            more = self.output_padding or [0] * len(shape)
            return get_deconv_output_size(shape, self.size, self.stride, self.padding, self.dilation, more)
        return get_conv_output_size(shape, self.size, self.stride, self.padding, self.dilation)

    def rules(self, rows: Rows, shape: Sequence[int]) -> Rules:
        """Return the rules from rows in a field of some size to all outputs that have an input; those are sorted."""
        if self.is_subm:
            return self._submanifold(rows)
        output_shape = self.output_shape(shape)
        reached = output_shape if self.is_transposed else self._reached(shape)
        if min(reached) < 1:
            raise InvalidArgumentError(
                f"spatial_shape: is {list(shape)}, of which this layer makes {output_shape}, expected at least 1"
            )
        if self.is_transposed:
            return self._in_the_open(rows, reached, -1, {"input_stride": self.stride})
        if reached != output_shape:
            return self._in_the_open(rows, reached, 1, {"output_stride": self.stride})
        return self._strided(rows)

    def _reached(self, shape: Sequence[int]) -> list[int]:
        """Return the size of the field in which spconv looks for outputs: it rounds toward zero, so that an axis which
        is shorter than its window, and of which the output has none, still has a place."""
        return [
            math.trunc(Fraction(places + 2 * pad - step * (taps - 1) - 1, apart)) + 1
            for places, taps, apart, pad, step in zip(shape, self.size, self.stride, self.padding, self.dilation)
        ]

    def _submanifold(self, rows: Rows) -> Rules:
        if any(places % 2 == 0 for places in self.size):
            raise InvalidArgumentError(f"kernel_size: is {self.size}, expected odd numbers in a submanifold layer")
        return rows.submanifold(self.size, self.dilation)

    def _strided(self, rows: Rows) -> Rules:
        sites, rulebook = rows.sites.strided(
            self.size, self.stride, padding=self.padding, dilation=self.dilation, round_down=True
        )
        return Rules(rulebook, rows, Rows(sites))

    def _in_the_open(self, rows: Rows, output_shape: list[int], sign: int, strides: dict[str, Any]) -> Rules:
        """Return the rules to outputs in a field of spconv's own: they are found in the open, and those inside are
        taken into it. sign: of the filter's offsets."""
        sites = rows.sites
        taps = filter_offsets(rows.dimension, self.size, "corner", dilation=self.dilation, padding=self.padding)
        everywhere, _ = sites.taken(sites.coordinates).covering(sign * taps, **strides)
        where = everywhere.coordinates
        inside = ((where[:, :-1] >= 0) & (where[:, :-1] < np.array(output_shape))).all(1)
        output = sites.taken(where[inside], output_shape)
        return Rules(sites.related(output, sign * taps, **strides), rows, Rows(output))
