"""The weights of convolutions: as programs and files have them, and as the engine takes them."""

from __future__ import annotations

import math
from typing import Any, Optional

import torch

from ..._messages import one_of, wrong_shape, wrong_value
from ...torch.autograd.autocast import LEAST_ROUNDED_PLANES, is_multiplied_as_bfloat16
from ...torch.autograd.buffers import computable, prepared_together, rounded, typed_like
from ...torch.autograd.convolution import convolution_outputs_first
from ...values.sites import Rulebook
from .. import constants
from ._layer import MOST_VOXELS

__all__ = ["bring_into_layout", "convolve"]

# How a weight of another layout becomes [out, *size, in]: the axes that come first and last, from the end.
_LAYOUTS = {"": None, "KRSC": None, "RSKC": (-2, -1), "RSCK": (-1, -2)}


def convolve(
    values: torch.Tensor, rulebook: Rulebook, weight: torch.Tensor, bias: Optional[torch.Tensor], groups: int
) -> torch.Tensor:
    """Return the convolution of rows in the engine's order, [output rows, out].

    weight: [out, *size, in / groups]. bias: [out] or None.
    """
    # The library gets only addresses.
    if values.shape != (rulebook.input_count, groups * weight.shape[-1]):
        raise wrong_shape("features", values.shape, [rulebook.input_count, groups * weight.shape[-1]])
    if weight.ndim < 3 or math.prod(weight.shape[1:-1]) != rulebook.volume or weight.shape[0] % groups:
        raise wrong_shape("weight", weight.shape, f"[out, *size, in], of {rulebook.volume} places in {groups} groups")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise wrong_shape("bias", bias.shape, weight.shape[:1])
    is_rounded = is_multiplied_as_bfloat16(values, weight) and weight.shape[-1] >= LEAST_ROUNDED_PLANES
    if is_rounded:
        rows, factors = rounded(values), computable(weight, "weight")
        shift = None if bias is None else computable(bias, "bias")
    else:
        rows, factors, shift = prepared_together(values, weight, bias)
    result = convolution_outputs_first(
        rows, factors.flatten(1, -2), shift, rulebook._handle, rulebook.output_count, groups
    )
    return result if is_rounded else typed_like(result, values)


def bring_into_layout(module: Any, state_dict: dict[str, Any], prefix: str, *unused: Any) -> None:
    """Bring what a state dictionary has for a convolution into its layout, as `constants` says."""
    most = prefix + MOST_VOXELS
    if module.get_max_num_voxels() is not None and most not in state_dict:
        state_dict[most] = torch.zeros(1, dtype=torch.int32)
    layout, weight = constants.SAVED_WEIGHT_LAYOUT, state_dict.get(prefix + "weight")
    if layout not in _LAYOUTS:
        raise wrong_value("SAVED_WEIGHT_LAYOUT", layout, one_of(_LAYOUTS))
    order = _LAYOUTS[layout]
    if order is not None and weight is not None:
        first, last = order
        axes = [weight.ndim + first, *range(weight.ndim - 2), weight.ndim + last]
        state_dict[prefix + "weight"] = weight.permute(axes).contiguous()
