"""Choosing sites by their values."""

from __future__ import annotations

from typing import Any, Optional

import torch
from torch import nn
from torch.autograd import Function

from ...errors import InvalidArgumentError
from ...nn import sparsify as numpy_level
from ..sparse import SparseConvNetTensor, sparse_on
from .activation import Sigmoid
from .containers import Sequential
from .layer import Layer
from .linear import NetworkInNetwork

__all__ = ["Sparsify", "SparsifyFCS"]


class FakeGradHardSigmoidFunction(Function):
    """A step from 0 to 1 at 0, with the identity's gradient."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor) -> torch.Tensor:
        return (values > 0).to(values.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient


class FakeGradHardSigmoid(Layer):
    """A step from 0 to 1 at 0, with the identity's gradient."""

    def forward(self, input: Any) -> Any:
        """Return the function of a sparse tensor's features, or of a matrix."""
        return self._map(input, FakeGradHardSigmoidFunction.apply)


class _Keep(Function):
    """Takes some rows, each once."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        ctx.kept, ctx.count = kept, rows.shape[0]
        return rows.index_select(0, kept)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        return gradient.new_zeros(ctx.count, gradient.shape[1]).index_copy(0, ctx.kept, gradient), None


def _kept(input: SparseConvNetTensor, rows: torch.Tensor, keep: torch.Tensor) -> SparseConvNetTensor:
    """Return the tensor of those sites that stay, with metadata of its own. keep: bool, by sorted rows."""
    metadata = input._known_metadata()._subset(input._site_set(), keep)
    return sparse_on(_Keep.apply(rows, keep.nonzero().view(-1)), metadata, 0)


class Sparsify(Layer):
    """Keeps the sites that a network-in-network of one plane scores high, in their order and with all planes.

    The result has metadata of its own, which knows the sites that stay.

    activation: None (scores above 0 stay), 'sigmoid' or 'fakeGradHardSigmoid' (a step forward, the identity's gradient;
    those above 0.5 stay). The result's `mask` holds the scores of all input sites in the order of their rows, after the
    activation; a loss of it trains them. State: net.weight [nIn, 1] and net.bias [1], after an activation net.0.weight
    and net.0.bias. threshold: sites whose score is above it stay; it can be assigned.
    """

    net: nn.Module
    threshold: float

    nIn: int
    activation: Optional[str]

    __init__ = numpy_level.Sparsify.__init__

    def _take(self, arguments: dict[str, Any]) -> None:
        super()._take(arguments)
        scores = NetworkInNetwork(self.nIn, 1, True)
        followers = {"sigmoid": Sigmoid, "fakeGradHardSigmoid": FakeGradHardSigmoid}
        self.net = scores if self.activation is None else Sequential(scores, followers[self.activation]())
        self.threshold = usual_threshold(self.activation)

    def _complete(self) -> None:
        # The product exists before its own parts are complete.
        scores = self.net if self.activation is None else self.net._modules["0"]
        self.__dict__.setdefault("nIn", scores.nIn)  # type: ignore[union-attr]

    def forward(self, input: SparseConvNetTensor) -> SparseConvNetTensor:
        """Return the sparse tensor of the sites that stay."""
        input, rows = self._sparse(input, self.nIn)
        scored = self.net(input._on(rows))
        scores = scored._sorted()[:, 0]
        result = _kept(input, rows, scores > self.threshold)
        result.mask = scored.features.view(-1)
        return result


def usual_threshold(activation: Optional[str]) -> float:
    """Return the score above which sites stay, unless a program assigned another."""
    return 0 if activation is None else 0.5


class SparsifyFCS(Layer):
    """Keeps the sites whose first plane is above 0, in their order and with all planes."""

    __init__ = numpy_level.SparsifyFCS.__init__

    def forward(self, input: SparseConvNetTensor) -> SparseConvNetTensor:
        """Return the sparse tensor of the sites that stay."""
        input, rows = self._sparse(input)
        if not rows.shape[1]:
            raise InvalidArgumentError("input: has no planes, expected at least 1 for SparsifyFCS")
        return _kept(input, rows, rows[:, 0] > 0)
