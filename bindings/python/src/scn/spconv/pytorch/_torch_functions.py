"""What sparse modules of a program ask torch to do with features, done by the engine.

A residual block of a program calls its batch norms, ReLUs and sums on plain tensors. While such a module runs, a mode
of torch's gives these to the engine: torch's own threads then do not wait for more work while the engine's need the
cores, a batch norm and a ReLU in place behind it share a backward pass, and large results are in memory that is at
hand. Everything else goes to torch, as does what the engine does not compute, and what small matrices are asked for but
for norms. Tensors stay plain ones.
"""

from __future__ import annotations

import threading
from typing import Any, Callable, Optional

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode, handle_torch_function

from ...dialects.batch_norm import Norm, Normalized, is_by_library, normalized, rectified
from ...dialects.elementwise import add_in_place, added, is_small, joined, relu
from ...torch.autograd.derivatives import are_transformed

__all__ = ["called_for_layer", "called_for_program"]


def _reader_of_hooks() -> Optional[Callable[[], Any]]:
    """Return a function that returns the hooks by which something keeps what autograd saves in its own way; None where
    torch, as its older versions, does not tell."""
    top: Any = getattr(torch._C._autograd, "_top_saved_tensors_default_hooks", None)
    try:
        top(True)
    except TypeError:
        return None
    return lambda: top(True)


_hooks = _reader_of_hooks()


class _Running(threading.local):
    """The mode of the sparse module that a thread is in, None in a layer and outside."""

    mode: Optional[_Engine] = None


_running = _Running()


class _Engine(TorchFunctionMode):
    """Gives the engine what it computes.

    norm: what the last batch norm made, if gradients go through it.
    """

    norm: Optional[Normalized] = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        taken = _TAKEN.get(func)
        # A checkpoint, which has such hooks, must find the same tensors once more where no mode is on.
        if taken is None or any(kind is not torch.Tensor for kind in types) or _hooks is None or _hooks() is not None:
            return func(*args, **(kwargs or {}))
        if are_transformed():
            return func(*args, **(kwargs or {}))
        return taken(self, func, *args, **(kwargs or {}))


def called_for_program(call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Return what a program's module returns, with the engine at work within."""
    is_recorded = torch.jit.is_tracing() or torch.compiler.is_compiling()  # type: ignore[attr-defined, no-untyped-call]
    if _running.mode is not None or _hooks is None or is_recorded:
        return call(*args, **kwargs)
    mode = _running.mode = _Engine()
    try:
        with mode:
            return call(*args, **kwargs)
    finally:
        _running.mode = None


def called_for_layer(call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Return what a layer of the engine returns, which needs no mode, only time for it."""
    mode = _running.mode
    if mode is None:
        return call(*args, **kwargs)
    _running.mode = None
    try:
        return handle_torch_function(_plainly, (), call, args, kwargs)
    finally:
        _running.mode = mode


def _plainly(call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    return call(*args, **kwargs)


def _are_plain(*values: Any) -> bool:
    return all(type(value) is torch.Tensor for value in values)


def _batch_norm(mode: _Engine, func: Any, input: Any, *args: Any, **kwargs: Any) -> Any:
    norm = Norm(*args, **kwargs)
    if not _are_plain(input) or not is_by_library(norm, input):
        return func(input, *args, **kwargs)
    known = normalized(norm, input)
    mode.norm = known if known.result.requires_grad else None
    return known.result


def _relu(mode: _Engine, func: Any, input: Any, inplace: bool = False) -> Any:
    return _rectified(mode, input, inplace) if _are_plain(input) else func(input, inplace)


def _relu_once(mode: _Engine, func: Any, input: Any) -> Any:
    return _rectified(mode, input, False) if _are_plain(input) else func(input)


def _relu_in_place(mode: _Engine, func: Any, input: Any) -> Any:
    return _rectified(mode, input, True) if _are_plain(input) else func(input)


def _rectified(mode: _Engine, values: torch.Tensor, is_in_place: bool) -> torch.Tensor:
    known, mode.norm = mode.norm, None
    # In place, what the norm made is gone with its gradient; otherwise a program may have kept it, and ask for that.
    is_shared = known is not None and known.result is values and is_in_place and not is_small(values)
    if known is None or not is_shared or not torch.is_grad_enabled():
        return relu(values, is_in_place)
    is_seen = not known.is_current or values._backward_hooks or values.retains_grad
    return relu(values, True) if is_seen else rectified(known, True)


def _add(mode: _Engine, func: Any, *args: Any, **kwargs: Any) -> Any:
    return added(*args) if _are_two(args, kwargs) else func(*args, **kwargs)


def _add_in_place(mode: _Engine, func: Any, *args: Any, **kwargs: Any) -> Any:
    return add_in_place(*args) if _are_two(args, kwargs) else func(*args, **kwargs)


def _are_two(args: Any, kwargs: Any) -> bool:
    """Return whether two tensors are added, and nothing else is asked for, such as a factor or where the sum goes."""
    return len(args) == 2 and not kwargs and _are_plain(*args)


def _concatenate(mode: _Engine, func: Any, tensors: Any, *args: Any, **kwargs: Any) -> Any:
    given = [*args, *(kwargs[name] for name in ("dim", "axis") if name in kwargs)]
    is_of_planes = given in ([1], [-1]) and "out" not in kwargs
    is_list = isinstance(tensors, (tuple, list)) and bool(tensors)
    if is_of_planes and is_list and _are_plain(*tensors) and all(part.ndim == 2 for part in tensors):
        return joined(tensors)
    return func(tensors, *args, **kwargs)


_TAKEN: dict[Any, Callable[..., Any]] = {
    functional.batch_norm: _batch_norm,
    functional.relu: _relu,
    torch.relu: _relu_once,
    torch.relu_: _relu_in_place,
    torch.Tensor.relu: _relu_once,
    torch.Tensor.relu_: _relu_in_place,
    torch.add: _add,
    torch.Tensor.add: _add,
    torch.Tensor.__add__: _add,
    torch.Tensor.add_: _add_in_place,
    torch.Tensor.__iadd__: _add_in_place,
    torch.cat: _concatenate,
    torch.concat: _concatenate,
    torch.concatenate: _concatenate,
}
