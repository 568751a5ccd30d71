"""From points in space to sites."""

from ...utils.quantize import sparse_quantize

__all__ = ["sparse_quantize"]
