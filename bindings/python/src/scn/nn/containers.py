"""Modules that combine others, and the layers that join their branches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, TypeVar

import numpy as np

from .._native.arrays import IntArray
from .._native.handles import ModuleHandle, TensorHandle, handle_array
from .._native.library import library
from .._places import leaving
from ..errors import ShapeError
from ..values.grad_mode import is_grad_enabled, no_grad
from ..values.native import from_native, to_native
from .batched import BLInputLayer, batched_points
from .input_output import InputLayer, points
from .layer import Layer, is_written_here
from .module import Module

__all__ = [
    "AddTable",
    "CheckpointedSequential",
    "ConcatTable",
    "Identity",
    "JoinTable",
    "Sequential",
    "VerboseIdentity",
]

C = TypeVar("C", bound="Container")


class Container(Module):
    """A list of modules, named by their indices."""

    _create: ClassVar[Any]

    def __init__(self, *modules: Module) -> None:
        super().__init__()
        for module in modules:
            self.append(module)

    def add(self: C, module: Module) -> C:
        """Append a module and return the container."""
        self.add_module(str(len(self)), module)
        return self

    append = add

    def insert(self: C, index: int, module: Module) -> C:
        """Insert a module before `index`, as `list.insert` does, and return the container."""
        self.add_module(str(len(self)), module)
        modules = list(self)
        modules.insert(index, modules.pop())
        self._replace(modules)
        return self

    def _of(self, modules: list[Module]) -> Any:
        """Return a container of this kind."""
        raise NotImplementedError

    def _replace(self, modules: list[Module]) -> None:
        # In place: whoever iterates over the dictionary must see the change.
        self._modules.clear()
        self._modules.update((str(index), module) for index, module in enumerate(modules))

    def __add__(self: C, other: Container) -> C:
        if not isinstance(other, Container):
            return NotImplemented
        joined: C = self._of([*self, *other])
        return joined

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(list(self._modules.values()))

    def __getitem__(self, index: int | slice) -> Any:
        modules = list(self._modules.values())
        return self._of(modules[index]) if isinstance(index, slice) else modules[index]

    def __setitem__(self, index: int, module: Module) -> None:
        self.add_module(str(range(len(self))[index]), module)
        self._replace([self._modules[str(position)] for position in range(len(self))])

    def __delitem__(self, index: int | slice) -> None:
        modules = list(self._modules.values())
        del modules[index]
        self._replace(modules)

    def _native_handle(self) -> ModuleHandle | None:
        if self._parameters or self._buffers or not is_written_here(self, "forward"):
            return None
        if list(self._modules) != [str(index) for index in range(len(self))]:
            return None
        children = [child._native_handle() for child in self._modules.values()]
        if any(child is None for child in children):
            return None
        return ModuleHandle.make(self._create, handle_array(children), len(children))


class Sequential(Container):
    """Applies its modules one after the other: `Sequential(a, b)` or `Sequential().add(a).add(b)`."""

    _create = library.scn_sequential_create

    def _of(self, modules: list[Module]) -> Sequential:
        return Sequential(*modules)

    def forward(self, input: Any) -> Any:
        """Apply the modules one after the other."""
        for module in self._modules.values():
            input = module(input)
        return input

    def input_spatial_size(self, out_size: Any) -> IntArray:
        for module in reversed(list(self._modules.values())):
            out_size = module.input_spatial_size(out_size)
        return np.array(out_size, np.int64, ndmin=1)

    input_spatial_size.__doc__ = Module.input_spatial_size.__doc__

    def reweight(self, input: Any) -> Any:
        """Scale and shift every layer with weight and bias (convolutions, products) to suit an input.

        Each plane of such a layer's result gets mean 0 and standard deviation 1, through its weight and bias, layer by
        layer as the input flows, in `Sequential`s and `ConcatTable`s at any depth. Returns the module's result for the
        input afterward. Nothing is recorded; running statistics are updated as in a forward pass; weights of planes
        without deviation stay. If it raises, nothing has changed.
        """
        return self._fit(library.scn_module_reweight, input)

    def rebias(self, input: Any) -> Any:
        """Do the same with only the biases: mean 0."""
        return self._fit(library.scn_module_rebias, input)

    def _fit(self, function: Any, input: Any) -> Any:
        before = [(entry, entry.numpy().copy()) for entry in self._state().values()]
        try:
            with no_grad():
                return _fitted(self, function, input)
        except BaseException:
            for entry, values in before:
                entry.copy_(values)
            raise


class CheckpointedSequential(Sequential):
    """A `Sequential` that keeps only its input and recomputes everything in between in the backward pass.

    (Chen et al., 2016.) Results and gradients are those of a `Sequential`, bit for bit, random layers and running
    statistics included. It may appear anywhere in a network, even inside another one. If a module inside is written in
    Python, it keeps what a `Sequential` keeps.
    """

    _create = library.scn_checkpointed_sequential_create

    def _of(self, modules: list[Module]) -> CheckpointedSequential:
        return CheckpointedSequential(*modules)

    def forward(self, input: Any) -> Any:
        """Apply the modules one after the other."""
        handle = self._native_handle() if is_grad_enabled() else None
        if handle is None:
            return super().forward(input)
        first: Module = self
        while isinstance(first, Sequential) and len(first):
            first = first[0]
        if isinstance(first, InputLayer):
            given = points(input)
        elif isinstance(first, BLInputLayer):
            given = batched_points(input, first.dimension)
        else:
            given = to_native(input)
        return from_native(TensorHandle.make(library.scn_module_forward, handle, given))


def _fitted(module: Module, function: Any, input: Any) -> Any:
    """Fit a module to an input with a function of the library; return the module's result for the input afterward."""
    try:
        return _fitted_now(module, function, input)
    except Exception as error:
        leaving(error, module)
        raise


