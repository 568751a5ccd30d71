"""Points sorted into voxels as spconv's generators do it: arguments in x, y, z, results in z, y, x."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._messages import wrong_shape, wrong_value
from .._native.arrays import FloatArray, IntArray, integer
from ..errors import InvalidArgumentError
from ..values.voxels import voxelize_in_order

__all__ = ["FilledVoxels", "VoxelGrid"]


class FilledVoxels(NamedTuple):
    """What `VoxelGrid.fill` returns, voxels in the order in which points first enter them."""

    voxels: FloatArray
    """[m, max_points, features], the first points of each voxel, with zeros, or their mean, behind them."""
    indices: NDArray[np.int32]
    """[m, axes], where each voxel is; the axes in reversed order."""
    counts: NDArray[np.int32]
    """[m], how many points of each voxel were kept."""
    voxel_of_point: IntArray
    """[n], the row of each point's voxel; -1 for points outside and in voxels beyond the limit."""


class VoxelGrid:
    """A box in space divided into voxels of equal size, and how much of a cloud is kept.

    size: [axes], the edges of a voxel. extent: [2 * axes], where the box begins and where it ends; both in x, y, z.
    features: the columns of a point. max_voxels, max_points: how many voxels, and how many points of each, are kept.
    """

    def __init__(
        self, size: Sequence[float], extent: Sequence[float], features: int, max_voxels: int, max_points: int
    ) -> None:
        self.size = _numbers(size, "vsize_xyz")
        self.axes = len(self.size)
        if not 1 <= self.axes <= 10:
            raise wrong_shape("vsize_xyz", self.size.shape, "[1 ... 10]")
        if not (np.isfinite(self.size) & (self.size > 0)).all():
            raise wrong_value("vsize_xyz", self.size, "finite numbers above 0")
        ends = _numbers(extent, "coors_range_xyz")
        if len(ends) != 2 * self.axes:
            raise wrong_shape("coors_range_xyz", ends.shape, [2 * self.axes])
        self.low, self.high = ends[: self.axes], ends[self.axes :]
        # In float32, and halves away from zero, as spconv rounds: one voxel more or less would move a whole network.
        exact = ((self.high - self.low) / self.size).astype(np.float64)
        if not np.isfinite(exact).all() or (exact < 0.5).any():
            raise InvalidArgumentError(
                f"coors_range_xyz: spans {exact.tolist()} voxels, expected at least 1 along each axis"
            )
        self.places = np.floor(exact + 0.5).astype(np.int64)
        self.features, self.max_voxels, self.max_points = (
            _counted(features, "num_point_features"),
            _counted(max_voxels, "max_num_voxels"),
            _counted(max_points, "max_num_points_per_voxel"),
        )
        if self.features < self.axes:
            raise wrong_value("num_point_features", self.features, f"at least {self.axes}, the coordinates of a point")

    @property
    def grid_size(self) -> list[int]:
        """The number of voxels along each axis, in z, y, x."""
        return [int(count) for count in self.places[::-1]]

    @property
    def grid_stride(self) -> list[int]:
        """How much further along each axis the next voxel is, of all voxels in row-major order of z, y, x."""
        sizes = self.grid_size
        return [int(np.prod(sizes[axis + 1 :], dtype=object)) for axis in range(self.axes)]

    def fill(self, points: NDArray[Any], with_mean: bool = False) -> FilledVoxels:
        """Sort points [n, features] into voxels, in the precision in which they come.

        with_mean: whether the mean of a voxel's points fills the places behind them.
        """
        if points.ndim != 2 or points.shape[1] != self.features:
            raise wrong_shape("points", points.shape, f"[n, {self.features}]")
        given = points if points.dtype in (np.float32, np.float64) else points.astype(np.float32)
        with np.errstate(all="ignore"):
            cells = np.floor((given[:, : self.axes] - self.low) / self.size)
            # A point outside may not look like one inside where its cell is rounded to float32.
            outside = ~((cells >= 0) & (cells < self.places)).all(1)
        cells[outside] = -1
        found = voxelize_in_order(
            cells,
            1,
            self.max_points,
            given.astype(np.float32, copy=False),
            max_voxels=self.max_voxels,
            origin=0,
            spatial_size=self.places,
            drop_outside=True,
        )
        voxels, counts = found.features, found.counts
        assert voxels is not None, "points were given as features"
        if with_mean and voxels.size:
            mean = voxels.sum(1, keepdims=True) / np.maximum(counts, 1)[:, None, None].astype(np.float32)
            is_empty = np.arange(self.max_points)[None, :, None] >= counts[:, None, None]
            voxels = np.where(is_empty, mean, voxels)
        indices = np.ascontiguousarray(found.coords[:, ::-1], np.int32)
        return FilledVoxels(voxels, indices, counts.astype(np.int32), found.voxel_of_point)


def _numbers(values: Sequence[float], name: str) -> NDArray[np.float32]:
    array = np.asarray(values, np.float32)
    if array.ndim != 1:
        raise wrong_shape(name, array.shape, "[numbers]")
    return array


def _counted(value: int, name: str) -> int:
    number = integer(value, name)
    if number < 1:
        raise wrong_value(name, number, "at least 1")
    return number
