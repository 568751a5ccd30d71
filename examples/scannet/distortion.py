"""Elastic distortion of point clouds: smooth random shifts, as SparseConvNet's ScanNet example has them."""

from __future__ import annotations

import numpy as np


def smooth(values: np.ndarray) -> np.ndarray:
    """Means over 3 x 3 x 3 cells of the first three axes, beyond which everything is zero."""
    for axis in range(3):
        padded = np.pad(values, [(1, 1) if other == axis else (0, 0) for other in range(values.ndim)])
        values = np.lib.stride_tricks.sliding_window_view(padded, 3, axis).mean(axis=-1, dtype=np.float32)
    return values


def elastic(points: np.ndarray, granularity: float, magnitude: float, random: np.random.Generator) -> np.ndarray:
    """Shift points [n, 3], which lie around the origin, by smooth noise; Simard, Steinkraus and Platt (2003).

    Noise of three normal numbers in each cell of a grid, 2 * granularity wide, is smoothed twice over 3 x 3 x 3 cells,
    interpolated linearly at the points, and multiplied by the magnitude. All lengths have the unit of the points.
    """
    half = (np.abs(points).max(axis=0) // granularity).astype(np.int64) + 3
    noise = smooth(smooth(random.standard_normal((*half, 3), dtype=np.float32)))
    # The grid's points reach from -(half - 1) * granularity to the opposite of that.
    places = (points / granularity + half - 1) / 2
    corner = np.floor(places).astype(np.int64)
    part = places - corner
    shifts = np.zeros(points.shape)
    flat = noise.reshape(-1, 3)
    for offset in np.ndindex(2, 2, 2):
        weight = np.where(offset, part, 1 - part).prod(axis=1)
        shifts += weight[:, None] * flat[np.ravel_multi_index((corner + offset).T, noise.shape[:3])]
    return points + magnitude * shifts
