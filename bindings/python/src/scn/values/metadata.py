"""Where the sites of sparse tensors are."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from .._messages import wrong_shape, wrong_type
from .._native.arrays import IntArray, address, dimension_of, flag, int64, int64s, integer, sizes
from .._native.generated import Field
from .._native.handles import GeometryHandle
from .._native.library import library
from ..errors import CoordinateError

__all__ = ["Metadata"]


class Metadata:
    """The sites of one input at every spatial size that a network brought them to, and the rules between them.

    Input layers make it; all sparse tensors derived from one input share it. To make sparse tensors by hand, make one
    from coordinates [rows, dimension] or [rows, dimension + 1] (batch index last). spatial_size and lower: the field is
    lower ... lower + spatial_size - 1 on each axis, from 0 if lower is None; None for a field without bounds.
    keep_outside: whether sites may lie outside of the field, as in `InputLayer`. batch_size: a lower bound. mode: as in
    `InputLayer`. Pickled metadata keeps the sites of the input, but not the path
    to other spatial sizes.
    """

    __slots__ = ("__weakref__", "_handle")

    def __init__(
        self,
        dimension: int,
        spatial_size: Any,
        coordinates: Any,
        batch_size: int = 0,
        mode: int = 0,
        lower: Any = None,
        keep_outside: bool = False,
    ) -> None:
        dimension = dimension_of(dimension)
        where = coordinate_rows(coordinates)
        self._handle = GeometryHandle.make(
            library.scn_geometry_create_in_field,
            self._field_of(dimension, spatial_size, lower, keep_outside),
            address(where),
            where.shape[0],
            where.shape[1],
            integer(batch_size, "batch_size"),
            integer(mode, "mode", 32),
        )

    @classmethod
    def _of(cls, handle: GeometryHandle) -> Metadata:
        self = cls.__new__(cls)
        self._handle = handle
        return self

    @staticmethod
    def _field_of(dimension: int, spatial_size: Any, lower: Any, keep_outside: bool = False) -> Field:
        """Return the struct of a field, without bounds if spatial_size is None."""
        return Field(
            dimension=dimension,
            spatial_size=None if spatial_size is None else int64s(sizes(spatial_size, dimension, "spatial_size")),
            lower=None if lower is None else int64s(sizes(lower, dimension, "lower")),
            keep_outside=flag(keep_outside, "keep_outside"),
        )

    @property
    def dimension(self) -> int:
        """The number of coordinates of a site, not counting the batch index."""
        result = ctypes.c_int32()
        library.scn_geometry_dimension(self._handle, ctypes.byref(result))
        return result.value

    def batch_size(self) -> int:
        """Return the number of samples."""
        result = ctypes.c_int64()
        library.scn_geometry_batch_size(self._handle, ctypes.byref(result))
        return result.value

    def get_spatial_locations(self, spatial_size: Any) -> IntArray:
        """Return the sites of a spatial size, [sites, dimension + 1], batch index last, in the order of the rows.

        Raises `StateError` if there is no such spatial size or if two paths led to it.
        """
        return self._locations(self._find(spatial_size))

    def _first(self) -> int:
        """Return the number of the site set that it begins with."""
        return 0

    def _find(self, spatial_size: Any) -> int:
        """Return the number of the site set of a spatial size."""
        size = int64s(sizes(spatial_size, self.dimension, "spatial_size"))
        result = ctypes.c_int32()
        library.scn_geometry_find_sites(self._handle, size, ctypes.byref(result))
        return result.value

    def _spatial_size(self, sites: int) -> IntArray:
        result = np.empty(self.dimension, np.int64)
        library.scn_geometry_spatial_size(self._handle, sites, address(result))
        result.flags.writeable = False
        return result

    def _field(self, sites: int) -> tuple[IntArray, bool]:
        """Return where the field of a site set begins, and whether it has no bounds."""
        lower, is_unbounded = np.empty(self.dimension, np.int64), ctypes.c_int32()
        library.scn_geometry_field(self._handle, sites, address(lower), ctypes.byref(is_unbounded))
        lower.flags.writeable = False
        return lower, is_unbounded.value != 0

    def _bounds(self, sites: int) -> tuple[IntArray | None, IntArray | None]:
        """Return the spatial size of a site set and where its field begins, as arguments; None where they are not
        needed."""
        lower, is_unbounded = self._field(sites)
        return (None, None) if is_unbounded else (self._spatial_size(sites), lower if lower.any() else None)

    def _shares_field(self, sites: int, other: Metadata, others: int) -> bool:
        """Return whether the fields of two site sets are the same, or one has no bounds."""
        (size, lower), (other_size, other_lower) = self._bounds(sites), other._bounds(others)
        if size is None or other_size is None:
            return True
        first, second = (0 if start is None else start for start in (lower, other_lower))
        return np.array_equal(size, other_size) and bool(np.all(np.equal(first, second)))

    def _site_count(self, sites: int) -> int:
        result = ctypes.c_int64()
        library.scn_geometry_site_count(self._handle, sites, ctypes.byref(result))
        return result.value

    def _locations(self, sites: int) -> IntArray:
        result = np.empty((self._site_count(sites), self.dimension + 1), np.int64)
        library.scn_geometry_coordinates(self._handle, sites, address(result), result.size)
        return result

    def __repr__(self) -> str:
        size, sites = self._spatial_size(self._first()).tolist(), self._site_count(self._first())
        return f"Metadata({self.dimension}, spatial_size={size}, sites={sites}, batch_size={self.batch_size()})"

    def __deepcopy__(self, memo: Any) -> Metadata:
        # Sites never change, so copies may share them.
        return self

    def __reduce__(self) -> Any:
        size, lower = self._bounds(0)
        return type(self), (self.dimension, size, self._locations(0), self.batch_size(), 0, lower, True)


def coordinate_rows(coordinates: Any, name: str = "coordinates") -> IntArray:
    """Return coordinates as an int64 matrix."""
    where = int64(coordinates, name, CoordinateError)
    if where.ndim != 2 or not 1 <= where.shape[1] <= 11:
        raise wrong_shape(name, where.shape, "[rows, 1 ... 11]")
    return where


def optional_metadata(value: Any) -> Metadata | None:
    """Return the value, which must be a metadata or None."""
    if value is None or isinstance(value, Metadata):
        return value
    raise wrong_type("metadata", value, "a Metadata")
