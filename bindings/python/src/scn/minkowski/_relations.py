"""Which rows of one coordinate map meet which rows of another, and the maps that layers make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np
import torch

from .._native.arrays import IntArray
from ..dialects.rows import Rows, Rules
from ..values.sites import Rulebook, Sites
from ._maps import CoordinateMap, common
from ._regions import Region, cells

__all__ = [
    "cell_rules",
    "covered",
    "expanded",
    "first_sites",
    "gathered",
    "is_cell",
    "merged",
    "origin",
    "point_sites",
    "pruned",
    "rules",
    "strided",
    "transposed",
]


def rules(source: CoordinateMap, target: CoordinateMap, region: Region) -> Rulebook:
    """Return the rules of a kernel: a target row reads the source rows at its place + tap * the source's stride."""
    step = np.maximum(source.stride, 1)
    if source is target and region.centered is not None:
        dilation, rest = np.divmod(region.steps * step, source.unit)
        if not rest.any():
            return source.sites.submanifold(list(region.centered), dilation=dilation.tolist())
    return _related(source, target, region.taps * step)


def transposed(source: CoordinateMap, target: CoordinateMap, region: Region) -> Rulebook:
    """Return the reversed rules: a target row at a source row's place + tap * the target's stride reads it."""
    return _related(source, target, -region.taps * np.maximum(target.stride, 1))


def cell_rules(source: CoordinateMap, target: CoordinateMap, size: Sequence[int]) -> Rulebook:
    """Return the rules of a pooling whose kernel is as large as its stride: each target row reads its cell."""
    if source.on_grid:
        return _related(source, target, cells(tuple(size)).taps * np.maximum(source.stride, 1))
    extent = tuple((np.maximum(source.stride, 1)[::-1] * np.array(size)).tolist())
    return _related(source, target, cells(extent).taps)


def _related(source: CoordinateMap, target: CoordinateMap, offsets: IntArray) -> Rulebook:
    arguments = _reduced(offsets, source.unit, target.unit)
    return source.sites.related(
        target.sites, arguments[0], input_stride=arguments[1].tolist(), output_stride=arguments[2].tolist()
    )


