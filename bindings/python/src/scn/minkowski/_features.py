"""Features of a coordinate map's rows, in the program's order, in the engine's, or both.

Layers compute in the engine's order and pass it on. Only where a program looks at features are they brought into its
own order, once; from then on that is what counts, since the program may change them.

A batch norm in evaluation waits for what comes next: a ReLU is then computed in the same pass. Until then nobody may
change its input, so only one waits whose input nobody has seen, and it is computed before anybody does.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Optional

import torch
from torch import nn

from .._messages import wrong_shape
from ..dialects.batch_norm import Evaluated, Norm, Normalized, count_batch, evaluated, normalized, rectified
from ..dialects.rows import Rows
from ._errors import asserted

__all__ = ["Features"]


class Features:
    """Features [rows, planes], of which one of two orders is given: shown, the program's, or sorted, the engine's.

    is_new: whether a layer has just made them, and nothing else refers to their memory.
    """

    __slots__ = ("__weakref__", "_due", "_is_new", "_norm", "_rows", "_shown", "_sorted", "_waiting")

    def __init__(
        self,
        rows: Rows,
        shown: Optional[torch.Tensor] = None,
        sorted: Optional[torch.Tensor] = None,
        is_new: bool = False,
    ) -> None:
        given = sorted if shown is None else shown
        assert given is not None, "one order is given"
        if given.ndim != 2 or len(given) != len(rows):
            raise asserted(wrong_shape("features", given.shape, f"[{len(rows)}, planes], a row for each site"))
        self._rows = rows
        if rows.order is None:
            shown, sorted = given, None
        self._shown, self._sorted = shown, sorted
        self._norm: Optional[Normalized] = None
        self._is_new = is_new
        self._due: Optional[Evaluated] = None
        self._waiting: Optional[weakref.ref[Features]] = None

    # Batch norms that wait

    def _settle(self) -> None:
        """Compute what waits: from now on somebody may know the features, and change them."""
        if self._due is not None:
            self._become(self._due.result())
        if self._is_new:
            self._is_new = False
            if self._waiting is not None:
                waiting = self._waiting()
                if waiting is not None and waiting._due is not None:
                    waiting._become(waiting._due.result())
                self._waiting = None

    def _become(self, values: torch.Tensor) -> None:
        """Take what was waited for."""
        self._due = None
        if self._rows.order is None:
            self._shown = values
        else:
            self._sorted = values

    @property
    def unseen(self) -> torch.Tensor:
        """The features in the order that counts, for one who only looks at type and shape."""
        if self._due is not None:
            return self._due.rows
        given = self._sorted if self._shown is None else self._shown
        assert given is not None, "one order is known"
        return given

    # The features

    @property
    def any(self) -> torch.Tensor:
        """The features in the order that counts."""
        self._settle()
        return self.unseen

    @property
    def is_sorted(self) -> bool:
        """Whether the order that counts is the engine's."""
        return self._shown is None or self._rows.order is None

    @property
    def shown(self) -> torch.Tensor:
        """The features in the program's order."""
        # A program that has seen them may keep them.
        self._norm = None
        self._settle()
        if self._shown is None:
            self._shown = self._rows.shown_for_all(self.any)
            # What is computed from now on gives these a gradient, and knows what a program writes into them.
            self._sorted = None
        return self._shown

    def peeked(self) -> torch.Tensor:
        """Return the features in the program's order, which does not count for that."""
        values = self.any
        return self._rows.shown(values) if self._shown is None else values

    @property
    def sorted(self) -> torch.Tensor:
        """The features in the engine's order."""
        self._settle()
        return self.any if self._shown is None else self._rows.sorted(self._shown)

    def mapped(self, function: Callable[[torch.Tensor], torch.Tensor]) -> Features:
        """Return what a function of single rows makes of the features, in the same order."""
        self._settle()
        if self._shown is None:
            return Features(self._rows, sorted=function(self.any))
        return Features(self._rows, shown=function(self._shown))

    def normalized(self, module: nn.BatchNorm1d) -> Features:
        """Return what the library makes of the features in place of a batch norm."""
        if self._is_new and (self._waiting is None or self._waiting() is None):
            due = evaluated(Norm.of(module), self.unseen)
            if due is not None:
                made = Features.__new__(Features)
                made._rows, made._shown, made._sorted = self._rows, None, None
                made._norm, made._is_new, made._due, made._waiting = None, False, due, None
                self._waiting = weakref.ref(made)
                return made
        count_batch(module)
        known = normalized(Norm.of(module), self.any)
        made = self.mapped(lambda _: known.result)
        if known.result.requires_grad:
            made._norm = known
        return made

    def rectified(self, is_in_place: bool) -> Optional[Features]:
        """Return the ReLU of features as `normalized` returned them; None for others."""
        if self._due is not None:
            values = self._due.result(leakiness=0)
            if is_in_place:
                self._become(values)
            if self._rows.order is None:
                return Features(self._rows, shown=values)
            return Features(self._rows, sorted=values)
        known = self._norm
        if known is None or not known.is_current:
            return None
        result = rectified(known, is_in_place)
        made = self.mapped(lambda _: result)
        if is_in_place:
            self._shown, self._sorted, self._norm = made._shown, made._sorted, None
        return made

    def joined(
        self, others: list[Features], function: Callable[[list[torch.Tensor]], torch.Tensor], is_new: bool = False
    ) -> Features:
        """Return what a function of single rows makes of features on the same map; is_new: of what it returns."""
        together = [self, *others]
        for part in together:
            part._settle()
        if any(part._shown is None for part in together):
            return Features(self._rows, sorted=function([part.sorted for part in together]), is_new=is_new)
        return Features(self._rows, shown=function([part.shown for part in together]), is_new=is_new)
