"""The option structs of scn.h."""

from __future__ import annotations

import ctypes
from typing import Any


class _Options(ctypes.Structure):
    """A struct that begins with its own size."""

    def __init__(self, *values: Any) -> None:
        super().__init__(ctypes.sizeof(type(self)), *values)

    @property
    def _as_parameter_(self) -> Any:
        """What ctypes passes for these options: their address."""
        return ctypes.byref(self)


class ConvolutionOptions(_Options):
    """scn_convolution_options"""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("groups", ctypes.c_int64),
        ("bias", ctypes.c_int32),
        ("padding", ctypes.POINTER(ctypes.c_int64)),
        ("dilation", ctypes.POINTER(ctypes.c_int64)),
    ]


class PoolingOptions(_Options):
    """scn_pooling_options"""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("features_to_drop", ctypes.c_int64),
        ("padding", ctypes.POINTER(ctypes.c_int64)),
        ("dilation", ctypes.POINTER(ctypes.c_int64)),
    ]


class FractionalOptions(_Options):
    """scn_fractional_options"""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("ratio", ctypes.POINTER(ctypes.c_double)),
        ("output_size", ctypes.POINTER(ctypes.c_int64)),
        ("pool_size", ctypes.POINTER(ctypes.c_int64)),
        ("tiles", ctypes.c_int32),
        ("order", ctypes.c_int),
        ("features_to_drop", ctypes.c_int64),
    ]


class BatchNormOptions(_Options):
    """scn_batch_norm_options"""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("epsilon", ctypes.c_double),
        ("momentum", ctypes.c_double),
        ("affine", ctypes.c_int32),
        ("leakiness", ctypes.c_double),
    ]


class UNetOptions(_Options):
    """scn_unet_options"""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("residual_blocks", ctypes.c_int32),
        ("downsample_size", ctypes.POINTER(ctypes.c_int64)),
        ("downsample_stride", ctypes.POINTER(ctypes.c_int64)),
        ("leakiness", ctypes.c_double),
        ("in_planes", ctypes.c_int64),
    ]


class SGDOptions(_Options):
    """scn_sgd_options"""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("learning_rate", ctypes.c_double),
        ("momentum", ctypes.c_double),
        ("dampening", ctypes.c_double),
        ("weight_decay", ctypes.c_double),
        ("nesterov", ctypes.c_int32),
    ]


class AdamOptions(_Options):
    """scn_adam_options"""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("learning_rate", ctypes.c_double),
        ("beta1", ctypes.c_double),
        ("beta2", ctypes.c_double),
        ("epsilon", ctypes.c_double),
        ("weight_decay", ctypes.c_double),
        ("decoupled", ctypes.c_int32),
    ]


class MultiscaleShapeContextOptions(_Options):
    """scn_multiscale_shape_context_options"""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("planes", ctypes.c_int64),
        ("layers", ctypes.c_int64),
        ("filter_size", ctypes.POINTER(ctypes.c_int64)),
        ("downsample_size", ctypes.POINTER(ctypes.c_int64)),
        ("downsample_stride", ctypes.POINTER(ctypes.c_int64)),
        ("batch_norm", ctypes.c_int32),
    ]


class VoxelizeOptions(_Options):
    """scn_voxelize_options"""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("reduction", ctypes.c_int),
        ("seed", ctypes.POINTER(ctypes.c_uint64)),
        ("origin", ctypes.POINTER(ctypes.c_double)),
        ("batch", ctypes.POINTER(ctypes.c_int64)),
        ("batch_size", ctypes.c_int64),
        ("spatial_size", ctypes.POINTER(ctypes.c_int64)),
    ]


class Filter(_Options):
    """scn_filter"""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("dimension", ctypes.c_int32),
        ("size", ctypes.POINTER(ctypes.c_int64)),
        ("stride", ctypes.POINTER(ctypes.c_int64)),
        ("padding", ctypes.POINTER(ctypes.c_int64)),
        ("dilation", ctypes.POINTER(ctypes.c_int64)),
    ]


class MatrixView(ctypes.Structure):
    """scn_matrix over a float32 array [rows, planes] without gaps, which must outlive it."""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("type", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("rows", ctypes.c_int64),
        ("planes", ctypes.c_int64),
        ("row_stride", ctypes.c_int64),
    ]

    def __init__(self, array: Any) -> None:
        self._set(array.ctypes.data, *array.shape)

    def _set(self, address: int, rows: int, planes: int) -> None:
        super().__init__(ctypes.sizeof(MatrixView), 0, address, rows, planes)

    @property
    def _as_parameter_(self) -> Any:
        """What ctypes passes for this matrix: its address."""
        return ctypes.byref(self)
