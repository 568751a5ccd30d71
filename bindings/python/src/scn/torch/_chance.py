"""Randomness of the engine that follows `torch.manual_seed`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from .._library import library
from ..layer import _random_state_kept


@contextlib.contextmanager
def engine_seeded_by_torch() -> Iterator[None]:
    """Let the engine draw from a generator that torch's generator seeds; leave its own as it was."""
    seed = int(torch.randint(2**62, (1,)).item())
    with _random_state_kept():
        library.scn_manual_seed(seed)
        yield
