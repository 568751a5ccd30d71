"""Products with a matrix."""

from __future__ import annotations

from ..values.tensor import Parameter
from .layer import Layer
from .layer_types import made_from_arguments

__all__ = ["Linear", "NetworkInNetwork"]


class _Product(Layer):
    weight: Parameter
    bias: Parameter | None
    nIn: int
    nOut: int
    has_bias: bool


class NetworkInNetwork(_Product):
    """A 1 x 1 convolution of sparse tensors, [sites, nIn] -> [sites, nOut].

    weight [nIn, nOut], initialized N(0, 2 / nIn); bias [nOut], zeros.
    """

    @made_from_arguments
    def __init__(self, nIn: int, nOut: int, bias: bool) -> None: ...


class Linear(_Product):
    """A linear layer over the last axis of a dense tensor or the planes of a sparse one, [..., nIn] -> [..., nOut].

    weight [nOut, nIn]; bias [nOut].
    """

    @made_from_arguments
    def __init__(self, nIn: int, nOut: int, bias: bool = True) -> None: ...
