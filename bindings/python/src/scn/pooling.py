"""Pooling of sparse tensors."""

from __future__ import annotations

from typing import Any

from ._arrays import dimension_of, int64s, integer, sizes
from ._handles import ModuleHandle
from ._library import library
from ._options import PoolingOptions
from .convolution import short
from .layer import Layer

__all__ = ["MaxPooling"]


class MaxPooling(Layer):
    """The largest value under the window, at least zero: sites without features count as zero.

    [sites in, planes] -> [sites out, planes - nFeaturesToDrop]; sites and sizes as in `Convolution`. nFeaturesToDrop:
    how many of the first planes to leave out. Tied maxima all get the gradient.
    """

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
        create = library.scn_max_pooling_create
        size, stride = int64s(self.pool_size), int64s(self.pool_stride)
        self._own(ModuleHandle.make(create, self.dimension, size, stride, options))

    def extra_repr(self) -> str:
        parts = [f"{self.dimension}, pool_size={short(self.pool_size)}, pool_stride={short(self.pool_stride)}"]
        if self.nFeaturesToDrop:
            parts.append(f"nFeaturesToDrop={self.nFeaturesToDrop}")
        if any(self.padding):
            parts.append(f"padding={short(self.padding)}")
        if any(size != 1 for size in self.dilation):
            parts.append(f"dilation={short(self.dilation)}")
        return ", ".join(parts)
