"""Choosing sites by their values."""

from __future__ import annotations

from ..values.tensor import Parameter
from .layer import Layer
from .layer_types import made_from_arguments

__all__ = ["DenseToSparse", "Sparsify", "SparsifyFCS"]


class DenseToSparse(Layer):
    """Turns a `Tensor` or array [batch, planes, ...spatial size] into a sparse tensor: a site wherever a plane is not
    0."""

    dimension: int

    @made_from_arguments
    def __init__(self, dimension: int) -> None: ...


class Sparsify(Layer):
    """Keeps the sites that a network-in-network of one plane scores high, in their order and with all planes.

    activation: None (scores above 0 stay), 'sigmoid' or 'fakeGradHardSigmoid' (a step forward, the identity's gradient;
    those above 0.5 stay). The result's `mask` holds the scores of all input sites, after the activation; a loss of it
    trains them. State: net.weight [nIn, 1] and net.bias [1], after an activation net.0.weight and net.0.bias.
    """

    dimension: int
    nIn: int
    activation: str | None

    @made_from_arguments
    def __init__(self, dimension: int, nIn: int, activation: str | None = None) -> None: ...

    @property
    def weight(self) -> Parameter:
        """What scores: [nIn, 1]."""
        return self._parameters["net.weight" if self.activation is None else "net.0.weight"]

    @property
    def bias(self) -> Parameter:
        """What is added to the scores: [1]."""
        return self._parameters["net.bias" if self.activation is None else "net.0.bias"]


class SparsifyFCS(Layer):
    """Keeps the sites whose first plane is above 0, in their order and with all planes."""

    dimension: int

    @made_from_arguments
    def __init__(self, dimension: int) -> None: ...
