"""A residual network that returns its tensors of all strides."""

from typing import Any, ClassVar

from ...backbones import resnet
from .modules import blocks as block_classes

__all__ = ["SparseResNet21D"]


class SparseResNet(resnet.SparseResNet):
    """Stages of blocks, see `scn.torchsparse.backbones.resnet.SparseResNet`."""

    _block_classes: ClassVar[Any] = block_classes


class SparseResNet21D(SparseResNet, resnet.SparseResNet21D):
    """Five stages of strides 1, 2, 4, 8, and 16 on the second axis. Arguments: in_channels, width_multiplier."""
