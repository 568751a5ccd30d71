"""Functions that are applied element by element, and dropout."""

from __future__ import annotations

from typing import Any, Callable

import torch
from torch import nn
from torch.nn import functional as F

from ...nn import activation as numpy_level
from ...nn import normalization as numpy_normalization
from ..autograd.buffers import prepared_together
from .layer import Layer

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "BatchwiseDropout",
    "Dropout",
    "Hardswish",
    "LeakyReLU",
    "PReLU",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Tanh",
]


class _Elementwise(Layer):
    """Shared base of functions that torch applies element by element."""

    _function: Callable[[torch.Tensor], torch.Tensor]

    def forward(self, input: Any) -> Any:
        """Return the function of a sparse tensor's features, or of a matrix."""
        return self._map(input, self._function)


class ReLU(_Elementwise):
    """x > 0 ? x : 0."""

    _function = staticmethod(torch.relu)


class LeakyReLU(Layer):
    """x > 0 ? x : leak * x."""

    leak: float

    __init__ = numpy_level.LeakyReLU.__init__

    def forward(self, input: Any) -> Any:
        """Return the function of a sparse tensor's features, or of a matrix."""
        return self._map(input, lambda rows: F.leaky_relu(rows, self.leak))


class ELU(_Elementwise):
    """x > 0 ? x : exp(x) - 1 (Clevert, Unterthiner and Hochreiter, 2016)."""

    _function = staticmethod(F.elu)


class SELU(_Elementwise):
    """A scaled `ELU` (Klambauer et al., 2017)."""

    _function = staticmethod(torch.selu)


class Tanh(_Elementwise):
    """The hyperbolic tangent."""

    _function = staticmethod(torch.tanh)


class Sigmoid(_Elementwise):
    """1 / (1 + exp(-x))."""

    _function = staticmethod(torch.sigmoid)


class GELU(_Elementwise):
    """x times the normal distribution function of x (Hendrycks and Gimpel, 2016)."""

    _function = staticmethod(F.gelu)


class SiLU(_Elementwise):
    """x / (1 + exp(-x)), also called swish."""

    _function = staticmethod(F.silu)


class Hardswish(_Elementwise):
    """x * min(max(x + 3, 0), 6) / 6 (Howard et al., "Searching for MobileNetV3", 2019)."""

    _function = staticmethod(F.hardswish)


class Softplus(_Elementwise):
    """log(1 + exp(x))."""

    _function = staticmethod(F.softplus)


class PReLU(Layer):
    """x > 0 ? x : leak * x with leaks that are learned (He et al., 2015).

    nPlanes: the number of leaks, 1 for all planes together or the planes of the input. leak: what they are at first.
    State: weight [nPlanes].
    """

    weight: nn.Parameter

    nPlanes: int
    leak: float

    __init__ = numpy_level.PReLU.__init__

    def _take(self, arguments: dict[str, Any]) -> None:
        super()._take(arguments)
        self.weight = nn.Parameter(torch.full((self.nPlanes,), float(self.leak)))

    def forward(self, input: Any) -> Any:
        """Return the function of a sparse tensor's features, or of a matrix."""
        planes = None if self.nPlanes == 1 else self.nPlanes
        return self._map(input, lambda rows: F.prelu(*prepared_together(rows, self.weight)), planes)


class Dropout(Layer):
    """Training: every value times 0 with the probability p, else times 1. Evaluation: every value times 1 - p."""

    p: float

    __init__ = numpy_normalization.Dropout.__init__

    def forward(self, input: Any) -> Any:
        """Return what is left of a sparse tensor's features, or of a matrix."""
        return self._map(input, self._drop)

    def _drop(self, rows: torch.Tensor) -> torch.Tensor:
        return rows * self._mask(rows) if self.training else rows * (1 - self.p)

    def _mask(self, rows: torch.Tensor) -> torch.Tensor:
        return torch.empty_like(rows).bernoulli_(1 - self.p)


class BatchwiseDropout(Dropout):
    """`Dropout` of whole planes, the same for all rows of the batch."""

    def _mask(self, rows: torch.Tensor) -> torch.Tensor:
        return rows.new_empty(rows.shape[1]).bernoulli_(1 - self.p)
