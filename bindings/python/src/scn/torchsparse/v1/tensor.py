"""Sparse tensors whose coordinates are in the units of the finest level, the batch index last."""

from __future__ import annotations

from typing import Any, Optional

from ...dialects.rows import Rows
from .._shared.forms import LAST
from .._shared.tensor import BaseTensor
from ..tensor import PointTensor

__all__ = ["PointTensor", "SparseTensor"]


class SparseTensor(BaseTensor):
    """Features at sites.

    feats: [sites, planes]. coords: [sites, 4], x, y, z, batch, multiples of the stride, each site once. stride: a
    number, or one for each axis. cmaps: stride -> coordinates. kmaps: (stride, kernel size, stride of the layer,
    dilation) -> the map of the layer. Tensors that come from each other share both; programs may set them.
    """

    form = LAST

    def __init__(self, feats: Any, coords: Any, stride: Any = 1) -> None:
        super().__init__(feats, coords, stride)
        self.cmaps: dict[Any, Any] = {}
        self.kmaps: dict[Any, Any] = {}

    def _maps(self) -> dict[Any, Any]:
        return self.kmaps

    def _sites_of(self, stride: Any) -> Any:
        coords = self.cmaps.get(stride)
        return None if coords is None else (coords, None)

    def _remember(self) -> None:
        self.cmaps.setdefault(self.stride, self.coords)

    def _like(self, held: Any, order_of: Optional[Rows] = None) -> SparseTensor:
        return self._made(held, order_of, self.coords, self.stride, None)

    def _fresh(self, feats: Any, coords: Any, stride: Any) -> SparseTensor:
        return SparseTensor(feats, coords, stride)

    def _made(self, held: Any, order_of: Optional[Rows], coords: Any, stride: Any, spatial_range: Any) -> SparseTensor:
        made = SparseTensor.__new__(SparseTensor)
        BaseTensor.__init__(made, held, coords, stride)
        made._held_in, made.cmaps, made.kmaps = (held, order_of), self.cmaps, self.kmaps
        return made
