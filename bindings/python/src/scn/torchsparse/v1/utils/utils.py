"""Small helpers for sizes."""

from ...utils.utils import make_ntuple

__all__ = ["make_ntuple"]
