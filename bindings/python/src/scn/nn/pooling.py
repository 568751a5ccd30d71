"""Pooling of sparse tensors."""

from __future__ import annotations

import ctypes
from typing import Any

from .._native.arrays import int64s
from .._native.generated import SCN_WINDOWS_PSEUDORANDOM, SCN_WINDOWS_RANDOM, FractionalOptions
from .layer import Layer
from .layer_types import made_from_arguments

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
    """Shared base of poolings with a window and a stride."""

    dimension: int
    pool_size: list[int]
    pool_stride: list[int]
    nFeaturesToDrop: int
    padding: list[int]
    dilation: list[int]
    round_down: bool

    @made_from_arguments
    def __init__(
        self,
        dimension: int,
        pool_size: Any,
        pool_stride: Any,
        nFeaturesToDrop: int = 0,
        *,
        padding: Any = 0,
        dilation: Any = 1,
        round_down: bool = False,
    ) -> None: ...


class MaxPooling(_Pooling):
    """The largest value under the window, at least zero: sites without features count as zero.

    [sites in, planes] -> [sites out, planes - nFeaturesToDrop]; sites and sizes as in `Convolution`. nFeaturesToDrop:
    how many of the first planes to leave out. NaN is larger than all numbers. Tied maxima all get the gradient.
    """


class AveragePooling(_Pooling):
    """The sum under the window divided by the window's volume: sites without features count as zero.

    Arguments, shapes and sites as in `MaxPooling`.
    """


class UnPooling(_Pooling):
    """The matching earlier convolution or pooling, reversed: its input sites get the sum over the windows above them.

    [sites in, planes] -> [sites of that layer's input, planes - nFeaturesToDrop]. Calling it raises `StateError` if
    there was no such layer. Arguments as in `MaxPooling`.
    """


class RandomizedStrideMaxPooling(_Pooling):
    """In training a max pooling whose windows are displaced at random; in evaluation a `MaxPooling`.

    The displacement is that of `RandomizedStrideConvolution`. Arguments and shapes as in `MaxPooling`.
    """


class FractionalMaxPooling(Layer):
    """Max pooling that makes the field smaller by any ratio above 1 (Graham, "Fractional Max-Pooling", 2014).

    [sites in, planes] -> [sites out, planes - nFeaturesToDrop], and the size becomes floor(size / ratio), at least 1,
    or output_size: one of the two must be given, a number or one for each axis. Windows of pool_size start at 0 = s(0)
    < ... < s(n - 1) = size - pool_size along each axis, and the steps are the two integers next to (size - pool_size) /
    (n - 1): pseudorandom steps are as even as possible, from a random start; random ones are shuffled. With pool_size
    None each window ends where the next begins.

    In training the steps are drawn from the generator, see `manual_seed`, once for an input and these arguments. In
    evaluation they are as even as possible, so that the result does not depend on chance; to average over several
    draws, as the paper does, leave the layer in training mode.
    """

    dimension: int
    ratio: list[float] | None
    output_size: list[int] | None
    pool_size: list[int] | None
    sequence: str
    nFeaturesToDrop: int

    @made_from_arguments
    def __init__(
        self,
        dimension: int,
        ratio: Any = None,
        pool_size: Any = 2,
        nFeaturesToDrop: int = 0,
        *,
        output_size: Any = None,
        sequence: str = "pseudorandom",
    ) -> None: ...


def fractional_options(layer: Any) -> FractionalOptions:
    """Return the options of a fractional pooling, of either level, as the library takes them."""
    return FractionalOptions(
        ratio=None if layer.ratio is None else (ctypes.c_double * layer.dimension)(*layer.ratio),
        output_size=None if layer.output_size is None else int64s([int(size) for size in layer.output_size]),
        pool_size=None if layer.pool_size is None else int64s([int(size) for size in layer.pool_size]),
        tiles=int(layer.pool_size is None),
        order=SCN_WINDOWS_RANDOM if layer.sequence == "random" else SCN_WINDOWS_PSEUDORANDOM,
        features_to_drop=layer.nFeaturesToDrop,
    )


class _GlobalPooling(Layer):
    """Shared base of poolings of whole samples."""

    dimension: int

    @made_from_arguments
    def __init__(self, dimension: int) -> None: ...


class GlobalSumPooling(_GlobalPooling):
    """The sum over all sites of each sample: a `Tensor` [batch, planes], zeros for a sample without sites."""


class GlobalAveragePooling(_GlobalPooling):
    """The average over the sites of each sample, inactive ones not counted: a `Tensor` [batch, planes].

    A sample without sites gets zeros.
    """


class GlobalMaxPooling(_GlobalPooling):
    """The maximum over the sites of each sample, which may be negative: a `Tensor` [batch, planes].

    A sample without sites gets zeros. NaN is larger than all numbers. Tied maxima all get the gradient.
    """
