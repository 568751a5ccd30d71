"""The convolution layer."""

from __future__ import annotations

from typing import Any

from ...._shared.layer import ConvolutionLayer
from ...tensor import SparseTensor
from ..functional.conv import conv3d

__all__ = ["Conv3d"]
DIFFERS = {
    "Conv3d": "dilation takes effect, which the real library leaves out; filters of odd size on a CPU do not take the middle tap for granted; strides round down below zero, too",
}


class Conv3d(ConvolutionLayer):
    """A convolution of sparse tensors, see `torchsparse.nn.functional.conv3d`.

    in_channels, out_channels: the planes of input and output. kernel_size, stride, dilation: a number, or one for each
    axis. bias: whether there is one. transposed: whether it goes back to the sites that the layer with this size and
    stride came from. config: a dictionary, which has no effect.

    Parameters: `kernel` [volume, in, out], or [in, out] for size 1; `bias` [out] or None. Both begin evenly within 1 /
    sqrt(in * volume), for a transposed layer 1 / sqrt(out * volume).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any = 3,
        stride: Any = 1,
        dilation: Any = 1,
        bias: bool = False,
        transposed: bool = False,
        config: Any = None,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, dilation, bias, transposed, True)
        self.config = {"epsilon": 0.0, "mm_thresh": 0, "kmap_mode": "hashmap", **(config or {})}

    def forward(self, input: SparseTensor) -> SparseTensor:
        return conv3d(input, self.kernel, self.kernel_size, self.bias, self.stride, self.dilation, self.transposed)
