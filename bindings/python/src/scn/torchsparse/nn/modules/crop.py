"""Cutting out a box."""

from __future__ import annotations

from typing import Any, Optional

from torch import nn

from ..functional.crop import spcrop

__all__ = ["SparseCrop"]
DIFFERS = {
    "SparseCrop": "compares x, y, z; the real 2.1 compares the batch index, x and y",
}


class SparseCrop(nn.Module):
    """The sites inside a box: coords_min <= x, y, z < coords_max; None for a box without that bound."""

    def __init__(
        self, coords_min: Optional[tuple[int, ...]] = None, coords_max: Optional[tuple[int, ...]] = None
    ) -> None:
        super().__init__()
        self.coords_min, self.coords_max = coords_min, coords_max

    def forward(self, input: Any) -> Any:
        return spcrop(input, self.coords_min, self.coords_max)
