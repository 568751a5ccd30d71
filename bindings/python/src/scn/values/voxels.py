"""From points in space to sites."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._messages import one_of, wrong_elements, wrong_shape, wrong_value
from .._native.arrays import FloatArray, IntArray, address, float32, int64, int64s, integer, matrix, plain, sizes
from .._native.generated import (
    SCN_FLOAT32,
    SCN_FLOAT64,
    SCN_MAX_DIMENSION,
    SCN_VOXEL_FIRST,
    SCN_VOXEL_LAST,
    SCN_VOXEL_MEAN,
    SCN_VOXEL_RANDOM,
    SCN_VOXEL_SUM,
    VoxelizeOptions,
)
from .._native.handles import GeometryHandle
from .._native.library import library
from .metadata import Metadata

__all__ = ["Voxels", "voxelize"]

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
    array = plain(points, "points")
    if array.dtype.kind not in "biuf":
        raise wrong_elements("points", array.dtype, "real numbers")
    is_float32 = array.dtype == np.float32
    type_of_points = SCN_FLOAT32 if is_float32 else SCN_FLOAT64
    where = np.require(array, np.float32 if is_float32 else np.float64, ["C", "A"])
    if where.ndim != 2 or not 1 <= where.shape[1] <= SCN_MAX_DIMENSION:
        raise wrong_shape("points", where.shape, f"[n, 1 ... {SCN_MAX_DIMENSION}]")
    rows, d = where.shape
    if reduction not in _REDUCTIONS:
        raise wrong_value("reduction", reduction, one_of(_REDUCTIONS))
    values = None if features is None else float32(features, "features")
    if values is not None and (values.ndim != 2 or len(values) != rows):
        raise wrong_shape("features", values.shape, f"[{rows}, planes]")
    samples = None if batch is None else int64(batch, "batch")
    if samples is not None and samples.shape != (rows,):
        raise wrong_shape("batch", samples.shape, [rows])
    start = None if origin is None else _doubles(origin, d, "origin")
    seeded = None if seed is None else ctypes.pointer(ctypes.c_uint64(_seed(seed)))
    options = VoxelizeOptions(
        reduction=_REDUCTIONS[reduction],
        seed=seeded,
        origin=start,
        batch=None if samples is None else samples.ctypes.data_as(ctypes.POINTER(ctypes.c_int64)),
        spatial_size=None if spatial_size is None else int64s(sizes(spatial_size, d, "spatial_size")),
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
