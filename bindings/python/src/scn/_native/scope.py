"""Several calls of the library that count as one."""

from __future__ import annotations

import ctypes
from typing import Any, Optional

from .library import library


class Scope:
    """Undoes what this thread's calls in a `with` block changed, if the block raises.

    seed: that of a random stream of their own to draw from; None for the generator. Scopes nest.
    """

    def __init__(self, seed: Optional[int] = None) -> None:
        self._seed = None if seed is None else ctypes.byref(ctypes.c_uint64(seed))

    def __enter__(self) -> None:
        library.scn_scope_begin(self._seed)

    def __exit__(self, kind: Any, *exception: Any) -> None:
        library.scn_scope_end(int(kind is None))


def without_generator() -> Scope:
    """Return a scope for values that are initialized only to be overwritten: the generator stays as it is."""
    return Scope(seed=0)
