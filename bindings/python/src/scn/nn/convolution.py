"""Convolutions of sparse tensors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from .._native.arrays import dimension_of, flag, int64s, integer, sizes
from .._native.handles import ModuleHandle
from .._native.library import library
from .._native.structs import ConvolutionOptions
from ..values.tensor import Parameter
from .layer import Layer

__all__ = [
    "Convolution",
    "Deconvolution",
    "FullConvolution",
    "RandomizedStrideConvolution",
    "SubmanifoldConvolution",
    "TransposeConvolution",
    "ValidConvolution",
]


class _Convolution(Layer):
    """What convolutions share: their arguments, their options and how they look."""

    _arguments = {
        "dimension": "dimension",
        "in": "nIn",
        "out": "nOut",
        "filter_size": "filter_size",
        "bias": "has_bias",
        "groups": "groups",
        "dilation": "dilation",
    }
    _optional = ("bias",)
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

    def _set(self, dimension: Any, nIn: Any, nOut: Any, filter_size: Any, bias: Any, groups: Any) -> None:
        self.dimension = dimension_of(dimension)
        self.nIn = integer(nIn, "nIn")
        self.nOut = integer(nOut, "nOut")
        self.filter_size = sizes(filter_size, self.dimension, "filter_size")
        self.has_bias = flag(bias, "bias")
        self.groups = integer(groups, "groups")

    def _options(self) -> ConvolutionOptions:
        padding = int64s(self.padding) if "padding" in self.__dict__ else None
        return ConvolutionOptions(self.groups, int(self.has_bias), padding, int64s(self.dilation))

    @property
    def filter_volume(self) -> int:
        """The number of filter offsets."""
        volume = 1
        for size in self.filter_size:
            volume *= size
        return volume

    def extra_repr(self) -> str:
        return described(self)


class SubmanifoldConvolution(_Convolution):
    """A convolution whose sites stay: offset k of the filter reads site + (k - size / 2) * dilation.

    [sites, nIn] -> [sites, nOut]. filter_size, dilation: an integer or one for each axis. bias: whether to add one.
    weight: [volume, groups, nIn / groups, nOut / groups], initialised N(0, 2 * groups / (nIn * volume)). bias: [nOut],
    zeros.
    """

    def __init__(
        self, dimension: int, nIn: int, nOut: int, filter_size: Any, bias: bool, groups: int = 1, *, dilation: Any = 1
    ) -> None:
        super().__init__()
        self._set(dimension, nIn, nOut, filter_size, bias, groups)
        self.dilation = sizes(dilation, self.dimension, "dilation")
        create = library.scn_submanifold_convolution_create
        filter = int64s(self.filter_size)
        self._own(ModuleHandle.make(create, self.dimension, self.nIn, self.nOut, filter, self._options()))


ValidConvolution = SubmanifoldConvolution


class _StridedConvolution(_Convolution):
    """What convolutions that change the sites share."""

    _create: ClassVar[Any]
    _arguments = {**_Convolution._arguments, "stride": "filter_stride", "padding": "padding"}

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
    ) -> None:
        super().__init__()
        self._set(dimension, nIn, nOut, filter_size, bias, groups)
        self.filter_stride = sizes(filter_stride, self.dimension, "filter_stride")
        self.padding = sizes(padding, self.dimension, "padding")
        self.dilation = sizes(dilation, self.dimension, "dilation")
        filter, stride = int64s(self.filter_size), int64s(self.filter_stride)
        options = self._options()
        self._own(ModuleHandle.make(self._create, self.dimension, self.nIn, self.nOut, filter, stride, options))


class Convolution(_StridedConvolution):
    """A convolution with a site wherever any input lies under the filter.

    [sites in, nIn] -> [sites out, nOut], with input = output * stride - padding + k * dilation. The size becomes
    (in + 2 * padding - dilation * (filter - 1) - 1) / stride + 1, rounded down; it must be exact where padding is 0 and
    dilation 1. Sizes are an integer or one for each axis. Weight and bias as in `SubmanifoldConvolution`.
    """

    _create = library.scn_convolution_create


class Deconvolution(_StridedConvolution):
    """The matching earlier convolution or pooling, reversed: its input sites become the output's.

    [sites in, nIn] -> [sites of that layer's input, nOut]. Calling it raises `StateError` where there was no such
    layer. Weight and bias as in `SubmanifoldConvolution`.
    """

    _create = library.scn_deconvolution_create


class FullConvolution(_StridedConvolution):
    """A convolution with a site wherever the filter reaches from an input: a transposed, generative convolution.

    [sites in, nIn] -> [sites out, nOut], with output = input * stride - padding + k * dilation. The size becomes
    (in - 1) * stride + dilation * (filter - 1) + 1 - 2 * padding. Weight and bias as in `SubmanifoldConvolution`.
    """

    _create = library.scn_full_convolution_create


TransposeConvolution = FullConvolution


class RandomizedStrideConvolution(_StridedConvolution):
    """In training a convolution whose windows are displaced at random; in evaluation a `Convolution`.

    Along each axis the steps from window to window are a shuffle of stride - 1, stride + 1 and stride, a third of the
    windows each; sizes are those of `Convolution`. The displacement is drawn from the generator, see `manual_seed`, once
    for an input and a filter: branches with the same filter get the same sites. Weight and bias as in
    `SubmanifoldConvolution`.
    """

    _create = library.scn_randomized_stride_convolution_create


def described(layer: Any) -> str:
    """Return the arguments of a convolution, of either level, for its repr."""
    parts = [f"{layer.dimension}, {layer.nIn} -> {layer.nOut}", f"filter_size={short(layer.filter_size)}"]
    if hasattr(layer, "filter_stride"):
        parts.append(f"filter_stride={short(layer.filter_stride)}")
    parts.append(f"bias={layer.has_bias}")
    if layer.groups != 1:
        parts.append(f"groups={layer.groups}")
    for name, usual in (("padding", 0), ("dilation", 1)):
        given = getattr(layer, name, [])
        if any(size != usual for size in given):
            parts.append(f"{name}={short(given)}")
    return ", ".join(parts)


def short(values: Iterable[int]) -> str:
    """Return sizes as they are usually written: one number where all are equal."""
    numbers = [int(value) for value in values]
    return str(numbers[0]) if len(set(numbers)) == 1 else str(numbers)
