"""Whether a forward pass runs for the second time, to recompute what a backward pass needs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

_state = threading.local()


def is_recomputing() -> bool:
    """Return whether this thread recomputes: running statistics have then been updated before."""
    return getattr(_state, "depth", 0) > 0


@contextlib.contextmanager
def recomputing() -> Iterator[None]:
    """Mark a forward pass as a second one."""
    _state.depth = getattr(_state, "depth", 0) + 1
    try:
        yield
    finally:
        _state.depth -= 1
