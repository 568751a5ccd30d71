"""Sparse tensors: features at sites, with what layers found out about these."""

from __future__ import annotations

from typing import Any, Optional

import torch

from .._messages import one_of, wrong_value
from ..dialects.rows import Rows
from ..errors import StateError
from ._shared.forms import FIRST, FIRST_UNDIVIDED
from ._shared.tensor import BasePointTensor, BaseTensor
from .utils.tensor_cache import (
    TensorCache,
    TensorCacheMode,
    get_global_tensor_cache,
    get_tensor_cache_mode,
    set_global_tensor_cache,
)
from .utils.to_dense import to_dense
from .utils.utils import make_ntuple

__all__ = ["PointTensor", "SparseTensor", "set_coordinate_units"]

_UNITS = {"level": FIRST, "finest": FIRST_UNDIVIDED}
_allow_negative_coordinates = False


def get_allow_negative_coordinates() -> bool:
    """Return whether windows below zero count where all sites are at zero or above."""
    return _allow_negative_coordinates


def set_allow_negative_coordinates(allow_negative_coordinates: bool) -> None:
    """Set whether windows below zero count where all sites are at zero or above. Sites below zero always do."""
    global _allow_negative_coordinates
    _allow_negative_coordinates = allow_negative_coordinates


def set_coordinate_units(units: str) -> None:
    """Set what coordinates of strided tensors are: 'level', divided by the stride, as in 2.1; 'finest', multiples of
    it, as in 2.0, for programs that took over the names of 2.1 but not its units. Holds for all tensors."""
    if units not in _UNITS:
        raise wrong_value("units", units, one_of(_UNITS))
    SparseTensor.form = _UNITS[units]


class SparseTensor(BaseTensor):
    """Features at sites.

    feats: [sites, planes]. coords: [sites, 4], batch, x, y, z, in units of the stride, each site once. stride: a
    number, or one for each axis. spatial_range: the size of the field, [samples, x, y, z], or None; it bounds the sites
    that strided layers lead to, and `dense` needs it. `_caches` is what tensors that come from each other share.
    """

    form = FIRST

    def __init__(self, feats: Any, coords: Any, stride: Any = 1, spatial_range: Any = None) -> None:
        super().__init__(feats, coords, stride)
        self.spatial_range: Optional[tuple[int, ...]] = None
        if spatial_range is not None:
            self.spatial_range = make_ntuple(spatial_range, ndim=len(spatial_range))
        self._caches: Any = _cache()

    def dense(self) -> torch.Tensor:
        """Return the features in a dense array of the size `spatial_range`, [samples, x, y, z, planes]."""
        if self.spatial_range is None:
            raise StateError("spatial_range: is None, expected the sizes [samples, x, y, z]; assign it first")
        return to_dense(self.feats, self.coords, self.spatial_range[:4])

    def _maps(self) -> dict[Any, Any]:
        return self._caches.kmaps  # type: ignore[no-any-return]

    def _sites_of(self, stride: Any) -> Any:
        # Programs also put coordinates alone there.
        known = self._caches.cmaps.get(stride)
        return (known, None) if isinstance(known, torch.Tensor) else known

    def _remember(self) -> None:
        self._caches.cmaps.setdefault(self.stride, (self.coords, self.spatial_range))

    def _replace_sites(self) -> None:
        self._caches.cmaps[self.stride] = (self.coords, self.spatial_range)
        self._caches.kmaps, self._caches.hashmaps = {}, {}

    def _like(self, held: Any, order_of: Optional[Rows] = None) -> SparseTensor:
        return self._made(held, order_of, self.coords, self.stride, self.spatial_range)

    def _fresh(self, feats: Any, coords: Any, stride: Any) -> SparseTensor:
        return SparseTensor(feats, coords, stride)

    def _made(self, held: Any, order_of: Optional[Rows], coords: Any, stride: Any, spatial_range: Any) -> SparseTensor:
        made = SparseTensor.__new__(SparseTensor)
        BaseTensor.__init__(made, held, coords, stride)
        made._held_in, made.spatial_range, made._caches = (held, order_of), spatial_range, self._caches
        return made


class PointTensor(BasePointTensor):
    """Features at points, with which sites each point met."""


def _cache() -> TensorCache:
    if get_tensor_cache_mode() is not TensorCacheMode.GLOBAL_TENSOR_CACHE:
        return TensorCache()
    known = get_global_tensor_cache()
    if known is None:
        known = TensorCache()
        set_global_tensor_cache(known)
    return known
