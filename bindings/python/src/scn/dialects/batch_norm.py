"""Batch normalization by the library, and the ReLU behind it.

Parameters and statistics are torch's, as the other libraries have it; the library computes what torch would. A ReLU
that follows shares the backward pass, as in `scn.torch.BatchNormReLU`.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple, Optional

import torch
from torch import nn
from torch.autograd import Function
from torch.autograd.graph import increment_version

from .._native.generated import BatchNormOptions
from .._native.library import library
from ..torch.autograd.autocast import is_autocasting
from ..torch.autograd.buffers import (
    address,
    computable,
    is_computable,
    is_computed_by_library,
    is_tracing,
    matrix,
    new,
    two_addresses,
)
from ..torch.autograd.derivatives import Unrecorded, applied, recorded
from ..torch.layers.normalization import normalized_by_torch
from .elementwise import relu, relu_in_place

__all__ = ["Evaluated", "Norm", "Normalized", "count_batch", "evaluated", "is_by_library", "normalized", "rectified"]


class Norm(NamedTuple):
    """A batch normalization with the arguments of `torch.nn.functional.batch_norm`."""

    running_mean: Optional[torch.Tensor]
    running_var: Optional[torch.Tensor]
    weight: Optional[torch.Tensor] = None
    bias: Optional[torch.Tensor] = None
    training: bool = False
    """Whether rows are normalized by their own statistics, which the running ones, if there are any, follow."""
    momentum: Optional[float] = 0.1
    """The fraction by which the running statistics change; None for the mean of all batches."""
    eps: float = 1e-5

    @classmethod
    def of(cls, module: nn.BatchNorm1d) -> Norm:
        """Return what a module does in its mode."""
        mean, variance = module.running_mean, module.running_var
        if module.training and not module.track_running_stats:
            mean = variance = None
        is_by_batch = module.training or (mean is None and variance is None)
        return cls(mean, variance, module.weight, module.bias, is_by_batch, module.momentum, module.eps)


def count_batch(module: nn.BatchNorm1d) -> None:
    """Let a module know that it is about to normalize one more batch."""
    if module.training and module.track_running_stats and module.num_batches_tracked is not None:
        module.num_batches_tracked.add_(1)


class Normalized(NamedTuple):
    """What is known of the result of a batch norm."""

    result: torch.Tensor
    input: torch.Tensor
    weight: Optional[torch.Tensor]
    bias: Optional[torch.Tensor]
    saved: torch.Tensor
    """[2, planes]: in training the batch's means and inverse deviations, otherwise the running means and variances."""
    epsilon: float
    is_training: bool
    versions: tuple[int, int]

    @property
    def is_current(self) -> bool:
        """Whether neither the input nor the result has been changed in place since."""
        return self.versions == (self.input._version, self.result._version)


def is_by_library(norm: Norm, rows: torch.Tensor) -> bool:
    """Return whether the library computes what torch's batch norm makes of rows [n, planes]: not other types and
    devices, statistics without a momentum, a single row in training."""
    if not is_computed_by_library(rows) or rows.ndim != 2 or rows.is_inference():
        return False
    count, planes = rows.shape
    mean, variance, weight, bias, is_training, momentum, epsilon = norm
    if not planes or momentum is None or not epsilon > 0 or is_autocasting(rows.device):
        return False
    if (mean is None) is not (variance is None) or (weight is None) is not (bias is None):
        return False
    if count < 2 if is_training else mean is None:
        return False
    if is_tracing():
        return False
    for part in (mean, variance, weight, bias):
        if part is not None and not (is_computable(part) and part.shape == (planes,) and not part.is_inference()):
            return False
    return True


def normalized(norm: Norm, rows: torch.Tensor) -> Normalized:
    """Return rows normalized; in training, the running statistics follow."""
    rows = computable(rows)
    saved = new(2, rows.shape[1])
    result: torch.Tensor = applied(_Norm, rows, norm.weight, norm.bias, norm, saved)
    versions = (rows._version, result._version)
    return Normalized(result, rows, norm.weight, norm.bias, saved, norm.eps, norm.training, versions)


def rectified(known: Normalized, is_in_place: bool) -> torch.Tensor:
    """Return the ReLU of a result of `normalized`: the same tensor, changed, if it is in place.

    The backward pass goes to the input at once: where it is not in place, the result of the norm itself gets no
    gradient.
    """
    # In a list autograd does not see it.
    values = known.result if is_in_place else [known.result.detach()]
    settings = (known.epsilon, known.is_training)
    result: torch.Tensor = applied(_NormReLU, known.input, known.weight, known.bias, values, known.saved, settings)
    return result


class Evaluated(NamedTuple):
    """What a batch norm in evaluation makes of rows, as it was when it was called; nothing is computed yet."""

    rows: torch.Tensor
    """Not to be changed in place before the result is computed."""
    kept: torch.Tensor
    """[2 or 4, planes]: the running means and variances, then the weights and biases if there are any."""
    epsilon: float

    def result(self, leakiness: float = 1) -> torch.Tensor:
        """Compute the normalized rows, then y > 0 ? y : leakiness * y, without gradients."""
        mean, variance, *affine = (part.data_ptr() for part in self.kept)
        weight, bias = affine or (None, None)
        made = new(*self.rows.shape)
        library.scn_batch_norm_forward_evaluation(
            matrix(self.rows), weight, bias, mean, variance, _options(self.epsilon, 1, leakiness), matrix(made)
        )
        return made