def _reduced(offsets: IntArray, first: IntArray, second: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Return offsets and units divided by what they have in common."""
    shared = common(common(first, second), np.gcd.reduce(offsets, 0))
    return np.ascontiguousarray(offsets // shared), first // shared, second // shared


def strided(source: CoordinateMap, factors: IntArray) -> CoordinateMap:
    """Return the map of the sites rounded down to multiples of the stride times factors."""
    stride = source.stride * factors
    step = np.maximum(stride, 1) // source.unit
    if (step == 1).all():
        return CoordinateMap(source.rows, source.unit, stride)
    return CoordinateMap(Rows(source.sites.floor(step.tolist())), source.unit * step, stride)


def is_cell(source: CoordinateMap, region: Region, factors: IntArray) -> bool:
    """Return whether a kernel's taps are the places that are rounded down to one, on a grid without gaps."""
    is_dense = bool((source.unit == source.stride).all() and (factors > 1).any())
    return is_dense and np.array_equal(region.taps, cells(tuple(factors[::-1].tolist())).taps)


def gathered(source: CoordinateMap, factors: IntArray) -> tuple[CoordinateMap, Rulebook]:
    """Return what `strided` does, and the rules of the kernel that `is_cell` accepts."""
    steps = factors.tolist()
    sites, rulebook = source.sites.strided(steps, steps, round_down=True)
    return CoordinateMap(Rows(sites), source.unit * factors, source.stride * factors), rulebook


def expanded(source: CoordinateMap, region: Region, factors: IntArray) -> CoordinateMap:
    """Return the map of all sites that lie a tap from a site, where they are multiples of the stride times factors."""
    stride, step = source.stride * factors, np.maximum(source.stride, 1)
    offsets, *units = _reduced(-region.taps * step, source.unit, np.maximum(stride, 1))
    sites, _ = source.sites.covering(offsets, input_stride=units[0].tolist(), output_stride=units[1].tolist())
    return CoordinateMap(Rows(sites), np.maximum(stride, 1), stride)


def covered(source: CoordinateMap, region: Region, stride: IntArray) -> tuple[CoordinateMap, Rulebook]:
    """Return the map of all sites that a transposed kernel reaches, and its rules."""
    step = np.maximum(stride, 1)
    unit = common(source.unit, step)
    offsets, *units = _reduced(-region.taps * step, source.unit, unit)
    sites, rulebook = source.sites.covering(offsets, input_stride=units[0].tolist(), output_stride=units[1].tolist())
    order = _order_by_origin(Rules(rulebook, source.rows, Rows(sites)))
    return CoordinateMap(Rows(sites, order), unit, stride), rulebook


def _order_by_origin(rules: Rules) -> torch.Tensor:
    """Return the engine's row of each row where those that one input row leads to come together, in the order of the
    taps, as programs count on that group the children of a site; a row that several lead to is the first one's."""
    columns = rules.columns()
    taps = torch.repeat_interleave(torch.arange(rules.volume), torch.tensor(columns.offsets).diff())
    places, rows = (columns.inputs * rules.volume + taps).numpy(), columns.outputs.numpy()
    if len(rules.output) == len(rules.input) * rules.volume:
        order = np.empty(len(rows), np.int64)
        order[places] = rows
        return torch.from_numpy(order)
    first = np.full(len(rules.output), len(rules.input) * rules.volume)
    np.minimum.at(first, rows, places)
    return torch.from_numpy(np.argsort(first))


def merged(maps: Sequence[CoordinateMap]) -> tuple[CoordinateMap, list[torch.Tensor]]:
    """Return the map of the sites of all, and the row there of each row of each."""
    unit, stride = maps[0].unit, maps[0].stride
    for other in maps[1:]:
        unit, stride = common(unit, other.unit), np.minimum(stride, other.stride)
    parts = [_in_unit(part, unit) for part in maps]
    together = parts[0]
    for part in parts[1:]:
        together = together.union(part)
    places = [_shown(part.rows_in(together), of) for part, of in zip(parts, maps)]
    return CoordinateMap(Rows(together), unit, stride), places


def _shown(sorted_values: IntArray, of: CoordinateMap) -> torch.Tensor:
    """Return a number for each row of the engine in the order of the program's rows."""
    values, order = torch.from_numpy(sorted_values), of.rows.order
    return values if order is None else values.index_select(0, order)


def _in_unit(source: CoordinateMap, unit: IntArray) -> Sites:
    """Return the sites counted in a smaller unit; their order stays."""
    factor = source.unit // unit
    if (factor == 1).all():
        return source.sites
    sites, _ = source.sites.covering(np.zeros((1, len(unit)), np.int64), input_stride=factor.tolist())
    return sites


def pruned(source: CoordinateMap, keep: torch.Tensor) -> tuple[CoordinateMap, torch.Tensor]:
    """Return the map of the rows that are kept, in their order, and which these are. keep: [n] bool on the CPU."""
    kept = keep.nonzero().reshape(-1)
    order = source.rows.order
    if order is None:
        sites, _ = source.sites.subset(keep.numpy())
        return CoordinateMap(Rows(sites), source.unit, source.stride), kept
    sorted_rows = order.index_select(0, kept)
    marks = torch.zeros(len(source), dtype=torch.bool)
    marks[sorted_rows] = True
    sites, _ = source.sites.subset(marks.numpy())
    place = marks.cumsum(0).index_select(0, sorted_rows) - 1
    return CoordinateMap(Rows(sites, place), source.unit, source.stride), kept


def origin(beside: Sites, samples: IntArray) -> CoordinateMap:
    """Return the map with one site at 0 for each sample, of tensor stride 0."""
    dimension = beside.dimension
    where = np.zeros((len(samples), dimension + 1), np.int64)
    where[:, -1] = samples
    rows = Rows(beside.taken(where))
    return CoordinateMap(rows, np.ones(dimension, np.int64), np.zeros(dimension, np.int64))


def first_sites(dimension: int, samples: IntArray) -> Sites:
    """Return sites for a manager that has fields alone, one at 0 for each sample."""
    where = np.zeros((len(samples), dimension + 1), np.int64)
    where[:, -1] = samples
    return Sites(dimension, where)


def point_sites(source: CoordinateMap) -> tuple[Sites, IntArray, Optional[torch.Tensor]]:
    """Return the sites that points between them see, what one step between these is, and which of the engine's rows
    they are; None for all.

    A site that is no multiple of the tensor stride is seen from nowhere.
    """
    step = np.maximum(source.stride, 1)
    if (source.unit == step).all():
        return source.sites, step, None
    where = source.where()
    seen = (where[:, :-1] % step == 0).all(1)
    where[:, :-1] //= step
    chosen = np.ascontiguousarray(where[seen])
    sites = source.sites.taken(chosen)
    rows = torch.from_numpy(np.flatnonzero(seen))
    return sites, step, None if bool(seen.all()) else rows
