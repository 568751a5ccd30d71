"""The version of torch."""

from __future__ import annotations

import re
from itertools import takewhile

import torch

__all__ = ["PYTORCH_VERSION", "TORCH_HAS_AMP", "is_amp_enabled"]

PYTORCH_VERSION = [int(part) for part in takewhile(str.isdigit, re.split(r"[.+]", str(torch.__version__)))]
TORCH_HAS_AMP = True


def is_amp_enabled() -> bool:
    """Return whether autocast is on for GPUs, as in spconv."""
    return torch.is_autocast_enabled()
