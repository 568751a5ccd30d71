"""Times of parts of layers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

__all__ = ["CUDAKernelTimer"]

UNTIMED = nullcontext()
"""What surrounds a part whose time nobody asked for."""

DIFFERS = {"CUDAKernelTimer": "measures the CPU's time"}


class CUDAKernelTimer:
    """Measures how long named parts take; here of the CPU's time, in milliseconds.

    enable: False for a timer that measures nothing.
    """

    def __init__(self, enable: bool = True) -> None:
        self.enable = enable
        self._names: list[str] = []
        self._times: dict[str, float] = {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # spconv's own has other parts.
        self.__dict__.update({"enable": False, "_names": [], "_times": {}, **state})

    @contextmanager
    def namespace(self, name: str) -> Iterator[None]:
        """Put a name, and a point, before the names of what is recorded within."""
        self._names.append(name)
        try:
            yield
        finally:
            self._names.pop()

    def record(self, name: str, stream: int = 0) -> AbstractContextManager[None]:
        """Add the time that what is within takes to that of a name. stream: without effect."""
        return self._recorded(name) if self.enable else UNTIMED

    @contextmanager
    def _recorded(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            full = ".".join([*self._names, name])
            self._times[full] = self._times.get(full, 0.0) + (time.perf_counter() - start) * 1000

    def get_all_pair_time(self) -> dict[str, float]:
        """Return the milliseconds of each name."""
        return dict(self._times)

    @staticmethod
    def collect_by_name(name: str, res: dict[str, float]) -> dict[str, float]:
        """Return those of some times in whose names, divided at points, a name occurs."""
        return {full: milliseconds for full, milliseconds in res.items() if name in full.split(".")}
