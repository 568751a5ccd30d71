"""Operators on several sparse tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from .._messages import wrong_value
from ._shared.sums import Pairs, sum_of_pairs
from .tensor import SparseTensor

__all__ = ["cat", "generative_add"]


def cat(inputs: Sequence[Any]) -> Any:
    """Return a tensor whose planes are those of some tensors on the same sites, side by side."""
    if not len(inputs):
        raise wrong_value("inputs", inputs, "at least one tensor")
    first, *others = inputs
    result = first._joined(lambda features: torch.cat(features, 1), others)
    if getattr(result, "spatial_range", None) is not None:
        # As in torchsparse: layers that follow then know no field.
        result.spatial_range = None
    return result


def generative_add(a: SparseTensor, b: SparseTensor) -> SparseTensor:
    """Return the sum of two tensors on the sites that either has; the rows are in the order of the coordinates."""
    larger, other = (a, b) if len(a.feats) >= len(b.feats) else (b, a)
    coords, row = torch.unique(torch.cat([larger.coords, other.coords]), dim=0, return_inverse=True)
    features = torch.cat([larger.feats, other.feats])
    row = row.to(features.device)
    pairs = Pairs(torch.arange(len(row), device=row.device), row, len(row), len(coords))
    result = SparseTensor(
        sum_of_pairs(features, features.new_ones(len(row)), pairs), coords, larger.stride, larger.spatial_range
    )
    result._caches = larger._caches
    return result
