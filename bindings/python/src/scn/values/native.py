"""What goes into a library module and what comes out of it."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from .._native.generated import SCN_TENSOR_SPARSE, SCN_TENSOR_TABLE
from .._native.handles import TensorHandle, handle_array
from .._native.library import library
from .sparse import SparseConvNetTensor
from .tensor import Tensor
from .value import Value


def to_native(value: Any) -> TensorHandle:
    """Return a value as a library tensor; it may be a tensor, a list of tensors (a table), or an array."""
    if isinstance(value, Value):
        return value._native_handle()
    if isinstance(value, (list, tuple)) and any(isinstance(part, (Value, np.ndarray)) for part in value):
        parts = [to_native(part) for part in value]
        return TensorHandle.make(library.scn_table_create, handle_array(parts), len(parts))
    return Tensor(value)._handle


def from_native(handle: TensorHandle) -> Any:
    """Return a library tensor as a `Tensor`, a `SparseConvNetTensor`, or a list of them."""
    kind = ctypes.c_int()
    library.scn_tensor_kind(handle, ctypes.byref(kind))
    if kind.value == SCN_TENSOR_SPARSE:
        return SparseConvNetTensor._of(handle)
    if kind.value == SCN_TENSOR_TABLE:
        count = ctypes.c_int64()
        library.scn_table_count(handle, ctypes.byref(count))
        parts = range(count.value)
        return [from_native(TensorHandle.make(library.scn_table_tensor, handle, index)) for index in parts]
    return Tensor._of(handle)
