"""Convolutions between sparse tensors: down, on the same sites, back up, and to new sites."""

from __future__ import annotations

from typing import Any, Optional

import torch

from ..._messages import counted, wrong_elements, wrong_shape, wrong_type, wrong_value
from ...dialects.rows import Rules
from ...errors import StateError
from ...torch import functional
from ...torch.autograd.autocast import is_autocasting
from ...torch.autograd.buffers import typed_like
from .filters import Filter
from .forms import Triple
from .kernel_map import KernelMap, multiplied
from .levels import coarser, generated
from .tensor import BaseTensor

__all__ = ["convolved", "convolved_back", "convolved_by_points", "convolved_to_new_sites"]


def convolved_by_points(input: BaseTensor, weight: torch.Tensor, bias: Optional[torch.Tensor]) -> Any:
    """Return what a filter of size 1 and stride 1 makes of a tensor. weight: [in, out] or [1, in, out]."""
    checked = _weight(input, weight, 1)[0]
    features, order_of = input._held_in
    if isinstance(input.coords, torch.Tensor) and len(features) != len(input.coords):
        raise wrong_shape("feats", features.shape, f"[{len(input.coords)}, planes], a row for each of coords")
    if features.dtype is checked.dtype or is_autocasting(features.device):
        result = torch.nn.functional.linear(features, checked.t(), bias)
    else:
        kind = torch.promote_types(features.dtype, checked.dtype)
        shift = None if bias is None else bias.to(kind)
        result = typed_like(torch.nn.functional.linear(features.to(kind), checked.t().to(kind), shift), features)
    output = input._like(result, order_of)
    output._remember()
    return output


def convolved(
    input: BaseTensor, weight: torch.Tensor, bias: Optional[torch.Tensor], filter: Filter, allows_negative: bool
) -> Any:
    """Return what a filter makes of a tensor, on the same sites or on those that its stride leads to."""
    factors = _weight(input, weight, filter.volume)
    maps, key = input._maps(), _key(_stride_of(input), filter)
    known = maps.get(key)
    spatial_range = getattr(input, "spatial_range", None)
    if not isinstance(known, KernelMap) or not known.is_of(filter, input.coords, spatial_range):
        known = coarser(input.form, filter, _stride_of(input), input.coords, spatial_range, allows_negative)
        maps[key] = known
    rules = known.rules
    output = input._made(
        _along(input, rules, factors, bias),
        rules.output,
        known.coarse,
        multiplied(_stride_of(input), filter.stride),
        known.spatial_range,
    )
    output._remember()
    return output


def convolved_back(input: BaseTensor, weight: torch.Tensor, bias: Optional[torch.Tensor], filter: Filter) -> Any:
    """Return what the reverse of a filter makes of a tensor, on the sites that the layer with this filter came from.

    Raises `StateError` where the caches know neither such a layer nor sites of the stride to return to.
    """
    factors = _weight(input, weight, filter.volume)
    stride = _stride_back(input, filter.stride)
    known = input._maps().get(_key(stride, filter))
    known = known if isinstance(known, KernelMap) else None
    sites = input._sites_of(stride)
    if sites is None and known is None:
        raise StateError(
            f"input: no layer led from stride {list(stride)} to this tensor of stride {list(input.stride)}, expected one "
            f"with kernel_size {list(filter.size)} and stride {list(filter.stride)} for the transposed layer to reverse"
        )
    fine, spatial_range = (known.fine, known.fine_range) if sites is None else sites  # type: ignore[union-attr]
    if spatial_range is None and known is not None and known.fine is fine:
        spatial_range = known.fine_range
    if known is None or known.fine is not fine or known.coarse is not input.coords:
        # A layer of another size, or coordinates that a program replaced: the relation is the same.
        used = filter if known is None else known.filter
        known = KernelMap(input.form, used, stride, fine, input.coords)
    rules = known.reversed_rules
    output = input._made(_along(input, rules, factors, bias), rules.output, fine, stride, spatial_range)
    output._remember()
    return output


def convolved_to_new_sites(
    input: BaseTensor, weight: torch.Tensor, bias: Optional[torch.Tensor], size: Triple, stride: Triple
) -> Any:
    """Return what a generative transposed filter makes of a tensor, on all sites that it reaches.

    The caches forget all maps, since the sites of a stride are others now.
    """
    volume = size[0] * size[1] * size[2]
    factors = _weight(input, weight, volume)
    result_stride = _stride_back(input, stride)
    spatial_range = getattr(input, "spatial_range", None)
    made = generated(input.form, size, stride, input.coords, _stride_of(input), spatial_range)
    features = _along(input, made.rules, factors, bias)
    output = input._made(features, made.rules.output, made.coords, result_stride, made.spatial_range)
    output._replace_sites()
    return output


def _along(input: BaseTensor, rules: Rules, factors: torch.Tensor, bias: Optional[torch.Tensor]) -> torch.Tensor:
    """Return the convolution of the features along rules, in the engine's order of the sites that they lead to."""
    return functional.convolve(input._sorted(rules.input), rules.rulebook, factors.unsqueeze(1), bias)


def _weight(input: BaseTensor, weight: torch.Tensor, volume: int) -> torch.Tensor:
    """Return a weight as [volume, in, out], and check it and the features. Where the volume is 1, [in, out] will do."""
    if not isinstance(input, BaseTensor):
        raise wrong_type("input", input, "a torchsparse.SparseTensor")
    features = input._held_in[0]
    if not isinstance(features, torch.Tensor):
        raise wrong_type("feats", features, "a torch.Tensor")
    if not features.is_floating_point():
        raise wrong_elements("feats", features.dtype, "floating-point numbers")
    if weight.ndim == 2 and volume == 1:
        weight = weight.unsqueeze(0)
    if weight.ndim != 3 or weight.shape[0] != volume:
        raise wrong_shape("weight", weight.shape, f"[{volume}, in, out]")
    if features.ndim != 2 or features.shape[1] != weight.shape[1]:
        raise wrong_shape(
            "feats",
            features.shape,
            f"[sites, {weight.shape[1]}], since the layer takes {counted(weight.shape[1], 'plane')}",
        )
    return weight


def _stride_of(input: BaseTensor) -> Triple:
    x, y, z = input.stride
    return x, y, z


def _stride_back(input: BaseTensor, stride: Triple) -> Triple:
    """Return the stride of the sites that a transposed layer leads to."""
    if any(size % step for size, step in zip(input.stride, stride)):
        raise wrong_value("input.stride", input.stride, f"a multiple of the transposed layer's stride {list(stride)}")
    x, y, z = (size // step for size, step in zip(input.stride, stride))
    return x, y, z


def _key(stride: Triple, filter: Filter) -> tuple[Triple, Triple, Triple, Triple]:
    """Return the key under which the caches keep the map from a stride."""
    return stride, filter.size, filter.stride, filter.dilation
