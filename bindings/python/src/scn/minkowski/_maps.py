"""Coordinate maps: the sites of a manager's tensors, as MinkowskiEngine and as the engine write them.

MinkowskiEngine writes [batch, first axis, ..., last axis]; the engine [last axis, ..., first axis, batch]. A map of
tensor stride 4 has coordinates that are multiples of 4; the engine has them divided by the map's unit.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Optional

import numpy as np
import torch

from .._messages import wrong_elements, wrong_shape
from .._native.arrays import IntArray, address
from .._native.library import library
from ..dialects.rows import Rows
from ..errors import CoordinateError
from ..torch.autograd.buffers import host_array
from ..values.sites import Sites
from ._errors import asserted

__all__ = [
    "GIVEN",
    "CoordinateMap",
    "Field",
    "Inserted",
    "Key",
    "engine_columns",
    "inserted",
    "program_columns",
    "whole",
]

Key = tuple[tuple[int, ...], str]
"""The tensor stride and the string that tells maps of one tensor stride apart."""

GIVEN = "given"
"""How the strings of maps begin that layers were called with, and of those made of them; no layer leads there else."""


def whole(coordinates: torch.Tensor) -> torch.Tensor:
    """Return coordinates [n, 1 + dimension] as int32, rounded down."""
    if coordinates.dtype is torch.int32:
        return coordinates
    if not coordinates.is_floating_point():
        return _fitting(coordinates)
    return _fitting(torch.floor(coordinates.detach()))


def _fitting(coordinates: torch.Tensor) -> torch.Tensor:
    """Return numbers as int32, or raise `CoordinateError` for one that does not fit."""
    if coordinates.numel() and coordinates.device.type != "meta":
        least, most = (float(bound) for bound in torch.aminmax(coordinates))
        if not (least >= -(2**31) and most < 2**31):
            raise CoordinateError(f"coordinates: reach {least:.9g} ... {most:.9g}, expected numbers of 32 bits")
    return coordinates.to(torch.int32)


def engine_columns(coordinates: torch.Tensor, dimension: Optional[int] = None, name: str = "coordinates") -> IntArray:
    """Return whole coordinates [n, 1 + dimension] of any device as the engine's columns, [n, dimension + 1] int64."""
    expected = "1 + dimension, for a dimension of 1 ... 10" if dimension is None else str(1 + dimension)
    if coordinates.ndim != 2 or not 2 <= coordinates.shape[1] <= 11:
        raise asserted(wrong_shape(name, coordinates.shape, f"[n, {expected}]"))
    if dimension is not None and coordinates.shape[1] != 1 + dimension:
        raise asserted(wrong_shape(name, coordinates.shape, f"[n, {expected}]"))
    if coordinates.is_floating_point() or coordinates.is_complex() or coordinates.dtype is torch.bool:
        raise wrong_elements(name, coordinates.dtype, "whole numbers")
    array = host_array(coordinates, name)
    return np.ascontiguousarray(array[:, ::-1], np.int64)


def program_columns(where: IntArray) -> torch.Tensor:
    """Return the engine's columns [n, dimension + 1] as coordinates [n, 1 + dimension] int32."""
    if where.size and not (where.min() >= -(2**31) and where.max() < 2**31):
        raise CoordinateError(f"coordinates: reach {np.abs(where).max()}, expected numbers of 32 bits")
    return torch.from_numpy(np.ascontiguousarray(where[:, ::-1], np.int32))


class CoordinateMap:
    """A set of sites, the order of its rows, and its tensor stride.

    rows: the sites, in the engine's columns and divided by the unit. unit and stride: a number for each of the engine's
    columns but the last.
    """

    def __init__(self, rows: Rows, unit: IntArray, stride: IntArray) -> None:
        self.rows, self.unit, self.stride = rows, unit, stride
        self._samples: Optional[tuple[IntArray, IntArray]] = None
        self._on_grid: Optional[bool] = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def sites(self) -> Sites:
        """The engine's sites."""
        return self.rows.sites

    def where(self) -> IntArray:
        """Return the coordinates in the engine's columns and order."""
        where = self.sites.coordinates
        where[:, :-1] *= self.unit
        return where

    def coordinates(self) -> torch.Tensor:
        """Return the coordinates as the program knows them, [n, 1 + dimension] int32, on the CPU."""
        shown = program_columns(self.where())
        order = self.rows.order
        return shown if order is None else shown.index_select(0, order)

    def find(self, where: IntArray) -> IntArray:
        """Return the program's row of each coordinate in the engine's columns, -1 where there is no site."""
        quotient, rest = np.divmod(where[:, :-1], self.unit)
        rows = self.rows.find(np.concatenate([quotient, where[:, -1:]], 1))
        return np.where((rest == 0).all(1), rows, -1)

    @property
    def samples(self) -> tuple[IntArray, IntArray]:
        """The batch indices that occur, ascending, and how many rows each has."""
        if self._samples is None:
            self._samples = np.unique(self.sites.coordinates[:, -1], return_counts=True)
        return self._samples

    @property
    def on_grid(self) -> bool:
        """Whether all coordinates are multiples of the tensor stride."""
        if self._on_grid is None:
            stride = np.maximum(self.stride, 1)
            self._on_grid = bool((self.unit % stride == 0).all() or (self.where()[:, :-1] % stride == 0).all())
        return self._on_grid


