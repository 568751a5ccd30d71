"""Small helpers around points, batches and rotations, on torch tensors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch

from .._arrays import integer
from ..errors import InvalidArgumentError, ShapeError
from ..metadata import coordinate_rows

__all__ = [
    "batch_location_tensors",
    "is_power2",
    "pad_with_batch_idx",
    "prepare_BLInput",
    "random_rotation",
    "squareroot_rotation",
    "voxelize_pointcloud",
]


def is_power2(num: int) -> bool:
    """Return whether a whole number is 1, 2, 4, 8, ..."""
    number = integer(num, "num")
    return number > 0 and number & (number - 1) == 0


def pad_with_batch_idx(x: Any, idx: int) -> torch.Tensor:
    """Return coordinates [rows, d] with a last column of the batch index, [rows, d + 1]."""
    where = torch.from_numpy(coordinate_rows(x, "x"))
    return torch.cat([where, torch.full((len(where), 1), integer(idx, "idx"))], 1)


def batch_location_tensors(location_tensors: Iterable[Any]) -> torch.Tensor:
    """Return the coordinates [rows, d] of many samples as one tensor [all rows, d + 1], the sample's number last.

    Raises `ShapeError` where samples have other dimensions than the first, or there is none.
    """
    samples = [pad_with_batch_idx(sample, index) for index, sample in enumerate(location_tensors)]
    widths = sorted({sample.shape[1] - 1 for sample in samples})
    if len(widths) != 1:
        raise ShapeError(f"location_tensors have {widths} columns; there must be one width")
    return torch.cat(samples)


def prepare_BLInput(batch: Sequence[tuple[Any, Any]]) -> list[torch.Tensor]:
    """Return [coordinates [batch, length, d], features [batch, length, planes]] for a `BLInputLayer`.

    batch: a pair of coordinates [rows, d] and features [rows, planes] for each sample. Shorter samples are padded, with
    coordinates of -1 and features of 0.
    """
    if not len(batch):
        raise InvalidArgumentError("batch is empty; there must be at least one sample")
    pairs = [(torch.from_numpy(coordinate_rows(where)), torch.as_tensor(features)) for where, features in batch]
    for index, (where, features) in enumerate(pairs):
        if features.ndim != 2 or len(features) != len(where):
            raise ShapeError(f"batch[{index}][1] has the shape {list(features.shape)}; it must be [{len(where)}, planes]")
        if where.shape[1] != pairs[0][0].shape[1] or features.shape[1] != pairs[0][1].shape[1]:
            raise ShapeError(f"batch[{index}] has another dimension or other planes than batch[0]")
    pad = torch.nn.utils.rnn.pad_sequence
    return [
        pad([where for where, _ in pairs], batch_first=True, padding_value=-1),
        pad([features for _, features in pairs], batch_first=True),
    ]


def random_rotation(dimension: int = 3, allow_mirror: bool = False) -> torch.Tensor:
    """Return a random rotation, [dimension, dimension], all equally likely; with allow_mirror also reflections."""
    size = integer(dimension, "dimension")
    if size < 1:
        raise InvalidArgumentError(f"dimension is {size}; it must be at least 1")
    q, r = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64))
    # Signs that make the factorisation unique, without which rotations are not equally likely (Mezzadri, 2007).
    q = q * torch.where(torch.diagonal(r) < 0, -1.0, 1.0)
    if not allow_mirror and torch.linalg.det(q) < 0:
        q[:, 0] = -q[:, 0]
    return q.float()


def squareroot_rotation(a: Any) -> torch.Tensor:
    """Return the rotation [3, 3] about the same axis by half the angle: applied twice, it is `a`.

    Raises `InvalidArgumentError` where `a` is not a rotation.
    """
    m = torch.as_tensor(a, dtype=torch.float64)
    unit = torch.eye(3, dtype=torch.float64)
    if m.shape != (3, 3):
        raise ShapeError(f"a has the shape {list(m.shape)}; it must be [3, 3]")
    if not torch.allclose(m @ m.t(), unit, atol=1e-4) or torch.linalg.det(m) < 0:
        raise InvalidArgumentError("a is not a rotation: its inverse is not its transpose, or it mirrors")
    # The quaternion (w, x, y, z) from the row of its outer product with itself that has the largest diagonal element.
    outer = torch.empty(4, 4, dtype=torch.float64)
    trace = m.trace()
    outer[0, 0] = 1 + trace
    outer[0, 1:] = outer[1:, 0] = torch.stack([m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]])
    outer[1:, 1:] = m + m.t() + (1 - trace) * unit
    quaternion = outer[outer.diagonal().argmax()]
    quaternion = quaternion / quaternion.norm() * (1 if quaternion[0] >= 0 else -1)
    quaternion[0] += 1
    w, x, y, z = (quaternion / quaternion.norm()).tolist()
    cross = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)
    return (unit + 2 * w * cross + 2 * cross @ cross).float()


def voxelize_pointcloud(
    xyz: Any, rgb: Any, average: bool = True, accumulate: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the distinct rows of xyz, sorted, and what becomes of their features.

    xyz: [points, d], whole numbers. rgb: [points, planes]. average: the mean of the features at each row; else
    accumulate: their sum; else the features of the first point there.
    """
    where, features = torch.as_tensor(xyz), torch.as_tensor(rgb)
    if where.ndim != 2 or features.ndim != 2 or len(where) != len(features):
        shapes = f"{list(where.shape)} and {list(features.shape)}"
        raise ShapeError(f"xyz and rgb have the shapes {shapes}; they must be [n, d], [n, planes]")
    if not len(where):
        return where, features
    sites, inverse, counts = torch.unique(where, dim=0, return_inverse=True, return_counts=True)
    if not (average or accumulate):
        first = torch.full((len(sites),), len(where)).scatter_reduce(0, inverse, torch.arange(len(where)), "amin")
        return sites, features[first]
    sums = torch.zeros(len(sites), features.shape[1], dtype=torch.float64).index_add(0, inverse, features.double())
    return sites, (sums / counts[:, None] if average else sums).float()
