"""Losses, as `scn.functional.cross_entropy`."""

from .training.losses import binary_cross_entropy, cross_entropy

__all__ = ["binary_cross_entropy", "cross_entropy"]
