"""From points to voxels."""

from __future__ import annotations

import torch

from ...._messages import wrong_shape
from ..._shared.sums import Pairs, row_numbers, sum_of_pairs

__all__ = ["spvoxelize"]


def spvoxelize(feats: torch.Tensor, coords: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Return the mean of the points of each voxel, [voxels, planes]; gradients flow into the features.

    feats: [points, planes]. coords: [points] integers, the voxel of each point, negative for none. counts: [voxels], as
    `spcount` returns them: what the sums are divided by; voxels with 0 get zeros.
    """
    if feats.ndim != 2:
        raise wrong_shape("feats", feats.shape, "[points, planes]")
    if coords.shape != feats.shape[:1]:
        raise wrong_shape("coords", coords.shape, feats.shape[:1])
    if counts.ndim != 1:
        raise wrong_shape("counts", counts.shape, "[voxels]")
    voxels = row_numbers(coords, "coords", len(counts), feats.device)
    divisors = counts.to(feats.device)
    kept = ((voxels >= 0) & (divisors[voxels] != 0)).nonzero()[:, 0] if len(counts) else voxels[:0]
    voxels = voxels[kept]
    weights = 1 / divisors[voxels].to(torch.promote_types(feats.dtype, torch.float32))
    return sum_of_pairs(feats, weights, Pairs(kept, voxels, len(feats), len(counts)))
