"""The base of every module: a tree of modules with parameters and buffers under names."""

from __future__ import annotations

import ctypes
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Callable, NamedTuple, TypeVar

import numpy as np

from .._messages import not_a_module, text_of, without_devices, wrong_shape, wrong_value
from .._native.arrays import FloatArray, IntArray, address, float32, number
from .._native.handles import ModuleHandle, handle_array
from .._native.library import library
from .._native.scope import Scope
from .._places import leaving
from ..errors import FormatError, StateError, UnsupportedError
from ..values.tensor import Parameter, Tensor

__all__ = ["Module"]

M = TypeVar("M", bound="Module")

_watcher: ContextVar[Callable[..., Any] | None] = ContextVar("watcher", default=None)


@contextmanager
def watched_calls(watcher: Callable[..., Any]) -> Iterator[None]:
    """Within the block, let watcher(module, args, kwargs) make every call of a module; it returns what module.forward
    returns."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


class LoadResult(NamedTuple):
    """The names that `load_state_dict` missed and those it had no place for; both are empty if it is strict."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """A layer or a network. Derive from it to write one in Python: define `forward`, assign modules and `Parameter`s.

        class Residual(scn.Module):
            def __init__(self, inner):
                self.inner = inner
            def forward(self, x):
                return x + self.inner(x)

    State names are paths of attribute names (in containers: of child indices), "inner.0.weight". Modules start in
    training mode.
    """

    _parameters: dict[str, Parameter]
    _buffers: dict[str, Tensor]
    _modules: dict[str, Module]
    training: bool

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = object.__new__(cls)
        self.__dict__.update(_parameters={}, _buffers={}, _modules={}, training=True)
        return self

    def __copy__(self: M) -> M:
        """Return a module with its own names for the same parts."""
        twin: M = type(self).__new__(type(self))
        parts = {name: dict(self.__dict__[name]) for name in ("_parameters", "_buffers", "_modules")}
        twin.__dict__.update(self.__dict__, **parts)
        return twin

    # Attributes

    def _forget(self, name: str) -> None:
        """Remove whatever has this name."""
        for registry in (self._parameters, self._buffers, self._modules, self.__dict__):
            registry.pop(name, None)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter):
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self.add_module(name, value)
        elif name in self._buffers and isinstance(value, Tensor):
            self._buffers[name] = value
        else:
            if name in self._parameters or name in self._buffers or name in self._modules:
                self._forget(name)
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        for registry in ("_parameters", "_buffers", "_modules"):
            entries = self.__dict__.get(registry, {})
            if name in entries:
                return entries[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{without_devices(name)}")

    def __delattr__(self, name: str) -> None:
        if name in self._parameters or name in self._buffers or name in self._modules:
            self._forget(name)
        else:
            object.__delattr__(self, name)

    def register_parameter(self, name: str, parameter: Parameter) -> None:
        """Add a parameter under a name without a dot; what `self.name = parameter` does."""
        _check_name(name)
        self._forget(name)
        self._parameters[name] = parameter

    def register_buffer(self, name: str, values: Any) -> None:
        """Add a tensor that belongs to the state but is not trained; values: a `Tensor` or an array."""
        _check_name(name)
        self._forget(name)
        self._buffers[name] = values if isinstance(values, Tensor) else Tensor(values)

    def add_module(self, name: str, module: Module) -> None:
        """Add a child under a name without a dot; what `self.name = module` does.

        Raises `StateError` if the module contains this one.
        """
        _check_name(name)
        if not isinstance(module, Module):
            raise not_a_module(f"child {name!r}", module)
        if any(inner is self for inner in module.modules()):
            raise StateError(f"child {name!r}: is or contains this module itself, expected another")
        self._forget(name)
        self._modules[name] = module

    # Running

    def forward(self, input: Any) -> Any:
        """Compute the output; calling the module does this."""
        raise UnsupportedError(f"{type(self).__name__} has no forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            # A layer without modules inside makes one call of the library, which undoes its changes if it fails.
            if not self._modules:
                return self._applied(args, kwargs)
            with Scope():
                return self._applied(args, kwargs)
        except Exception as error:
            leaving(error, self)
            raise

    def _applied(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        watcher = _watcher.get()
        return self.forward(*args, **kwargs) if watcher is None else watcher(self, args, kwargs)

    def input_spatial_size(self, out_size: Any) -> IntArray:
        """Return the input spatial size that yields `out_size`, int64 [dimension]."""
        raise UnsupportedError(f"{type(self).__name__} has no input_spatial_size")

    def train(self: M, mode: bool = True) -> M:
        """Switch this module and all inside it to training or, with False, to evaluation; return the module."""
        for module in self.modules():
            module.training = bool(mode)
        return self

    def eval(self: M) -> M:
        """Switch this module and all inside it to evaluation; return the module."""
        return self.train(False)

    def set_momentum(self: M, momentum: float) -> M:
        """Set the fraction of running statistics, 0 ... 1, that every batch norm inside keeps at each step.

        Mean-only ones included, and those in networks that `UNet` and others return. Returns the module. Raises
        `InvalidArgumentError` for a number out of this range.
        """
        kept = number(momentum, "momentum")
        if not 0 <= kept <= 1:
            raise wrong_value("momentum", momentum, "0 ... 1")
        for module in self.modules():
            module._take_momentum(kept)
        return self

    def _take_momentum(self, momentum: float) -> None:
        """Take a momentum that was checked, if this module itself has one."""

    def zero_grad(self) -> None:
        """Clear the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def gradients(self) -> FloatArray:
        """Return a copy of the gradients of all parameters as one flat array, float32 [n].

        It holds the gradients of the parameters that require one, one after the other in the order of `parameters()`;
        zeros where there is none yet. Meant for adding up gradients across processes, see `set_gradients`.
        """
        handles = [parameter._handle for parameter in self.parameters()]
        count, array = ctypes.c_int64(), handle_array(handles)
        library.scn_gradients_count(array, len(handles), ctypes.byref(count))
        flat = np.empty(count.value, np.float32)
        library.scn_gradients_get(array, len(handles), address(flat), flat.size)
        return flat

    def set_gradients(self, gradients: Any) -> None:
        """Overwrite the gradients of all parameters with a flat array as `gradients()` returns it.

        Afterward, every parameter that requires a gradient has one. Raises `ShapeError` for an array of another length.
        """
        flat = float32(gradients, "gradients")
        if flat.ndim != 1:
            raise wrong_shape("gradients", flat.shape, "[n], as gradients() returns it")
        handles = [parameter._handle for parameter in self.parameters()]
        library.scn_gradients_set(handle_array(handles), len(handles), address(flat), flat.size)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Set whether the parameters are to be trained; return the module."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def apply(self: M, function: Callable[[Module], Any]) -> M:
        """Call a function with every module inside this one, then with this one; return the module."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    # The tree

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the names and modules one level down, each module once."""
        seen: set[int] = set()
        for name, child in self._modules.items():
            if id(child) not in seen:
                seen.add(id(child))
                yield name, child

    def children(self) -> Iterator[Module]:
        """Yield the modules one level down, each once."""
        return (child for _, child in self.named_children())

    def named_modules(self, prefix: str = "", _seen: set[int] | None = None) -> Iterator[tuple[str, Module]]:
        """Yield this module and all inside it with the paths to them, each once."""
        seen = set() if _seen is None else _seen
        if id(self) in seen:
            return
        seen.add(id(self))
        yield prefix, self
        for name, child in self._modules.items():
            yield from child.named_modules(_joined(prefix, name), seen)

    def modules(self) -> Iterator[Module]:
        """Yield this module and all inside it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Parameter]]:
        """Yield the names and parameters of this module and, if `recurse`, of all inside it, each once."""
        yield from self._named("_parameters", prefix, recurse)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield the parameters of this module and, if `recurse`, of all inside it, each once."""
        return (parameter for _, parameter in self.named_parameters("", recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """Yield the names and buffers (running statistics) as `named_parameters` does."""
        yield from self._named("_buffers", prefix, recurse)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield the buffers of this module and, if `recurse`, of all inside it, each once."""
        return (buffer for _, buffer in self.named_buffers("", recurse))

    def _named(self, registry: str, prefix: str, recurse: bool) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        for path, module in self.named_modules(prefix) if recurse else [(prefix, self)]:
            for name, entry in getattr(module, registry).items():
                if id(entry) not in seen:
                    seen.add(id(entry))
                    yield _joined(path, name), entry

    # State

    def _state(self, prefix: str = "") -> dict[str, Tensor]:
        """Return every parameter and buffer under every name that it has."""
        state: dict[str, Tensor] = {}
        for registry in (self._parameters, self._buffers):
            state.update({_joined(prefix, name): entry for name, entry in registry.items()})
        for name, child in self._modules.items():
            state.update(child._state(_joined(prefix, name)))
        return state

    def state_dict(self, prefix: str = "") -> dict[str, FloatArray]:
        """Return the parameters and buffers by their names as numpy arrays.

        The arrays are the module's memory itself, as in PyTorch: copy them to keep what they hold now.
        """
        return {name: entry.numpy() for name, entry in self._state(prefix).items()}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> LoadResult:
        """Copy values (arrays or tensors) into the parameters and buffers of the same names.

        Everything is checked before anything is copied. Raises `FormatError`, which lists all that is wrong, for shapes
        that differ, values that are not numbers and, if `strict`, names that are missing or unexpected. It also accepts
        what SparseConvNet's oldest files have: the names runningMean and runningVar, and convolution weights without
        the group axis.
        """
        own = self._state()
        state_dict = {_today(name, own): values for name, values in state_dict.items()}
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        problems = []
        if strict and missing and unexpected and (prefix := _foreign_prefix(state_dict, own)):
            problems.append(f"all names begin with {prefix!r}, which those of the module do not: load them without it")
        if strict and missing:
            problems.append(f"missing: {', '.join(missing)}")
        if strict and unexpected:
            problems.append(f"unexpected: {', '.join(unexpected)}")
        arrays: list[tuple[Tensor, FloatArray]] = []
        for name in own.keys() & state_dict.keys():
            try:
                # A copy, because the values may be this module's own memory under another name.
                array = np.array(float32(state_dict[name], name))
            except (TypeError, ValueError) as error:
                text = str(error)
                problems.append(text if text.startswith(f"{name}: ") else f"{name}: {text}")
                continue
            if array.ndim == 3 and len(own[name].shape) == 4:
                array = array[:, None]
            if array.shape != own[name].shape:
                problems.append(str(wrong_shape(name, array.shape, own[name].shape)))
            arrays.append((own[name], array))
        if problems:
            raise FormatError(f"state_dict: does not fit {type(self).__name__}:\n  " + "\n  ".join(problems))
        for entry, array in arrays:
            entry.copy_(array)
        return LoadResult(missing, unexpected)

    def _native_handle(self) -> ModuleHandle | None:
        """Return a library module that does the same with the same parameters; None if Python code runs."""
        return None

    # For people

    def extra_repr(self) -> str:
        """Return what `repr` shows of this module itself."""
        return ""

    def __repr__(self) -> str:
        children = [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in self._modules.items()]
        own = self.extra_repr()
        if not children:
            return f"{type(self).__name__}({own})"
        return "\n".join([f"{type(self).__name__}({own}", *children, ")"])

    def __str__(self) -> str:
        """Return the tree as `repr` does, with the shapes of the parameters and their number."""
        parts = [f"{name} {list(entry.shape)}" for name, entry in self._parameters.items()]
        count = sum(parameter.numel() for parameter in self.parameters())
        remark = ": " + ", ".join([*parts, f"{count:,} parameters"]) if count else ""
        children = [f"  ({name}): " + str(child).replace("\n", "\n  ") for name, child in self._modules.items()]
        opening = f"{type(self).__name__}({self.extra_repr()}"
        return "\n".join([opening, *children, ")" + remark]) if children else opening + ")" + remark


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _foreign_prefix(names: Collection[str], own: Collection[str]) -> str:
    """Return the path, "net.", that all names begin with and none of the module's own; "" if there is none.

    If there are several, it is the shortest after which a name is the module's own, or else the shortest.
    """
    parts = next(iter(names)).split(".")[:-1]
    paths = [".".join(parts[: depth + 1]) + "." for depth in range(len(parts))]
    shared = [path for path in paths if all(name.startswith(path) for name in names)]
    if not shared or any(name.startswith(shared[0]) for name in own):
        return ""
    return next((path for path in shared if any(name[len(path) :] in own for name in names)), shared[0])


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not name or "." in name:
        raise ValueError(f"name: is {text_of(name)}, expected a text without a dot")


def _today(name: str, own: Mapping[str, Any]) -> str:
    """Return the name that an entry of one of SparseConvNet's oldest checkpoints has today."""
    path, _, last = name.rpartition(".")
    known = {"runningMean": "running_mean", "runningVar": "running_var"}
    return _joined(path, known[last]) if last in known and name not in own else name
