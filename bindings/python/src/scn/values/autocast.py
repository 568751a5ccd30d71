"""What modules compute in."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from .._messages import text_of
from .._native.generated import SCN_BFLOAT16, SCN_FLOAT32
from .._native.library import library
from ..errors import InvalidArgumentError

__all__ = ["autocast", "precision_of"]

_PRECISIONS = {"float32": SCN_FLOAT32, "bfloat16": SCN_BFLOAT16}


def precision_of(precision: object) -> int:
    """Return what the library calls a precision. Raises `InvalidArgumentError` for other words."""
    if not isinstance(precision, str) or precision not in _PRECISIONS:
        raise InvalidArgumentError(f"precision: is {text_of(precision)}, expected 'float32' or 'bfloat16'")
    return _PRECISIONS[precision]


class autocast(contextlib.ContextDecorator):
    """Have the modules that this thread calls compute in bfloat16, in training and evaluation.

        with scn.autocast("bfloat16"):
            loss = scn.cross_entropy(net(batch), labels)
        loss.backward()

    Features and their gradients are bfloat16 from layer to layer, and convolutions of 16 planes a group or more
    multiply it and add in float32 (Micikevicius et al., "Mixed precision training", 2018). Parameters, their gradients,
    statistics, `Linear` layers, losses, and what a program reads of a tensor are float32, so nothing else in a program
    changes, and losses need no scaling. A backward pass computes in what its forward pass did. Networks that
    `optimize_for_inference` made have a precision of their own. "float32" switches it off inside of such a block.
    """

    def __init__(self, precision: str = "bfloat16") -> None:
        self._type = precision_of(precision)
        self._precision = precision
        self._earlier: dict[int, list[int]] = {}

    def _recreate_cm(self) -> autocast:
        return type(self)(self._precision)

    def __enter__(self) -> None:
        self._earlier.setdefault(threading.get_ident(), []).append(library.scn_get_autocast())
        library.scn_set_autocast(self._type)

    def __exit__(self, *exception: Any) -> None:
        library.scn_set_autocast(self._earlier[threading.get_ident()].pop())
