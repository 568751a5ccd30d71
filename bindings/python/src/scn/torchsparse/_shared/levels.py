"""The sites that layers lead to, and the rules to them."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Optional

import numpy as np
import torch

from ..._messages import wrong_value
from ..._native.arrays import IntArray
from ...dialects.rows import Rows, Rules
from .filters import Filter, centered
from .forms import Form, Triple
from .kernel_map import KernelMap, multiplied, related
from .placed import Placed, coordinates_of, placed

__all__ = ["Generated", "coarser", "generated"]

Range = Optional[tuple[int, ...]]
"""The size of a field, the batch first; None for one without bounds."""


def coarser(
    form: Form, filter: Filter, stride: Triple, coords: torch.Tensor, spatial_range: Range, allows_negative: bool
) -> KernelMap:
    """Return the map from the sites of coordinates to those that a layer leads to.

    stride: that of the coordinates' tensor. spatial_range: the size of its field. allows_negative: whether windows
    below zero count where no site is below it.
    """
    fine = placed(coords, form, stride, is_compared=True)
    if filter.sites == "same":
        same = Rules(related(form, filter, stride, fine, fine), fine.rows, fine.rows)
        # Programs may give the planes, too.
        result_range = None if spatial_range is None else spatial_range[:4]
        return KernelMap(form, filter, stride, coords, coords, spatial_range, result_range, same)
    result_stride = multiplied(stride, filter.stride)
    unit: Triple = (1, 1, 1) if form.is_divided else result_stride
    # What a step of the coarse rows is in steps of the fine rows.
    step = np.array(filter.stride if form.is_divided else result_stride) // np.array(fine.unit)
    rulebook = None
    if filter.sites == "floor":
        sites = fine.rows.sites.floor(step)
    else:
        scale = np.array([1, 1, 1] if form.is_divided else stride) // np.array(fine.unit)
        # Filters without a field make sites by their mirror image, which is the same but for even sizes.
        reached = -filter.offsets if filter.is_open else filter.offsets
        sites, rulebook = fine.rows.sites.covering(reached * scale, output_stride=step)
        keep = _kept(filter, fine, scale, sites.coordinates[:, :3], step, spatial_range, allows_negative)
        if not keep.all():
            sites = sites.subset(keep)[0]
        if filter.is_open or not keep.all():
            rulebook = None
    coarse = Placed(Rows(sites), unit)
    if rulebook is None:
        rulebook = related(form, filter, stride, fine, coarse)
    shown = coordinates_of(coarse, form, coords.device)
    rules = Rules(rulebook, fine.rows, coarse.rows)
    coarse_range = _coarse_range(filter, spatial_range)
    return KernelMap(form, filter, stride, coords, shown, spatial_range, coarse_range, rules)


class Generated(NamedTuple):
    """Sites that a generative layer makes."""

    coords: torch.Tensor
    """[sites, 4] int32."""
    rules: Rules
    """To them, from the sites that they come from."""
    spatial_range: Range
    """The size of their field."""


def generated(
    form: Form, size: Triple, stride: Triple, coords: torch.Tensor, coords_stride: Triple, spatial_range: Range
) -> Generated:
    """Return all sites that a filter reaches from the sites of coordinates.

    A filter of odd volume is centered on input * stride and reads as a convolution does, input * stride = output +
    offset; one of even volume reaches forward: tap t makes output = input * stride + t. coords_stride: that of the
    coordinates' tensor, a multiple of stride. spatial_range: the size of their field; times the stride it is that of
    the result, outside of which no sites are made.
    """
    one = (1, 1, 1)
    is_odd = math.prod(size) % 2 == 1
    offsets = Filter(size, one, one, (0, 0, 0), centered(size, one) if is_odd else (0, 0, 0), "same").offsets
    offsets = offsets if is_odd else -offsets
    source = placed(coords, form, coords_stride, is_compared=True)
    unit = one
    if not form.is_divided:
        if source.unit != coords_stride:
            raise wrong_value("coords", coords.tolist()[:1], f"multiples of the stride {list(coords_stride)}")
        x, y, z = (whole // step for whole, step in zip(coords_stride, stride))
        unit = x, y, z
    sites, rulebook = source.rows.sites.covering(offsets, input_stride=stride)
    result_range: Range = None
    if spatial_range is not None:
        result_range = (spatial_range[0], *(n * s for n, s in zip(spatial_range[1:], stride)))
        keep = _inside(sites.coordinates[:, :3], result_range)
        if not keep.all():
            sites, _ = sites.subset(keep)
            rulebook = source.rows.sites.related(sites, offsets, input_stride=stride)
    result = Placed(Rows(sites), unit)
    shown = coordinates_of(result, form, coords.device)
    return Generated(shown, Rules(rulebook, source.rows, result.rows), result_range)


def _kept(
    filter: Filter,
    fine: Placed,
    scale: IntArray,
    where: IntArray,
    step: IntArray,
    spatial_range: Range,
    allows_negative: bool,
) -> Any:
    """Return which of the coarse sites that a filter covers [n, 3] a layer keeps, [n].

    scale, step: how many steps of the fine rows a step of the fine level is, and one of the coarse rows.
    """
    if not len(where):
        return np.ones(0, np.bool_)
    covered = fine.rows.sites.coordinates[:, :3]
    if filter.is_open:
        return (where * step >= covered.min(0)).all(1)
    if spatial_range is not None:
        return _inside(where, _coarse_range(filter, spatial_range))
    last = (covered.max(0) // scale + 2 * np.array(filter.padding) - _reach(filter)) // np.array(filter.stride)
    keep = (where <= last).all(1)
    is_at_zero = not allows_negative and covered.min() >= 0
    return keep & (where >= 0).all(1) if is_at_zero else keep


def _inside(where: IntArray, spatial_range: Any) -> Any:
    return ((where >= 0) & (where < np.array(spatial_range[1:]))).all(1)


def _coarse_range(filter: Filter, spatial_range: Range) -> Range:
    """Return the size of the field of the coarse sites."""
    if spatial_range is None:
        return None
    sizes, strides = spatial_range[1:], filter.stride
    if filter.sites == "floor":
        return (spatial_range[0], *((n - 1) // s + 1 for n, s in zip(sizes, strides)))
    ends = zip(sizes, filter.padding, _reach(filter).tolist(), strides)
    return (spatial_range[0], *((n + 2 * p - reach - 1) // s + 1 for n, p, reach, s in ends))


def _reach(filter: Filter) -> IntArray:
    """Return how far the last tap of each axis is from the first."""
    reach: IntArray = (np.array(filter.size) - 1) * np.array(filter.dilation)
    return reach
