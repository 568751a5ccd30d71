"""Pooling: of windows, of samples, and back."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Union

import numpy as np
import torch

from .._messages import wrong_type, wrong_value
from .._native.arrays import IntArray
from ..torch import functional
from . import _reductions
from ._enums import PoolingMode
from ._errors import asserted
from ._features import Features
from ._kernel_targets import check_input, kernel_of, keys_of_call, result_key
from ._keys import CoordinateMapKey, known_key
from ._maps import Key
from ._max_pooling import max_pool
from ._regions import Region, cells
from .MinkowskiCommon import MinkowskiModuleBase
from .MinkowskiCoordinateManager import CoordinateManager
from .MinkowskiKernelGenerator import KernelGenerator
from .MinkowskiSparseTensor import SparseTensor, target_key
from .MinkowskiTensorField import TensorField

__all__ = [
    "MinkowskiAvgPooling",
    "MinkowskiDirectMaxPoolingFunction",
    "MinkowskiGlobalAvgPooling",
    "MinkowskiGlobalMaxPooling",
    "MinkowskiGlobalPooling",
    "MinkowskiGlobalPoolingFunction",
    "MinkowskiGlobalSumPooling",
    "MinkowskiLocalPoolingFunction",
    "MinkowskiLocalPoolingTransposeFunction",
    "MinkowskiMaxPooling",
    "MinkowskiPoolingBase",
    "MinkowskiPoolingTranspose",
    "MinkowskiSumPooling",
]

_POOLINGS = {
    PoolingMode.LOCAL_SUM_POOLING: "sum",
    PoolingMode.LOCAL_AVG_POOLING: "mean",
    PoolingMode.LOCAL_MAX_POOLING: "max",
}


def _window(generator: KernelGenerator) -> Region:
    """Return where a pooling reads: a kernel that is as large as its stride reads cells, whatever its shape."""
    if generator.kernel_size == generator.kernel_stride:
        return cells(tuple(generator.kernel_size))
    return generator._region()


def _pooled(
    manager: CoordinateManager, features: torch.Tensor, pooling: str, generator: KernelGenerator, keys: tuple[Key, Key]
) -> torch.Tensor:
    """Return the pooling of features, both in the engine's order."""
    rulebook = manager._rules(*keys, _window(generator))
    return max_pool(features, rulebook) if pooling == "max" else functional.pool(features, rulebook, pooling)


class MinkowskiLocalPoolingFunction:
    """The pooling of features, as a function; `apply` is called on the class or on an instance."""

    _is_transpose = False

    @classmethod
    def apply(
        cls,
        input_features: torch.Tensor,
        pooling_mode: PoolingMode,
        kernel_generator: KernelGenerator,
        in_coordinate_map_key: CoordinateMapKey,
        out_coordinate_map_key: Optional[CoordinateMapKey] = None,
        coordinate_manager: Optional[CoordinateManager] = None,
    ) -> torch.Tensor:
        """Return the features of the result, [rows, planes]; arguments as those of
        `MinkowskiConvolutionFunction.apply`. pooling_mode: one of the local ones."""
        keys = keys_of_call(
            coordinate_manager,
            in_coordinate_map_key,
            out_coordinate_map_key,
            kernel_generator,
            cls._is_transpose,
            may_expand=cls._is_transpose,
        )
        assert coordinate_manager is not None, "it was checked"
        rows = coordinate_manager._of(keys[0]).rows.sorted(input_features)
        if cls._is_transpose:
            result = _unpooled(coordinate_manager, rows, kernel_generator, keys)
        else:
            result = _pooled(coordinate_manager, rows, _pooling(pooling_mode), kernel_generator, keys)
        return coordinate_manager._of(keys[1]).rows.shown(result)


class MinkowskiLocalPoolingTransposeFunction(MinkowskiLocalPoolingFunction):
    """The same for the way back; pooling_mode does not matter."""

    _is_transpose = True


def _pooling(mode: PoolingMode) -> str:
    if mode not in _POOLINGS:
        raise wrong_value("pooling_mode", str(mode), "a local pooling mode")
    return _POOLINGS[mode]


