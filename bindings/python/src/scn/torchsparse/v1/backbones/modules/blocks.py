"""Blocks of networks."""

from ....backbones.modules import blocks
from ...nn.modules.conv import Conv3d

__all__ = ["SparseConvBlock", "SparseConvTransposeBlock", "SparseResBlock"]


class SparseConvBlock(blocks.SparseConvBlock):
    """A convolution, batch norm, ReLU. Arguments: as those of `Conv3d`."""

    _convolution = Conv3d


class SparseConvTransposeBlock(blocks.SparseConvTransposeBlock):
    """A transposed convolution, batch norm, ReLU. Arguments: as those of `Conv3d`."""

    _convolution = Conv3d


class SparseResBlock(blocks.SparseResBlock):
    """Two convolutions around a shortcut, which is a convolution of size 1 where planes or sites change. Arguments: as
    those of `Conv3d`."""

    _convolution = Conv3d
