"""Activations, for sparse and dense tensors."""

from __future__ import annotations

from typing import ClassVar

from .._native.handles import ModuleHandle
from .._native.library import library
from .layer import Layer

__all__ = ["ELU", "LeakyReLU", "ReLU", "SELU", "Sigmoid", "Tanh"]


class _Activation(Layer):
    _kind: ClassVar[int]

    def __init__(self) -> None:
        super().__init__()
        self._own(ModuleHandle.make(library.scn_activation_create, self._kind, 0.0))


class ReLU(_Activation):
    """x > 0 ? x : 0"""

    _kind = 0


class LeakyReLU(_Activation):
    """x > 0 ? x : leak * x"""

    _kind = 1
    _arguments = {"leak": "leak"}
    leak: float

    def __init__(self, leak: float = 1 / 3) -> None:
        Layer.__init__(self)
        self.leak = float(leak)
        self._own(ModuleHandle.make(library.scn_activation_create, self._kind, self.leak))

    def extra_repr(self) -> str:
        return f"leak={self.leak:.4g}"


class ELU(_Activation):
    """x > 0 ? x : exp(x) - 1"""

    _kind = 2


class SELU(_Activation):
    """The self-normalising ELU (Klambauer et al., 2017)."""

    _kind = 3


class Tanh(_Activation):
    """tanh(x)"""

    _kind = 4


class Sigmoid(_Activation):
    """1 / (1 + exp(-x))"""

    _kind = 5
