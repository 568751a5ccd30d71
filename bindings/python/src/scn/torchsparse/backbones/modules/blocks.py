"""Blocks of networks."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from torch import nn

from ...nn.modules.activation import ReLU
from ...nn.modules.conv import Conv3d
from ...nn.modules.norm import BatchNorm
from ...utils.utils import make_ntuple

__all__ = ["SparseConvBlock", "SparseConvTransposeBlock", "SparseResBlock"]


class SparseConvBlock(nn.Sequential):
    """A convolution, batch norm, ReLU. Arguments: as those of `Conv3d`."""

    _convolution: ClassVar[Any] = Conv3d

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, dilation: int = 1
    ) -> None:
        super().__init__(
            self._convolution(in_channels, out_channels, kernel_size, stride=stride, dilation=dilation),
            BatchNorm(out_channels),
            ReLU(True),
        )


class SparseConvTransposeBlock(nn.Sequential):
    """A transposed convolution, batch norm, ReLU. Arguments: as those of `Conv3d`."""

    _convolution: ClassVar[Any] = Conv3d

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, dilation: int = 1
    ) -> None:
        super().__init__(
            self._convolution(
                in_channels, out_channels, kernel_size, stride=stride, dilation=dilation, transposed=True
            ),
            BatchNorm(out_channels),
            ReLU(True),
        )


class SparseResBlock(nn.Module):
    """Two convolutions around a shortcut, which is a convolution of size 1 where planes or sites change. Arguments: as
    those of `Conv3d`."""

    _convolution: ClassVar[Any] = Conv3d

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, dilation: int = 1
    ) -> None:
        super().__init__()
        self.main = nn.Sequential(
            self._convolution(in_channels, out_channels, kernel_size, dilation=dilation, stride=stride),
            BatchNorm(out_channels),
            ReLU(True),
            self._convolution(out_channels, out_channels, kernel_size, dilation=dilation),
            BatchNorm(out_channels),
        )
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels or math.prod(make_ntuple(stride, 3)) != 1:
            shortcut = self._convolution(in_channels, out_channels, 1, stride=stride)
            self.shortcut = nn.Sequential(shortcut, BatchNorm(out_channels))
        self.relu = ReLU(True)

    def forward(self, x: Any) -> Any:
        return self.relu(self.main(x) + self.shortcut(x))
