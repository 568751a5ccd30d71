"""Convolution of each plane by itself."""

from __future__ import annotations

import math
from typing import Any, Optional

import torch
from torch import nn

from .._messages import wrong_shape
from ..torch import functional
from ._errors import asserted
from ._kernel_targets import check_input, kernel_of, result_key
from ._keys import known_key
from .MinkowskiCommon import MinkowskiModuleBase
from .MinkowskiConvolution import described
from .MinkowskiKernelGenerator import KernelGenerator
from .MinkowskiSparseTensor import SparseTensor

__all__ = ["MinkowskiChannelwiseConvolution"]


class MinkowskiChannelwiseConvolution(MinkowskiModuleBase):
    """A `MinkowskiConvolution` in which each plane has its own kernel and sees no other plane.

    [sites, in_channels] -> [sites, in_channels]. kernel: [taps, in_channels]. bias: [1, in_channels] or None.
    """

    kernel: nn.Parameter
    bias: Optional[nn.Parameter]

    def __init__(
        self,
        in_channels: int,
        kernel_size: Any = -1,
        stride: Any = 1,
        dilation: Any = 1,
        bias: bool = False,
        kernel_generator: Optional[KernelGenerator] = None,
        dimension: Optional[int] = -1,
    ) -> None:
        super().__init__()
        generator = kernel_of(kernel_generator, kernel_size, stride, dilation, False, dimension)
        self.kernel_generator, self.dimension = generator, generator.dimension
        self.in_channels = self.out_channels = in_channels
        self.kernel_shape = (generator.kernel_volume, in_channels)
        self.kernel = nn.Parameter(torch.empty(self.kernel_shape))
        self.bias = nn.Parameter(torch.empty(1, in_channels)) if bias else None
        self.reset_parameters()

    def forward(self, input: SparseTensor, coords: Any = None) -> SparseTensor:
        """Return the convolution of a sparse tensor; coords: as `coordinates` of `MinkowskiConvolution.forward`."""
        check_input(input, self.dimension)
        if input.shape[1] != self.in_channels:
            raise asserted(wrong_shape("input", input.shape, f"[sites, {self.in_channels}]"))
        target = result_key(input, coords, self.kernel_generator, False, may_expand=False)
        source = known_key(input.coordinate_map_key, "coordinate_map_key")
        rulebook = input._manager._rules(source, target, self.kernel_generator._region())
        bias = None if self.bias is None else self.bias.reshape(-1)
        # Programs put a column there for all planes.
        kernel = self.kernel.expand(-1, self.in_channels) if self.kernel.shape[1] == 1 else self.kernel
        weight = kernel[:, :, None, None]
        return SparseTensor._on(input._manager, target, functional.convolve(input._held.sorted, rulebook, weight, bias))

    def reset_parameters(self, is_transpose: bool = False) -> None:
        """Draw the parameters from U(-b, b), b = 1 / sqrt(in_channels * taps)."""
        bound = 1 / math.sqrt(max(1, self.in_channels * self.kernel_generator.kernel_volume))
        with torch.no_grad():
            self.kernel.uniform_(-bound, bound)
            if self.bias is not None:
                self.bias.uniform_(-bound, bound)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(in={self.in_channels}, {described(self.kernel_generator)})"
