"""From points in space to sites."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._messages import one_of, wrong_elements, wrong_shape, wrong_value
from .._native.arrays import (
    FloatArray,
    IntArray,
    address,
    flag,
    float32,
    int64,
    int64s,
    integer,
    matrix,
    plain,
    sizes,
)
from .._native.generated import (
    SCN_FLOAT32,
    SCN_FLOAT64,
    SCN_MAX_DIMENSION,
    SCN_VOXEL_FIRST,
    SCN_VOXEL_LAST,
    SCN_VOXEL_MEAN,
    SCN_VOXEL_RANDOM,
    SCN_VOXEL_SUM,
    VoxelizeInOrderOptions,
    VoxelizeOptions,
)
from .._native.handles import GeometryHandle
from .._native.library import library
from .metadata import Metadata

__all__ = ["OrderedVoxels", "Voxels", "voxelize", "voxelize_in_order"]

_REDUCTIONS = {
    "sum": SCN_VOXEL_SUM,
    "mean": SCN_VOXEL_MEAN,
    "first": SCN_VOXEL_FIRST,
    "last": SCN_VOXEL_LAST,
    "random": SCN_VOXEL_RANDOM,
}


class Voxels(NamedTuple):
    """What `voxelize` returns; `coords` and `features` are what an `InputLayer` takes."""

    coords: IntArray
    """[m, d], or [m, d + 1] with the sample last if a batch was given; sorted by sample, then coordinates."""
    features: FloatArray | None
    """[m, planes], None if none were given."""
    voxel_of_point: IntArray
    """[n], the row of each point's voxel."""
    counts: IntArray
    """[m], the points in each voxel."""
    origin: NDArray[np.float64]
    """[d], where voxel 0 begins."""


def voxelize(
    points: Any,
    size: Any,
    features: Any = None,
    reduction: str = "mean",
    *,
    batch: Any = None,
    origin: Any = None,
    spatial_size: Any = None,
    seed: int | None = None,
) -> Voxels:
    """Sort points into voxels: point p goes to voxel floor((p - origin) / size) on each axis, in double precision.

    points: [n, d] real numbers, 1 <= d <= 10; float32 is not copied. size: the edge length of a voxel, or one for each
    axis. features: [n, planes]. reduction: how the features of several points in a voxel are combined: 'sum', 'mean',
    'first', 'last', or 'random', those of one of them, all equally likely. batch: [n], the sample of each point.
    origin: a number or one for each axis, not above any point; None for the least coordinates of the points.
    spatial_size: the size of the grid that all voxels must lie in. seed: for 'random'; None for the generator that
    `manual_seed` seeds. The result does not depend on the number of threads.

    Raises `CoordinateError`, which names the row, for a point that is not finite, below the origin or outside the
    spatial size, and `SizeOverflowError` if voxel numbers would need more than 53 bits.
    """
    where, type_of_points = _points(points)
    rows, d = where.shape
    if reduction not in _REDUCTIONS:
        raise wrong_value("reduction", reduction, one_of(_REDUCTIONS))
    values, samples = _features(features, rows), _samples(batch, rows)
    start = None if origin is None else _doubles(origin, d, "origin")
    seeded = None if seed is None else ctypes.pointer(ctypes.c_uint64(_seed(seed)))
    options = VoxelizeOptions(
        reduction=_REDUCTIONS[reduction],
        seed=seeded,
        origin=start,
        batch=_pointer(samples),
        spatial_size=_extent(spatial_size, d),
    )
    geometry = GeometryHandle.make(
        library.scn_voxelize, d, address(where), type_of_points, rows, _doubles(size, d, "size"), options
    )
    metadata = Metadata._of(geometry)
    coords = metadata._locations(0)
    counts, voxel_of_point = np.empty(len(coords), np.int64), np.empty(rows, np.int64)
    library.scn_geometry_row_sites(geometry, address(voxel_of_point), rows)
    library.scn_geometry_row_counts(geometry, address(counts), len(coords))
    combined = None
    if values is not None:
        combined = np.empty((len(coords), values.shape[1]), np.float32)
        library.scn_input_forward(geometry, matrix(values), matrix(combined))
    if samples is None:
        coords = np.ascontiguousarray(coords[:, :d])
    # Axis by axis, which numpy does ten times as fast.
    least = start if start is not None else [where[:, axis].min() if rows else 0 for axis in range(d)]
    return Voxels(coords, combined, voxel_of_point, counts, np.array(least, np.float64))


class OrderedVoxels(NamedTuple):
    """What `voxelize_in_order` returns, voxels in the order in which points first enter them."""

    coords: IntArray
    """[m, d], or [m, d + 1] with the sample last if a batch was given."""
    features: FloatArray | None
    """[m, max_points, planes], those of the points that were kept, in their order, with zeros behind them; None if none
    were given."""
    counts: IntArray
    """[m], the points of each voxel that were kept."""
    voxel_of_point: IntArray
    """[n], the row of each point's voxel; -1 for points that were left out or lie in a voxel beyond the limit."""
    place_of_point: IntArray
    """[n], how many points of its voxel come before each point, which is kept if they are fewer than max_points; -1 as
    above."""


