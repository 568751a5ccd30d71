"""Residual blocks that weigh planes by what a whole sample looks like (Hu et al., 2018)."""

from __future__ import annotations

from typing import Any, Optional

from torch import nn

from ..MinkowskiBroadcast import MinkowskiBroadcastMultiplication
from ..MinkowskiNonlinearity import MinkowskiReLU, MinkowskiSigmoid
from ..MinkowskiOps import MinkowskiLinear
from ..MinkowskiPooling import MinkowskiGlobalPooling
from .resnet_block import BasicBlock, Bottleneck

__all__ = ["SEBasicBlock", "SEBottleneck", "SELayer"]


class SELayer(nn.Module):
    """Multiplies each plane by a number between 0 and 1 that the mean of the sample's rows gives.

    [sites, channel] -> [sites, channel]. reduction: how many times fewer planes the hidden layer has. D: not used.
    """

    def __init__(self, channel: int, reduction: int = 16, D: int = -1) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            MinkowskiLinear(channel, channel // reduction),
            MinkowskiReLU(inplace=True),
            MinkowskiLinear(channel // reduction, channel),
            MinkowskiSigmoid(),
        )
        self.pooling = MinkowskiGlobalPooling()
        self.broadcast_mul = MinkowskiBroadcastMultiplication()

    def forward(self, x: Any) -> Any:
        """Return the weighed tensor."""
        return self.broadcast_mul(x, self.fc(self.pooling(x)))


class SEBasicBlock(BasicBlock):
    """A `BasicBlock` with an `SELayer` before the shortcut is added. D: the dimension."""

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: Any = 1,
        dilation: Any = 1,
        downsample: Optional[nn.Module] = None,
        reduction: int = 16,
        D: int = -1,
    ) -> None:
        super().__init__(inplanes, planes, stride, dilation, downsample, dimension=D)
        self.se = SELayer(planes, reduction=reduction, D=D)

    def _transformed(self, x: Any) -> Any:
        return self.se(super()._transformed(x))


class SEBottleneck(Bottleneck):
    """A `Bottleneck` with an `SELayer` before the shortcut is added. D: the dimension."""

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: Any = 1,
        dilation: Any = 1,
        downsample: Optional[nn.Module] = None,
        D: int = 3,
        reduction: int = 16,
    ) -> None:
        super().__init__(inplanes, planes, stride, dilation, downsample, dimension=D)
        self.se = SELayer(planes * self.expansion, reduction=reduction, D=D)

    def _transformed(self, x: Any) -> Any:
        return self.se(super()._transformed(x))
