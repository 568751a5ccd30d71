"""From rows at sites to a dense array."""

from __future__ import annotations

import math
from typing import Any

import torch

from ..._messages import wrong_shape
from ...errors import CoordinateError

__all__ = ["to_dense"]
DIFFERS = {
    "to_dense": "a site outside of the range is an error",
}


def to_dense(feats: torch.Tensor, coords: torch.Tensor, spatial_range: Any) -> torch.Tensor:
    """Return a dense array [batch, x, y, z, planes] with zeros where no site is; gradients flow into the features.

    feats: [sites, planes]. coords: [sites, 4], the batch index first. spatial_range: the size of each of the four axes.
    Raises `CoordinateError` for a site outside of it.
    """
    shape = tuple(int(size) for size in spatial_range)
    if feats.ndim != 2:
        raise wrong_shape("feats", feats.shape, "[sites, planes]")
    if coords.shape != (len(feats), len(shape)):
        raise wrong_shape("coords", coords.shape, [len(feats), len(shape)])
    where = coords.to(feats.device).long()
    sizes = where.new_tensor(shape)
    is_outside = ((where < 0) | (where >= sizes)).any(1)
    if is_outside.any():
        row = int(is_outside.nonzero()[0])
        raise CoordinateError(f"coords: row {row} is {coords[row].tolist()}, expected sites below {list(shape)}")
    cell = where.new_zeros(len(where))
    for axis, size in enumerate(shape):
        cell = cell * size + where[:, axis]
    dense = feats.new_zeros(math.prod(shape), feats.shape[1]).index_add(0, cell, feats)
    return dense.view(*shape, feats.shape[1])
