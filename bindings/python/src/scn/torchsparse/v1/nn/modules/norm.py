"""Normalization: torch's own modules, on sparse tensors."""

from ....nn.modules.norm import BatchNorm, GroupNorm, InstanceNorm

__all__ = ["BatchNorm", "GroupNorm", "InstanceNorm"]
