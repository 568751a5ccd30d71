"""Where the sites of sparse tensors are, and in which order programs see them."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import numpy as np
import torch

from .. import metadata as numpy_level
from .._arrays import IntArray, address, int64s
from .._handles import GeometryHandle
from .._library import library

__all__ = ["Metadata"]


class RowOrder(NamedTuple):
    """Two ways to count the rows of a site set: as programs see them, and sorted, as the library does."""

    shown: torch.Tensor
    """The sorted row of each shown row."""
    sorted: torch.Tensor
    """The shown row of each sorted row."""


class Metadata(numpy_level.Metadata):
    """The sites of one input at every spatial size that a network brought them to, and the rules between them.

    As `scn.Metadata`. Sites of an input are shown in the order in which the input first names them; those that a stride
    made are sorted by sample, then by coordinates.
    """

    __slots__ = ("_length", "_mode", "_orders")

    def __init__(self, dimension: int, spatial_size: Any, coordinates: Any, batch_size: int = 0, mode: int = 0) -> None:
        super().__init__(dimension, spatial_size, coordinates, batch_size, mode)
        self._orders: dict[int, Optional[RowOrder]] = {}
        self._mode: Optional[int] = mode
        self._length: Optional[int] = None

    @classmethod
    def _of(cls, handle: GeometryHandle, mode: Optional[int] = None, length: Optional[int] = None) -> Metadata:
        """Return the metadata of a geometry.

        mode: of the input rows that it was made of, None where there are none. length: of samples with padding.
        """
        self = cls.__new__(cls)
        self._handle, self._orders, self._mode, self._length = handle, {}, mode, length
        return self

    def _row_sites(self) -> IntArray:
        """Return the sorted site of each row of the input, -1 at padding."""
        rows = np.empty(self._input_row_count(), np.int64)
        library.scn_geometry_row_sites(self._handle, address(rows), rows.size)
        return rows

    def _input_row_count(self) -> int:
        count = np.empty(1, np.int64)
        library.scn_geometry_input_row_count(self._handle, address(count))
        return int(count[0])

    def _order(self, sites: int) -> Optional[RowOrder]:
        """Return the order of a site set; None where what is shown is sorted."""
        if sites == 0 and 0 not in self._orders and self._mode is not None:
            self._orders[0] = _order_of(_first_appearances(self._row_sites(), self._site_count(0)))
        return self._orders.get(sites)

    def _subset(self, sites: int, keep: torch.Tensor) -> Metadata:
        """Return new metadata of those sites of a site set that stay, in their order. keep: bool, by sorted rows."""
        order = self._order(sites)
        where, chosen = self._shown_locations(sites), keep if order is None else keep[order.shown]
        result = Metadata(self.dimension, self._spatial_size(sites), where[chosen].numpy(), self.batch_size())
        result._order(0)
        # There are no rows of an input, for output layers.
        result._mode = None
        return result

    def _shown_locations(self, sites: int) -> torch.Tensor:
        order = self._order(sites)
        locations = torch.from_numpy(self._locations(sites))
        return locations if order is None else locations.index_select(0, order.shown)

    def get_spatial_locations(self, spatial_size: Any) -> torch.Tensor:  # type: ignore[override]
        """Return the sites of a spatial size, [sites, dimension + 1], batch index last, in the order of the rows.

        Raises `StateError` where there is no such spatial size or two ways led to it.
        """
        return self._shown_locations(self._find(spatial_size))

    def __reduce__(self) -> Any:
        size, samples, locations = self._spatial_size(0), self.batch_size(), self._locations(0)
        if self._mode is None:
            return Metadata, (self.dimension, size, self._shown_locations(0).numpy(), samples)
        rows = self._row_sites()
        where = locations[rows] if len(locations) else np.zeros((len(rows), self.dimension + 1), np.int64)
        if self._length is None:
            return Metadata, (self.dimension, size, where, samples, self._mode)
        where[rows < 0] = -1
        padded = np.ascontiguousarray(where[:, : self.dimension]).reshape(samples, self._length, self.dimension)
        return _of_batched, (self.dimension, size, padded, self._mode)


def _of_batched(dimension: int, spatial_size: Any, coordinates: IntArray, mode: int) -> Metadata:
    """Return the metadata of samples of one length; coordinates: [batch, length, dimension]."""
    create, (samples, length, _) = library.scn_geometry_create_batched, coordinates.shape
    size = int64s([int(number) for number in spatial_size])
    handle = GeometryHandle.make(create, dimension, size, address(coordinates), samples, length, mode)
    return Metadata._of(handle, mode, length)


def _first_appearances(row_sites: IntArray, count: int) -> torch.Tensor:
    """Return the sites of the rows, each once, in the order in which they first appear."""
    rows = row_sites[row_sites >= 0]
    if len(rows) > count:
        numbers = np.arange(len(rows) - 1, -1, -1)
        first = np.empty(count, np.int64)
        # Of several values for one element the last one stays: from the end, that of the first row.
        first[rows[::-1]] = numbers
        rows = rows[first[rows] == numbers[::-1]]
    return torch.from_numpy(rows)


def _order_of(shown: torch.Tensor) -> Optional[RowOrder]:
    sorted_rows = torch.arange(len(shown))
    if torch.equal(shown, sorted_rows):
        return None
    inverse = torch.empty_like(shown)
    inverse[shown] = sorted_rows
    return RowOrder(shown, inverse)
