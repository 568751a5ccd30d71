"""Derivatives of what the library computes outside of autograd."""

from __future__ import annotations

import functools
from typing import Any, Callable, Optional

import torch
from torch.autograd import Function, forward_ad

from ...errors import UnsupportedError
from .buffers import is_recording, not_traced

__all__ = ["Unrecorded", "applied", "are_transformed", "first_derivative", "recorded"]

_Backward = Callable[..., Any]


def _never(*given: Any) -> bool:
    return False


are_transformed: Callable[[], bool] = getattr(torch._C, "_are_functorch_transforms_active", _never)
"""Return whether tensors may stand for many, or for functions, as in `torch.vmap`; they then have no memory."""

_is_batch: Callable[[Any], bool] = getattr(getattr(torch._C, "_functorch", None), "is_legacy_batchedtensor", _never)


class Unrecorded:
    """Stands in for the context of an autograd function where no gradient will come."""

    def save_for_backward(self, *tensors: Any) -> None:
        """Save nothing."""

    def mark_dirty(self, *tensors: Any) -> None:
        """Mark nothing."""

    def set_materialize_grads(self, value: bool) -> None:
        """Set nothing."""


def applied(function: Any, *arguments: Any) -> Any:
    """Return what an autograd function makes of arguments.

    Where no gradients are recorded, this goes past autograd, which takes as long as the work on a small matrix.
    """
    if is_recording():
        raise not_traced()
    is_followed = torch.is_grad_enabled() or getattr(forward_ad, "_current_level", 0) >= 0
    # What records operations would see none.
    if is_followed or torch.jit.is_tracing():  # type: ignore[attr-defined]
        return function.apply(*arguments)
    return function.forward(Unrecorded(), *arguments)


def recorded(backward: _Backward) -> _Backward:
    """Decorate a `backward` that the library computes, so that its results can be differentiated again.

    `forward` leaves `ctx.reference`: a function of torch's own operations that computes the same, and the numbers of
    those of its arguments that are this function's, in their order; it saves these tensors first. Where gradients are
    recorded, they are then those of that function. Where no gradient comes, as functions may ask to be told, none goes.
    """

    @functools.wraps(backward)
    def once(ctx: Any, *gradients: Optional[torch.Tensor]) -> Any:
        if all(gradient is None for gradient in gradients):
            return (None,) * len(ctx.needs_input_grad)
        is_recorded = torch.is_grad_enabled()
        # Several gradients may come as one, which has no memory either.
        is_batch = any(gradient is not None and _is_batch(gradient) for gradient in gradients)
        if not is_recorded and not are_transformed() and not is_batch:
            return backward(ctx, *gradients)
        function, places = ctx.reference
        tensors = ctx.saved_tensors[: len(places)]
        wanted = [tensor for tensor, place in zip(tensors, places) if ctx.needs_input_grad[place]]
        with torch.enable_grad():
            result = function(*tensors)
        found = torch.autograd.grad(result, wanted, gradients, create_graph=is_recorded, allow_unused=True)
        results: list[Any] = [None] * len(ctx.needs_input_grad)
        for place, gradient in zip((place for place in places if ctx.needs_input_grad[place]), found):
            results[place] = gradient
        return tuple(results)

    return once


class _Final(Function):
    """Returns tensors as they are; whoever asks for a gradient through them gets an error."""

    @staticmethod
    def forward(ctx: Any, anchor: torch.Tensor, values: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        # In a list autograd does not see them, and gives their history to the tensors themselves, not to views.
        return tuple(values)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        raise UnsupportedError(
            "a normalization over several processes has first derivatives only: a backward pass went through gradients "
            "made with create_graph=True"
        )


def first_derivative(backward: _Backward) -> _Backward:
    """Decorate a `backward` whose results cannot be differentiated again, so that a derivative of them is an error.

    torch's own once_differentiable treats results as constants if the incoming gradients are: a penalty on a gradient
    that depends on the inputs would then be silently ignored.
    """

    @functools.wraps(backward)
    def once(ctx: Any, *gradients: torch.Tensor) -> Any:
        if not torch.is_grad_enabled():
            return backward(ctx, *gradients)
        with torch.no_grad():
            results = backward(ctx, *gradients)
        given = [part for part in results if part is not None]
        final = iter(_Final.apply(torch.empty(0, requires_grad=True, device="cpu"), given))
        return tuple(None if part is None else next(final) for part in results)

    return once
