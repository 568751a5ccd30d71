"""The sparse tensor of spconv."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Callable, Optional, Union

import numpy as np
import torch
from torch.autograd import Function

from ..._messages import type_of, wrong_elements, wrong_shape, wrong_type
from ...dialects.rows import Rows
from ...errors import CoordinateError
from .._errors import MisuseError
from ..core import ConvAlgo
from ..tools import CUDAKernelTimer
from ._indice_data import ImplicitGemmIndiceData, IndiceData
from ._torch_functions import called_for_layer

__all__ = [
    "ImplicitGemmIndiceData",
    "IndiceData",
    "SparseConvTensor",
    "ThrustSortAllocator",
    "expand_nd",
    "scatter_nd",
]

DIFFERS = {"ThrustSortAllocator": "an attribute that is passed on, without effect"}


class ThrustSortAllocator:
    """Memory that spconv's GPU kernels keep; here nothing but an attribute that programs pass on."""

    def __init__(self, device: Any) -> None:
        self.device = device
        self.alloced_objs: dict[int, torch.Tensor] = {}


class SparseConvTensor:
    """Features at sites.

    features: [rows, planes], floats, which `replace_feature` replaces. indices: [rows, 1 + dimension] int32, batch
    index first, each site once; a plain tensor that may be changed in place or replaced. spatial_shape: the size of the
    field, a whole number for each axis; sites are 0 ... size - 1. batch_size: the number of samples. indice_dict: the
    rulebooks of layers by their `indice_key`. benchmark: whether layers, which need a name then, note in
    `benchmark_record` how long they take. enable_timer: whether parts are timed in `_timer`. The others are kept as
    attributes, and have no effect.

    Raises `MisuseError`, which is a ValueError and an AssertionError, for features or indices of another rank or type.
    Sites are looked at by the first layer that needs them.
    """

    def __init__(
        self,
        features: torch.Tensor,
        indices: torch.Tensor,
        spatial_shape: Any,
        batch_size: int,
        grid: Optional[torch.Tensor] = None,
        voxel_num: Optional[torch.Tensor] = None,
        indice_dict: Optional[dict[Any, Any]] = None,
        benchmark: bool = False,
        permanent_thrust_allocator: bool = False,
        enable_timer: bool = False,
        force_algo: Optional[ConvAlgo] = None,
    ) -> None:
        for name, given, shape in (("features", features, "planes"), ("indices", indices, "1 + dimension")):
            if not isinstance(given, torch.Tensor):
                raise wrong_type(name, given, "a torch.Tensor")
            if given.ndim != 2:
                raise MisuseError(str(wrong_shape(name, given.shape, f"[rows, {shape}]")))
        if indices.dtype is not torch.int32:
            raise MisuseError(str(wrong_elements("indices", indices.dtype, "torch.int32: use .int()")))
        if len(spatial_shape) != indices.shape[1] - 1:
            raise MisuseError(
                f"spatial_shape: has {len(spatial_shape)} numbers, expected {indices.shape[1] - 1}, "
                "one for each column of indices after the first"
            )
        if not batch_size > 0:
            raise MisuseError(f"batch_size: is {batch_size}, expected at least 1")
        self._in_order: Optional[tuple[Rows, torch.Tensor]] = None
        self._shown: Optional[torch.Tensor] = features
        self.indices = indices
        self.spatial_shape = [int(places) for places in spatial_shape]
        self.batch_size = batch_size
        self.indice_dict: dict[Any, Any] = {} if indice_dict is None else indice_dict
        self.grid: Optional[torch.Tensor] = torch.Tensor() if grid is None else grid
        self.voxel_num = voxel_num
        self.benchmark = benchmark
        self.benchmark_record: dict[str, Any] = {}
        self.thrust_allocator = ThrustSortAllocator(features.device) if permanent_thrust_allocator else None
        self._timer = CUDAKernelTimer(enable_timer)
        self.force_algo = force_algo
        self.int8_scale: Optional[Any] = None

    # Features: what a program sees is in the order of `indices`. What a layer made is in the engine's order, and is put
    # into the other when it is looked at; until then, the next layer need not put it back.

    @property
    def _features(self) -> torch.Tensor:
        if self._shown is None:
            assert self._in_order is not None, "a tensor has features"
            rows, values = self._in_order
            self._shown = called_for_layer(rows.shown_for_all, (values,), {})
            self._in_order = None
        return self._shown

    @_features.setter
    def _features(self, values: torch.Tensor) -> None:
        self._shown, self._in_order = values, None

    @property
    def features(self) -> torch.Tensor:
        """The features, a row for each of `indices`; `replace_feature` gives a tensor that has others."""
        return self._features

    @features.setter
    def features(self, values: Any) -> None:
        raise MisuseError("features: cannot be set; use x = x.replace_feature(features)")

    def _settle(self) -> torch.Tensor:
        """Put the features into the program's order, which what follows then begins with, and return them."""
        return self._features

    def _values(self) -> torch.Tensor:
        """Return the features in whatever order they are."""
        return self._features if self._in_order is None else self._in_order[1]

    def _planes(self) -> int:
        """Return the number of planes."""
        values = self._values()
        if values.ndim != 2:
            raise wrong_shape("features", values.shape, "[rows, planes]")
        return values.shape[1]

    def _sorted(self, rows: Rows) -> torch.Tensor:
        """Return the features in the engine's order; rows: those of `indices`."""
        if self._in_order is not None and self._in_order[0] is rows:
            return self._in_order[1]
        return rows.sorted(self.features)

    def _mapped(self, function: Callable[[torch.Tensor], torch.Tensor]) -> SparseConvTensor:
        """Return the tensor with what a function makes of its features; the function must treat rows alike."""
        if self._in_order is None:
            return self.replace_feature(function(self.features))
        rows, values = self._in_order
        return self._derived()._set(rows, function(values))

    def _set(self, rows: Rows, values: torch.Tensor) -> SparseConvTensor:
        """Take features in the engine's order, and return the tensor."""
        if rows.order is None:
            self._shown, self._in_order = values, None
        else:
            self._shown, self._in_order = None, (rows, values)
        return self

    def _derived(self) -> SparseConvTensor:
        """Return a tensor with all attributes of this one."""
        made, mine = SparseConvTensor.__new__(SparseConvTensor), self.__dict__
        made.__dict__ = {name: mine[name] for name in _ATTRIBUTES}
        made.spatial_shape = list(self.spatial_shape)
        return made

    def replace_feature(self, feature: torch.Tensor) -> SparseConvTensor:
        """Return a tensor with other features, [rows, planes], at the same sites, which shares all else."""
        if not isinstance(feature, torch.Tensor):
            raise wrong_type("feature", feature, "a torch.Tensor")
        if feature.ndim != 2:
            raise MisuseError(str(wrong_shape("feature", feature.shape, "[rows, planes]")))
        made = self._derived()
        made._features = feature
        return made

    def shadow_copy(self) -> SparseConvTensor:
        """Return a tensor with the same features, sites and other attributes."""
        return self._derived()

    def select_by_index(self, valid_indices: torch.Tensor) -> SparseConvTensor:
        """Return the tensor of some rows: row numbers, or a truth value for each row. It has no rulebooks."""
        made = self._derived()
        made.indices = self.indices[valid_indices]
        made._features = self.features[valid_indices.to(self.features.device)]
        made.indice_dict = {}
        return made

    def minus(self) -> SparseConvTensor:
        """Return the tensor with its features negated."""
        return self._mapped(torch.neg)

    def dequantize(self) -> SparseConvTensor:
        """Return the tensor with features that are not quantized."""
        return self.replace_feature(self.features.dequantize())

    @property
    def is_quantized(self) -> bool:
        """Whether the features are quantized; layers take no such features."""
        return self._values().dtype is torch.qint8

    def q_scale(self) -> Any:
        """Return the scale of quantized features."""
        if self.is_quantized:
            return self.features.q_scale()
        raise MisuseError(f"features: have type {self.features.dtype}, expected a quantized one")

    @classmethod
    def from_dense(cls, x: torch.Tensor) -> SparseConvTensor:
        """Return the places of a dense tensor [batch, *spatial shape, planes] where any plane is not 0, in row-major
        order."""
        if not isinstance(x, torch.Tensor):
            raise wrong_type("x", x, "a torch.Tensor")
        if x.ndim < 3:
            raise wrong_shape("x", x.shape, "[batch, *spatial shape, planes]")
        where = (x != 0).any(-1)
        return cls(x[where], where.nonzero().int().contiguous(), x.shape[1:-1], x.shape[0])

    def dense(self, channels_first: bool = True) -> torch.Tensor:
        """Return the features in a dense tensor, 0 elsewhere: [batch, planes, *spatial shape], or, where not
        `channels_first`, [batch, *spatial shape, planes]."""
        shape = [int(self.batch_size), *(int(places) for places in self.spatial_shape)]
        self._planes()
        where = self.indices.long()
        if where.shape != (len(self.features), len(shape)):
            raise wrong_shape("indices", where.shape, f"[{len(self.features)}, {len(shape)}]")
        outside = ((where < 0) | (where >= where.new_tensor(shape))).any(1)
        if outside.any():
            row = int(outside.nonzero()[0])
            raise CoordinateError(f"indices: row {row} is {where[row].tolist()}, expected numbers 0 ... below {shape}")
        where = where.to(self.features.device)
        apply: Any = _Dense.apply
        return apply(self.features, where, shape, channels_first)  # type: ignore[no-any-return]

    @property
    def spatial_size(self) -> int:
        """The number of places of the field."""
        return math.prod(int(places) for places in self.spatial_shape)

    def find_indice_pair(self, key: Any) -> Optional[Union[IndiceData, ImplicitGemmIndiceData]]:
        """Return the rulebook that an `indice_key` names, None if there is none."""
        return None if key is None else self.indice_dict.get(key)

    def __add__(self, other: Union[SparseConvTensor, torch.Tensor]) -> SparseConvTensor:
        if isinstance(other, torch.Tensor):
            return self.replace_feature(self.features + other)
        if not isinstance(other, SparseConvTensor):
            raise MisuseError(f"other: is {type_of(other)}, expected a SparseConvTensor or a torch.Tensor")
        mine, theirs = self._in_order, other._in_order
        if mine is not None and theirs is not None and mine[0] is theirs[0]:
            return self._derived()._set(mine[0], mine[1] + theirs[1])
        return self.replace_feature(self.features + other.features)

    __radd__ = __add__
    __iadd__ = __add__

    def __repr__(self) -> str:
        return f"SparseConvTensor[shape={self._values().size()}]"

    def __getstate__(self) -> dict[str, Any]:
        self._settle()
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        # spconv's own tensors have their features under another name.
        known = dict(state)
        features = known.pop("_features", None)
        self.__dict__.update({"_in_order": None, "_shown": features, **known})


