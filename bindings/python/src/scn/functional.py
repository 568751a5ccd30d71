"""Losses, and what flows along rulebooks, as `scn.functional.cross_entropy`."""

from .training.losses import binary_cross_entropy, cross_entropy
from .values.along import combine, convolve, convolve_normalized, interpolate, pool, sum_along

__all__ = [
    "binary_cross_entropy",
    "combine",
    "convolve",
    "convolve_normalized",
    "cross_entropy",
    "interpolate",
    "pool",
    "sum_along",
]
