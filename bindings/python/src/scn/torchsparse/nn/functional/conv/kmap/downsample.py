"""The sites that strided layers lead to."""

from __future__ import annotations

from typing import Any

import torch

from ......_messages import one_of, wrong_value
from ....._shared.filters import filter_by_padding
from ....._shared.forms import FIRST, triple
from ....._shared.levels import coarser
from .....tensor import get_allow_negative_coordinates

__all__ = ["spdownsample"]


def spdownsample(
    _coords: torch.Tensor,
    stride: Any = 2,
    kernel_size: Any = 2,
    padding: Any = 0,
    spatial_range: Any = None,
    downsample_mode: str = "spconv",
) -> torch.Tensor:
    """Return the coordinates [sites, 4] int32 that a strided layer leads to.

    _coords: [sites, 4], batch, x, y, z. spatial_range: the size of the result's field, the batch first, or None. Other
    arguments: as those of `conv3d`.
    """
    if downsample_mode not in ("spconv", "minkowski"):
        raise wrong_value("downsample_mode", downsample_mode, one_of(("spconv", "minkowski")))
    sizes, strides, paddings = (
        triple(kernel_size, "kernel_size"),
        triple(stride, "stride"),
        triple(padding, "padding", 0),
    )
    filter = filter_by_padding(sizes, strides, paddings, (1, 1, 1), downsample_mode == "minkowski")
    field = None
    if spatial_range is not None:
        # The smallest field that leads to this one.
        ends = zip(spatial_range[1:], sizes, strides, paddings)
        field = (spatial_range[0], *((n - 1) * s + k - 2 * p for n, k, s, p in ends))
    return coarser(FIRST, filter, (1, 1, 1), _coords, field, get_allow_negative_coordinates()).coarse
