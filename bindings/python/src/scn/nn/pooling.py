"""Pooling of sparse tensors."""

from __future__ import annotations

import ctypes
from typing import Any, ClassVar

import numpy as np

from .._native.arrays import dimension_of, int64s, integer, sizes
from .._native.handles import ModuleHandle
from .._native.library import library
from .._native.structs import FractionalOptions, PoolingOptions
from ..errors import InvalidArgumentError, ShapeError
from .convolution import short
from .layer import Layer

__all__ = [
    "AveragePooling",
    "FractionalMaxPooling",
    "GlobalAveragePooling",
    "GlobalMaxPooling",
    "GlobalSumPooling",
    "MaxPooling",
    "RandomizedStrideMaxPooling",
    "UnPooling",
]


class _Pooling(Layer):
    """What poolings with a window and a stride share."""

    _create: ClassVar[Any]
    _arguments = {
        "dimension": "dimension",
        "pool_size": "pool_size",
        "pool_stride": "pool_stride",
        "features_to_drop": "nFeaturesToDrop",
        "padding": "padding",
        "dilation": "dilation",
    }
    dimension: int
    pool_size: list[int]
    pool_stride: list[int]
    nFeaturesToDrop: int
    padding: list[int]
    dilation: list[int]

    def __init__(
        self,
        dimension: int,
        pool_size: Any,
        pool_stride: Any,
        nFeaturesToDrop: int = 0,
        *,
        padding: Any = 0,
        dilation: Any = 1,
    ) -> None:
        super().__init__()
        self.dimension = dimension_of(dimension)
        self.pool_size = sizes(pool_size, self.dimension, "pool_size")
        self.pool_stride = sizes(pool_stride, self.dimension, "pool_stride")
        self.nFeaturesToDrop = integer(nFeaturesToDrop, "nFeaturesToDrop")
        self.padding = sizes(padding, self.dimension, "padding")
        self.dilation = sizes(dilation, self.dimension, "dilation")
        options = PoolingOptions(self.nFeaturesToDrop, int64s(self.padding), int64s(self.dilation))
        size, stride = int64s(self.pool_size), int64s(self.pool_stride)
        self._own(ModuleHandle.make(self._create, self.dimension, size, stride, options))

    def extra_repr(self) -> str:
        parts = [f"{self.dimension}, pool_size={short(self.pool_size)}, pool_stride={short(self.pool_stride)}"]
        if self.nFeaturesToDrop:
            parts.append(f"nFeaturesToDrop={self.nFeaturesToDrop}")
        if any(self.padding):
            parts.append(f"padding={short(self.padding)}")
        if any(size != 1 for size in self.dilation):
            parts.append(f"dilation={short(self.dilation)}")
        return ", ".join(parts)


class MaxPooling(_Pooling):
    """The largest value under the window, at least zero: sites without features count as zero.

    [sites in, planes] -> [sites out, planes - nFeaturesToDrop]; sites and sizes as in `Convolution`. nFeaturesToDrop:
    how many of the first planes to leave out. NaN is larger than all numbers. Tied maxima all get the gradient.
    """

    _create = library.scn_max_pooling_create


class AveragePooling(_Pooling):
    """The sum under the window divided by the window's volume: sites without features count as zero.

    Arguments, shapes and sites as in `MaxPooling`.
    """

    _create = library.scn_average_pooling_create


class UnPooling(_Pooling):
    """The matching earlier convolution or pooling, reversed: its input sites get the sum over the windows above them.

    [sites in, planes] -> [sites of that layer's input, planes - nFeaturesToDrop]. Calling it raises `StateError` where
    there was no such layer. Arguments as in `MaxPooling`.
    """

    _create = library.scn_unpooling_create


class RandomizedStrideMaxPooling(_Pooling):
    """In training a max pooling whose windows are displaced at random; in evaluation a `MaxPooling`.

    The displacement is that of `RandomizedStrideConvolution`. Arguments and shapes as in `MaxPooling`.
    """

    _create = library.scn_randomized_stride_max_pooling_create


