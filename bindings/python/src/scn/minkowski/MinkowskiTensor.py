"""What sparse tensors and tensor fields have in common, and the coordinate manager that tensors may share."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Optional, TypeVar

import torch

from .._messages import wrong_type
from ..dialects.elementwise import add_in_place, added
from ._enums import SparseTensorOperationMode, SparseTensorQuantizationMode
from ._errors import asserted
from .MinkowskiCoordinateManager import CoordinateManager

__all__ = [
    "COORDINATE_KEY_DIFFERENT_ERROR",
    "COORDINATE_MANAGER_DIFFERENT_ERROR",
    "SparseTensorOperationMode",
    "SparseTensorQuantizationMode",
    "Tensor",
    "clear_global_coordinate_manager",
    "global_coordinate_manager",
    "set_global_coordinate_manager",
    "set_sparse_tensor_operation_mode",
    "sparse_tensor_operation_mode",
]

COORDINATE_MANAGER_DIFFERENT_ERROR = (
    "coordinate_manager: differs, expected tensors of one manager: give coordinate_manager=x.coordinate_manager to "
    "SparseTensor, or set SparseTensorOperationMode.SHARE_COORDINATE_MANAGER"
)
COORDINATE_KEY_DIFFERENT_ERROR = "coordinate_map_key: differs, expected tensors of one coordinate map"

_operation_mode = SparseTensorOperationMode.SEPARATE_COORDINATE_MANAGER
_global_manager: Optional[CoordinateManager] = None


def set_sparse_tensor_operation_mode(operation_mode: SparseTensorOperationMode) -> None:
    """Say whether tensors that are made of coordinates share one manager from now on.

    With SHARE_COORDINATE_MANAGER they do, until `clear_global_coordinate_manager`, which belongs behind each step.
    """
    global _operation_mode
    if not isinstance(operation_mode, SparseTensorOperationMode):
        raise asserted(wrong_type("operation_mode", operation_mode, "a SparseTensorOperationMode"))
    _operation_mode = operation_mode


def sparse_tensor_operation_mode() -> SparseTensorOperationMode:
    """Return whether tensors that are made of coordinates share one manager."""
    return _operation_mode


def global_coordinate_manager() -> Optional[CoordinateManager]:
    """Return the manager that tensors share, None before the first."""
    return _global_manager


def set_global_coordinate_manager(coordinate_manager: Optional[CoordinateManager]) -> None:
    """Let tensors share this manager."""
    global _global_manager
    _global_manager = coordinate_manager


def clear_global_coordinate_manager() -> None:
    """Forget the manager that tensors share; the next tensor gets a new one."""
    set_global_coordinate_manager(None)


def manager_for(dimension: int, minkowski_algorithm: Any) -> CoordinateManager:
    """Return the manager for a tensor that is made of coordinates alone."""
    if _operation_mode == SparseTensorOperationMode.SEPARATE_COORDINATE_MANAGER:
        return CoordinateManager(dimension, minkowski_algorithm=minkowski_algorithm)
    if _global_manager is None:
        set_global_coordinate_manager(CoordinateManager(dimension, minkowski_algorithm=minkowski_algorithm))
    assert _global_manager is not None, "it was made"
    return _global_manager


Self = TypeVar("Self", bound="Tensor")
_Pointwise = Callable[[torch.Tensor], torch.Tensor]


class Tensor:
    """Features [n, planes] and coordinates [n, 1 + dimension], the batch index first."""

    _manager: CoordinateManager
    _F: torch.Tensor
    _C: Optional[torch.Tensor]
    _D: int
    quantization_mode: SparseTensorQuantizationMode
    """What becomes of rows that share a site."""

    # What the two kinds have each in their way

    def _mapped(self: Self, function: _Pointwise) -> Self:
        """Return a tensor on the same coordinates with what a function of single rows makes of the features."""
        raise NotImplementedError

    def _any(self) -> torch.Tensor:
        """Return the features in any order."""
        return self._F

    def _coordinates(self) -> torch.Tensor:
        raise NotImplementedError

    def _rows_of_samples(self) -> list[torch.Tensor]:
        raise NotImplementedError

    def _change(self, function: _Pointwise) -> None:
        """Replace the features by what a function of single rows makes of them."""
        raise NotImplementedError

    def _joined(self: Self, other: Any, function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> Self:
        """Return what a function of two rows makes of the features of both, on the union of the coordinates."""
        raise NotImplementedError

    def _join_in_place(self: Self, other: Any, function: Callable[[torch.Tensor, torch.Tensor], Any]) -> Self:
        raise NotImplementedError

    # Parts

    @property
    def coordinate_manager(self) -> CoordinateManager:
        """The manager of the coordinates, and of all that layers make of them."""
        return self._manager

    @property
    def F(self) -> torch.Tensor:
        """The features, [n, planes]."""
        return self._F

    @property
    def features(self) -> torch.Tensor:
        """The features, [n, planes]."""
        return self._F

    @property
    def C(self) -> torch.Tensor:
        """The coordinates, [n, 1 + dimension], batch index first: int32, or as given for a tensor field."""
        return self.coordinates

    @property
    def coordinates(self) -> torch.Tensor:
        """The coordinates, [n, 1 + dimension], batch index first: int32, or as given for a tensor field."""
        if self._C is None:
            self._C = self._coordinates()
        return self._C

    @property
    def D(self) -> int:
        """The dimension, not counting the batch index."""
        return self._D

    @property
    def dimension(self) -> int:
        """The dimension, not counting the batch index."""
        return self._D

    # Samples

    @property
    def _batchwise_row_indices(self) -> list[torch.Tensor]:
        return self._rows_of_samples()

    @property
    def decomposition_permutations(self) -> list[torch.Tensor]:
        """The rows of each sample 0, 1, ..., each [rows] int64."""
        return self._rows_of_samples()

    @property
    def decomposed_coordinates(self) -> list[torch.Tensor]:
        """The coordinates of each sample without the batch index."""
        return [self.C[rows, 1:] for rows in self._rows_of_samples()]

    @property
    def decomposed_features(self) -> list[torch.Tensor]:
        """The features of each sample."""
        return [self._F.index_select(0, rows) for rows in self._rows_of_samples()]

    @property
    def decomposed_coordinates_and_features(self) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """The coordinates of each sample without the batch index, and the features of each."""
        return self.decomposed_coordinates, self.decomposed_features

    def coordinates_at(self, batch_index: int) -> torch.Tensor:
        """Return the coordinates of a sample without the batch index."""
        return self.C[self._rows_of_samples()[batch_index], 1:]

    def features_at(self, batch_index: int) -> torch.Tensor:
        """Return the features of a sample."""
        return self._F.index_select(0, self._rows_of_samples()[batch_index])

    def coordinates_and_features_at(self, batch_index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the coordinates of a sample without the batch index, and its features."""
        return self.coordinates_at(batch_index), self.features_at(batch_index)

    # As a torch.Tensor

    def __len__(self) -> int:
        return len(self._any())

    @property
    def shape(self) -> torch.Size:
        """The shape of the features."""
        return self._any().shape

    def size(self, dim: Optional[int] = None) -> Any:
        """Return the shape of the features, or one of its numbers."""
        return self.shape if dim is None else self.shape[dim]

    @property
    def device(self) -> torch.device:
        """Where the features are."""
        return self._any().device

    @property
    def dtype(self) -> torch.dtype:
        """The type of the features."""
        return self._any().dtype

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow into the features."""
        return self._any().requires_grad

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Let gradients flow into the features, or not; return the tensor."""
        self._F.requires_grad_(requires_grad)
        return self

    def get_device(self) -> int:
        """Return the number of the features' device, -1 for the CPU."""
        return self._any().get_device()

    def float(self: Self) -> Self:
        """Make the features float32; return the tensor."""
        self._change(lambda features: features.float())
        return self

    def double(self: Self) -> Self:
        """Make the features float64; return the tensor."""
        self._change(lambda features: features.double())
        return self

    def half(self: Self) -> Self:
        """Make the features float16; return the tensor."""
        self._change(lambda features: features.half())
        return self

    def detach(self: Self) -> Self:
        """Cut the features off from what they were computed from; return the tensor."""
        self._change(lambda features: features.detach())
        return self

    def to(self: Self, *arguments: Any, **settings: Any) -> Self:
        """Return a tensor with the features on another device or of another type; arguments as those of torch's."""
        return self._mapped(lambda features: features.to(*arguments, **settings))

    def cpu(self: Self) -> Self:
        """Return a tensor with the features in the memory of the CPU."""
        return self._mapped(lambda features: features.cpu())

    def cuda(self: Self, *arguments: Any, **settings: Any) -> Self:
        """Return a tensor with the features on a GPU, where torch computes."""
        return self._mapped(lambda features: features.cuda(*arguments, **settings))

    # Arithmetic

    def _combined(self: Self, other: Any, function: Callable[[torch.Tensor, Any], torch.Tensor]) -> Self:
        if isinstance(other, torch.Tensor):
            if other.ndim < 2 or len(other) == 1:
                return self._mapped(lambda features: function(features, other))
            return self._with(function(self._F, other))
        if not isinstance(other, Tensor):
            raise asserted(wrong_type("other", other, f"a {type(self).__name__} or a torch.Tensor"))
        return self._joined(other, function)

    def _with(self: Self, features: torch.Tensor) -> Self:
        """Return a tensor on the same coordinates with features in the program's order."""
        raise NotImplementedError

    def __add__(self: Self, other: Any) -> Self:
        """Add a tensor, or a torch.Tensor to the features.

        Tensors of two coordinate maps give one of the sites of both: a value of the first stays where the second has no
        site, and counts as 0 where the first has none. Likewise the other operators.
        """
        return self._combined(other, added)

    def __sub__(self: Self, other: Any) -> Self:
        return self._combined(other, operator.sub)

    def __mul__(self: Self, other: Any) -> Self:
        return self._combined(other, operator.mul)

    def __truediv__(self: Self, other: Any) -> Self:
        return self._combined(other, operator.truediv)

    def __pow__(self: Self, power: Any) -> Self:
        return self._mapped(lambda features: features**power)

    __power__ = __pow__

    def __iadd__(self: Self, other: Any) -> Self:
        """Add the features of a tensor of the same coordinate map in place."""
        return self._join_in_place(other, add_in_place)

    def __isub__(self: Self, other: Any) -> Self:
        return self._join_in_place(other, operator.isub)

    def __imul__(self: Self, other: Any) -> Self:
        return self._join_in_place(other, operator.imul)

    def __repr__(self) -> str:
        parts = {"coordinates": self.C, "features": self._F, **self._named(), "spatial dimension": self._D}
        lines = "".join(f"\n  {name}={value}" for name, value in parts.items())
        return f"{type(self).__name__}({lines})"

    def _named(self) -> dict[str, Any]:
        """Return what else a tensor shows of itself."""
        return {"coordinate_manager": self._manager}
