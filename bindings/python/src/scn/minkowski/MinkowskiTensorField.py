"""The tensor field: features at points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional, TypeVar

import torch

from .._messages import one_of, wrong_shape, wrong_type, wrong_value
from ..errors import CoordinateError, StateError
from . import _reductions
from ._enums import GPUMemoryAllocatorType, MinkowskiAlgorithm, SparseTensorQuantizationMode
from ._errors import asserted
from ._features import Features
from ._keys import CoordinateMapKey, known_key
from ._maps import Key
from .MinkowskiCommon import convert_to_int_list
from .MinkowskiCoordinateManager import CoordinateManager
from .MinkowskiSparseTensor import SparseTensor, check_features, check_place
from .MinkowskiTensor import (
    COORDINATE_KEY_DIFFERENT_ERROR,
    COORDINATE_MANAGER_DIFFERENT_ERROR,
    Tensor,
    manager_for,
)

__all__ = ["TensorField", "create_splat_coordinates"]

Self = TypeVar("Self", bound="TensorField")
_Mode = SparseTensorQuantizationMode
_MODES = (_Mode.UNWEIGHTED_AVERAGE, _Mode.UNWEIGHTED_SUM, _Mode.RANDOM_SUBSAMPLE, _Mode.MAX_POOL)


class TensorField(Tensor):
    """Features at points.

    features: [n, planes]. coordinates: [n, 1 + dimension], batch index first, real numbers; or coordinate_field_map_key
    and coordinate_manager, for the points of another field. quantization_mode: what `sparse` makes of points that fall
    to one site. Other arguments as those of `SparseTensor`.
    """

    coordinate_field_map_key: CoordinateMapKey
    """The name of the points in their manager."""

    def __init__(
        self,
        features: torch.Tensor,
        coordinates: Optional[torch.Tensor] = None,
        tensor_stride: Any = 1,
        coordinate_field_map_key: Optional[CoordinateMapKey] = None,
        coordinate_manager: Optional[CoordinateManager] = None,
        quantization_mode: SparseTensorQuantizationMode = _Mode.UNWEIGHTED_AVERAGE,
        allocator_type: Optional[GPUMemoryAllocatorType] = None,
        minkowski_algorithm: Optional[MinkowskiAlgorithm] = None,
        requires_grad: Optional[bool] = None,
        device: Any = None,
    ) -> None:
        check_features(features)
        if quantization_mode not in _MODES:
            raise asserted(wrong_value("quantization_mode", str(quantization_mode), one_of(map(str, _MODES))))
        check_place(coordinates, coordinate_field_map_key, coordinate_manager, "coordinate_field_map_key")
        if device is not None:
            features = features.to(device)
            coordinates = None if coordinates is None else coordinates.to(device)
        if coordinates is None:
            assert coordinate_manager is not None and coordinate_field_map_key is not None, "they were checked"
            manager, key = coordinate_manager, coordinate_field_map_key
        else:
            if coordinates.ndim != 2 or len(coordinates) != len(features):
                raise asserted(wrong_shape("coordinates", coordinates.shape, f"[{len(features)}, 1 + dimension]"))
            dimension = coordinates.shape[1] - 1
            manager = coordinate_manager or manager_for(dimension, minkowski_algorithm)
            key = manager.insert_field(coordinates, convert_to_int_list(tensor_stride, dimension))
        self._place(manager, key, features, quantization_mode)
        self._C = coordinates
        if requires_grad is not None:
            features.requires_grad_(requires_grad)

    def _place(self, manager: CoordinateManager, key: CoordinateMapKey, features: torch.Tensor, mode: _Mode) -> None:
        points = len(manager._field(key))
        if len(features) != points:
            raise asserted(wrong_shape("features", features.shape, f"[{points}, planes], a row for each point"))
        self._manager, self.coordinate_field_map_key, self._D = manager, key, manager.D
        self._F, self.quantization_mode = features, mode
        self._C: Optional[torch.Tensor] = None

    def _with(self: Self, features: torch.Tensor) -> Self:
        made = type(self).__new__(type(self))
        made._place(self._manager, self.coordinate_field_map_key, features, self.quantization_mode)
        made._C = self._C
        return made

    def _of_others(self: Self, features: torch.Tensor) -> Self:
        """Return a field on these points, but with the usual way of quantization, as MinkowskiEngine does."""
        made = self._with(features)
        made.quantization_mode = _Mode.UNWEIGHTED_AVERAGE
        return made

    def _mapped(self: Self, function: Callable[[torch.Tensor], torch.Tensor]) -> Self:
        return self._with(function(self._F))

    def _change(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self._F = function(self._F)

    def _check_same_points(self, other: Any) -> None:
        if not isinstance(other, TensorField):
            raise asserted(wrong_type("other", other, "a TensorField"))
        if self._manager is not other._manager:
            raise asserted(StateError(COORDINATE_MANAGER_DIFFERENT_ERROR))
        if self.coordinate_field_map_key != other.coordinate_field_map_key:
            raise asserted(StateError(COORDINATE_KEY_DIFFERENT_ERROR))

    def _joined(self: Self, other: Any, function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> Self:
        self._check_same_points(other)
        return self._with(function(self._F, other._F))

    def _join_in_place(self: Self, other: Any, function: Callable[[torch.Tensor, torch.Tensor], Any]) -> Self:
        self._check_same_points(other)
        function(self._F, other._F)
        return self

    @property
    def tensor_stride(self) -> list[int]:
        """What the field was made with; it does not change its points."""
        return self.coordinate_field_map_key.get_tensor_stride()

    @property
    def coordinate_key(self) -> CoordinateMapKey:
        """The name of the points in their manager."""
        return self.coordinate_field_map_key

    def _coordinates(self) -> torch.Tensor:
        return self._manager.get_coordinate_field(self.coordinate_field_map_key)

    def _rows_of_samples(self) -> list[torch.Tensor]:
        return self._manager.origin_field_map(self.coordinate_field_map_key)[1]

    def _named(self) -> dict[str, Any]:
        return {"coordinate_field_map_key": self.coordinate_field_map_key, "coordinate_manager": self._manager}

    # To sites and back

    def sparse(
        self,
        tensor_stride: Any = 1,
        coordinate_map_key: Optional[CoordinateMapKey] = None,
        quantization_mode: Optional[SparseTensorQuantizationMode] = None,
    ) -> SparseTensor:
        """Return a sparse tensor at the sites that the points fall to, rounded down to multiples of tensor_stride.

        Rows come in the order in which points first enter sites. coordinate_map_key: the sites to use instead; points
        that lie in none of them are left out, and sites without points get zeros. quantization_mode: what becomes of
        points that share a site; the field's own by default.
        """
        mode = self.quantization_mode if quantization_mode is None else quantization_mode
        if mode not in _MODES:
            raise wrong_value("quantization_mode", str(mode), f"{one_of(map(str, _MODES))}; .splat() interpolates")
        field = self._manager._field(self.coordinate_field_map_key)
        if coordinate_map_key is None:
            key = self._manager._sites_of_points(field, tuple(convert_to_int_list(tensor_stride, self.D)))
        else:
            self._manager._map(coordinate_map_key)
            key = known_key(coordinate_map_key, "coordinate_map_key")
        first, rows = (values.to(self.device) for values in self._manager._rows_of_points(field, key))
        count = len(self._manager._of(key))
        if mode == _Mode.UNWEIGHTED_SUM:
            features = _reductions.summed(self._F, rows, count)
        elif mode == _Mode.UNWEIGHTED_AVERAGE:
            features = _reductions.averaged(self._F, rows, count)
        elif mode == _Mode.MAX_POOL:
            features = _reductions.largest(self._F, rows, count)
        else:
            features = self._first(first)
        return self._at(key, features)

    def _first(self, first: torch.Tensor) -> torch.Tensor:
        """Return the features of some points, zeros for -1."""
        if not len(first) or bool((first >= 0).all()):
            return self._F.index_select(0, first)
        found = (first >= 0).nonzero().reshape(-1)
        return _reductions.placed(self._F.index_select(0, first.index_select(0, found)), found, len(first))

    def _at(self, key: Key, features: torch.Tensor) -> SparseTensor:
        rows = self._manager._of(key).rows
        return SparseTensor._made(self._manager, CoordinateMapKey._of(key), Features(rows, shown=features))

    def splat(self) -> SparseTensor:
        """Return a sparse tensor that has, at each of the 2^dimension sites around a point, the point's features times
        what the site would weigh in an interpolation; `SparseTensor.interpolate` is the way back."""
        field_key = self.coordinate_field_map_key._known()
        points = self._manager._field(self.coordinate_field_map_key).coordinates
        key, _ = self._manager._insert(create_splat_coordinates(points), 1, "")
        between = self._manager._between(field_key, key)
        return SparseTensor._on(self._manager, key, between.spread(self._F))

    def inverse_mapping(self, sparse_tensor_map_key: CoordinateMapKey) -> torch.Tensor:
        """Return the row that each point has in a map of the same manager, [n] int64.

        Raises `CoordinateError` if a point lies in none of its sites.
        """
        field = self._manager._field(self.coordinate_field_map_key)
        _, rows = self._manager._rows_of_points(field, known_key(sparse_tensor_map_key, "sparse_tensor_map_key"))
        if len(rows) and int(rows.min()) < 0:
            point = int(torch.argmin(rows))
            raise CoordinateError(f"coordinates: row {point} lies in no site, expected one of {sparse_tensor_map_key}")
        return rows.to(self.device)


def create_splat_coordinates(coordinates: torch.Tensor) -> torch.Tensor:
    """Return the 2^dimension sites around each of some points [n, 1 + dimension], [n * 2^dimension, 1 + dimension]
    int32, batch index first; a site may come several times."""
    dimension = coordinates.shape[1] - 1
    corners = torch.cartesian_prod(*[torch.arange(2)] * dimension).reshape(-1, dimension)
    steps = torch.cat([torch.zeros(len(corners), 1, dtype=torch.int64), corners], 1)
    low = torch.floor(coordinates.detach())
    low[:, 0] = coordinates[:, 0].detach().round()
    return (low.long()[:, None] + steps.to(coordinates.device)).int().reshape(-1, dimension + 1)
