"""Which sites the taps of a filter read, in the order of the weight, and which sites a layer leads to."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ..._native.arrays import IntArray
from .forms import Triple

__all__ = ["Filter", "centered", "filter_by_padding", "filter_centered", "ordered_taps"]


class Filter(NamedTuple):
    """A filter between a fine set of sites and a coarse one: tap t reads fine = coarse * stride + first + t * dilation,
    in the coordinates of the fine level divided by its stride."""

    size: Triple
    stride: Triple
    dilation: Triple
    padding: Triple
    first: Triple
    """Where the first tap of each axis reads."""
    sites: str
    """The coarse sites: 'same' as the fine ones, 'floor' of them by the stride, or those that are 'covered'."""
    is_open: bool = False
    """Whether covered sites lie anywhere from the first fine site on; else they lie in the field."""

    @property
    def offsets(self) -> IntArray:
        """What each tap adds, [volume, 3], in the order of the weight."""
        return _offsets(self)

    @property
    def volume(self) -> int:
        """The number of taps."""
        return math.prod(self.size)


def filter_by_padding(size: Triple, stride: Triple, padding: Triple, dilation: Triple, is_floored: bool) -> Filter:
    """Return the filter of torchsparse 2.1.

    Stride 1: centered if the volume is odd, forward from the site itself if it is even. Size equal to stride, without
    padding: the sites are rounded down, and odd filters centered. Otherwise tap t reads coarse * stride - padding + t *
    dilation. is_floored: the sites are rounded down and odd filters centered whatever the size.
    """
    is_odd = math.prod(size) % 2 == 1
    middle = centered(size, dilation)
    padded = _triple(-p for p in padding)
    if stride == (1, 1, 1):
        return Filter(size, stride, dilation, padding, middle if is_odd else (0, 0, 0), "same")
    is_tiling = all(s == k and not p for k, s, p in zip(size, stride, padding))
    if is_floored or is_tiling:
        return Filter(size, stride, dilation, padding, middle if is_odd else padded, "floor")
    return Filter(size, stride, dilation, padding, padded, "covered")


def filter_centered(size: Triple, stride: Triple, dilation: Triple) -> Filter:
    """Return the filter of torchsparse 1.4 and 2.0, which is centered; even sizes reach one further forward."""
    first = centered(size, dilation)
    if stride == (1, 1, 1):
        return Filter(size, stride, dilation, (0, 0, 0), first, "same")
    is_tiling = all(s in (1, k) for k, s in zip(size, stride))
    return Filter(size, stride, dilation, (0, 0, 0), first, "floor" if is_tiling else "covered", True)


def centered(size: Triple, dilation: Triple) -> Triple:
    """Return where the first tap of a centered filter reads: size 2 begins at 0, sizes 3 and 4 at -1."""
    return _triple(-((k - 1) // 2) * d for k, d in zip(size, dilation))


def ordered_taps(axes: Sequence[IntArray]) -> IntArray:
    """Return all taps of a box [volume, 3], given those of each axis, in the order of the weight: the first axis runs
    fastest if the volume is odd, the last one if it is even."""
    if math.prod(map(len, axes)) % 2 == 1:
        taps = [tap[::-1] for tap in itertools.product(*reversed(axes))]
    else:
        taps = list(itertools.product(*axes))
    return np.array(taps, np.int64).reshape(-1, 3)


@functools.lru_cache(maxsize=256)
def _offsets(filter: Filter) -> IntArray:
    return ordered_taps([first + np.arange(k) * d for first, k, d in zip(filter.first, filter.size, filter.dilation)])


def _triple(values: Iterable[int]) -> Triple:
    x, y, z = values
    return x, y, z
