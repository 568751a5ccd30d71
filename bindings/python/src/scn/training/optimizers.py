"""Optimizers, and the clipping of gradients."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import Any

from .._messages import is_of_torch, wrong_type, wrong_value
from .._native.arrays import at_least_zero, number, pair, positive
from .._native.generated import AdamOptions, SgdOptions
from .._native.handles import OptimizerHandle, TensorHandle, handle_array
from .._native.library import library
from ..errors import InvalidArgumentError
from ..values.tensor import Tensor

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "clip_grad_norm_"]


_ONE_GROUP = "; it has one group: set optimizer.lr, or make an optimizer for each group"
_IN_FILES = "; scn.save(module, path, optimizer) keeps its state, scn.restore(path, module, optimizer) brings it back"
# What PyTorch programs look for in an optimizer, and what to use instead.
_INSTEAD = {
    "param_groups": _ONE_GROUP,
    "add_param_group": _ONE_GROUP,
    "state": _IN_FILES,
    "state_dict": _IN_FILES,
    "load_state_dict": _IN_FILES,
}


class Optimizer:
    """Base of the optimizers, which train a list of parameters; `scn.save(module, path, optimizer)` saves their
    state."""

    # A misspelled `optimizer.learning_rate = ...` must not be accepted silently.
    __slots__ = ("__weakref__", "_handle", "params")

    def __init__(self, params: Iterable[Tensor], create: Any, options: ctypes.Structure) -> None:
        self.params: list[Tensor] = _tensors("params", params, "an optimizer of torch.optim")
        if not self.params:
            raise InvalidArgumentError("params: none given, expected at least one")
        handles = _handles(self.params)
        self._handle = OptimizerHandle.make(create, handle_array(handles), len(handles), options)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{_INSTEAD.get(name, '')}")

    @property
    def lr(self) -> float:
        """The learning rate of the following steps; assign to change it."""
        rate = ctypes.c_double()
        library.scn_optimizer_get_learning_rate(self._handle, ctypes.byref(rate))
        return rate.value

    @lr.setter
    def lr(self, rate: float) -> None:
        library.scn_optimizer_set_learning_rate(self._handle, at_least_zero(rate, "lr"))

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        library.scn_optimizer_step(self._handle)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of the parameters; set_to_none exists for PyTorch programs and has no effect."""
        library.scn_optimizer_zero_gradients(self._handle)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.params)} parameters, lr={self.lr:g})"

    def __reduce__(self) -> Any:
        raise TypeError("an optimizer cannot be pickled; scn.save(module, path, optimizer) keeps its state")


class SGD(Optimizer):
    """Stochastic gradient descent.

    g = gradient + weight_decay * p; v = momentum * v + (1 - dampening) * g, v = g in the first step;
    p -= lr * (g + momentum * v where nesterov, else v). Nesterov needs momentum > 0 and dampening 0.
    """

    __slots__ = ()

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 0.01,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
    ) -> None:
        options = SgdOptions(
            learning_rate=at_least_zero(lr, "lr"),
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=int(bool(nesterov)),
        )
        super().__init__(params, library.scn_sgd_create, options)


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015); weight_decay is added to the gradients."""

    __slots__ = ()

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
    ) -> None:
        super().__init__(params, library.scn_adam_create, _adam_options(lr, betas, eps, weight_decay, 0))


class AdamW(Optimizer):
    """AdamW (Loshchilov and Hutter, 2019): weight_decay acts on the parameters, not on the gradients."""

    __slots__ = ()

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, library.scn_adam_create, _adam_options(lr, betas, eps, weight_decay, 1))


def clip_grad_norm_(parameters: Tensor | Iterable[Tensor], max_norm: float) -> float:
    """Scale the gradients of all parameters together so that their Euclidean norm is at most max_norm.

    Returns the norm before scaling. Raises `StateError`, and changes nothing, if it is not finite.
    """
    given = [parameters] if isinstance(parameters, Tensor) else parameters
    handles = _handles(_tensors("parameters", given, "torch.nn.utils.clip_grad_norm_"))
    norm = ctypes.c_double()
    library.scn_clip_gradient_norm(handle_array(handles), len(handles), float(max_norm), ctypes.byref(norm))
    return norm.value


def _adam_options(
    lr: float, betas: tuple[float, float], eps: float, weight_decay: float, decoupled: int
) -> AdamOptions:
    beta1, beta2 = (
        _below_one(beta, f"betas[{index}]") for index, beta in enumerate(pair(betas, "betas", "(beta1, beta2)"))
    )
    return AdamOptions(
        learning_rate=at_least_zero(lr, "lr"),
        beta1=beta1,
        beta2=beta2,
        epsilon=positive(eps, "eps") if eps else 0.0,
        weight_decay=weight_decay,
        decoupled=decoupled,
    )


def _below_one(value: Any, name: str) -> float:
    """Return a number in 0 ... 1, below 1."""
    if not 0 <= (result := number(value, name)) < 1:
        raise wrong_value(name, result, "0 ... 1, below 1")
    return result


def _tensors(name: str, params: Iterable[Tensor], of_torch: str) -> list[Tensor]:
    """Return parameters as a list. name: what messages call them; of_torch: what takes those of PyTorch."""
    try:
        result = list(params)
    except TypeError:
        raise wrong_type(name, params, "tensors, such as module.parameters()") from None
    for index, entry in enumerate(result):
        if not isinstance(entry, Tensor):
            remedy = f"; {of_torch} takes PyTorch's" if is_of_torch(entry, "Tensor") else ""
            raise wrong_type(f"{name}[{index}]", entry, f"a Tensor of package scn (scn.Tensor){remedy}")
    return result


def _handles(tensors: list[Tensor]) -> list[TensorHandle]:
    return [entry._handle for entry in tensors]
