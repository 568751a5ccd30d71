"""Pooling over whole samples."""

from __future__ import annotations

from typing import Any, Callable

import torch

from ..._shared.samples import by_sample

__all__ = ["global_avg_pool", "global_max_pool"]
DIFFERS = {
    "global_avg_pool": "a sample without sites has zeros",
    "global_max_pool": "a sample without sites has zeros",
}


def global_avg_pool(inputs: Any) -> torch.Tensor:
    """Return the mean over the sites of each sample, [samples, planes]; zeros for a sample without sites."""
    return _pooled(inputs, lambda rows: rows.mean(0))


def global_max_pool(inputs: Any) -> torch.Tensor:
    """Return the maximum over the sites of each sample, [samples, planes]; zeros for a sample without sites."""
    return _pooled(inputs, lambda rows: rows.max(0)[0])


def _pooled(inputs: Any, pool: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    parts, _ = by_sample(inputs)
    if not parts:
        return inputs.feats  # type: ignore[no-any-return]
    return torch.stack([pool(part) if len(part) else part.sum(0) for part in parts])
