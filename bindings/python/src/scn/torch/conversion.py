"""From modules of the package scn to modules of torch, and back."""

from __future__ import annotations

import inspect
from typing import Any, Optional

import torch
from torch import nn
from torch.nn.utils import parametrize

from .._messages import instance_of, type_of
from .._native.scope import without_generator
from ..errors import UnsupportedError
from ..nn import containers as numpy_containers
from ..nn import networks as numpy_level
from ..nn.input_output import Flatten
from ..nn.layer import Layer as NumpyLayer
from ..nn.linear import Linear
from ..nn.module import Module as NumpyModule
from ..values.tensor import Parameter
from . import layers
from .layers import input_output, linear, sparsify
from .layers.layer import plain_size
from .layers.sync_normalization import SyncBatchNormalization

__all__ = ["from_module", "to_module"]

_LAYERS: dict[str, Any] = {name: getattr(layers, name) for name in layers.__all__}

# Modules of torch that do what a layer of the package does: its name there, and what must hold.
_OF_TORCH: dict[type[nn.Module], tuple[str, Any]] = {
    nn.Flatten: ("Flatten", lambda module: module.start_dim == 1 and module.end_dim == -1),
    nn.Linear: ("Linear", lambda module: True),
    nn.Identity: ("Identity", lambda module: True),
    nn.ReLU: ("ReLU", lambda module: True),
    nn.ELU: ("ELU", lambda module: module.alpha == 1),
    nn.SELU: ("SELU", lambda module: True),
    nn.Tanh: ("Tanh", lambda module: True),
    nn.Sigmoid: ("Sigmoid", lambda module: True),
    nn.GELU: ("GELU", lambda module: module.approximate == "none"),
    nn.SiLU: ("SiLU", lambda module: True),
    nn.Hardswish: ("Hardswish", lambda module: True),
    nn.Softplus: ("Softplus", lambda module: module.beta == 1),
    nn.LeakyReLU: ("LeakyReLU", lambda module: True),
}
_TORCH_NAMES = {"nIn": "in_features", "nOut": "out_features", "leak": "negative_slope"}


def from_module(module: NumpyModule) -> nn.Module:
    """Return the torch module for a module of the package `scn`, with copies of its parameters and buffers.

    So `scn.torch.from_module(scn.load(path))` continues what any program saved. A module that appears in several places
    does so in the result too. Raises `UnsupportedError` for types that a program defined itself, and for spectral
    norms.
    """
    state = module._state()
    if any(name.rpartition(".")[2] == "weight_orig" for name in state):
        raise UnsupportedError("module: has a spectral norm, expected none")
    result = remade(module)
    result.load_state_dict({name: torch.tensor(entry.numpy()) for name, entry in state.items()})
    for name, values in result.named_parameters():
        values.requires_grad_(state[name].requires_grad)
    return result


def remade(module: NumpyModule, known: Optional[dict[int, nn.Module]] = None) -> nn.Module:
    """Return a torch module like one of the package `scn`, newly initialized. known: those already made, by their
    originals."""
    known = {} if known is None else known
    if id(module) not in known:
        known[id(module)] = _remade(module, known)
    return known[id(module)]


def _remade(module: NumpyModule, known: dict[int, nn.Module]) -> nn.Module:
    name = type(module).__name__
    result: nn.Module
    if isinstance(module, (numpy_containers.Sequential, numpy_containers.ConcatTable)) and name in _LAYERS:
        result = _LAYERS[name](*(remade(child, known) for child in module))
    elif isinstance(module, Linear):
        result = linear.Linear(module.nIn, module.nOut, module.has_bias)
    elif isinstance(module, Flatten):
        result = nn.Flatten()
    elif isinstance(module, NumpyLayer) and name in _LAYERS:
        own = inspect.signature(type(module)).parameters
        attributes = {argument: "has_bias" if argument == "bias" else argument for argument in own}
        result = _LAYERS[name](**{argument: getattr(module, attribute) for argument, attribute in attributes.items()})
    else:
        raise UnsupportedError(f"module: is {type_of(module)}, expected a module that scn.torch has too")
    result.training = module.training
    return result


