"""Functions of features alone, on sparse tensors."""

from __future__ import annotations

from typing import Any, Callable

import torch

__all__ = ["fapply"]


def fapply(input: Any, fn: Callable[..., torch.Tensor], *args: Any, **kwargs: Any) -> Any:
    """Return a tensor on the same sites with fn(features, *args, **kwargs); it shares the caches of the input."""
    return input._like(fn(input.feats, *args, **kwargs))
