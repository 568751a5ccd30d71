"""Batch normalization whose statistics are those of all processes together."""

from __future__ import annotations

from typing import Any, Optional

import torch
from torch import distributed, nn
from torch.autograd import Function

from ..._native.library import library
from ...errors import UnsupportedError
from ..autograd.buffers import address, computable, is_computed_by_library, matrix, new, prepared, restored
from ..autograd.derivatives import first_derivative
from ..autograd.recomputing import is_recomputing
from .normalization import BatchNormalization, _options, follow

__all__ = ["SyncBatchNormalization", "convert_sync_batchnorm"]


class _Synchronized(Function):
    """Normalizes by given statistics; backward, they are those of the rows of all processes."""

    @staticmethod
    def forward(
        ctx: Any, input: torch.Tensor, weight: Any, bias: Any, moments: torch.Tensor, options: Any, group: Any
    ) -> torch.Tensor:
        # The engine's evaluation pass, with the moments in place of the running statistics.
        count, mean, variance = moments[0, 0], moments[1].float(), moments[2].float()
        result = new(*input.shape)
        library.scn_batch_norm_forward_evaluation(
            matrix(input),
            address(weight),
            address(bias),
            mean.data_ptr(),
            variance.data_ptr(),
            _options(options),
            matrix(result),
        )
        # Far from zero, float32 holds the mean except for a remainder.
        rest = (mean.double() - moments[1]).float()
        ctx.save_for_backward(input, weight, result, mean, rest, variance, count)
        ctx.options, ctx.group = options, group
        return result

    @staticmethod
    @first_derivative
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        input, weight, output, mean, rest, variance, count = restored(ctx)
        gradient, by_input = computable(gradient, "gradient"), new(*input.shape)
        # The sums over the rows of gradient * normalized value, and of the gradient after the activation.
        sums = new(2, input.shape[1]).zero_()
        library.scn_batch_norm_backward_evaluation(
            matrix(input),
            matrix(output),
            matrix(gradient),
            address(weight),
            mean.data_ptr(),
            variance.data_ptr(),
            _options(ctx.options),
            sums[0].data_ptr(),
            sums[1].data_ptr(),
            matrix(by_input),
        )
        ours = sums.clone()
        distributed.all_reduce(sums, group=ctx.group)
        # What flows back through the mean and the variance, in which every row takes part.
        scale = torch.rsqrt(variance.double() + ctx.options[0])
        slope = scale * scale * (sums[0] + rest * scale * sums[1]) / count
        offset = scale * sums[1] / count + slope * rest
        if weight is not None:
            slope, offset = slope * weight, offset * weight
        by_input.addcmul_(input - mean, slope.float(), value=-1).sub_(offset.float())
        by_weight = ours[0] if ctx.needs_input_grad[1] else None
        by_bias = ours[1] if ctx.needs_input_grad[2] else None
        return by_input, by_weight, by_bias, None, None, None


class SyncBatchNormalization(BatchNormalization):
    """`BatchNormalization` over the rows of all processes of a group, in training.

    process_group: None for the default group. If torch.distributed is not initialized, or the group has one process, it
    is a `BatchNormalization`. Each process may have any number of rows, even none. State and the other arguments are
    those of `BatchNormalization`.
    """

    def __init__(
        self,
        nPlanes: int,
        eps: float = 1e-4,
        momentum: float = 0.99,
        affine: bool = True,
        leakiness: float = 1,
        process_group: Optional[Any] = None,
    ) -> None:
        super().__init__(nPlanes, eps, momentum, affine, leakiness)
        self.process_group = process_group

    def _train(
        self, rows: torch.Tensor, weight: Any, bias: Any, mean: Any, variance: Any, options: Any
    ) -> torch.Tensor:
        group = self.process_group
        if not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size(group) == 1:
            return super()._train(rows, weight, bias, mean, variance, options)
        rows = prepared(rows)
        if not is_computed_by_library(rows):
            raise UnsupportedError(
                f"input: has elements of type {rows.dtype} on {rows.device}, expected float32 on the CPU for a "
                "SyncBatchNormalization of several processes"
            )
        moments = _moments(rows.detach(), group)
        if not is_recomputing() and moments[0, 0] > 0:
            with torch.no_grad():
                count = moments[0, 0]
                unbiased = moments[2] * count / (count - 1) if count > 1 else torch.zeros_like(moments[2])
                follow(mean, moments[1].float(), self.momentum)
                follow(variance, unbiased.float(), self.momentum)
                self._note_statistics(mean, variance)
        return _Synchronized.apply(rows, weight, bias, moments, options, group)  # type: ignore[no-any-return]


def _moments(rows: torch.Tensor, group: Any) -> torch.Tensor:
    """Return the number of rows, their mean and their biased variance over all processes, [3, planes] float64."""
    count, planes = rows.shape
    values = rows.double()
    mean = values.mean(0) if count else values.new_zeros(planes)
    own = torch.stack([torch.full_like(mean, count), mean, (values - mean).square().sum(0)])
    parts = [torch.empty_like(own) for _ in range(distributed.get_world_size(group))]
    distributed.all_gather(parts, own, group=group)
    counts, means, squares = torch.stack(parts).unbind(1)
    total = counts.sum(0)
    safe = total.clamp(min=1)
    joined = (counts * means).sum(0) / safe
    # Sums of squares about each process's own mean, moved to the common one: no large numbers cancel.
    spread = (squares + counts * (means - joined).square()).sum(0)
    return torch.stack([total, joined, spread / safe])


def convert_sync_batchnorm(module: nn.Module, process_group: Optional[Any] = None) -> nn.Module:
    """Replace every `BatchNormalization` in a module by a `SyncBatchNormalization` of the same state; return the
    module."""
    if isinstance(module, BatchNormalization) and not isinstance(module, SyncBatchNormalization):
        affine, leakiness = module.affine, module.leakiness
        result = SyncBatchNormalization(module.nPlanes, module.eps, module.momentum, affine, leakiness, process_group)
        # The same parameters: optimizers may hold them.
        result._parameters.update(module._parameters)
        result.running_mean, result.running_var = module.running_mean, module.running_var
        return result.train(module.training)
    for name, child in module.named_children():
        setattr(module, name, convert_sync_batchnorm(child, process_group))
    return module
