"""Batch normalizations of torch, alone or with a ReLU behind them, computed by the engine."""

from __future__ import annotations

from typing import Callable, Optional

import torch
from torch import nn
from torch.autograd.graph import increment_version

from ...dialects.batch_norm import Norm, count_batch, is_by_library, normalized
from ...torch.autograd.buffers import computable
from ...torch.autograd.derivatives import applied
from ...torch.layers.normalization import _BatchNorm

__all__ = ["engine_norm"]


def engine_norm(
    norm: nn.BatchNorm1d, values: torch.Tensor, has_relu: bool
) -> Optional[Callable[[torch.Tensor], torch.Tensor]]:
    """Return a function that does to rows, in any order, what a norm does, and a ReLU behind it; None where the engine
    does not compute this. The running statistics follow as torch's do.

    values: what is to be normalized.
    """
    known = Norm.of(norm)
    if not is_by_library(known, values):
        return None

    def computed(features: torch.Tensor) -> torch.Tensor:
        count_batch(norm)
        return _rectified(known, features) if has_relu else normalized(known, features).result

    return computed


def _rectified(norm: Norm, features: torch.Tensor) -> torch.Tensor:
    """Return normalized features and the ReLU in one; what lies between, which a program could change, is not kept."""
    assert norm.momentum is not None, "the engine follows by a momentum"
    mean, variance = norm.running_mean, norm.running_var
    settings = (norm.eps, 1 - norm.momentum, 0.0)
    result: torch.Tensor = applied(
        _BatchNorm, computable(features), norm.weight, norm.bias, mean, variance, settings, norm.training
    )
    if norm.training:
        for part in (mean, variance):
            if part is not None:
                increment_version(part)
    return result
