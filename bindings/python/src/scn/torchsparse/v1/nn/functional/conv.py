"""The convolution of sparse tensors."""

from __future__ import annotations

from typing import Any, Optional

import torch

from ...._shared.convolution import convolved, convolved_back, convolved_by_points
from ...._shared.filters import filter_centered
from ...._shared.forms import triple
from ...tensor import SparseTensor

__all__ = ["conv3d"]
DIFFERS = {
    "conv3d": "dilation takes effect, which the real library leaves out; filters of odd size on a CPU do not take the middle tap for granted; strides round down below zero, too",
}


def conv3d(
    input: SparseTensor,
    weight: torch.Tensor,
    kernel_size: Any,
    bias: Optional[torch.Tensor] = None,
    stride: Any = 1,
    dilation: Any = 1,
    transposed: bool = False,
    epsilon: float = 0.0,
    mm_thresh: int = 0,
    kmap_mode: str = "hashmap",
) -> SparseTensor:
    """Return the convolution of a sparse tensor.

    weight: [volume, in, out], the taps as `get_kernel_offsets` orders and places them, in steps of the tensor's stride
    times the dilation; [in, out] will do for size 1. bias: [out]. kernel_size, stride, dilation: a number, or one for
    each axis. Stride 1 keeps the sites. Where size and stride are the same, sites are rounded down. Otherwise the
    outputs are those that read a site and do not lie below the first one. transposed: go back to the sites that the
    layer with this size and stride came from. The last three arguments have no effect.
    """
    sizes, strides = triple(kernel_size, "kernel_size"), triple(stride, "stride")
    dilations = triple(dilation, "dilation")
    if sizes == strides == dilations == (1, 1, 1):
        return convolved_by_points(input, weight, bias)  # type: ignore[no-any-return]
    filter = filter_centered(sizes, strides, dilations)
    if transposed:
        return convolved_back(input, weight, bias, filter)  # type: ignore[no-any-return]
    return convolved(input, weight, bias, filter, False)  # type: ignore[no-any-return]
