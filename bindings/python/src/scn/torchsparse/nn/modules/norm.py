"""Normalization: torch's own modules, on sparse tensors."""

from __future__ import annotations

from typing import Any

from torch import nn

from ..._shared.normalization import normalized
from ..._shared.samples import map_by_sample

__all__ = ["BatchNorm", "GroupNorm", "InstanceNorm"]
DIFFERS = {
    "InstanceNorm": "normalizes each plane over the sites of each sample; the real one takes sites for planes",
}


class BatchNorm(nn.BatchNorm1d):
    """`torch.nn.BatchNorm1d` of the features of a sparse tensor, over the sites of all samples. Arguments: as there."""

    def forward(self, input: Any) -> Any:
        return input._map(lambda features: normalized(self, super(BatchNorm, self).forward, features))


class InstanceNorm(nn.InstanceNorm1d):
    """`torch.nn.InstanceNorm1d` of the features of a sparse tensor: each plane over the sites of each sample.

    Arguments: as there.
    """

    def forward(self, input: Any) -> Any:
        return map_by_sample(input, lambda rows: super(InstanceNorm, self).forward(rows.t().unsqueeze(0))[0].t())


class GroupNorm(nn.GroupNorm):
    """`torch.nn.GroupNorm` of the features of a sparse tensor: each group of planes over the sites of each sample.

    Arguments: as there.
    """

    def forward(self, input: Any) -> Any:
        return map_by_sample(input, lambda rows: super(GroupNorm, self).forward(rows.t().unsqueeze(0))[0].t())
