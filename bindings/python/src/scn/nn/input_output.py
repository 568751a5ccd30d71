"""Into sparse tensors and out of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .._messages import counted, type_of
from .._native.arrays import address, integer
from .._native.handles import TensorHandle
from .._native.library import library
from ..errors import ShapeError
from ..values.metadata import coordinate_rows
from ..values.native import from_native
from ..values.tensor import Tensor
from ..values.value import Value
from .layer import Layer
from .layer_types import made_from_arguments

__all__ = ["Flatten", "InputLayer", "InputLayerInput", "OutputLayer", "SparseToDense"]


class InputLayerInput(NamedTuple):
    """The coordinates and features that an `InputLayer` takes."""

    coords: Any
    features: Any


class _Entering(Layer):
    """Shared base of the layers that turn points into sparse tensors."""

    dimension: int
    spatial_size: list[int] | None
    mode: int

    @made_from_arguments
    def __init__(self, dimension: int, spatial_size: Any, mode: int = 3) -> None: ...

    def extra_repr(self) -> str:
        return f"{self.dimension}, spatial_size={self.spatial_size}, mode={self.mode}"


class InputLayer(_Entering):
    """Turns points into a `SparseConvNetTensor`: call it with [coords, features] or [coords, features, batch_size].

    spatial_size: the size of the grid, an integer or one for each axis; None for a field without bounds, in which
    coordinates may be negative and strides round down. lower: where the grid begins, an integer or one for each axis;
    None for zeros. mode: what becomes of rows that name the same site. 0: they are an error; 1: the last one wins; 2:
    the first one wins; 3: their sum; 4: their mean. keep_outside: whether points may lie outside of the grid; layers
    that keep sites keep these, those with strides and `SparseToDense` leave them out.

    coords: whole numbers [rows, dimension] or [rows, dimension + 1] with the batch index last. features: a `Tensor`,
    into which gradients flow, or an array, [rows, planes]. batch_size: a lower bound, for trailing samples without
    points. Raises `CoordinateError`, which names the row, if a site is out of range or (mode 0) duplicate.
    """

    lower: list[int] | None
    keep_outside: bool

    @made_from_arguments
    def __init__(
        self, dimension: int, spatial_size: Any, mode: int = 3, *, lower: Any = None, keep_outside: bool = False
    ) -> None: ...

    def extra_repr(self) -> str:
        return super().extra_repr() + field_repr(self)

    def forward(self, input: Any) -> Any:
        """Return the sparse tensor of [coords, features] or [coords, features, batch_size]."""
        return from_native(TensorHandle.make(library.scn_module_forward, self._handle, points(input)))


def field_repr(layer: Any) -> str:
    """Return what an `InputLayer` shows of its field beside the size."""
    lower = "" if layer.lower is None else f", lower={layer.lower}"
    return lower + (", keep_outside=True" if layer.keep_outside else "")


def points(input: Any) -> TensorHandle:
    """Return the input of an `InputLayer` as the library's points."""
    coords, values, *rest = parts_of(input, "[coords, features]", "[coords, features, batch_size]")
    where = coordinate_rows(coords, "coords")
    features = (values if isinstance(values, Value) else Tensor(values))._native_handle()
    rows, columns = where.shape
    return TensorHandle.make(library.scn_points_create, address(where), rows, columns, features, batch_size_of(rest))


def parts_of(input: Any, *forms: str) -> Sequence[Any]:
    """Return the parts of an input layer's input. forms: the lists that it may be, "[coords, features]"."""
    expected = " or ".join(forms)
    if not isinstance(input, (list, tuple)):
        raise ShapeError(f"input: is {type_of(input)}, expected {expected}")
    if len(input) not in [form.count(",") + 1 for form in forms]:
        raise ShapeError(f"input: has {counted(len(input), 'entry')}, expected {expected}")
    return input


def batch_size_of(rest: Sequence[Any]) -> int:
    """Return the batch size that follows coordinates and features in an input, 0 if there is none."""
    return integer(rest[0], "batch_size") if rest and rest[0] is not None else 0


class OutputLayer(Layer):
    """Gives every row of the input layer's points the vector of its site: a `Tensor` [rows, planes].

    In modes 1 and 2 of the input layer only the winning row gets it; the others get zeros.
    """

    dimension: int

    @made_from_arguments
    def __init__(self, dimension: int) -> None: ...


class SparseToDense(Layer):
    """Makes a `Tensor` [batch, nPlanes, ...spatial size], zeros where there is no site."""

    dimension: int
    nPlanes: int

    @made_from_arguments
    def __init__(self, dimension: int, nPlanes: int) -> None: ...


class Flatten(Layer):
    """Turns a dense tensor [n, ...] into a matrix [n, rest]."""
