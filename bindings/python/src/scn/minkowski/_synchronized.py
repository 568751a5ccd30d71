"""Batch normalization over the rows of all processes, on any device."""

from __future__ import annotations

from typing import Any

import torch
from torch import distributed, nn
from torch.nn import functional as F

__all__ = ["SynchronizedBatchNorm", "synchronized"]


class SynchronizedBatchNorm(nn.BatchNorm1d):
    """What `torch.nn.SyncBatchNorm` is, of rows on any device; `DistributedDataParallel` refuses torch's own on a CPU.

    Arguments: as there.
    """

    def __init__(self, *args: Any, process_group: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.process_group = process_group

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return synchronized(self, input)


def synchronized(module: Any, rows: torch.Tensor) -> torch.Tensor:
    """Return what a `torch.nn.SyncBatchNorm` makes of rows [n, planes]; torch's own computes on GPUs alone.

    In training, statistics are those of the rows of all processes of its group, each of which may have any number.
    """
    if not module.training and module.running_mean is not None:
        return F.batch_norm(
            rows, module.running_mean, module.running_var, module.weight, module.bias, False, 0.0, module.eps
        )
    group = module.process_group
    wide = rows.double()
    count, total = _together(torch.full((), len(rows), dtype=torch.float64, device=rows.device), wide.sum(0), group)
    mean = total / count.clamp(min=1)
    _, squares = _together(count, (wide - mean).square().sum(0), group)
    variance = squares / count.clamp(min=1)
    if module.training and module.track_running_stats and module.running_mean is not None:
        _follow(module, mean.detach(), squares.detach() / (count.detach() - 1).clamp(min=1))
    result = ((wide - mean) * torch.rsqrt(variance + module.eps)).to(rows.dtype)
    return result if module.weight is None else result * module.weight + module.bias


def _together(count: torch.Tensor, values: torch.Tensor, group: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return sums over all processes, through which gradients flow between them."""
    if not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size(group) == 1:
        return count, values
    from torch.distributed.nn import functional

    all_reduce: Any = functional.all_reduce
    joined = torch.cat([count.reshape(1), values])
    where = distributed.group.WORLD if group is None else group
    summed: torch.Tensor = all_reduce(joined, group=where)
    return summed[0], summed[1:]


def _follow(module: Any, mean: torch.Tensor, variance: torch.Tensor) -> None:
    """Move the running statistics as torch does."""
    assert module.num_batches_tracked is not None, "it comes with the running statistics"
    module.num_batches_tracked.add_(1)
    share = 1 / float(module.num_batches_tracked) if module.momentum is None else module.momentum
    for running, batch in ((module.running_mean, mean), (module.running_var, variance)):
        assert running is not None, "both are there"
        running.lerp_(batch.to(running.dtype), share)
