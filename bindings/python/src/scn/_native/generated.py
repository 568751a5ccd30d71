"""Made of scn.h by scripts/build/generate_bindings.py: functions, structs and numbers, for ctypes. Not to be edited."""

# Long because: it has the whole of scn.h.

from __future__ import annotations

from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint64,
    c_void_p,
    sizeof,
)
from typing import Any

SCN_ABI_VERSION = 1
SCN_MAX_DIMENSION = 10

# scn_status
SCN_OK = 0
SCN_ERROR_INVALID_ARGUMENT = 1
SCN_ERROR_SHAPE = 2
SCN_ERROR_COORDINATE = 3
SCN_ERROR_HANDLE = 4
SCN_ERROR_MEMORY = 5
SCN_ERROR_OVERFLOW = 6
SCN_ERROR_FILE = 7
SCN_ERROR_FORMAT = 8
SCN_ERROR_STATE = 9
SCN_ERROR_UNSUPPORTED = 10
SCN_ERROR_INTERNAL = 11

# scn_value_kind
SCN_TENSOR_DENSE = 0
SCN_TENSOR_SPARSE = 1
SCN_TENSOR_POINTS = 2
SCN_TENSOR_TABLE = 3

# scn_element_type
SCN_FLOAT32 = 0
SCN_FLOAT64 = 1
SCN_BFLOAT16 = 2

# scn_pooling
SCN_POOLING_SUM = 0
SCN_POOLING_MEAN = 1
SCN_POOLING_VOLUME_MEAN = 2
SCN_POOLING_MAX = 3
SCN_POOLING_MAX_WITH_ZERO = 4

# scn_segment_reduction
SCN_SEGMENT_SUM = 0
SCN_SEGMENT_MEAN = 1
SCN_SEGMENT_MAX = 2

# scn_broadcast
SCN_BROADCAST_ADD = 0
SCN_BROADCAST_MULTIPLY = 1
SCN_BROADCAST_JOIN = 2

# scn_input_mode
SCN_INPUT_UNIQUE = 0
SCN_INPUT_LAST = 1
SCN_INPUT_FIRST = 2
SCN_INPUT_SUM = 3
SCN_INPUT_MEAN = 4

# scn_sparsify_activation
SCN_SPARSIFY_NONE = 0
SCN_SPARSIFY_SIGMOID = 1
SCN_SPARSIFY_FAKE_GRAD_HARD_SIGMOID = 2

# scn_filter_shape
SCN_FILTER_CENTERED = 0
SCN_FILTER_CORNER = 1
SCN_FILTER_CROSS = 2

# scn_window_order
SCN_WINDOWS_PSEUDORANDOM = 0
SCN_WINDOWS_RANDOM = 1

# scn_global_pooling
SCN_GLOBAL_SUM = 0
SCN_GLOBAL_AVERAGE = 1
SCN_GLOBAL_MAX = 2

# scn_activation
SCN_ACTIVATION_RELU = 0
SCN_ACTIVATION_LEAKY_RELU = 1
SCN_ACTIVATION_ELU = 2
SCN_ACTIVATION_SELU = 3
SCN_ACTIVATION_TANH = 4
SCN_ACTIVATION_SIGMOID = 5
SCN_ACTIVATION_GELU = 6
SCN_ACTIVATION_SILU = 7
SCN_ACTIVATION_HARD_SWISH = 8
SCN_ACTIVATION_SOFTPLUS = 9

# scn_voxel_reduction
SCN_VOXEL_SUM = 0
SCN_VOXEL_MEAN = 1
SCN_VOXEL_FIRST = 2
SCN_VOXEL_LAST = 3
SCN_VOXEL_RANDOM = 4

# scn_site_combination
SCN_SITES_UNION = 0
SCN_SITES_INTERSECTION = 1
SCN_SITES_DIFFERENCE = 2

# scn_arithmetic
SCN_ARITHMETIC_ADD = 0
SCN_ARITHMETIC_SUBTRACT = 1
SCN_ARITHMETIC_MULTIPLY = 2
SCN_ARITHMETIC_DIVIDE = 3

# scn_weight_layout
SCN_WEIGHT_OFFSETS_FIRST = 0
SCN_WEIGHT_OUTPUTS_FIRST = 1

# Handles.
Tensor = c_void_p
Module = c_void_p
Optimizer = c_void_p
Geometry = c_void_p
Rulebook = c_void_p

# Enumerations.
ValueKind = c_int
ElementType = c_int
Pooling = c_int
SegmentReduction = c_int
Broadcast = c_int
InputMode = c_int
SparsifyActivation = c_int
FilterShape = c_int
WindowOrder = c_int
GlobalPooling = c_int
Activation = c_int
VoxelReduction = c_int
SiteCombination = c_int
Arithmetic = c_int
WeightLayout = c_int

# Numbers in memory: an address, an array or a reference of ctypes, None for NULL.
Int32s = c_void_p
Int64s = c_void_p
UInt8s = c_void_p
UInt64s = c_void_p
Floats = c_void_p
Doubles = c_void_p

# Callbacks.
ReleaseCallback = CFUNCTYPE(None, c_void_p)


class Status(c_int):
    """The result of a function that can fail: scn_status."""


