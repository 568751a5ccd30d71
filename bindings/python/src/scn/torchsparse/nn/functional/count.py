"""How many points each voxel has."""

from __future__ import annotations

from typing import Any

import torch

from ..._shared.sums import row_numbers

__all__ = ["spcount"]


def spcount(coords: torch.Tensor, num: Any) -> torch.Tensor:
    """Return how often each number below `num` comes among the numbers of points' voxels, [num] int32.

    coords: [points] integers; negative ones do not count.
    """
    count = int(num)
    voxels = row_numbers(coords, "coords", count, coords.device).reshape(-1)
    return torch.bincount(voxels[voxels >= 0], minlength=count).int()
