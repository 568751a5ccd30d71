"""The convolution of sparse tensors."""

from __future__ import annotations

from typing import Any, Optional

import torch

from ...._shared.convolution import convolved, convolved_back, convolved_by_points, convolved_to_new_sites
from ...._shared.filters import filter_by_padding
from ...._shared.forms import triple
from ....tensor import SparseTensor, get_allow_negative_coordinates
from .conv_config import get_default_conv_config, get_global_conv_config
from .conv_mode import get_downsample_mode

__all__ = ["conv3d"]
DIFFERS = {
    "conv3d": (
        "dilation takes effect, which the real library leaves out; where size and stride agree on all axes, all sites "
        "are rounded down and odd filters centered, whatever the mode; negative coordinates are ordinary; generative "
        "layers stay in the spatial range times the stride; even sizes of stride 1 keep the spatial range; a function "
        "that a program puts in place of `spdownsample` is not called"
    )
}


def conv3d(
    input: SparseTensor,
    weight: torch.Tensor,
    kernel_size: Any,
    bias: Optional[torch.Tensor] = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    config: Any = None,
    transposed: bool = False,
    generative: bool = False,
    training: bool = False,
) -> SparseTensor:
    """Return the convolution of a sparse tensor.

    weight: [volume, in, out], the taps as `get_kernel_offsets` orders them; [in, out] will do for size 1. bias: [out].
    kernel_size, stride, padding, dilation: a number, or one for each axis. Stride 1 keeps the sites; filters of odd
    volume are centered, others reach from the site itself forward. Where size and stride are the same and there is no
    padding, sites are rounded down, and filters of odd volume centered. Otherwise tap t of output o reads o * stride -
    padding + t * dilation, and the outputs are those that read a site and lie in the field: `spatial_range`, or from 0
    to the largest coordinates. transposed: go back to the sites that the layer with this size and stride came from.
    generative: go to all sites that the filter reaches. config: its entry `downsample_mode` 'minkowski' rounds all
    sites down, as `set_downsample_mode` does for all layers. training: has no effect.
    """
    sizes, strides = triple(kernel_size, "kernel_size"), triple(stride, "stride")
    paddings, dilations = triple(padding, "padding", 0), triple(dilation, "dilation")
    if sizes == strides == dilations == (1, 1, 1):
        return convolved_by_points(input, weight, bias)  # type: ignore[no-any-return]
    if transposed and generative:
        return convolved_to_new_sites(input, weight, bias, sizes, strides)  # type: ignore[no-any-return]
    used = config or get_global_conv_config() or get_default_conv_config()
    is_floored = "minkowski" in (used.get("downsample_mode"), get_downsample_mode())
    filter = filter_by_padding(sizes, strides, paddings, dilations, is_floored)
    if transposed:
        return convolved_back(input, weight, bias, filter)  # type: ignore[no-any-return]
    return convolved(input, weight, bias, filter, get_allow_negative_coordinates())  # type: ignore[no-any-return]
