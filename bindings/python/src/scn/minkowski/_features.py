"""Features of a coordinate map's rows, in the program's order, in the engine's, or both.

Layers compute in the engine's order and pass it on. Only where a program looks at features are they brought into its
own order, once; from then on that is what counts, since the program may change them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

import torch
from torch import nn

from .._messages import wrong_shape
from ..dialects.batch_norm import Normalized, normalized, rectified
from ..dialects.rows import Rows
from ._errors import asserted

__all__ = ["Features"]


class Features:
    """Features [rows, planes], of which one of two orders is given: shown, the program's, or sorted, the engine's."""

    __slots__ = ("_norm", "_rows", "_seen", "_shown", "_sorted")

    def __init__(self, rows: Rows, shown: Optional[torch.Tensor] = None, sorted: Optional[torch.Tensor] = None) -> None:
        given = sorted if shown is None else shown
        assert given is not None, "one order is given"
        if given.ndim != 2 or len(given) != len(rows):
            raise asserted(wrong_shape("features", given.shape, f"[{len(rows)}, planes], a row for each site"))
        self._rows = rows
        if rows.order is None:
            shown, sorted = given, None
        self._shown, self._sorted = shown, sorted
        self._seen: Optional[int] = None
        self._norm: Optional[Normalized] = None

    @property
    def any(self) -> torch.Tensor:
        """The features in the order that counts."""
        given = self._sorted if self._shown is None else self._shown
        assert given is not None, "one order is known"
        return given

    @property
    def is_sorted(self) -> bool:
        """Whether the order that counts is the engine's."""
        return self._shown is None or self._rows.order is None

    @property
    def shown(self) -> torch.Tensor:
        """The features in the program's order."""
        # A program that has seen them may keep them.
        self._norm = None
        if self._shown is None:
            self._shown = self._rows.shown(self.any)
            self._seen = _version(self._shown)
            if self._shown.requires_grad:
                # What is computed from now on gives these a gradient.
                self._sorted = None
        return self._shown

    def peeked(self) -> torch.Tensor:
        """Return the features in the program's order, which does not count for that."""
        return self._rows.shown(self.any) if self._shown is None else self._shown

    @property
    def sorted(self) -> torch.Tensor:
        """The features in the engine's order."""
        shown = self._shown
        if shown is None:
            return self.any
        if self._rows.order is None:
            return shown
        known = self._sorted
        is_recorded = known is not None and (
            known.requires_grad or not (shown.requires_grad and torch.is_grad_enabled())
        )
        if known is None or not is_recorded or self._seen is None or self._seen != _version(shown):
            self._sorted = known = self._rows.sorted(shown)
            self._seen = _version(shown)
        return known

    def mapped(self, function: Callable[[torch.Tensor], torch.Tensor]) -> Features:
        """Return what a function of single rows makes of the features, in the same order."""
        if self._shown is None:
            return Features(self._rows, sorted=function(self.any))
        return Features(self._rows, shown=function(self._shown))

    def normalized(self, module: nn.BatchNorm1d) -> Features:
        """Return what the library makes of the features in place of a batch norm."""
        known = normalized(module, self.any)
        made = self.mapped(lambda _: known.result)
        if known.result.requires_grad:
            made._norm = known
        return made

    def rectified(self, is_in_place: bool) -> Optional[Features]:
        """Return the ReLU of features as `normalized` returned them; None for others."""
        known = self._norm
        if known is None or not known.is_current:
            return None
        result = rectified(known, is_in_place)
        made = self.mapped(lambda _: result)
        if is_in_place:
            self._shown, self._sorted, self._norm = made._shown, made._sorted, None
        return made

    def joined(self, others: list[Features], function: Callable[[list[torch.Tensor]], torch.Tensor]) -> Features:
        """Return what a function of single rows makes of features on the same map."""
        together = [self, *others]
        if any(part._shown is None for part in together):
            return Features(self._rows, sorted=function([part.sorted for part in together]))
        return Features(self._rows, shown=function([part.shown for part in together]))


def _version(features: torch.Tensor) -> Optional[int]:
    """Return what changes when features are changed in place; None if nothing does."""
    return None if features.is_inference() else features._version
