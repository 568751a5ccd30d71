"""Where kernels read: the offsets of a box, a cross, or a list.

The engine's columns are the program's axes in reversed order, so that the first axis, whose taps MinkowskiEngine counts
fastest, is the engine's last, whose taps scn counts fastest: kernels need not be reordered.
"""

from __future__ import annotations

import functools
from typing import NamedTuple, Optional

import numpy as np

from .._messages import wrong_shape, wrong_value
from .._native.arrays import IntArray
from ._enums import RegionType
from ._errors import asserted

__all__ = ["Region", "box", "cells"]

Axes = tuple[int, ...]


class Region:
    """The offsets of a kernel, in steps of the tensor stride. key: what tells it from others."""

    __slots__ = ("centered", "key", "steps", "taps")

    def __init__(
        self, key: tuple[object, ...], taps: IntArray, steps: IntArray, centered: Optional[Axes] = None
    ) -> None:
        self.key = key
        self.taps = taps
        """[volume, dimension], in the engine's columns."""
        self.steps = steps
        """The dilation, [dimension], in the engine's columns."""
        self.centered = centered
        """The size, in the engine's columns, of a box with a middle; None for others."""

    @property
    def size(self) -> Axes:
        """The size that `cells` was called with."""
        size: Axes = self.key[1]  # type: ignore[assignment]
        return size

    @property
    def volume(self) -> int:
        """The number of offsets."""
        return len(self.taps)


class _Listed(NamedTuple):
    """Offsets that a program lists; hashable."""

    shape: tuple[int, int]
    content: bytes

    def array(self) -> IntArray:
        return np.frombuffer(self.content, np.int64).reshape(self.shape)


def listed(offsets: object, dimension: int) -> _Listed:
    """Return a program's offsets [volume, dimension] as what `box` and its siblings take."""
    array = np.ascontiguousarray(np.asarray(offsets), np.int64)
    if array.ndim != 2 or array.shape[1] != dimension or not len(array):
        raise asserted(wrong_shape("region_offsets", array.shape, f"[at least 1, {dimension}]"))
    return _Listed(array.shape, array.tobytes())


def box(size: Axes, dilation: Optional[Axes] = None) -> Region:
    """Return a box: odd sizes reach as far back as forward, even ones from 0 to size - 1."""
    return region(RegionType.HYPER_CUBE, size, dilation or (1,) * len(size), None, None)


@functools.lru_cache(maxsize=256)
def cells(size: Axes) -> Region:
    """Return the offsets 0 ... size - 1 of each axis, whatever the size."""
    return Region(("cells", size), _grid(size[::-1], (0,) * len(size)), np.ones(len(size), np.int64))


@functools.lru_cache(maxsize=1024)
def region(
    kind: RegionType,
    size: Axes,
    dilation: Axes,
    offsets: Optional[_Listed],
    axis_types: Optional[tuple[RegionType, ...]],
) -> Region:
    """Return the offsets of a kernel. size and dilation are those of the program's axes; axis_types says which axes of
    a hybrid kernel make a box; the others then make a cross."""
    key = (kind, size, dilation, offsets, axis_types)
    steps = np.array(dilation[::-1], np.int64)
    if kind == RegionType.CUSTOM:
        if offsets is None:
            raise asserted(wrong_value("region_offsets", None, "a tensor of offsets for RegionType.CUSTOM"))
        return Region(key, np.ascontiguousarray(offsets.array()[:, ::-1]) * steps, steps)
    if offsets is not None:
        raise asserted(wrong_value("region_offsets", "a tensor", "None unless region_type is RegionType.CUSTOM"))
    if min(size) < 1:
        raise asserted(wrong_value("kernel_size", list(size), "positive integers"))
    if axis_types is not None and len(set(axis_types)) == 1 and len(axis_types) == len(size):
        kind, axis_types = axis_types[0], None
    if axis_types is not None:
        return Region(key, _hybrid(size, axis_types)[:, ::-1] * steps, steps)
    if kind == RegionType.HYPER_CROSS:
        if not all(extent % 2 for extent in size):
            raise asserted(wrong_value("kernel_size", list(size), "odd integers for RegionType.HYPER_CROSS"))
        return Region(key, _cross(size)[:, ::-1] * steps, steps)
    turned = size[::-1]
    taps = _grid(turned, tuple(extent // 2 if extent % 2 else 0 for extent in turned))
    return Region(key, taps * steps, steps, turned if all(extent % 2 for extent in size) else None)


def _grid(size: Axes, middle: Axes) -> IntArray:
    """Return all taps of a box, the last column fastest, counted from the middle."""
    counted: IntArray = np.indices(size).reshape(len(size), -1).T - np.array(middle, np.int64)
    return counted


def _cross(size: Axes) -> IntArray:
    """Return the middle, then on each axis 1, 2, ... and then -r, ..., -1, in the program's columns."""
    taps = [np.zeros((1, len(size)), np.int64)]
    for axis, extent in enumerate(size):
        reach = extent // 2
        arm = np.zeros((2 * reach, len(size)), np.int64)
        arm[:, axis] = [*range(1, reach + 1), *range(-reach, 0)]
        taps.append(arm)
    return np.concatenate(taps)


def _hybrid(size: Axes, axis_types: tuple[RegionType, ...]) -> IntArray:
    """Return the middle, then what each axis of the box adds to what was there, then the arms of the other axes."""
    if len(axis_types) != len(size):
        raise asserted(wrong_shape("axis_types", [len(axis_types)], [len(size)]))
    taps = np.zeros((1, len(size)), np.int64)
    for is_box in (True, False):
        for axis, extent in enumerate(size):
            if (axis_types[axis] == RegionType.HYPER_CUBE) is not is_box:
                continue
            places = [place for place in range(-((extent - 1) // 2), extent // 2 + 1) if place]
            start = taps if is_box else np.zeros((1, len(size)), np.int64)
            added = np.repeat(start, len(places), 0)
            added[:, axis] = np.tile(places, len(start))
            taps = np.concatenate([taps, added])
    return taps
