"""The rules of rulebooks as torch tensors, on the device where features are."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch

from ..._native.handles import RulebookHandle
from ..._native.library import library

__all__ = ["RuleColumns", "columns_of", "reversed_rulebook"]


class RuleColumns(NamedTuple):
    """Which input row meets which output row; under one filter offset each comes at most once."""

    offsets: list[int]
    """Where the rules of each filter offset begin, and where the last end, [volume + 1]."""
    inputs: torch.Tensor
    """[rules] int64."""
    outputs: torch.Tensor
    """[rules] int64."""

    def parts(self) -> list[tuple[int, torch.Tensor, torch.Tensor]]:
        """Return each filter offset that has rules, with its input and its output rows."""
        bounds = list(zip(self.offsets, self.offsets[1:]))
        return [
            (k, self.inputs[begin:end], self.outputs[begin:end]) for k, (begin, end) in enumerate(bounds) if begin < end
        ]


# Rulebooks do not change: what was once brought to a device stays there as long as the handle lives.
_known: WeakKeyDictionary[RulebookHandle, dict[torch.device, RuleColumns]] = WeakKeyDictionary()
_reversed: WeakKeyDictionary[RulebookHandle, RulebookHandle] = WeakKeyDictionary()


def columns_of(rulebook: RulebookHandle, device: torch.device) -> RuleColumns:
    """Return the rules of a rulebook on a device."""
    known = _known.setdefault(rulebook, {})
    if device not in known:
        known[device] = _read(rulebook, device)
    return known[device]


def reversed_rulebook(rulebook: RulebookHandle) -> RulebookHandle:
    """Return the same rules with input and output exchanged."""
    known = _reversed.get(rulebook)
    if known is None:
        known = _reversed[rulebook] = RulebookHandle.make(library.scn_rulebook_reversed, rulebook)
    return known


def _read(rulebook: RulebookHandle, device: torch.device) -> RuleColumns:
    volume, rules = ctypes.c_int64(), ctypes.c_int64()
    library.scn_rulebook_sizes(rulebook, ctypes.byref(volume), ctypes.byref(rules), None, None)
    found = [ctypes.c_void_p() for _ in range(3)]
    library.scn_rulebook_rules(rulebook, *(ctypes.byref(column) for column in found))

    def copied(column: ctypes.c_void_p, count: int, kind: Any) -> Any:
        if not count or column.value is None:
            return np.empty(0, np.int64)
        shared = (ctypes.c_char * (count * np.dtype(kind).itemsize)).from_address(column.value)
        return np.frombuffer(shared, kind).astype(np.int64)

    offsets = copied(found[0], volume.value + 1, np.int64).tolist()
    inputs, outputs = (torch.from_numpy(copied(column, rules.value, np.int32)).to(device) for column in found[1:])
    return RuleColumns(offsets, inputs, outputs)
