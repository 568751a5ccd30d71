"""Rows of features that are gathered into fewer rows, by torch: any type, any device, derivatives of any order."""

from __future__ import annotations

import torch

__all__ = ["averaged", "largest", "placed", "summed"]


def placed(features: torch.Tensor, rows: torch.Tensor, count: int) -> torch.Tensor:
    """Return [count, planes] with each of the features in its row, and zeros elsewhere. rows: [n] int64, different."""
    return features.new_zeros(count, features.shape[1]).index_copy(0, rows, features)


def summed(features: torch.Tensor, rows: torch.Tensor, count: int) -> torch.Tensor:
    """Return for each of `count` rows the sum of the features that go there. rows: [n] int64, -1 for nowhere."""
    features, rows = _inside(features, rows)
    return features.new_zeros(count, features.shape[1]).index_add(0, rows, features)


def averaged(features: torch.Tensor, rows: torch.Tensor, count: int) -> torch.Tensor:
    """Return the means of the features that go to each row, 0 where none do; see `summed`."""
    features, rows = _inside(features, rows)
    counts = torch.bincount(rows, minlength=count).clamp(min=1).to(features.dtype)
    return summed(features, rows, count) / counts[:, None]


def largest(features: torch.Tensor, rows: torch.Tensor, count: int) -> torch.Tensor:
    """Return the largest of the features that go to each row, for each plane, 0 where none do; see `summed`.

    Of equal ones the first gets the gradient.
    """
    features, rows = _inside(features, rows)
    given = len(features)
    if not given:
        return features.new_zeros(count, features.shape[1]) + features.sum()
    with torch.no_grad():
        targets = rows[:, None].expand_as(features)
        most = features.new_full((count, features.shape[1]), -torch.inf).scatter_reduce(0, targets, features, "amax")
        is_largest = (features == most.index_select(0, rows)) | features.isnan()
        place = torch.arange(given, device=rows.device)[:, None].expand_as(features)
        candidates = torch.where(is_largest, place, given)
        winner = torch.full((count, features.shape[1]), given, device=rows.device)
        winner = winner.scatter_reduce(0, targets, candidates, "amin")
    chosen = features.gather(0, winner.clamp(max=given - 1))
    return torch.where(winner < given, chosen, torch.zeros_like(chosen))


def _inside(features: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the features that go somewhere, and where."""
    if not len(rows) or bool((rows >= 0).all()):
        return features, rows
    kept = (rows >= 0).nonzero().reshape(-1)
    return features.index_select(0, kept), rows.index_select(0, kept)
