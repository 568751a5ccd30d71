"""Building a sparse tensor site by site."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._messages import counted, wrong_shape, wrong_value
from .._native.arrays import FloatArray, IntArray, dimension_of, float32, int64, int64s, integer, sizes
from .._native.generated import SCN_INPUT_LAST, Filter
from .._native.handles import RulebookHandle, TensorHandle
from .._native.library import library
from ..errors import CoordinateError, ShapeError, StateError
from ..values.metadata import Metadata
from ..values.sparse import SparseConvNetTensor
from .input_output import InputLayer

__all__ = ["InputBatch"]


class InputBatch(SparseConvNetTensor):
    """A sparse tensor that is built sample by sample, SparseConvNet's older kind of input. Use it as a network's input.

        batch = scn.InputBatch(2, 10)
        batch.add_sample()
        batch.set_location([4, 5], [1.0])

    A site that has a vector keeps it unless `overwrite`. `InputLayer` takes all rows at once, and passes gradients.
    """

    __slots__ = ("_built", "_current", "_layer", "_rows", "_samples", "_size", "dimension")

    def __init__(self, dimension: int, spatial_size: Any) -> None:
        self.dimension = dimension_of(dimension)
        self._rows: list[tuple[IntArray, FloatArray, bool]] = []
        self._samples = 0
        self._current: int | None = None
        # Of the rows that overwrite the last wins, else the first of the others: `_build` puts them in that order.
        self._size = sizes(spatial_size, self.dimension, "spatial_size")
        self._layer = InputLayer(self.dimension, self._size, SCN_INPUT_LAST)
        self._built: TensorHandle | None = None
        self._changed()

    def _changed(self) -> None:
        self._built = None
        self._features = self._metadata = self._sites = self._spatial_size = None

    @property
    def _handle(self) -> TensorHandle | None:
        """The library's tensor, made on first use."""
        if self._built is None:
            self._built = self._build()
        return self._built

    @_handle.setter
    def _handle(self, handle: TensorHandle | None) -> None:
        self._built = handle

    def _build(self) -> TensorHandle:
        rows = [part for part in self._rows if not part[2]][::-1]
        first = [(where[::-1], vectors[::-1]) for where, vectors, _ in rows]
        parts = first + [(where, vectors) for where, vectors, overwrite in self._rows if overwrite]
        if not parts:
            parts = [(np.empty((0, self.dimension + 1), np.int64), np.empty((0, 0), np.float32))]
        where, vectors = (np.concatenate(arrays) for arrays in zip(*parts))
        built: SparseConvNetTensor = self._layer([where, vectors, self._samples])
        return built._native_handle()

    def add_sample(self) -> None:
        """Begin the next sample."""
        self._current = self._samples
        self._samples += 1
        self._changed()

    def set_location(self, location: Any, vector: Any, overwrite: bool = False) -> None:
        """Give a site its vector. location: [dimension], in the current sample, or [dimension + 1], the sample last."""
        where, values = np.asarray(location), np.asarray(float32(vector, "vector"))
        if where.ndim != 1:
            raise wrong_shape("location", where.shape, f"[{self.dimension}] or [{self.dimension + 1}]")
        if values.ndim != 1:
            raise wrong_shape("vector", values.shape, "[planes]")
        self.set_locations(where[None], values[None], overwrite)

    def set_locations(self, locations: Any, vectors: Any, overwrite: bool = False) -> None:
        """Give sites their vectors, one after the other.

        locations: [n, dimension], in the current sample, or [n, dimension + 1], the sample last. vectors: [n, planes].
        Raises `CoordinateError` for a location out of range, and `StateError` if there is no sample yet.
        """
        where, values = placed(locations, vectors, self._size, self._current)
        self._check_planes(values.shape[1])
        self._rows.append((where.copy(), values.copy(), bool(overwrite)))
        self._samples = max(self._samples, int(where[:, -1].max(initial=-1)) + 1)
        self._changed()

    def add_sample_from_tensor(self, tensor: Any, offset: Any, threshold: float = 0) -> None:
        """Begin the next sample with the cells of an array [...size, planes] in which some |value| is above
        `threshold`.

        offset: where the array's first cell lies. Cells outside the spatial size are left out.
        """
        where, values = active_cells(tensor, offset, self._size, threshold)
        self._check_planes(values.shape[1])
        self.add_sample()
        if len(where):
            self._rows.append((np.insert(where, self.dimension, self._samples - 1, axis=1), values, False))
            self._changed()

    def precompute_metadata(self, size: int) -> None:
        """Build the rules of submanifold convolutions of size 3 and of convolutions or poolings of `size` and stride 2.

        size: 2 or 3. It goes level by level as long as the spatial size divides; a data loader can do this in advance.
        """
        assert self.metadata is not None, "a built tensor has metadata"
        precompute_rules(self.metadata, self._site_set(), size)

    def _check_planes(self, planes: int) -> None:
        known = self._rows[0][1].shape[1] if self._rows else planes
        if planes != known:
            raise ShapeError(f"vectors: has {counted(planes, 'plane')}, expected {known} as those before")


