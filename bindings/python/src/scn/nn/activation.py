"""Activations, for sparse and dense tensors."""

from __future__ import annotations

from ..values.tensor import Parameter
from .layer import Layer
from .layer_types import made_from_arguments

__all__ = ["ELU", "GELU", "SELU", "Hardswish", "LeakyReLU", "PReLU", "ReLU", "SiLU", "Sigmoid", "Softplus", "Tanh"]


class ReLU(Layer):
    """x > 0 ? x : 0"""


class LeakyReLU(Layer):
    """x > 0 ? x : leak * x"""

    leak: float

    @made_from_arguments
    def __init__(self, leak: float = 1 / 3) -> None: ...


class ELU(Layer):
    """x > 0 ? x : exp(x) - 1"""


class SELU(Layer):
    """The self-normalizing ELU (Klambauer et al., 2017)."""


class Tanh(Layer):
    """tanh(x)"""


class Sigmoid(Layer):
    """1 / (1 + exp(-x))"""


class GELU(Layer):
    """x times the normal distribution function of x (Hendrycks and Gimpel, 2016)"""


class SiLU(Layer):
    """x / (1 + exp(-x)), also called swish"""


class Hardswish(Layer):
    """x * min(max(x + 3, 0), 6) / 6 (Howard et al., "Searching for MobileNetV3", 2019)"""


class Softplus(Layer):
    """log(1 + exp(x))"""


class PReLU(Layer):
    """x > 0 ? x : leak * x with leaks that are learned (He et al., 2015).

    nPlanes: the number of leaks, 1 for all planes together or the planes of the input. leak: what they are at first.
    State: weight [nPlanes].
    """

    weight: Parameter
    nPlanes: int
    leak: float

    @made_from_arguments
    def __init__(self, nPlanes: int = 1, leak: float = 0.25) -> None: ...
