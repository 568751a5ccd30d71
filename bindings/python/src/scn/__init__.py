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
from .checkpoint import checkpoint_restore, checkpoint_save, load, restore, save
from .combining import AddCoords, add_feature_planes, append_tensors, compare_sparse, concatenate_feature_planes
from .containers import (
    AddTable,
    CheckpointedSequential,
    ConcatTable,
    Identity,
    JoinTable,
    Sequential,
    VerboseIdentity,
)
from .convolution import Convolution, Deconvolution, SubmanifoldConvolution, ValidConvolution
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
from .input_output import Flatten, InputLayer, InputLayerInput, OutputLayer, SparseToDense
from .linear import Linear, NetworkInNetwork
from .metadata import Metadata
from .module import Module
from .networks import SparseVggNet, UNet
from .normalization import (
    BatchNormalization,
    BatchNormELU,
    BatchNormLeakyReLU,
    BatchNormReLU,
    BatchwiseDropout,
    Dropout,
    MeanOnlyBNLeakyReLU,
    SparseGroupNorm,
)
from .optim import SGD, Adam, AdamW, Optimizer, clip_grad_norm_
from .pooling import MaxPooling
from .settings import (
    cpu_description,
    get_num_threads,
    live_handles,
    manual_seed,
    memory_in_use,
    set_num_threads,
    version,
)
from .sparse import SparseConvNetTensor
from .spectral import spectral_norm
from .tensor import Parameter, Tensor, from_numpy, tensor
from .utilities import (
    batch_location_tensors,
    is_power2,
    pad_with_batch_idx,
    prepare_BLInput,
    random_rotation,
    squareroot_rotation,
    voxelize_pointcloud,
)

__version__: str = version()

__all__ = [
    "ELU",
    "SELU",
    "SGD",
    "Adam",
    "AdamW",
    "AddCoords",
    "AddTable",
    "BatchNormELU",
    "BatchNormLeakyReLU",
    "BatchNormReLU",
    "BatchNormalization",
    "BatchwiseDropout",
    "CheckpointedSequential",
    "ConcatTable",
    "Convolution",
    "CoordinateError",
    "Deconvolution",
    "Dropout",
    "Error",
    "FileError",
    "Flatten",
    "FormatError",
    "HandleError",
    "Identity",
    "InputLayer",
    "InputLayerInput",
    "InternalError",
    "InvalidArgumentError",
    "JoinTable",
    "LeakyReLU",
    "Linear",
    "MaxPooling",
    "MeanOnlyBNLeakyReLU",
    "Metadata",
    "Module",
    "NetworkInNetwork",
    "Optimizer",
    "OutOfMemoryError",
    "OutputLayer",
    "Parameter",
    "ParametersOnlyWarning",
    "ReLU",
    "Sequential",
    "ShapeError",
    "Sigmoid",
    "SizeOverflowError",
    "SparseConvNetTensor",
    "SparseGroupNorm",
    "SparseToDense",
    "SparseVggNet",
    "StateError",
    "SubmanifoldConvolution",
    "Tanh",
    "Tensor",
    "UNet",
    "UnsupportedError",
    "ValidConvolution",
    "VerboseIdentity",
    "add_feature_planes",
    "append_tensors",
    "batch_location_tensors",
    "checkpoint_restore",
    "checkpoint_save",
    "clip_grad_norm_",
    "compare_sparse",
    "concatenate_feature_planes",
    "cpu_description",
    "cross_entropy",
    "enable_grad",
    "from_numpy",
    "functional",
    "get_num_threads",
    "is_grad_enabled",
    "is_power2",
    "live_handles",
    "load",
    "manual_seed",
    "memory_in_use",
    "no_grad",
    "optim",
    "pad_with_batch_idx",
    "prepare_BLInput",
    "random_rotation",
    "restore",
    "save",
    "set_num_threads",
    "spectral_norm",
    "squareroot_rotation",
    "tensor",
    "version",
    "voxelize_pointcloud",
]

_NOT_YET = (
    "AveragePooling BLInputLayer BLOutputLayer DenseToSparse "
    "FullConvolution FullConvolutionalNetIntegratedLinear FullyConvolutionalNet InputBatch "
    "MultiscaleShapeContext PermutohedralSubmanifoldConvolution RandomizedStrideConvolution "
    "RandomizedStrideMaxPooling ShapeContext SparseResNet Sparsify SparsifyFCS TransposeConvolution "
    "UnPooling"
).split()


def __getattr__(name: str) -> object:
    """Say which names of SparseConvNet this version does not have."""
    if name in _NOT_YET:
        raise AttributeError(f"SparseConvNet's {name} is not in scn {__version__}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