class Field(Structure):
    """scn_field"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("dimension", c_int32),
        ("spatial_size", POINTER(c_int64)),
        ("lower", POINTER(c_int64)),
        ("keep_outside", c_int32),
    ]

    def __init__(
        self, *, dimension: int = 0, spatial_size: Any = None, lower: Any = None, keep_outside: int = 0
    ) -> None:
        super().__init__(sizeof(Field), dimension, spatial_size, lower, keep_outside)


class ConvolutionOptions(Structure):
    """scn_convolution_options"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("groups", c_int64),
        ("bias", c_int32),
        ("padding", POINTER(c_int64)),
        ("dilation", POINTER(c_int64)),
        ("rounds_down", c_int32),
        ("normalized", c_int32),
    ]

    def __init__(
        self,
        *,
        groups: int = 1,
        bias: int = 0,
        padding: Any = None,
        dilation: Any = None,
        rounds_down: int = 0,
        normalized: int = 0,
    ) -> None:
        super().__init__(sizeof(ConvolutionOptions), groups, bias, padding, dilation, rounds_down, normalized)


class ConvolutionOntoOptions(Structure):
    """scn_convolution_onto_options"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("groups", c_int64),
        ("bias", c_int32),
        ("shape", FilterShape),
        ("dilation", POINTER(c_int64)),
        ("input_stride", POINTER(c_int64)),
        ("output_stride", POINTER(c_int64)),
        ("normalized", c_int32),
    ]

    def __init__(
        self,
        *,
        groups: int = 1,
        bias: int = 0,
        shape: int = SCN_FILTER_CENTERED,
        dilation: Any = None,
        input_stride: Any = None,
        output_stride: Any = None,
        normalized: int = 0,
    ) -> None:
        super().__init__(
            sizeof(ConvolutionOntoOptions), groups, bias, shape, dilation, input_stride, output_stride, normalized
        )


class PoolingOptions(Structure):
    """scn_pooling_options"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("features_to_drop", c_int64),
        ("padding", POINTER(c_int64)),
        ("dilation", POINTER(c_int64)),
        ("rounds_down", c_int32),
    ]

    def __init__(
        self, *, features_to_drop: int = 0, padding: Any = None, dilation: Any = None, rounds_down: int = 0
    ) -> None:
        super().__init__(sizeof(PoolingOptions), features_to_drop, padding, dilation, rounds_down)


class FractionalOptions(Structure):
    """scn_fractional_options"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("ratio", POINTER(c_double)),
        ("output_size", POINTER(c_int64)),
        ("pool_size", POINTER(c_int64)),
        ("tiles", c_int32),
        ("order", WindowOrder),
        ("features_to_drop", c_int64),
    ]

    def __init__(
        self,
        *,
        ratio: Any = None,
        output_size: Any = None,
        pool_size: Any = None,
        tiles: int = 0,
        order: int = SCN_WINDOWS_PSEUDORANDOM,
        features_to_drop: int = 0,
    ) -> None:
        super().__init__(sizeof(FractionalOptions), ratio, output_size, pool_size, tiles, order, features_to_drop)


class BatchNormOptions(Structure):
    """scn_batch_norm_options"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("epsilon", c_double),
        ("momentum", c_double),
        ("affine", c_int32),
        ("leakiness", c_double),
    ]

    def __init__(
        self, *, epsilon: float = 0.0001, momentum: float = 0.99, affine: int = 1, leakiness: float = 1.0
    ) -> None:
        super().__init__(sizeof(BatchNormOptions), epsilon, momentum, affine, leakiness)


class UnetOptions(Structure):
    """scn_unet_options"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("residual_blocks", c_int32),
        ("downsample_size", POINTER(c_int64)),
        ("downsample_stride", POINTER(c_int64)),
        ("leakiness", c_double),
        ("in_planes", c_int64),
    ]

    def __init__(
        self,
        *,
        residual_blocks: int = 0,
        downsample_size: Any = None,
        downsample_stride: Any = None,
        leakiness: float = 0.0,
        in_planes: int = -1,
    ) -> None:
        super().__init__(sizeof(UnetOptions), residual_blocks, downsample_size, downsample_stride, leakiness, in_planes)


class MultiscaleShapeContextOptions(Structure):
    """scn_multiscale_shape_context_options"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("planes", c_int64),
        ("layers", c_int64),
        ("filter_size", POINTER(c_int64)),
        ("downsample_size", POINTER(c_int64)),
        ("downsample_stride", POINTER(c_int64)),
        ("batch_norm", c_int32),
    ]

    def __init__(
        self,
        *,
        planes: int = 1,
        layers: int = 3,
        filter_size: Any = None,
        downsample_size: Any = None,
        downsample_stride: Any = None,
        batch_norm: int = 1,
    ) -> None:
        super().__init__(
            sizeof(MultiscaleShapeContextOptions),
            planes,
            layers,
            filter_size,
            downsample_size,
            downsample_stride,
            batch_norm,
        )


class SgdOptions(Structure):
    """scn_sgd_options"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("learning_rate", c_double),
        ("momentum", c_double),
        ("dampening", c_double),
        ("weight_decay", c_double),
        ("nesterov", c_int32),
    ]

    def __init__(
        self,
        *,
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: int = 0,
    ) -> None:
        super().__init__(sizeof(SgdOptions), learning_rate, momentum, dampening, weight_decay, nesterov)


class AdamOptions(Structure):
    """scn_adam_options"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("learning_rate", c_double),
        ("beta1", c_double),
        ("beta2", c_double),
        ("epsilon", c_double),
        ("weight_decay", c_double),
        ("decoupled", c_int32),
    ]

    def __init__(
        self,
        *,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-08,
        weight_decay: float = 0.0,
        decoupled: int = 0,
    ) -> None:
        super().__init__(sizeof(AdamOptions), learning_rate, beta1, beta2, epsilon, weight_decay, decoupled)


