"""scn: submanifold sparse convolutional networks on a CPU, with the names of facebookresearch/SparseConvNet.

import numpy as np, scn

net = scn.Sequential(
    scn.InputLayer(2, 10),
    scn.SubmanifoldConvolution(2, 1, 8, 3, False),
    scn.SparseToDense(2, 8),
)
dense = net([np.array([[4, 5, 0], [4, 6, 0]]), np.array([[1.0], [2.0]])])  # y, x, sample
dense.shape                                                               # (1, 8, 10, 10)
scn.cross_entropy(dense.reshape(1, -1), [0]).backward()
"""

from . import functional, optim
from .activation import ELU, SELU, LeakyReLU, ReLU, Sigmoid, Tanh
from .batched import BLInputLayer, BLOutputLayer
from .checkpoint import load, restore, save
from .containers import AddTable, ConcatTable, Identity, JoinTable, Sequential
from .convolution import (
    Convolution,
    Deconvolution,
    FullConvolution,
    RandomizedStrideConvolution,
    SubmanifoldConvolution,
    TransposeConvolution,
    ValidConvolution,
)
from .errors import (
    CoordinateError,
    Error,
    FileError,
    FormatError,
    HandleError,
    InternalError,
    InvalidArgumentError,
    OutOfMemoryError,
    ParametersOnlyWarning,
    ShapeError,
    SizeOverflowError,
    StateError,
    UnsupportedError,
)
from .functional import cross_entropy
from .grad_mode import enable_grad, is_grad_enabled, no_grad
from .input_batch import InputBatch
from .input_output import Flatten, InputLayer, InputLayerInput, OutputLayer, SparseToDense
from .linear import Linear, NetworkInNetwork
from .metadata import Metadata
from .module import Module
from .networks import MultiscaleShapeContext, SparseVggNet, UNet
from .normalization import BatchNormalization, BatchNormLeakyReLU, BatchNormReLU, Dropout
from .optim import SGD, Adam, AdamW, Optimizer, clip_grad_norm_
from .permutohedral import PermutohedralSubmanifoldConvolution, permutohedral_basis, permutohedral_offsets
from .pooling import (
    AveragePooling,
    FractionalMaxPooling,
    GlobalAveragePooling,
    GlobalMaxPooling,
    GlobalSumPooling,
    MaxPooling,
    RandomizedStrideMaxPooling,
    UnPooling,
)
from .settings import (
    cpu_description,
    get_num_threads,
    live_handles,
    manual_seed,
    memory_in_use,
    set_num_threads,
    version,
)
from .shape_context import ShapeContext
from .sparse import SparseConvNetTensor
from .sparsify import DenseToSparse, Sparsify, SparsifyFCS
from .tensor import Parameter, Tensor, from_numpy, tensor
from .voxels import Voxels, voxelize

__version__: str = version()

__all__ = [
    "ELU",
    "SELU",
    "SGD",
    "Adam",
    "AdamW",
    "AddTable",
    "AveragePooling",
    "BLInputLayer",
    "BLOutputLayer",
    "BatchNormLeakyReLU",
    "BatchNormReLU",
    "BatchNormalization",
    "ConcatTable",
    "Convolution",
    "CoordinateError",
    "Deconvolution",
    "DenseToSparse",
    "Dropout",
    "Error",
    "FileError",
    "Flatten",
    "FormatError",
    "FractionalMaxPooling",
    "FullConvolution",
    "GlobalAveragePooling",
    "GlobalMaxPooling",
    "GlobalSumPooling",
    "HandleError",
    "Identity",
    "InputBatch",
    "InputLayer",
    "InputLayerInput",
    "InternalError",
    "InvalidArgumentError",
    "JoinTable",
    "LeakyReLU",
    "Linear",
    "MaxPooling",
    "Metadata",
    "Module",
    "MultiscaleShapeContext",
    "NetworkInNetwork",
    "Optimizer",
    "OutOfMemoryError",
    "OutputLayer",
    "Parameter",
    "ParametersOnlyWarning",
    "PermutohedralSubmanifoldConvolution",
    "RandomizedStrideConvolution",
    "RandomizedStrideMaxPooling",
    "ReLU",
    "Sequential",
    "ShapeContext",
    "ShapeError",
    "Sigmoid",
    "SizeOverflowError",
    "SparseConvNetTensor",
    "SparseToDense",
    "SparseVggNet",
    "Sparsify",
    "SparsifyFCS",
    "StateError",
    "SubmanifoldConvolution",
    "Tanh",
    "Tensor",
    "TransposeConvolution",
    "UNet",
    "UnPooling",
    "UnsupportedError",
    "ValidConvolution",
    "Voxels",
    "clip_grad_norm_",
    "cpu_description",
    "cross_entropy",
    "enable_grad",
    "from_numpy",
    "functional",
    "get_num_threads",
    "is_grad_enabled",
    "live_handles",
    "load",
    "manual_seed",
    "memory_in_use",
    "no_grad",
    "optim",
    "permutohedral_basis",
    "permutohedral_offsets",
    "restore",
    "save",
    "set_num_threads",
    "tensor",
    "version",
    "voxelize",
]

_NOT_YET = (
    "BatchNormELU BatchwiseDropout CheckpointedSequential FullConvolutionalNetIntegratedLinear FullyConvolutionalNet "
    "MeanOnlyBNLeakyReLU SparseGroupNorm SparseResNet VerboseIdentity"
).split()


def __getattr__(name: str) -> object:
    """Say which names of SparseConvNet this version does not have."""
    if name in _NOT_YET:
        raise AttributeError(f"SparseConvNet's {name} is not in scn {__version__}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
