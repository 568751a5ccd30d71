"""The names of spconv 2.3, computed by scn on a CPU.

Programs find this package as `spconv` after `scn.stand_in("spconv")`. `scn.spconv.pytorch` has the layers; what spconv
1.x had at its top level (`spconv.SubMConv3d`, `spconv.ops` ...) is here as well.
"""

from __future__ import annotations

import importlib
from typing import Any

from . import constants, core
from .core import AlgoHint, ConvAlgo

__version__ = "2.3.8"
SPCONV_VERSION_NUMBERS = [int(number) for number in __version__.split(".")]

__all__ = ["SPCONV_VERSION_NUMBERS", "AlgoHint", "ConvAlgo", "constants", "core"]

_MODULES = ("cppconstants", "modules", "ops", "pytorch", "tools", "utils")


def __getattr__(name: str) -> Any:
    """Return a module of the package, or a name of spconv 1.x, which `scn.spconv.pytorch` has."""
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if not name.startswith("_"):
        pytorch = importlib.import_module(f"{__name__}.pytorch")
        if name in pytorch.__all__:
            return getattr(pytorch, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
