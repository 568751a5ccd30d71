"""Points sorted into voxels, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Union

import torch

from ..._messages import wrong_elements, wrong_shape, wrong_type
from ...errors import UnsupportedError
from ...stand_in.without_cuda import meant
from .._voxels import VoxelGrid

__all__ = ["PointToVoxel", "gather_features_by_pc_voxel_id"]

_Voxels = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class PointToVoxel:
    """Sorts points into voxels and keeps a few points of each, those that come first.

    vsize_xyz: the edges of a voxel, in x, y, z. coors_range_xyz: where the box of all voxels begins and ends, x, y, z
    each; points outside are dropped. num_point_features: the columns of a point, of which the first are its
    coordinates. max_num_voxels, max_num_points_per_voxel: what is kept; further voxels and points are dropped. device:
    the CPU.

    `vsize`, `grid_size`, `grid_stride` and `coors_range` are those of the box, in z, y, x.
    """

    def __init__(
        self,
        vsize_xyz: Sequence[float],
        coors_range_xyz: Sequence[float],
        num_point_features: int,
        max_num_voxels: int,
        max_num_points_per_voxel: int,
        device: Any = torch.device("cpu:0"),  # noqa: B008
    ) -> None:
        self.device = meant(device)
        if self.device.type != "cpu":
            raise UnsupportedError(f"device: is {device}, expected the CPU, where scn computes")
        self._grid = VoxelGrid(vsize_xyz, coors_range_xyz, num_point_features, max_num_voxels, max_num_points_per_voxel)
        self.ndim = self._grid.axes
        self.num_point_features = num_point_features
        self.max_num_voxels, self.max_num_points_per_voxel = max_num_voxels, max_num_points_per_voxel
        self.vsize = self._grid.size[::-1].tolist()
        self.grid_size, self.grid_stride = self._grid.grid_size, self._grid.grid_stride
        self.coors_range = [*self._grid.low[::-1].tolist(), *self._grid.high[::-1].tolist()]

    def __call__(self, pc: torch.Tensor, clear_voxels: bool = True, empty_mean: bool = False) -> _Voxels:
        """Return the first three of what `generate_voxel_with_id` returns."""
        return self.generate_voxel_with_id(pc, clear_voxels, empty_mean)[:3]

    def generate_voxel_with_id(
        self, pc: torch.Tensor, clear_voxels: bool = True, empty_mean: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the voxels of points, in the order in which points first enter them: their points
        [m, max_num_points_per_voxel, features] float32, with zeros behind them; where they are, [m, axes] int32 in
        z, y, x; how many points of each were kept, [m] int32; and the voxel of each point, [n] int64, -1 for points
        outside and in voxels beyond the limit. Without gradients.

        pc: [n, features]. clear_voxels: without effect: the result is new memory. empty_mean: whether the mean of a
        voxel's points takes the place of the zeros.
        """
        if not isinstance(pc, torch.Tensor):
            raise wrong_type("pc", pc, "a torch.Tensor")
        if not pc.is_floating_point():
            raise wrong_elements("pc", pc.dtype, "floating-point numbers")
        if pc.dtype not in (torch.float32, torch.float64):
            pc = pc.float()
        found = self._grid.fill(pc.detach().cpu().numpy(), empty_mean)
        parts = (found.voxels, found.indices, found.counts, found.voxel_of_point)
        voxels, indices, counts, voxel_of_point = map(torch.from_numpy, parts)
        return voxels, indices, counts, voxel_of_point


def gather_features_by_pc_voxel_id(
    seg_res_features: torch.Tensor, pc_voxel_id: torch.Tensor, invalid_value: Union[int, float] = 0
) -> torch.Tensor:
    """Return for each point the features of its voxel, [n, ...].

    seg_res_features: [voxels, ...]. pc_voxel_id: [n], the voxel of each point, as `generate_voxel_with_id` returns it.
    invalid_value: what points with -1 get.
    """
    if pc_voxel_id.ndim != 1:
        raise wrong_shape("pc_voxel_id", pc_voxel_id.shape, "[n]")
    voxel = pc_voxel_id.to(seg_res_features.device).long()
    result = seg_res_features.new_full((len(voxel), *seg_res_features.shape[1:]), invalid_value)
    points = (voxel != -1).nonzero().view(-1)
    return result.index_copy(0, points, seg_res_features[voxel[points]])
