"""Operators on several sparse tensors."""

from ..operators import cat

__all__ = ["cat"]
