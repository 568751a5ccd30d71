"""From voxels back to points between them."""

from __future__ import annotations

import torch

from ...._shared.interpolation import corner_weights
from ....nn.functional.devoxelize import spdevoxelize

__all__ = ["calc_ti_weights", "spdevoxelize"]


def calc_ti_weights(coords: torch.Tensor, idx_query: torch.Tensor, scale: float = 1) -> torch.Tensor:
    """Return what each of the eight sites around a point weighs, trilinear in the point, [8, points].

    coords: [points, 3 or more], x, y, z in the units of the sites. idx_query: [8, points], the row of each site, the
    last axis fastest, -1 where there is none: those weigh nothing, and the others in sum 1. scale: the distance of
    sites. There are no gradients.
    """
    return corner_weights(coords, idx_query.t(), scale).t().contiguous()
