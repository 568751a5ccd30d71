"""Progress reports: how fast training runs and how long it will take."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

# Seconds between two lines, to a terminal and to a file.
OFTEN, SELDOM = 0.5, 60.0


class Progress:
    """Writes a line to standard error now and then: often to a terminal, where it changes in place, rarely to a
    file."""

    def __init__(self, epochs: int) -> None:
        self._epochs_left = epochs
        self._is_terminal = sys.stderr.isatty()
        self._pause = OFTEN if self._is_terminal else SELDOM
        self._lengths: dict[str, int] = {}
        self._epoch_began = self._last_line = time.perf_counter()
        self._epoch_seconds: float | None = None

    def watch(self, name: str, batches: Iterable[Any]) -> Iterator[Any]:
        """Yield batches, each a dict with 'target', and report progress; the name's last word is the kind of pass."""
        kind = name.split()[-1]
        total = len(batches) if hasattr(batches, "__len__") else self._lengths.get(kind)  # type: ignore[arg-type]
        began, samples, count = time.perf_counter(), 0, 0
        for batch in batches:
            yield batch
            count += 1
            samples += len(batch["target"])
            now = time.perf_counter()
            if now - self._last_line >= self._pause:
                self._last_line = now
                self._write(name, count, total, samples, now - began, now)
        self._lengths[kind] = count
        if self._is_terminal:
            sys.stderr.write("\r\033[K")

    def end_epoch(self) -> None:
        """Note how long the epoch took."""
        now = time.perf_counter()
        self._epoch_seconds, self._epoch_began = now - self._epoch_began, now
        self._epochs_left -= 1

    def _write(self, name: str, count: int, total: int | None, samples: int, seconds: float, now: float) -> None:
        parts = [f"{name}: {count}{f' of {total}' if total else ''} batches", f"{samples / seconds:.0f} samples/s"]
        if total:
            parts.append(f"{_clock(seconds / count * max(total - count, 0))} left")
        if self._epoch_seconds is not None:
            left = self._epoch_seconds * self._epochs_left - (now - self._epoch_began)
            parts.append(f"{_clock(max(left, 0))} left in all")
        line = ", ".join(parts)
        sys.stderr.write(f"\r\033[K{line}" if self._is_terminal else line + "\n")
        sys.stderr.flush()


def _clock(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}"
