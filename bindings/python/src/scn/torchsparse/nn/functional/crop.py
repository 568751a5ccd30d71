"""Cutting out a box."""

from __future__ import annotations

from typing import Any

from ...utils.utils import make_ntuple

__all__ = ["spcrop"]
DIFFERS = {
    "spcrop": "compares x, y, z; the real 2.1 compares the batch index, x and y",
}


def spcrop(input: Any, coords_min: Any = None, coords_max: Any = None) -> Any:
    """Return the sites of a tensor inside a box, coords_min <= x, y, z < coords_max, with caches of their own.

    coords_min, coords_max: a number for each axis, or None for no bound.
    """
    where = input.coords[:, input.form.axes]
    keep = where.new_ones(len(where), dtype=bool)
    if coords_min is not None:
        keep &= (where >= where.new_tensor(make_ntuple(coords_min, 3))).all(1)
    if coords_max is not None:
        keep &= (where < where.new_tensor(make_ntuple(coords_max, 3))).all(1)
    return input._fresh(input.feats[keep.to(input.feats.device)], input.coords[keep], input.stride)
