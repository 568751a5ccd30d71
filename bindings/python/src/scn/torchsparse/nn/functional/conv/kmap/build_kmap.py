"""The rows that filters read."""

from __future__ import annotations

from typing import Any

import torch

from ......_messages import wrong_shape
from ......errors import UnsupportedError
from ....._shared.filters import filter_by_padding
from ....._shared.forms import FIRST, triple
from ....._shared.kernel_map import KernelMap
from ....._shared.levels import coarser
from .....tensor import get_allow_negative_coordinates

__all__ = ["build_kernel_map", "convert_transposed_out_in_map", "transpose_kernel_map"]
DIFFERS = {
    "build_kernel_map": "returns a mapping with the entries `coords`, `spatial_range`, `sizes`, `out_in_map`, `nbmaps`, `nbsizes`; not for generative layers",
    "transpose_kernel_map": "returns the same map, whose entry `out_in_map_t` is the way back",
}


def build_kernel_map(
    _coords: torch.Tensor,
    input_node_num: int,
    kernel_size: Any = 2,
    stride: Any = 2,
    padding: Any = 0,
    hashmap_keys: Any = None,
    hashmap_vals: Any = None,
    spatial_range: Any = None,
    mode: str = "hashmap",
    dataflow: Any = None,
    downsample_mode: str = "spconv",
    training: bool = False,
    ifsort: bool = False,
    generative: bool = False,
    split_mask_num: int = 1,
    split_mask_num_bwd: int = 1,
) -> KernelMap:
    """Return the sites that a layer leads to and the rows that its filter reads, see `KernelMap`.

    _coords: [input_node_num, 4], batch, x, y, z. kernel_size, stride, padding, spatial_range, downsample_mode: as those
    of `conv3d`. The other arguments have no effect, except that generative layers have no such map:
    `UnsupportedError`.
    """
    if generative:
        raise UnsupportedError(
            "generative: is True, expected False; conv3d(..., transposed=True, generative=True) works"
        )
    if len(_coords) != input_node_num:
        raise wrong_shape("_coords", _coords.shape, [input_node_num, 4])
    filter = filter_by_padding(
        triple(kernel_size, "kernel_size"),
        triple(stride, "stride"),
        triple(padding, "padding", 0),
        (1, 1, 1),
        downsample_mode == "minkowski",
    )
    return coarser(FIRST, filter, (1, 1, 1), _coords, spatial_range, get_allow_negative_coordinates())


def transpose_kernel_map(
    kmap: KernelMap,
    ifsort: bool = False,
    training: bool = False,
    split_mask_num: int = 1,
    split_mask_num_bwd: int = 1,
) -> KernelMap:
    """Return the same map, whose entry `out_in_map_t` is the way back."""
    return kmap


def convert_transposed_out_in_map(out_in_map: torch.Tensor, size: int) -> torch.Tensor:
    """Return a table of rows turned round, [size, volume] int32: entry [i, k] is o where out_in_map[o, k] is i, -1
    where there is none."""
    turned = out_in_map.new_full((size, out_in_map.shape[1]), -1, dtype=torch.int32)
    output, tap = (out_in_map >= 0).nonzero(as_tuple=True)
    turned[out_in_map[output, tap].long(), tap] = output.int()
    return turned
