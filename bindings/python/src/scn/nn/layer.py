"""The base of the layers that the library computes."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from .._native.arrays import IntArray, address, int64s, integer, number
from .._native.handles import ModuleHandle, TensorHandle
from .._native.library import library
from .._native.scope import without_generator
from ..values.native import from_native, to_native
from ..values.tensor import Parameter, Tensor
from .layer_types import Typed, described, is_of_package
from .module import Module

__all__ = ["Layer"]


class Layer(Typed, Module):
    """A module of the library. Its parameters are the library's memory."""

    # The package's own classes by their names.
    _classes: ClassVar[dict[str, type[Layer]]] = {}
    _handle: ModuleHandle

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if is_of_package(cls):
            Layer._classes[cls.__name__] = cls

    def __init__(self) -> None:
        self._make({})

    def _make(self, given: dict[str, Any]) -> None:
        """Make the library's layer from arguments by name, and show them as attributes."""
        super().__init__()
        self._show(ModuleHandle.make(library.scn_module_create, self._type.architecture(given)))

    @classmethod
    def _around(cls, handle: ModuleHandle) -> Layer:
        """Return a layer around a library module."""
        self: Layer = cls.__new__(cls)
        self._show(handle)
        return self

    def _show(self, handle: ModuleHandle) -> None:
        """Show the arguments of a library module, and take it over."""
        self.__dict__.update(self._type.shown(architecture_of(handle)))
        self._own(handle)

    def _own(self, handle: ModuleHandle) -> None:
        """Take over a library module and show its state as attributes."""
        object.__setattr__(self, "_handle", handle)
        for name, tensor_handle, is_parameter in _state_of(handle):
            if is_parameter:
                self._parameters[name] = Parameter._of(tensor_handle)
            else:
                self._buffers[name] = Tensor._of(tensor_handle)
        flag = ctypes.c_int32()
        library.scn_module_get_training(handle, ctypes.byref(flag))
        self.__dict__["training"] = flag.value != 0

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "training":
            library.scn_module_set_training(self._handle, int(bool(value)))
            self.__dict__["training"] = bool(value)
            return
        if "_handle" in self.__dict__ and name in self._type.attributes:
            self._set_argument(name, value)
            return
        if name in self._parameters or name in self._buffers:
            raise AttributeError(f"{name}: is the library's memory; copy values into it: layer.{name}.copy_(values)")
        super().__setattr__(name, value)

    def _set_argument(self, name: str, value: Any) -> None:
        """Change what the layer was made with, here and in the library, or refuse."""
        if name != "momentum":
            raise AttributeError(f"{name}: is fixed when a {type(self).__name__} is made; make another layer")
        library.scn_module_set_momentum(self._handle, number(value, name))
        self.__dict__[name] = float(value)

    def _take_momentum(self, momentum: float) -> None:
        if "momentum" in self._type.attributes:
            self.momentum = momentum

    def __getattr__(self, name: str) -> Any:
        absent = name in self._type.optional_state and name not in self.__dict__["_parameters"]
        return None if absent else super().__getattr__(name)

    def extra_repr(self) -> str:
        return described(self, self._type)

    def forward(self, input: Any) -> Any:
        """Apply the layer to a tensor, an array, or (where it takes a table) a list of tensors."""
        return from_native(TensorHandle.make(library.scn_module_forward, self._handle, to_native(input)))

    def input_spatial_size(self, out_size: Any) -> IntArray:
        return input_size_of(self._handle, self.__dict__.get("dimension"), out_size)

    input_spatial_size.__doc__ = Module.input_spatial_size.__doc__

    def _native_handle(self) -> ModuleHandle | None:
        count = ctypes.c_int64()
        library.scn_module_state_count(self._handle, ctypes.byref(count))
        extended = self._modules or len(self._parameters) + len(self._buffers) != count.value
        return self._handle if is_written_here(self, "forward") and not extended else None

    # Pickling: the architecture text rebuilds the module, and the values are copied into it.

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        del state["_handle"]
        text = ctypes.c_char_p()
        library.scn_module_architecture(self._handle, ctypes.byref(text))
        return {"architecture": text.value, "attributes": state}

    def __setstate__(self, state: dict[str, Any]) -> None:
        attributes = state["attributes"]
        with without_generator():
            handle = ModuleHandle.make(library.scn_module_create, state["architecture"])
        self.__dict__.update(attributes)
        object.__setattr__(self, "_handle", handle)
        for name, tensor_handle, _ in _state_of(handle):
            # The unpickled tensor stays the same object, which others may share, over the module's memory.
            entry = (self._parameters if name in self._parameters else self._buffers)[name]
            own: Tensor = Tensor._of(tensor_handle)
            own.copy_(entry)
            if own.requires_grad != entry.requires_grad:
                own.requires_grad_(entry.requires_grad)
            entry._handle = tensor_handle
        library.scn_module_set_training(handle, int(attributes["training"]))


def is_written_here(module: Module, method: str) -> bool:
    """Return whether a method of a module is this package's own and not a user's."""
    owner = next(kind for kind in type(module).__mro__ if method in kind.__dict__)
    return is_of_package(owner)


def input_size_of(handle: ModuleHandle, dimension: int | None, out_size: Any) -> IntArray:
    """Return the input spatial size that yields `out_size`, a number for all axes or one for each."""
    axes = dimension or max(np.size(out_size), 1)
    sizes = np.broadcast_to(np.asarray(out_size), (axes,)) if np.ndim(out_size) == 0 else out_size
    wanted = int64s([integer(size, "out_size") for size in sizes])
    result = np.empty(len(wanted), np.int64)
    library.scn_module_input_spatial_size(handle, len(wanted), wanted, address(result))
    return result


def architecture_of(handle: ModuleHandle) -> dict[str, Any]:
    """Return the architecture of a library module."""
    text = ctypes.c_char_p()
    library.scn_module_architecture(handle, ctypes.byref(text))
    return json.loads(text.value or b"{}")  # type: ignore[no-any-return]


def _state_of(handle: ModuleHandle) -> Iterator[tuple[str, TensorHandle, bool]]:
    """Yield the name, the tensor and whether it is a parameter of each entry of a module's state."""
    count = ctypes.c_int64()
    library.scn_module_state_count(handle, ctypes.byref(count))
    for index in range(count.value):
        name, tensor, is_parameter = ctypes.c_char_p(), ctypes.c_void_p(), ctypes.c_int32()
        library.scn_module_state(handle, index, ctypes.byref(name), ctypes.byref(tensor), ctypes.byref(is_parameter))
        assert name.value is not None and tensor.value is not None, "the library returned no state"
        yield name.value.decode(), TensorHandle(tensor.value), is_parameter.value != 0
