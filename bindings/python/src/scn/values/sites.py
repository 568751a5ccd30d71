"""Sets of sites, and which rows of one meet which rows of another."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._messages import one_of, wrong_elements, wrong_shape, wrong_type, wrong_value
from .._native.arrays import IntArray, address, int64, int64s, integer, plain, sizes
from .._native.generated import (
    SCN_FILTER_CENTERED,
    SCN_FILTER_CORNER,
    SCN_FILTER_CROSS,
    SCN_FLOAT32,
    SCN_FLOAT64,
    SCN_SITES_DIFFERENCE,
    SCN_SITES_INTERSECTION,
    SCN_SITES_UNION,
    Filter,
    Relation,
)
from .._native.handles import RulebookHandle
from .._native.library import library
from .metadata import Metadata, coordinate_rows

__all__ = ["Rulebook", "Sites", "filter_offsets"]

_SHAPES = {"centered": SCN_FILTER_CENTERED, "corner": SCN_FILTER_CORNER, "cross": SCN_FILTER_CROSS}


class Rulebook:
    """Which input rows meet which output rows, under each filter offset.

    The rules of offset k are `inputs[offsets[k]:offsets[k + 1]]` and `outputs[offsets[k]:offsets[k + 1]]`. Made by
    `Sites`; the functions of `scn.functional` move features along it.
    """

    __slots__ = ("_handle", "_sizes")

    def __init__(self, handle: RulebookHandle) -> None:
        self._handle = handle
        found = [ctypes.c_int64() for _ in range(4)]
        library.scn_rulebook_sizes(handle, *(ctypes.byref(size) for size in found))
        self._sizes = [size.value for size in found]

    @property
    def volume(self) -> int:
        """The number of filter offsets."""
        return self._sizes[0]

    def __len__(self) -> int:
        """The number of rules."""
        return self._sizes[1]

    @property
    def input_count(self) -> int:
        """The rows of the features that are read."""
        return self._sizes[2]

    @property
    def output_count(self) -> int:
        """The rows of the features that are written."""
        return self._sizes[3]

    @property
    def offsets(self) -> IntArray:
        """Where the rules of each filter offset begin, and where the last end: [volume + 1]."""
        return self._columns()[0]

    @property
    def inputs(self) -> NDArray[np.int32]:
        """The input row of each rule."""
        return self._columns()[1]

    @property
    def outputs(self) -> NDArray[np.int32]:
        """The output row of each rule."""
        return self._columns()[2]

    def _columns(self) -> tuple[IntArray, NDArray[np.int32], NDArray[np.int32]]:
        found = [ctypes.c_void_p() for _ in range(3)]
        library.scn_rulebook_rules(self._handle, *(ctypes.byref(column) for column in found))

        def copied(column: ctypes.c_void_p, count: int, kind: Any) -> Any:
            if not count or column.value is None:
                return np.empty(0, kind)
            return np.frombuffer(ctypes.string_at(column.value, count * np.dtype(kind).itemsize), kind).copy()

        return (
            copied(found[0], self.volume + 1, np.int64),
            copied(found[1], len(self), np.int32),
            copied(found[2], len(self), np.int32),
        )

    def reversed(self) -> Rulebook:
        """Return the same rules with inputs and outputs exchanged."""
        return Rulebook(RulebookHandle.make(library.scn_rulebook_reversed, self._handle))

    def __repr__(self) -> str:
        return (
            f"Rulebook({self.volume} offsets, {len(self)} rules, {self.input_count} rows to {self.output_count} rows)"
        )


class Sites:
    """A set of active sites, sorted by sample, then by coordinates, the last axis fastest.

    `Sites(dimension, coordinates)` makes one of coordinates [rows, dimension] or [rows, dimension + 1] (batch index
    last); sites that come several times count once. spatial_size and lower: the field is lower ... lower + spatial_size
    - 1 on each axis; None for a field without bounds, which may have negative coordinates. batch_size: a lower bound.
    `Sites.of(tensor)` are those of a sparse tensor; the methods make others.

    Sets that are to be combined or related come from each other, or are `taken` into the same metadata.
    """

    __slots__ = ("_metadata", "_number")

    def __init__(
        self, dimension: int, coordinates: Any, spatial_size: Any = None, lower: Any = None, batch_size: int = 0
    ) -> None:
        self._metadata = Metadata(dimension, spatial_size, coordinates, batch_size, 2, lower)
        self._number = 0

    @classmethod
    def _of(cls, metadata: Metadata, number: int) -> Sites:
        self = cls.__new__(cls)
        self._metadata, self._number = metadata, number
        return self

    @classmethod
    def of(cls, tensor: Any) -> Sites:
        """Return the sites of a sparse tensor, of package `scn` or of `scn.torch`."""
        if not hasattr(tensor, "metadata") or not hasattr(tensor, "_site_set"):
            raise wrong_type("tensor", tensor, "a SparseConvNetTensor")
        number = tensor._site_set()
        return cls._of(tensor.metadata, number)

    @property
    def metadata(self) -> Metadata:
        """All site sets that come from one input, and the rules between them."""
        return self._metadata

    @property
    def dimension(self) -> int:
        """The number of coordinates of a site, not counting the batch index."""
        return self._metadata.dimension

    @property
    def coordinates(self) -> IntArray:
        """The sites, [sites, dimension + 1], batch index last."""
        return self._metadata._locations(self._number)

    @property
    def spatial_size(self) -> IntArray:
        """The size of the field along each axis; of a field without bounds, that of the box around its sites."""
        return self._metadata._spatial_size(self._number)

    @property
    def lower(self) -> IntArray:
        """Where the field begins, [dimension]."""
        return self._metadata._field(self._number)[0]

    @property
    def is_unbounded(self) -> bool:
        """Whether the field has no bounds."""
        return self._metadata._field(self._number)[1]

    def __len__(self) -> int:
        return self._metadata._site_count(self._number)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sites):
            return NotImplemented
        return self._metadata._handle is other._metadata._handle and self._number == other._number

    def __hash__(self) -> int:
        return hash((id(self._metadata._handle), self._number))

    def __repr__(self) -> str:
        size = "unbounded" if self.is_unbounded else f"spatial_size={self.spatial_size.tolist()}"
        return f"Sites({self.dimension}, {len(self)} sites, {size}, batch_size={self._metadata.batch_size()})"

    # Other sets

    def taken(self, coordinates: Any, spatial_size: Any = None, lower: Any = None) -> Sites:
        """Return chosen sites as a set that can be related to this one. Arguments: as those of `Sites`."""
        return self._taken(coordinates, spatial_size, lower, False)

    def _taken(self, coordinates: Any, spatial_size: Any, lower: Any, keep_outside: bool) -> Sites:
        where = coordinate_rows(coordinates)
        field = self._metadata._field_of(self.dimension, spatial_size, lower, keep_outside)
        return self._made(library.scn_geometry_add_sites, field, address(where), where.shape[0], where.shape[1])

    def floor(self, stride: Any) -> Sites:
        """Return the sites floor(coordinate / stride), each once. stride: an integer or one for each axis."""
        return self._made(library.scn_geometry_floor, self._number, int64s(sizes(stride, self.dimension, "stride")))

    def union(self, other: Sites) -> Sites:
        """Return the sites of both."""
        return self._combined(other, SCN_SITES_UNION)

    def intersection(self, other: Sites) -> Sites:
        """Return the sites that both have."""
        return self._combined(other, SCN_SITES_INTERSECTION)

    def difference(self, other: Sites) -> Sites:
        """Return the sites that the other set does not have."""
        return self._combined(other, SCN_SITES_DIFFERENCE)

    def subset(self, keep: Any) -> tuple[Sites, Rulebook]:
        """Return some of the sites, in their order, and the way there, a rulebook of one filter offset.

        keep: [sites] truth values, or rows.
        """
        chosen = plain(keep, "keep")
        if chosen.dtype != np.bool_:
            rows, chosen = int64(chosen, "keep"), np.zeros(len(self), np.bool_)
            if rows.size and not (rows.min() >= 0 and rows.max() < len(self)):
                raise wrong_value("keep", int(rows[(rows < 0) | (rows >= len(self))][0]), f"rows below {len(self)}")
            chosen[rows] = True
        if chosen.shape != (len(self),):
            raise wrong_shape("keep", chosen.shape, [len(self)])
        marks = np.ascontiguousarray(chosen, np.uint8)
        return self._stepped(library.scn_geometry_subset, self._number, address(marks), len(marks))

    def _combined(self, other: Sites, how: int) -> Sites:
        return self._made(library.scn_geometry_combine, self._number, self._sibling(other, "other"), how)

    def _sibling(self, other: Any, name: str) -> int:
        """Return the number of another set, taken into this one's metadata where it comes from elsewhere."""
        if not isinstance(other, Sites):
            raise wrong_type(name, other, "Sites")
        if self._metadata._handle is other._metadata._handle:
            return other._number
        size, lower = (None, None) if other.is_unbounded else (other.spatial_size, other.lower)
        return self._taken(other.coordinates, size, lower, True)._number

    def _made(self, function: Callable[..., Any], *arguments: Any) -> Sites:
        number = ctypes.c_int32()
        function(self._metadata._handle, *arguments, ctypes.byref(number))
        return Sites._of(self._metadata, number.value)

    def _stepped(self, function: Callable[..., Any], *arguments: Any) -> tuple[Sites, Rulebook]:
        number = ctypes.c_int32()
        handle = RulebookHandle.make(function, self._metadata._handle, *arguments, ctypes.byref(number))
        return Sites._of(self._metadata, number.value), Rulebook(handle)

    # Rows

    def rows(self, coordinates: Any) -> IntArray:
        """Return the row of each of some coordinates, [n, dimension] or [n, dimension + 1], -1 where no site is."""
        where = coordinate_rows(coordinates)
        rows = np.empty(len(where), np.int64)
        library.scn_geometry_find_rows(
            self._metadata._handle, self._number, address(where), len(where), where.shape[1], address(rows)
        )
        return rows

    def rows_in(self, other: Sites) -> IntArray:
        """Return the row of each site in another set, which may come from other input, -1 where it is not there."""
        if not isinstance(other, Sites):
            raise wrong_type("other", other, "Sites")
        rows = np.empty(len(self), np.int64)
        library.scn_geometry_match_sites(
            self._metadata._handle,
            self._number,
            other._metadata._handle,
            other._number,
            address(rows),
            rows.size,
        )
        return rows

    # Rules

    def related(self, output: Sites, offsets: Any, *, input_stride: Any = 1, output_stride: Any = 1) -> Rulebook:
        """Return the rules from these sites to others: under filter offset k, an output site reads the input site with
        input * input_stride = output * output_stride + offsets[k] on each axis.

        offsets: [volume, dimension] whole numbers, see `filter_offsets`. Strides: integers or one for each axis.
        """
        return Rulebook(
            RulebookHandle.make(
                library.scn_geometry_between,
                self._metadata._handle,
                self._number,
                self._sibling(output, "output"),
                self._relation(offsets, input_stride, output_stride),
            )
        )

    def covering(self, offsets: Any, *, input_stride: Any = 1, output_stride: Any = 1) -> tuple[Sites, Rulebook]:
        """Return all sites that some site of this set is `related` to, and the rules to them."""
        return self._stepped(
            library.scn_geometry_covering, self._number, self._relation(offsets, input_stride, output_stride)
        )

    def submanifold(self, size: Any, *, dilation: Any = 1) -> Rulebook:
        """Return the rules of a submanifold filter: offset k reads site + (k - size / 2) * dilation."""
        filter = _filter(self.dimension, size, dilation=dilation)
        return Rulebook(
            RulebookHandle.make(library.scn_geometry_submanifold, self._metadata._handle, self._number, filter)
        )

    def strided(
        self, size: Any, stride: Any, *, padding: Any = 0, dilation: Any = 1, round_down: bool = False
    ) -> tuple[Sites, Rulebook]:
        """Return the sites that windows have where they cover a site, and the rules of these windows: input = output *
        stride - padding + k * dilation.

        round_down: whether the last places of a field may lie under no window; else that is an error where there is
        neither padding nor dilation.
        """
        filter = _filter(self.dimension, size, stride, padding, dilation, round_down)
        return self._stepped(library.scn_geometry_strided, self._number, filter)

    def interpolation(self, points: Any, batch: Any = None) -> Rulebook:
        """Return the rules from these sites to points between them: under filter offset k, one of the 2^dimension
        corners in row-major order, a point reads the site floor(point) + corner.

        points: [n, dimension] real numbers, in units of the coordinates. batch: [n], the sample of each; None for the
        first.
        """
        where, kind = point_rows(points, self.dimension)
        samples = batch_of(batch, len(where))
        return Rulebook(
            RulebookHandle.make(
                library.scn_geometry_interpolation,
                self._metadata._handle,
                self._number,
                address(where),
                kind,
                len(where),
                None if samples is None else address(samples),
            )
        )

    def _relation(self, offsets: Any, input_stride: Any, output_stride: Any) -> Relation:
        dimension = self.dimension
        listed = np.ascontiguousarray(int64(offsets, "offsets"))
        if listed.ndim != 2 or listed.shape[1] != dimension:
            raise wrong_shape("offsets", listed.shape, f"[volume, {dimension}]")
        strides = (
            int64s(sizes(stride, dimension, name))
            for stride, name in ((input_stride, "input_stride"), (output_stride, "output_stride"))
        )
        relation = Relation(
            dimension=dimension, volume=len(listed), offsets=listed.ctypes.data_as(ctypes.POINTER(ctypes.c_int64))
        )
        relation.input_stride, relation.output_stride = strides
        # The struct has only its address, and a list that was not contiguous is a copy that nobody else keeps.
        relation._listed = listed
        return relation


