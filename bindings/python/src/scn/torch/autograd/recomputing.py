"""The first forward pass of a checkpointed network, and the later ones, which recompute what a backward pass needs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, Callable, Optional, TypeVar

from torch import nn

T = TypeVar("T")


class _State(threading.local):
    """The passes that this thread is in, the innermost one last."""

    def __init__(self) -> None:
        self.passes: list[_Pass] = []


_state = _State()


class _Pass:
    """The first forward pass; notes: what it found, for the later ones."""

    unread: Optional[Iterator[Any]] = None

    def __init__(self, notes: list[Any]) -> None:
        self.notes = notes

    def __enter__(self) -> None:
        _state.passes.append(self)

    def __exit__(self, *error: Any) -> None:
        _state.passes.pop()


class _LaterPass(_Pass):
    """A forward pass with the notes and in the modes of the first one, which may run any number of times."""

    def __init__(self, notes: list[Any], modes: list[tuple[nn.Module, bool]]) -> None:
        super().__init__(notes)
        self.modes = modes
        self.changed: list[nn.Module] = []

    def __enter__(self) -> None:
        super().__enter__()
        self.unread = iter(self.notes)
        self.changed = [module for module, training in self.modes if module.training != training]
        self._switch()

    def __exit__(self, *error: Any) -> None:
        self._switch()
        super().__exit__(*error)

    def _switch(self) -> None:
        for module in self.changed:
            module.training = not module.training


def first_and_later_passes(module: nn.Module) -> tuple[_Pass, _Pass]:
    """Return what surrounds the first forward pass of a module and what surrounds each later one."""
    notes: list[Any] = []
    return _Pass(notes), _LaterPass(notes, [(each, each.training) for each in module.modules()])


def is_recomputing() -> bool:
    """Return whether this thread recomputes: running statistics have then been updated already."""
    return any(isinstance(each, _LaterPass) for each in _state.passes)


def once(find: Callable[[], T]) -> T:
    """Return what `find` returns; in a later pass, without calling it, what it returned at this place in the first
    one."""
    first: list[_Pass] = []
    for each in reversed(_state.passes):
        if each.unread is not None:
            result: T = next(each.unread)
            break
        first.append(each)
    else:
        result = find()
    for each in first:
        each.notes.append(result)
    return result
