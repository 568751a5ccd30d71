"""From points in space to the voxels of detectors, on torch tensors."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import torch

from .._messages import wrong_shape
from .._native.arrays import integer
from ..values import voxels as numpy_level
from .autograd.buffers import as_tensor
from .segments import segment_pad

__all__ = ["OrderedVoxels", "voxelize_in_order"]


class OrderedVoxels(NamedTuple):
    """What `voxelize_in_order` returns, voxels in the order in which points first enter them."""

    coords: torch.Tensor
    """[m, d] int64, or [m, d + 1] with the sample last if a batch was given."""
    features: Optional[torch.Tensor]
    """[m, max_points, planes], those of the points that were kept, in their order, with zeros behind them; None if none
    were given."""
    counts: torch.Tensor
    """[m] int64, the points of each voxel that were kept."""
    voxel_of_point: torch.Tensor
    """[n] int64, the row of each point's voxel; -1 for points that were left out or lie in a voxel beyond the limit."""
    place_of_point: torch.Tensor
    """[n] int64, how many points of its voxel come before each point, which is kept if they are fewer than max_points;
    -1 as above."""


def voxelize_in_order(
    points: Any,
    size: Any,
    max_points: int,
    features: Any = None,
    *,
    max_voxels: Optional[int] = None,
    batch: Any = None,
    origin: Any = None,
    spatial_size: Any = None,
    drop_outside: bool = False,
) -> OrderedVoxels:
    found = numpy_level.voxelize_in_order(
        points,
        size,
        max_points,
        max_voxels=max_voxels,
        batch=batch,
        origin=origin,
        spatial_size=spatial_size,
        drop_outside=drop_outside,
    )
    rows = len(found.voxel_of_point)
    given = None if features is None else as_tensor(features, "features")
    if given is not None and (given.ndim != 2 or len(given) != rows):
        raise wrong_shape("features", given.shape, f"[{rows}, planes]")
    return OrderedVoxels(
        torch.from_numpy(found.coords),
        None
        if given is None
        else segment_pad(given, integer(max_points, "max_points"), found.voxel_of_point, len(found.coords)),
        *map(torch.from_numpy, (found.counts, found.voxel_of_point, found.place_of_point)),
    )


voxelize_in_order.__doc__ = f"""{numpy_level.voxelize_in_order.__doc__}
    Gradients flow into the features.
    """