def voxelize_in_order(
    points: Any,
    size: Any,
    max_points: int,
    features: Any = None,
    *,
    max_voxels: int | None = None,
    batch: Any = None,
    origin: Any = None,
    spatial_size: Any = None,
    drop_outside: bool = False,
) -> OrderedVoxels:
    """Sort points into voxels, numbered in the order in which points first enter them, and keep a few points of each:
    what detectors start from.

    points, size, features, batch, origin, spatial_size: as in `voxelize`. max_points: how many points of a voxel are
    kept, those that come first. max_voxels: how many voxels of a sample are kept, those that are entered first; None
    for all. drop_outside: whether to leave out points that are not finite, below the origin or outside the spatial size
    instead of raising an error. The result does not depend on the number of threads.

    The mean of the kept points of each voxel is
    `segment_mean(features, np.where(place_of_point < max_points, voxel_of_point, -1), len(coords))`, and so is the
    maximum with `segment_max`. Raises what `voxelize` does.
    """
    where, type_of_points = _points(points)
    rows, d = where.shape
    values, samples = _features(features, rows), _samples(batch, rows)
    most = integer(max_points, "max_points")
    if most < 1:
        raise wrong_value("max_points", most, "at least 1")
    limit = -1 if max_voxels is None else integer(max_voxels, "max_voxels")
    if max_voxels is not None and limit < 0:
        raise wrong_value("max_voxels", limit, "None or at least 0")
    options = VoxelizeInOrderOptions(
        origin=None if origin is None else _doubles(origin, d, "origin"),
        spatial_size=_extent(spatial_size, d),
        batch=_pointer(samples),
        max_voxels=limit,
        drop_outside=flag(drop_outside, "drop_outside"),
    )
    voxel_of_point, place_of_point = np.empty(rows, np.int64), np.empty(rows, np.int64)
    coords, count = np.empty((rows, d + 1), np.int64), ctypes.c_int64()
    library.scn_voxelize_in_order(
        d,
        address(where),
        type_of_points,
        rows,
        _doubles(size, d, "size"),
        options,
        address(voxel_of_point),
        address(place_of_point),
        address(coords),
        coords.size,
        ctypes.byref(count),
    )
    kept = coords[: count.value, : d if samples is None else d + 1].copy()
    given = np.empty((rows, 0), np.float32) if values is None else values
    counts = np.empty(count.value, np.int64)
    planes = given.shape[1]
    padded = np.empty((count.value, most * planes), np.float32)
    library.scn_segment_pad_forward(address(voxel_of_point), most, matrix(given), address(counts), matrix(padded))
    combined = None if values is None else padded.reshape(count.value, most, planes)
    return OrderedVoxels(kept, combined, counts, voxel_of_point, place_of_point)


def _points(points: Any) -> tuple[NDArray[Any], int]:
    """Return points [n, d] as the library reads them, and the type of their elements."""
    array = plain(points, "points")
    if array.dtype.kind not in "biuf":
        raise wrong_elements("points", array.dtype, "real numbers")
    is_float32 = array.dtype == np.float32
    where = np.require(array, np.float32 if is_float32 else np.float64, ["C", "A"])
    if where.ndim != 2 or not 1 <= where.shape[1] <= SCN_MAX_DIMENSION:
        raise wrong_shape("points", where.shape, f"[n, 1 ... {SCN_MAX_DIMENSION}]")
    return where, SCN_FLOAT32 if is_float32 else SCN_FLOAT64


def _features(features: Any, rows: int) -> FloatArray | None:
    values = None if features is None else float32(features, "features")
    if values is not None and (values.ndim != 2 or len(values) != rows):
        raise wrong_shape("features", values.shape, f"[{rows}, planes]")
    return values


def _samples(batch: Any, rows: int) -> IntArray | None:
    samples = None if batch is None else int64(batch, "batch")
    if samples is not None and samples.shape != (rows,):
        raise wrong_shape("batch", samples.shape, [rows])
    return samples


def _pointer(samples: IntArray | None) -> Any:
    return None if samples is None else samples.ctypes.data_as(ctypes.POINTER(ctypes.c_int64))


def _extent(spatial_size: Any, dimension: int) -> Any:
    return None if spatial_size is None else int64s(sizes(spatial_size, dimension, "spatial_size"))


def _doubles(value: Any, count: int, name: str) -> Any:
    """Return a number for each axis as a C array: one number counts for all of them."""
    array = plain(value, name)
    if array.dtype.kind not in "biuf":
        raise wrong_elements(name, array.dtype, "real numbers")
    if array.ndim > 1 or (array.ndim == 1 and len(array) != count):
        raise wrong_shape(name, array.shape, f"a number or [{count}]")
    return (ctypes.c_double * count)(*np.broadcast_to(array, (count,)).tolist())


def _seed(seed: int) -> int:
    return integer(seed, "seed", 65) % 2**64
