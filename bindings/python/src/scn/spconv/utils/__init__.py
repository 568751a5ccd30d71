"""Voxel generators for data loaders, which take and return `cumm.tensorview.Tensor`s.

There are no `VoxelGenerator` and `VoxelGeneratorV2` of spconv 1.x: programs that find them take an older way.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from ..._messages import wrong_shape, wrong_type
from ...errors import UnsupportedError
from .._cumm.tensorview import Tensor
from .._voxels import VoxelGrid

__all__ = [
    "Point2VoxelCPU1d",
    "Point2VoxelCPU2d",
    "Point2VoxelCPU3d",
    "Point2VoxelCPU4d",
    "Point2VoxelGPU1d",
    "Point2VoxelGPU2d",
    "Point2VoxelGPU3d",
    "Point2VoxelGPU4d",
    "non_max_suppression_cpu",
    "nullcontext",
    "rbbox_intersection",
    "rbbox_iou",
    "rbbox_iou_loss",
    "rotate_non_max_suppression_cpu",
]

_Triple = tuple[Tensor, Tensor, Tensor]


class _Point2Voxel:
    _axes: int

    def __init__(
        self,
        vsize_xyz: Sequence[float],
        coors_range_xyz: Sequence[float],
        num_point_features: int,
        max_num_voxels: int,
        max_num_points_per_voxel: int,
    ) -> None:
        if len(vsize_xyz) != self._axes:
            raise wrong_shape("vsize_xyz", [len(vsize_xyz)], [self._axes])
        self._grid = VoxelGrid(vsize_xyz, coors_range_xyz, num_point_features, max_num_voxels, max_num_points_per_voxel)

    @property
    def grid_size(self) -> list[int]:
        """The number of voxels along each axis, in z, y, x."""
        return self._grid.grid_size

    def point_to_voxel(self, points: Tensor, clear_voxels: bool = True) -> _Triple:
        """Return the voxels of points [n, features], in the order in which points first enter them: their points
        [m, max_points, features] float32, with zeros behind them, where they are, [m, axes] int32 in z, y, x, and how
        many points of each were kept, [m] int32.

        clear_voxels: without effect: the result is new memory.
        """
        return self._filled(points, False)

    def point_to_voxel_empty_mean(self, points: Tensor, clear_voxels: bool = True) -> _Triple:
        """Return what `point_to_voxel` does, with the mean of a voxel's points in place of zeros."""
        return self._filled(points, True)

    def _filled(self, points: Tensor, with_mean: bool) -> _Triple:
        if not isinstance(points, Tensor):
            raise wrong_type("points", points, "a cumm.tensorview.Tensor; tensorview.from_numpy makes one of an array")
        found = self._grid.fill(points.numpy_view(), with_mean)
        return Tensor(found.voxels), Tensor(found.indices), Tensor(found.counts)


class Point2VoxelCPU1d(_Point2Voxel):
    """Sorts points on a line into voxels. See `Point2VoxelCPU3d`."""

    _axes = 1


class Point2VoxelCPU2d(_Point2Voxel):
    """Sorts points in the plane into voxels. See `Point2VoxelCPU3d`."""

    _axes = 2


class Point2VoxelCPU3d(_Point2Voxel):
    """Sorts points in space into voxels and keeps a few points of each, those that come first.

    vsize_xyz: the edges of a voxel, in x, y, z. coors_range_xyz: where the box of all voxels begins and ends, x, y, z
    each; points outside are dropped. num_point_features: the columns of a point, of which the first are its
    coordinates. max_num_voxels, max_num_points_per_voxel: what is kept; further voxels and points are dropped.
    """

    _axes = 3


class Point2VoxelCPU4d(_Point2Voxel):
    """Sorts points in space and time into voxels. See `Point2VoxelCPU3d`."""

    _axes = 4


class _OnGpu:
    def __init__(self, *arguments: Any, **named: Any) -> None:
        name = type(self).__name__
        raise UnsupportedError(f"{name}: needs a GPU, and scn computes on the CPU: use {name.replace('GPU', 'CPU')}")


class Point2VoxelGPU1d(_OnGpu):
    """Raises `UnsupportedError`: there is no GPU."""


class Point2VoxelGPU2d(_OnGpu):
    """Raises `UnsupportedError`: there is no GPU."""


class Point2VoxelGPU3d(_OnGpu):
    """Raises `UnsupportedError`: there is no GPU."""


class Point2VoxelGPU4d(_OnGpu):
    """Raises `UnsupportedError`: there is no GPU."""


def rbbox_iou(*arguments: Any) -> Any:
    """Raise `UnsupportedError`: scn has no boxes."""
    raise _no_boxes("rbbox_iou")


def rbbox_intersection(*arguments: Any) -> Any:
    """Raise `UnsupportedError`: scn has no boxes."""
    raise _no_boxes("rbbox_intersection")


def rbbox_iou_loss(*arguments: Any) -> Any:
    """Raise `UnsupportedError`: scn has no boxes."""
    raise _no_boxes("rbbox_iou_loss")


def non_max_suppression_cpu(*arguments: Any) -> Any:
    """Raise `UnsupportedError`: scn has no boxes."""
    raise _no_boxes("non_max_suppression_cpu")


def rotate_non_max_suppression_cpu(*arguments: Any) -> Any:
    """Raise `UnsupportedError`: scn has no boxes."""
    raise _no_boxes("rotate_non_max_suppression_cpu")


def _no_boxes(name: str) -> UnsupportedError:
    return UnsupportedError(f"spconv.utils.{name}: scn has no functions for boxes")
