"""Shared base of all tensors: gradients, arithmetic, and conversion to numpy."""

from __future__ import annotations

import ctypes
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .._messages import type_of, without_devices, wrong_shape
from .._native.arrays import FloatArray, address, float32, shape_of, view
from .._native.handles import TensorHandle
from .._native.library import library

V = TypeVar("V", bound="Value")


class Value:
    """A value of the library that can be differentiated."""

    __slots__ = ("__weakref__",)
    # numpy leaves `array + tensor` to the tensor, which keeps the gradient.
    __array_priority__ = 1000.0

    def _native_handle(self) -> TensorHandle:
        """Return the library's tensor."""
        raise NotImplementedError

    def _wrap(self: V, handle: TensorHandle) -> V:
        """Return a value of this kind around a library tensor."""
        raise NotImplementedError

    def _constant(self, values: Any) -> TensorHandle:
        """Return a tensor that can be added to this one, with the given values and no gradient."""
        raise NotImplementedError

    # Type checkers should keep rejecting what does not exist.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            hint = without_devices(name)
            if not hint and hasattr(np.ndarray, name) and not name.startswith("_"):
                hint = f"; the values are a numpy array, which has it: .numpy().{name}"
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}")

    # Values

    def numpy(self) -> FloatArray:
        """Return the values (of a sparse tensor: the features) as a float32 array, without a copy.

        The array is the library's memory: it stays valid as long as it is used, and writing into it changes the value.
        """
        handle = self._native_handle()
        return view(handle, shape_of(handle))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        array = self.numpy()
        if dtype is not None and np.dtype(dtype) != array.dtype:
            if copy is False:
                raise ValueError(f"copy: is False, expected True or None to turn float32 into {np.dtype(dtype)}")
            return array.astype(dtype)
        return array.copy() if copy else array

    # Other libraries: the memory itself, writable as that of `numpy()`, kept alive by whatever was made from it.

    @property
    def __array_interface__(self) -> dict[str, Any]:
        array = self.numpy()
        # The array itself in place of an address: it keeps this memory alive, whatever a sparse tensor is assigned
        # later.
        return {**array.__array_interface__, "data": array}

    def __dlpack__(self, **options: Any) -> Any:
        return self.numpy().__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.numpy().__dlpack_device__()

    # Gradients

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are wanted for this value, or flow through it."""
        flag = ctypes.c_int32()
        library.scn_tensor_get_requires_gradient(self._native_handle(), ctypes.byref(flag))
        return flag.value != 0

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self.requires_grad_(wanted)

    def requires_grad_(self: V, requires_grad: bool = True) -> V:
        """Set whether gradients are wanted for this value, and return it.

        Raises `StateError` for the result of a recorded operation.
        """
        library.scn_tensor_set_requires_gradient(self._native_handle(), int(bool(requires_grad)))
        return self

    @property
    def grad(self) -> FloatArray | None:
        """The gradient that backward passes have accumulated, in the shape of the values, without a copy; None if there
        is none.

        Assigning None clears it.
        """
        handle = TensorHandle.make_or_none(library.scn_tensor_gradient, self._native_handle())
        return None if handle is None else view(handle, shape_of(handle))

    @grad.setter
    def grad(self, gradient: None) -> None:
        if gradient is not None:
            raise TypeError(
                f"grad: is {type_of(gradient)}, expected None; write into it with `tensor.grad[...] = values`"
            )
        self.zero_grad()

    def zero_grad(self) -> None:
        """Clear the gradient."""
        library.scn_tensor_zero_gradient(self._native_handle())

    def backward(self, gradient: Any = None) -> None:
        """Run the backward pass from this value: gradients add up in the leaves that require one.

        gradient: that with respect to this value, in its shape; None, for a value of one element, means 1. The record
        of the operations is used up: a second pass raises `StateError`. Raises `ShapeError` for a gradient of another
        shape.
        """
        handle = self._native_handle()
        if gradient is None:
            library.scn_tensor_backward(handle, None, 1)
            return
        array, shape = float32(gradient, "gradient"), shape_of(handle)
        if array.shape != shape:
            raise wrong_shape("gradient", array.shape, shape)
        library.scn_tensor_backward(handle, address(array), array.size)

    def detach(self: V) -> V:
        """Return a value that shares this one's memory and has no history."""
        return self._wrap(TensorHandle.make(library.scn_tensor_detach, self._native_handle()))

    # Arithmetic

    def _operand(self, other: Any) -> TensorHandle | None:
        """Return the other side of a sum or product as a library tensor; None if it cannot be one."""
        if isinstance(other, Value):
            return other._native_handle()
        if isinstance(other, (Real, np.ndarray, list, tuple)):
            return self._constant(other)
        return None

    def _scaled(self: V, factor: float) -> V:
        return self._wrap(TensorHandle.make(library.scn_tensor_scale, self._native_handle(), factor))

    def _added(self: V, operand: TensorHandle) -> V:
        return self._wrap(TensorHandle.make(library.scn_tensor_add, self._native_handle(), operand))

    def __add__(self: V, other: Any) -> V:
        operand = self._operand(other)
        return NotImplemented if operand is None else self._added(operand)

    __radd__ = __add__

    def __neg__(self: V) -> V:
        return self._scaled(-1.0)

    def __sub__(self: V, other: Any) -> V:
        operand = self._operand(other)
        if operand is None:
            return NotImplemented
        return self._added(TensorHandle.make(library.scn_tensor_scale, operand, -1.0))

    def __rsub__(self: V, other: Any) -> V:
        operand = self._operand(other)
        return NotImplemented if operand is None else self._scaled(-1.0)._added(operand)

    def __mul__(self: V, other: Any) -> V:
        if isinstance(other, Real):
            return self._scaled(float(other))
        operand = self._operand(other)
        if operand is None:
            return NotImplemented
        return self._wrap(TensorHandle.make(library.scn_tensor_multiply, self._native_handle(), operand))

    __rmul__ = __mul__

    def __truediv__(self: V, other: float | FloatArray) -> V:
        if isinstance(other, Real):
            return self._scaled(1.0 / float(other))
        if isinstance(other, np.ndarray):
            return self * (1.0 / other)
        return NotImplemented
