"""Whether a program sees what a module of torch's gets and returns, or has its own way of computing it."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.modules import module as _modules

__all__ = ["is_watched"]

_HOOKS_OF_ALL: list[Any] = [
    getattr(_modules, f"_global_{name}", {})
    for name in ("forward_hooks", "forward_pre_hooks", "backward_hooks", "backward_pre_hooks")
]
# What a program may have put in its place since.
_FORWARD = {kind: kind.forward for kind in vars(nn).values() if isinstance(kind, type) and issubclass(kind, nn.Module)}


def is_watched(module: nn.Module) -> bool:
    """Return whether a module must be called as torch calls it: for hooks of its own or of all modules, or since a
    program replaced its `forward`."""
    if module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks:
        return True
    kind = type(module)
    if "forward" in module.__dict__ or _FORWARD.get(kind, kind.forward) is not kind.forward:
        return True
    return any(_HOOKS_OF_ALL)
