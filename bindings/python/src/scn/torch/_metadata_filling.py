"""Metadata that a program fills itself, with the methods of SparseConvNet's C++ class."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
import torch

from .._messages import type_of, wrong_shape
from .._native.arrays import IntArray, integer, sizes
from ..errors import StateError
from ..nn.input_batch import placed
from .autograd.buffers import on_cpu


class Filling:
    """The sites that have been named so far, in their order, and the rows that they have in the features."""

    def __init__(self, spatial_size: list[int]) -> None:
        self.spatial_size = spatial_size
        self.samples = 0
        self.current: Optional[int] = None
        self.rows: dict[tuple[int, ...], int] = {}

    def copy(self) -> Filling:
        """Return a copy."""
        result = Filling(self.spatial_size)
        result.samples, result.current, result.rows = self.samples, self.current, dict(self.rows)
        return result

    def locations(self) -> IntArray:
        """Return the sites in the order of the rows, [sites, dimension + 1]."""
        return np.array(list(self.rows), np.int64).reshape(len(self.rows), len(self.spatial_size) + 1)

    def add_sample(self) -> None:
        """Begin the next sample."""
        self.current = self.samples
        self.samples += 1

    def name(self, where: IntArray) -> None:
        """Take sites that have no row yet, each once."""
        self.rows.update((site, row) for row, site in enumerate(map(tuple, where.tolist()), len(self.rows)))
        self._count_samples(where)

    def set(self, features: Any, locations: Any, vectors: Any, overwrite: bool, new_sample: bool = False) -> None:
        """Give sites their vectors, one after the other, in features that grow in place. new_sample: begin one with
        them."""
        where, values = placed(locations, vectors, self.spatial_size, self.current, "vecs")
        count, planes = len(self.rows), values.shape[1]
        check_growing(features, count, planes)
        fresh: dict[tuple[int, ...], int] = {}
        # Which vector each row gets.
        chosen: dict[int, int] = {}
        for index, site in enumerate(map(tuple, where.tolist())):
            row = self.rows.get(site)
            if row is None:
                row = fresh.setdefault(site, count + len(fresh))
            if overwrite or (row >= count and row not in chosen):
                chosen[row] = index
        grow(features, count + len(fresh), planes)
        with torch.no_grad():
            features[list(chosen)] = torch.from_numpy(values[list(chosen.values())])
        self.rows.update(fresh)
        if new_sample:
            self.add_sample()
        self._count_samples(where)

    def _count_samples(self, where: IntArray) -> None:
        self.samples = max(self.samples, int(where[:, -1].max(initial=-1)) + 1)


def check_growing(features: Any, count: int, planes: int) -> None:
    """Raise if features cannot take more rows: they must have one for each site so far; anything goes if there is
    none."""
    if not isinstance(features, torch.Tensor) or features.dtype is not torch.float32 or features.requires_grad:
        what = f"a {features.type()}" if isinstance(features, torch.Tensor) else type_of(features)
        what += " that requires a gradient" if getattr(features, "requires_grad", False) else ""
        raise TypeError(
            f"features: is {what}, expected a torch.FloatTensor without a gradient, since it grows in place"
        )
    if not on_cpu(features, "features").untyped_storage().resizable():
        raise TypeError("features: is in memory that is not torch's, such as numpy's, expected memory that can grow")
    # Without sites, the content does not matter.
    if not count:
        return
    if tuple(features.shape) != (count, planes) or not features.is_contiguous():
        raise wrong_shape("features", features.shape, f"[{count}, {planes}], contiguous")


def grow(features: torch.Tensor, count: int, planes: int) -> None:
    """Give features more rows in place. Memory doubles, so that rows can be added one by one."""
    if features.untyped_storage().nbytes() < count * planes * features.element_size():
        features.resize_(2 * count, planes)
    features.resize_(count, planes)


def begun(filling: Optional[Filling]) -> Filling:
    """Return what is being filled; `StateError` if its spatial size is not known."""
    if filling is None:
        raise StateError("spatial_size: is None, expected setInputSpatialSize first, or a Metadata of coordinates")
    return filling


def size_list(spatial_size: Any, dimension: int) -> list[int]:
    """Return a spatial size, a tensor or anything else that gives one, as integers."""
    return sizes(torch.as_tensor(spatial_size).tolist(), dimension, "spatial_size")


def dense_rows(nonzero: Any, dimension: int, batch_size: int) -> tuple[IntArray, int]:
    """Return the sites that `nonzero` of a tensor [batch, ...spatial size] names, the batch index last, and the batch
    size."""
    where, samples = np.asarray(nonzero, np.int64), integer(batch_size, "batchSize")
    if where.ndim != 2 or where.shape[1] != dimension + 1:
        raise wrong_shape("nz_", where.shape, f"[sites, {dimension + 1}]")
    return np.roll(where, -1, axis=1), samples
