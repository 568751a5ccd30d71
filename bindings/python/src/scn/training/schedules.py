"""Learning rates that change from epoch to epoch, or from step to step: whatever the program counts, from 0.

schedule = scn.CosineSchedule(0.1, steps=epochs, warm_up=5)
for epoch in range(epochs):
    optimizer.lr = schedule(epoch)
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

from .._native.arrays import integer
from .._native.library import library

__all__ = ["CosineSchedule", "ExponentialSchedule", "StepSchedule"]


@dataclass(frozen=True)
class ExponentialSchedule:
    """initial * exp(-decay * step)."""

    initial: float
    decay: float

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step. Raises `InvalidArgumentError` for values out of their range."""
        return _rate(library.scn_exponential_rate, self.initial, self.decay, integer(step, "step"))


@dataclass(frozen=True)
class StepSchedule:
    """initial * factor ** (step // step_size)."""

    initial: float
    step_size: int
    factor: float = 0.1

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step. Raises `InvalidArgumentError` for values out of their range."""
        size = integer(self.step_size, "step_size")
        return _rate(library.scn_step_rate, self.initial, self.factor, size, integer(step, "step"))


@dataclass(frozen=True)
class CosineSchedule:
    """Half a cosine from initial down to final at step `steps` (Loshchilov and Hutter, 2017), after a linear warm-up.

    In the first warm_up steps (0 ... steps - 1 of them) the rate is initial * (step + 1) / (warm_up + 1).
    """

    initial: float
    steps: int
    warm_up: int = 0
    final: float = 0

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step. Raises `InvalidArgumentError` for values out of their range."""
        steps, warm_up = integer(self.steps, "steps"), integer(self.warm_up, "warm_up")
        return _rate(library.scn_cosine_rate, self.initial, self.final, steps, warm_up, integer(step, "step"))


def _rate(function: Any, *arguments: float) -> float:
    rate = ctypes.c_double()
    function(*arguments, ctypes.byref(rate))
    return rate.value
