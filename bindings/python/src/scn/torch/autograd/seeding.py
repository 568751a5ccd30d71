"""Randomness of the engine that follows `torch.manual_seed`."""

from __future__ import annotations

import torch

from ..._native.scope import Scope


def engine_seeded_by_torch() -> Scope:
    """Return a scope in which the engine draws from a stream that torch's generator seeds."""
    return Scope(seed=int(torch.randint(2**62, (1,)).item()))
