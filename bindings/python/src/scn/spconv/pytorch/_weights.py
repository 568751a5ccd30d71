"""The weights of convolutions: as programs and files have them, and as the engine takes them."""

from __future__ import annotations

from typing import Any, Optional

import torch
from torch.autograd import Function

from ..._messages import one_of, wrong_shape, wrong_value
from ..._native.handles import RulebookHandle
from ...torch import functional
from ...torch.autograd.autocast import is_multiplied_as_bfloat16
from ...torch.autograd.buffers import prepared_together, typed_like
from ...torch.autograd.columns import reversed_rulebook
from ...torch.autograd.convolution import _gradient_of_input, _Products, convolution
from ...values.sites import Rulebook
from .. import constants
from ._layer import MOST_VOXELS

__all__ = ["bring_into_layout", "convolve"]

# How a weight of another layout becomes [out, *size, in]: the axes that come first and last, from the end.
_LAYOUTS = {"": None, "KRSC": None, "RSKC": (-2, -1), "RSCK": (-1, -2)}
# With fewer planes than a vector register holds, the engine's gradients of reversed convolutions are slow.
_NARROW = 16


def convolve(
    values: torch.Tensor, rulebook: Rulebook, weight: torch.Tensor, bias: Optional[torch.Tensor], groups: int
) -> torch.Tensor:
    """Return the convolution of rows in the engine's order, [output rows, out].

    weight: [out, *size, in / groups]. bias: [out] or None.
    """
    if weight.ndim < 3:
        raise wrong_shape("weight", weight.shape, "[out, *size, in]")
    by_group = weight.reshape(groups, weight.shape[0] // groups, -1, weight.shape[-1])
    if weight.shape[-1] < _NARROW or is_multiplied_as_bfloat16(values, weight):
        return functional.convolve(values, rulebook, by_group.permute(2, 0, 3, 1), bias)
    # The engine's weights end in [in, out]. Turning each matrix would cost a large layer a tenth of its time, twice;
    # as those of the reversed convolution, whose gradient this is, they only change places.
    rows, turned = prepared_together(values, by_group.permute(2, 0, 1, 3))
    apply: Any = _GradientOfReversed.apply
    result = apply(rows, turned.contiguous(), reversed_rulebook(rulebook._handle), rulebook.output_count)
    return typed_like(result if bias is None else result.add_(bias), values)


class _GradientOfReversed(Function):
    """A convolution along a rulebook, as the gradient of that along the reversed one by its input.

    rows: [input rows, in]. weight: [volume, groups, out / groups, in / groups]. reverse: the reversed rulebook. count:
    the output rows. All derivatives are differentiable.
    """

    @staticmethod
    def forward(
        ctx: Any, rows: torch.Tensor, weight: torch.Tensor, reverse: RulebookHandle, count: int
    ) -> torch.Tensor:
        ctx.save_for_backward(rows, weight)
        ctx.reverse = reverse
        return _gradient_of_input(rows, weight, reverse, count)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        rows, weight = ctx.saved_tensors
        gradient, rows, weight = (values.contiguous() for values in prepared_together(gradient, rows, weight))
        by_rows = by_weight = None
        if ctx.needs_input_grad[0]:
            by_rows = convolution(gradient, weight, None, ctx.reverse, len(rows))
        if ctx.needs_input_grad[1]:
            products: Any = _Products.apply
            by_weight = products(gradient, rows, ctx.reverse, weight.detach())
        return by_rows, by_weight, None, None


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
