"""Small helpers around points, batches and rotations, on numpy arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._messages import counted, wrong_shape, wrong_value
from ._native.arrays import FloatArray, IntArray, float32, int64, integer, plain
from .errors import InvalidArgumentError, ShapeError
from .values.metadata import coordinate_rows

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


def pad_with_batch_idx(x: Any, idx: int) -> IntArray:
    """Return coordinates [rows, d] with a last column of the batch index, [rows, d + 1]."""
    return _padded(coordinate_rows(x, "x"), integer(idx, "idx"))


def _padded(where: IntArray, index: int) -> IntArray:
    return np.concatenate([where, np.full((len(where), 1), index, np.int64)], axis=1)


def batch_location_tensors(location_tensors: Iterable[Any]) -> IntArray:
    """Return the coordinates [rows, d] of many samples as one array [all rows, d + 1], the sample's number last.

    A sample of shape [0] has no rows. Raises `ShapeError` if samples have different dimensions, or if there are none of
    any.
    """
    samples = {
        index: coordinate_rows(sample, f"location_tensors[{index}]")
        for index, sample in enumerate(location_tensors)
        if tuple(np.shape(sample)) != (0,)
    }
    if not samples:
        raise ShapeError("location_tensors: is empty, expected at least one sample")
    columns = next(iter(samples.values())).shape[1]
    for index, sample in samples.items():
        if sample.shape[1] != columns:
            raise ShapeError(
                f"location_tensors[{index}]: has {counted(sample.shape[1], 'column')}, expected {columns} as the first"
            )
    return np.concatenate([_padded(sample, index) for index, sample in samples.items()])


def prepare_BLInput(batch: Sequence[tuple[Any, Any]]) -> list[Any]:
    """Return [coordinates [batch, length, d], features [batch, length, planes]] for a `BLInputLayer`.

    batch: a pair of coordinates [rows, d] and features [rows, planes] for each sample. Shorter samples are padded, with
    coordinates of -1 and features of 0.
    """
    pairs = []
    for index, pair in enumerate(batch):
        where, features = coordinate_rows(pair[0], f"batch[{index}][0]"), float32(pair[1], f"batch[{index}][1]")
        if features.ndim != 2 or len(features) != len(where):
            raise wrong_shape(f"batch[{index}][1]", features.shape, f"[{len(where)}, planes]")
        pairs.append((where, features))
    if not pairs:
        raise InvalidArgumentError("batch: is empty, expected at least one sample")
    length = max(len(where) for where, _ in pairs)
    dimension, planes = pairs[0][0].shape[1], pairs[0][1].shape[1]
    for index, (where, features) in enumerate(pairs):
        widths = (("coordinate", where.shape[1], dimension), ("plane", features.shape[1], planes))
        for what, found, expected in widths:
            if found != expected:
                raise ShapeError(f"batch[{index}]: has {counted(found, what)}, expected {expected} as the first")
    coordinates = np.full((len(pairs), length, dimension), -1, np.int64)
    values = np.zeros((len(pairs), length, planes), np.float32)
    for index, (where, features) in enumerate(pairs):
        coordinates[index, : len(where)] = where
        values[index, : len(features)] = features
    return [coordinates, values]


def random_rotation(
    dimension: int = 3, allow_mirror: bool = False, rng: np.random.Generator | None = None
) -> FloatArray:
    """Return a random rotation, [dimension, dimension], all equally likely; with allow_mirror also reflections.

    rng: where randomness comes from; None for numpy's global generator (`numpy.random.seed`).
    """
    size = integer(dimension, "dimension")
    if size < 1:
        raise wrong_value("dimension", size, "at least 1")
    normal = np.random.standard_normal((size, size)) if rng is None else rng.standard_normal((size, size))
    q, r = np.linalg.qr(normal)
    # Signs that make the factorization unique, without which rotations are not equally likely (Mezzadri, 2007).
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    if not allow_mirror and np.linalg.det(q) < 0:
        q[:, 0] = -q[:, 0]
    return q.astype(np.float32)


def squareroot_rotation(a: Any) -> FloatArray:
    """Return the rotation [3, 3] about the same axis by half the angle: applied twice, it is `a`.

    Raises `InvalidArgumentError` if `a` is not a rotation.
    """
    m = np.asarray(plain(a, "a"), np.float64)
    if m.shape != (3, 3):
        raise wrong_shape("a", m.shape, [3, 3])
    if not np.allclose(m @ m.T, np.eye(3), atol=1e-4) or np.linalg.det(m) < 0:
        what = "a reflection" if np.linalg.det(m) < 0 else "a matrix whose transpose is not its inverse"
        raise InvalidArgumentError(f"a: is {what}, expected a rotation")
    # The quaternion (w, x, y, z) from the row of its outer product with itself that has the largest diagonal element.
    skew = np.array([m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]])
    outer = np.empty((4, 4))
    outer[0, 0] = 1 + np.trace(m)
    outer[0, 1:] = outer[1:, 0] = skew
    outer[1:, 1:] = m + m.T + (1 - np.trace(m)) * np.eye(3)
    quaternion = outer[np.argmax(np.diag(outer))]
    quaternion = quaternion / np.linalg.norm(quaternion) * (1 if quaternion[0] >= 0 else -1)
    quaternion[0] += 1
    w, *axis = quaternion / np.linalg.norm(quaternion)
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    half: FloatArray = (np.eye(3) + 2 * w * cross + 2 * cross @ cross).astype(np.float32)
    return half


def voxelize_pointcloud(
    xyz: Any,
    rgb: Any,
    average: bool = True,
    accumulate: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
) -> tuple[NDArray[Any], ...]:
    """Return the distinct rows of xyz, sorted, and their combined features.

    xyz: [points, d], whole numbers. rgb: [points, planes]. average: the mean of the features at each row; else
    accumulate: their sum; else the features of the first point there. return_inverse: also return which row of the
    result each point went to, [points]; return_counts: also return how many points each row of the result has.
    """
    where, features = int64(xyz, "xyz"), float32(rgb, "rgb")
    if where.ndim != 2:
        raise wrong_shape("xyz", where.shape, "[points, d]")
    if features.ndim != 2 or len(where) != len(features):
        raise wrong_shape("rgb", features.shape, f"[{len(where)}, planes]")
    sites, first, inverse, counts = np.unique(where, axis=0, return_index=True, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(-1)
    values = features[first]
    if average or accumulate:
        sums = np.zeros((len(sites), features.shape[1]))
        np.add.at(sums, inverse, features)
        values = (sums / counts[:, None] if average else sums).astype(np.float32)
    return sites, values, *[inverse] * bool(return_inverse), *[counts] * bool(return_counts)
