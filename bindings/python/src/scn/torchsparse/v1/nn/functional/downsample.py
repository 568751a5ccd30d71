"""The sites that strided layers lead to."""

from __future__ import annotations

from typing import Any

import torch

from ...._shared.filters import filter_centered
from ...._shared.forms import LAST, triple
from ...._shared.levels import coarser

__all__ = ["spdownsample"]


def spdownsample(coords: torch.Tensor, stride: Any = 2, kernel_size: Any = 2, tensor_stride: Any = 1) -> torch.Tensor:
    """Return the coordinates [sites, 4] int32 that a strided layer leads to.

    coords: [sites, 4], x, y, z, batch, of a tensor of the stride tensor_stride. Other arguments: as those of `conv3d`.
    """
    filter = filter_centered(triple(kernel_size, "kernel_size"), triple(stride, "stride"), (1, 1, 1))
    return coarser(LAST, filter, triple(tensor_stride, "tensor_stride"), coords, None, False).coarse
