"""The taps of filters."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..._shared.filters import ordered_taps
from ..._shared.forms import triple

__all__ = ["get_kernel_offsets"]


def get_kernel_offsets(size: Any, stride: Any = 1, dilation: Any = 1, device: Any = "cpu") -> torch.Tensor:
    """Return what each tap of a centered filter adds to a coordinate, [volume, 3] int32.

    Size 2 reaches from 0 to 1, 3 from -1 to 1, 4 from -1 to 2, in steps of stride * dilation. If the volume is odd, the
    first axis runs fastest, else the last one. Arguments: a number, or one for each axis.
    """
    sizes, strides, dilations = triple(size, "size"), triple(stride, "stride"), triple(dilation, "dilation")
    axes = [(np.arange(k) - (k - 1) // 2) * s * d for k, s, d in zip(sizes, strides, dilations)]
    return torch.tensor(ordered_taps(axes), dtype=torch.int32, device=device)
