"""Numbers that stand for coordinates."""

from __future__ import annotations

from typing import Any, Optional

import torch

from ...._messages import wrong_elements, wrong_shape, wrong_type
from ..._shared.hashing import hashed

__all__ = ["sphash"]


def sphash(coords: torch.Tensor, offsets: Optional[torch.Tensor] = None) -> torch.Tensor:
    """Return a number for each row of coordinates, int64 [n]: the same for the same rows, different for others.

    coords: [n, 4] integers. offsets: [k, 3] integers that are added to the first three columns; the result is then
    [k, n].
    """
    _check(coords, "coords", 4)
    if offsets is None:
        return hashed(coords)
    _check(offsets, "offsets", 3)
    where = coords.long()
    moved = where[None, :, :3] + offsets.to(where.device).long()[:, None, :]
    return hashed(torch.cat([moved, where[None, :, 3:].expand(len(moved), -1, -1)], 2))


def _check(values: Any, name: str, columns: int) -> None:
    if not isinstance(values, torch.Tensor):
        raise wrong_type(name, values, "a torch.Tensor")
    if values.ndim != 2 or values.shape[1] != columns:
        raise wrong_shape(name, values.shape, f"[n, {columns}]")
    if values.is_floating_point() or values.is_complex():
        raise wrong_elements(name, values.dtype, "integers")
