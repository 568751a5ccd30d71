"""The rows that filters read."""

from __future__ import annotations

from typing import Any

import torch

from ...._shared.filters import filter_centered
from ...._shared.forms import LAST, triple
from ...._shared.levels import coarser

__all__ = ["build_kernel_map"]


def build_kernel_map(
    _coords: torch.Tensor, kernel_size: Any = 2, stride: Any = 2, tensor_stride: Any = 1, mode: str = "hashmap"
) -> tuple[torch.Tensor, ...]:
    """Return the rows that a filter reads: pairs of input and output row, tap by tap [rules, 2]; the number of each
    tap's pairs [volume]; and, for a strided layer, the coordinates that it leads to [sites, 4].

    _coords: [sites, 4], x, y, z, batch, of a tensor of the stride tensor_stride. kernel_size, stride: as those of
    `conv3d`. mode has no effect.
    """
    filter = filter_centered(triple(kernel_size, "kernel_size"), triple(stride, "stride"), (1, 1, 1))
    found = coarser(LAST, filter, triple(tensor_stride, "tensor_stride"), _coords, None, False)
    pairs = found["nbmaps"], found["nbsizes"]
    return pairs if filter.sites == "same" else (*pairs, found.coarse)
