"""What tensors that come from each other share: the coordinates of each stride, and the maps between them."""

from __future__ import annotations

from enum import Enum
from typing import Any, Optional

from ..._messages import wrong_type

__all__ = [
    "TensorCache",
    "TensorCacheMode",
    "clear_global_tensor_cache",
    "get_global_tensor_cache",
    "get_tensor_cache_mode",
    "set_global_tensor_cache",
    "set_tensor_cache_mode",
]


class TensorCacheMode(Enum):
    """Which tensors share a cache: those that come from each other, or all of the process."""

    SEPARATE_TENSOR_CACHE = 0
    GLOBAL_TENSOR_CACHE = 1


class TensorCache:
    """Coordinates, maps and whatever else a program puts here.

    cmaps: stride -> (coordinates, spatial range). kmaps: (stride, kernel size, stride of the layer, dilation) -> the
    map of the layer. hashmaps: nothing; programs may use it.
    """

    def __init__(self) -> None:
        self.cmaps: dict[tuple[int, ...], Any] = {}
        self.kmaps: dict[tuple[Any, ...], Any] = {}
        self.hashmaps: dict[tuple[int, ...], Any] = {}


_mode = TensorCacheMode.SEPARATE_TENSOR_CACHE
_global: Optional[TensorCache] = None


def set_tensor_cache_mode(mode: TensorCacheMode) -> None:
    """Set which new tensors share a cache. With a global one, call `clear_global_tensor_cache` after each step."""
    global _mode
    if not isinstance(mode, TensorCacheMode):
        raise wrong_type("mode", mode, "a TensorCacheMode")
    _mode = mode


def get_tensor_cache_mode() -> TensorCacheMode:
    """Return which new tensors share a cache."""
    return _mode


def get_global_tensor_cache() -> Optional[TensorCache]:
    """Return the cache that all tensors share, None if there is none."""
    return _global


def set_global_tensor_cache(tensor_cache: Optional[TensorCache]) -> None:
    """Set the cache that all tensors share."""
    global _global
    _global = tensor_cache


def clear_global_tensor_cache() -> None:
    """Forget the cache that all tensors share; the next tensor begins a new one."""
    set_global_tensor_cache(None)