class MinkowskiPoolingBase(MinkowskiModuleBase):
    """What poolings of windows have in common; see `MinkowskiSumPooling`."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = 1,
        dilation: Any = 1,
        kernel_generator: Optional[KernelGenerator] = None,
        is_transpose: bool = False,
        pooling_mode: PoolingMode = PoolingMode.LOCAL_AVG_POOLING,
        dimension: Optional[int] = -1,
    ) -> None:
        super().__init__()
        self.kernel_generator = kernel_of(kernel_generator, kernel_size, stride, dilation, False, dimension)
        self.dimension = self.kernel_generator.dimension
        self.is_transpose, self.pooling_mode = is_transpose, pooling_mode
        self.pooling = MinkowskiLocalPoolingTransposeFunction() if is_transpose else MinkowskiLocalPoolingFunction()

    def forward(self, input: SparseTensor, coordinates: Any = None) -> SparseTensor:
        """Return the pooling of a sparse tensor; coordinates: where to give it, as for `MinkowskiConvolution`."""
        check_input(input, self.dimension)
        target = result_key(input, coordinates, self.kernel_generator, self.is_transpose, may_expand=self.is_transpose)
        keys = (known_key(input.coordinate_map_key, "coordinate_map_key"), target)
        if self.is_transpose:
            features = _unpooled(input._manager, input._held.sorted, self.kernel_generator, keys)
        else:
            pooling = _pooling(self.pooling_mode)
            features = _pooled(input._manager, input._held.sorted, pooling, self.kernel_generator, keys)
        return SparseTensor._on(input._manager, target, features)

    def __repr__(self) -> str:
        generator = self.kernel_generator
        return (
            f"{type(self).__name__}(kernel_size={generator.kernel_size}, stride={generator.kernel_stride}, "
            f"dilation={generator.kernel_dilation})"
        )


class MinkowskiSumPooling(MinkowskiPoolingBase):
    """Adds up what each window holds: [sites, planes] -> [sites, planes].

    Arguments, sites and windows are those of `MinkowskiConvolution`, but a kernel_size that is equal to stride means
    the cells 0 ... size - 1 from each of the result's sites, also for odd sizes. A window that holds nothing gives 0.
    """

    _mode = PoolingMode.LOCAL_SUM_POOLING

    def __init__(
        self,
        kernel_size: Any = -1,
        stride: Any = 1,
        dilation: Any = 1,
        kernel_generator: Optional[KernelGenerator] = None,
        dimension: Optional[int] = None,
    ) -> None:
        super().__init__(kernel_size, stride, dilation, kernel_generator, False, self._mode, dimension)


class MinkowskiAvgPooling(MinkowskiSumPooling):
    """The mean of the inputs that each window holds; see `MinkowskiSumPooling`."""

    _mode = PoolingMode.LOCAL_AVG_POOLING


class MinkowskiMaxPooling(MinkowskiSumPooling):
    """The largest of the inputs that each window holds, also below 0; see `MinkowskiSumPooling`.

    Of equal ones one gets the gradient.
    """

    _mode = PoolingMode.LOCAL_MAX_POOLING


class MinkowskiPoolingTranspose(MinkowskiPoolingBase):
    """The reverse of a sum: each row goes to all places of its window, where several are added up.

    Sites as those of `MinkowskiConvolutionTranspose`.
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any,
        dilation: Any = 1,
        kernel_generator: Optional[KernelGenerator] = None,
        expand_coordinates: bool = False,
        dimension: Optional[int] = None,
    ) -> None:
        generator = kernel_of(kernel_generator, kernel_size, stride, dilation, expand_coordinates, dimension)
        super().__init__(kernel_size, stride, dilation, generator, True, dimension=dimension)


def _unpooled(
    manager: CoordinateManager, features: torch.Tensor, generator: KernelGenerator, keys: tuple[Key, Key]
) -> torch.Tensor:
    return functional.pool(features, manager._rules(*keys, _window(generator), True), "sum")


class MinkowskiGlobalPoolingFunction:
    """The pooling of samples, as a function; `apply` is called on the class or on an instance."""

    @staticmethod
    def apply(
        input_features: torch.Tensor,
        pooling_mode: PoolingMode,
        in_coordinate_map_key: CoordinateMapKey,
        out_coordinate_map_key: Optional[CoordinateMapKey] = None,
        coordinate_manager: Optional[CoordinateManager] = None,
    ) -> torch.Tensor:
        """Return a row for each sample, [samples, planes].

        input_features: [rows, planes] of the map, or of the field, in_coordinate_map_key. out_coordinate_map_key: as in
        `MinkowskiConvolutionFunction.apply`.
        """
        if not isinstance(coordinate_manager, CoordinateManager):
            raise wrong_type("coordinate_manager", coordinate_manager, "a CoordinateManager")
        source = known_key(in_coordinate_map_key, "in_coordinate_map_key")
        known = coordinate_manager._maps.get(source)
        if known is None or (source in coordinate_manager._fields and len(known) != len(input_features)):
            parts = _parts_of_points(coordinate_manager, in_coordinate_map_key, input_features)
        else:
            parts = _parts_of_rows(coordinate_manager, source, known.rows.sorted(input_features))
        if isinstance(out_coordinate_map_key, CoordinateMapKey) and out_coordinate_map_key.is_key_set():
            target = out_coordinate_map_key._known()
        else:
            target = coordinate_manager._origin(parts.samples)
            if isinstance(out_coordinate_map_key, CoordinateMapKey):
                out_coordinate_map_key.set_key(*target)
        return _reduced(coordinate_manager, parts, target, pooling_mode)


class _Parts(NamedTuple):
    """The rows of each sample that has any."""

    rows: list[torch.Tensor]
    samples: IntArray
    none: torch.Tensor
    """No rows: [0, planes], from which gradients flow where there are no samples."""


def _parts_of_rows(manager: CoordinateManager, source: Key, features: torch.Tensor) -> _Parts:
    """Return the samples of a coordinate map's features in the engine's order, which is that of the samples."""
    samples, counts = manager._of(source).samples
    return _Parts(list(torch.split(features, counts.tolist())) if len(samples) else [], samples, features[:0])