class Field:
    """Points of a tensor field: coordinates [n, 1 + dimension] float32, and which row of a map each lies in."""

    def __init__(self, coordinates: torch.Tensor, stride: tuple[int, ...]) -> None:
        self.coordinates, self.stride = coordinates, stride
        self.rows_of: dict[Key, tuple[torch.Tensor, torch.Tensor]] = {}
        """For each sparse map, the first point of each of its rows, and the row of each point, -1 for none."""
        self.own_keys: set[Key] = set()
        """The maps that were made of these points."""
        self._samples: Optional[torch.Tensor] = None

    def __len__(self) -> int:
        return len(self.coordinates)

    @property
    def sample_of_point(self) -> torch.Tensor:
        """The batch index of each point, [n] int64, on the CPU."""
        if self._samples is None:
            self._samples = self.coordinates[:, 0].detach().cpu().round().long()
        return self._samples

    def cells(self, stride: IntArray) -> IntArray:
        """Return the site that each point falls to, a multiple of a tensor stride, in the engine's columns."""
        points = self.coordinates.detach().cpu()
        steps = torch.from_numpy(np.maximum(stride, 1)[::-1].copy())
        floor = _fitting(torch.floor(points[:, 1:] / steps)).long() * steps
        return engine_columns(torch.cat([self.sample_of_point[:, None], floor], 1))


class Inserted(NamedTuple):
    """What `inserted` returns."""

    map: CoordinateMap
    kept: torch.Tensor
    """[rows of the map] int64, which of the given rows each is: the first of those that share its site."""
    row_of_given: torch.Tensor
    """[given rows] int64, the map's row of each."""


def inserted(where: IntArray, stride: IntArray, beside: Optional[Sites]) -> Inserted:
    """Return the map of coordinates in the engine's columns, rows in the order in which sites first come.

    beside: sites of the same manager; None for the first.
    """
    unit = stride if stride.min() > 0 and not (where[:, :-1] % stride).any() else np.ones_like(stride)
    places = where
    if (unit > 1).any():
        places = where.copy()
        places[:, :-1] //= unit
    sites = Sites(len(unit), places) if beside is None else beside.taken(places)
    order = order_of(sites, places, beside is None)
    count = len(places)
    if len(sites) == count:
        every = torch.arange(count)
        return Inserted(CoordinateMap(Rows(sites, order), unit, stride), every, every)
    sorted_row = np.arange(count) if order is None else order.numpy()
    first = np.empty(len(sites), np.int64)
    # Of several values for one place, the last stays.
    first[sorted_row[::-1]] = np.arange(count)[::-1]
    kept = np.sort(first)
    rank = np.empty(count, np.int64)
    rank[kept] = np.arange(len(kept))
    shown_order = sorted_row[kept]
    is_sorted = bool((np.diff(shown_order) > 0).all())
    rows = Rows(sites, None if is_sorted else torch.from_numpy(shown_order))
    row_of_given = rank[first][sorted_row]
    return Inserted(CoordinateMap(rows, unit, stride), torch.from_numpy(kept), torch.from_numpy(row_of_given))


def order_of(sites: Sites, where: IntArray, is_first: bool) -> Optional[torch.Tensor]:
    """Return the sorted row of each of some coordinates that sites were made of; None if these are the sorted rows.

    is_first: whether the sites are a manager's first, which know the rows that they were made of. Others may be the
    very same set, made of rows in another order.
    """
    if is_first:
        rows = np.empty(len(where), np.int64)
        library.scn_geometry_row_sites(sites.metadata._handle, address(rows), len(rows))
    elif np.array_equal(sites.coordinates, where):
        return None
    else:
        rows = sites.rows(where)
    is_sorted = len(rows) == len(sites) and bool((rows == np.arange(len(rows))).all())
    return None if is_sorted else torch.from_numpy(rows)


def turned(values: Any) -> IntArray:
    """Return numbers of the program's axes as those of the engine's columns."""
    return np.array(list(values)[::-1], np.int64)


def common(first: IntArray, second: IntArray) -> IntArray:
    """Return the greatest common divisor on each axis; that of 0 and a number is the number."""
    return np.array([math.gcd(int(a), int(b)) or 1 for a, b in zip(first, second)], np.int64)
