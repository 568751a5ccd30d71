"""Normalisation and dropout."""

from __future__ import annotations

from typing import Any

from .._native.arrays import flag, integer
from .._native.handles import ModuleHandle
from .._native.library import library
from .._native.structs import BatchNormOptions
from ..values.tensor import Parameter, Tensor
from .activation import ELU
from .containers import Sequential
from .layer import Layer

__all__ = [
    "BatchNormELU",
    "BatchNormLeakyReLU",
    "BatchNormReLU",
    "BatchNormalization",
    "BatchwiseDropout",
    "Dropout",
    "MeanOnlyBNLeakyReLU",
    "SparseGroupNorm",
]


class _WithRunningStatistics(Layer):
    """What batch normalisations share: their momentum can be assigned."""

    momentum: float

    def _set_argument(self, name: str, value: Any) -> None:
        if name != "momentum":
            super()._set_argument(name, value)
        library.scn_module_set_momentum(self._handle, float(value))
        self.__dict__["momentum"] = float(value)


class BatchNormalization(_WithRunningStatistics):
    """Normalises each plane over all rows, then y > 0 ? y : leakiness * y. [n, nPlanes] -> [n, nPlanes].

    eps: added to the variance. momentum: the fraction of the running statistics that is kept; it can be assigned, also
    in the networks that `UNet` and others return. affine: whether to have weight and bias. State, each [nPlanes]:
    weight (ones), bias (zeros), running_mean (zeros), running_var (ones).
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
        return described(self, 0 if isinstance(self, BatchNormReLU) else 1)


class BatchNormReLU(BatchNormalization):
    """`BatchNormalization` with a ReLU."""

    def __init__(self, nPlanes: int, eps: float = 1e-4, momentum: float = 0.99) -> None:
        super().__init__(nPlanes, eps, momentum, True, 0)


class BatchNormLeakyReLU(BatchNormalization):
    """`BatchNormalization` with a leaky ReLU."""

    def __init__(self, nPlanes: int, eps: float = 1e-4, momentum: float = 0.99, leakiness: float = 0.333) -> None:
        super().__init__(nPlanes, eps, momentum, True, leakiness)


def BatchNormELU(nPlanes: int, eps: float = 1e-4, momentum: float = 0.9) -> Sequential:
    """Return a `Sequential` of a `BatchNormalization` and an `ELU`, as in SparseConvNet."""
    return Sequential(BatchNormalization(nPlanes, eps, momentum), ELU())


class MeanOnlyBNLeakyReLU(_WithRunningStatistics):
    """Batch normalisation of the mean alone, y = x - mean + bias, then y > 0 ? y : leakiness * y.

    [n, nPlanes] -> [n, nPlanes]. momentum: the fraction of the running mean that is kept. State, each [nPlanes]: bias
    (zeros, where affine), running_mean (zeros). The gradient goes through the mean (Salimans and Kingma, 2016).
    """

    _arguments = {"planes": "nPlanes", "affine": "affine", "leakiness": "leakiness", "momentum": "momentum"}
    _optional = ("bias",)
    bias: Parameter | None
    running_mean: Tensor
    nPlanes: int
    affine: bool
    leakiness: float

    def __init__(self, nPlanes: int, affine: bool = True, leakiness: float = 1, momentum: float = 0.99) -> None:
        super().__init__()
        self.nPlanes, self.affine = integer(nPlanes, "nPlanes"), flag(affine, "affine")
        self.leakiness, self.momentum = float(leakiness), float(momentum)
        create = library.scn_mean_only_norm_create
        self._own(ModuleHandle.make(create, self.nPlanes, int(self.affine), self.leakiness, self.momentum))

    def extra_repr(self) -> str:
        return f"{self.nPlanes}, affine={self.affine}, leakiness={self.leakiness:g}, momentum={self.momentum:g}"


class SparseGroupNorm(Layer):
    """Normalises each sample's sites and each of num_groups groups of neighbouring planes (Wu and He, 2018).

    [sites, num_channels] -> [sites, num_channels]. Each sample and group has a mean and a biased variance of its own, in training
    and in evaluation, so that what one sample becomes does not depend on the others. eps: added to the variance. State,
    each [num_channels]: weight (ones), bias (zeros).
    """

    _arguments = {"groups": "num_groups", "planes": "num_channels", "epsilon": "eps"}
    weight: Parameter
    bias: Parameter
    num_groups: int
    num_channels: int
    eps: float

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.num_groups = integer(num_groups, "num_groups")
        self.num_channels = integer(num_channels, "num_channels")
        self.eps = float(eps)
        self._own(ModuleHandle.make(library.scn_group_norm_create, self.num_groups, self.num_channels, self.eps))

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps:g}"


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


class BatchwiseDropout(Layer):
    """`Dropout` of whole planes, the same for all rows of the batch."""

    _arguments = {"p": "p"}
    p: float

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = float(p)
        self._own(ModuleHandle.make(library.scn_batchwise_dropout_create, self.p))

    def extra_repr(self) -> str:
        return f"p={self.p:g}"


def described(layer: Any, usual_leakiness: float) -> str:
    """Return the arguments of a batch normalisation, of either level, for its repr."""
    parts = [f"{layer.nPlanes}, eps={layer.eps:g}, momentum={layer.momentum:g}"]
    if not layer.affine:
        parts.append("affine=False")
    if layer.leakiness != usual_leakiness:
        parts.append(f"leakiness={layer.leakiness:g}")
    return ", ".join(parts)
