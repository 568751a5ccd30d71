"""What a layer does to its sums, and of which type they are under autocast."""

from __future__ import annotations

from typing import Optional

import torch
from torch.nn import functional

from ..._messages import one_of, wrong_value
from ...torch.autograd import autocast
from .._cumm.tensorview.gemm import Activation

__all__ = ["activated", "autocast_type"]


def activated(values: torch.Tensor, act_type: Activation, act_alpha: float) -> torch.Tensor:
    """Return the values after an activation; act_alpha: the slope of a leaky one."""
    if act_type is Activation.None_:
        return values
    if act_type is Activation.ReLU:
        return functional.relu(values)
    if act_type is Activation.Sigmoid:
        return torch.sigmoid(values)
    if act_type is Activation.LeakyReLU:
        return functional.leaky_relu(values, act_alpha)
    raise wrong_value("act_type", act_type, one_of(kind.name for kind in Activation))


def autocast_type(values: torch.Tensor) -> Optional[torch.dtype]:
    """Return the type in which torch's own layers would return what they make of values under `torch.autocast`; None
    where it is theirs."""
    if not autocast.is_autocasting(values.device):
        return None
    is_narrow = values.is_floating_point() and values.dtype is not torch.float64
    return autocast.autocast_type(values.device) if is_narrow else None
