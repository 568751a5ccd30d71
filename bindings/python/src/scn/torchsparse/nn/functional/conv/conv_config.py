"""How convolutions are computed in the real library. Only `downsample_mode` has an effect here."""

from __future__ import annotations

from enum import Enum
from typing import Any, Optional

from .conv_mode import ConvMode
from .utils import AttributeDict

__all__ = [
    "Dataflow",
    "clear_global_conv_config",
    "get_default_conv_config",
    "get_global_conv_config",
    "set_global_conv_config",
]
DIFFERS = {
    "set_global_conv_config": "only the entry `downsample_mode` has an effect",
    "get_default_conv_config": "only the entry `downsample_mode` has an effect",
}


class Dataflow(Enum):
    """The real library's ways to compute on a GPU."""

    ImplicitGEMM = 0
    GatherScatter = 1
    FetchOnDemand = 2
    CodedCSR = 3


_DEFAULTS = {
    "dataflow": Dataflow.ImplicitGEMM,
    "ifsort": False,
    "kmap_mode": "hashmap_on_the_fly",
    "downsample_mode": "spconv",
    "split_mask_num": 1,
    "split_mask_num_bwd": 3,
    "epsilon": 0.0,
    "mm_thresh": 0,
    "FOD_fusion": True,
}
# Programs take it by this name.
_default_conv_config = AttributeDict(_DEFAULTS)
_global: Optional[Any] = None


def get_global_conv_config() -> Any:
    """Return the configuration of all layers that have none of their own, None if none was set."""
    return _global


def set_global_conv_config(conv_config: Any) -> None:
    """Set the configuration of all layers that have none of their own. Entries that it lacks are added."""
    global _global
    for name, value in _DEFAULTS.items():
        conv_config.setdefault(name, value)
    _global = conv_config


def clear_global_conv_config() -> None:
    """Forget what `set_global_conv_config` was given."""
    global _global
    _global = None


def get_default_conv_config(conv_mode: ConvMode = ConvMode.mode0, training: bool = False) -> AttributeDict:
    """Return the configuration that layers have where none was set; always the same object, as a program may change it
    for all of them."""
    if conv_mode is not ConvMode.mode0:
        _default_conv_config["ifsort"] = True
    if conv_mode is ConvMode.mode2:
        _default_conv_config["split_mask_num"] = 3
    return _default_conv_config
