"""Initialization of kernels."""

from __future__ import annotations

import math

import torch
from torch import nn

from ..._messages import one_of, wrong_value
from ...errors import ShapeError

__all__ = ["kaiming_normal_"]


def kaiming_normal_(
    tensor: torch.Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> torch.Tensor:
    """Draw a kernel [taps, in, out] from N(0, (gain / sqrt(fan))^2), and return it (He et al., 2015).

    mode: 'fan_in', taps * in, or 'fan_out', taps * out. For a matrix [in, out] they are, as in MinkowskiEngine, those
    of `torch.nn.Linear`: the last axis for 'fan_in', the first for 'fan_out'. a, nonlinearity: as for
    `torch.nn.init.calculate_gain`.
    """
    modes = ("fan_in", "fan_out")
    if mode.lower() not in modes:
        raise wrong_value("mode", mode, one_of(modes))
    if tensor.ndim < 2:
        raise ShapeError(f"tensor: has shape {list(tensor.shape)}, expected [taps, in, out] or [in, out]")
    if tensor.ndim == 2:
        fans = (tensor.shape[1], tensor.shape[0])
    else:
        fans = (tensor.shape[0] * tensor.shape[1], tensor.shape[0] * tensor.shape[2])
    fan = fans[modes.index(mode.lower())]
    gain: float = nn.init.calculate_gain(nonlinearity, a)  # type: ignore[arg-type]
    with torch.no_grad():
        return tensor.normal_(0, gain / math.sqrt(max(1, fan)))
