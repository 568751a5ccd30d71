"""Kernels: their size, stride, dilation and shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
import torch

from .._messages import wrong_type, wrong_value
from ._enums import RegionType
from ._errors import asserted
from ._regions import Region, listed, region
from .MinkowskiCommon import convert_to_int_list

__all__ = ["KernelGenerator", "KernelRegion", "convert_region_type", "get_kernel_volume", "save_ctx"]

DIFFERS = {
    "KernelGenerator": "region_offsets count in steps of the dilation and the tensor stride, as the other taps do; "
    "MinkowskiEngine 0.5.4 raises an error for more than one"
}


def get_kernel_volume(
    region_type: RegionType, kernel_size: Any, region_offset: Any, axis_types: Any, dimension: int
) -> int:
    """Return the number of taps of a kernel; arguments as in `KernelGenerator`."""
    return _region(region_type, kernel_size, 1, region_offset, axis_types, dimension).volume


def convert_region_type(
    region_type: RegionType,
    tensor_stride: Any,
    kernel_size: Any,
    up_stride: Any,
    dilation: Any,
    region_offset: Any,
    axis_types: Any,
    dimension: int,
    center: bool = True,
) -> tuple[RegionType, torch.Tensor, int]:
    """Return a kernel as a region type, its offsets if it is custom, and its number of taps.

    A kernel with axis_types becomes a custom one, with offsets [taps, dimension] int32 in steps of the tensor stride
    divided by up_stride. center: must be true for it.
    """
    made = _region(region_type, kernel_size, dilation, region_offset, axis_types, dimension)
    if axis_types is None and region_type != RegionType.CUSTOM:
        return region_type, torch.empty(0, dtype=torch.int32), made.volume
    if not center:
        raise asserted(wrong_value("center", center, "True"))
    steps = np.array(convert_to_int_list(tensor_stride, dimension)) // convert_to_int_list(up_stride, dimension)
    offsets = made.taps[:, ::-1] if region_type == RegionType.CUSTOM else made.taps[:, ::-1] * steps
    return RegionType.CUSTOM, torch.from_numpy(np.ascontiguousarray(offsets, np.int32)), made.volume


class KernelGenerator:
    """Describes a kernel.

    kernel_size, stride, dilation: an integer or one for each axis. region_type: `RegionType.HYPER_CUBE`, a box;
    HYPER_CROSS, of odd sizes: the middle, then on each axis +1 ... +r and -r ... -1; CUSTOM, the taps region_offsets
    [taps, dimension], counted, as the others, in steps of the dilation and the tensor stride. axis_types: a region type
    for each axis, for a box on some axes with arms on the others. expand_coordinates: whether a layer makes all sites
    that the kernel reaches. is_transpose: accepted; layers know it themselves. dimension: at least 1.
    """

    def __init__(
        self,
        kernel_size: Any = -1,
        stride: Any = 1,
        dilation: Any = 1,
        is_transpose: bool = False,
        region_type: RegionType = RegionType.HYPER_CUBE,
        region_offsets: Optional[torch.Tensor] = None,
        expand_coordinates: bool = False,
        axis_types: Optional[Sequence[RegionType]] = None,
        dimension: int = -1,
    ) -> None:
        if dimension is None or dimension < 1:
            raise asserted(wrong_value("dimension", dimension, "at least 1"))
        if not isinstance(region_type, RegionType):
            raise asserted(wrong_type("region_type", region_type, "a RegionType"))
        self.cache: dict[tuple[int, ...], tuple[RegionType, torch.Tensor, int]] = {}
        self.kernel_size = convert_to_int_list(kernel_size, dimension)
        self.kernel_stride = convert_to_int_list(stride, dimension)
        self.kernel_dilation = convert_to_int_list(dilation, dimension)
        for name, values in (("stride", self.kernel_stride), ("dilation", self.kernel_dilation)):
            if min(values) < 1:
                raise asserted(wrong_value(name, values, "positive integers"))
        self.region_type = region_type
        self.region_offsets = torch.empty(0, dtype=torch.int32) if region_offsets is None else region_offsets
        self.axis_types = axis_types
        self.dimension = dimension
        self.expand_coordinates = expand_coordinates
        self.kernel_volume = self._region().volume
        self.requires_strided_coordinates = set(self.kernel_stride) == {1}

    def get_kernel(self, tensor_stride: Any, is_transpose: bool) -> tuple[RegionType, torch.Tensor, int]:
        """Return what `convert_region_type` does for tensors of a stride."""
        key = tuple(convert_to_int_list(tensor_stride, self.dimension))
        if key not in self.cache:
            offsets = self.region_offsets if self.region_type == RegionType.CUSTOM else None
            self.cache[key] = convert_region_type(
                self.region_type,
                key,
                self.kernel_size,
                self.kernel_stride if is_transpose else 1,
                self.kernel_dilation,
                offsets,
                self.axis_types,
                self.dimension,
            )
        return self.cache[key]

    def _region(self) -> Region:
        """Return where the kernel reads; programs may have changed attributes since the last time."""
        offsets = self.region_offsets if self.region_offsets.numel() else None
        return _region(
            self.region_type, self.kernel_size, self.kernel_dilation, offsets, self.axis_types, self.dimension
        )

    def __repr__(self) -> str:
        settings = {
            "kernel_size": self.kernel_size,
            "kernel_stride": self.kernel_stride,
            "kernel_dilation": self.kernel_dilation,
            "region_type": self.region_type,
            "expand_coordinates": self.expand_coordinates,
            "dimension": self.dimension,
        }
        return f"{type(self).__name__}({', '.join(f'{name}={value}' for name, value in settings.items())})"


def _region(kind: RegionType, size: Any, dilation: Any, offsets: Any, axis_types: Any, dimension: int) -> Region:
    return region(
        kind,
        tuple(convert_to_int_list(size, dimension)),
        tuple(convert_to_int_list(dilation, dimension)),
        None if offsets is None else listed(offsets, dimension),
        None if axis_types is None else tuple(axis_types),
    )


class KernelRegion(NamedTuple):
    """A kernel as a tuple."""

    kernel_size: Any
    kernel_stride: Any
    kernel_dilation: Any
    region_type: RegionType
    offset: Any
    D: int


def save_ctx(ctx: Any, kernel_generator: Any, in_coords_key: Any, out_coords_key: Any, coordinate_manager: Any) -> Any:
    """Keep a kernel, two keys and their manager in the context of an autograd function; return the context."""
    ctx.kernel_generator = kernel_generator
    ctx.in_coordinate_map_key = in_coords_key
    ctx.out_coordinate_map_key = out_coords_key
    ctx.coordinate_manager = coordinate_manager
    return ctx
