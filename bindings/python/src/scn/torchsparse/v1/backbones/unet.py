"""A residual U-Net that returns its tensors of all strides."""

from typing import Any, ClassVar

from ...backbones import unet
from .modules import blocks as block_classes

__all__ = ["SparseResUNet42"]


class SparseResUNet(unet.SparseResUNet):
    """Encoders and as many decoders, see `scn.torchsparse.backbones.unet.SparseResUNet`."""

    _block_classes: ClassVar[Any] = block_classes


class SparseResUNet42(SparseResUNet, unet.SparseResUNet42):
    """Four encoders of 32, 64, 128 and 256 planes, and four decoders of 256, 128, 96 and 96. Arguments: in_channels,
    width_multiplier."""
