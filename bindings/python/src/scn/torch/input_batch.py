"""Building a sparse tensor site by site."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..nn.input_batch import InputBatch as NumpyInputBatch
from ..nn.input_batch import precompute_rules
from .layers.layer import plain_size
from .metadata import Metadata
from .sparse import SparseConvNetTensor

__all__ = ["InputBatch"]


class InputBatch(SparseConvNetTensor):
    """A sparse tensor that is built sample by sample, SparseConvNet's older kind of input. Use it as a network's input.

        batch = scn.InputBatch(2, 10)
        batch.add_sample()
        batch.set_location(torch.LongTensor([4, 5]), torch.FloatTensor([1.0]))

    A site that has a vector keeps it unless `overwrite`. `InputLayer` takes all rows at once, and passes gradients.
    Pickling or copying it gives a `SparseConvNetTensor`.
    """

    def __init__(self, dimension: int, spatial_size: Any) -> None:
        self._builder = NumpyInputBatch(dimension, plain_size(spatial_size))
        self.dimension, self._is_stale = self._builder.dimension, False
        super().__init__()
        self._is_stale = True

    def _build(self) -> None:
        """Bring the features and the metadata up to date."""
        if not self._is_stale:
            return
        self._is_stale = False
        builder = self._builder
        parts = [where for where, _, _ in builder._rows]
        # All rows in the order in which they came: sites are shown in that of their first appearance.
        where = np.concatenate(parts) if parts else np.empty((0, self.dimension + 1), np.int64)
        size = builder._layer.spatial_size
        where = where.reshape(len(where), self.dimension + 1)
        self._metadata = Metadata(self.dimension, size, where, builder._samples, 3)
        self._sites, self._size, self._shown = 0, torch.tensor(size), None
        self._rows = torch.from_numpy(builder.numpy().copy())

    def __copy__(self) -> SparseConvNetTensor:
        return self._like(lambda rows: rows)

    def add_sample(self) -> None:
        """Begin the next sample."""
        self._builder.add_sample()
        self._is_stale = True

    def set_location(self, location: Any, vector: Any, overwrite: bool = False) -> None:
        """Give a site its vector. location: [dimension], in the current sample, or [dimension + 1], the sample last."""
        self._builder.set_location(location, vector, overwrite)
        self._is_stale = True

    def set_locations(self, locations: Any, vectors: Any, overwrite: bool = False) -> None:
        """Give sites their vectors, one after the other.

        locations: [n, dimension], in the current sample, or [n, dimension + 1], the sample last. vectors: [n, planes].
        Raises `CoordinateError` for a location out of range, and `StateError` if there is no sample yet.
        """
        self._builder.set_locations(locations, vectors, overwrite)
        self._is_stale = True

    def add_sample_from_tensor(self, tensor: Any, offset: Any, threshold: float = 0) -> None:
        """Begin the next sample with the cells of a tensor [...size, planes] in which some |value| is above
        `threshold`.

        offset: where the tensor's first cell lies. Cells outside the spatial size are left out.
        """
        self._builder.add_sample_from_tensor(tensor, plain_size(offset), threshold)
        self._is_stale = True

    def precompute_metadata(self, size: int) -> None:
        """Build the rules of submanifold convolutions of size 3 and of convolutions or poolings of `size` and stride 2.

        size: 2 or 3. It goes level by level as long as the spatial size divides.
        """
        precompute_rules(self._known_metadata(), self._site_set(), size)

    # SparseConvNet's older names, and those of methods that check nothing there.
    addSample = add_sample
    setLocation = setLocation_ = set_location_ = set_location
    setLocations = setLocations_ = set_locations_ = set_locations
    addSampleFromTensor = add_sample_from_tensor
    precomputeMetadata = precompute_metadata
