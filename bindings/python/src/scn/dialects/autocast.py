"""Whether torch chooses the types of operations."""

from __future__ import annotations

import torch

__all__ = ["is_autocasting"]


def is_autocasting(device: torch.device) -> bool:
    """Return whether `torch.autocast` is on for a kind of device."""
    try:
        return torch.is_autocast_enabled(device.type)
    except TypeError:  # Before torch 2.4.
        return bool(torch.is_autocast_cpu_enabled() if device.type == "cpu" else torch.is_autocast_enabled())
    except RuntimeError:  # A kind of device that has none.
        return False
