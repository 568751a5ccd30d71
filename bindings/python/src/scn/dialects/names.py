"""Which names of another library work, which work differently, and which raise an error, as the code says it.

A module of a dialect says so where it defines a name:

    DIFFERS = {"tune": "does nothing: there is one way to compute"}     # functions, classes, values of this module
    MISSING = {"int8": "scn has no networks of int8"}                   # names for which `__getattr__` raises

and a function or class that always raises begins its docstring with "Raise `UnsupportedError`". Any other public name
works. scripts/build/generate_dialect_names.py makes tables of it for the pages on porting.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Any, NamedTuple

__all__ = ["Module", "Name", "modules_of"]

_REFUSAL = ("Raise `UnsupportedError`", "Raises `UnsupportedError`")


class Name(NamedTuple):
    """A public name."""

    name: str
    status: str
    """'works', 'differs' or 'raises'."""
    reason: str
    """Why it differs or raises; empty if it works."""


class Module(NamedTuple):
    """A public module, and its names in alphabetical order."""

    name: str
    """As programs import it."""
    names: list[Name]


def modules_of(package: str, shown: str, without: tuple[str, ...] = ()) -> list[Module]:
    """Return the public modules of a package and what is in them.

    shown: the name that programs import it by. without: packages inside of it that are left out. Modules without names
    of their own or of others are left out, too.
    """
    root = importlib.import_module(package)
    found = []
    for name in sorted([package, *_inside(root, without)]):
        module = importlib.import_module(name)
        names = [_described(module, each, package) for each in _public(module, package)]
        if names:
            found.append(Module(shown + name[len(package) :], names))
    return found


def _inside(root: ModuleType, without: tuple[str, ...]) -> list[str]:
    """Return the names of the public modules inside of a package."""
    found = []
    for entry in pkgutil.walk_packages(root.__path__, root.__name__ + "."):
        parts = entry.name[len(root.__name__) + 1 :].split(".")
        is_private = any(part.startswith("_") for part in parts)
        if not is_private and not any(f"{entry.name}.".startswith(f"{left}.") for left in without):
            found.append(entry.name)
    return found


def _public(module: ModuleType, package: str) -> list[str]:
    """Return the public names of a module: those of `__all__`, or those that the package defines, without modules."""
    listed = vars(module).get("__all__")
    if listed is None:
        listed = [name for name, value in vars(module).items() if _is_of(value, package)]
    names = {name for name in listed if not isinstance(vars(module).get(name), ModuleType)}
    names |= set(vars(module).get("MISSING", {}))
    return sorted(name for name in names if not name.startswith("_"))


def _is_of(value: Any, package: str) -> bool:
    """Return whether a value was defined by a package, or is a plain one, which does not say."""
    if isinstance(value, (bool, int, float, str)):
        return True
    dialect = ".".join(package.split(".")[:2])
    return str(getattr(value, "__module__", "")).startswith(dialect) and not isinstance(value, ModuleType)


def _described(module: ModuleType, name: str, package: str) -> Name:
    missing = vars(module).get("MISSING", {})
    if name in missing:
        return Name(name, "raises", missing[name])
    value = getattr(module, name)
    home = getattr(value, "__module__", None)
    is_inside = isinstance(home, str) and f"{home}.".startswith(f"{package.split('.')[0]}.")
    where = importlib.import_module(home) if is_inside and isinstance(home, str) else module
    for place, key in ((module, name), (where, getattr(value, "__name__", name))):
        reasons = vars(place).get("DIFFERS", {})
        if key in reasons:
            return Name(name, "differs", reasons[key])
    said = inspect.getdoc(value) or ""
    if inspect.isroutine(value) or inspect.isclass(value):
        for beginning in _REFUSAL:
            if said.startswith(beginning):
                first = said[len(beginning) :].split("\n\n")[0].split(". ")[0]
                return Name(name, "raises", " ".join(first.split()).lstrip(":, ").rstrip("."))
    return Name(name, "works", "")
