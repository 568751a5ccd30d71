"""What the library says about every type of layer, the one statement of its arguments, and classes made from it."""

from __future__ import annotations

import ctypes
import functools
import inspect
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, ClassVar

import numpy as np

from .._messages import one_of, wrong_value
from .._native.arrays import entries, finite, flag, integer
from .._native.library import library

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")


@dataclass(frozen=True)
class Argument:
    """An argument of a type of layer."""

    key: str
    """Its name in architectures and in scn.h."""
    name: str
    """What SparseConvNet, and so this package, calls it."""
    attribute: str
    """Where a layer shows it: its name, or `has_bias` where the name is that of a parameter."""
    kind: str
    is_required: bool
    default: Any
    is_nullable: bool
    is_taken_over: bool
    choices: tuple[str, ...]
    former_keys: tuple[str, ...]
    """Names that it had in the architectures of older versions."""

    def plain(self, value: Any) -> Any:
        """Return a value of any type that stands for one of this kind in JSON's form; bounds are the library's to
        check."""
        if value is None and self.is_nullable:
            return None
        if self.kind == "choice":
            if value not in self.choices:
                raise wrong_value(self.name, value, one_of([*[None] * self.is_nullable, *self.choices]))
            return value
        return _PLAIN[self.kind](value, self.name)


