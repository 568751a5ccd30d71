"""Ready networks, as compositions of torch modules with SparseConvNet's nesting."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Callable

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
from . import activation, combining, containers, convolution, input_output, linear, normalization, pooling, sparsify
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

if TYPE_CHECKING:
    from typing import ParamSpec

    P = ParamSpec("P")

_LAYERS: dict[str, Any] = {
    name: getattr(source, name)
    for source in (activation, combining, containers, convolution, input_output, linear, normalization, pooling, sparsify)
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
        return linear.Linear(module.nIn, module.nOut, module.has_bias)
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


def _of_torch(build: Callable[P, Any]) -> Callable[P, containers.Sequential]:
    """Return a builder with the arguments and the documentation of one of the package `scn`, which returns torch modules.

    The library alone knows how networks nest. Its own copy goes at once, and leaves its generator as it was; the weights
    are initialised by torch's generator.
    """

    @functools.wraps(build)
    def network(*arguments: P.args, **options: P.kwargs) -> containers.Sequential:
        with _random_state_kept():
            module = build(*map(plain_size, arguments), **{name: plain_size(value) for name, value in options.items()})
        return _remade(module)  # type: ignore[return-value]

    network.__module__ = __name__
    return network


SparseVggNet = _of_torch(numpy_level.SparseVggNet)
SparseResNet = _of_torch(numpy_level.SparseResNet)
SparseDenseNet = _of_torch(numpy_level.SparseDenseNet)
UNet = _of_torch(numpy_level.UNet)
FullyConvolutionalNet = _of_torch(numpy_level.FullyConvolutionalNet)
FullConvolutionalNetIntegratedLinear = _of_torch(numpy_level.FullConvolutionalNetIntegratedLinear)
MultiscaleShapeContext = _of_torch(numpy_level.MultiscaleShapeContext)
