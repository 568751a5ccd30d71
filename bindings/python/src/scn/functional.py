"""Losses, and what flows along rulebooks, as `scn.functional.cross_entropy`."""

from .training.losses import binary_cross_entropy, cross_entropy
from .values.along import convolve, interpolate, pool, sum_along

__all__ = ["binary_cross_entropy", "convolve", "cross_entropy", "interpolate", "pool", "sum_along"]
