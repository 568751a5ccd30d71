"""Choosing the fastest way to compute a network: here there is one, so there is nothing to choose."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..._messages import wrong_type

__all__ = ["tune"]
DIFFERS = {
    "tune": "does nothing: there is one way to compute",
}


def tune(model: Any, data_loader: Iterable[Any], *arguments: Any, **options: Any) -> None:
    """Do nothing, so that programs that tune their network run. Neither the network nor the data are touched."""
    if not callable(getattr(model, "named_modules", None)):
        raise wrong_type("model", model, "a torch.nn.Module")
