"""Products with a matrix."""

from __future__ import annotations

from typing import Any, ClassVar

from .._native.arrays import flag, integer
from .._native.handles import ModuleHandle
from .._native.library import library
from ..values.tensor import Parameter
from .layer import Layer

__all__ = ["Linear", "NetworkInNetwork"]


class _Product(Layer):
    _create: ClassVar[Any]
    _arguments = {"in": "nIn", "out": "nOut", "bias": "has_bias"}
    _optional = ("bias",)
    weight: Parameter
    bias: Parameter | None
    nIn: int
    nOut: int
    has_bias: bool

    def __init__(self, nIn: int, nOut: int, bias: bool) -> None:
        super().__init__()
        self.nIn, self.nOut = integer(nIn, "nIn"), integer(nOut, "nOut")
        self.has_bias = flag(bias, "bias")
        self._own(ModuleHandle.make(self._create, self.nIn, self.nOut, int(self.has_bias)))

    def extra_repr(self) -> str:
        return f"{self.nIn} -> {self.nOut}, bias={self.has_bias}"


class NetworkInNetwork(_Product):
    """A 1 x 1 convolution of sparse tensors, [sites, nIn] -> [sites, nOut].

    weight [nIn, nOut], initialised N(0, 2 / nIn); bias [nOut], zeros.
    """

    _create = library.scn_network_in_network_create


class Linear(_Product):
    """A linear layer over the last axis of a dense tensor or the planes of a sparse one, [..., nIn] -> [..., nOut].

    weight [nOut, nIn]; bias [nOut].
    """

    _create = library.scn_linear_create

    def __init__(self, nIn: int, nOut: int, bias: bool = True) -> None:
        super().__init__(nIn, nOut, bias)
