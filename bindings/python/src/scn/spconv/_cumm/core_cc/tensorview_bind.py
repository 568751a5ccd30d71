"""The names under which spconv saves what a layer has of cumm."""

from __future__ import annotations

__all__ = ["Activation"]


class Activation:
    """An activation in a file of a whole model that spconv saved; a layer takes that of `cumm.tensorview.gemm`.

    value: its number.
    """

    value: int = 0

    def __setstate__(self, value: int) -> None:
        self.value = value
