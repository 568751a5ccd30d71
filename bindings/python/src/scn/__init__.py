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

import sys
from typing import TYPE_CHECKING

from . import _old_modules, functional, optim
from .conversion.pytorch_files import from_torch_checkpoint
from .conversion.weights import (
    weights_from_minkowski_engine,
    weights_from_sparseconvnet_permutohedral,
    weights_from_spconv,
    weights_from_torchsparse,
    weights_to_minkowski_engine,
    weights_to_spconv,
    weights_to_torchsparse,
)
from .counts import ForwardCounts, Package, get_forward_counts, set_forward_counts
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
from .nn import *
from .nn import __all__ as _modules
from .settings import (
    cpu_description,
    get_num_threads,
    live_handles,
    manual_seed,
    memory_in_use,
    set_num_threads,
    version,
)
from .stand_in import stand_in
from .training.losses import binary_cross_entropy, cross_entropy
from .training.optimizers import SGD, Adam, AdamW, Optimizer, clip_grad_norm_
from .training.saving import checkpoint_restore, checkpoint_save, load, restore, save
from .training.schedules import CosineSchedule, ExponentialSchedule, StepSchedule
from .training.train_validate import ClassificationResult, ClassificationTrainValidate
from .utilities import (
    batch_location_tensors,
    is_power2,
    pad_with_batch_idx,
    prepare_BLInput,
    random_rotation,
    squareroot_rotation,
    voxelize_pointcloud,
)
from .values.autocast import autocast
from .values.grad_mode import enable_grad, is_grad_enabled, no_grad
from .values.metadata import Metadata
from .values.segments import (
    broadcast,
    segment_gather,
    segment_max,
    segment_mean,
    segment_pad,
    segment_softmax,
    segment_sum,
)
from .values.sites import Rulebook, Sites, filter_offsets
from .values.sparse import SparseConvNetTensor
from .values.tensor import Parameter, Tensor, from_numpy, tensor
from .values.voxels import OrderedVoxels, Voxels, voxelize, voxelize_in_order
from .viewing import show

__version__: str = version()
_old_modules.provide(__name__)

# The two counters that are attributes of this module need a class that knows them.
sys.modules[__name__].__class__ = Package

if not TYPE_CHECKING:  # Checkers should keep rejecting what does not exist.

    def __getattr__(name):
        is_package = name in ("minkowski", "spconv", "torch", "torchsparse")
        hint = f"; it is a package of its own, which needs PyTorch: import scn.{name}" if is_package else ""
        error = AttributeError(f"module 'scn' has no attribute {name!r}{hint}")
        error.name, error.obj = name, sys.modules[__name__]  # Python then says which names are like it.
        raise error


__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "ClassificationResult",
    "ClassificationTrainValidate",
    "CoordinateError",
    "CosineSchedule",
    "Error",
    "ExponentialSchedule",
    "FileError",
    "FormatError",
    "ForwardCounts",
    "HandleError",
    "InternalError",
    "InvalidArgumentError",
    "Metadata",
    "Optimizer",
    "OrderedVoxels",
    "OutOfMemoryError",
    "Parameter",
    "ParametersOnlyWarning",
    "Rulebook",
    "ShapeError",
    "Sites",
    "SizeOverflowError",
    "SparseConvNetTensor",
    "StateError",
    "StepSchedule",
    "Tensor",
    "UnsupportedError",
    "Voxels",
    "autocast",
    "batch_location_tensors",
    "binary_cross_entropy",
    "broadcast",
    "checkpoint_restore",
    "checkpoint_save",
    "clip_grad_norm_",
    "cpu_description",
    "cross_entropy",
    "enable_grad",
    "filter_offsets",
    "from_numpy",
    "from_torch_checkpoint",
    "functional",
    "get_forward_counts",
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
    "segment_gather",
    "segment_max",
    "segment_mean",
    "segment_pad",
    "segment_softmax",
    "segment_sum",
    "set_forward_counts",
    "set_num_threads",
    "show",
    "squareroot_rotation",
    "stand_in",
    "tensor",
    "version",
    "voxelize",
    "voxelize_in_order",
    "voxelize_pointcloud",
    "weights_from_minkowski_engine",
    "weights_from_sparseconvnet_permutohedral",
    "weights_from_spconv",
    "weights_from_torchsparse",
    "weights_to_minkowski_engine",
    "weights_to_spconv",
    "weights_to_torchsparse",
]
__all__ += _modules
