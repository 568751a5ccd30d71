"""The base of networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import nn

__all__ = ["MinkowskiNetwork"]


class MinkowskiNetwork(nn.Module, ABC):
    """A network that knows its dimension, `D`; a class derived from it has a `forward`."""

    def __init__(self, D: int) -> None:
        super().__init__()
        self.D = D

    @abstractmethod
    def forward(self, x: Any) -> Any:
        """Return what the network makes of a tensor."""
