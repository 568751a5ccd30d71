"""spconv's int8 networks, which scn does not have."""

from __future__ import annotations

from typing import Any

from ....errors import UnsupportedError


def __getattr__(name: str) -> Any:
    """Raise `UnsupportedError` for any name that a program imports."""
    if name.startswith("_"):
        raise AttributeError(name)
    raise UnsupportedError(f"spconv.pytorch.quantization.{name}: scn has no int8 networks of spconv")
