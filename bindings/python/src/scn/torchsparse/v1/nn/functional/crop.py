"""Cutting out a box."""

from ....nn.functional.crop import spcrop

__all__ = ["spcrop"]
