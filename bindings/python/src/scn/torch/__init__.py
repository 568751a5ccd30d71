"""scn.torch: SparseConvNet's names on PyTorch, computed by scn on a CPU.

import torch
import scn.torch as scn

net = scn.Sequential(
    scn.InputLayer(2, 10),
    scn.SubmanifoldConvolution(2, 1, 8, 3, False),
    scn.SparseToDense(2, 8),
)
where = torch.LongTensor([[4, 5, 0], [4, 6, 0]])                # y, x, sample
dense = net([where, torch.FloatTensor([[1.0], [2.0]])])
dense.shape                                                     # torch.Size([1, 8, 10, 10])
dense.square().sum().backward()
"""

import sys
from typing import TYPE_CHECKING

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError("scn.torch needs PyTorch, which is not installed: pip install torch") from error

from .. import _old_modules
from ..counts import ForwardCounts, Package, get_forward_counts, set_forward_counts
from ..errors import (
    CoordinateError,
    Error,
    FormatError,
    InvalidArgumentError,
    OutOfMemoryError,
    ShapeError,
    StateError,
    UnsupportedError,
)
from ..settings import cpu_description, get_num_threads, set_num_threads, version
from . import SCN, functions
from ._replacements import refuse
from .conversion import from_module, to_module
from .input_batch import InputBatch
from .layers.activation import ELU, SELU, BatchwiseDropout, Dropout, LeakyReLU, ReLU, Sigmoid, Tanh
from .layers.combining import (
    AddCoords,
    add_feature_planes,
    append_tensors,
    compare_sparse,
    concatenate_feature_planes,
)
from .layers.containers import (
    AddTable,
    CheckpointedSequential,
    ConcatTable,
    Identity,
    JoinTable,
    Sequential,
    VerboseIdentity,
    checkpoint101,
)
from .layers.convolution import (
    Convolution,
    Deconvolution,
    FullConvolution,
    PermutohedralSubmanifoldConvolution,
    RandomizedStrideConvolution,
    ShapeContext,
    SubmanifoldConvolution,
    TransposeConvolution,
    ValidConvolution,
    permutohedral_basis,
    permutohedral_offsets,
)
from .layers.input_output import (
    BLInputLayer,
    BLOutputLayer,
    DenseToSparse,
    InputLayer,
    InputLayerInput,
    InputModeWarning,
    OutputLayer,
    SparseToDense,
    swap_input_modes,
)
from .layers.linear import Linear, NetworkInNetwork
from .layers.networks import (
    FullConvolutionalNetIntegratedLinear,
    FullyConvolutionalNet,
    MultiscaleShapeContext,
    SparseDenseNet,
    SparseResNet,
    SparseVggNet,
    UNet,
)
from .layers.normalization import (
    BatchNormalization,
    BatchNormELU,
    BatchNormLeakyReLU,
    BatchNormReLU,
    MeanOnlyBNLeakyReLU,
    SparseGroupNorm,
)
from .layers.pooling import (
    AveragePooling,
    FractionalMaxPooling,
    GlobalAveragePooling,
    GlobalMaxPooling,
    GlobalSumPooling,
    MaxPooling,
    RandomizedStrideMaxPooling,
    UnPooling,
)
from .layers.running_statistics import update_bn
from .layers.sparsify import Sparsify, SparsifyFCS
from .layers.spectral import spectral_norm
from .layers.sync_normalization import SyncBatchNormalization, convert_sync_batchnorm
from .losses import binary_cross_entropy, cross_entropy
from .metadata import Metadata
from .plotting import matplotlib_cubes, matplotlib_planes, ply_scatter, visdom_scatter
from .saving import checkpoint_restore, checkpoint_save, from_torch_checkpoint
from .sparse import SparseConvNetTensor
from .train_validate import ClassificationResult, ClassificationTrainValidate
from .utilities import (
    batch_location_tensors,
    has_only_one_nonzero_digit,
    is_power2,
    is_square,
    optionalTensor,
    optionalTensorReturn,
    pad_with_batch_idx,
    prepare_BLInput,
    random_rotation,
    spectral_norm_svd,
    squareroot_rotation,
    threadDatasetIterator,
    toLongTensor,
    voxelize_pointcloud,
)

