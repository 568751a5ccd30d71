"""What a coordinate manager keeps: maps and fields by key, and the rules between them, each made once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import torch

from .._messages import wrong_value
from .._native.arrays import IntArray
from ..errors import InvalidArgumentError, StateError
from ..values.sites import Rulebook, Sites
from . import _relations
from ._keys import CoordinateMapKey, known_key
from ._maps import GIVEN, CoordinateMap, Field, Inserted, Key, engine_columns, inserted, turned
from ._points import Interpolation, interpolation
from ._regions import Region
from .MinkowskiCommon import convert_to_int_list

__all__ = ["Maps"]


class Maps:
    """Coordinate maps and fields of one dimension, by key."""

    D: int

    def _begin(self) -> None:
        self._maps: dict[Key, CoordinateMap] = {}
        self._fields: dict[Key, Field] = {}
        self._device = torch.device("cpu")
        self._rulebooks: dict[tuple[Any, ...], Rulebook] = {}
        self._sample_rows: dict[tuple[Key, Key, bool], torch.Tensor] = {}
        self._interpolations: dict[tuple[Key, Key], Interpolation] = {}
        self._names = 0

    # What is there

    def _of(self, key: Key) -> CoordinateMap:
        """Return the map of a key; `InvalidArgumentError` if there is none."""
        known = self._maps.get(key)
        if known is None:
            raise InvalidArgumentError(
                f"key: is {CoordinateMapKey._of(key)}, expected that of a map of this coordinate manager"
            )
        return known

    def _map(self, key: CoordinateMapKey) -> CoordinateMap:
        return self._of(known_key(key, "coordinate_map_key"))

    def _field(self, key: CoordinateMapKey) -> Field:
        known = self._fields.get(known_key(key, "coordinate_field_map_key"))
        if known is None:
            raise InvalidArgumentError(f"key: is {key}, expected that of a field of this coordinate manager")
        return known

    def _sites(self) -> Optional[Sites]:
        """Return sites to which others are to be related; None before there are any."""
        return next(iter(self._maps.values())).sites if self._maps else None

    # New maps

    def _insert(self, coordinates: torch.Tensor, tensor_stride: Any, string_id: str) -> tuple[Key, Inserted]:
        where = engine_columns(coordinates, self.D)
        stride = convert_to_int_list(tensor_stride, self.D)
        made = inserted(where, turned(stride), self._sites())
        self._note_device(coordinates)
        return self._add((tuple(stride), string_id), made.map), made

    def _note_device(self, coordinates: torch.Tensor) -> None:
        if not self._maps and not self._fields:
            self._device = coordinates.device

    def _add(self, key: Key, made: CoordinateMap) -> Key:
        """Keep a map under a key, or under one of the same tensor stride if that is taken; return which."""
        stride, stem = key
        while key in self._maps:
            key = (stride, self._name(stem))
        self._maps[key] = made
        return key

    def _name(self, stem: str) -> str:
        self._names += 1
        return f"{stem}-{self._names}"

    def _strided(
        self, source: Key, factors: tuple[int, ...], string_id: str = "", kernel: Optional[Region] = None
    ) -> Key:
        """Return the key of the map rounded down, which is made unless there is one of that name.

        kernel: that which is to lead there, whose rules are found in the same pass if it is a cell of the map.
        """
        known = self._of(source)
        if min(factors) < 1:
            raise wrong_value("stride", list(factors), "positive integers")
        key = (tuple(a * b for a, b in zip(source[0], factors)), string_id or source[1])
        if key not in self._maps:
            if kernel is not None and _relations.is_cell(known, kernel, turned(factors)):
                self._maps[key], self._rulebooks[source, key, kernel.key, False] = _relations.gathered(
                    known, turned(factors)
                )
            else:
                self._maps[key] = _relations.strided(known, turned(factors))
        return key

    def _expanded(self, source: Key, kernel: Region, factors: tuple[int, ...]) -> Key:
        """Return the key of the map of all sites that lie a tap from one of the source's."""
        made = _relations.expanded(self._of(source), kernel, turned(factors))
        return self._add((tuple(made.stride[::-1].tolist()), ""), made)

    def _raised(self, source: Key, kernel: Region, factors: tuple[int, ...], generates: bool) -> Key:
        """Return the key of where a transposed kernel leads: an existing map, or all sites that it reaches."""
        known = self._of(source)
        if min(factors) < 1 or any(step % factor for step, factor in zip(source[0], factors)):
            raise wrong_value("stride", list(factors), f"divisors of the tensor stride {list(source[0])}")
        finer = tuple(step // factor for step, factor in zip(source[0], factors))
        key = (finer, source[1] if source[1].startswith(GIVEN) and (finer, source[1]) in self._maps else "")
        if key in self._maps and not generates:
            return key
        made, rulebook = _relations.covered(known, kernel, turned(key[0]))
        key = self._add(key, made)
        self._rulebooks[source, key, kernel.key, True] = rulebook
        return key

    def _pruned(self, source: Key, keep: torch.Tensor) -> tuple[Key, torch.Tensor]:
        """Return the key of the map of the rows to keep, and which these are."""
        made, kept = _relations.pruned(self._of(source), keep)
        return self._add((source[0], "pruned"), made), kept

    def _union(self, sources: Sequence[Key]) -> tuple[Key, list[torch.Tensor]]:
        """Return the key of the map of all sites, and the row there of each row of each source."""
        made, places = _relations.merged([self._of(key) for key in sources])
        return self._add((tuple(made.stride[::-1].tolist()), self._name("merge")), made), places

    # Samples

    def _origin(self, needed: Optional[IntArray] = None) -> Key:
        """Return the key of a map with one site for each sample that the manager has, among which are some needed."""
        key = ((0,) * self.D, "")
        known = self._maps.get(key)
        if known is not None and (needed is None or bool(np.isin(needed, known.samples[0]).all())):
            return key
        if not self._maps and not self._fields:
            raise StateError("coordinate manager: has no coordinate map, expected one")
        found = [part.samples[0] for part in self._maps.values()]
        found += [np.unique(field.sample_of_point.numpy()) for field in self._fields.values()]
        samples = np.unique(np.concatenate(found))
        return self._add(key, _relations.origin(self._sites() or _relations.first_sites(self.D, samples), samples))

    def _samples_in(self, target: Key, samples: IntArray) -> torch.Tensor:
        """Return the row that some samples have in an origin map, [samples] int64."""
        known = self._of(target)
        where = np.zeros((len(samples), self.D + 1), np.int64)
        where[:, -1] = samples
        rows = known.find(where)
        if len(rows) and rows.min() < 0:
            lacking = int(samples[int(np.argmin(rows))])
            raise InvalidArgumentError(f"coordinates: have no row at the origin for sample {lacking}, expected one")
        return torch.from_numpy(rows)

    def _sample_of_row(self, source: Key, target: Key, is_shown: bool) -> torch.Tensor:
        """Return the row in an origin map of each row of a map, in the program's order or in the engine's."""
        key = (source, target, is_shown)
        if key not in self._sample_rows:
            known = self._of(source)
            samples, counts = known.samples
            rows = self._samples_in(target, samples).repeat_interleave(torch.from_numpy(counts))
            order = known.rows.order
            self._sample_rows[key] = rows if order is None or not is_shown else rows.index_select(0, order)
        return self._sample_rows[key]

    # Fields

    def _rows_of_points(self, field: Field, key: Key) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the first point of each row of a map, and the row of each point, -1 where there is none."""
        if key not in field.rows_of:
            target = self._of(key)
            rows = target.find(field.cells(target.stride))
            first = np.full(len(target), -1, np.int64)
            inside = np.flatnonzero(rows >= 0)[::-1]
            first[rows[inside]] = inside
            field.rows_of[key] = (torch.from_numpy(first), torch.from_numpy(rows))
        return field.rows_of[key]

    def _sites_of_points(self, field: Field, stride: tuple[int, ...], string_id: str = "") -> Key:
        """Return the key of the map of the sites that points fall to; there is one for each tensor stride."""
        for key in field.own_keys:
            if key[0] == stride and not string_id:
                return key
        columns = turned(stride)
        if min(stride) < 1:
            raise wrong_value("tensor_stride", list(stride), "positive integers")
        made = inserted(field.cells(columns), columns, self._sites())
        key = self._add((stride, string_id), made.map)
        field.rows_of[key] = (made.kept, made.row_of_given)
        field.own_keys.add(key)
        return key

    def _between(self, field: Key, source: Key) -> Interpolation:
        """Return what a field's points read of a map; it is made once."""
        if (field, source) not in self._interpolations:
            points = self._fields[field].coordinates
            self._interpolations[field, source] = interpolation(self._of(source), points)
        return self._interpolations[field, source]

    # Rules

    def _rules(self, source: Key, target: Key, kernel: Region, is_transpose: bool = False) -> Rulebook:
        """Return the rules of a kernel from map to map, or of the reversed one; those that are known are reversed."""
        key = (source, target, kernel.key, is_transpose)
        known = self._rulebooks.get(key)
        if known is None:
            other = self._rulebooks.get((target, source, kernel.key, not is_transpose))
            known = other.reversed() if other is not None else self._related(source, target, kernel, is_transpose)
            self._rulebooks[key] = known
        return known

    def _related(self, source: Key, target: Key, kernel: Region, is_transpose: bool) -> Rulebook:
        first, second = self._of(source), self._of(target)
        if kernel.key[0] != "cells":
            return (_relations.transposed if is_transpose else _relations.rules)(first, second, kernel)
        if is_transpose:
            return _relations.cell_rules(second, first, kernel.size).reversed()
        return _relations.cell_rules(first, second, kernel.size)

    # Copies: rules are made again

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if name not in _MADE_AGAIN}
        state["maps"] = [(key, known.coordinates()) for key, known in self._maps.items()]
        state["fields"] = [(key, field.coordinates, field.own_keys) for key, field in self._fields.items()]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        maps, fields = state.pop("maps"), state.pop("fields")
        self._begin()
        self.__dict__.update(state)
        for key, coordinates in maps:
            self._maps[key] = inserted(engine_columns(coordinates, self.D), turned(key[0]), self._sites()).map
        for key, coordinates, own in fields:
            self._fields[key] = Field(coordinates, key[0])
            self._fields[key].own_keys.update(own)


_MADE_AGAIN = {"_maps", "_fields", "_rulebooks", "_sample_rows", "_interpolations"}
