"""Which algorithm a program asks for. scn has one of its own, and takes all of these for it."""

from __future__ import annotations

from enum import Enum

__all__ = ["AlgoHint", "ConvAlgo"]

DIFFERS = dict.fromkeys(("AlgoHint", "ConvAlgo"), "taken, without effect: scn has one algorithm")


class ConvAlgo(Enum):
    """The algorithms of spconv's layers: an argument that programs pass, without effect here."""

    Native = 0
    MaskImplicitGemm = 1
    MaskSplitImplicitGemm = 2


class AlgoHint(Enum):
    """What spconv's tuner optimizes for; without effect here. (`Fowrard` is spelled as in spconv.)"""

    NoHint = 0b000
    Fowrard = 0b001
    BackwardInput = 0b010
    BackwardWeight = 0b100
