"""The kinds of things that MinkowskiEngine names by enumerations."""

from __future__ import annotations

import enum

__all__ = [
    "BroadcastMode",
    "CUDAKernelMapMode",
    "ConvolutionMode",
    "CoordinateMapType",
    "GPUMemoryAllocatorType",
    "MinkowskiAlgorithm",
    "PoolingMode",
    "RegionType",
    "SparseTensorOperationMode",
    "SparseTensorQuantizationMode",
]

DIFFERS = dict.fromkeys(
    ("CUDAKernelMapMode", "CoordinateMapType", "GPUMemoryAllocatorType", "MinkowskiAlgorithm"),
    "taken, without effect: scn has one algorithm and one kind of coordinate map",
)


class _Kind(enum.IntEnum):
    def __str__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    def __format__(self, specification: str) -> str:
        return format(str(self), specification)


class RegionType(_Kind):
    """The shape of a kernel: a box, a cross, or offsets that the program lists."""

    HYPER_CUBE = 0
    HYPER_CROSS = 1
    CUSTOM = 2


class PoolingMode(_Kind):
    """What a pooling computes. The endings of the global ones choose a way on a GPU; here they mean the same."""

    LOCAL_SUM_POOLING = 0
    LOCAL_AVG_POOLING = 1
    LOCAL_MAX_POOLING = 2
    GLOBAL_SUM_POOLING_DEFAULT = 3
    GLOBAL_AVG_POOLING_DEFAULT = 4
    GLOBAL_MAX_POOLING_DEFAULT = 5
    GLOBAL_SUM_POOLING_KERNEL = 6
    GLOBAL_AVG_POOLING_KERNEL = 7
    GLOBAL_MAX_POOLING_KERNEL = 8
    GLOBAL_SUM_POOLING_PYTORCH_INDEX = 9
    GLOBAL_AVG_POOLING_PYTORCH_INDEX = 10
    GLOBAL_MAX_POOLING_PYTORCH_INDEX = 11


class BroadcastMode(_Kind):
    """How rows meet the vector of their sample."""

    ELEMENTWISE_ADDITON = 0
    ELEMENTWISE_MULTIPLICATION = 1


class ConvolutionMode(_Kind):
    """How a GPU multiplies; here all mean the same."""

    DEFAULT = 0
    DIRECT_GEMM = 1
    COPY_GEMM = 2


class MinkowskiAlgorithm(_Kind):
    """What a coordinate manager of MinkowskiEngine saves; here all mean the same."""

    DEFAULT = 0
    MEMORY_EFFICIENT = 1
    SPEED_OPTIMIZED = 2


class CUDAKernelMapMode(_Kind):
    """How a GPU keeps kernel maps; here both mean the same."""

    MEMORY_EFFICIENT = 0
    SPEED_OPTIMIZED = 1


class CoordinateMapType(_Kind):
    """Where coordinate maps are kept; here always in the memory of the CPU."""

    CPU = 0
    CUDA = 1


class GPUMemoryAllocatorType(_Kind):
    """Who allocates a GPU's memory; here both mean the same."""

    PYTORCH = 0
    CUDA = 1


class SparseTensorOperationMode(enum.Enum):
    """Whether each `SparseTensor` that is made of coordinates gets a coordinate manager of its own."""

    SEPARATE_COORDINATE_MANAGER = 0
    SHARE_COORDINATE_MANAGER = 1


class SparseTensorQuantizationMode(enum.Enum):
    """What becomes of rows that share a site.

    RANDOM_SUBSAMPLE keeps the first of them, UNWEIGHTED_AVERAGE, UNWEIGHTED_SUM and MAX_POOL combine them,
    NO_QUANTIZATION allows none, SPLAT_LINEAR_INTERPOLATION is `TensorField.splat`.
    """

    RANDOM_SUBSAMPLE = 0
    UNWEIGHTED_AVERAGE = 1
    UNWEIGHTED_SUM = 2
    NO_QUANTIZATION = 3
    MAX_POOL = 4
    SPLAT_LINEAR_INTERPOLATION = 5


for _kind in _Kind.__subclasses__():
    # As enumerations of pybind11 have it, and programs read it: by name the member and its description.
    setattr(_kind, "__entries", {name: (member, None) for name, member in _kind.__members__.items()})
