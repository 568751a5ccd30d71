"""A residual U-Net that returns its tensors of all strides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import nn

from ..operators import cat
from .modules import blocks as block_classes

__all__ = ["SparseResUNet42"]


class SparseResUNet(nn.Module):
    """A stem, encoders of stride 2, and as many decoders, each with what the encoder before it received.

    stem_channels, encoder_channels, decoder_channels: their planes; there are as many decoders as encoders.
    in_channels: the planes of the input. width_multiplier: what the planes are multiplied by. The result is the list of
    the stem's tensor, the encoders' tensors and the decoders' tensors.
    """

    _block_classes: ClassVar[Any] = block_classes

    def __init__(
        self,
        stem_channels: int,
        encoder_channels: Sequence[int],
        decoder_channels: Sequence[int],
        *,
        in_channels: int = 4,
        width_multiplier: float = 1.0,
    ) -> None:
        super().__init__()
        self.stem_channels, self.encoder_channels, self.decoder_channels = (
            stem_channels,
            encoder_channels,
            decoder_channels,
        )
        self.in_channels, self.width_multiplier = in_channels, width_multiplier
        stem, *down = (int(planes * width_multiplier) for planes in (stem_channels, *encoder_channels))
        up = [int(planes * width_multiplier) for planes in decoder_channels]
        classes = self._block_classes
        self.stem = nn.Sequential(
            *classes.SparseConvBlock(in_channels, stem, 3), *classes.SparseConvBlock(stem, stem, 3)
        )
        self.encoders = nn.ModuleList()
        levels = [stem, *down]
        for before, planes in zip(levels, down):
            self.encoders.append(
                nn.Sequential(
                    classes.SparseConvBlock(before, before, 2, stride=2),
                    classes.SparseResBlock(before, planes, 3),
                    classes.SparseResBlock(planes, planes, 3),
                )
            )
        self.decoders = nn.ModuleList()
        for before, planes, skipped in zip([levels[-1], *up], up, reversed(levels[:-1])):
            upsample = classes.SparseConvTransposeBlock(before, planes, 2, stride=2)
            fuse = nn.Sequential(
                classes.SparseResBlock(planes + skipped, planes, 3), classes.SparseResBlock(planes, planes, 3)
            )
            self.decoders.append(nn.ModuleDict({"upsample": upsample, "fuse": fuse}))

    def forward(self, x: Any) -> list[Any]:
        outputs = [self.stem(x)]
        for encoder in self.encoders:
            outputs.append(encoder(outputs[-1]))
        skipped = outputs[-2::-1]
        decoders: Any = self.decoders
        for decoder, other in zip(decoders, skipped):
            outputs.append(decoder["fuse"](cat([decoder["upsample"](outputs[-1]), other])))
        return outputs


class SparseResUNet42(SparseResUNet):
    """Four encoders of 32, 64, 128 and 256 planes, and four decoders of 256, 128, 96 and 96. Arguments: in_channels,
    width_multiplier."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            stem_channels=32,
            encoder_channels=[32, 64, 128, 256],
            decoder_channels=[256, 128, 96, 96],
            **kwargs,
        )
