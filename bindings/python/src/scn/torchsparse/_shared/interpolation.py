"""What the sites around a point weigh."""

from __future__ import annotations

import torch

from ..._messages import wrong_elements, wrong_shape

__all__ = ["corner_weights"]


def corner_weights(points: torch.Tensor, rows: torch.Tensor, scale: float) -> torch.Tensor:
    """Return what each of the eight sites around a point weighs, [points, 8], the last axis fastest.

    points: [points, 3 or more] real numbers, of which the first three count. rows: [points, 8], -1 where there is no
    site: those weigh nothing, and the others in sum 1. scale: the distance of sites.
    """
    if points.ndim != 2 or points.shape[1] < 3:
        raise wrong_shape("coords", points.shape, "[points, 3]")
    if not points.is_floating_point():
        raise wrong_elements("coords", points.dtype, "floating-point numbers")
    if rows.shape != (len(points), 8):
        raise wrong_shape("idx_query", rows.shape, f"eight sites for each of {len(points)} points")
    with torch.no_grad():
        steps = points[:, :3] / scale
        upper = steps - steps.floor()
        each = torch.stack([1 - upper, upper], 2)
        x, y, z = each.unbind(1)
        weights = (x[:, :, None, None] * y[:, None, :, None] * z[:, None, None, :]).reshape(-1, 8)
        weights = weights.masked_fill(rows.to(weights.device) == -1, 0)
        return weights / (weights.sum(1, keepdim=True) + 1e-8)