class Filter(Structure):
    """scn_filter"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("dimension", c_int32),
        ("size", POINTER(c_int64)),
        ("stride", POINTER(c_int64)),
        ("padding", POINTER(c_int64)),
        ("dilation", POINTER(c_int64)),
        ("rounds_down", c_int32),
    ]

    def __init__(
        self,
        *,
        dimension: int = 0,
        size: Any = None,
        stride: Any = None,
        padding: Any = None,
        dilation: Any = None,
        rounds_down: int = 0,
    ) -> None:
        super().__init__(sizeof(Filter), dimension, size, stride, padding, dilation, rounds_down)


class Relation(Structure):
    """scn_relation"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("dimension", c_int32),
        ("volume", c_int64),
        ("offsets", POINTER(c_int64)),
        ("input_stride", POINTER(c_int64)),
        ("output_stride", POINTER(c_int64)),
    ]

    def __init__(
        self,
        *,
        dimension: int = 0,
        volume: int = 0,
        offsets: Any = None,
        input_stride: Any = None,
        output_stride: Any = None,
    ) -> None:
        super().__init__(sizeof(Relation), dimension, volume, offsets, input_stride, output_stride)


class VoxelizeOptions(Structure):
    """scn_voxelize_options"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("reduction", VoxelReduction),
        ("seed", POINTER(c_uint64)),
        ("origin", POINTER(c_double)),
        ("batch", POINTER(c_int64)),
        ("batch_size", c_int64),
        ("spatial_size", POINTER(c_int64)),
    ]

    def __init__(
        self,
        *,
        reduction: int = SCN_VOXEL_MEAN,
        seed: Any = None,
        origin: Any = None,
        batch: Any = None,
        batch_size: int = 0,
        spatial_size: Any = None,
    ) -> None:
        super().__init__(sizeof(VoxelizeOptions), reduction, seed, origin, batch, batch_size, spatial_size)


class VoxelizeInOrderOptions(Structure):
    """scn_voxelize_in_order_options"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("origin", POINTER(c_double)),
        ("spatial_size", POINTER(c_int64)),
        ("batch", POINTER(c_int64)),
        ("max_voxels", c_int64),
        ("drop_outside", c_int32),
    ]

    def __init__(
        self,
        *,
        origin: Any = None,
        spatial_size: Any = None,
        batch: Any = None,
        max_voxels: int = -1,
        drop_outside: int = 0,
    ) -> None:
        super().__init__(sizeof(VoxelizeInOrderOptions), origin, spatial_size, batch, max_voxels, drop_outside)


