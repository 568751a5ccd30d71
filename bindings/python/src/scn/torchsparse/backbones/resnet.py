"""A residual network that returns its tensors of all strides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import nn

from .modules import blocks as block_classes

__all__ = ["SparseResNet21D"]


class SparseResNet(nn.ModuleList):
    """Stages of blocks: in each, a convolution with a stride, then residual blocks.

    blocks: for each stage the number of blocks, the planes, the size of the filter and the stride. in_channels: the
    planes of the input. width_multiplier: what the planes are multiplied by. The result is the list of what the stages
    return.
    """

    _block_classes: ClassVar[Any] = block_classes

    def __init__(
        self, blocks: Sequence[tuple[int, int, Any, Any]], *, in_channels: int = 4, width_multiplier: float = 1.0
    ) -> None:
        super().__init__()
        self.blocks, self.in_channels, self.width_multiplier = blocks, in_channels, width_multiplier
        for number, planes, size, stride in blocks:
            out_channels = int(planes * width_multiplier)
            stage: list[nn.Module] = [
                self._block_classes.SparseConvBlock(in_channels, out_channels, size, stride=stride)
            ]
            stage += [self._block_classes.SparseResBlock(out_channels, out_channels, size) for _ in range(number - 1)]
            self.append(nn.Sequential(*stage))
            in_channels = out_channels

    def forward(self, x: Any) -> list[Any]:
        outputs = []
        for stage in self:
            x = stage(x)
            outputs.append(x)
        return outputs


class SparseResNet21D(SparseResNet):
    """Five stages of strides 1, 2, 4, 8, and 16 on the second axis. Arguments: in_channels, width_multiplier."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            blocks=[
                (3, 16, 3, 1),
                (3, 32, 3, 2),
                (3, 64, 3, 2),
                (3, 128, 3, 2),
                (1, 128, (1, 3, 1), (1, 2, 1)),
            ],
            **kwargs,
        )
