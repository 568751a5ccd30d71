"""The names of MinkowskiEngine's extension that programs import: keys, enumerations, and what it says of the GPU."""

from __future__ import annotations

from .._enums import (
    BroadcastMode,
    ConvolutionMode,
    CoordinateMapType,
    CUDAKernelMapMode,
    GPUMemoryAllocatorType,
    MinkowskiAlgorithm,
    PoolingMode,
    RegionType,
)
from .._keys import CoordinateMapKey
from ..utils.quantization import quantize as quantize_np
from ..utils.quantization import quantize as quantize_th
from ..utils.quantization import quantize_label as quantize_label_np
from ..utils.quantization import quantize_label as quantize_label_th

__all__ = [
    "BroadcastMode",
    "CUDAKernelMapMode",
    "ConvolutionMode",
    "CoordinateMapKey",
    "CoordinateMapType",
    "GPUMemoryAllocatorType",
    "MinkowskiAlgorithm",
    "PoolingMode",
    "RegionType",
    "cuda_version",
    "cudart_version",
    "get_gpu_memory_info",
    "is_cuda_available",
    "quantize_label_np",
    "quantize_label_th",
    "quantize_np",
    "quantize_th",
]

DIFFERS = {
    "is_cuda_available": "False: nothing here is compiled for a GPU",
    "cuda_version": "-1, for none",
    "cudart_version": "-1, for none",
    "get_gpu_memory_info": "(0, 0): nothing here is compiled for a GPU",
}


def is_cuda_available() -> bool:
    """Return False: nothing here is compiled for a GPU."""
    return False


def cuda_version() -> int:
    """Return -1, for none."""
    return -1


def cudart_version() -> int:
    """Return -1, for none."""
    return -1


def get_gpu_memory_info() -> tuple[int, int]:
    """Return free and total bytes of the GPU's memory, 0 and 0 without one."""
    return 0, 0
