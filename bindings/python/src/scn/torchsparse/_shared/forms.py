"""How a form of torchsparse writes coordinates down."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from ..._messages import wrong_value
from ..utils.utils import make_ntuple

__all__ = ["FIRST", "FIRST_UNDIVIDED", "LAST", "Form", "Triple", "triple"]

Triple = tuple[int, int, int]


class Form(NamedTuple):
    """The columns of coordinates, and their unit."""

    batch: str
    """Where the batch index is, 'first' or 'last'."""
    is_divided: bool
    """Whether the coordinates of a strided tensor are divided by its stride; else they are multiples of it."""

    @property
    def batch_column(self) -> int:
        """The column of the batch index."""
        return 0 if self.batch == "first" else 3

    @property
    def axes(self) -> slice:
        """The columns of x, y and z."""
        return slice(1, 4) if self.batch == "first" else slice(0, 3)

    def joined(self, batch: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
        """Return coordinates [n, 4] of batch indices [n] and x, y, z [n, 3]."""
        column = batch.unsqueeze(1)
        return torch.cat([column, where] if self.batch == "first" else [where, column], 1)


FIRST = Form("first", True)
"""That of 2.1: [batch, x, y, z], divided by the stride."""
FIRST_UNDIVIDED = Form("first", False)
"""[batch, x, y, z] in the units of the finest level, for programs that took over the units of 2.0."""
LAST = Form("last", False)
"""That of 1.4 and 2.0: [x, y, z, batch], in the units of the finest level."""


def triple(value: Any, name: str, least: int = 1) -> Triple:
    """Return a whole number of at least `least` for each axis; one number counts for all."""
    x, y, z = make_ntuple(value, 3)
    if not all(isinstance(size, int) and size >= least for size in (x, y, z)):
        raise wrong_value(name, value, f"integers of at least {least}")
    return x, y, z
