"""Residual blocks."""

from __future__ import annotations

from typing import Any, Optional

from torch import nn

from ..MinkowskiConvolution import MinkowskiConvolution
from ..MinkowskiNonlinearity import MinkowskiReLU
from ..MinkowskiNormalization import MinkowskiBatchNorm

__all__ = ["BasicBlock", "Bottleneck"]


class BasicBlock(nn.Module):
    """Two convolutions of size 3 beside a shortcut: [sites, inplanes] -> [sites, planes].

    stride: that of the first convolution. dilation: that of both. downsample: a module for the shortcut, needed where
    planes or sites change. bn_momentum: that of the batch norms. dimension: that of the tensors, must be given.
    """

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: Any = 1,
        dilation: Any = 1,
        downsample: Optional[nn.Module] = None,
        bn_momentum: float = 0.1,
        dimension: int = -1,
    ) -> None:
        super().__init__()
        self.conv1 = MinkowskiConvolution(inplanes, planes, 3, stride, dilation, dimension=dimension)
        self.norm1 = MinkowskiBatchNorm(planes, momentum=bn_momentum)
        self.conv2 = MinkowskiConvolution(planes, planes, 3, 1, dilation, dimension=dimension)
        self.norm2 = MinkowskiBatchNorm(planes, momentum=bn_momentum)
        self.relu = MinkowskiReLU(inplace=True)
        self.downsample = downsample

    def _transformed(self, x: Any) -> Any:
        return self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x)))))

    def forward(self, x: Any) -> Any:
        """Return the block's result."""
        out = self._transformed(x)
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Bottleneck(nn.Module):
    """Convolutions of size 1, 3 and 1 beside a shortcut: [sites, inplanes] -> [sites, planes * expansion].

    stride: that of the middle convolution. Other arguments as those of `BasicBlock`.
    """

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: Any = 1,
        dilation: Any = 1,
        downsample: Optional[nn.Module] = None,
        bn_momentum: float = 0.1,
        dimension: int = -1,
    ) -> None:
        super().__init__()
        self.conv1 = MinkowskiConvolution(inplanes, planes, 1, dimension=dimension)
        self.norm1 = MinkowskiBatchNorm(planes, momentum=bn_momentum)
        self.conv2 = MinkowskiConvolution(planes, planes, 3, stride, dilation, dimension=dimension)
        self.norm2 = MinkowskiBatchNorm(planes, momentum=bn_momentum)
        self.conv3 = MinkowskiConvolution(planes, planes * self.expansion, 1, dimension=dimension)
        self.norm3 = MinkowskiBatchNorm(planes * self.expansion, momentum=bn_momentum)
        self.relu = MinkowskiReLU(inplace=True)
        self.downsample = downsample

    def _transformed(self, x: Any) -> Any:
        narrow = self.relu(self.norm1(self.conv1(x)))
        return self.norm3(self.conv3(self.relu(self.norm2(self.conv2(narrow)))))

    def forward(self, x: Any) -> Any:
        """Return the block's result."""
        out = self._transformed(x)
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)
