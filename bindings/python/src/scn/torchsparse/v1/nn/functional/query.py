"""Finding numbers among others."""

from ....nn.functional.query import sphashquery

__all__ = ["sphashquery"]