@dataclass(frozen=True)
class LayerType:
    """A type of layer: its arguments in SparseConvNet's order, and its parameters and buffers."""

    name: str
    documentation: str
    arguments: tuple[Argument, ...]
    """Without those that a layer takes over when a network is optimized for inference."""
    optional_state: frozenset[str]
    """The names of parameters that a layer may lack."""
    attributes: frozenset[str]
    is_network: bool = False
    """Whether it stands for a `Sequential` of layers."""

    def architecture(self, given: dict[str, Any]) -> bytes:
        """Return the architecture of a layer with arguments by name."""
        known = {argument.name: argument for argument in self.arguments}
        members = {name: known[name].plain(value) for name, value in given.items()}
        return json.dumps({"type": self.name, **members}).encode()

    def shown(self, architecture: dict[str, Any]) -> dict[str, Any]:
        """Return the attributes that show the arguments of an architecture."""
        return {argument.attribute: architecture[argument.key] for argument in self.arguments}

    def completed(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments as a layer shows them, checked, without making it."""
        text, length = self.architecture(given), ctypes.c_int64()
        library.scn_complete_architecture(text, None, 0, ctypes.byref(length))
        completed = ctypes.create_string_buffer(length.value)
        library.scn_complete_architecture(text, completed, length.value, ctypes.byref(length))
        return self.shown(json.loads(completed.value))


def _per_axis(value: Any, name: str, number: Callable[[Any, str], Any], meaning: str) -> Any:
    """Return a number for all axes, or a list of one for each."""
    if value is None or isinstance(value, str):
        raise wrong_value(name, value, meaning)
    if np.ndim(value) == 0:
        return number(value, name)
    return [number(entry, name) for entry in entries(value, name, meaning)]


_PLAIN: dict[str, Callable[[Any, str], Any]] = {
    "integer": integer,
    "real": finite,
    "flag": flag,
    "list": lambda value, name: [
        integer(entry, f"{name}[{index}]")
        for index, entry in enumerate(entries(value, name, "a list of integers, one for each level"))
    ],
    "text": lambda value, name: str(value),
    "sizes": lambda value, name: _per_axis(value, name, integer, "an integer or one for each axis"),
    "ratios": lambda value, name: _per_axis(value, name, finite, "a number or one for each axis"),
}


def _layer_types() -> dict[str, LayerType]:
    text = ctypes.c_char_p()
    library.scn_layer_types(ctypes.byref(text))
    return {entry["type"]: _layer_type(entry) for entry in json.loads(text.value or b"[]")}


def _layer_type(entry: dict[str, Any]) -> LayerType:
    state = {part["name"] for part in entry["state"]}
    arguments = tuple(_argument(part, state) for part in entry["arguments"])
    shown = tuple(argument for argument in arguments if not argument.is_taken_over)
    optional = frozenset(part["name"] for part in entry["state"] if "condition" in part)
    attributes = frozenset(argument.attribute for argument in shown)
    is_network = entry.get("is_network", False)
    return LayerType(entry["type"], entry["documentation"], shown, optional, attributes, is_network)


def _argument(entry: dict[str, Any], state: set[str]) -> Argument:
    name = entry.get("sparseconvnet_name", entry["name"])
    return Argument(
        key=entry["name"],
        name=name,
        attribute=f"has_{name}" if name in state else name,
        kind=entry["kind"],
        is_required="default" not in entry,
        default=entry.get("default"),
        is_nullable=entry.get("is_nullable", False),
        is_taken_over=entry.get("is_taken_over", False),
        choices=tuple(entry.get("choices", ())),
        former_keys=tuple(entry.get("former_names", ())),
    )


LAYER_TYPES = _layer_types()
"""The types of layers by their names."""


def made_from_arguments(signature: Callable[Concatenate[Any, P], None]) -> Callable[Concatenate[Any, P], None]:
    """Turn an `__init__` that is only a signature into one that passes its arguments to `self._make` by name.

    It works for any class with such a method: layers of `scn.torch` have the signatures of this package's.
    """
    parameters = inspect.signature(signature)

    @functools.wraps(signature)
    def make(self: Any, /, *arguments: P.args, **named: P.kwargs) -> None:
        # Python's own errors for arguments that are missing or too many.
        signature(self, *arguments, **named)
        given = parameters.bind(self, *arguments, **named)
        given.apply_defaults()
        self._make(dict(list(given.arguments.items())[1:]))

    return make


def is_of_package(kind: type) -> bool:
    """Return whether a class is this package's own and not a user's."""
    return kind.__module__.partition(".")[0] == __name__.partition(".")[0]


class Typed:
    """A class of layers, of either level, that has the name of one of the library's types, or derives from one that
    does."""

    _type: ClassVar[LayerType] = LayerType("", "", (), frozenset(), frozenset())

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__name__ in LAYER_TYPES and is_of_package(cls):
            cls._type = LAYER_TYPES[cls.__name__]


def described(layer: Any, layer_type: LayerType) -> str:
    """Return the arguments of a layer, of either level, for its repr: those that must be given, those that are not the
    defaults, and numbers and flags that a reader looks for."""
    signature = inspect.signature(type(layer)).parameters
    parts: list[str] = []
    for argument in layer_type.arguments:
        value = getattr(layer, argument.attribute)
        if argument.name in ("dimension", "nIn", "nPlanes"):
            parts.append(str(value))
        elif argument.name == "nOut":
            parts.append(f"{parts.pop()} -> {value}")
        elif _is_shown(argument, value, signature):
            parts.append(f"{argument.name}={shown(value)}")
    return ", ".join(parts)


def _is_shown(argument: Argument, value: Any, signature: Any) -> bool:
    given = signature.get(argument.name)
    if given is None:
        return False
    is_always = argument.kind in ("real", "flag") and argument.name not in (
        "affine",
        "leakiness",
        "normalized",
        "round_down",
    )
    return is_always or given.default is inspect.Parameter.empty or shown(value) != shown(argument.default)


def shown(value: Any) -> str:
    """Return an argument as it is usually written: sizes that agree are one number."""
    if isinstance(value, (str, bool)) or value is None:
        return repr(value)
    return short(value) if np.ndim(value) else f"{value:.4g}" if isinstance(value, float) else str(value)


def short(values: Iterable[Any]) -> str:
    """Return sizes as they are usually written: one number where all are equal."""
    numbers = np.asarray(list(values)).tolist()
    return str(numbers[0]) if numbers and len(set(numbers)) == 1 else str(numbers)
