"""Whether torch chooses the types of operations, and which."""

from __future__ import annotations

import torch

__all__ = ["autocast_type", "is_autocasting"]


def is_autocasting(device: torch.device) -> bool:
    """Return whether `torch.autocast` is on for a kind of device."""
    try:
        return torch.is_autocast_enabled(device.type)
    except TypeError:  # Before torch 2.4.
        return bool(torch.is_autocast_cpu_enabled() if device.type == "cpu" else torch.is_autocast_enabled())
    except RuntimeError:  # A kind of device that has none.
        return False


def autocast_type(device: torch.device) -> torch.dtype:
    """Return the type that `torch.autocast` has chosen for a kind of device where it is on."""
    if hasattr(torch, "get_autocast_dtype"):
        return torch.get_autocast_dtype(device.type)
    return torch.get_autocast_cpu_dtype() if device.type == "cpu" else torch.get_autocast_gpu_dtype()
