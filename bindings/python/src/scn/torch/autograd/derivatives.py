"""Derivatives of derivatives: passed on, or refused."""

from __future__ import annotations

import functools
from typing import Any, Callable

import torch
from torch.autograd import Function

from ...errors import UnsupportedError

_Backward = Callable[..., Any]


class _Final(Function):
    """Returns tensors as they are; whoever asks for a gradient through them gets an error."""

    @staticmethod
    def forward(ctx: Any, anchor: torch.Tensor, values: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        # In a list autograd does not see them, and gives their history to the tensors themselves, not to views.
        return tuple(values)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        raise UnsupportedError(
            "scn.torch has first derivatives only: a backward pass went through gradients made with create_graph=True"
        )


def _once(is_linear: bool, backward: _Backward) -> _Backward:
    @functools.wraps(backward)
    def once(ctx: Any, *gradients: torch.Tensor) -> Any:
        if not torch.is_grad_enabled():
            return backward(ctx, *gradients)
        with torch.no_grad():
            results = backward(ctx, *gradients)
        parts = results if isinstance(results, tuple) else (results,)
        given = [part for part in parts if part is not None]
        if not given or (is_linear and not any(gradient.requires_grad for gradient in gradients)):
            return results
        final = iter(_Final.apply(torch.empty(0, requires_grad=True, device="cpu"), given))
        return tuple(None if part is None else next(final) for part in parts)

    return once


def first_derivative(backward: _Backward) -> _Backward:
    """Decorate a `backward` that computes outside of autograd, so that a derivative of its results is an error.

    torch's own once_differentiable treats results as constants if the incoming gradients are: a penalty on a gradient
    that depends on the inputs would then be silently ignored.
    """
    return _once(False, backward)


def linear_derivative(backward: _Backward) -> _Backward:
    """Do the same for a function whose derivative does not depend on its inputs, or only by steps."""
    return _once(True, backward)
