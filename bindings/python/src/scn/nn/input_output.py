"""Into sparse tensors and out of them."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from .._native.arrays import address, dimension_of, int64s, integer, sizes
from .._native.handles import ModuleHandle, TensorHandle
from .._native.library import library
from ..errors import ShapeError
from ..values.metadata import coordinate_rows
from ..values.native import from_native
from ..values.tensor import Tensor
from ..values.value import Value
from .layer import Layer

__all__ = ["Flatten", "InputLayer", "InputLayerInput", "OutputLayer", "SparseToDense"]


class InputLayerInput(NamedTuple):
    """The coordinates and features that an `InputLayer` takes."""

    coords: Any
    features: Any


class _Entering(Layer):
    """What layers share that turn points into sparse tensors."""

    _create: ClassVar[Any]
    _arguments = {"dimension": "dimension", "spatial_size": "spatial_size", "mode": "mode"}
    dimension: int
    spatial_size: list[int]
    mode: int

    def __init__(self, dimension: int, spatial_size: Any, mode: int = 3) -> None:
        super().__init__()
        self.dimension = dimension_of(dimension)
        self.spatial_size = sizes(spatial_size, self.dimension, "spatial_size")
        self.mode = integer(mode, "mode", 32)
        self._own(ModuleHandle.make(self._create, self.dimension, int64s(self.spatial_size), self.mode))

    def extra_repr(self) -> str:
        return f"{self.dimension}, spatial_size={self.spatial_size}, mode={self.mode}"


class InputLayer(_Entering):
    """Turns points into a `SparseConvNetTensor`: call it with [coords, features] or [coords, features, batch_size].

    spatial_size: the size of the grid, an integer or one for each axis. mode: what becomes of rows that name one site.
    0: they are an error; 1: the last one wins; 2: the first one wins; 3: their sum; 4: their mean.

    coords: whole numbers [rows, dimension] or [rows, dimension + 1] with the batch index last. features: a `Tensor`,
    into which gradients flow, or an array, [rows, planes]. batch_size: a lower bound, for trailing samples without
    points. Raises `CoordinateError`, which names the row, where a site is out of range or (mode 0) duplicate.
    """

    _create = library.scn_input_layer_create

    def forward(self, input: Any) -> Any:
        """Return the sparse tensor of [coords, features] or [coords, features, batch_size]."""
        return from_native(TensorHandle.make(library.scn_module_forward, self._handle, points(input)))


def points(input: Any) -> TensorHandle:
    """Return the library's points of what an `InputLayer` takes."""
    if not isinstance(input, (list, tuple)) or len(input) not in (2, 3):
        raise ShapeError("an InputLayer takes [coords, features] or [coords, features, batch_size]")
    where = coordinate_rows(input[0], "coords")
    features = (input[1] if isinstance(input[1], Value) else Tensor(input[1]))._native_handle()
    batch_size = integer(input[2], "batch_size") if len(input) == 3 and input[2] is not None else 0
    rows, columns = where.shape
    return TensorHandle.make(library.scn_points_create, address(where), rows, columns, features, batch_size)


class _Leaving(Layer):
    dimension: int

    def extra_repr(self) -> str:
        return str(self.dimension)


class OutputLayer(_Leaving):
    """Gives every row of the input layer's points the vector of its site: a `Tensor` [rows, planes].

    In modes 1 and 2 of the input layer only the winning row gets it, the others zeros.
    """

    _arguments = {"dimension": "dimension"}

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.dimension = dimension_of(dimension)
        self._own(ModuleHandle.make(library.scn_output_layer_create, self.dimension))


class SparseToDense(_Leaving):
    """Makes a `Tensor` [batch, nPlanes, ...spatial size], zeros where there is no site."""

    _arguments = {"dimension": "dimension", "planes": "nPlanes"}
    nPlanes: int

    def __init__(self, dimension: int, nPlanes: int) -> None:
        super().__init__()
        self.dimension, self.nPlanes = dimension_of(dimension), integer(nPlanes, "nPlanes")
        self._own(ModuleHandle.make(library.scn_sparse_to_dense_create, self.dimension, self.nPlanes))

    def extra_repr(self) -> str:
        return f"{self.dimension}, {self.nPlanes}"


class Flatten(Layer):
    """Makes of a dense tensor [n, ...] a matrix [n, rest]."""

    def __init__(self) -> None:
        super().__init__()
        self._own(ModuleHandle.make(library.scn_flatten_create))
