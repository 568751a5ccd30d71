"""The convolution layer."""

from __future__ import annotations

from typing import Any

from ...._messages import wrong_value
from ..._shared.forms import triple
from ..._shared.layer import ConvolutionLayer
from ...tensor import SparseTensor
from ..functional.conv import conv as function
from ..functional.conv.conv import conv3d

__all__ = ["Conv3d"]
DIFFERS = {"Conv3d": function.DIFFERS["conv3d"]}


class Conv3d(ConvolutionLayer):
    """A convolution of sparse tensors, see `torchsparse.nn.functional.conv3d`.

    in_channels, out_channels: the planes of input and output. kernel_size, stride, padding: a number, or one for each
    axis; where the size is odd and the stride 1, the padding is (size - 1) / 2 whatever is said. dilation: a number, or
    one for each axis. bias: whether there is one. transposed: whether it goes back to the sites that the layer with
    this size and stride came from; generative: or, if transposed, to all sites that it reaches. config: as there.

    Parameters: `kernel` [volume, in, out], or [in, out] for size 1 and stride 1; `bias` [out] or None. Both begin
    evenly within 1 / sqrt(in * volume), for a transposed layer 1 / sqrt(out * volume).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any = 3,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        bias: bool = False,
        transposed: bool = False,
        generative: bool = False,
        config: Any = None,
    ) -> None:
        if generative and not transposed:
            raise wrong_value("transposed", transposed, "True for a generative layer")
        if isinstance(dilation, bool):
            expected = (
                "a number or one for each axis (where 1.4 and 2.0 have the bias: 'torchsparse==1.4' is their form)"
            )
            raise wrong_value("dilation", dilation, expected)
        super().__init__(in_channels, out_channels, kernel_size, stride, dilation, bias, transposed, False)
        given = triple(padding, "padding", 0)
        axes = zip(self.kernel_size, self.stride, given)
        self.padding = tuple((k - 1) // 2 if k % 2 == 1 and s == 1 else p for k, s, p in axes)
        self.generative, self._config = generative, config

    def forward(self, input: SparseTensor) -> SparseTensor:
        return conv3d(
            input,
            self.kernel,
            self.kernel_size,
            self.bias,
            self.stride,
            self.padding,
            self.dilation,
            self._config,
            self.transposed,
            self.generative,
            self.training,
        )
