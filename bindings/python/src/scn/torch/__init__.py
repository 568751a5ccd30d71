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

from .. import _with_torch  # isort: skip  # noqa: F401
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
from ..values.sites import Rulebook, Sites, filter_offsets
from . import SCN, functional, functions
from ._replacements import refuse
from .conversion import from_module, to_module
from .input_batch import InputBatch
from .layers import *
from .layers import __all__ as _layers
from .losses import binary_cross_entropy, cross_entropy
from .metadata import Metadata
from .networks import *
from .networks import __all__ as _networks
from .plotting import matplotlib_cubes, matplotlib_planes, ply_scatter, visdom_scatter
from .saving import checkpoint_restore, checkpoint_save, from_torch_checkpoint
from .segments import (
    broadcast,
    segment_gather,
    segment_max,
    segment_mean,
    segment_pad,
    segment_softmax,
    segment_sum,
)
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
from .voxels import OrderedVoxels, voxelize_in_order

from ._module_paths import install, provide  # isort: skip

__version__: str = version()


# The two counters that are attributes of this module need a class that knows them.
sys.modules[__name__].__class__ = Package
provide(sys.modules[__name__])
_old_modules.provide(__name__)

if not TYPE_CHECKING:  # Checkers should keep rejecting what does not exist.

    def __getattr__(name):
        refuse(name)


__all__ = [
    "SCN",
    "ClassificationResult",
    "ClassificationTrainValidate",
    "CoordinateError",
    "Error",
    "FormatError",
    "ForwardCounts",
    "InputBatch",
    "InvalidArgumentError",
    "Metadata",
    "OrderedVoxels",
    "OutOfMemoryError",
    "Rulebook",
    "ShapeError",
    "Sites",
    "SparseConvNetTensor",
    "StateError",
    "UnsupportedError",
    "batch_location_tensors",
    "binary_cross_entropy",
    "broadcast",
    "checkpoint_restore",
    "checkpoint_save",
    "cpu_description",
    "cross_entropy",
    "filter_offsets",
    "from_module",
    "from_torch_checkpoint",
    "functional",
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
    "ply_scatter",
    "prepare_BLInput",
    "random_rotation",
    "segment_gather",
    "segment_max",
    "segment_mean",
    "segment_pad",
    "segment_softmax",
    "segment_sum",
    "set_forward_counts",
    "set_num_threads",
    "spectral_norm_svd",
    "squareroot_rotation",
    "threadDatasetIterator",
    "toLongTensor",
    "to_module",
    "version",
    "visdom_scatter",
    "voxelize_in_order",
    "voxelize_pointcloud",
]
__all__ += _layers
__all__ += _networks