_ATTRIBUTES = (
    "_in_order", "_shown", "_timer", "batch_size", "benchmark", "benchmark_record", "force_algo", "grid", "indice_dict",
    "indices", "int8_scale", "spatial_shape", "thrust_allocator", "voxel_num",
)  # fmt: skip


class _Dense(Function):
    """Rows at places [rows, 1 + dimension] of a dense tensor."""

    @staticmethod
    def forward(
        ctx: Any, features: torch.Tensor, where: torch.Tensor, shape: list[int], channels_first: bool
    ) -> torch.Tensor:
        planes = features.shape[1]
        cells = where.new_zeros(len(where))
        for places, column in zip(shape[1:], where.T[1:]):
            cells = cells * places + column
        ctx.where, ctx.channels_first = (where[:, 0], cells), channels_first
        if channels_first:
            result = features.new_zeros(shape[0], planes, *shape[1:])
            result.flatten(2).transpose(1, 2)[ctx.where] = features
        else:
            result = features.new_zeros(*shape, planes)
            result.flatten(1, -2)[ctx.where] = features
        return result

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        cells = gradient.flatten(2).transpose(1, 2) if ctx.channels_first else gradient.flatten(1, -2)
        return cells[ctx.where], None, None, None


def scatter_nd(indices: torch.Tensor, updates: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Return a tensor of zeros of some shape with updates [n, ...] at the places that indices [n, axes] name."""
    result = updates.new_zeros(*shape)
    result[tuple(indices.reshape(-1, indices.shape[-1]).T.long())] = updates.reshape(-1, *shape[indices.shape[-1] :])
    return result


def expand_nd(ndim: int, val: Any) -> list[int]:
    """Return a whole number for each axis: one number counts for all."""
    numbers = [val] * ndim if isinstance(val, (int, np.integer)) else [int(number) for number in val]
    if len(numbers) != ndim:
        raise MisuseError(f"numbers: are {numbers}, expected {ndim}, one for each axis, or one for all")
    return [int(number) for number in numbers]
