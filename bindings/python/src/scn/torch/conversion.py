"""From modules of the package scn to modules of torch, and back."""

from __future__ import annotations

import importlib
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
    `nn.Linear`, `nn.Flatten` and activations of torch, and the layers of `scn.spconv`, `scn.minkowski` and
    `scn.torchsparse` that do what a layer of the package does, one after the other; a `SyncBatchNormalization` becomes
    a `BatchNormalization`, and a weight that is normalized, pruned or parametrized is taken as it is now. A module that
    appears in several places does so in the result too. Hooks are left behind. Raises `UnsupportedError` for other
    modules: turn one that a program defined itself into a `Sequential` of its parts,
    `scn.torch.Sequential(*net.parts)`, if it applies them one after the other.
    """
    with without_generator():
        return _Conversion(module).converted(module)


class _Conversion:
    """Modules of the package scn for those of a network."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        # Those already made, by their originals.
        self.known: dict[int, NumpyModule] = {}
        self.situation: Any = None

    def converted(self, module: nn.Module) -> NumpyModule:
        """Return the module of the package `scn` for one of torch."""
        if id(module) in self.known:
            return self._after(self.known[id(module)])
        kind = parametrize.type_before_parametrizations(module)
        name = kind.__name__
        result: NumpyModule
        is_dialect = kind.__module__.partition(".")[0] == "scn"
        container = self._dialects().container_of_dialect(module) if is_dialect else None
        if kind is nn.Sequential or (name in numpy_level._CONTAINERS and kind is _LAYERS.get(name)):
            result = self._container(numpy_level._CONTAINERS[name], module)
        elif container is not None:
            result = self._container(numpy_level._CONTAINERS[container], module)
        else:
            made = self._dialects().layer_of_dialect(module, self._situation())
            result = _filled(module, made) if made is not None else self._layer(module)
        result.training = module.training
        self.known[id(module)] = result
        return self._after(result)

    def _after(self, result: NumpyModule) -> NumpyModule:
        if isinstance(result, NumpyLayer):
            self._situation().after(result)
        return result

    @staticmethod
    def _dialects() -> Any:
        # It stands on this package.
        return importlib.import_module("scn.dialects.conversion")

    def _situation(self) -> Any:
        if self.situation is None:
            self.situation = self._dialects().Situation.of(self.network)
        return self.situation

    def _container(self, kind: Any, module: nn.Module) -> NumpyModule:
        # Not `children()`, which lists a module that appears in several places only once.
        children = [child for child in module._modules.values() if child is not None]
        if kind is not numpy_containers.ConcatTable:
            result: NumpyModule = kind(*(self.converted(child) for child in children))
            return result
        situation, parts, branches = self._situation(), [], []
        before = situation.planes
        for child in children:
            situation.planes = before
            parts.append(self.converted(child))
            branches.append(situation.planes)
        situation.planes, situation.branches = None, branches
        return kind(*parts)

    def _layer(self, module: nn.Module) -> NumpyModule:
        result = _layer_of_package(module)
        _fill(result, {path: _attribute(module, path) for path in result._state()}, module)
        return result


def _filled(module: nn.Module, made: Any) -> NumpyModule:
    """Return a layer that a dialect's became, with its parameters and buffers."""
    _fill(made.layer, made.state, module, made.sources)
    result: NumpyModule = made.layer
    return result


def _fill(layer: NumpyModule, values: dict[str, Any], module: nn.Module, sources: Any = None) -> None:
    """Give a layer its state. sources: the paths of parameters in the module, where they are others than here."""
    # An attribute has what a pruned, parametrized or normalized weight is now, whatever the state says.
    layer.load_state_dict({path: entry.detach().cpu().float() for path, entry in values.items()})
    for path, entry in layer._state().items():
        if isinstance(entry, Parameter):
            entry.requires_grad = _is_trained(module, path if sources is None else sources[path])


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
