"""Pooling over whole samples."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..functional.pooling import global_avg_pool, global_max_pool

__all__ = ["GlobalAvgPool", "GlobalMaxPool"]
DIFFERS = {
    "GlobalAvgPool": "a sample without sites has zeros",
    "GlobalMaxPool": "a sample without sites has zeros",
}


class GlobalAvgPool(nn.Module):
    """The mean over the sites of each sample, [samples, planes]; zeros for a sample without sites."""

    def forward(self, input: Any) -> torch.Tensor:
        return global_avg_pool(input)


class GlobalMaxPool(nn.Module):
    """The maximum over the sites of each sample, [samples, planes]; zeros for a sample without sites."""

    def forward(self, input: Any) -> torch.Tensor:
        return global_max_pool(input)
