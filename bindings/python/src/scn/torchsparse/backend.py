"""The compiled functions of the real library: those that have a CPU form work, the others raise `UnsupportedError`."""

from __future__ import annotations

from typing import Any, NoReturn

import torch
from torch.utils.weak import WeakTensorKeyDictionary

from .._messages import wrong_shape, wrong_type
from .._native.arrays import integer
from ..errors import UnsupportedError
from ._shared.filters import Filter, centered
from ._shared.forms import triple
from ._shared.hashing import find, hashed
from .nn.functional.count import spcount
from .nn.functional.devoxelize import spdevoxelize
from .nn.functional.hash import sphash
from .nn.functional.voxelize import spvoxelize

__all__ = [
    "GPUHashTable",
    "GPUHashTable32",
    "count_cpu",
    "devoxelize_forward_cpu",
    "hash_cpu",
    "hash_query_cpu",
    "kernel_hash_cpu",
    "voxelize_forward_cpu",
]
DIFFERS = {
    "GPUHashTable": "is of the CPU, and writes nothing into the tensors that it is made over",
    "GPUHashTable32": "is of the CPU, and writes nothing into the tensors that it is made over",
}

# Rows of results are a multiple of this, as programs that cut them off expect.
_DIVISOR = 128
# What tables over a program's memory know, which belongs to that memory.
_known: Any = WeakTensorKeyDictionary()


class GPUHashTable:
    """A table from numbers of 64 bits, or from coordinates, to the rows at which they were inserted, counted from 1.

    GPUHashTable(capacity) is a table of its own. Tables GPUHashTable(keys, vals) over the same tensor `keys` are one:
    what one of them inserts, the others find. Nothing is written into the tensors.
    """

    def __init__(self, keys: Any, vals: Any = None) -> None:
        self._parts: list[tuple[torch.Tensor, torch.Tensor]] = []
        if isinstance(keys, torch.Tensor):
            if not isinstance(vals, torch.Tensor):
                raise wrong_type("vals", vals, "a torch.Tensor")
            self._parts = _known.setdefault(keys, self._parts)
        else:
            integer(keys, "capacity")

    def insert_vals(self, keys: torch.Tensor) -> None:
        """Insert numbers [n] at the rows 1, 2, ... n. A number that is there already moves to its new row."""
        numbers = keys.detach().reshape(-1).long()
        self._parts.append((numbers, torch.arange(1, len(numbers) + 1, dtype=torch.int32, device=numbers.device)))

    def lookup_vals(self, keys: torch.Tensor) -> torch.Tensor:
        """Return the row of each number [n], 0 where it is not there, int32; n is rounded up to a multiple of 128."""
        return _padded(self._rows(keys.reshape(-1).long()))

    def insert_coords(self, coords: torch.Tensor) -> None:
        """Insert coordinates [n, 4], x, y, z, batch, at the rows 1, 2, ... n."""
        self.insert_vals(hashed(_coordinates(coords)))

    def lookup_coords(
        self, coords: torch.Tensor, kernel_sizes: Any, tensor_strides: Any, kernel_volume: Any
    ) -> torch.Tensor:
        """Return the row that each tap of a filter reads, [n, volume] int32, 0 where no site is; n is rounded up to a
        multiple of 128.

        coords: [n, 4], x, y, z, batch. Taps read coords * tensor_strides + offset in the order of
        `torchsparse.nn.utils.get_kernel_offsets`.
        """
        where, sizes = _coordinates(coords), triple(kernel_sizes, "kernel_sizes")
        one = (1, 1, 1)
        offsets = torch.from_numpy(Filter(sizes, one, one, (0, 0, 0), centered(sizes, one), "same").offsets)
        if int(kernel_volume) != len(offsets):
            raise wrong_shape("kernel_volume", [int(kernel_volume)], [len(offsets)])
        places = where[:, :3] * where.new_tensor(triple(tensor_strides, "tensor_strides"))
        taps = places[:, None] + offsets.to(where.device)
        rows = torch.cat([taps, where[:, None, 3:].expand(-1, len(offsets), -1)], 2)
        return _padded(self._rows(hashed(rows)))

    def _rows(self, numbers: torch.Tensor) -> torch.Tensor:
        if not self._parts:
            return torch.zeros_like(numbers, dtype=torch.int32)
        # What was inserted last comes first, and is found.
        keys, values = (torch.cat(columns) for columns in zip(*reversed(self._parts)))
        found = find(numbers, keys)
        return torch.where(found >= 0, values[found.clamp(min=0)], 0) if len(keys) else torch.zeros_like(found).int()


