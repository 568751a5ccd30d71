"""From voxels back to points between them."""

from __future__ import annotations

import torch

from ...._messages import wrong_shape
from ..._shared.interpolation import corner_weights
from ..._shared.sums import Pairs, row_numbers, sum_of_pairs

__all__ = ["calc_ti_weights", "spdevoxelize"]
DIFFERS = {
    "spdevoxelize": "gradients reach the weights, too, and those of the features are right on a CPU",
}


def calc_ti_weights(coords: torch.Tensor, idx_query: torch.Tensor, scale: float = 1) -> torch.Tensor:
    """Return what each of the eight sites around a point weighs, trilinear in the point, [points, 8].

    coords: [points, 3 or more], x, y, z in the units of the sites. idx_query: [points, 8], the row of each site, the
    last axis fastest, -1 where there is none: those weigh nothing, and the others in sum 1. scale: the distance of
    sites. There are no gradients.
    """
    return corner_weights(coords, idx_query, scale)


def spdevoxelize(feats: torch.Tensor, coords: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return for each point the weighted sum of up to eight rows, [points, planes].

    feats: [rows, planes]. coords: [points, 8] integers, rows of feats, -1 for none. weights: [points, 8]. Gradients
    flow into the features and the weights.
    """
    if feats.ndim != 2:
        raise wrong_shape("feats", feats.shape, "[rows, planes]")
    if coords.ndim != 2:
        raise wrong_shape("coords", coords.shape, "[points, 8]")
    if weights.shape != coords.shape:
        raise wrong_shape("weights", weights.shape, coords.shape)
    rows = row_numbers(coords, "coords", len(feats), feats.device)
    point, corner = (rows >= 0).nonzero(as_tuple=True)
    pairs = Pairs(rows[point, corner], point, len(feats), len(rows))
    return sum_of_pairs(feats, weights.to(feats.device)[point, corner], pairs)
