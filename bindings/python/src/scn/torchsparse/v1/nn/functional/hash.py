"""Numbers that stand for coordinates."""

from ....nn.functional.hash import sphash

__all__ = ["sphash"]
