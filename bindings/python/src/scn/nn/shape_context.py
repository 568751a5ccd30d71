"""The features of a neighborhood side by side."""

from __future__ import annotations

import math
from typing import Any

from .layer import Layer
from .layer_types import made_from_arguments, short

__all__ = ["ShapeContext"]


class ShapeContext(Layer):
    """Puts the features of a site's neighborhood side by side: [sites, nIn] -> [sites, nIn * volume], same sites.

    Plane k * nIn + p is plane p under offset k of a submanifold filter, 0 where there is no site. filter_size: an
    integer or one for each axis.
    """

    dimension: int
    nIn: int
    filter_size: list[int]

    @made_from_arguments
    def __init__(self, dimension: int, nIn: int, filter_size: Any = 3) -> None: ...

    @property
    def filter_volume(self) -> int:
        """The number of filter offsets."""
        return math.prod(self.filter_size)

    @property
    def nOut(self) -> int:
        """The planes of the result."""
        return self.nIn * self.filter_volume

    def extra_repr(self) -> str:
        return f"{self.dimension}, {self.nIn} -> {self.nOut}, filter_size={short(self.filter_size)}"
