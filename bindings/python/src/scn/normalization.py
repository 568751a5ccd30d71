"""Batch normalisation and dropout."""

from __future__ import annotations

from ._arrays import integer
from ._handles import ModuleHandle
from ._library import library
from ._options import BatchNormOptions
from .layer import Layer
from .tensor import Parameter, Tensor

__all__ = ["BatchNormLeakyReLU", "BatchNormReLU", "BatchNormalization", "Dropout"]


class BatchNormalization(Layer):
    """Normalises each plane over all rows, then y > 0 ? y : leakiness * y. [n, nPlanes] -> [n, nPlanes].

    eps: added to the variance. momentum: the fraction of the running statistics that is kept. affine: whether to have
    weight and bias. State, each [nPlanes]: weight (ones), bias (zeros), running_mean (zeros), running_var (ones).
    """

    _arguments = {
        "planes": "nPlanes",
        "epsilon": "eps",
        "momentum": "momentum",
        "affine": "affine",
        "leakiness": "leakiness",
    }
    _optional = ("weight", "bias")
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor
    running_var: Tensor
    nPlanes: int
    eps: float
    momentum: float
    affine: bool
    leakiness: float

    def __init__(
        self, nPlanes: int, eps: float = 1e-4, momentum: float = 0.99, affine: bool = True, leakiness: float = 1
    ) -> None:
        super().__init__()
        self.nPlanes = integer(nPlanes, "nPlanes")
        self.eps, self.momentum = float(eps), float(momentum)
        self.affine, self.leakiness = bool(affine), float(leakiness)
        options = BatchNormOptions(self.eps, self.momentum, int(self.affine), self.leakiness)
        self._own(ModuleHandle.make(library.scn_batch_normalization_create, self.nPlanes, options))

    def extra_repr(self) -> str:
        parts = [f"{self.nPlanes}, eps={self.eps:g}, momentum={self.momentum:g}"]
        if not self.affine:
            parts.append("affine=False")
        if self.leakiness != (0 if isinstance(self, BatchNormReLU) else 1):
            parts.append(f"leakiness={self.leakiness:g}")
        return ", ".join(parts)


class BatchNormReLU(BatchNormalization):
    """`BatchNormalization` with a ReLU."""

    def __init__(self, nPlanes: int, eps: float = 1e-4, momentum: float = 0.99) -> None:
        super().__init__(nPlanes, eps, momentum, True, 0)


class BatchNormLeakyReLU(BatchNormalization):
    """`BatchNormalization` with a leaky ReLU."""

    def __init__(self, nPlanes: int, eps: float = 1e-4, momentum: float = 0.99, leakiness: float = 0.333) -> None:
        super().__init__(nPlanes, eps, momentum, True, leakiness)


class Dropout(Layer):
    """Training: every value times 0 with the probability p, else times 1. Evaluation: every value times 1 - p."""

    _arguments = {"p": "p"}
    p: float

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = float(p)
        self._own(ModuleHandle.make(library.scn_dropout_create, self.p))

    def extra_repr(self) -> str:
        return f"p={self.p:g}"
