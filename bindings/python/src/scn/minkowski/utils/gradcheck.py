"""torch's check of gradients for functions that are called by `apply`."""

from __future__ import annotations

from typing import Any

from torch.autograd.gradcheck import gradcheck as _gradcheck

__all__ = ["gradcheck"]


def gradcheck(
    func: Any, inputs: Any, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3, **settings: Any
) -> bool:
    """Return whether the gradients of `func.apply` are right at some inputs, in float64; arguments as those of
    `torch.autograd.gradcheck`."""
    return bool(_gradcheck(lambda *values: func.apply(*values), inputs, eps=eps, atol=atol, rtol=rtol, **settings))
