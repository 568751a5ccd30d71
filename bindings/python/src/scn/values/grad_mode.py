"""Whether operations are recorded."""

from __future__ import annotations

import contextlib
from typing import Any

from .._native.library import library

__all__ = ["enable_grad", "is_grad_enabled", "no_grad"]


def is_grad_enabled() -> bool:
    """Return whether this thread records operations."""
    return bool(library.scn_get_gradient_recording())


class _Recording(contextlib.ContextDecorator):
    """Switches recording on or off for this thread; `with` blocks nest."""

    _on: int

    def __init__(self) -> None:
        self._before: list[bool] = []

    def _recreate_cm(self) -> _Recording:
        # A decorated function may run in several threads at once: each call remembers its own earlier state.
        return type(self)()

    def __enter__(self) -> None:
        self._before.append(is_grad_enabled())
        library.scn_set_gradient_recording(self._on)

    def __exit__(self, *exception: Any) -> None:
        library.scn_set_gradient_recording(int(self._before.pop()))


class no_grad(_Recording):
    """Do not record operations: `with scn.no_grad(): ...`, or `@scn.no_grad()` before a function."""

    _on = 0


class enable_grad(_Recording):
    """Record operations, inside a `no_grad` too."""

    _on = 1
