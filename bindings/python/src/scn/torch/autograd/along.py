"""Sums along rulebooks in which each rule has a weight, and the weights of interpolations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch.autograd import Function

from ..._native.generated import SCN_FLOAT32, SCN_FLOAT64
from ..._native.handles import RulebookHandle
from ..._native.library import library
from . import reference
from .buffers import computable, matrix, new, restored
from .derivatives import recorded

__all__ = ["interpolation_weights", "weighted_sum"]


class _WeightedSum(Function):
    @staticmethod
    def forward(
        ctx: Any, input: torch.Tensor, weights: torch.Tensor, rulebook: RulebookHandle, rows: int
    ) -> torch.Tensor:
        ctx.save_for_backward(input, weights)
        ctx.rulebook = rulebook
        ctx.reference = (partial(reference.weighted_sum, rulebook=rulebook, rows=rows), (0, 1))
        result = new(rows, input.shape[1])
        library.scn_weighted_sum_forward(rulebook, matrix(weights[None]), matrix(input), matrix(result))
        return result

    @staticmethod
    @recorded
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        input, weights = restored(ctx)
        gradient = computable(gradient, "gradient")
        of_input = of_weights = None
        if ctx.needs_input_grad[0]:
            of_input = new(*input.shape)
            library.scn_weighted_sum_backward_input(
                ctx.rulebook, matrix(weights[None]), matrix(gradient), matrix(of_input)
            )
        if ctx.needs_input_grad[1]:
            of_weights = new(*weights.shape)
            library.scn_weighted_sum_backward_weights(
                ctx.rulebook, matrix(input), matrix(gradient), matrix(of_weights[None])
            )
        return of_input, of_weights, None, None


def weighted_sum(input: torch.Tensor, weights: torch.Tensor, rulebook: RulebookHandle, rows: int) -> torch.Tensor:
    """Add up along a rulebook, each input row times its rule's weight: [input rows, planes], [rules] -> [rows,
    planes]."""
    return _WeightedSum.apply(input, weights, rulebook, rows)  # type: ignore[no-any-return]


class _InterpolationWeights(Function):
    @staticmethod
    def forward(ctx: Any, points: torch.Tensor, rulebook: RulebookHandle, rules: int, is_rescaled: int) -> torch.Tensor:
        ctx.save_for_backward(points)
        ctx.rulebook, ctx.is_rescaled, ctx.kind = rulebook, is_rescaled, points.dtype
        again = partial(reference.interpolation_weights, rulebook=rulebook, is_rescaled=bool(is_rescaled))
        ctx.reference = (again, (0,))
        result = new(rules)
        library.scn_interpolation_weights(*_InterpolationWeights._arguments(ctx, points), matrix(result[None]))
        return result

    @staticmethod
    @recorded
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        (points,) = ctx.saved_tensors
        # Hooks of saved tensors may bring back other memory.
        points = points.to(ctx.kind).contiguous()
        gradient, result = computable(gradient, "gradient"), new(*points.shape)
        library.scn_interpolation_backward(
            *_InterpolationWeights._arguments(ctx, points), matrix(gradient[None]), matrix(result)
        )
        return result.to(ctx.kind), None, None, None

    @staticmethod
    def _arguments(ctx: Any, points: torch.Tensor) -> Sequence[Any]:
        kind = SCN_FLOAT64 if points.dtype is torch.float64 else SCN_FLOAT32
        return ctx.rulebook, points.data_ptr(), kind, points.shape[0], points.shape[1], ctx.is_rescaled


def interpolation_weights(
    points: torch.Tensor, rulebook: RulebookHandle, rules: int, is_rescaled: bool
) -> torch.Tensor:
    """Return what each rule of an interpolation's rulebook weighs: contiguous points [n, dimension], float32 or
    float64 -> [rules]."""
    return _InterpolationWeights.apply(points, rulebook, rules, int(is_rescaled))  # type: ignore[no-any-return]
