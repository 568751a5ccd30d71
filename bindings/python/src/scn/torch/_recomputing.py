"""The first forward pass of a checkpointed network, and the later ones, which recompute what a backward pass needs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, Callable, Optional, TypeVar

T = TypeVar("T")


class _State(threading.local):
    """The passes that this thread is in, the innermost one last."""

    def __init__(self) -> None:
        self.passes: list[_Pass] = []


_state = _State()


class _Pass:
    """A forward pass; a later one may run any number of times. notes: what the first one found, for the later ones."""

    def __init__(self, notes: list[Any], is_first: bool) -> None:
        self.notes, self.is_first = notes, is_first
        self.unread: Optional[Iterator[Any]] = None

    def __enter__(self) -> None:
        self.unread = None if self.is_first else iter(self.notes)
        _state.passes.append(self)

    def __exit__(self, *error: Any) -> None:
        _state.passes.pop()


def first_and_later_passes() -> tuple[_Pass, _Pass]:
    """Return what surrounds the first forward pass and what surrounds each later one."""
    notes: list[Any] = []
    return _Pass(notes, True), _Pass(notes, False)


def is_recomputing() -> bool:
    """Return whether this thread recomputes: running statistics have then been updated before."""
    return any(not each.is_first for each in _state.passes)


def once(find: Callable[[], T]) -> T:
    """Return what `find` returns; in a later pass, without calling it, what it returned at this place in the first one."""
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