def filter_offsets(
    dimension: int, size: Any, shape: str = "centered", *, dilation: Any = 1, padding: Any = 0
) -> IntArray:
    """Return the offsets of a filter, [volume, dimension], for `Sites.related` and `Sites.covering`.

    shape: 'centered', a box in which tap t of an axis is at (t - size / 2) * dilation - padding, row-major; 'corner',
    with taps at t * dilation - padding; 'cross', the center, then what a centered box has on each axis. size, dilation,
    padding: integers or one for each axis.
    """
    if shape not in _SHAPES:
        raise wrong_value("shape", shape, one_of(_SHAPES))
    filter, volume = _filter(integer(dimension, "dimension", 32), size, None, padding, dilation), ctypes.c_int64()
    library.scn_filter_offsets(filter, _SHAPES[shape], None, 0, ctypes.byref(volume))
    offsets = np.empty((volume.value, filter.dimension), np.int64)
    library.scn_filter_offsets(filter, _SHAPES[shape], address(offsets), offsets.size, ctypes.byref(volume))
    return offsets


def _filter(
    dimension: int, size: Any, stride: Any = None, padding: Any = None, dilation: Any = None, round_down: Any = False
) -> Filter:
    def axes(value: Any, name: str) -> Any:
        return None if value is None else int64s(sizes(value, dimension, name))

    return Filter(
        dimension=dimension,
        size=axes(size, "size"),
        stride=axes(stride, "stride"),
        padding=axes(padding, "padding"),
        dilation=axes(dilation, "dilation"),
        rounds_down=int(bool(round_down)),
    )


def point_rows(points: Any, dimension: int) -> tuple[NDArray[Any], int]:
    """Return points as a matrix of float32 or float64, and the library's name for that type."""
    array = plain(points, "points")
    if array.dtype.kind not in "biuf":
        raise wrong_elements("points", array.dtype, "real numbers")
    is_float32 = array.dtype == np.float32
    where = np.require(array, np.float32 if is_float32 else np.float64, ["C", "A"])
    if where.ndim != 2 or where.shape[1] != dimension:
        raise wrong_shape("points", where.shape, f"[n, {dimension}]")
    return where, SCN_FLOAT32 if is_float32 else SCN_FLOAT64


def batch_of(batch: Any, rows: int) -> IntArray | None:
    """Return the samples of points, or None for the first."""
    samples = None if batch is None else int64(batch, "batch")
    if samples is not None and samples.shape != (rows,):
        raise wrong_shape("batch", samples.shape, [rows])
    return samples
