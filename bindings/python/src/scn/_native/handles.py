"""Owners of the library's handles: a handle is released when the last Python object that needs it goes away."""

from __future__ import annotations

import ctypes
from typing import Any, Callable, TypeVar

from .library import library

H = TypeVar("H", bound="Handle")


class Handle:
    """One handle of the library, released with this object.

    ctypes passes the object itself wherever a function takes a handle.
    """

    __slots__ = ("__weakref__", "_as_parameter_")
    _release: Callable[[int], Any]

    def __init__(self, value: int) -> None:
        self._as_parameter_ = value

    @classmethod
    def make(cls: type[H], function: Callable[..., Any], *arguments: Any) -> H:
        """Call a function whose last parameter receives a new handle, and own that handle."""
        out = ctypes.c_void_p()
        function(*arguments, ctypes.byref(out))
        assert out.value is not None, "the library returned no handle"
        return cls(out.value)

    @classmethod
    def make_or_none(cls: type[H], function: Callable[..., Any], *arguments: Any) -> H | None:
        """Do the same with a function that may have nothing to return."""
        out = ctypes.c_void_p()
        function(*arguments, ctypes.byref(out))
        return None if out.value is None else cls(out.value)

    def __del__(self) -> None:
        # While the interpreter shuts down, the class may already be torn down; the process then ends anyway.
        try:  # noqa: SIM105
            self._release(self._as_parameter_)
        except AttributeError:
            pass

    def __reduce__(self) -> Any:
        raise TypeError(f"a {type(self).__name__} belongs to this process and cannot be pickled or copied")


class TensorHandle(Handle):
    """Owns an scn_tensor."""

    __slots__ = ()
    _release = library.scn_tensor_release


class ModuleHandle(Handle):
    """Owns an scn_module."""

    __slots__ = ()
    _release = library.scn_module_release


class OptimizerHandle(Handle):
    """Owns an scn_optimizer."""

    __slots__ = ()
    _release = library.scn_optimizer_release


class GeometryHandle(Handle):
    """Owns an scn_geometry."""

    __slots__ = ()
    _release = library.scn_geometry_release


class RulebookHandle(Handle):
    """Owns an scn_rulebook."""

    __slots__ = ()
    _release = library.scn_rulebook_release


def handle_array(handles: Any) -> Any:
    """Return the handles as a C array; NULL if there are none. The caller keeps the handles alive."""
    values = [handle._as_parameter_ for handle in handles]
    return (ctypes.c_void_p * len(values))(*values) if values else None
