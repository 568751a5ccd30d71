"""Modes of convolutions. All but the way down are without effect here: there is one way to compute."""

from __future__ import annotations

from enum import Enum
from typing import Any

from ....._messages import one_of, wrong_value

__all__ = [
    "ConvMode",
    "get_conv_mode",
    "get_downsample_mode",
    "get_kmap_mode",
    "set_conv_mode",
    "set_downsample_mode",
    "set_kmap_mode",
]
DIFFERS = {
    "set_conv_mode": "is remembered, and changes nothing: there is one way to compute",
    "set_kmap_mode": "is remembered, and changes nothing: there is one way to compute",
    "set_downsample_mode": "takes effect for all layers; in the real library only the configuration does",
}

_KMAP_MODES = ("hashmap_on_the_fly", "hashmap")
_DOWNSAMPLE_MODES = ("spconv", "minkowski")


class ConvMode(Enum):
    """How the real library splits its work on a GPU."""

    mode0 = 0
    mode1 = 1
    mode2 = 2


_kmap_mode, _downsample_mode, _conv_mode = "hashmap_on_the_fly", "spconv", ConvMode.mode0


def get_kmap_mode() -> str:
    """Return what `set_kmap_mode` was given last."""
    return _kmap_mode


def set_kmap_mode(kmap_mode: str) -> None:
    """Remember how the real library is to find neighbors: 'hashmap_on_the_fly' or 'hashmap'. It changes nothing
    here."""
    global _kmap_mode
    if kmap_mode not in _KMAP_MODES:
        raise wrong_value("kmap_mode", kmap_mode, one_of(_KMAP_MODES))
    _kmap_mode = kmap_mode


def get_downsample_mode() -> str:
    """Return to which sites strided layers lead: 'spconv' or 'minkowski'."""
    return _downsample_mode


def set_downsample_mode(downsample_mode: str) -> None:
    """Set to which sites strided layers lead: 'spconv', those that the filter covers; 'minkowski', those of the input,
    rounded down, with odd filters centered."""
    global _downsample_mode
    if downsample_mode not in _DOWNSAMPLE_MODES:
        raise wrong_value("downsample_mode", downsample_mode, one_of(_DOWNSAMPLE_MODES))
    _downsample_mode = downsample_mode


def get_conv_mode() -> ConvMode:
    """Return what `set_conv_mode` was given last."""
    return _conv_mode


def set_conv_mode(conv_mode: Any) -> None:
    """Remember a mode, a `ConvMode` or its number 0, 1 or 2. It changes nothing here."""
    global _conv_mode
    try:
        _conv_mode = ConvMode(conv_mode)
    except ValueError:
        raise wrong_value("conv_mode", conv_mode, "0, 1 or 2") from None
