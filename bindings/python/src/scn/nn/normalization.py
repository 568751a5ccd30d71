"""Normalization and dropout."""

from __future__ import annotations

from ..values.tensor import Parameter, Tensor
from .activation import ELU
from .containers import Sequential
from .layer import Layer
from .layer_types import made_from_arguments

__all__ = [
    "BatchNormELU",
    "BatchNormLeakyReLU",
    "BatchNormReLU",
    "BatchNormalization",
    "BatchwiseDropout",
    "Dropout",
    "InstanceNorm",
    "LayerNorm",
    "MeanOnlyBNLeakyReLU",
    "SparseGroupNorm",
]


class BatchNormalization(Layer):
    """Normalizes each plane over all rows, then y > 0 ? y : leakiness * y. [n, nPlanes] -> [n, nPlanes].

    eps: added to the variance. momentum: the fraction of the running statistics that is kept; it can be assigned, even
    in the networks that `UNet` and others return. affine: whether to have weight and bias. State, each [nPlanes]:
    weight (ones), bias (zeros), running_mean (zeros), running_var (ones).
    """

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor
    running_var: Tensor
    nPlanes: int
    eps: float
    momentum: float
    affine: bool
    leakiness: float

    @made_from_arguments
    def __init__(
        self, nPlanes: int, eps: float = 1e-4, momentum: float = 0.99, affine: bool = True, leakiness: float = 1
    ) -> None: ...


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


class MeanOnlyBNLeakyReLU(Layer):
    """Batch normalization of the mean alone, y = x - mean + bias, then y > 0 ? y : leakiness * y.

    [n, nPlanes] -> [n, nPlanes]. momentum: the fraction of the running mean that is kept. State, each [nPlanes]: bias
    (zeros, where affine), running_mean (zeros). The gradient goes through the mean (Salimans and Kingma, 2016).
    """

    bias: Parameter | None
    running_mean: Tensor
    nPlanes: int
    affine: bool
    leakiness: float
    momentum: float

    @made_from_arguments
    def __init__(self, nPlanes: int, affine: bool = True, leakiness: float = 1, momentum: float = 0.99) -> None: ...


class SparseGroupNorm(Layer):
    """Normalizes each sample's sites and each of num_groups groups of neighboring planes (Wu and He, 2018).

    [sites, num_channels] -> [sites, num_channels]. Each sample and group has a mean and a biased variance of its own,
    in training and in evaluation, so that one sample's result does not depend on the others. eps: added to the
    variance. State, each [num_channels]: weight (ones), bias (zeros).
    """

    weight: Parameter
    bias: Parameter
    num_groups: int
    num_channels: int
    eps: float

    @made_from_arguments
    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5) -> None: ...


class InstanceNorm(Layer):
    """Normalizes each plane over each sample's sites (Ulyanov, Vedaldi and Lempitsky, 2016).

    [sites, nPlanes] -> [sites, nPlanes], in training and in evaluation alike. eps: added to the biased variance.
    affine: whether to have weight and bias. State, each [nPlanes]: weight (ones), bias (zeros).
    """

    weight: Parameter | None
    bias: Parameter | None
    nPlanes: int
    eps: float
    affine: bool

    @made_from_arguments
    def __init__(self, nPlanes: int, eps: float = 1e-5, affine: bool = True) -> None: ...


class LayerNorm(Layer):
    """Normalizes the planes of each row (Ba, Kiros and Hinton, 2016). [n, nPlanes] -> [n, nPlanes].

    eps: added to the biased variance. affine: whether to have weight and bias. State, each [nPlanes]: weight (ones),
    bias (zeros).
    """

    weight: Parameter | None
    bias: Parameter | None
    nPlanes: int
    eps: float
    affine: bool

    @made_from_arguments
    def __init__(self, nPlanes: int, eps: float = 1e-5, affine: bool = True) -> None: ...


class Dropout(Layer):
    """Training: every value times 0 with probability p, else times 1. Evaluation: every value times 1 - p."""

    p: float

    @made_from_arguments
    def __init__(self, p: float = 0.5) -> None: ...


class BatchwiseDropout(Layer):
    """`Dropout` of whole planes, the same for all rows of the batch."""

    p: float

    @made_from_arguments
    def __init__(self, p: float = 0.5) -> None: ...
