"""Choosing the fastest way to compute a network: here there is one."""

from ...utils.tune import tune

__all__ = ["tune"]
