"""A module that does nothing."""

from __future__ import annotations

from typing import Any

from torch import nn

__all__ = ["Identity"]


class Identity(nn.Module):
    """Returns its input."""

    def forward(self, input: Any) -> Any:
        """Return the input."""
        return input

    def input_spatial_size(self, out_size: Any) -> Any:
        """Return which spatial size the layer makes another of: the same."""
        return out_size