def evaluated(norm: Norm, rows: torch.Tensor) -> Optional[Evaluated]:
    """Return what a batch norm will make of rows that `is_by_library` accepts; None in training, or for gradients."""
    if norm.training or not rows.is_contiguous() or rows.is_neg():
        return None
    parts = [part for part in (norm.running_mean, norm.running_var, norm.weight, norm.bias) if part is not None]
    if torch.is_grad_enabled() and any(part.requires_grad for part in (rows, *parts)):
        return None
    return Evaluated(rows, torch.stack([part.detach() for part in parts]), norm.eps)


class _Norm(Function):
    @staticmethod
    def forward(ctx: Any, input: torch.Tensor, weight: Any, bias: Any, norm: Norm, saved: torch.Tensor) -> torch.Tensor:
        result = new(*input.shape)
        affine = (address(weight), address(bias))
        mean, variance, moments = norm.running_mean, norm.running_var, two_addresses(saved)
        if norm.training:
            assert norm.momentum is not None, "the library follows by a momentum"
            running, options = (address(mean), address(variance)), _options(norm.eps, 1 - norm.momentum, 1)
            library.scn_batch_norm_forward_training(matrix(input), *affine, *running, options, *moments, matrix(result))
            for part in (mean, variance):
                if part is not None:
                    increment_version(part)
        else:
            assert mean is not None and variance is not None, "evaluation has statistics"
            if isinstance(ctx, Unrecorded):
                moments = (mean.data_ptr(), variance.data_ptr())
            else:
                torch.stack([mean, variance], out=saved)
            options = _options(norm.eps, 1, 1)
            library.scn_batch_norm_forward_evaluation(matrix(input), *affine, *moments, options, matrix(result))
        ctx.save_for_backward(input, weight, bias, saved)
        # None comes where a ReLU in place has taken the backward pass over.
        ctx.set_materialize_grads(False)
        _remember(ctx, saved, norm.eps, norm.training, 1)
        return result

    @staticmethod
    @recorded
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        saved = ctx.saved_tensors
        # Without an activation the library does not look at the output.
        return (*_gradients(ctx, gradient, saved, saved[0]), None, None)


class _NormReLU(Function):
    @staticmethod
    def forward(
        ctx: Any,
        input: torch.Tensor,
        weight: Any,
        bias: Any,
        normalized: Any,
        saved: torch.Tensor,
        settings: Any,
    ) -> torch.Tensor:
        if isinstance(normalized, torch.Tensor):
            ctx.mark_dirty(normalized)
            result = relu_in_place(normalized)
        else:
            result = relu(normalized[0], False)
        ctx.save_for_backward(input, weight, bias, saved, result)
        _remember(ctx, saved, settings[0], settings[1], 0)
        return result

    @staticmethod
    @recorded
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        saved = ctx.saved_tensors
        return (*_gradients(ctx, gradient, saved, saved[4]), None, None, None)


def _options(epsilon: float, kept: float, leakiness: float) -> BatchNormOptions:
    return BatchNormOptions(epsilon=epsilon, momentum=kept, leakiness=leakiness)


def _remember(ctx: Any, saved: torch.Tensor, epsilon: float, is_training: bool, leakiness: float) -> None:
    """Keep what the backward pass needs besides the tensors that are saved."""
    ctx.settings = (epsilon, is_training, leakiness)
    named: dict[str, Any] = {"saved": None if is_training else saved, "epsilon": epsilon, "leakiness": leakiness}
    ctx.reference = (partial(normalized_by_torch, **named), (0, 1, 2))


def _gradients(ctx: Any, gradient: torch.Tensor, tensors: Any, output: torch.Tensor) -> tuple[Any, Any, Any]:
    """Return the gradients by the input, the weight and the bias, as the library computes them.

    tensors: what was saved, which checkpoints let a backward pass read once.
    """
    epsilon, is_training, leakiness = ctx.settings
    input, weight, _, saved = tensors[:4]
    input, output, gradient, saved = (computable(part, "saved tensor") for part in (input, output, gradient, saved))
    weight = None if weight is None else computable(weight, "saved tensor")
    by_input, planes = new(*input.shape), input.shape[1]
    by_weight = new(planes) if ctx.needs_input_grad[1] else None
    by_bias = new(planes) if ctx.needs_input_grad[2] else None
    training, evaluation = library.scn_batch_norm_backward_training, library.scn_batch_norm_backward_evaluation
    (training if is_training else evaluation)(
        matrix(input),
        matrix(output),
        matrix(gradient),
        address(weight),
        *two_addresses(saved),
        _options(epsilon, 1, leakiness),
        address(by_weight),
        address(by_bias),
        matrix(by_input),
    )
    return by_input, by_weight, by_bias
