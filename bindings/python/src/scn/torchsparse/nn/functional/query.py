"""Finding numbers among others."""

from __future__ import annotations

import torch

from ..._shared.hashing import find

__all__ = ["sphashquery"]
DIFFERS = {
    "sphashquery": "of equal references the first is found, whatever the device",
}


def sphashquery(queries: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
    """Return where each number comes first among references [n], -1 where it does not; int64, in the queries' shape."""
    return find(queries, references.reshape(-1))
