"""The rows of each sample of a batch."""

from __future__ import annotations

from typing import Any, Callable, Optional

import torch

__all__ = ["by_sample", "map_by_sample"]


def by_sample(input: Any) -> tuple[list[torch.Tensor], Optional[torch.Tensor]]:
    """Return the features of each sample of a sparse tensor, and the order of rows in which the samples follow each
    other, None if they already do. There are as many samples as the largest batch index says; some may be empty."""
    samples, features = input._samples(), input.feats
    if not len(samples):
        return [], None
    samples = samples.to(features.device).long()
    order = None
    if bool((samples[1:] < samples[:-1]).any()):
        samples, order = torch.sort(samples, stable=True)
        features = features.index_select(0, order)
    return list(features.split(torch.bincount(samples).tolist())), order


def map_by_sample(input: Any, function: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """Return a sparse tensor with what a function makes of the features of each sample, [rows, planes]."""
    parts, order = by_sample(input)
    if not parts:
        return input._like(input.feats)
    joined = torch.cat([function(part) if len(part) else part for part in parts])
    if order is not None:
        joined = torch.empty_like(joined).index_copy(0, order, joined)
    return input._like(joined)
