"""What errors say, all in one grammar: `name: is X, expected Y`. The name is that of the argument."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .errors import InvalidArgumentError, ShapeError, StateError


def wrong_value(name: str, value: Any, expected: str) -> InvalidArgumentError:
    """Return the error for a value out of its range."""
    return InvalidArgumentError(f"{name}: is {text_of(value)}, expected {expected}")


def wrong_shape(name: str, shape: Iterable[int], expected: str | Iterable[int]) -> ShapeError:
    """Return the error for an array of the wrong shape. expected: a shape, or the text for one, "[n, planes]"."""
    wanted = expected if isinstance(expected, str) else list(expected)
    return ShapeError(f"{name}: has shape {list(shape)}, expected {wanted}")


def wrong_type(name: str, value: Any, expected: str) -> TypeError:
    """Return the error for a value of the wrong type."""
    return TypeError(f"{name}: is {type_of(value)}, expected {expected}")


def wrong_elements(name: str, dtype: Any, expected: str) -> TypeError:
    """Return the error for an array whose elements have the wrong type."""
    return TypeError(f"{name}: has elements of type {dtype}, expected {expected}")


def missing_part(name: str, kind: str) -> StateError:
    """Return the error for a part of a sparse tensor that was not assigned. kind: "a tensor"."""
    return StateError(f"{name}: is None, expected {kind}; assign it first")


def text_of(value: Any) -> str:
    """Return a value as messages show it: sequences in brackets, values without a short text by their type."""
    if isinstance(value, (np.generic, np.ndarray)) and value.size <= 16:
        value = value.tolist()
    elif isinstance(value, tuple):
        value = list(value)
    try:
        text = repr(value)
    except Exception:  # Integers of thousands of digits have none, and other programs' objects may not either.
        return type_of(value)
    return type_of(value) if len(text) > 80 or "\n" in text or text.startswith("<") else text


def type_of(value: Any) -> str:
    """Return the type of a value as messages show it: "a torch.nn.ReLU", "an int", "None"."""
    return "None" if value is None else instance_of(type(value))


def instance_of(kind: type) -> str:
    """Return what messages call an instance of a type, by the name that programs know it by."""
    module, name = kind.__module__, kind.__qualname__
    if module != "builtins":
        # These packages show the types of their inner modules as their own.
        package = next((shown for shown in ("torch.nn", "scn.torch", "scn") if module.startswith(f"{shown}.")), module)
        name = f"{package}.{name}"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def one_of(choices: Iterable[Any]) -> str:
    """Return "'a'", "'a' or 'b'", "None, 'a' or 'b'"."""
    *first, last = map(repr, choices)
    return f"{', '.join(first)} or {last}" if first else last


def is_of_torch(value: Any, base: str) -> bool:
    """Return whether a value is one of PyTorch's "Module" or "Tensor", or derived from it."""
    kinds = type(value).__mro__
    return any(kind.__name__ == base and kind.__module__.partition(".")[0] == "torch" for kind in kinds)


def counted(count: int, noun: str) -> str:
    """Return "1 plane", "2 planes", "0 entries"."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{count} {noun if count == 1 else plural}"


def not_a_module(name: str, value: Any) -> TypeError:
    """Return the error for an argument that must be a `Module` of this package."""
    remedy = "; scn.torch.to_module makes one of it" if is_of_torch(value, "Module") else ""
    return wrong_type(name, value, f"a Module of package scn (scn.Module){remedy}")


def without_devices(name: str) -> str:
    """Return what a message adds where a program calls one of PyTorch's methods that move or convert, otherwise ""."""
    if name in ("bfloat16", "cpu", "cuda", "double", "float", "half", "to"):
        return f"; package scn computes on the CPU, in float32: leave .{name}() out"
    return ""
