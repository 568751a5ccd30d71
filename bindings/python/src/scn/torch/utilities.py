"""Small helpers around points, batches and rotations, on torch tensors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from .. import utilities as numpy_level
from ..utilities import is_power2

__all__ = [
    "batch_location_tensors",
    "is_power2",
    "pad_with_batch_idx",
    "prepare_BLInput",
    "random_rotation",
    "squareroot_rotation",
    "voxelize_pointcloud",
]


def pad_with_batch_idx(x: Any, idx: int) -> torch.Tensor:
    """Return coordinates [rows, d] with a last column of the batch index, [rows, d + 1]."""
    return torch.from_numpy(numpy_level.pad_with_batch_idx(x, idx))


def batch_location_tensors(location_tensors: Iterable[Any]) -> torch.Tensor:
    """Return the coordinates [rows, d] of many samples as one tensor [all rows, d + 1], the sample's number last.

    Raises `ShapeError` where samples have other dimensions than the first, or there is none.
    """
    return torch.from_numpy(numpy_level.batch_location_tensors(location_tensors))


def prepare_BLInput(batch: Sequence[tuple[Any, Any]]) -> list[torch.Tensor]:
    """Return [coordinates [batch, length, d], features [batch, length, planes]] for a `BLInputLayer`.

    batch: a pair of coordinates [rows, d] and features [rows, planes] for each sample. Shorter samples are padded, with
    coordinates of -1 and features of 0.
    """
    return [torch.from_numpy(array) for array in numpy_level.prepare_BLInput(batch)]


def random_rotation(dimension: int = 3, allow_mirror: bool = False) -> torch.Tensor:
    """Return a random rotation, [dimension, dimension], all equally likely; with allow_mirror also reflections.

    It follows `torch.manual_seed`.
    """
    rng = np.random.default_rng(int(torch.randint(2**62, (1,)).item()))
    return torch.from_numpy(numpy_level.random_rotation(dimension, allow_mirror, rng))


def squareroot_rotation(a: Any) -> torch.Tensor:
    """Return the rotation [3, 3] about the same axis by half the angle: applied twice, it is `a`.

    Raises `InvalidArgumentError` where `a` is not a rotation.
    """
    return torch.from_numpy(numpy_level.squareroot_rotation(a))


def voxelize_pointcloud(
    xyz: Any, rgb: Any, average: bool = True, accumulate: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the distinct rows of xyz, sorted, and what becomes of their features.

    xyz: [points, d], whole numbers. rgb: [points, planes]. average: the mean of the features at each row; else
    accumulate: their sum; else the features of the first point there.
    """
    sites, features = numpy_level.voxelize_pointcloud(xyz, rgb, average, accumulate)
    return torch.from_numpy(sites), torch.from_numpy(features)
