"""The sparse tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Optional, TypeVar

import torch

from .._messages import wrong_shape, wrong_type, wrong_value
from ..errors import StateError
from ..torch.functions import permute
from . import _dense, _reductions
from ._enums import GPUMemoryAllocatorType, MinkowskiAlgorithm, SparseTensorQuantizationMode
from ._errors import asserted
from ._features import Features
from ._keys import CoordinateMapKey, known_key
from ._maps import GIVEN, Inserted, Key
from ._points import interpolation
from .MinkowskiCommon import convert_to_int_list
from .MinkowskiCoordinateManager import CoordinateManager, as_whole
from .MinkowskiTensor import (
    COORDINATE_KEY_DIFFERENT_ERROR,
    COORDINATE_MANAGER_DIFFERENT_ERROR,
    Tensor,
    manager_for,
)

__all__ = ["SparseTensor"]

Self = TypeVar("Self", bound="SparseTensor")
_Mode = SparseTensorQuantizationMode


class SparseTensor(Tensor):
    """Features at sites.

    features: [n, planes]. coordinates: [n, 1 + dimension] int32, batch index first, any integers of 32 bits; others are
    rounded down, with a warning. Or coordinate_map_key and coordinate_manager, for the sites and rows of another
    tensor. tensor_stride: what the coordinates are multiples of, an integer or one for each axis. quantization_mode:
    what becomes of rows that share a site; rows keep the order in which sites first come. minkowski_algorithm,
    allocator_type: accepted, and without effect on results. requires_grad, device: what to make of the features first.
    """

    coordinate_map_key: CoordinateMapKey
    """The name of the sites in their manager."""
    unique_index: torch.Tensor
    """[n] int64, which of the given rows each is; only in a tensor that was made of coordinates."""
    inverse_mapping: torch.Tensor
    """[given rows] int64, the row of each; only in a tensor that was made of coordinates."""

    def __init__(
        self,
        features: torch.Tensor,
        coordinates: Optional[torch.Tensor] = None,
        tensor_stride: Any = 1,
        coordinate_map_key: Optional[CoordinateMapKey] = None,
        coordinate_manager: Optional[CoordinateManager] = None,
        quantization_mode: SparseTensorQuantizationMode = _Mode.RANDOM_SUBSAMPLE,
        allocator_type: Optional[GPUMemoryAllocatorType] = None,
        minkowski_algorithm: Optional[MinkowskiAlgorithm] = None,
        requires_grad: Optional[bool] = None,
        device: Any = None,
    ) -> None:
        check_features(features)
        if not isinstance(quantization_mode, _Mode):
            raise asserted(wrong_type("quantization_mode", quantization_mode, "a SparseTensorQuantizationMode"))
        check_place(coordinates, coordinate_map_key, coordinate_manager, "coordinate_map_key")
        if device is not None:
            features = features.to(device)
        if coordinates is None:
            assert coordinate_manager is not None and coordinate_map_key is not None, "they were checked"
            self._place(coordinate_manager, coordinate_map_key)
            held = Features(self._rows, shown=features)
        else:
            held = self._insert(
                features,
                coordinates,
                tensor_stride,
                coordinate_manager,
                quantization_mode,
                (device, minkowski_algorithm),
            )
        self._held = held
        self.quantization_mode = quantization_mode
        if requires_grad is not None:
            self._F.requires_grad_(requires_grad)

    def _place(self, manager: CoordinateManager, key: CoordinateMapKey) -> None:
        known = manager._map(key)
        self._manager, self.coordinate_map_key, self._D = manager, key, manager.D
        self._rows = known.rows
        self._C: Optional[torch.Tensor] = None
        self._batch_rows: Optional[list[torch.Tensor]] = None

    def _insert(
        self,
        features: torch.Tensor,
        coordinates: torch.Tensor,
        tensor_stride: Any,
        manager: Optional[CoordinateManager],
        mode: SparseTensorQuantizationMode,
        settings: tuple[Any, Any],
    ) -> Features:
        """Make the coordinate map, and return the features of its rows."""
        device, algorithm = settings
        if coordinates.ndim != 2 or len(coordinates) != len(features):
            raise asserted(wrong_shape("coordinates", coordinates.shape, f"[{len(features)}, 1 + dimension]"))
        if mode == _Mode.SPLAT_LINEAR_INTERPOLATION:
            raise wrong_value("quantization_mode", str(mode), "another one here: TensorField.splat spreads features")
        places = as_whole(coordinates if device is None else coordinates.to(device))
        # Before a manager that others share is there.
        stride = convert_to_int_list(tensor_stride, places.shape[1] - 1)
        if any(step < 0 for step in stride):
            raise wrong_value("tensor_stride", stride, "at least 0 on each axis")
        if manager is None:
            manager = manager_for(places.shape[1] - 1, algorithm)
        key, made = manager._insert(places, stride, "")
        if mode == _Mode.NO_QUANTIZATION and len(made.kept) != len(features):
            del manager._maps[key]
            raise wrong_value("coordinates", f"{len(features)} rows of {len(made.kept)} sites", "each site once")
        self._place(manager, CoordinateMapKey._of(key))
        self.unique_index = made.kept.to(features.device)
        self.inverse_mapping = made.row_of_given.to(features.device)
        self._C = places.index_select(0, made.kept.to(places.device))
        return _quantized(features, made, mode)

    @classmethod
    def _made(cls: type[Self], manager: CoordinateManager, key: CoordinateMapKey, features: Features) -> Self:
        """Return a tensor on an existing map, which the features belong to."""
        made = cls.__new__(cls)
        made._place(manager, key)
        made._held = features
        made.quantization_mode = _Mode.RANDOM_SUBSAMPLE
        return made

    @classmethod
    def _on(cls: type[Self], manager: CoordinateManager, key: Key, sorted: torch.Tensor, is_new: bool = False) -> Self:
        """Return a tensor with features in the engine's order; is_new: as in `Features`."""
        held = Features(manager._of(key).rows, sorted=sorted, is_new=is_new)
        return cls._made(manager, CoordinateMapKey._of(key), held)

    # Features

    @property
    def _F(self) -> torch.Tensor:
        return self._held.shown

    @_F.setter
    def _F(self, features: torch.Tensor) -> None:
        self._held = Features(self._rows, shown=features)

    def _any(self) -> torch.Tensor:
        return self._held.any

    def _mapped(self: Self, function: Callable[[torch.Tensor], torch.Tensor]) -> Self:
        return self._with_held(self._held.mapped(function))

    def _with_held(self: Self, held: Features) -> Self:
        made = self._made(self._manager, self.coordinate_map_key, held)
        made._C, made._batch_rows = self._C, self._batch_rows
        return made

    def _with(self: Self, features: torch.Tensor) -> Self:
        return self._made(self._manager, self.coordinate_map_key, Features(self._rows, shown=features))

    def _change(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self._held = self._held.mapped(function)

    def _check_sibling(self, other: Any) -> None:
        """Raise an error for what is no tensor of the same manager."""
        if not isinstance(other, SparseTensor):
            raise asserted(wrong_type("other", other, "a SparseTensor"))
        if self._manager is not other._manager:
            raise asserted(StateError(COORDINATE_MANAGER_DIFFERENT_ERROR))

    def _joined(self: Self, other: Any, function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> Self:
        self._check_sibling(other)
        if self.coordinate_map_key == other.coordinate_map_key:
            joined = self._held.joined([other._held], lambda parts: function(*parts))
            return self._made(self._manager, self.coordinate_map_key, joined)
        keys = [known_key(tensor.coordinate_map_key, "coordinate_map_key") for tensor in (self, other)]
        key, places = self._manager._union(keys)
        first, second = (rows.to(self.device) for rows in places)
        filled = _reductions.placed(self._held.peeked(), first, len(self._manager._of(key)))
        met = function(filled.index_select(0, second), other._held.peeked())
        return self._on(self._manager, key, filled.to(met.dtype).index_copy(0, second, met))

    def _join_in_place(self: Self, other: Any, function: Callable[[torch.Tensor, torch.Tensor], Any]) -> Self:
        self._check_sibling(other)
        if self.coordinate_map_key != other.coordinate_map_key:
            raise asserted(StateError(COORDINATE_KEY_DIFFERENT_ERROR))
        if self._held.is_sorted:
            function(self._held.any, other._held.sorted)
        else:
            function(self._held.any, other._held.shown)
        return self

    # Parts

    @property
    def tensor_stride(self) -> list[int]:
        """What the coordinates are multiples of, a number for each axis; it cannot be set."""
        return self.coordinate_map_key.get_tensor_stride()

    @property
    def coordinate_key(self) -> CoordinateMapKey:
        """The name of the sites in their manager."""
        return self.coordinate_map_key

    def _coordinates(self) -> torch.Tensor:
        where = self._manager.get_coordinates(self.coordinate_map_key)
        return where if self.device.type == "meta" else where.to(self.device)

    def _rows_of_samples(self) -> list[torch.Tensor]:
        if self._batch_rows is None:
            _, self._batch_rows = self._manager.origin_map(self.coordinate_map_key)
        return self._batch_rows

    def _named(self) -> dict[str, Any]:
        return {"coordinate_map_key": self.coordinate_map_key, "coordinate_manager": self._manager}

    # Other forms

    def sparse(
        self,
        min_coords: Optional[torch.Tensor] = None,
        max_coords: Optional[torch.Tensor] = None,
        contract_coords: bool = True,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return a torch.sparse tensor [samples, first axis, ..., last axis, planes], what was subtracted from the
        coordinates, and the tensor stride, [dimension] int32 each.

        min_coords, max_coords: [dimension] int32, the first and the last place, multiples of the tensor stride; the
        default is what is there. contract_coords: whether coordinates are divided by the tensor stride.
        """
        return _dense.torch_sparse(self.C, self._F, self.tensor_stride, min_coords, max_coords, contract_coords)

    def dense(
        self,
        shape: Optional[Sequence[int]] = None,
        min_coordinate: Optional[torch.Tensor] = None,
        contract_stride: bool = True,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return a dense tensor [samples, planes, first axis, ..., last axis] with zeros where no site is, the least
        coordinate, and the tensor stride, [dimension] int32.

        shape: that of the result; the default is what the sites need, and its planes are always those of the features.
        min_coordinate: [dimension] int32, which place comes first, a multiple of the tensor stride; the default is 0.
        contract_stride: whether coordinates are divided by the tensor stride. Raises an error for sites outside.
        """
        return _dense.dense(self.C, self._F, self.tensor_stride, shape, min_coordinate, contract_stride)

    def features_at_coordinates(self, query_coordinates: torch.Tensor) -> torch.Tensor:
        """Return the values at points [n, 1 + dimension], batch index first, d-linear between sites, [n, planes].

        A site that is not there counts as zero. Gradients flow into the features and the points.
        """
        return interpolated(self, query_coordinates)

    def interpolate(self, X: Any) -> Any:
        """Return the values at the points of a `TensorField`, as a field on these points."""
        from .MinkowskiTensorField import TensorField

        if not isinstance(X, TensorField):
            raise asserted(wrong_type("X", X, "a TensorField"))
        if X._manager is not self._manager:
            return X._of_others(self.features_at_coordinates(X.C.to(self.dtype)))
        between = self._manager._between(X.coordinate_field_map_key._known(), self.coordinate_map_key._known())
        return X._of_others(between.read(self._held.sorted))

    def slice(self, X: Any) -> Any:
        """Return a `TensorField` that has for each point of X the features of its site.

        X: a tensor field, or a tensor on the same sites that was made of coordinates of which several share a site.
        """
        return self._sliced(X, lambda features: features)

    def cat_slice(self, X: Any) -> Any:
        """Return what `slice` does, with the features of X behind: for a field its points', for a tensor its rows'."""
        if isinstance(X, SparseTensor):
            given = X._held.peeked().index_select(0, X.inverse_mapping.to(X.device))
        else:
            given = X._F
        return self._sliced(X, lambda features: torch.cat([features, given], 1))

    def _sliced(self, X: Any, function: Callable[[torch.Tensor], torch.Tensor]) -> Any:
        from .MinkowskiTensorField import TensorField

        if not isinstance(X, (TensorField, SparseTensor)):
            raise wrong_type("X", X, "a TensorField or a SparseTensor")
        if X.quantization_mode not in (_Mode.RANDOM_SUBSAMPLE, _Mode.UNWEIGHTED_AVERAGE):
            raise asserted(
                wrong_value("quantization_mode", X.quantization_mode.name, "RANDOM_SUBSAMPLE or UNWEIGHTED_AVERAGE")
            )
        if isinstance(X, TensorField):
            rows = X.inverse_mapping(self.coordinate_map_key).to(self.device)
            return X._with(function(self._held.peeked().index_select(0, rows)))
        if X._manager is not self._manager or X.coordinate_map_key != self.coordinate_map_key:
            raise asserted(StateError(COORDINATE_KEY_DIFFERENT_ERROR))
        rows = X.inverse_mapping.to(self.device)
        return TensorField(
            function(self._F.index_select(0, rows)),
            coordinates=self.C.index_select(0, rows),
            coordinate_manager=self._manager,
            quantization_mode=_Mode.UNWEIGHTED_AVERAGE,
        )

    # Copies

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if name not in ("_held", "_rows", "_batch_rows")}
        return {**state, "features": self._F}

    def __setstate__(self, state: dict[str, Any]) -> None:
        features = state.pop("features")
        self.__dict__.update(state)
        self._rows, self._batch_rows = self._manager._map(self.coordinate_map_key).rows, None
        self._held = Features(self._rows, shown=features)


def _quantized(features: torch.Tensor, made: Inserted, mode: SparseTensorQuantizationMode) -> Features:
    """Return what a mode makes of given rows, a row for each site."""
    rows = made.map.rows
    if len(made.kept) == len(features):
        order, back = rows.order, rows.back
        # A program may ask for the gradient of what it gave as x.F: then that is what layers start from.
        if order is None or back is None or features.requires_grad:
            # A copy, so that layers in place do not change what the program gave.
            return Features(rows, shown=features.clone())
        return Features(rows, sorted=permute(features, back.to(features.device), order.to(features.device)))
    targets = made.row_of_given.to(features.device)
    if mode == _Mode.UNWEIGHTED_SUM:
        return Features(rows, shown=_reductions.summed(features, targets, len(rows)))
    if mode == _Mode.UNWEIGHTED_AVERAGE:
        return Features(rows, shown=_reductions.averaged(features, targets, len(rows)))
    if mode == _Mode.MAX_POOL:
        return Features(rows, shown=_reductions.largest(features, targets, len(rows)))
    return Features(rows, shown=features.index_select(0, made.kept.to(features.device)))


def check_features(features: Any) -> None:
    """Raise an error for what are no features [n, planes]."""
    if not isinstance(features, torch.Tensor):
        raise asserted(wrong_type("features", features, "a torch.Tensor"))
    if features.ndim != 2:
        raise asserted(wrong_shape("features", features.shape, "[n, planes]"))


def check_place(coordinates: Any, key: Any, manager: Any, name: str) -> None:
    """Raise an error unless there are either coordinates or a key and its manager."""
    if coordinates is not None and not isinstance(coordinates, torch.Tensor):
        raise asserted(wrong_type("coordinates", coordinates, "a torch.Tensor"))
    if manager is not None and not isinstance(manager, CoordinateManager):
        raise asserted(wrong_type("coordinate_manager", manager, "a CoordinateManager"))
    if key is None:
        if coordinates is None:
            raise wrong_value("coordinates", None, f"a tensor, or {name} and coordinate_manager")
        return
    if not isinstance(key, CoordinateMapKey):
        raise asserted(wrong_type(name, key, "a CoordinateMapKey"))
    if coordinates is not None:
        raise asserted(wrong_value("coordinates", "a tensor", f"None where {name} is given"))
    if manager is None:
        raise asserted(wrong_value("coordinate_manager", None, f"the manager of {name}"))


def interpolated(input: SparseTensor, points: torch.Tensor) -> torch.Tensor:
    """Return the values of a tensor at points [n, 1 + dimension], in its type."""
    if not isinstance(points, torch.Tensor):
        raise asserted(wrong_type("points", points, "a torch.Tensor"))
    if not points.is_floating_point():
        points = points.to(input.dtype)
    between = interpolation(input._manager._map(input.coordinate_map_key), points)
    return between.read(input._held.sorted)


def _get_coordinate_map_key(
    input: SparseTensor, coordinates: Any = None, tensor_stride: Any = 1, expand_coordinates: bool = False
) -> CoordinateMapKey:
    """Return the key for a layer's `coordinates`, or one that is not set if there are none; layers of programs that
    derive from MinkowskiEngine's call it."""
    if coordinates is None or expand_coordinates:
        return CoordinateMapKey(input.D + 1)
    return CoordinateMapKey._of(target_key(input, coordinates, convert_to_int_list(tensor_stride, input.D)))


def target_key(input: SparseTensor, coordinates: Any, tensor_stride: Sequence[int]) -> Key:
    """Return the key of the map on which a layer is asked to give its result: that of a tensor, a key, or a new one of
    coordinates [n, 1 + dimension]."""
    if isinstance(coordinates, SparseTensor):
        input._check_sibling(coordinates)
        return known_key(coordinates.coordinate_map_key, "coordinates")
    if isinstance(coordinates, CoordinateMapKey):
        input._manager._map(coordinates)
        return coordinates._known()
    if not isinstance(coordinates, torch.Tensor):
        raise asserted(wrong_type("coordinates", coordinates, "a tensor, a CoordinateMapKey or a SparseTensor"))
    manager, stride = input._manager, convert_to_int_list(tensor_stride, input.D)
    key, _ = manager._insert(as_whole(coordinates), stride, manager._name(GIVEN))
    return key