class GPUHashTable32(GPUHashTable):
    """The same; the real library's has numbers of 32 bits."""


def hash_cpu(idx: torch.Tensor) -> torch.Tensor:
    """Return what `torchsparse.nn.functional.sphash` does for coordinates [n, 4]."""
    return sphash(idx)


def kernel_hash_cpu(idx: torch.Tensor, kernel_offset: torch.Tensor) -> torch.Tensor:
    """Return what `torchsparse.nn.functional.sphash` does for coordinates [n, 4] and offsets [k, 3]."""
    return sphash(idx, kernel_offset)


def hash_query_cpu(hash_query: torch.Tensor, hash_target: torch.Tensor, idx_target: torch.Tensor) -> torch.Tensor:
    """Return the entry of idx_target where each number comes first among hash_target, plus 1; 0 where it does not."""
    found = find(hash_query, hash_target)
    return torch.where(found >= 0, idx_target[found.clamp(min=0)] + 1, 0) if len(hash_target) else found + 1


def count_cpu(idx: torch.Tensor, s: int) -> torch.Tensor:
    """Return what `torchsparse.nn.functional.spcount` does."""
    return spcount(idx, s)


def voxelize_forward_cpu(inputs: torch.Tensor, idx: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Return what `torchsparse.nn.functional.spvoxelize` does."""
    return spvoxelize(inputs, idx, counts)


def devoxelize_forward_cpu(feat: torch.Tensor, indices: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return what `torchsparse.nn.functional.spdevoxelize` does."""
    return spdevoxelize(feat, indices, weight)


def _coordinates(coords: torch.Tensor) -> torch.Tensor:
    if coords.ndim != 2 or coords.shape[1] != 4:
        raise wrong_shape("coords", coords.shape, "[n, 4]")
    return coords.detach().long()


def _padded(rows: torch.Tensor) -> torch.Tensor:
    """Return a table with rows of zeros behind it, so that their number is a multiple of 128."""
    missing = -len(rows) % _DIVISOR
    return torch.cat([rows, rows.new_zeros(missing, *rows.shape[1:])])


MISSING = dict.fromkeys(
    (
        "build_kernel_map_downsample_hashmap",
        "build_kernel_map_downsample_hashmap_int32",
        "build_kernel_map_subm_hashmap",
        "build_kernel_map_subm_hashmap_int32",
        "build_mask_from_kmap",
        "conv_backward_gather_scatter_cpu",
        "conv_backward_gather_scatter_cuda",
        "conv_backward_wgrad_implicit_gemm_cuda",
        "conv_backward_wgrad_implicit_gemm_sorted_cuda",
        "conv_forward_fetch_on_demand_cuda",
        "conv_forward_fetch_on_demand_no_fusion_cuda",
        "conv_forward_gather_scatter_cpu",
        "conv_forward_gather_scatter_cuda",
        "conv_forward_implicit_gemm_cuda",
        "conv_forward_implicit_gemm_sorted_cuda",
        "convert_transposed_out_in_map",
        "count_cuda",
        "derive_bitmask_from_out_in_map",
        "devoxelize_backward_cpu",
        "devoxelize_backward_cuda",
        "devoxelize_forward_cuda",
        "downsample_cuda",
        "exclusive_scan_quantified_wrapper",
        "hash_cuda",
        "hash_query_cuda",
        "kernel_hash_cuda",
        "reduce_bitmask_cuda",
        "reorder_out_in_map_cuda",
        "to_dense_backward_cuda",
        "to_dense_forward_cuda",
        "voxelize_backward_cpu",
        "voxelize_backward_cuda",
        "voxelize_forward_cuda",
    ),
    "compiled code of the real library; the functions of `torchsparse.nn.functional` do the same",
)


def __getattr__(name: str) -> Any:
    if name not in MISSING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def refused(*arguments: Any, **options: Any) -> NoReturn:
        raise UnsupportedError(f"torchsparse.backend.{name}: is {MISSING[name]}")

    return refused
