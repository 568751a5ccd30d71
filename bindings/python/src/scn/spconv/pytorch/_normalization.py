"""Batch normalizations of torch, alone or with a ReLU behind them, computed by the engine."""

from __future__ import annotations

from typing import Any, Callable, Optional

import torch
from torch import nn
from torch.autograd.graph import increment_version

from ...torch.layers.normalization import _BatchNorm

__all__ = ["engine_norm"]


def engine_norm(
    norm: nn.BatchNorm1d, planes: int, rows: int, has_relu: bool
) -> Optional[Callable[[torch.Tensor], torch.Tensor]]:
    """Return a function that does to float32 rows of the CPU what a norm does, and a ReLU behind it; None where the
    engine does not compute this.

    planes, rows: of what is to be normalized. The running statistics follow as torch's do. The function has first
    derivatives.
    """
    mean, variance, momentum = norm.running_mean, norm.running_var, norm.momentum
    if mean is None or variance is None or momentum is None or planes != norm.num_features:
        return None
    if norm.training and (rows < 2 or not norm.track_running_stats):
        return None
    values = [mean, variance, *(part for part in (norm.weight, norm.bias) if part is not None)]
    if not all(part.dtype is torch.float32 and part.device.type == "cpu" and part.is_contiguous() for part in values):
        return None
    settings = (norm.eps, 1 - momentum, 0.0 if has_relu else 1.0)
    apply: Any = _BatchNorm.apply

    def normalized(features: torch.Tensor) -> torch.Tensor:
        if norm.training and norm.num_batches_tracked is not None:
            norm.num_batches_tracked.add_(1)
        result = apply(features, norm.weight, norm.bias, mean, variance, settings, norm.training)
        if norm.training:
            increment_version(mean)
            increment_version(variance)
        return result  # type: ignore[no-any-return]

    return normalized