class FractionalMaxPooling(Layer):
    """Max pooling that makes the field smaller by any ratio above 1 (Graham, "Fractional Max-Pooling", 2014).

    [sites in, planes] -> [sites out, planes - nFeaturesToDrop], and the size becomes floor(size / ratio), at least 1, or
    output_size: one of the two must be given, a number or one for each axis. Windows of pool_size start at 0 = s(0) < ...
    < s(n - 1) = size - pool_size along each axis, and the steps are the two integers next to (size - pool_size) /
    (n - 1): pseudorandom steps are as even as can be, from a random beginning; random ones are shuffled. With pool_size
    None each window ends where the next begins.

    In training the steps are drawn from the generator, see `manual_seed`, once for an input and these arguments. In
    evaluation they are as even as can be, so that the result does not depend on chance; to average over several draws,
    as the paper does, leave the layer in training mode.
    """

    _arguments = {
        "dimension": "dimension",
        "ratio": "ratio",
        "output_size": "output_size",
        "pool_size": "pool_size",
        "sequence": "sequence",
        "features_to_drop": "nFeaturesToDrop",
    }
    dimension: int
    ratio: list[float] | None
    output_size: list[int] | None
    pool_size: list[int] | None
    sequence: str
    nFeaturesToDrop: int

    def __init__(
        self,
        dimension: int,
        ratio: Any = None,
        pool_size: Any = 2,
        nFeaturesToDrop: int = 0,
        *,
        output_size: Any = None,
        sequence: str = "pseudorandom",
    ) -> None:
        super().__init__()
        self.dimension = dimension_of(dimension)
        self.ratio = None if ratio is None else _ratios(ratio, self.dimension)
        self.output_size = None if output_size is None else sizes(output_size, self.dimension, "output_size")
        self.pool_size = None if pool_size is None else sizes(pool_size, self.dimension, "pool_size")
        self.nFeaturesToDrop = integer(nFeaturesToDrop, "nFeaturesToDrop")
        if sequence not in ("pseudorandom", "random"):
            raise InvalidArgumentError(f"sequence is {sequence!r}; it must be 'pseudorandom' or 'random'")
        self.sequence = sequence
        create = library.scn_fractional_max_pooling_create
        self._own(ModuleHandle.make(create, self.dimension, fractional_options(self)))

    def extra_repr(self) -> str:
        parts = [str(self.dimension)]
        if self.ratio is not None:
            parts.append(f"ratio={self.ratio[0] if len(set(self.ratio)) == 1 else self.ratio}")
        if self.output_size is not None:
            parts.append(f"output_size={short(self.output_size)}")
        parts.append(f"pool_size={None if self.pool_size is None else short(self.pool_size)}")
        if self.nFeaturesToDrop:
            parts.append(f"nFeaturesToDrop={self.nFeaturesToDrop}")
        if self.sequence != "pseudorandom":
            parts.append(f"sequence={self.sequence!r}")
        return ", ".join(parts)


def fractional_options(layer: Any) -> FractionalOptions:
    """Return the options of a fractional pooling, of either level, as the library takes them."""
    return FractionalOptions(
        None if layer.ratio is None else (ctypes.c_double * layer.dimension)(*layer.ratio),
        None if layer.output_size is None else int64s([int(size) for size in layer.output_size]),
        None if layer.pool_size is None else int64s([int(size) for size in layer.pool_size]),
        int(layer.pool_size is None),
        int(layer.sequence == "random"),
        layer.nFeaturesToDrop,
    )


def _ratios(value: Any, dimension: int) -> list[float]:
    """Return a ratio for each axis: a number counts for all of them."""
    try:
        result = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise InvalidArgumentError(f"ratio is {value!r}; it must be a number or one for each axis") from None
    if result.ndim == 0:
        return [float(result)] * dimension
    if result.shape != (dimension,):
        raise ShapeError(f"ratio has the shape {list(result.shape)}; it must be a number or {dimension} numbers")
    return [float(number) for number in result]


class _GlobalPooling(Layer):
    """What poolings of whole samples share."""

    _kind: ClassVar[int]
    _arguments = {"dimension": "dimension"}
    dimension: int

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.dimension = dimension_of(dimension)
        self._own(ModuleHandle.make(library.scn_global_pooling_create, self.dimension, self._kind))

    def extra_repr(self) -> str:
        return str(self.dimension)


class GlobalSumPooling(_GlobalPooling):
    """The sum over all sites of each sample: a `Tensor` [batch, planes], zeros for a sample without sites."""

    _kind = 0


class GlobalAveragePooling(_GlobalPooling):
    """The average over the sites of each sample, inactive ones not counted: a `Tensor` [batch, planes].

    A sample without sites gets zeros.
    """

    _kind = 1


class GlobalMaxPooling(_GlobalPooling):
    """The maximum over the sites of each sample, which may be negative: a `Tensor` [batch, planes].

    A sample without sites gets zeros. NaN is larger than all numbers. Tied maxima all get the gradient.
    """

    _kind = 2
