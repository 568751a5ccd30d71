"""The convolution layer, as far as the forms of torchsparse agree on it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from ..._messages import wrong_value
from ..._native.arrays import integer
from .forms import triple

__all__ = ["ConvolutionLayer"]


class ConvolutionLayer(nn.Module):
    """A layer with the parameters of a convolution: `kernel` and `bias`."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        dilation: Any,
        bias: bool,
        transposed: bool,
        is_matrix: bool,
    ) -> None:
        """is_matrix: whether the kernel of a filter of volume 1 is [in, out] whatever the stride."""
        super().__init__()
        for name, planes in (("in_channels", in_channels), ("out_channels", out_channels)):
            if integer(planes, name) < 1:
                raise wrong_value(name, planes, "at least 1")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride = triple(kernel_size, "kernel_size"), triple(stride, "stride")
        triple(dilation, "dilation")
        self.dilation, self.transposed = dilation, transposed
        self.kernel_volume = math.prod(self.kernel_size)
        shape = [self.kernel_volume, in_channels, out_channels]
        if self.kernel_volume == 1 and (is_matrix or self.stride == (1, 1, 1)):
            shape = shape[1:]
        self.kernel = nn.Parameter(torch.zeros(shape))
        if bias:
            self.bias = nn.Parameter(torch.zeros(out_channels))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew, evenly within 1 / sqrt(in * volume), for a transposed layer 1 / sqrt(out *
        volume)."""
        planes = self.out_channels if self.transposed else self.in_channels
        bound = 1 / math.sqrt(planes * self.kernel_volume)
        for parameter in self.parameters(recurse=False):
            nn.init.uniform_(parameter, -bound, bound)

    def extra_repr(self) -> str:
        """Return what differs from the defaults."""
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"]
        if self.stride != (1, 1, 1):
            parts.append(f"stride={self.stride}")
        if self.dilation != 1:
            parts.append(f"dilation={self.dilation}")
        if self.bias is None:
            parts.append("bias=False")
        parts += [f"{name}=True" for name in ("transposed", "generative") if getattr(self, name, False)]
        return ", ".join(parts)
