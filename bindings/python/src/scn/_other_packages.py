"""What messages say of values of other packages, without importing one."""

from __future__ import annotations

from typing import Any


def type_name(value: Any) -> str:
    """Return the name that programs know the type of a value by, "torch.nn.ReLU" or "int"."""
    kind = type(value)
    module, name = kind.__module__, kind.__qualname__
    if module == "builtins":
        return name
    # These packages show the types of their inner modules as their own.
    package = next((shown for shown in ("torch.nn", "scn.torch", "scn") if module.startswith(f"{shown}.")), module)
    return f"{package}.{name}"


def is_of_torch(value: Any, base: str) -> bool:
    """Return whether a value is one of PyTorch's "Module" or "Tensor", or derived from it."""
    kinds = type(value).__mro__
    return any(kind.__name__ == base and kind.__module__.partition(".")[0] == "torch" for kind in kinds)


def not_a_module(value: Any, name: str) -> TypeError:
    """Return the error for an argument that must be a `Module` of this package; name: what messages call it."""
    remedy = "; scn.torch.to_module makes one of it" if is_of_torch(value, "Module") else ""
    return TypeError(f"{name} is a {type_name(value)}; it must be a Module of package scn (scn.Module){remedy}")


def without_devices(name: str) -> str:
    """Return what a message adds where a value is asked for a method of PyTorch that moves or converts; "" for others."""
    if name in ("bfloat16", "cpu", "cuda", "double", "float", "half", "to"):
        return f"; package scn computes on the cpu, in float32: leave .{name}() out"
    return ""