def to_module(module: nn.Module) -> NumpyModule:
    """Return the module of the package `scn` for a torch module, with copies of its parameters and buffers as float32.

    So `scn.save(scn.torch.to_module(net), path)` writes what programs in C, C++ and Swift open, and
    `scn.optimize_for_inference` makes fast. It takes the layers and containers of `scn.torch`, `nn.Sequential`,
    `nn.Linear`, `nn.Flatten` and activations of torch; a `SyncBatchNormalization` becomes a `BatchNormalization`, and a
    weight that is normalized, pruned or parametrized is taken as it is now. A module that appears in several places
    does so in the result too. Hooks are left behind. Raises `UnsupportedError` for other modules: turn one that a
    program defined itself into a `Sequential` of its parts, `scn.torch.Sequential(*net.parts)`, if it applies them one
    after the other.
    """
    with without_generator():
        return _of_package(module, {})


def _of_package(module: nn.Module, known: dict[int, NumpyModule]) -> NumpyModule:
    """Return the module of the package `scn` for one of torch. known: those already made, by their originals."""
    if id(module) in known:
        return known[id(module)]
    kind = parametrize.type_before_parametrizations(module)
    name = kind.__name__
    result: NumpyModule
    if kind is nn.Sequential or (name in numpy_level._CONTAINERS and kind is _LAYERS.get(name)):
        # Not `children()`, which lists a module that appears in several places only once.
        children = [child for child in module._modules.values() if child is not None]
        result = numpy_level._CONTAINERS[name](*(_of_package(child, known) for child in children))
    else:
        result = _layer_of_package(module)
        state = result._state()
        # An attribute has what a pruned, parametrized or normalized weight is now, whatever the state says.
        result.load_state_dict({path: _attribute(module, path).detach().float() for path in state})
        for path, entry in state.items():
            if isinstance(entry, Parameter):
                entry.requires_grad = _is_trained(module, path)
    result.training = module.training
    known[id(module)] = result
    return result


def _is_trained(module: nn.Module, path: str) -> bool:
    """Return whether a parameter, or any that it is computed from, gets gradients."""
    values = _attribute(module, path)
    if isinstance(values, nn.Parameter):
        return values.requires_grad
    return any(parameter.requires_grad for parameter in module.parameters())


def _attribute(module: nn.Module, path: str) -> torch.Tensor:
    found: Any = module
    for name in path.split("."):
        found = getattr(found, name)
    return found  # type: ignore[no-any-return]


def _layer_of_package(module: nn.Module) -> NumpyLayer:
    kind = parametrize.type_before_parametrizations(module)
    name = kind.__name__
    if kind is SyncBatchNormalization:
        name = "BatchNormalization"
    elif kind in _OF_TORCH and _OF_TORCH[kind][1](module):
        name = _OF_TORCH[kind][0]
    elif kind is not _LAYERS.get(name) or name not in NumpyLayer._classes:
        raise UnsupportedError(
            f"module: is {instance_of(kind)}, expected one that package scn has too; where it applies others one after the "
            "other, make a scn.torch.Sequential of them"
        )
    if not getattr(module, "affine", True) and name == "SparseGroupNorm":
        raise UnsupportedError("module: is a SparseGroupNorm without weight and bias, expected one that has them")
    if isinstance(module, sparsify.Sparsify):
        usual = sparsify.usual_threshold(module.activation)
        if module.threshold != usual:
            raise UnsupportedError(f"module: is a Sparsify with the threshold {module.threshold}, expected {usual}")
    target = NumpyLayer._classes[name]
    # Layers without arguments of their own show none.
    arguments = {argument: _argument(module, argument) for argument in inspect.signature(target).parameters}
    made: NumpyLayer = target(**arguments)
    return made


def _argument(module: nn.Module, name: str) -> Any:
    """Return what a layer was made with."""
    if name == "bias":
        return getattr(module, "bias", None) is not None
    if name == "mode" and isinstance(module, input_output.InputLayer):
        return module._mode_now()
    value = getattr(module, name) if hasattr(module, name) else getattr(module, _TORCH_NAMES.get(name, name))
    return plain_size(value)
