"""Sites that are chosen by their values."""

from __future__ import annotations

from .._native.arrays import dimension_of, integer
from .._native.handles import ModuleHandle
from .._native.library import library
from ..errors import InvalidArgumentError
from ..values.tensor import Parameter
from .layer import Layer

__all__ = ["DenseToSparse", "Sparsify", "SparsifyFCS"]


class DenseToSparse(Layer):
    """Makes of a `Tensor` or array [batch, planes, ...spatial size] a sparse tensor: a site wherever a plane is not 0."""

    _arguments = {"dimension": "dimension"}
    dimension: int

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.dimension = dimension_of(dimension)
        self._own(ModuleHandle.make(library.scn_dense_to_sparse_create, self.dimension))

    def extra_repr(self) -> str:
        return str(self.dimension)


class Sparsify(Layer):
    """Keeps the sites that a network-in-network of one plane scores high, in their order and with all planes.

    activation: None (scores above 0 stay), 'sigmoid' or 'fakeGradHardSigmoid' (a step forward, the identity's gradient;
    those above 0.5 stay). The result's `mask` holds the scores of all input sites, after the activation; a loss of it
    trains them. State: net.weight [nIn, 1] and net.bias [1], after an activation net.0.weight and net.0.bias.
    """

    _activations = (None, "sigmoid", "fakeGradHardSigmoid")
    _arguments = {"dimension": "dimension", "in": "nIn", "activation": "activation"}
    dimension: int
    nIn: int
    activation: str | None

    def __init__(self, dimension: int, nIn: int, activation: str | None = None) -> None:
        super().__init__()
        self.dimension, self.nIn = dimension_of(dimension), integer(nIn, "nIn")
        if activation not in self._activations:
            raise InvalidArgumentError(f"activation is {activation!r}; it must be one of {list(self._activations)}")
        self.activation = activation
        number = self._activations.index(activation)
        self._own(ModuleHandle.make(library.scn_sparsify_create, self.dimension, self.nIn, number))

    @property
    def weight(self) -> Parameter:
        """What scores: [nIn, 1]."""
        return self._parameters["net.weight" if self.activation is None else "net.0.weight"]

    @property
    def bias(self) -> Parameter:
        """What is added to the scores: [1]."""
        return self._parameters["net.bias" if self.activation is None else "net.0.bias"]

    def extra_repr(self) -> str:
        end = "" if self.activation is None else f", activation={self.activation!r}"
        return f"{self.dimension}, {self.nIn}{end}"


class SparsifyFCS(Layer):
    """Keeps the sites whose first plane is above 0, in their order and with all planes."""

    _arguments = {"dimension": "dimension"}
    dimension: int

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.dimension = dimension_of(dimension)
        self._own(ModuleHandle.make(library.scn_sparsify_fcs_create, self.dimension))

    def extra_repr(self) -> str:
        return str(self.dimension)
