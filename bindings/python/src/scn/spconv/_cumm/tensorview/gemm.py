"""The activations that a convolution can apply to what it computes."""

from __future__ import annotations

from enum import Enum

__all__ = ["Activation"]


class Activation(Enum):
    """What the argument `act_type` of `SparseConvolution` says: no activation, or one of three."""

    None_ = 0
    ReLU = 1
    Sigmoid = 2
    LeakyReLU = 3
