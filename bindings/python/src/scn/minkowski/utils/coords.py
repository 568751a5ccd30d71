"""Rows of one tensor and the rows of a coarser one that they belong to."""

from __future__ import annotations

import torch

from ..MinkowskiSparseTensor import SparseTensor

__all__ = ["get_coords_map"]


def get_coords_map(x: SparseTensor, y: SparseTensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return rows of x, and for each the row of y that it is rounded down to, [n] int64 each.

    y: a tensor of the same manager whose tensor stride is a multiple of that of x.
    """
    x._check_sibling(y)
    return x.coordinate_manager.stride_map(x.coordinate_map_key, y.coordinate_map_key)
