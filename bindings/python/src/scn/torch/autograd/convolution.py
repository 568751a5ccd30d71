"""Convolution along a rulebook, with derivatives of any order.

Two functions are each other's derivatives: `convolution`, the products of rows and a weight, added up at the output
rows, and `_Products`, the products of input and output rows, added up for each filter offset. Float32 on the CPU is
computed by the library, and so is bfloat16 with parameters of float32, whose second derivatives are float32's; other
types and devices by torch: rows are gathered, multiplied and added. An output row comes at most once under a filter
offset, so that the sum does not depend on the order in which a device adds.
"""

from __future__ import annotations

from typing import Any, Optional

import torch
from torch.autograd import Function

from ..._native.generated import SCN_WEIGHT_OFFSETS_FIRST, SCN_WEIGHT_OUTPUTS_FIRST
from ..._native.handles import RulebookHandle
from ..._native.library import library
from .buffers import address, computable, is_computed_by_library, matrix, new, prepared, rounded
from .columns import columns_of, reversed_rulebook
from .derivatives import applied

__all__ = ["convolution", "convolution_outputs_first"]


def convolution(
    input: torch.Tensor, weight: torch.Tensor, bias: Optional[torch.Tensor], rulebook: RulebookHandle, rows: int
) -> torch.Tensor:
    """Convolve: [input rows, in] -> [rows, out].

    weight: [volume of the rulebook, groups, in / groups, out / groups]. bias: [out] or None. rows: the rulebook's
    output rows. All of one type and on one device, or the input bfloat16 and the others float32.
    """
    return applied(_Convolution, input, weight, bias, rulebook, rows, None)  # type: ignore[no-any-return]


def convolution_outputs_first(
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: Optional[torch.Tensor],
    rulebook: RulebookHandle,
    rows: int,
    groups: int,
) -> torch.Tensor:
    """Do the same with a weight [out, volume, in / groups], which the library reads where it is."""
    if is_computed_by_library(weight):
        result: torch.Tensor = applied(_Convolution, input, weight, bias, rulebook, rows, groups)
        return result
    return convolution(input, _offsets_first(weight, groups).contiguous(), bias, rulebook, rows)


def _offsets_first(weight: torch.Tensor, groups: int) -> torch.Tensor:
    """Return a view [volume, groups, in / groups, out / groups] of a weight [out, volume, in / groups]."""
    by_group: torch.Tensor = weight.unflatten(0, (groups, -1))
    return by_group.permute(2, 0, 3, 1)


class _Convolution(Function):
    """groups: of a weight [out, volume, in / groups]; None where it is [volume, groups, in / groups, out / groups]."""

    @staticmethod
    def forward(
        ctx: Any,
        input: torch.Tensor,
        weight: torch.Tensor,
        bias: Optional[torch.Tensor],
        rulebook: RulebookHandle,
        rows: int,
        groups: Optional[int],
    ) -> torch.Tensor:
        ctx.save_for_backward(input, weight)
        ctx.rulebook, ctx.groups, ctx.is_by_library = rulebook, groups, is_computed_by_library(weight)
        ctx.is_rounded = ctx.is_by_library and input.dtype is torch.bfloat16
        if not ctx.is_by_library:
            return _gathered(input, weight, bias, rulebook, rows)
        layout, parts = _layout(weight, groups)
        planes = parts * weight.shape[3] if groups is None else weight.shape[0]
        result = new(rows, planes, dtype=input.dtype)
        library.scn_convolution_forward_in_layout(
            rulebook, matrix(input), weight.data_ptr(), layout, address(bias), parts, matrix(result)
        )
        return result

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        by_input, by_weight, by_bias = ctx.needs_input_grad[:3]
        if torch.is_grad_enabled():
            return (*_recorded_gradients(ctx, gradient), None, None, None)
        if ctx.is_rounded:
            input, weight = ctx.saved_tensors
            input, weight, gradient = rounded(input), computable(weight), rounded(gradient)
        else:
            input, weight, gradient = _restored(ctx, gradient)
        of_input = of_weight = of_bias = None
        if by_input:
            of_input = _gradient_of_input(gradient, weight, ctx.rulebook, input.shape, ctx.groups)
        if by_weight or by_bias:
            of_weight, of_bias = _gradients_of_parameters(
                input, gradient, weight, ctx.rulebook, by_weight, by_bias, ctx.groups
            )
        return of_input, of_weight, of_bias, None, None, None


class _Products(Function):
    """The gradient of a convolution with respect to its weight: [volume, groups, in / groups, out / groups]."""

    @staticmethod
    def forward(
        ctx: Any, input: torch.Tensor, output: torch.Tensor, rulebook: RulebookHandle, like: torch.Tensor
    ) -> torch.Tensor:
        ctx.save_for_backward(input, output)
        ctx.rulebook, ctx.is_by_library = rulebook, is_computed_by_library(input)
        result, _ = _gradients_of_parameters(input, output, like, rulebook, True, False)
        assert result is not None, "it was asked for"
        return result

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        input, output, gradient = _restored(ctx, gradient)
        of_input = of_output = None
        if ctx.needs_input_grad[0]:
            of_input = _transposed(output, gradient, ctx.rulebook, input.shape[0])
        if ctx.needs_input_grad[1]:
            of_output = convolution(input, gradient, None, ctx.rulebook, output.shape[0])
        return of_input, of_output, None, None


