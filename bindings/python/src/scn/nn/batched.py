"""Samples of one length, padded to it."""

from __future__ import annotations

from typing import Any

from .._messages import wrong_shape
from .._native.arrays import address, int64
from .._native.handles import TensorHandle
from .._native.library import library
from ..errors import CoordinateError
from ..values.native import from_native
from ..values.tensor import Tensor
from ..values.value import Value
from .input_output import _Entering, parts_of
from .layer import Layer
from .layer_types import made_from_arguments

__all__ = ["BLInputLayer", "BLOutputLayer"]


class BLInputLayer(_Entering):
    """Turns samples of one length into a `SparseConvNetTensor`: call it with [coords, features].

    coords: whole numbers [batch, length, dimension]; a row whose first coordinate is negative is padding. features: a
    `Tensor`, into which gradients flow, or an array, [batch, length, planes]. spatial_size and mode: as in
    `InputLayer`. Raises `CoordinateError`, which names the row, if a site is out of range or (mode 0) duplicate.
    """

    def forward(self, input: Any) -> Any:
        """Return the sparse tensor of [coords, features]."""
        given = batched_points(input, self.dimension)
        return from_native(TensorHandle.make(library.scn_module_forward, self._handle, given))


def batched_points(input: Any, dimension: int) -> TensorHandle:
    """Return the input of a `BLInputLayer` as the library's points."""
    coords, values = parts_of(input, "[coords, features]")
    where = int64(coords, "coords", CoordinateError)
    if where.ndim != 3 or where.shape[2] != dimension:
        raise wrong_shape("coords", where.shape, f"[batch, length, {dimension}]")
    features = (values if isinstance(values, Value) else Tensor(values))._native_handle()
    return TensorHandle.make(library.scn_points_create_batched, address(where), *where.shape, features)


class BLOutputLayer(Layer):
    """Gives every row of a `BLInputLayer`'s coords the vector of its site: a `Tensor` [batch, length, planes].

    Zeros for padding and, in modes 1 and 2 of the input layer, for rows that did not win.
    """

    dimension: int

    @made_from_arguments
    def __init__(self, dimension: int) -> None: ...
