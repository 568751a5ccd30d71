"""Sparse tensors as dense ones and as torch.sparse's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import torch

from .._messages import wrong_shape, wrong_value
from ..errors import CoordinateError
from ._errors import asserted

__all__ = ["dense", "torch_sparse"]


def dense(
    coordinates: torch.Tensor,
    features: torch.Tensor,
    tensor_stride: list[int],
    shape: Optional[Sequence[int]],
    min_coordinate: Any,
    contract_stride: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """See `SparseTensor.dense`."""
    dimension, planes = len(tensor_stride), features.shape[1]
    stride = torch.tensor(tensor_stride, dtype=torch.int32)
    if shape is not None and len(shape) != dimension + 2:
        raise asserted(wrong_shape("shape", [len(shape)], [dimension + 2]))
    if not len(features):
        if shape is None:
            raise asserted(wrong_value("shape", None, "a shape for a tensor without sites"))
        size = (shape[0], planes, *shape[2:])
        return features.new_zeros(size) + features.sum(), torch.zeros(dimension, dtype=torch.int32), stride
    samples, places = coordinates[:, 0].long(), coordinates[:, 1:].long()
    steps = stride.clamp(min=1).to(places)
    if min_coordinate is None:
        low = places.amin(0)
        if bool((low < 0).any()):
            raise wrong_value("min_coordinate", None, f"at most {low.tolist()} where coordinates are negative")
    else:
        low = _place(min_coordinate, dimension, "min_coordinate").to(places)
        places = places - low
    if bool((low % steps).any()):
        raise asserted(wrong_value("min_coordinate", low.tolist(), f"multiples of the tensor stride {tensor_stride}"))
    if contract_stride:
        places = torch.div(places, steps, rounding_mode="floor")
    if shape is None:
        extent = (places.amax(0) + 1).tolist()
        size = (int(samples.max()) + 1, planes, *extent)
    else:
        size = (int(shape[0]), planes, *(int(number) for number in shape[2:]))
    bounds = torch.tensor([size[0], *size[2:]], device=places.device)
    index = torch.cat([samples[:, None], places], 1)
    outside = ((index < 0) | (index >= bounds)).any(1).nonzero()
    if len(outside):
        row = int(outside[0])
        raise CoordinateError(
            f"shape: is {list(size)}, expected one that holds row {row}, which goes to {index[row].tolist()}"
        )
    empty = features.new_zeros(size[0], *size[2:], planes)
    filled = empty.index_put(tuple(index.unbind(1)), features)
    return filled.movedim(-1, 1).contiguous(), low[None].int(), stride


def torch_sparse(
    coordinates: torch.Tensor,
    features: torch.Tensor,
    tensor_stride: list[int],
    min_coords: Any,
    max_coords: Any,
    contract_coords: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """See `SparseTensor.sparse`."""
    dimension = len(tensor_stride)
    stride = torch.tensor(tensor_stride, dtype=torch.int32)
    steps = stride.clamp(min=1)
    places = coordinates[:, 1:].to(torch.int32)
    if min_coords is None:
        low = places.amin(0).cpu() if len(places) else torch.zeros(dimension, dtype=torch.int32)
    else:
        low = _place(min_coords, dimension, "min_coords")
    high = None if max_coords is None else _place(max_coords, dimension, "max_coords")
    for name, bound in (("min_coords", low), ("max_coords", high)):
        if bound is not None and bool((bound % steps).any()):
            raise asserted(wrong_value(name, bound.tolist(), f"multiples of the tensor stride {tensor_stride}"))
    places = places - low.to(places.device)
    if contract_coords:
        places = torch.div(places, steps.to(places.device), rounding_mode="floor")
        low = torch.div(low, steps, rounding_mode="floor")
        high = None if high is None else torch.div(high, steps, rounding_mode="floor")
    index = torch.cat([coordinates[:, :1].long(), places.long()], 1).t()
    samples = int(coordinates[:, 0].max()) + 1 if len(coordinates) else 0
    if high is not None:
        extent = (high - low + 1).tolist()
    else:
        extent = (places.amax(0) + 1).tolist() if len(places) else [0] * dimension
    size = (samples, *extent, features.shape[1])
    return torch.sparse_coo_tensor(index, features, size, check_invariants=True), low[None], stride


def _place(given: Any, dimension: int, name: str) -> torch.Tensor:
    """Return a place as [dimension] int32; 0 is the origin."""
    place = torch.as_tensor(given)
    if place.ndim == 0 and place == 0:
        return torch.zeros(dimension, dtype=torch.int32)
    if place.numel() != dimension:
        raise asserted(wrong_shape(name, place.shape, [dimension]))
    if place.is_floating_point():
        raise wrong_value(name, place.tolist(), "whole numbers")
    return place.reshape(dimension).cpu().to(torch.int32)
