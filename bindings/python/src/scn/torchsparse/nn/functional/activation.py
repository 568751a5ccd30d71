"""Activations as functions."""

from __future__ import annotations

from typing import Any

from torch.nn import functional as F

__all__ = ["leaky_relu", "relu", "silu"]


def relu(input: Any, inplace: bool = True) -> Any:
    """Return `torch.nn.functional.relu` of the features of a sparse tensor."""
    return input._map(lambda features: F.relu(features, inplace=inplace))


def silu(input: Any, inplace: bool = True) -> Any:
    """Return `torch.nn.functional.silu` of the features of a sparse tensor."""
    return input._map(lambda features: F.silu(features, inplace=inplace))


def leaky_relu(input: Any, negative_slope: float = 0.1, inplace: bool = True) -> Any:
    """Return `torch.nn.functional.leaky_relu` of the features of a sparse tensor."""
    return input._map(lambda features: F.leaky_relu(features, negative_slope, inplace=inplace))