class Matrix(Structure):
    """scn_matrix"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("type", ElementType),
        ("data", c_void_p),
        ("rows", c_int64),
        ("planes", c_int64),
        ("row_stride", c_int64),
    ]

    def __init__(
        self, *, type: int = SCN_FLOAT32, data: Any = None, rows: int = 0, planes: int = 0, row_stride: int = 0
    ) -> None:
        super().__init__(sizeof(Matrix), type, data, rows, planes, row_stride)


FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    # The library itself
    "scn_version": (c_char_p, []),
    "scn_abi_version": (c_int32, []),
    "scn_status_name": (c_char_p, [Status]),
    "scn_last_error": (c_char_p, []),
    "scn_cpu_description": (c_char_p, []),
    "scn_get_thread_count": (c_int32, []),
    "scn_set_thread_count": (Status, [c_int32]),
    "scn_live_handles": (c_int64, []),
    "scn_memory_in_use": (c_int64, []),
    "scn_get_forward_counts": (None, [Int64s, Int64s, Int64s]),
    "scn_set_forward_counts": (Status, [c_int64, c_int64, c_int64]),
    "scn_manual_seed": (Status, [c_uint64]),
    "scn_get_random_state": (Status, [UInt64s]),
    "scn_set_random_state": (Status, [UInt64s]),
    "scn_scope_begin": (Status, [UInt64s]),
    "scn_scope_end": (Status, [c_int32]),
    # Tensors and points
    "scn_tensor_create": (Status, [Int64s, c_int32, Floats, POINTER(Tensor)]),
    "scn_tensor_borrow": (Status, [Int64s, c_int32, Floats, ReleaseCallback, c_void_p, POINTER(Tensor)]),
    "scn_points_create": (Status, [Int64s, c_int64, c_int32, Tensor, c_int64, POINTER(Tensor)]),
    "scn_points_create_batched": (Status, [Int64s, c_int64, c_int64, c_int32, Tensor, POINTER(Tensor)]),
    "scn_table_create": (Status, [POINTER(Tensor), c_int64, POINTER(Tensor)]),
    "scn_table_count": (Status, [Tensor, Int64s]),
    "scn_table_tensor": (Status, [Tensor, c_int64, POINTER(Tensor)]),
    "scn_tensor_retain": (Status, [Tensor]),
    "scn_tensor_release": (Status, [Tensor]),
    "scn_tensor_kind": (Status, [Tensor, POINTER(ValueKind)]),
    "scn_tensor_type": (Status, [Tensor, POINTER(ElementType)]),
    "scn_tensor_rank": (Status, [Tensor, Int32s]),
    "scn_tensor_shape": (Status, [Tensor, Int64s, c_int32]),
    "scn_tensor_data": (Status, [Tensor, POINTER(Floats)]),
    "scn_tensor_copy_from": (Status, [Tensor, Floats, c_int64]),
    "scn_tensor_features": (Status, [Tensor, POINTER(Tensor)]),
    "scn_tensor_with_features": (Status, [Tensor, Tensor, POINTER(Tensor)]),
    "scn_tensor_geometry": (Status, [Tensor, POINTER(Geometry), Int32s]),
    "scn_sparse_create": (Status, [Geometry, c_int32, Tensor, POINTER(Tensor)]),
    "scn_tensor_mask": (Status, [Tensor, POINTER(Tensor)]),
    "scn_tensor_get_requires_gradient": (Status, [Tensor, Int32s]),
    "scn_tensor_set_requires_gradient": (Status, [Tensor, c_int32]),
    "scn_tensor_detach": (Status, [Tensor, POINTER(Tensor)]),
    "scn_tensor_backward": (Status, [Tensor, Floats, c_int64]),
    "scn_tensor_gradient": (Status, [Tensor, POINTER(Tensor)]),
    "scn_tensor_zero_gradient": (Status, [Tensor]),
    "scn_get_gradient_recording": (c_int32, []),
    "scn_set_gradient_recording": (Status, [c_int32]),
    "scn_get_autocast": (ElementType, []),
    "scn_set_autocast": (Status, [ElementType]),
    "scn_tensor_add": (Status, [Tensor, Tensor, POINTER(Tensor)]),
    "scn_tensor_multiply": (Status, [Tensor, Tensor, POINTER(Tensor)]),
    "scn_tensor_scale": (Status, [Tensor, c_float, POINTER(Tensor)]),
    "scn_tensor_sum": (Status, [Tensor, POINTER(Tensor)]),
    "scn_tensor_reshape": (Status, [Tensor, Int64s, c_int32, POINTER(Tensor)]),
    "scn_tensor_convolve": (Status, [Tensor, Rulebook, Tensor, Tensor, POINTER(Tensor)]),
    "scn_tensor_convolve_normalized": (Status, [Tensor, Rulebook, Tensor, Tensor, Tensor, POINTER(Tensor)]),
    "scn_tensor_pool": (Status, [Tensor, Rulebook, Pooling, POINTER(Tensor)]),
    "scn_tensor_sum_along": (Status, [Tensor, Rulebook, Tensor, POINTER(Tensor)]),
    "scn_tensor_interpolate": (Status, [Tensor, Tensor, Int64s, c_int32, POINTER(Tensor)]),
    "scn_append_tensors": (Status, [POINTER(Tensor), c_int64, POINTER(Tensor)]),
    "scn_compare_sparse": (Status, [Tensor, Tensor, POINTER(Tensor)]),
    "scn_cross_entropy": (Status, [Tensor, Int64s, c_int64, Floats, c_int64, POINTER(Tensor)]),
    "scn_binary_cross_entropy": (Status, [Tensor, Floats, c_int64, POINTER(Tensor)]),
    "scn_tensor_segment_reduce": (Status, [Tensor, Int64s, c_int64, c_int64, SegmentReduction, POINTER(Tensor)]),
    "scn_tensor_segment_softmax": (Status, [Tensor, Int64s, c_int64, c_int64, POINTER(Tensor)]),
    "scn_tensor_segment_gather": (Status, [Tensor, Int64s, c_int64, POINTER(Tensor)]),
    "scn_tensor_segment_pad": (Status, [Tensor, Int64s, c_int64, c_int64, c_int64, POINTER(Tensor)]),
    "scn_tensor_broadcast": (Status, [Tensor, Tensor, Int64s, c_int64, Broadcast, POINTER(Tensor)]),
    # Modules
    "scn_module_forward": (Status, [Module, Tensor, POINTER(Tensor)]),
    "scn_module_set_training": (Status, [Module, c_int32]),
    "scn_module_get_training": (Status, [Module, Int32s]),
    "scn_module_set_momentum": (Status, [Module, c_double]),
    "scn_module_input_spatial_size": (Status, [Module, c_int32, Int64s, Int64s]),
    "scn_module_state_count": (Status, [Module, Int64s]),
    "scn_module_state": (Status, [Module, c_int64, POINTER(c_char_p), POINTER(Tensor), Int32s]),
    "scn_module_reweight": (Status, [Module, Tensor, POINTER(Tensor)]),
    "scn_module_rebias": (Status, [Module, Tensor, POINTER(Tensor)]),
    "scn_module_add_spectral_norm": (Status, [Module, c_int64, c_double, c_double]),
    "scn_module_zero_gradients": (Status, [Module]),
    "scn_module_type": (Status, [Module, POINTER(c_char_p)]),
    "scn_module_architecture": (Status, [Module, POINTER(c_char_p)]),
    "scn_module_description": (Status, [Module, POINTER(c_char_p)]),
    "scn_module_summary": (Status, [Module, Tensor, POINTER(c_char_p)]),
    "scn_module_create": (Status, [c_char_p, POINTER(Module)]),
    "scn_layer_types": (Status, [POINTER(c_char_p)]),
    "scn_complete_architecture": (Status, [c_char_p, POINTER(c_char), c_int64, Int64s]),
    "scn_module_optimize_for_inference": (Status, [Module, POINTER(Module)]),
    "scn_module_optimize_for_inference_in": (Status, [Module, ElementType, POINTER(Module)]),
    "scn_module_retain": (Status, [Module]),
    "scn_module_release": (Status, [Module]),
    "scn_sequential_create": (Status, [POINTER(Module), c_int64, POINTER(Module)]),
    "scn_checkpointed_sequential_create": (Status, [POINTER(Module), c_int64, POINTER(Module)]),
    "scn_concat_table_create": (Status, [POINTER(Module), c_int64, POINTER(Module)]),
    "scn_add_table_create": (Status, [POINTER(Module)]),
    "scn_join_table_create": (Status, [POINTER(Module)]),
    "scn_identity_create": (Status, [POINTER(Module)]),
    "scn_verbose_identity_create": (Status, [POINTER(Module)]),
    "scn_add_coords_create": (Status, [POINTER(Module)]),
    "scn_module_add": (Status, [Module, Module]),
    "scn_module_child_count": (Status, [Module, Int64s]),
    "scn_module_child": (Status, [Module, c_int64, POINTER(Module)]),
    "scn_input_layer_create": (Status, [c_int32, Int64s, InputMode, POINTER(Module)]),
    "scn_input_layer_create_in_field": (Status, [POINTER(Field), InputMode, POINTER(Module)]),
    "scn_output_layer_create": (Status, [c_int32, POINTER(Module)]),
    "scn_sparse_to_dense_create": (Status, [c_int32, c_int64, POINTER(Module)]),
    "scn_bl_input_layer_create": (Status, [c_int32, Int64s, InputMode, POINTER(Module)]),
    "scn_bl_output_layer_create": (Status, [c_int32, POINTER(Module)]),
    "scn_dense_to_sparse_create": (Status, [c_int32, POINTER(Module)]),
    "scn_sparsify_create": (Status, [c_int32, c_int64, SparsifyActivation, POINTER(Module)]),
    "scn_sparsify_fcs_create": (Status, [c_int32, POINTER(Module)]),
    "scn_flatten_create": (Status, [POINTER(Module)]),
    "scn_submanifold_convolution_create": (
        Status,
        [c_int32, c_int64, c_int64, Int64s, POINTER(ConvolutionOptions), POINTER(Module)],
    ),
    "scn_convolution_create": (
        Status,
        [c_int32, c_int64, c_int64, Int64s, Int64s, POINTER(ConvolutionOptions), POINTER(Module)],
    ),
    "scn_deconvolution_create": (
        Status,
        [c_int32, c_int64, c_int64, Int64s, Int64s, POINTER(ConvolutionOptions), POINTER(Module)],
    ),
    "scn_full_convolution_create": (
        Status,
        [c_int32, c_int64, c_int64, Int64s, Int64s, POINTER(ConvolutionOptions), POINTER(Module)],
    ),
    "scn_randomized_stride_convolution_create": (
        Status,
        [c_int32, c_int64, c_int64, Int64s, Int64s, POINTER(ConvolutionOptions), POINTER(Module)],
    ),
    "scn_convolution_onto_create": (
        Status,
        [c_int32, c_int64, c_int64, Int64s, POINTER(ConvolutionOntoOptions), POINTER(Module)],
    ),
    "scn_permutohedral_submanifold_convolution_create": (
        Status,
        [c_int32, c_int64, c_int64, POINTER(ConvolutionOptions), POINTER(Module)],
    ),
    "scn_permutohedral_offsets": (Status, [c_int32, Int64s, c_int64]),
    "scn_permutohedral_basis": (Status, [c_int32, Doubles, Doubles]),
    "scn_shape_context_create": (Status, [c_int32, c_int64, Int64s, POINTER(Module)]),
    "scn_network_in_network_create": (Status, [c_int64, c_int64, c_int32, POINTER(Module)]),
    "scn_linear_create": (Status, [c_int64, c_int64, c_int32, POINTER(Module)]),
    "scn_max_pooling_create": (Status, [c_int32, Int64s, Int64s, POINTER(PoolingOptions), POINTER(Module)]),
    "scn_average_pooling_create": (Status, [c_int32, Int64s, Int64s, POINTER(PoolingOptions), POINTER(Module)]),
    "scn_unpooling_create": (Status, [c_int32, Int64s, Int64s, POINTER(PoolingOptions), POINTER(Module)]),
    "scn_randomized_stride_max_pooling_create": (
        Status,
        [c_int32, Int64s, Int64s, POINTER(PoolingOptions), POINTER(Module)],
    ),
    "scn_fractional_max_pooling_create": (Status, [c_int32, POINTER(FractionalOptions), POINTER(Module)]),
    "scn_global_pooling_create": (Status, [c_int32, GlobalPooling, POINTER(Module)]),
    "scn_batch_norm_create": (Status, [c_int64, POINTER(BatchNormOptions), POINTER(Module)]),
    "scn_batch_norm_elu_create": (Status, [c_int64, c_double, c_double, POINTER(Module)]),
    "scn_mean_only_norm_create": (Status, [c_int64, c_int32, c_double, c_double, POINTER(Module)]),
    "scn_group_norm_create": (Status, [c_int64, c_int64, c_double, POINTER(Module)]),
    "scn_instance_norm_create": (Status, [c_int64, c_double, c_int32, POINTER(Module)]),
    "scn_layer_norm_create": (Status, [c_int64, c_double, c_int32, POINTER(Module)]),
    "scn_activation_create": (Status, [Activation, c_double, POINTER(Module)]),
    "scn_prelu_create": (Status, [c_int64, c_double, POINTER(Module)]),
    "scn_dropout_create": (Status, [c_double, POINTER(Module)]),
    "scn_batchwise_dropout_create": (Status, [c_double, POINTER(Module)]),
    "scn_sparse_vgg_net_create": (Status, [c_int32, c_int64, c_char_p, POINTER(Module)]),
    "scn_sparse_resnet_create": (Status, [c_int32, c_int64, c_char_p, POINTER(Module)]),
    "scn_sparse_densenet_create": (Status, [c_int32, c_int64, c_char_p, POINTER(Module)]),
    "scn_unet_create": (Status, [c_int32, c_int64, Int64s, c_int64, POINTER(UnetOptions), POINTER(Module)]),
    "scn_fully_convolutional_net_create": (
        Status,
        [c_int32, c_int64, Int64s, c_int64, POINTER(UnetOptions), POINTER(Module)],
    ),
    "scn_fully_convolutional_integrated_linear_create": (
        Status,
        [c_int32, c_int64, Int64s, c_int64, c_int64, POINTER(UnetOptions), POINTER(Module)],
    ),
    "scn_multiscale_shape_context_create": (Status, [c_int32, POINTER(MultiscaleShapeContextOptions), POINTER(Module)]),
    # Optimizers
    "scn_sgd_create": (Status, [POINTER(Tensor), c_int64, POINTER(SgdOptions), POINTER(Optimizer)]),
    "scn_adam_create": (Status, [POINTER(Tensor), c_int64, POINTER(AdamOptions), POINTER(Optimizer)]),
    "scn_optimizer_step": (Status, [Optimizer]),
    "scn_optimizer_zero_gradients": (Status, [Optimizer]),
    "scn_optimizer_get_learning_rate": (Status, [Optimizer, Doubles]),
    "scn_optimizer_set_learning_rate": (Status, [Optimizer, c_double]),
    "scn_optimizer_retain": (Status, [Optimizer]),
    "scn_optimizer_release": (Status, [Optimizer]),
    "scn_exponential_rate": (Status, [c_double, c_double, c_int64, Doubles]),
    "scn_step_rate": (Status, [c_double, c_double, c_int64, c_int64, Doubles]),
    "scn_cosine_rate": (Status, [c_double, c_double, c_int64, c_int64, c_int64, Doubles]),
    "scn_clip_gradient_norm": (Status, [POINTER(Tensor), c_int64, c_double, Doubles]),
    "scn_gradients_count": (Status, [POINTER(Tensor), c_int64, Int64s]),
    "scn_gradients_get": (Status, [POINTER(Tensor), c_int64, Floats, c_int64]),
    "scn_gradients_set": (Status, [POINTER(Tensor), c_int64, Floats, c_int64]),
    # Checkpoints
    "scn_checkpoint_save": (Status, [c_char_p, Module, Optimizer]),
    "scn_checkpoint_open": (Status, [c_char_p, POINTER(Module)]),
    "scn_checkpoint_restore": (Status, [c_char_p, Module, Optimizer]),
    "scn_checkpoint_save_named": (Status, [c_char_p, POINTER(c_char_p), POINTER(Tensor), c_int64, Optimizer]),
    "scn_checkpoint_restore_named": (Status, [c_char_p, POINTER(c_char_p), POINTER(Tensor), c_int64, Optimizer]),
    # The functional level: geometry, rulebooks
    "scn_filter_offsets": (Status, [POINTER(Filter), FilterShape, Int64s, c_int64, Int64s]),
    "scn_geometry_create": (Status, [c_int32, Int64s, Int64s, c_int64, c_int32, c_int64, InputMode, POINTER(Geometry)]),
    "scn_geometry_create_in_field": (
        Status,
        [POINTER(Field), Int64s, c_int64, c_int32, c_int64, InputMode, POINTER(Geometry)],
    ),
    "scn_geometry_create_batched": (Status, [c_int32, Int64s, Int64s, c_int64, c_int64, InputMode, POINTER(Geometry)]),
    "scn_geometry_create_dense": (Status, [c_int32, Int64s, Floats, c_int64, c_int64, c_int64, POINTER(Geometry)]),
    "scn_voxelize": (
        Status,
        [c_int32, c_void_p, ElementType, c_int64, Doubles, POINTER(VoxelizeOptions), POINTER(Geometry)],
    ),
    "scn_geometry_retain": (Status, [Geometry]),
    "scn_geometry_release": (Status, [Geometry]),
    "scn_geometry_dimension": (Status, [Geometry, Int32s]),
    "scn_geometry_batch_size": (Status, [Geometry, Int64s]),
    "scn_geometry_input_row_count": (Status, [Geometry, Int64s]),
    "scn_geometry_row_sites": (Status, [Geometry, Int64s, c_int64]),
    "scn_geometry_row_counts": (Status, [Geometry, Int64s, c_int64]),
    "scn_geometry_site_count": (Status, [Geometry, c_int32, Int64s]),
    "scn_geometry_spatial_size": (Status, [Geometry, c_int32, Int64s]),
    "scn_geometry_field": (Status, [Geometry, c_int32, Int64s, Int32s]),
    "scn_geometry_coordinates": (Status, [Geometry, c_int32, Int64s, c_int64]),
    "scn_geometry_find_sites": (Status, [Geometry, Int64s, Int32s]),
    "scn_geometry_submanifold": (Status, [Geometry, c_int32, POINTER(Filter), POINTER(Rulebook)]),
    "scn_geometry_permutohedral": (Status, [Geometry, c_int32, POINTER(Rulebook)]),
    "scn_geometry_strided": (Status, [Geometry, c_int32, POINTER(Filter), Int32s, POINTER(Rulebook)]),
    "scn_geometry_full": (Status, [Geometry, c_int32, POINTER(Filter), Int32s, POINTER(Rulebook)]),
    "scn_geometry_randomized": (Status, [Geometry, c_int32, POINTER(Filter), Int32s, POINTER(Rulebook)]),
    "scn_geometry_fractional": (
        Status,
        [Geometry, c_int32, POINTER(FractionalOptions), c_int32, Int32s, POINTER(Rulebook)],
    ),
    "scn_geometry_reverse": (Status, [Geometry, c_int32, POINTER(Filter), Int32s, POINTER(Rulebook)]),
    "scn_geometry_subset": (Status, [Geometry, c_int32, UInt8s, c_int64, Int32s, POINTER(Rulebook)]),
    "scn_geometry_add_sites": (Status, [Geometry, POINTER(Field), Int64s, c_int64, c_int32, Int32s]),
    "scn_geometry_floor": (Status, [Geometry, c_int32, Int64s, Int32s]),
    "scn_geometry_combine": (Status, [Geometry, c_int32, c_int32, SiteCombination, Int32s]),
    "scn_combine_sparse": (Status, [Tensor, Tensor, Arithmetic, SiteCombination, POINTER(Tensor)]),
    "scn_geometry_find_rows": (Status, [Geometry, c_int32, Int64s, c_int64, c_int32, Int64s]),
    "scn_geometry_match_sites": (Status, [Geometry, c_int32, Geometry, c_int32, Int64s, c_int64]),
    "scn_geometry_between": (Status, [Geometry, c_int32, c_int32, POINTER(Relation), POINTER(Rulebook)]),
    "scn_geometry_covering": (Status, [Geometry, c_int32, POINTER(Relation), Int32s, POINTER(Rulebook)]),
    "scn_geometry_interpolation": (
        Status,
        [Geometry, c_int32, c_void_p, ElementType, c_int64, Int64s, POINTER(Rulebook)],
    ),
    "scn_rulebook_retain": (Status, [Rulebook]),
    "scn_rulebook_release": (Status, [Rulebook]),
    "scn_rulebook_sizes": (Status, [Rulebook, Int64s, Int64s, Int64s, Int64s]),
    "scn_rulebook_rules": (Status, [Rulebook, POINTER(Int64s), POINTER(Int32s), POINTER(Int32s)]),
    "scn_rulebook_reversed": (Status, [Rulebook, POINTER(Rulebook)]),
    "scn_voxelize_in_order": (
        Status,
        [
            c_int32,
            c_void_p,
            ElementType,
            c_int64,
            Doubles,
            POINTER(VoxelizeInOrderOptions),
            Int64s,
            Int64s,
            Int64s,
            c_int64,
            Int64s,
        ],
    ),
    # The functional level: buffers to buffers
    "scn_tensor_allocate": (Status, [Int64s, c_int32, POINTER(Tensor)]),
    "scn_input_forward": (Status, [Geometry, POINTER(Matrix), POINTER(Matrix)]),
    "scn_input_backward": (Status, [Geometry, POINTER(Matrix), POINTER(Matrix)]),
    "scn_output_forward": (Status, [Geometry, POINTER(Matrix), POINTER(Matrix)]),
    "scn_output_backward": (Status, [Geometry, POINTER(Matrix), POINTER(Matrix)]),
    "scn_convolution_forward": (Status, [Rulebook, POINTER(Matrix), Floats, Floats, c_int64, POINTER(Matrix)]),
    "scn_convolution_backward_input": (Status, [Rulebook, POINTER(Matrix), Floats, c_int64, POINTER(Matrix)]),
    "scn_convolution_backward_weight": (Status, [Rulebook, POINTER(Matrix), POINTER(Matrix), c_int64, Floats, Floats]),
    "scn_convolution_forward_in_layout": (
        Status,
        [Rulebook, POINTER(Matrix), Floats, WeightLayout, Floats, c_int64, POINTER(Matrix)],
    ),
    "scn_convolution_backward_input_in_layout": (
        Status,
        [Rulebook, POINTER(Matrix), Floats, WeightLayout, c_int64, POINTER(Matrix)],
    ),
    "scn_convolution_backward_weight_in_layout": (
        Status,
        [Rulebook, POINTER(Matrix), POINTER(Matrix), WeightLayout, c_int64, Floats, Floats],
    ),
    "scn_shape_context_forward": (Status, [Rulebook, POINTER(Matrix), POINTER(Matrix)]),
    "scn_shape_context_backward": (Status, [Rulebook, POINTER(Matrix), POINTER(Matrix)]),
    "scn_max_pooling_forward": (Status, [Rulebook, POINTER(Matrix), c_int64, POINTER(Matrix)]),
    "scn_max_pooling_backward": (
        Status,
        [Rulebook, POINTER(Matrix), POINTER(Matrix), POINTER(Matrix), c_int64, POINTER(Matrix)],
    ),
    "scn_average_pooling_forward": (Status, [Rulebook, POINTER(Matrix), c_int64, POINTER(Matrix)]),
    "scn_average_pooling_backward": (Status, [Rulebook, POINTER(Matrix), c_int64, POINTER(Matrix)]),
    "scn_unpooling_forward": (Status, [Rulebook, POINTER(Matrix), c_int64, POINTER(Matrix)]),
    "scn_unpooling_backward": (Status, [Rulebook, POINTER(Matrix), c_int64, POINTER(Matrix)]),
    "scn_pooling_forward": (Status, [Rulebook, Pooling, POINTER(Matrix), POINTER(Matrix)]),
    "scn_pooling_backward": (
        Status,
        [Rulebook, Pooling, POINTER(Matrix), POINTER(Matrix), POINTER(Matrix), POINTER(Matrix)],
    ),
    "scn_weighted_sum_forward": (Status, [Rulebook, POINTER(Matrix), POINTER(Matrix), POINTER(Matrix)]),
    "scn_weighted_sum_backward_input": (Status, [Rulebook, POINTER(Matrix), POINTER(Matrix), POINTER(Matrix)]),
    "scn_weighted_sum_backward_weights": (Status, [Rulebook, POINTER(Matrix), POINTER(Matrix), POINTER(Matrix)]),
    "scn_interpolation_weights": (
        Status,
        [Rulebook, c_void_p, ElementType, c_int64, c_int32, c_int32, POINTER(Matrix)],
    ),
    "scn_interpolation_backward": (
        Status,
        [Rulebook, c_void_p, ElementType, c_int64, c_int32, c_int32, POINTER(Matrix), POINTER(Matrix)],
    ),
    "scn_global_pooling_forward": (Status, [Geometry, c_int32, GlobalPooling, POINTER(Matrix), POINTER(Matrix)]),
    "scn_global_pooling_backward": (
        Status,
        [Geometry, c_int32, GlobalPooling, POINTER(Matrix), POINTER(Matrix), POINTER(Matrix), POINTER(Matrix)],
    ),
    "scn_batch_norm_forward_training": (
        Status,
        [POINTER(Matrix), Floats, Floats, Floats, Floats, POINTER(BatchNormOptions), Floats, Floats, POINTER(Matrix)],
    ),
    "scn_batch_norm_forward_evaluation": (
        Status,
        [POINTER(Matrix), Floats, Floats, Floats, Floats, POINTER(BatchNormOptions), POINTER(Matrix)],
    ),
    "scn_batch_norm_backward_training": (
        Status,
        [
            POINTER(Matrix),
            POINTER(Matrix),
            POINTER(Matrix),
            Floats,
            Floats,
            Floats,
            POINTER(BatchNormOptions),
            Floats,
            Floats,
            POINTER(Matrix),
        ],
    ),
    "scn_batch_norm_backward_evaluation": (
        Status,
        [
            POINTER(Matrix),
            POINTER(Matrix),
            POINTER(Matrix),
            Floats,
            Floats,
            Floats,
            POINTER(BatchNormOptions),
            Floats,
            Floats,
            POINTER(Matrix),
        ],
    ),
    "scn_mean_only_norm_forward_training": (
        Status,
        [POINTER(Matrix), Floats, Floats, c_double, c_double, POINTER(Matrix)],
    ),
    "scn_mean_only_norm_forward_evaluation": (Status, [POINTER(Matrix), Floats, Floats, c_double, POINTER(Matrix)]),
    "scn_mean_only_norm_backward": (
        Status,
        [POINTER(Matrix), POINTER(Matrix), c_int32, c_double, Floats, POINTER(Matrix)],
    ),
    "scn_group_norm_forward": (
        Status,
        [Geometry, c_int32, POINTER(Matrix), Floats, Floats, c_int64, c_double, Floats, Floats, POINTER(Matrix)],
    ),
    "scn_group_norm_backward": (
        Status,
        [
            Geometry,
            c_int32,
            POINTER(Matrix),
            POINTER(Matrix),
            Floats,
            c_int64,
            Floats,
            Floats,
            Floats,
            Floats,
            POINTER(Matrix),
        ],
    ),
    "scn_linear_forward": (Status, [POINTER(Matrix), Floats, c_int32, Floats, POINTER(Matrix)]),
    "scn_linear_backward_input": (Status, [POINTER(Matrix), Floats, c_int32, POINTER(Matrix)]),
    "scn_linear_backward_weight": (Status, [POINTER(Matrix), POINTER(Matrix), c_int32, Floats, Floats]),
    "scn_add_forward": (Status, [POINTER(Matrix), POINTER(Matrix), POINTER(Matrix)]),
    "scn_join_forward": (Status, [POINTER(Matrix), c_int64, POINTER(Matrix)]),
    "scn_join_backward": (Status, [POINTER(Matrix), POINTER(Matrix), c_int64]),
    "scn_sparse_to_dense_forward": (Status, [Geometry, c_int32, POINTER(Matrix), Floats, c_int64]),
    "scn_sparse_to_dense_backward": (Status, [Geometry, c_int32, Floats, c_int64, POINTER(Matrix)]),
    "scn_cross_entropy_forward": (Status, [POINTER(Matrix), Int64s, Floats, c_int64, Floats, POINTER(Matrix)]),
    "scn_compare_sparse_forward": (
        Status,
        [
            Geometry,
            c_int32,
            POINTER(Matrix),
            Geometry,
            c_int32,
            POINTER(Matrix),
            Floats,
            POINTER(Matrix),
            POINTER(Matrix),
        ],
    ),
    "scn_binary_cross_entropy_forward": (Status, [POINTER(Matrix), Floats, Floats, POINTER(Matrix)]),
    "scn_segment_reduce_forward": (Status, [Int64s, SegmentReduction, POINTER(Matrix), POINTER(Matrix)]),
    "scn_segment_reduce_backward": (
        Status,
        [Int64s, SegmentReduction, POINTER(Matrix), POINTER(Matrix), POINTER(Matrix), POINTER(Matrix)],
    ),
    "scn_segment_softmax_forward": (Status, [Int64s, c_int64, POINTER(Matrix), POINTER(Matrix)]),
    "scn_segment_softmax_backward": (Status, [Int64s, c_int64, POINTER(Matrix), POINTER(Matrix), POINTER(Matrix)]),
    "scn_segment_gather_forward": (Status, [Int64s, POINTER(Matrix), POINTER(Matrix)]),
    "scn_segment_pad_forward": (Status, [Int64s, c_int64, POINTER(Matrix), Int64s, POINTER(Matrix)]),
    "scn_segment_pad_backward": (Status, [Int64s, c_int64, POINTER(Matrix), POINTER(Matrix)]),
}
