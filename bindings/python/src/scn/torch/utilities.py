"""Small helpers around points, batches and rotations, on torch tensors."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Optional

import numpy as np
import torch
from torch import nn

from .. import utilities as numpy_level
from .._messages import wrong_type
from .._native.arrays import integer
from ..utilities import is_power2
from .layers.layer import size_of

__all__ = [
    "batch_location_tensors",
    "has_only_one_nonzero_digit",
    "is_power2",
    "is_square",
    "optionalTensor",
    "optionalTensorReturn",
    "pad_with_batch_idx",
    "prepare_BLInput",
    "random_rotation",
    "spectral_norm_svd",
    "squareroot_rotation",
    "threadDatasetIterator",
    "toLongTensor",
    "voxelize_pointcloud",
]


def pad_with_batch_idx(x: Any, idx: int) -> torch.Tensor:
    """Return coordinates [rows, d] with a last column of the batch index, [rows, d + 1]."""
    return torch.from_numpy(numpy_level.pad_with_batch_idx(x, idx))


def batch_location_tensors(location_tensors: Iterable[Any]) -> torch.Tensor:
    """Return the coordinates [rows, d] of many samples as one tensor [all rows, d + 1], the sample's number last.

    A sample of shape [0] has no rows. Raises `ShapeError` if samples have different dimensions, or if there are none of
    any.
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

    Raises `InvalidArgumentError` if `a` is not a rotation.
    """
    return torch.from_numpy(numpy_level.squareroot_rotation(a))


def voxelize_pointcloud(
    xyz: Any,
    rgb: Any,
    average: bool = True,
    accumulate: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
) -> tuple[torch.Tensor, ...]:
    found = numpy_level.voxelize_pointcloud(xyz, rgb, average, accumulate, return_inverse, return_counts)
    return tuple(map(torch.from_numpy, found))


voxelize_pointcloud.__doc__ = numpy_level.voxelize_pointcloud.__doc__


def toLongTensor(dimension: int, x: Any) -> torch.Tensor:
    """Return a size as a LongTensor [dimension], from one number for all axes or one for each."""
    return size_of(x, dimension, "x")


def optionalTensor(a: Any, b: str) -> torch.Tensor:
    """Return the attribute b of a; an empty tensor if there is none."""
    value: Optional[torch.Tensor] = getattr(a, b, None)
    return torch.empty(0) if value is None else value


def optionalTensorReturn(a: torch.Tensor) -> Optional[torch.Tensor]:
    """Return the tensor; None if it is empty."""
    return a if a.numel() else None


def is_square(num: int) -> bool:
    """Return whether a whole number is 0, 1, 4, 9, ..."""
    number = integer(num, "num")
    return number >= 0 and math.isqrt(number) ** 2 == number


def has_only_one_nonzero_digit(num: int) -> bool:
    """Return whether a whole number is 1 ... 9 times a power of ten."""
    return len(str(integer(num, "num")).strip("0")) == 1


def spectral_norm_svd(module: nn.Module) -> torch.Tensor:
    """Return the largest singular value of a module's weight, the last axis taken as the columns of a matrix; rank
    0."""
    weight = getattr(module, "weight", None)
    if not isinstance(weight, torch.Tensor) or weight.ndim < 2:
        raise wrong_type("module", module, "a convolution or a product with a weight")
    norm: torch.Tensor = torch.linalg.matrix_norm(weight.reshape(-1, weight.shape[-1]), 2)
    return norm


def threadDatasetIterator(d: Any) -> Callable[[], Iterator[Any]]:
    """Return a function that yields d[0], d[1], ... d[len(d) - 1], which 8 threads fetch up to 16 ahead."""

    def iterator() -> Iterator[Any]:
        with ThreadPoolExecutor(8) as threads:
            ahead: deque[Future[Any]] = deque()
            for index in range(len(d)):
                ahead.append(threads.submit(d.__getitem__, index))
                if len(ahead) > 16:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

    return iterator
