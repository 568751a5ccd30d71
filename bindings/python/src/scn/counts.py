"""What forward passes did: the module globals of SparseConvNet that programs read and reset."""

from __future__ import annotations

import ctypes
from types import ModuleType
from typing import NamedTuple

from ._native.arrays import integer
from ._native.library import library

__all__ = ["ForwardCounts", "get_forward_counts", "set_forward_counts"]


class ForwardCounts(NamedTuple):
    """Multiply-adds of convolutions and linear layers, elements of their results (hidden states), rules visited."""

    multiply_adds: int = 0
    hidden_states: int = 0
    rules: int = 0


def get_forward_counts() -> ForwardCounts:
    """Return what the forward passes of the whole process did since it began, or since the counts were last set."""
    counts = [ctypes.c_int64() for _ in ForwardCounts._fields]
    library.scn_get_forward_counts(*map(ctypes.byref, counts))
    return ForwardCounts(*(count.value for count in counts))


def set_forward_counts(counts: ForwardCounts) -> None:
    """Set the counts, each at least 0."""
    library.scn_set_forward_counts(*(integer(count, name) for name, count in zip(counts._fields, counts)))


class Package(ModuleType):
    """The module `scn`, whose two counters are the library's: `scn.forward_pass_multiplyAdd_count = 0` resets one."""

    @property
    def forward_pass_multiplyAdd_count(self) -> int:
        """Multiply-adds of the convolutions and linear layers of all forward passes since it was last set."""
        return get_forward_counts().multiply_adds

    @forward_pass_multiplyAdd_count.setter
    def forward_pass_multiplyAdd_count(self, count: int) -> None:
        set_forward_counts(get_forward_counts()._replace(multiply_adds=count))

    @property
    def forward_pass_hidden_states(self) -> int:
        """Elements of the results of these layers since it was last set."""
        return get_forward_counts().hidden_states

    @forward_pass_hidden_states.setter
    def forward_pass_hidden_states(self, count: int) -> None:
        set_forward_counts(get_forward_counts()._replace(hidden_states=count))
