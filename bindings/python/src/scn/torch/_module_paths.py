"""The modules that SparseConvNet's package has, and how a program finds them under the name sparseconvnet."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import torch

from ..errors import StateError
from . import _function_classes
from .layers import sparsify

# Each file of SparseConvNet's package, and what it defines.
_MODULES = {
    "activations": "BatchNormELU ELU LeakyReLU ReLU SELU Sigmoid Tanh",
    "averagePooling": "AveragePooling AveragePoolingFunction",
    "batchNormalization": "BatchNormLeakyReLU BatchNormReLU BatchNormalization BatchNormalizationFunction MeanOnlyBNLeakyReLU "
    "SparseGroupNorm",
    "classificationTrainValidate": "ClassificationTrainValidate",
    "convolution": "Convolution ConvolutionFunction",
    "deconvolution": "Deconvolution DeconvolutionFunction",
    "denseToSparse": "DenseToSparse DenseToSparseFunction",
    "dropout": "BatchwiseDropout Dropout",
    "fullConvolution": "FullConvolution FullConvolutionFunction TransposeConvolution",
    "identity": "Identity",
    "inputBatch": "InputBatch",
    "ioLayers": "BLInputLayer BLInputLayerFunction BLOutputLayer BLOutputLayerFunction InputLayer InputLayerFunction "
    "InputLayerInput OutputLayer OutputLayerFunction",
    "maxPooling": "MaxPooling MaxPoolingFunction",
    "metadata": "Metadata",
    "networkArchitectures": "FullConvolutionalNetIntegratedLinear FullyConvolutionalNet SparseResNet SparseVggNet UNet",
    "networkInNetwork": "NetworkInNetwork NetworkInNetworkFunction",
    "permutohedralSubmanifoldConvolution": "PermutohedralSubmanifoldConvolution "
    "PermutohedralSubmanifoldConvolutionFunction permutohedral_basis",
    "randomizedStrideConvolution": "RandomizedStrideConvolution RandomizedStrideConvolutionFunction",
    "randomizedStrideMaxPooling": "RandomizedStrideMaxPooling RandomizedStrideMaxPoolingFunction",
    "sequential": "CheckpointedSequential Sequential",
    "shapeContext": "MultiscaleShapeContext ShapeContext ShapeContextFunction",
    "sparseConvNetTensor": "SparseConvNetTensor",
    "sparseToDense": "SparseToDense SparseToDenseFunction",
    "sparsify": "FakeGradHardSigmoid FakeGradHardSigmoidFunction Sparsify SparsifyFCS",
    "spectral_norm": "spectral_norm",
    "submanifoldConvolution": "SubmanifoldConvolution SubmanifoldConvolutionFunction ValidConvolution",
    "tables": "AddTable ConcatTable JoinTable",
    "unPooling": "UnPooling UnPoolingFunction",
    "utils": "AddCoords Metadata SparseConvNetTensor VerboseIdentity add_feature_planes append_tensors batch_location_tensors "
    "checkpoint101 checkpoint_restore checkpoint_save compare_sparse concatenate_feature_planes has_only_one_nonzero_digit "
    "is_power2 is_square matplotlib_cubes matplotlib_planes optionalTensor optionalTensorReturn pad_with_batch_idx ply_scatter "
    "prepare_BLInput random_rotation spectral_norm_svd squareroot_rotation threadDatasetIterator toLongTensor visdom_scatter "
    "voxelize_pointcloud",
}


def provide(package: ModuleType) -> None:
    """Make the modules of the table from what scn.torch has."""
    common = {"torch": torch}
    common.update({name: getattr(package, name) for name in _MODULES["utils"].split()})
    for name, text in _MODULES.items():
        path = f"{package.__name__}.{name}"
        found = {word: _found(package, word) for word in text.split()}
        module = sys.modules.get(path)
        if module is None:
            module = sys.modules[path] = ModuleType(path, f"SparseConvNet's module {name}.")
            # There, most modules also show what utils has.
            module.__dict__.update(common)
            package.__dict__.setdefault(name, module)
        module.__dict__.update(found)


def _found(package: ModuleType, name: str) -> Any:
    for source in (package, _function_classes, sparsify):
        if name in source.__dict__:
            return source.__dict__[name]
    raise AssertionError(f"scn.torch has no {name}")


def install() -> None:
    """Let `import sparseconvnet` find scn.torch, in this process, from now on: programs then run unchanged.

        import scn.torch
        scn.torch.install()
        import sparseconvnet as scn
        from sparseconvnet.utils import toLongTensor

    `python -m scn.torch program.py` does this for a whole program. Raises `StateError` if SparseConvNet itself has
    already been imported.
    """
    package = sys.modules[__package__]
    known = sys.modules.get("sparseconvnet")
    if known is not None and known is not package:
        where = getattr(known, "__file__", "elsewhere")
        raise StateError(f"sparseconvnet: is imported from {where} already, expected install() before any import of it")
    sys.modules["sparseconvnet"] = package
    for name in (*_MODULES, "SCN"):
        sys.modules[f"sparseconvnet.{name}"] = sys.modules[f"{__package__}.{name}"]
