"""From points in space to sites."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._messages import wrong_shape, wrong_value
from ..._native.arrays import plain
from ...errors import CoordinateError
from ...values.unique import unique_rows

__all__ = ["sparse_quantize"]


def ravel_hash(x: Any) -> Any:
    """Return a number for each row of whole numbers [n, columns], uint64: its place in the box around all rows, counted
    row by row, so that numbers are in the order of the rows."""
    rows = plain(x, "x")
    if rows.ndim != 2:
        raise wrong_shape("x", rows.shape, "[n, columns]")
    places = np.zeros(len(rows), np.uint64)
    if not len(rows):
        return places
    rows = (rows - rows.min(0)).astype(np.uint64)
    for column, size in zip(rows.T, (rows.max(0) + np.uint64(1)).tolist()):
        places = places * np.uint64(size) + column
    return places


def sparse_quantize(
    coords: Any, voxel_size: Any = 1, *, return_index: bool = False, return_inverse: bool = False
) -> Any:
    """Return the sites of points, floor(point / voxel_size), each once, in the order of their coordinates.

    coords: [n, 3], an array. voxel_size: a number, or one for each axis. return_index: also return the first point of
    each site, [sites]; return_inverse: and the site of each point, [n]. Returns an int32 array [sites, 3], or a list of
    what was asked for.
    """
    points = plain(coords, "coords")
    sizes = np.asarray(voxel_size, np.float64)
    if sizes.ndim == 0:
        sizes = np.repeat(sizes, 3)
    if sizes.shape != (3,):
        raise wrong_value("voxel_size", voxel_size, "a number or one for each of 3 axes")
    if points.ndim != 2 or points.shape[1] != 3:
        raise wrong_shape("coords", points.shape, "[n, 3]")
    places = np.floor(points / sizes)
    if not np.isfinite(places).all() or (np.abs(places) >= 2.0**31).any():
        raise CoordinateError("coords: are not finite or too far, expected sites of at most 32 bits")
    found = unique_rows(places.astype(np.int64))
    outputs: list[Any] = [found.rows.astype(np.int32)]
    if return_index:
        outputs.append(found.first)
    if return_inverse:
        outputs.append(found.inverse)
    return outputs[0] if len(outputs) == 1 else outputs
