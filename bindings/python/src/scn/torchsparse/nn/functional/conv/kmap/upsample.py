"""The sites that generative layers make."""

from __future__ import annotations

from typing import Any

import torch

from ......_messages import wrong_value
from ....._shared.forms import FIRST, triple
from ....._shared.levels import generated

__all__ = ["spupsample_generative"]


def spupsample_generative(
    _coords: torch.Tensor, stride: Any = 2, kernel_size: Any = 2, padding: Any = 0, spatial_range: Any = None
) -> torch.Tensor:
    """Return the coordinates [sites, 4] int32 that a generative layer makes.

    _coords: [sites, 4], batch, x, y, z. spatial_range: the size of the coordinates' field, the batch first, or None;
    the result stays in this field times the stride. padding: must be 0.
    """
    if triple(padding, "padding", 0) != (0, 0, 0):
        raise wrong_value("padding", padding, "0")
    sizes, strides = triple(kernel_size, "kernel_size"), triple(stride, "stride")
    return generated(FIRST, sizes, strides, _coords, strides, spatial_range).coords
