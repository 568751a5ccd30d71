"""Ready networks, as compositions of torch modules with SparseConvNet's nesting."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from .. import containers as numpy_containers
from .. import networks as numpy_level
from ..errors import UnsupportedError
from ..input_output import Flatten
from ..layer import Layer as NumpyLayer
from ..layer import _random_state_kept
from ..linear import Linear
from ..module import Module as NumpyModule
from . import activation, combining, containers, convolution, input_output, normalization, pooling, sparsify
from .layer import plain_size

__all__ = [
    "FullConvolutionalNetIntegratedLinear",
    "FullyConvolutionalNet",
    "MultiscaleShapeContext",
    "SparseDenseNet",
    "SparseResNet",
    "SparseVggNet",
    "UNet",
    "from_module",
]

_LAYERS: dict[str, Any] = {
    name: getattr(source, name)
    for source in (activation, combining, containers, convolution, input_output, normalization, pooling, sparsify)
    for name in source.__all__
}


def from_module(module: NumpyModule) -> nn.Module:
    """Return the torch module for a module of the package `scn`, with copies of its parameters and buffers.

    So `scn.torch.from_module(scn.load(path))` continues what any program saved. Raises `UnsupportedError` for types that
    a program wrote itself.
    """
    result = _remade(module)
    result.load_state_dict({name: torch.tensor(entry.numpy()) for name, entry in module._state().items()})
    return result.train(module.training)


def _remade(module: NumpyModule) -> nn.Module:
    """Return a torch module like one of the package `scn`, initialised anew."""
    name = type(module).__name__
    if isinstance(module, (numpy_containers.Sequential, numpy_containers.ConcatTable)) and name in _LAYERS:
        container: nn.Module = _LAYERS[name](*map(_remade, module))
        return container
    if isinstance(module, Linear):
        return nn.Linear(module.nIn, module.nOut, module.has_bias)
    if isinstance(module, Flatten):
        return nn.Flatten()
    if not isinstance(module, NumpyLayer) or name not in _LAYERS:
        raise UnsupportedError(f"scn.torch has no module {name}")
    kind, arguments = _LAYERS[name], {}
    # Modules without arguments of their own have those of nn.Module, which are none.
    own = inspect.signature(kind).parameters if kind.__init__ is not nn.Module.__init__ else ()
    for argument in own:
        arguments[argument] = getattr(module, "has_bias" if argument == "bias" else argument)
    layer: nn.Module = kind(**arguments)
    return layer


def _built(build: Any, *arguments: Any, **options: Any) -> Any:
    """Return a network of the library as torch modules, initialised by torch's generator.

    The library alone knows how networks nest; its own copy goes at once, and leaves its generator as it was.
    """
    with _random_state_kept():
        module = build(*map(plain_size, arguments), **{name: plain_size(value) for name, value in options.items()})
    return _remade(module)


def SparseVggNet(dimension: int, nInputPlanes: int, layers: str | Sequence[Any]) -> containers.Sequential:
    """Return SparseConvNet's VGG net, a `Sequential`; layers: as in `scn.SparseVggNet`."""
    return _built(numpy_level.SparseVggNet, dimension, nInputPlanes, layers)  # type: ignore[no-any-return]


def SparseResNet(dimension: int, nInputPlanes: int, layers: str | Sequence[Any]) -> containers.Sequential:
    """Return SparseConvNet's pre-activation residual network, a `Sequential`; layers: as in `scn.SparseResNet`."""
    return _built(numpy_level.SparseResNet, dimension, nInputPlanes, layers)  # type: ignore[no-any-return]


def SparseDenseNet(dimension: int, nInputPlanes: int, layers: str | Sequence[Any]) -> containers.Sequential:
    """Return a DenseNet of submanifold convolutions, a `Sequential`; layers: as in `scn.SparseDenseNet`."""
    return _built(numpy_level.SparseDenseNet, dimension, nInputPlanes, layers)  # type: ignore[no-any-return]


def UNet(
    dimension: int,
    reps: int,
    nPlanes: Sequence[int],
    residual_blocks: bool = False,
    downsample: Sequence[Any] = (2, 2),
    leakiness: float = 0,
    n_input_planes: int = -1,
) -> containers.Sequential:
    """Return SparseConvNet's U-Net, a `Sequential` from n_input_planes (-1: nPlanes[0]) to nPlanes[0] planes, same sites.

    reps: blocks a level, on the way down and again on the way up. nPlanes: an entry for each level, the finest first.
    residual_blocks: blocks of two submanifold convolutions around which their input goes, not of one alone. downsample:
    size and stride of the convolutions between levels, each an integer or one for each axis. leakiness: of the
    activations, 0 is ReLU.
    """
    more = (residual_blocks, downsample, leakiness, n_input_planes)
    return _built(numpy_level.UNet, dimension, reps, nPlanes, *more)  # type: ignore[no-any-return]


def FullyConvolutionalNet(
    dimension: int,
    reps: int,
    nPlanes: Sequence[int],
    residual_blocks: bool = False,
    downsample: Sequence[Any] = (2, 2),
) -> containers.Sequential:
    """Return SparseConvNet's fully convolutional network, a `Sequential` from nPlanes[0] to sum(nPlanes) planes.

    At each level blocks, and a way down to the next level whose result is copied up by un-pooling and joined with what
    the level had. The arguments are those of `UNet`.
    """
    more = (residual_blocks, downsample)
    return _built(numpy_level.FullyConvolutionalNet, dimension, reps, nPlanes, *more)  # type: ignore[no-any-return]


def FullConvolutionalNetIntegratedLinear(
    dimension: int,
    reps: int,
    nPlanes: Sequence[int],
    nClasses: int = -1,
    residual: bool = False,
    downsample: Sequence[Any] = (2, 2),
    leakiness: float = 0,
) -> containers.Sequential:
    """Return a fully convolutional network that scores classes, a `Sequential` from nPlanes[0] to nClasses planes.

    As `FullyConvolutionalNet`, but each level scores the classes by a linear layer of its own; the scores are copied up
    by un-pooling and added. nClasses -1: nPlanes[0]. Only the coarsest level's linear layer has a bias. The other
    arguments are those of `UNet`.
    """
    build, more = numpy_level.FullConvolutionalNetIntegratedLinear, (nClasses, residual, downsample, leakiness)
    return _built(build, dimension, reps, nPlanes, *more)  # type: ignore[no-any-return]


def MultiscaleShapeContext(
    dimension: int,
    n_features: int = 1,
    n_layers: int = 3,
    shape_context_size: Any = 3,
    downsample_size: Any = 2,
    downsample_stride: Any = 2,
    bn: bool = True,
) -> containers.Sequential:
    """Return the shape contexts of the sites and of n_layers - 1 coarser levels side by side, a `Sequential`.

    The arguments are those of `scn.MultiscaleShapeContext`.
    """
    more = (shape_context_size, downsample_size, downsample_stride, bn)
    return _built(  # type: ignore[no-any-return]
        numpy_level.MultiscaleShapeContext, dimension, n_features, n_layers, *more
    )