from ._module_paths import install, provide  # isort: skip

__version__: str = version()


# The two counters that are attributes of this module need a class that knows them.
sys.modules[__name__].__class__ = Package
provide(sys.modules[__name__])
_old_modules.provide(__name__)

if not TYPE_CHECKING:  # Checkers shall go on refusing what is not there.

    def __getattr__(name):
        refuse(name)


__all__ = [
    "ELU",
    "SCN",
    "SELU",
    "AddCoords",
    "AddTable",
    "AveragePooling",
    "BLInputLayer",
    "BLOutputLayer",
    "BatchNormELU",
    "BatchNormLeakyReLU",
    "BatchNormReLU",
    "BatchNormalization",
    "BatchwiseDropout",
    "CheckpointedSequential",
    "ClassificationResult",
    "ClassificationTrainValidate",
    "ConcatTable",
    "Convolution",
    "CoordinateError",
    "Deconvolution",
    "DenseToSparse",
    "Dropout",
    "Error",
    "FormatError",
    "ForwardCounts",
    "FractionalMaxPooling",
    "FullConvolution",
    "FullConvolutionalNetIntegratedLinear",
    "FullyConvolutionalNet",
    "GlobalAveragePooling",
    "GlobalMaxPooling",
    "GlobalSumPooling",
    "Identity",
    "InputBatch",
    "InputLayer",
    "InputLayerInput",
    "InputModeWarning",
    "InvalidArgumentError",
    "JoinTable",
    "LeakyReLU",
    "Linear",
    "MaxPooling",
    "MeanOnlyBNLeakyReLU",
    "Metadata",
    "MultiscaleShapeContext",
    "NetworkInNetwork",
    "OutOfMemoryError",
    "OutputLayer",
    "PermutohedralSubmanifoldConvolution",
    "RandomizedStrideConvolution",
    "RandomizedStrideMaxPooling",
    "ReLU",
    "Sequential",
    "ShapeContext",
    "ShapeError",
    "Sigmoid",
    "SparseConvNetTensor",
    "SparseDenseNet",
    "SparseGroupNorm",
    "SparseResNet",
    "SparseToDense",
    "SparseVggNet",
    "Sparsify",
    "SparsifyFCS",
    "StateError",
    "SubmanifoldConvolution",
    "SyncBatchNormalization",
    "Tanh",
    "TransposeConvolution",
    "UNet",
    "UnPooling",
    "UnsupportedError",
    "ValidConvolution",
    "VerboseIdentity",
    "add_feature_planes",
    "append_tensors",
    "batch_location_tensors",
    "binary_cross_entropy",
    "checkpoint101",
    "checkpoint_restore",
    "checkpoint_save",
    "compare_sparse",
    "concatenate_feature_planes",
    "convert_sync_batchnorm",
    "cpu_description",
    "cross_entropy",
    "from_module",
    "from_torch_checkpoint",
    "functions",
    "get_forward_counts",
    "get_num_threads",
    "has_only_one_nonzero_digit",
    "install",
    "is_power2",
    "is_square",
    "matplotlib_cubes",
    "matplotlib_planes",
    "optionalTensor",
    "optionalTensorReturn",
    "pad_with_batch_idx",
    "permutohedral_basis",
    "permutohedral_offsets",
    "ply_scatter",
    "prepare_BLInput",
    "random_rotation",
    "set_forward_counts",
    "set_num_threads",
    "spectral_norm",
    "spectral_norm_svd",
    "squareroot_rotation",
    "swap_input_modes",
    "threadDatasetIterator",
    "toLongTensor",
    "to_module",
    "update_bn",
    "version",
    "visdom_scatter",
    "voxelize_pointcloud",
]
