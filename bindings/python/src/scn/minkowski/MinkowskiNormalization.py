"""Normalization of planes, over all rows or over those of a sample."""

from __future__ import annotations

from typing import Any, Optional, TypeVar

import torch
from torch import nn

from .._messages import wrong_shape, wrong_type
from ..dialects.batch_norm import Norm, is_by_library
from ..dialects.watching import is_watched
from ._enums import PoolingMode
from ._errors import asserted
from ._features import Features
from ._keys import CoordinateMapKey, known_key
from ._synchronized import SynchronizedBatchNorm, synchronized
from .MinkowskiCommon import MinkowskiModuleBase
from .MinkowskiCoordinateManager import CoordinateManager
from .MinkowskiSparseTensor import SparseTensor
from .MinkowskiTensor import Tensor

__all__ = [
    "MinkowskiBatchNorm",
    "MinkowskiInstanceNorm",
    "MinkowskiInstanceNormFunction",
    "MinkowskiStableInstanceNorm",
    "MinkowskiSyncBatchNorm",
]

DIFFERS = {"MinkowskiStableInstanceNorm": "computes; MinkowskiEngine 0.5.4 raises an error"}

Input = TypeVar("Input", bound=Tensor)


class MinkowskiBatchNorm(nn.Module):
    """`torch.nn.BatchNorm1d` on the features of a sparse tensor or a tensor field; the layer itself is `bn`."""

    bn: Any

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        super().__init__()
        self.bn = nn.BatchNorm1d(
            num_features, eps=eps, momentum=momentum, affine=affine, track_running_stats=track_running_stats
        )

    def forward(self, input: Input) -> Input:
        """Return the tensor or the field with normalized features."""
        is_plain = type(self.bn) is nn.BatchNorm1d and not is_watched(self.bn)
        if isinstance(input, SparseTensor) and is_plain and is_by_library(Norm.of(self.bn), input._held.unseen):
            return input._with_held(input._held.normalized(self.bn))
        return input._mapped(self._normalized)

    def _normalized(self, features: torch.Tensor) -> torch.Tensor:
        if isinstance(self.bn, nn.SyncBatchNorm) and features.device.type == "cpu":
            return synchronized(self.bn, features)
        # Processes wait for one another, also for those without rows.
        if not len(features) and self.bn.training and not isinstance(self.bn, SynchronizedBatchNorm):
            # torch refuses to normalize no rows; gradients, of which there are none, still flow.
            return features if self.bn.weight is None else features * self.bn.weight + self.bn.bias
        result: torch.Tensor = self.bn(features)
        return result

    def __repr__(self) -> str:
        bn = self.bn
        return (
            f"{type(self).__name__}({bn.num_features}, eps={bn.eps}, momentum={bn.momentum}, affine={bn.affine}, "
            f"track_running_stats={bn.track_running_stats})"
        )


class MinkowskiSyncBatchNorm(MinkowskiBatchNorm):
    """`MinkowskiBatchNorm` over the rows of all processes of a group, in training.

    process_group: None for all processes. Without torch.distributed it normalizes as `MinkowskiBatchNorm` does.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Optional[Any] = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats)
        self.bn = SynchronizedBatchNorm(
            num_features,
            eps=eps,
            momentum=momentum,
            affine=affine,
            track_running_stats=track_running_stats,
            process_group=process_group,
        )

    @classmethod
    def convert_sync_batchnorm(cls, module: nn.Module, process_group: Optional[Any] = None) -> nn.Module:
        """Replace every `MinkowskiBatchNorm` in a module by a `MinkowskiSyncBatchNorm` with the same parameters and
        statistics; return the module, or what replaces it."""
        if isinstance(module, MinkowskiBatchNorm) and not isinstance(module, MinkowskiSyncBatchNorm):
            bn = module.bn
            result = MinkowskiSyncBatchNorm(
                bn.num_features, bn.eps, bn.momentum, bn.affine, bn.track_running_stats, process_group
            )
            # The same parameters: optimizers may hold them.
            result.bn._parameters.update(bn._parameters)
            result.bn._buffers.update(bn._buffers)
            return result.train(module.training)
        for name, child in module.named_children():
            setattr(module, name, cls.convert_sync_batchnorm(child, process_group))
        return module


class MinkowskiInstanceNormFunction:
    """Normalization of samples, as a function; `apply` is called on the class or on an instance."""

    @staticmethod
    def apply(
        in_feat: torch.Tensor,
        in_coords_key: CoordinateMapKey,
        glob_coords_key: Optional[CoordinateMapKey] = None,
        coords_manager: Optional[CoordinateManager] = None,
        gpooling_mode: PoolingMode = PoolingMode.GLOBAL_AVG_POOLING_KERNEL,
    ) -> torch.Tensor:
        """Return normalized features [rows, planes] of a coordinate map, without weight and bias."""
        if not isinstance(coords_manager, CoordinateManager):
            raise wrong_type("coords_manager", coords_manager, "a CoordinateManager")
        known = coords_manager._of(known_key(in_coords_key, "in_coords_key"))
        counts = known.samples[1].tolist()
        return known.rows.shown(_by_sample(known.rows.sorted(in_feat), counts, None, None, 1e-8))


def _by_sample(
    features: torch.Tensor, counts: list[int], weight: Optional[torch.Tensor], bias: Optional[torch.Tensor], eps: float
) -> torch.Tensor:
    """Normalize the rows of each sample, which lie one behind the other, by their mean and biased variance."""
    if not counts:
        return features if weight is None or bias is None else features * weight + bias
    parts = [
        torch.batch_norm(part, weight, bias, None, None, True, 0.0, eps, False)
        for part in torch.split(features, counts)
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


class MinkowskiInstanceNorm(MinkowskiModuleBase):
    """Normalizes each plane over the rows of a sample, then multiplies by weight and adds bias.

    [sites, num_features] -> [sites, num_features]. weight (ones), bias (zeros): [1, num_features]. 1e-8 is added to the
    biased variance.
    """

    _eps = 1e-8

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = self._eps
        self.weight = nn.Parameter(torch.ones(1, num_features))
        self.bias = nn.Parameter(torch.zeros(1, num_features))

    def reset_parameters(self) -> None:
        """Set weight to ones and bias to zeros."""
        with torch.no_grad():
            self.weight.fill_(1)
            self.bias.zero_()

    def forward(self, input: SparseTensor) -> SparseTensor:
        """Return the normalized sparse tensor."""
        if not isinstance(input, SparseTensor):
            raise asserted(wrong_type("input", input, "a SparseTensor"))
        if input.shape[1] != self.num_features:
            raise asserted(wrong_shape("input", input.shape, f"[sites, {self.num_features}]"))
        counts = input._manager._map(input.coordinate_map_key).samples[1].tolist()
        weight, bias = self.weight.reshape(-1), self.bias.reshape(-1)
        features = _by_sample(input._held.sorted, counts, weight, bias, self.eps)
        held = Features(input._rows, sorted=features)
        return SparseTensor._made(input._manager, input.coordinate_map_key, held)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(nchannels={self.num_features})"


class MinkowskiStableInstanceNorm(MinkowskiInstanceNorm):
    """`MinkowskiInstanceNorm` with 1e-6 added to the variance."""

    _eps = 1e-6
