"""Batch normalizations of torch, alone or with a ReLU behind them, computed by the engine."""

from __future__ import annotations

from typing import Any, Callable, Optional

import torch
from torch import nn
from torch.autograd.graph import increment_version

from ...dialects.batch_norm import is_by_library, normalized
from ...torch.layers.normalization import _BatchNorm

__all__ = ["engine_norm"]


def engine_norm(
    norm: nn.BatchNorm1d, values: torch.Tensor, has_relu: bool
) -> Optional[Callable[[torch.Tensor], torch.Tensor]]:
    """Return a function that does to rows, in any order, what a norm does, and a ReLU behind it; None where the engine
    does not compute this. The running statistics follow as torch's do.

    values: what is to be normalized.
    """
    if not is_by_library(norm, values):
        return None
    if not has_relu:
        # It keeps no result, which a program may change in place.
        return lambda features: normalized(norm, features).result
    mean, variance, momentum = norm.running_mean, norm.running_var, norm.momentum
    if mean is None or variance is None or momentum is None or not norm.track_running_stats:
        return None
    settings = (norm.eps, 1 - momentum, 0.0)
    apply: Any = _BatchNorm.apply

    def rectified(features: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = apply(features, norm.weight, norm.bias, mean, variance, settings, norm.training)
        if norm.training:
            increment_version(mean)
            increment_version(variance)
            if norm.num_batches_tracked is not None:
                norm.num_batches_tracked.add_(1)
        return result

    return rectified
