"""Pooling of sparse tensors."""

from __future__ import annotations

import ctypes
from typing import Any, ClassVar

import torch

from ..._messages import counted
from ..._native.generated import SCN_GLOBAL_AVERAGE, SCN_GLOBAL_MAX, SCN_GLOBAL_SUM
from ..._native.handles import RulebookHandle
from ..._native.library import library
from ...errors import ShapeError
from ...nn import pooling as numpy_level
from ...nn.pooling import fractional_options
from ..autograd.buffers import prepared, typed_like
from ..autograd.seeding import engine_seeded_by_torch
from ..functions import average_pooling, global_pooling, max_pooling, unpooling
from ..metadata import Metadata
from ..sparse import SparseConvNetTensor
from .convolution import found_rules, randomized_rules, reach_from_finer
from .layer import Layer, Window, Windowed, long_tensor

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


class _Dropping(Windowed):
    """Shared base of poolings that may leave out the first planes."""

    nFeaturesToDrop: int
    _operation: ClassVar[Any]

    def _rules(self, metadata: Metadata, sites: int) -> tuple[RulebookHandle, int]:
        """Return the rulebook that begins at a site set, and the site set at which it ends."""
        raise NotImplementedError

    def forward(self, input: SparseConvNetTensor) -> SparseConvNetTensor:
        """Return the pooled sparse tensor."""
        input, rows = self._sparse(input)
        if rows.shape[1] < self.nFeaturesToDrop:
            expected = f"at least the {self.nFeaturesToDrop} that {type(self).__name__} drops"
            raise ShapeError(f"input: has {counted(rows.shape[1], 'plane')}, expected {expected}")
        metadata = input._known_metadata()
        rulebook, sites = self._rules(metadata, input._site_set())
        pool = type(self)._operation
        result = pool(prepared(rows), rulebook, metadata._site_count(sites), self.nFeaturesToDrop)
        return input._on(typed_like(result, rows), sites)


class _Pooling(_Dropping):
    """Shared base of poolings with a window and a stride."""

    _find: ClassVar[Any]

    __init__ = numpy_level.MaxPooling.__init__

    def _take(self, arguments: dict[str, Any]) -> None:
        names = ("pool_size", "pool_stride", "padding", "dilation", "round_down")
        size, stride, padding, dilation, round_down = (arguments.pop(name) for name in names)
        super()._take(arguments)
        self._window = Window(self.dimension, size, stride, padding, dilation, "pool", round_down)

    def _complete(self) -> None:
        if "_window" not in self.__dict__:
            given = self.__dict__
            self._window = Window(self.dimension, given.pop("pool_size"), given.pop("pool_stride"), 0, 1, "pool")

    @property
    def pool_size(self) -> torch.Tensor:
        """The window's size, [dimension] int64. It cannot be changed."""
        return long_tensor(self._window.size)

    @property
    def pool_stride(self) -> torch.Tensor:
        """How far the window moves, [dimension] int64."""
        return long_tensor(self._window.stride)

    @property
    def padding(self) -> torch.Tensor:
        """How far the window reaches beyond the field, [dimension] int64."""
        return long_tensor(self._window.padding)

    @property
    def dilation(self) -> torch.Tensor:
        """How far apart the window's offsets are, [dimension] int64."""
        return long_tensor(self._window.dilation)

    @property
    def round_down(self) -> bool:
        """Whether the last places of a field may lie under no window."""
        return self._window.round_down

    def _rules(self, metadata: Metadata, sites: int) -> tuple[RulebookHandle, int]:
        return found_rules(self._find, metadata, sites, self._window)


class MaxPooling(_Pooling):
    """The largest value under the window, at least zero: sites without features count as zero.

    [sites in, planes] -> [sites out, planes - nFeaturesToDrop]; sites and sizes as in `Convolution`. nFeaturesToDrop:
    how many of the first planes to leave out. NaN is larger than all numbers. Tied maxima all get the gradient.
    """

    _find, _operation = library.scn_geometry_strided, max_pooling


class AveragePooling(_Pooling):
    """The sum under the window divided by the window's volume: sites without features count as zero.

    Arguments, shapes and sites as in `MaxPooling`.
    """

    _find, _operation = library.scn_geometry_strided, average_pooling


class UnPooling(_Pooling):
    """The matching earlier convolution or pooling, reversed: its input sites get the sum over the windows above them.

    [sites in, planes] -> [sites of that layer's input, planes - nFeaturesToDrop]. Calling it raises `StateError` if
    there was no such layer. Arguments as in `MaxPooling`.
    """

    _find, _operation = library.scn_geometry_reverse, unpooling

    def forward(self, input: SparseConvNetTensor) -> SparseConvNetTensor:
        """Return the sums on the sites of the earlier layer's input."""
        reach_from_finer(input, self._window)
        return super().forward(input)


class RandomizedStrideMaxPooling(_Pooling):
    """In training a max pooling whose windows are displaced at random; in evaluation a `MaxPooling`.

    The displacement is that of `RandomizedStrideConvolution`. Arguments and shapes as in `MaxPooling`.
    """

    _operation = max_pooling

    def _rules(self, metadata: Metadata, sites: int) -> tuple[RulebookHandle, int]:
        if not self.training:
            return found_rules(library.scn_geometry_strided, metadata, sites, self._window)
        return randomized_rules(metadata, sites, self._window)


class FractionalMaxPooling(_Dropping):
    """Max pooling that makes the field smaller by any ratio above 1 (Graham, "Fractional Max-Pooling", 2014).

    Like `scn.FractionalMaxPooling`, with its arguments; in training the windows follow `torch.manual_seed`.
    """

    _operation = max_pooling

    __init__ = numpy_level.FractionalMaxPooling.__init__

    def _take(self, arguments: dict[str, Any]) -> None:
        for name in ("output_size", "pool_size"):
            arguments[name] = None if arguments[name] is None else long_tensor(arguments[name])
        super()._take(arguments)

    def _rules(self, metadata: Metadata, sites: int) -> tuple[RulebookHandle, int]:
        options, out = fractional_options(self), ctypes.c_int32()
        place = (metadata._handle, sites, options, int(not self.training), ctypes.byref(out))
        with engine_seeded_by_torch():
            rulebook = RulebookHandle.make(library.scn_geometry_fractional, *place)
        metadata._reach(out.value)
        return rulebook, out.value


class _GlobalPooling(Layer):
    """Shared base of poolings of whole samples."""

    _kind: ClassVar[int]

    __init__ = numpy_level.GlobalSumPooling.__init__

    def forward(self, input: SparseConvNetTensor) -> torch.Tensor:
        """Return a row for each sample, [batch, planes]."""
        input, rows = self._sparse(input)
        metadata = input._known_metadata()
        place = (metadata._handle, input._site_set(), self._kind, metadata.batch_size())
        return typed_like(global_pooling(prepared(rows), *place), rows)


class GlobalSumPooling(_GlobalPooling):
    """The sum over all sites of each sample: [batch, planes], zeros for a sample without sites."""

    _kind = SCN_GLOBAL_SUM


class GlobalAveragePooling(_GlobalPooling):
    """The average over the sites of each sample, inactive ones not counted: [batch, planes].

    A sample without sites gets zeros.
    """

    _kind = SCN_GLOBAL_AVERAGE


class GlobalMaxPooling(_GlobalPooling):
    """The maximum over the sites of each sample, which may be negative: [batch, planes].

    A sample without sites gets zeros. NaN is larger than all numbers. Tied maxima all get the gradient.
    """

    _kind = SCN_GLOBAL_MAX