def _restored(ctx: Any, gradient: torch.Tensor) -> list[torch.Tensor]:
    """Return what a function saved, and a gradient, as they were computed forward: hooks of saved tensors may bring
    back another type."""
    return [(computable if ctx.is_by_library else prepared)(values) for values in (*ctx.saved_tensors, gradient)]


def _recorded_gradients(ctx: Any, gradient: torch.Tensor) -> tuple[Any, Any, Any]:
    """Return the gradients of a convolution as functions that torch can differentiate again."""
    by_input, by_weight, by_bias = ctx.needs_input_grad[:3]
    input, weight, gradient = _restored(ctx, gradient)
    matrices = weight if ctx.groups is None else _offsets_first(weight, ctx.groups)
    of_weight = _Products.apply(input, gradient, ctx.rulebook, matrices.detach()) if by_weight else None
    if of_weight is not None and ctx.groups is not None:
        of_weight = of_weight.permute(1, 3, 0, 2).reshape(weight.shape)
    return (
        _transposed(gradient, matrices, ctx.rulebook, input.shape[0]) if by_input else None,
        of_weight,
        gradient.sum(0) if by_bias else None,
    )


def _transposed(output: torch.Tensor, weight: torch.Tensor, rulebook: RulebookHandle, rows: int) -> torch.Tensor:
    """Return the convolution from output rows back to the input's."""
    return convolution(output, weight.transpose(2, 3).contiguous(), None, reversed_rulebook(rulebook), rows)


def _layout(weight: torch.Tensor, groups: Optional[int]) -> tuple[int, int]:
    """Return the library's name for the layout of a weight, and its groups."""
    return (SCN_WEIGHT_OFFSETS_FIRST, weight.shape[1]) if groups is None else (SCN_WEIGHT_OUTPUTS_FIRST, groups)


def _gradient_of_input(
    gradient: torch.Tensor, weight: torch.Tensor, rulebook: RulebookHandle, shape: torch.Size, groups: Optional[int]
) -> torch.Tensor:
    """shape: of the input. groups: as of `_Convolution`."""
    if not is_computed_by_library(weight):
        return _gathered(gradient, weight.transpose(2, 3), None, reversed_rulebook(rulebook), shape[0])
    layout, parts = _layout(weight, groups)
    result = new(*shape, dtype=gradient.dtype)
    library.scn_convolution_backward_input_in_layout(
        rulebook, matrix(gradient), weight.data_ptr(), layout, parts, matrix(result)
    )
    return result


def _gradients_of_parameters(
    input: torch.Tensor,
    gradient: torch.Tensor,
    weight: torch.Tensor,
    rulebook: RulebookHandle,
    by_weight: bool,
    by_bias: bool,
    groups: Optional[int] = None,
) -> tuple[Optional[torch.Tensor], Optional[torch.Tensor]]:
    layout, parts = _layout(weight, groups)
    if not is_computed_by_library(weight):
        of_weight = torch.zeros_like(weight, memory_format=torch.contiguous_format) if by_weight else None
        if of_weight is not None:
            for k, reads, writes in columns_of(rulebook, gradient.device).parts():
                left, right = (_by_group(rows, parts) for rows in (input[reads], gradient[writes]))
                of_weight[k] = torch.bmm(left.transpose(1, 2), right)
        return of_weight, gradient.sum(0) if by_bias else None
    of_weight = new(*weight.shape) if by_weight else None
    of_bias = new(gradient.shape[1]) if by_bias else None
    library.scn_convolution_backward_weight_in_layout(
        rulebook, matrix(input), matrix(gradient), layout, parts, address(of_weight), address(of_bias)
    )
    return of_weight, of_bias


def _gathered(
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: Optional[torch.Tensor],
    rulebook: RulebookHandle,
    rows: int,
) -> torch.Tensor:
    """Return a convolution that torch computes, on the device of the input."""
    groups, planes = weight.shape[1], weight.shape[1] * weight.shape[3]
    result = input.new_zeros(rows, planes) if bias is None else bias.to(input.dtype).repeat(rows, 1)
    for k, reads, writes in columns_of(rulebook, input.device).parts():
        products = torch.bmm(_by_group(input[reads], groups), weight[k])
        result.index_add_(0, writes, products.transpose(0, 1).reshape(-1, planes).to(result.dtype))
    return result


def _by_group(rows: torch.Tensor, groups: int) -> torch.Tensor:
    """Return rows [n, planes] as [groups, n, planes / groups]."""
    return rows.unflatten(1, (groups, -1)).transpose(0, 1) if rows.shape[1] else rows.new_zeros(groups, len(rows), 0)
