"""Batch norm of torch's own module, computed by the library where it can."""

from __future__ import annotations

from typing import Any, Callable

import torch
from torch import nn
from torch.autograd import Function
from torch.autograd.graph import increment_version

from ..._native.generated import BatchNormOptions
from ..._native.library import library
from ...torch.autograd.buffers import address, computable, matrix, new, restored
from ...torch.autograd.derivatives import first_derivative
from .autocast import is_autocasting

__all__ = ["normalized"]


def normalized(
    norm: nn.BatchNorm1d, forward: Callable[[torch.Tensor], torch.Tensor], features: torch.Tensor
) -> torch.Tensor:
    """Return what a batch norm makes of features [rows, planes], and let its running statistics follow.

    forward: torch's own way, for what the library does not compute: anything but float32 on the CPU, statistics without
    a momentum or none at all, a single row in training. Without rows there is nothing to normalize or to follow.
    """
    if not len(features):
        return features
    mean, variance, momentum = norm.running_mean, norm.running_var, norm.momentum
    parts = [features, *(part for part in (mean, variance, norm.weight, norm.bias) if part is not None)]
    if (
        mean is None
        or variance is None
        or momentum is None
        or features.shape[1:] != (norm.num_features,)
        or (norm.training and (len(features) < 2 or not norm.track_running_stats))
        or not all(part.dtype is torch.float32 and part.device.type == "cpu" for part in parts)
        or not all(part.is_contiguous() and not part.is_neg() for part in parts)
        or is_autocasting(features.device)
        or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    ):
        return forward(features)
    if norm.training and norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    options = BatchNormOptions(epsilon=norm.eps, momentum=1 - momentum, leakiness=1)
    result: torch.Tensor = _apply(features, norm.weight, norm.bias, mean, variance, options, norm.training)
    if norm.training:
        increment_version(mean)
        increment_version(variance)
    return result


class _Normalized(Function):
    """Unlike that of `scn.torch.BatchNormalization` it keeps no result, which a ReLU in place may change."""

    @staticmethod
    def forward(
        ctx: Any, input: torch.Tensor, weight: Any, bias: Any, mean: Any, variance: Any, options: Any, is_training: bool
    ) -> torch.Tensor:
        result, saved = new(*input.shape), new(2, input.shape[1])
        affine, settings = (address(weight), address(bias)), (options, saved[0].data_ptr(), saved[1].data_ptr())
        if is_training:
            running = (address(mean), address(variance))
            library.scn_batch_norm_forward_training(matrix(input), *affine, *running, *settings, matrix(result))
        else:
            torch.stack([mean, variance], out=saved)
            used = (saved[0].data_ptr(), saved[1].data_ptr(), options)
            library.scn_batch_norm_forward_evaluation(matrix(input), *affine, *used, matrix(result))
        ctx.save_for_backward(input, weight, saved)
        ctx.options, ctx.is_training = options, is_training
        return result

    @staticmethod
    @first_derivative
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        input, weight, saved = restored(ctx)
        gradient, by_input, planes = computable(gradient, "gradient"), new(*input.shape), input.shape[1]
        by_weight, by_bias = (new(planes) if needed else None for needed in ctx.needs_input_grad[1:3])
        training, evaluation = library.scn_batch_norm_backward_training, library.scn_batch_norm_backward_evaluation
        (training if ctx.is_training else evaluation)(
            matrix(input),
            # Only the signs of results matter, and those only where there is a ReLU.
            matrix(input),
            matrix(gradient),
            address(weight),
            saved[0].data_ptr(),
            saved[1].data_ptr(),
            ctx.options,
            address(by_weight),
            address(by_bias),
            matrix(by_input),
        )
        return by_input, by_weight, by_bias, None, None, None, None


_apply: Any = _Normalized.apply
