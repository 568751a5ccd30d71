"""Convolutions of sparse tensors."""

from __future__ import annotations

import math
from typing import Any

from ..values.tensor import Parameter
from .layer import Layer
from .layer_types import made_from_arguments

__all__ = [
    "Convolution",
    "ConvolutionOnto",
    "Deconvolution",
    "FullConvolution",
    "RandomizedStrideConvolution",
    "SubmanifoldConvolution",
    "TransposeConvolution",
    "ValidConvolution",
]


class _Convolution(Layer):
    """Shared base of convolutions."""

    weight: Parameter
    bias: Parameter | None
    dimension: int
    nIn: int
    nOut: int
    filter_size: list[int]
    filter_stride: list[int]
    has_bias: bool
    groups: int
    padding: list[int]
    dilation: list[int]
    round_down: bool
    normalized: bool

    @property
    def filter_volume(self) -> int:
        """The number of filter offsets."""
        return math.prod(self.filter_size)


class SubmanifoldConvolution(_Convolution):
    """A convolution that keeps the sites: offset k of the filter reads site + (k - size / 2) * dilation.

    [sites, nIn] -> [sites, nOut]. filter_size, dilation: an integer or one for each axis. bias: whether to add one.
    normalized: whether to divide sums, before the bias, by how many inputs the filter meets (Knutsson and Westin,
    "Normalized and differential convolution", 1993). weight: [volume, groups, nIn / groups, nOut / groups], initialized
    N(0, 2 * groups / (nIn * volume)). bias: [nOut], zeros.
    """

    @made_from_arguments
    def __init__(
        self,
        dimension: int,
        nIn: int,
        nOut: int,
        filter_size: Any,
        bias: bool,
        groups: int = 1,
        *,
        dilation: Any = 1,
        normalized: bool = False,
    ) -> None: ...


ValidConvolution = SubmanifoldConvolution


class _StridedConvolution(_Convolution):
    """Shared base of convolutions that change the sites."""

    @made_from_arguments
    def __init__(
        self,
        dimension: int,
        nIn: int,
        nOut: int,
        filter_size: Any,
        filter_stride: Any,
        bias: bool,
        groups: int = 1,
        *,
        padding: Any = 0,
        dilation: Any = 1,
        round_down: bool = False,
        normalized: bool = False,
    ) -> None: ...


class Convolution(_StridedConvolution):
    """A convolution with a site wherever any input lies under the filter.

    [sites in, nIn] -> [sites out, nOut], with input = output * stride - padding + k * dilation. The size becomes (in +
    2 * padding - dilation * (filter - 1) - 1) / stride + 1, rounded down; it must be exact where padding is 0 and
    dilation 1, unless `round_down`: the last places of a field then lie under no window. Sizes are an integer or one
    for each axis. Weight and bias as in `SubmanifoldConvolution`.
    """


class Deconvolution(_StridedConvolution):
    """The matching earlier convolution or pooling, reversed: its input sites become the output's.

    [sites in, nIn] -> [sites of that layer's input, nOut]. Calling it raises `StateError` if there was no such layer.
    Weight and bias as in `SubmanifoldConvolution`.
    """


class FullConvolution(_StridedConvolution):
    """A convolution with a site wherever the filter reaches from an input: a transposed, generative convolution.

    [sites in, nIn] -> [sites out, nOut], with output = input * stride - padding + k * dilation. The size becomes
    (in - 1) * stride + dilation * (filter - 1) + 1 - 2 * padding. Weight and bias as in `SubmanifoldConvolution`.
    """


TransposeConvolution = FullConvolution


class RandomizedStrideConvolution(_StridedConvolution):
    """In training a convolution whose windows are displaced at random; in evaluation a `Convolution`.

    Along each axis the steps from window to window are a shuffle of stride - 1, stride + 1 and stride, a third of the
    windows each; sizes are those of `Convolution`. The displacement is drawn from the generator, see `manual_seed`,
    once for an input and a filter: branches with the same filter get the same sites. Weight and bias as in
    `SubmanifoldConvolution`.
    """


class ConvolutionOnto(_Convolution):
    """A convolution onto any sites: input * input_stride = output * output_stride + offset k of the filter.

    Called with two sparse tensors in a list, it convolves the first onto the sites of the second. Called with one, the
    result's sites are its own where strides are ones; floor(site / output_stride) where input_stride is 1, as in
    MinkowskiEngine; else all that are related to one of its sites. [sites in, nIn] -> [sites out, nOut].

    shape: 'centered', tap t of an axis is at (t - size / 2) * dilation; 'corner', at t * dilation; 'cross', the center,
    then the centered taps of each axis. Sizes are an integer or one for each axis. Weight, bias and `normalized` as in
    `SubmanifoldConvolution`; see `filter_offsets` for the weight's order.
    """

    shape: str
    input_stride: list[int]
    output_stride: list[int]

    @made_from_arguments
    def __init__(
        self,
        dimension: int,
        nIn: int,
        nOut: int,
        filter_size: Any,
        bias: bool,
        groups: int = 1,
        *,
        shape: str = "centered",
        dilation: Any = 1,
        input_stride: Any = 1,
        output_stride: Any = 1,
        normalized: bool = False,
    ) -> None: ...

    @property
    def filter_volume(self) -> int:
        """The number of filter offsets."""
        return self.weight.shape[0]