def _fitted_now(module: Module, function: Any, input: Any) -> Any:
    if isinstance(module, Sequential):
        for child in module:
            input = _fitted(child, function, input)
        return input
    if isinstance(module, ConcatTable):
        return [_fitted(child, function, input) for child in module]
    if isinstance(module, Layer) and {"weight", "bias"} <= module._state().keys():
        return from_native(TensorHandle.make(function, module._handle, to_native(input)))
    return module(input)


class ConcatTable(Container):
    """Applies each of its modules to the same input; returns the list of the results."""

    _create = library.scn_concat_table_create

    def _of(self, modules: list[Module]) -> ConcatTable:
        return ConcatTable(*modules)

    def forward(self, input: Any) -> list[Any]:
        """Return the list of the modules' results."""
        return [module(input) for module in self._modules.values()]

    def input_spatial_size(self, out_size: Any) -> IntArray:
        """Return the input spatial size that yields `out_size`. Raises `ShapeError` if branches disagree."""
        found: list[tuple[str, IntArray]] = [
            (name, module.input_spatial_size(out_size)) for name, module in self._modules.items()
        ]
        for name, size in found[1:]:
            if not np.array_equal(size, found[0][1]):
                expected = found[0][1].tolist()
                raise ShapeError(
                    f"branch {name}: needs input of size {size.tolist()}, expected {expected} as the first"
                )
        return found[0][1] if found else np.array(out_size, np.int64, ndmin=1)


class AddTable(Layer):
    """Adds a list of tensors with the same sites and planes."""


class JoinTable(Layer):
    """Puts the planes of a list of tensors with the same sites side by side."""


class Identity(Layer):
    """Returns its input, whatever it is."""

    def forward(self, input: Any) -> Any:
        """Return the input."""
        return input


class VerboseIdentity(Layer):
    """Prints its input, whatever it is, and returns it."""

    def forward(self, input: Any) -> Any:
        """Print the input and return it."""
        print(input)
        return input