def placed(
    locations: Any, vectors: Any, spatial_size: Sequence[int], current: int | None, name: str = "vectors"
) -> tuple[IntArray, FloatArray]:
    """Return sites [n, dimension + 1], the sample last, and their vectors [n, planes], all checked.

    current: the sample of locations that name none; None if there is none yet. name: what messages call the vectors.
    """
    dimension = len(spatial_size)
    where, values = int64(locations, "locations", CoordinateError), float32(vectors, name)
    if where.ndim != 2 or where.shape[1] not in (dimension, dimension + 1):
        raise wrong_shape("locations", where.shape, f"[n, {dimension}] or [n, {dimension + 1}]")
    if values.ndim != 2 or len(values) != len(where):
        raise wrong_shape(name, values.shape, f"[{len(where)}, planes]")
    if where.shape[1] == dimension:
        if current is None:
            raise StateError(f"locations: has shape {list(where.shape)} and no sample yet, expected add_sample() first")
        where = np.insert(where, dimension, current, axis=1)
    limits = np.array([*spatial_size, 2**31 - 1])
    outside = np.argwhere((where < 0) | (where >= limits))
    if len(outside):
        row, axis = outside[0].tolist()
        what = "as batch index" if axis == dimension else f"on axis {axis}"
        raise CoordinateError(f"locations: row {row} has {where[row, axis]} {what}, expected 0 ... {limits[axis] - 1}")
    return where, values


def active_cells(
    tensor: Any, offset: Any, spatial_size: Sequence[int], threshold: float
) -> tuple[IntArray, FloatArray]:
    """Return the cells [n, dimension] of an array [...size, planes] in which some |value| is above `threshold`, and
    theirs.

    offset: where the array's first cell lies. Cells outside the spatial size are left out.
    """
    dimension, values = len(spatial_size), float32(tensor, "tensor")
    if values.ndim != dimension + 1:
        raise wrong_shape("tensor", values.shape, f"{dimension} sizes and the planes")
    start = np.array(sizes(offset, dimension, "offset"))
    # Before the offset is added: it may be as large as an integer can be.
    active = np.argwhere((np.abs(values) > threshold).any(-1))
    inside = ((active >= -start) & (active < np.array(spatial_size) - start)).all(1) & (np.abs(start) < 2**62).all()
    active = active[inside]
    return active + start if len(active) else active, values[tuple(active.T)]


def precompute_rules(metadata: Metadata, sites: int, size: int) -> None:
    """Build the rules that `InputBatch.precompute_metadata` names, starting at a site set."""
    size, d = integer(size, "size"), metadata.dimension
    if size not in (2, 3):
        raise wrong_value("size", size, "2 or 3")
    while True:
        threes = Filter(dimension=d, size=int64s([3] * d))
        RulebookHandle.make(library.scn_geometry_submanifold, metadata._handle, sites, threes)
        current = metadata._spatial_size(sites)
        if not ((current >= size) & ((current - size) % 2 == 0)).all():
            return
        window = Filter(dimension=d, size=int64s([size] * d), stride=int64s([2] * d))
        output = ctypes.c_int32()
        strided = library.scn_geometry_strided
        RulebookHandle.make(strided, metadata._handle, sites, window, ctypes.byref(output))
        sites = output.value
