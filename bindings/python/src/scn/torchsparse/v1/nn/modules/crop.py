"""Cutting out a box."""

from ....nn.modules.crop import SparseCrop

__all__ = ["SparseCrop"]
