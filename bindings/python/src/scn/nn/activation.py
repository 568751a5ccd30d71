"""Activations, for sparse and dense tensors."""

from __future__ import annotations

from .layer import Layer
from .layer_types import made_from_arguments

__all__ = ["ELU", "SELU", "LeakyReLU", "ReLU", "Sigmoid", "Tanh"]


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
