"""Where the sites of sparse tensors are, and in which order programs see them."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import numpy as np
import torch

from .._messages import text_of, wrong_shape, wrong_type
from .._native.arrays import IntArray, address, dimension_of, int64s, sizes
from .._native.generated import SCN_INPUT_UNIQUE
from .._native.handles import GeometryHandle
from .._native.library import library
from ..errors import InvalidArgumentError, ShapeError, StateError
from ..nn.input_batch import active_cells, precompute_rules
from ..values import metadata as numpy_level
from ._metadata_filling import Filling, begun, dense_rows, size_list
from .autograd.buffers import as_tensor, on_cpu

__all__ = ["Metadata"]


class RowOrder(NamedTuple):
    """Two ways to number the rows of a site set: as programs see them, and sorted, as the library does."""

    shown: torch.Tensor
    """The sorted row of each shown row."""
    sorted: torch.Tensor
    """The shown row of each sorted row."""


class Metadata(numpy_level.Metadata):
    """The sites of one input at every spatial size that a network brought them to, and the rules between them.

    Like `scn.Metadata`. Sites of an input are shown in the order in which the input first names them; those that a
    stride made are sorted by sample, then by coordinates.

    `Metadata(dimension)` is empty, to be filled by SparseConvNet's methods, `setInputSpatialSize`, `batchAddSample`,
    `setInputSpatialLocations` and others. Filling metadata that has been used rebuilds its sites: what was computed on
    the old ones must be computed again.
    """

    __slots__ = ("_dimension", "_filling", "_length", "_made", "_mode", "_orders", "_reached")
    _dimension: int
    _made: Optional[GeometryHandle]
    _orders: dict[int, Optional[RowOrder]]
    _mode: Optional[int]
    _length: Optional[int]
    _filling: Optional[Filling]
    # The site sets of the geometry that are known here, the first one first; None for all.
    _reached: Optional[list[int]]

    def __init__(
        self,
        dimension: int,
        spatial_size: Any = None,
        coordinates: Any = None,
        batch_size: int = 0,
        mode: int = 0,
        lower: Any = None,
        keep_outside: bool = False,
    ) -> None:
        self._dimension = dimension_of(dimension)
        self.clear()
        if coordinates is not None:
            super().__init__(self._dimension, spatial_size, coordinates, batch_size, mode, lower, keep_outside)
            self._mode = mode
        elif lower is not None:
            raise InvalidArgumentError(f"lower: is {text_of(lower)}, expected None where there are no coordinates")
        elif spatial_size is not None:
            self.setInputSpatialSize(spatial_size)

    @classmethod
    def _of(cls, handle: GeometryHandle, mode: Optional[int] = None, length: Optional[int] = None) -> Metadata:
        """Return the metadata of a geometry.

        mode: that of the input rows that it was made from, None if there are none. length: that of samples with
        padding.
        """
        self = cls.__new__(cls)
        self._made, self._orders, self._mode, self._length = handle, {}, mode, length
        self._filling = self._reached = None
        self._dimension = numpy_level.Metadata.dimension.fget(self)  # type: ignore[attr-defined]
        return self

    @property
    def _handle(self) -> GeometryHandle:
        """The library's geometry; for sites that a program names, it is made on first use."""
        if self._made is None:
            filling = begun(self._filling)
            made = numpy_level.Metadata(self._dimension, filling.spatial_size, filling.locations(), filling.samples)
            self._made, self._mode = made._handle, SCN_INPUT_UNIQUE
            self._order(0)
            # There are no input rows for output layers.
            self._mode = None
        return self._made

    @_handle.setter
    def _handle(self, handle: GeometryHandle) -> None:
        self._made = handle

    @property
    def dimension(self) -> int:
        """The number of coordinates of a site, the batch index not counted."""
        return self._dimension

    def _is_empty(self) -> bool:
        """Return whether there is no spatial size yet."""
        return self._made is None and self._filling is None

    def _become(self, other: Metadata) -> None:
        """Take over the sites of other metadata."""
        if other.dimension != self._dimension:
            raise ShapeError(f"metadata: has dimension {self._dimension}, expected {other.dimension} as the sites have")
        for name in Metadata.__slots__:
            setattr(self, name, getattr(other, name))
        self._filling = None if other._filling is None else other._filling.copy()
        self._reached = None if other._reached is None else list(other._reached)

    def _filled(self) -> Filling:
        """Return what a program fills, even if layers made the sites so far; `_refill` follows when it has changed."""
        if self._filling is not None or self._made is None:
            return begun(self._filling)
        filling = Filling(self._spatial_size(self._first()).tolist())
        filling.name(self._shown_locations(self._first()).numpy())
        filling.samples = self.batch_size()
        return filling

    def _refill(self, filling: Filling) -> None:
        """Take over the sites of a filling; they are rebuilt when they are used."""
        self.clear()
        self._filling = filling

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
        """Return the order of a site set; None if what is shown is sorted."""
        if sites == 0 and 0 not in self._orders and self._mode is not None:
            self._orders[0] = _order_of(_first_appearances(self._row_sites(), self._site_count(0)))
        return self._orders.get(sites)

    def _subset(self, sites: int, keep: torch.Tensor) -> Metadata:
        """Return new metadata of those sites of a site set that stay, in their order. keep: bool, by sorted rows."""
        order = self._order(sites)
        where, chosen = self._shown_locations(sites), keep if order is None else keep[order.shown]
        size, lower = self._bounds(sites)
        result = Metadata(self.dimension, size, where[chosen].numpy(), self.batch_size(), lower=lower)
        result._order(0)
        # There are no input rows for output layers.
        result._mode = None
        return result

    def _alone(self, sites: int) -> Metadata:
        """Return metadata of the same geometry that knows only one site set, and later what layers derive from it. Its
        rows are shown sorted, and there are no input rows for output layers.
        """
        result = Metadata._of(self._handle)
        result._reached = [sites]
        return result

    def _first(self) -> int:
        return 0 if self._reached is None else self._reached[0]

    def _reach(self, sites: int) -> None:
        """Note a site set that a layer has reached."""
        if self._reached is not None and sites not in self._reached:
            self._reached.append(sites)

    def _find(self, spatial_size: Any) -> int:
        if self._reached is None:
            return super()._find(spatial_size)
        size = sizes(spatial_size, self._dimension, "spatial_size")
        found = [sites for sites in self._reached if self._spatial_size(sites).tolist() == size]
        if len(found) != 1:
            what = f"{len(found)} site sets have" if found else "no site set has"
            raise StateError(f"spatial_size: {what} size {size}, expected one")
        return found[0]

    def _knows(self, spatial_size: list[int]) -> bool:
        """Return whether exactly one site set has a spatial size."""
        try:
            self._find(spatial_size)
        except StateError:
            return False
        return True

    def _shown_locations(self, sites: int) -> torch.Tensor:
        order = self._order(sites)
        locations = torch.from_numpy(self._locations(sites))
        return locations if order is None else locations.index_select(0, order.shown)

    def get_spatial_locations(self, spatial_size: Any) -> torch.Tensor:  # type: ignore[override]
        """Return the sites of a spatial size, [sites, dimension + 1], batch index last, in the order of the rows.

        Raises `StateError` if there is no such spatial size or if two paths led to it.
        """
        return self._shown_locations(self._find(spatial_size))

    def clear(self) -> None:
        """Forget all sites."""
        self._made, self._orders = None, {}
        self._mode = self._length = self._filling = self._reached = None

    def setInputSpatialSize(self, spatialSize: Any) -> None:
        """Set the size of the grid, [dimension]. Sites of another size are forgotten."""
        size = size_list(spatialSize, self._dimension)
        # Making a geometry without sites checks the size.
        numpy_level.Metadata(self._dimension, size, np.empty((0, self._dimension), np.int64))
        if self._is_empty() or self._filled().spatial_size != size:
            self._refill(Filling(size))

    def batchAddSample(self) -> None:
        """Begin the next sample. Raises `StateError` if there is no spatial size yet."""
        filling = self._filled()
        filling.add_sample()
        self._refill(filling)

    def setInputSpatialLocation(self, features: torch.Tensor, location: Any, vec: Any, overwrite: bool) -> None:
        """Give one site its vector: location [dimension] or [dimension + 1], vec [planes]; see
        `setInputSpatialLocations`."""
        where, values = torch.as_tensor(location), as_tensor(vec, "vec")
        if where.ndim != 1:
            raise wrong_shape("location", where.shape, f"[{self._dimension}] or [{self._dimension + 1}]")
        if values.ndim != 1:
            raise wrong_shape("vec", values.shape, "[planes]")
        self.setInputSpatialLocations(features, where[None], values[None], overwrite)

    def setInputSpatialLocations(self, features: torch.Tensor, locations: Any, vecs: Any, overwrite: bool) -> None:
        """Give sites their vectors, one after the other; a site that has one keeps it unless `overwrite`.

        features: float32 [sites so far, planes], or without elements if there are none: grows in place. locations: [n,
        dimension], in the current sample, or [n, dimension + 1], the sample last. vecs: [n, planes]. Raises
        `CoordinateError` for a location out of range, `StateError` if there is no spatial size or no sample yet.
        """
        filling = self._filled()
        filling.set(features, on_host(locations), on_host(vecs), bool(overwrite))
        self._refill(filling)

    def addSampleFromThresholdedTensor(
        self, features: torch.Tensor, tensor: Any, offset: Any, spatialSize: Any, threshold: float
    ) -> None:
        """Begin the next sample with the cells of a tensor [...size, planes] in which some |value| is above
        `threshold`.

        features: as in `setInputSpatialLocations`. offset: where the tensor's first cell lies. Cells outside the
        spatial size are left out.
        """
        filling = self._filled()
        size = size_list(spatialSize, self._dimension)
        if size != filling.spatial_size:
            raise ShapeError(f"spatialSize: is {size}, expected {filling.spatial_size} as the input has")
        where, values = active_cells(on_host(tensor), on_host(offset).tolist(), size, threshold)
        filling.set(
            features, np.insert(where, self._dimension, filling.samples, axis=1), values, False, new_sample=True
        )
        self._refill(filling)

    def createMetadataForDenseToSparse(self, spatialSize: Any, nz_: Any, batchSize: int) -> None:
        """Take the sites that `nonzero` of a tensor [batch, ...spatial size] names, [sites, 1 + dimension]."""
        where, samples = dense_rows(on_host(nz_), self._dimension, batchSize)
        self._become(Metadata(self._dimension, size_list(spatialSize, self._dimension), where, samples))
        self._order(0)
        self._mode = None

    def sparsifyMetadata(self, mOut: Metadata, spatialSize: Any, filter: Any, cuSum: Any = None) -> None:
        """Give mOut those sites that stay. filter: [sites], nonzero where one does, in the order of the rows. cuSum,
        its running sum, exists for SparseConvNet programs.
        """
        sites = self._find(size_list(spatialSize, self._dimension))
        _checked(mOut, "mOut")
        keep, order = torch.as_tensor(filter) != 0, self._order(sites)
        if keep.shape != (self._site_count(sites),):
            raise wrong_shape("filter", keep.shape, [self._site_count(sites)])
        mOut._become(self._subset(sites, keep if order is None else keep[order.sorted]))

    def appendMetadata(self, mAdd: Metadata, spatialSize: Any) -> None:
        """Append the samples and sites that other metadata has at a spatial size; this metadata may be empty."""
        size = size_list(spatialSize, self._dimension)
        added, samples = _checked(mAdd, "mAdd").getSpatialLocations(size), mAdd.batch_size()
        if self._is_empty():
            self.setInputSpatialSize(size)
        where, before = self.getSpatialLocations(size), self.batch_size()
        added[:, -1] += before
        self._become(Metadata(self._dimension, size, torch.cat([where, added]).numpy(), before + samples))
        self._order(0)
        self._mode = None

    def getSpatialLocations(self, spatialSize: Any) -> torch.Tensor:
        """Return what `get_spatial_locations` does."""
        return self.get_spatial_locations(size_list(spatialSize, self._dimension))

    def getBatchSize(self, spatialSize: Any) -> int:
        """Return the number of samples. Raises `StateError` if there is no such spatial size."""
        self._find(size_list(spatialSize, self._dimension))
        return self.batch_size()

    def _matches(self, other: Metadata, spatialSize: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Return, for each row of a spatial size here and in other metadata, the row of the same site there, -1 for
        none."""
        ours, theirs = self.getSpatialLocations(spatialSize), _checked(other, "mR").getSpatialLocations(spatialSize)
        both = torch.cat([ours, theirs]).numpy()
        samples = max(self.batch_size(), other.batch_size())
        union = Metadata(self._dimension, size_list(spatialSize, self._dimension), both, samples, 3)
        site_of = torch.from_numpy(union._row_sites())
        first, second = site_of[: len(ours)], site_of[len(ours) :]
        return _looked_up(first, second, union._site_count(0)), _looked_up(second, first, union._site_count(0))

    def sparsifyCompare(self, mReference: Metadata, spatialSize: Any) -> list[torch.Tensor]:
        """Return which rows here the reference has, uint8 [sites], and the row here of each of its rows, int64, -1 for
        none."""
        ours, theirs = self._matches(mReference, spatialSize)
        return [(ours >= 0).byte(), theirs]

    def compareSparseHelper(self, mR: Metadata, spatialSize: Any) -> list[torch.Tensor]:
        """Return the rows of common sites here and in mR, side by side, then those of sites only here and only
        there."""
        ours, theirs = self._matches(mR, spatialSize)
        common = (ours >= 0).nonzero().view(-1)
        return [common, ours[common], (ours < 0).nonzero().view(-1), (theirs < 0).nonzero().view(-1)]

    def copyFeaturesHelper(self, mR: Metadata, spatialSize: Any) -> torch.Tensor:
        """Return the rows of common sites, int32 [2 * common sites]: that here, that in mR, and so on."""
        common, theirs, _, _ = self.compareSparseHelper(mR, spatialSize)
        return torch.stack([common, theirs], 1).view(-1).int()

    def generateRuleBooks2s2(self) -> None:
        """Build the rules of submanifold convolutions of size 3 and of layers of size 2 and stride 2 in advance."""
        precompute_rules(self, self._first(), 2)

    def generateRuleBooks3s2(self) -> None:
        """Build the rules of submanifold convolutions of size 3 and of layers of size 3 and stride 2 in advance."""
        precompute_rules(self, self._first(), 3)

    def __repr__(self) -> str:
        return f"Metadata({self._dimension})" if self._is_empty() else super().__repr__()

    def __deepcopy__(self, memo: Any) -> Metadata:
        if self._filling is None and self._made is not None:
            return self
        result = Metadata(self._dimension)
        result._become(self)
        return result

    def __reduce__(self) -> Any:
        if self._is_empty():
            return Metadata, (self._dimension,)
        (size, lower), samples = self._bounds(self._first()), self.batch_size()
        if self._mode is None:
            where = self._shown_locations(self._first()).numpy()
            return Metadata, (self.dimension, size, where, samples, 0, lower, True)
        rows, locations = self._row_sites(), self._locations(0)
        where = locations[rows] if len(locations) else np.zeros((len(rows), self.dimension + 1), np.int64)
        if self._length is None:
            return Metadata, (self.dimension, size, where, samples, self._mode, lower, True)
        where[rows < 0] = -1
        padded = np.ascontiguousarray(where[:, : self.dimension]).reshape(samples, self._length, self.dimension)
        return _of_batched, (self.dimension, size, padded, self._mode)


def _of_batched(dimension: int, spatial_size: Any, coordinates: IntArray, mode: int) -> Metadata:
    """Return the metadata of samples of one length; coordinates: [batch, length, dimension]."""
    create, (samples, length, _) = library.scn_geometry_create_batched, coordinates.shape
    size = int64s([int(number) for number in spatial_size])
    handle = GeometryHandle.make(create, dimension, size, address(coordinates), samples, length, mode)
    return Metadata._of(handle, mode, length)


def on_host(values: Any) -> Any:
    """Return numbers in a form that numpy can read."""
    return on_cpu(values, "a tensor").detach().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)


def _checked(value: Any, name: str) -> Metadata:
    if not isinstance(value, Metadata):
        raise wrong_type(name, value, "a Metadata")
    return value


def _looked_up(rows: torch.Tensor, others: torch.Tensor, sites: int) -> torch.Tensor:
    """Return for the site of each row the row of the same site among others, -1 for none."""
    place = torch.full((sites,), -1)
    place[others] = torch.arange(len(others))
    return place[rows]


def _first_appearances(row_sites: IntArray, count: int) -> torch.Tensor:
    """Return the sites of the rows, each once, in the order in which they first appear."""
    rows = row_sites[row_sites >= 0]
    if len(rows) > count:
        numbers = np.arange(len(rows) - 1, -1, -1)
        first = np.empty(count, np.int64)
        # Of several values for one element the last one stays; going backward, that is the first row's.
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
