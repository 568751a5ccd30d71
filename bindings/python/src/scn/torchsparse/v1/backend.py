"""The compiled functions of the real library, of which those that have a CPU form work."""

from __future__ import annotations

from ..backend import (
    count_cpu,
    devoxelize_forward_cpu,
    hash_cpu,
    hash_query_cpu,
    kernel_hash_cpu,
    voxelize_forward_cpu,
)

__all__ = [
    "count_cpu",
    "devoxelize_forward_cpu",
    "hash_cpu",
    "hash_query_cpu",
    "kernel_hash_cpu",
    "voxelize_forward_cpu",
]
