"""Values between sites."""

from __future__ import annotations

from typing import Optional

import torch

from .._messages import wrong_elements, wrong_shape
from ..torch import functional
from ..torch.autograd import reference
from ..torch.autograd.along import interpolation_weights
from ..torch.autograd.buffers import is_computed_by_library
from ..values.sites import Rulebook
from ._errors import asserted
from ._maps import CoordinateMap
from ._relations import point_sites

__all__ = ["Interpolation", "interpolation"]


class Interpolation:
    """Which sites points lie between, and what these weigh, d-linear; a site that is not there counts as zero."""

    def __init__(self, rulebook: Rulebook, weights: torch.Tensor, rows: Optional[torch.Tensor]) -> None:
        self.rulebook = rulebook
        self.weights = weights
        """[rules], a number for each of the rulebook's; gradients flow into the points."""
        self.rows = rows
        """Which of the map's rows, in the engine's order, the rulebook reads; None for all."""

    def read(self, features: torch.Tensor) -> torch.Tensor:
        """Return the values at the points, [points, planes]; features: those of the map, in the engine's order."""
        seen = features if self.rows is None else features.index_select(0, self.rows.to(features.device))
        return functional.sum_along(seen, self.rulebook, self.weights.to(features.device))

    def spread(self, features: torch.Tensor) -> torch.Tensor:
        """Return what the map gets of the points' features, in the engine's order, each with what it weighs."""
        return functional.sum_along(features, self.rulebook.reversed(), self.weights.to(features.device))

    def seen(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the map's rows, in the engine's order, of rows that the rulebook reads."""
        return rows if self.rows is None else self.rows.index_select(0, rows)


def interpolation(source: CoordinateMap, points: torch.Tensor) -> Interpolation:
    """Return the sites of a map around points [n, 1 + dimension], batch index first, in units of its coordinates."""
    dimension = source.sites.dimension
    if points.ndim != 2 or points.shape[1] != dimension + 1:
        raise asserted(wrong_shape("points", points.shape, f"[n, {dimension + 1}]"))
    if not points.is_floating_point():
        raise asserted(wrong_elements("points", points.dtype, "floating-point numbers"))
    if points.dtype not in (torch.float32, torch.float64):
        points = points.float()
    sites, step, rows = point_sites(source)
    where = points[:, 1:].flip(1)
    if (step > 1).any():
        where = where / torch.from_numpy(step).to(points)
    where = where.contiguous()
    samples = points.detach()[:, 0].cpu().round().long().numpy()
    rulebook = sites.interpolation(where.detach().cpu().numpy(), samples)
    if is_computed_by_library(where):
        return Interpolation(rulebook, interpolation_weights(where, rulebook._handle, len(rulebook), False), rows)
    return Interpolation(rulebook, reference.interpolation_weights(where, rulebook._handle, False), rows)
