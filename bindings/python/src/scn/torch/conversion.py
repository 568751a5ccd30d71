"""From modules of the package scn to modules of torch, and back."""

from __future__ import annotations

import inspect
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
from . import activation, combining, containers, convolution, input_output, linear, normalization, pooling, sparsify
from .layer import plain_size
from .sync_normalization import SyncBatchNormalization

__all__ = ["from_module", "to_module"]

_LAYERS: dict[str, Any] = {
    name: getattr(source, name)
    for source in (activation, combining, containers, convolution, input_output, linear, normalization, pooling, sparsify)
    for name in source.__all__
}

# torch's own that do what a layer of the package does: its name there, and what must hold.
_OF_TORCH: dict[type[nn.Module], tuple[str, Any]] = {
    nn.Flatten: ("Flatten", lambda module: module.start_dim == 1 and module.end_dim == -1),
    nn.Linear: ("Linear", lambda module: True),
    nn.Identity: ("Identity", lambda module: True),
    nn.ReLU: ("ReLU", lambda module: True),
    nn.ELU: ("ELU", lambda module: module.alpha == 1),
    nn.SELU: ("SELU", lambda module: True),
    nn.Tanh: ("Tanh", lambda module: True),
    nn.Sigmoid: ("Sigmoid", lambda module: True),
    nn.LeakyReLU: ("LeakyReLU", lambda module: True),
}
_TORCH_NAMES = {"nIn": "in_features", "nOut": "out_features", "leak": "negative_slope"}


def from_module(module: NumpyModule) -> nn.Module:
    """Return the torch module for a module of the package `scn`, with copies of its parameters and buffers.

    So `scn.torch.from_module(scn.load(path))` continues what any program saved. Raises `UnsupportedError` for types that
    a program wrote itself.
    """
    result = remade(module)
    result.load_state_dict({name: torch.tensor(entry.numpy()) for name, entry in module._state().items()})
    return result


def remade(module: NumpyModule) -> nn.Module:
    """Return a torch module like one of the package `scn`, initialised anew."""
    name = type(module).__name__
    result: nn.Module
    if isinstance(module, (numpy_containers.Sequential, numpy_containers.ConcatTable)) and name in _LAYERS:
        result = _LAYERS[name](*map(remade, module))
    elif isinstance(module, Linear):
        result = linear.Linear(module.nIn, module.nOut, module.has_bias)
    elif isinstance(module, Flatten):
        result = nn.Flatten()
    elif isinstance(module, NumpyLayer) and name in _LAYERS:
        kind = _LAYERS[name]
        # Modules without arguments of their own have those of nn.Module, which are none.
        own = inspect.signature(kind).parameters if kind.__init__ is not nn.Module.__init__ else ()
        result = kind(**{argument: getattr(module, "has_bias" if argument == "bias" else argument) for argument in own})
    else:
        raise UnsupportedError(f"scn.torch has no module {name}")
    result.training = module.training
    return result


def to_module(module: nn.Module) -> NumpyModule:
    """Return the module of the package `scn` for a torch module, with copies of its parameters and buffers as float32.

    So `scn.save(scn.torch.to_module(net), path)` writes what programs in C, C++ and Swift open, and
    `scn.optimize_for_inference` makes fast. It takes the layers and containers of `scn.torch`, `nn.Sequential`, `nn.Linear`,
    `nn.Flatten` and activations of torch; a `SyncBatchNormalization` becomes a `BatchNormalization`, and of a spectral norm
    stays the weight of the last pass. Raises `UnsupportedError` for others: of a module that a program wrote itself make a
    `Sequential` of its parts, `scn.torch.Sequential(*net.parts)`, where it applies them one after the other.
    """
    with _random_state_kept():
        result = _of_package(module)
    result.load_state_dict({name: values.detach().float() for name, values in _plain_state(module)})
    return result


def _plain_state(module: nn.Module) -> list[tuple[str, torch.Tensor]]:
    normalised = {path for path, child in module.named_modules() if "weight_orig" in child._parameters}
    left = {f"{path}.{name}".lstrip(".") for path in normalised for name in ("weight_orig", "weight_u")}
    return [(name, values) for name, values in module.state_dict().items() if name not in left]


def _of_package(module: nn.Module) -> NumpyModule:
    """Return a module of the package `scn` like one of torch, initialised anew."""
    kind, name = type(module), type(module).__name__
    result: NumpyModule
    if kind is nn.Sequential or (name in numpy_level._CONTAINERS and kind is _LAYERS.get(name)):
        result = numpy_level._CONTAINERS[name](*map(_of_package, module.children()))
    else:
        result = _layer_of_package(module)
    result.training = module.training
    return result


def _layer_of_package(module: nn.Module) -> NumpyLayer:
    kind, name = type(module), type(module).__name__
    if kind is SyncBatchNormalization:
        name = "BatchNormalization"
    elif kind in _OF_TORCH and _OF_TORCH[kind][1](module):
        name = _OF_TORCH[kind][0]
    elif kind is not _LAYERS.get(name) or name not in numpy_level._LAYERS:
        raise UnsupportedError(
            f"package scn has no module for {kind.__module__}.{kind.__qualname__}; where it applies others one after the "
            "other, make a scn.torch.Sequential of them"
        )
    target = numpy_level._LAYERS[name]
    # Layers without arguments of their own show none.
    arguments = {argument: _argument(module, argument) for argument in inspect.signature(target).parameters}
    return target(**arguments)


def _argument(module: nn.Module, name: str) -> Any:
    """Return what a layer was made with."""
    if name == "bias":
        return module.bias is not None
    if name == "mode" and isinstance(module, input_output.InputLayer):
        return module._mode_now()
    value = getattr(module, name) if hasattr(module, name) else getattr(module, _TORCH_NAMES.get(name, name))
    return plain_size(value)