def _parts_of_points(manager: CoordinateManager, key: CoordinateMapKey, features: torch.Tensor) -> _Parts:
    """Return the samples of a field's features."""
    of_point = manager._field(key).sample_of_point
    samples, counts = np.unique(of_point.numpy(), return_counts=True)
    order = torch.argsort(of_point, stable=True).to(features.device)
    rows = list(torch.split(features.index_select(0, order), counts.tolist())) if len(samples) else []
    return _Parts(rows, samples, features[:0])


def _reduced(manager: CoordinateManager, parts: _Parts, target: Key, mode: PoolingMode) -> torch.Tensor:
    """Return what a mode makes of each sample's rows, in the order of an origin map's rows."""
    count = len(manager._of(target))
    if not parts.rows:
        return parts.none.new_zeros(count, parts.none.shape[1]) + parts.none.sum()
    if "MAX" in mode.name:
        made = [part.max(0).values for part in parts.rows]
    elif "AVG" in mode.name:
        made = [part.mean(0) for part in parts.rows]
    else:
        made = [part.sum(0, dtype=part.dtype) for part in parts.rows]
    rows, stacked = manager._samples_in(target, parts.samples), torch.stack(made)
    if len(rows) == count and bool((rows == torch.arange(count)).all()):
        return stacked
    return _reductions.placed(stacked, rows.to(stacked.device), count)


class MinkowskiGlobalPooling(MinkowskiModuleBase):
    """Pools all rows of a sample into one: [rows, planes] -> [samples, planes].

    The result has a site at 0 for each sample of the coordinate manager, in their order, and tensor stride 0; a sample
    without rows gets 0. mode: one of the global ones of `PoolingMode`, a mean by default.
    """

    def __init__(self, mode: PoolingMode = PoolingMode.GLOBAL_AVG_POOLING_PYTORCH_INDEX) -> None:
        super().__init__()
        if not isinstance(mode, PoolingMode):
            raise asserted(wrong_type("mode", mode, "a PoolingMode"))
        if "GLOBAL" not in mode.name:
            raise asserted(wrong_value("mode", str(mode), "a global pooling mode"))
        self.pooling_mode = mode
        self.pooling = MinkowskiGlobalPoolingFunction()

    def forward(self, input: Union[SparseTensor, TensorField], coordinates: Any = None) -> SparseTensor:
        """Return the pooling of a sparse tensor or a tensor field.

        coordinates: another map with a site at 0 for each sample: a tensor, a key, or coordinates.
        """
        manager = input.coordinate_manager
        if isinstance(input, TensorField):
            parts = _parts_of_points(manager, input.coordinate_field_map_key, input._F)
        else:
            source = known_key(input.coordinate_map_key, "coordinate_map_key")
            parts = _parts_of_rows(manager, source, input._held.sorted)
        if coordinates is None or isinstance(input, TensorField):
            target = manager._origin(parts.samples)
        else:
            target = target_key(input, coordinates, [0] * input.D)
        made = _reduced(manager, parts, target, self.pooling_mode)
        held = Features(manager._of(target).rows, shown=made)
        return SparseTensor._made(manager, CoordinateMapKey._of(target), held)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mode={self.pooling_mode})"


class MinkowskiGlobalSumPooling(MinkowskiGlobalPooling):
    """The sum of the rows of each sample; see `MinkowskiGlobalPooling`."""

    def __init__(self, mode: PoolingMode = PoolingMode.GLOBAL_SUM_POOLING_PYTORCH_INDEX) -> None:
        super().__init__(mode)


class MinkowskiGlobalAvgPooling(MinkowskiGlobalPooling):
    """The mean of the rows of each sample; see `MinkowskiGlobalPooling`."""

    def __init__(self, mode: PoolingMode = PoolingMode.GLOBAL_AVG_POOLING_PYTORCH_INDEX) -> None:
        super().__init__(mode)


class MinkowskiGlobalMaxPooling(MinkowskiGlobalPooling):
    """The largest of the rows of each sample, for each plane; see `MinkowskiGlobalPooling`.

    Of equal ones one gets the gradient.
    """

    def __init__(self, mode: PoolingMode = PoolingMode.GLOBAL_MAX_POOLING_PYTORCH_INDEX) -> None:
        super().__init__(mode)


class MinkowskiDirectMaxPoolingFunction:
    """The maximum along pairs of rows, as a function; `apply` is called on the class or on an instance."""

    @staticmethod
    def apply(
        in_map: torch.Tensor, out_map: torch.Tensor, in_feat: torch.Tensor, out_nrows: int, is_sorted: bool = False
    ) -> torch.Tensor:
        """Return for each of out_nrows rows the largest of the rows in_map[i] of in_feat with out_map[i] = that row,
        for each plane, 0 where there are none; is_sorted does not matter."""
        chosen = in_feat.index_select(0, in_map.long().to(in_feat.device))
        return _reductions.largest(chosen, out_map.long().to(in_feat.device), out_nrows)
