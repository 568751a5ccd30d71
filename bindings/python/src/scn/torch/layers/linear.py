"""Products with a matrix."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from ..._messages import wrong_shape, wrong_type
from ...nn.layer_types import made_from_arguments
from ..autograd.autocast import LEAST_ROUNDED_PLANES
from ..autograd.buffers import is_bfloat16, is_computed_by_library, parameter, prepared_together, typed_like
from ..functions import linear
from ..sparse import SparseConvNetTensor
from .layer import Layer

__all__ = ["Linear", "NetworkInNetwork"]


class NetworkInNetwork(Layer):
    """A 1 x 1 convolution: [n, nIn] -> [n, nOut]. weight: [nIn, nOut], initialized N(0, 2 / nIn). bias: [nOut],
    zeros. Rows of bfloat16 are multiplied as such, added in float32 and rounded, from 16 planes on."""

    bias: nn.Parameter
    """If there is one; a layer without one lacks the attribute, as in SparseConvNet."""

    nIn: int
    nOut: int
    has_bias: bool

    @made_from_arguments
    def __init__(self, nIn: int, nOut: int, bias: bool = True) -> None: ...

    def _take(self, arguments: dict[str, Any]) -> None:
        super()._take(arguments)
        self.weight = nn.Parameter(torch.empty(self.nIn, self.nOut).normal_(0, math.sqrt(2 / self.nIn)))
        if self.has_bias:
            self.bias = nn.Parameter(torch.zeros(self.nOut))

    def _complete(self) -> None:
        self.__dict__.setdefault("has_bias", "bias" in self._parameters)

    def forward(self, input: Any) -> Any:
        """Return the products of a sparse tensor's planes, or of a matrix's."""
        weight = parameter(self.weight, "weight", self.nIn, self.nOut)
        bias = parameter(getattr(self, "bias", None), "bias", self.nOut)
        assert weight is not None, "a product has a weight"

        def product(rows: torch.Tensor) -> torch.Tensor:
            if is_bfloat16(rows) and all(part is None or is_computed_by_library(part) for part in (weight, bias)):
                return linear(rows, weight, bias)
            return linear(*prepared_together(rows, weight, bias))

        return self._map(input, product, self.nIn, takes_bfloat16=self.nIn >= LEAST_ROUNDED_PLANES)


class Linear(Layer, nn.Linear):
    """A `torch.nn.Linear` whose products the library computes: [..., in_features] -> [..., out_features].

    Arguments, initial values and state are those of `torch.nn.Linear`, whose place it takes: for the many rows and few
    columns after an `OutputLayer` it is several times as fast. It also takes a sparse tensor, whose planes it maps. It
    computes in float32, and in half precision through it; the result has the input's type. float64 and tensors of other
    devices are computed by torch.
    """

    @property
    def nIn(self) -> int:
        """The planes that go in, `in_features`."""
        return self.in_features

    @property
    def nOut(self) -> int:
        """The planes that come out, `out_features`."""
        return self.out_features

    def forward(self, input: Any) -> Any:
        """Return the products of the last axis of a tensor, or of a sparse tensor's planes."""
        if isinstance(input, SparseConvNetTensor):
            return input._like(self._multiply)
        if not isinstance(input, torch.Tensor):
            raise wrong_type("input", input, "a torch.Tensor or a SparseConvNetTensor for Linear")
        return self._multiply(input)

    def _multiply(self, values: torch.Tensor) -> torch.Tensor:
        weight = parameter(self.weight, "weight", self.out_features, self.in_features)
        bias = parameter(self.bias, "bias", self.out_features)
        assert weight is not None, "a product has a weight"
        if values.ndim < 1 or values.shape[-1] != self.in_features:
            raise wrong_shape("input", values.shape, f"[..., {self.in_features}] for Linear")
        rows, weight, bias = prepared_together(values, weight, bias, names=("input", "weight", "bias"))
        if not weight.numel():
            return typed_like(F.linear(rows, weight, bias), values)
        if values.ndim == 2:
            return typed_like(linear(rows, weight, bias, is_transposed=True), values)
        *outer, width = values.shape
        result = linear(rows.reshape(math.prod(outer), width), weight, bias, is_transposed=True)
        return typed_like(result.view(*outer, self.out_features), values)

    def extra_repr(self) -> str:
        return nn.Linear.extra_repr(self)
