"""Sites that are chosen by their values."""

from __future__ import annotations

import ctypes
from typing import Any, Optional

import torch
from torch import nn
from torch.autograd import Function

from .._arrays import dimension_of
from .._handles import RulebookHandle
from .._library import library
from ..errors import InvalidArgumentError
from ._buffers import computable, typed_like
from .activation import Sigmoid
from .containers import Sequential
from .convolution import NetworkInNetwork
from .functions import shape_context
from .layer import Layer, planes_of
from .sparse import SparseConvNetTensor

__all__ = ["Sparsify", "SparsifyFCS"]


class _Step(Function):
    """A step from 0 to 1 at 0, with the identity's gradient."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor) -> torch.Tensor:
        return (values > 0).to(values.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient


class _FakeGradHardSigmoid(Layer):
    def forward(self, input: Any) -> Any:
        return self._map(input, _Step.apply)


def _kept(input: SparseConvNetTensor, rows: torch.Tensor, keep: torch.Tensor) -> SparseConvNetTensor:
    """Return the tensor of those sites that stay. keep: bool, by sorted rows."""
    metadata, sites, out = input._known_metadata(), input._site_set(), ctypes.c_int32()
    chosen = keep.to(torch.uint8).contiguous()
    place = (metadata._handle, sites, chosen.data_ptr(), chosen.numel(), ctypes.byref(out))
    rulebook = RulebookHandle.make(library.scn_geometry_subset, *place)
    metadata._note_subset(sites, keep, out.value)
    result = shape_context(computable(rows), rulebook, metadata._site_count(out.value), 1)
    return input._on(typed_like(result, rows), out.value)


class Sparsify(Layer):
    """Keeps the sites that a network-in-network of one plane scores high, in their order and with all planes.

    activation: None (scores above 0 stay), 'sigmoid' or 'fakeGradHardSigmoid' (a step forward, the identity's gradient;
    those above 0.5 stay). The result's `mask` holds the scores of all input sites in the order of their rows, after the
    activation; a loss of it trains them. State: net.weight [nIn, 1] and net.bias [1], after an activation net.0.weight
    and net.0.bias.
    """

    net: nn.Module

    def __init__(self, dimension: int, nIn: int, activation: Optional[str] = None) -> None:
        super().__init__()
        self.dimension, self.nIn = dimension_of(dimension), planes_of(nIn, "nIn")
        known = {None: None, "sigmoid": Sigmoid, "fakeGradHardSigmoid": _FakeGradHardSigmoid}
        if activation not in known:
            raise InvalidArgumentError(f"activation is {activation!r}; it must be one of {list(known)}")
        self.activation, follower = activation, known[activation]
        scores = NetworkInNetwork(self.nIn, 1, True)
        self.net = scores if follower is None else Sequential(scores, follower())

    def forward(self, input: SparseConvNetTensor) -> SparseConvNetTensor:
        """Return the sparse tensor of the sites that stay."""
        input, rows = self._sparse(input, self.nIn)
        scored = self.net(input._on(rows))
        scores = scored._sorted()[:, 0]
        result = _kept(input, rows, scores > (0 if self.activation is None else 0.5))
        result.mask = scored.features.view(-1)  # type: ignore[attr-defined]
        return result

    def extra_repr(self) -> str:
        end = "" if self.activation is None else f", activation={self.activation!r}"
        return f"{self.dimension}, {self.nIn}{end}"


class SparsifyFCS(Layer):
    """Keeps the sites whose first plane is above 0, in their order and with all planes."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.dimension = dimension_of(dimension)

    def forward(self, input: SparseConvNetTensor) -> SparseConvNetTensor:
        """Return the sparse tensor of the sites that stay."""
        input, rows = self._sparse(input)
        if not rows.shape[1]:
            raise InvalidArgumentError("SparsifyFCS got features without planes; it chooses sites by the first one")
        return _kept(input, rows, rows[:, 0] > 0)

    def extra_repr(self) -> str:
        return str(self.dimension)
