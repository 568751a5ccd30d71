"""Whether torch chooses the types of operations, and which."""

from __future__ import annotations

import torch

__all__ = ["LEAST_ROUNDED_PLANES", "autocast_type", "is_autocasting", "is_multiplied_as_bfloat16"]

# With fewer input planes, such as a first layer's, products take no time, and rounding them costs as much accuracy.
LEAST_ROUNDED_PLANES = 16


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


def is_multiplied_as_bfloat16(rows: torch.Tensor, weight: torch.Tensor) -> bool:
    """Return whether rows are rounded to bfloat16 before they are multiplied: where `torch.autocast` says so, or where
    all of a layer is bfloat16."""
    if not (rows.is_cpu and weight.is_cpu and rows.is_floating_point()):
        return False
    if is_autocasting(rows.device):
        return autocast_type(rows.device) is torch.bfloat16 and rows.dtype is not torch.float64
    return rows.dtype is weight.dtype is torch.bfloat16
