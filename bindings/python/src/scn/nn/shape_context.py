"""The features of a neighbourhood side by side."""

from __future__ import annotations

from typing import Any

from .._native.arrays import dimension_of, int64s, integer, sizes
from .._native.handles import ModuleHandle
from .._native.library import library
from .convolution import short
from .layer import Layer

__all__ = ["ShapeContext"]


class ShapeContext(Layer):
    """Puts the features of a site's neighbourhood side by side: [sites, nIn] -> [sites, nIn * volume], same sites.

    Plane k * nIn + p is plane p under offset k of a submanifold filter, 0 where there is no site. filter_size: an integer
    or one for each axis.
    """

    _arguments = {"dimension": "dimension", "in": "nIn", "filter_size": "filter_size"}
    dimension: int
    nIn: int
    filter_size: list[int]

    def __init__(self, dimension: int, nIn: int, filter_size: Any = 3) -> None:
        super().__init__()
        self.dimension, self.nIn = dimension_of(dimension), integer(nIn, "nIn")
        self.filter_size = sizes(filter_size, self.dimension, "filter_size")
        size = int64s(self.filter_size)
        self._own(ModuleHandle.make(library.scn_shape_context_create, self.dimension, self.nIn, size))

    @property
    def filter_volume(self) -> int:
        """The number of filter offsets."""
        volume = 1
        for size in self.filter_size:
            volume *= size
        return volume

    @property
    def nOut(self) -> int:
        """The planes of the result."""
        return self.nIn * self.filter_volume

    def extra_repr(self) -> str:
        return f"{self.dimension}, {self.nIn} -> {self.nOut}, filter_size={short(self.filter_size)}"
