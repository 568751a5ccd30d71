"""Batch norm of torch's own module, computed by the library where it can."""

from __future__ import annotations

from typing import Callable

import torch
from torch import nn

from ...dialects.batch_norm import Norm, count_batch, is_by_library
from ...dialects.batch_norm import normalized as normalized_by_library

__all__ = ["normalized"]


def normalized(
    norm: nn.BatchNorm1d, forward: Callable[[torch.Tensor], torch.Tensor], features: torch.Tensor
) -> torch.Tensor:
    """Return what a batch norm makes of features [rows, planes], and let its running statistics follow.

    forward: torch's own way, for what the library does not compute.
    """
    if not is_by_library(Norm.of(norm), features):
        return forward(features)
    count_batch(norm)
    return normalized_by_library(Norm.of(norm), features).result
