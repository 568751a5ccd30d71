"""Layers of spconv, MinkowskiEngine and torchsparse as modules of the package scn, for `scn.torch.to_module`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Optional

import torch
from torch import nn

from .. import nn as numpy_level
from .._messages import instance_of
from ..conversion.weights import weights_from_minkowski_engine, weights_from_spconv, weights_from_torchsparse
from ..errors import UnsupportedError
from ..nn.layer import Layer

__all__ = ["Made", "Situation", "container_of_dialect", "layer_of_dialect"]


class Made(NamedTuple):
    """A layer of the package, and what its parameters and buffers hold, each with the path of that of torch."""

    layer: Layer
    state: dict[str, Any]
    sources: dict[str, str]


@dataclass
class Situation:
    """What the layers before one have left behind."""

    planes: Optional[int] = None
    """Of what goes in, where that is known."""
    dimension: Optional[int] = None
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The filters of spconv's strided layers, by their `indice_key`."""
    reversed: frozenset[Any] = frozenset()
    """The sizes and strides of MinkowskiEngine's and torchsparse's layers that a transposed one leads back from."""

    branches: list[Optional[int]] = field(default_factory=list)
    """The planes of what a table with branches returned."""

    @classmethod
    def of(cls, network: nn.Module) -> Situation:
        """Return the situation before the first layer of a network."""
        steps = (_step_back(module) for module in network.modules())
        return cls(reversed=frozenset(step for step in steps if step is not None))

    def after(self, layer: Layer) -> None:
        """Note how many planes a layer of the package returns."""
        if isinstance(layer, numpy_level.JoinTable):
            known = [planes for planes in self.branches if planes is not None]
            self.planes = sum(known) if len(known) == len(self.branches) else None
        elif isinstance(layer, numpy_level.AddTable):
            self.planes = self.branches[0] if self.branches else None
        else:
            self.planes = layer.__dict__.get("nOut", self.planes)


_Converter = Callable[[Any, Situation], Made]


def container_of_dialect(module: nn.Module) -> Optional[str]:
    """Return the name of the package's container for a dialect's; None for others."""
    return _CONTAINERS.get(type(module).__name__) if _origin(module) == "spconv" else None


def layer_of_dialect(module: nn.Module, situation: Situation) -> Optional[Made]:
    """Return the layer for one of a dialect, or for one of torch that dialects have between theirs; None for others.

    Raises `UnsupportedError` for a layer of a dialect that the package has no module for.
    """
    origin = _origin(module)
    if origin is None:
        between = _BETWEEN.get(type(module)) if situation.dimension is not None else None
        return None if between is None else between(module, situation)
    family = next((kind.__name__ for kind in type(module).__mro__ if kind.__name__ in _CONVERTERS[origin]), None)
    if family is None:
        raise unsupported(module, "a layer that package scn has too")
    made = _CONVERTERS[origin][family](module, situation)
    situation.dimension = made.layer.__dict__.get("dimension", situation.dimension)
    return made


def unsupported(module: nn.Module, expected: str) -> UnsupportedError:
    """Return the error for a layer that the package has no module for."""
    return UnsupportedError(f"module: is {instance_of(type(module))}, expected {expected}")


def _origin(module: nn.Module) -> Optional[str]:
    for kind in type(module).__mro__:
        parts = kind.__module__.split(".")
        if parts[0] == "scn" and len(parts) > 1 and parts[1] in _CONVERTERS:
            return parts[1]
    return None


def _step_back(module: Any) -> Optional[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return the size and the stride of a transposed layer that leads back to known sites; None for others."""
    origin = _origin(module)
    if origin == "minkowski" and getattr(module, "is_transpose", False):
        generator = module.kernel_generator
        if type(module).__name__ != "MinkowskiGenerativeConvolutionTranspose" and not generator.expand_coordinates:
            return tuple(generator.kernel_size), tuple(generator.kernel_stride)
    if origin == "torchsparse" and getattr(module, "transposed", False) and not getattr(module, "generative", False):
        return tuple(module.kernel_size), tuple(module.stride)
    return None


def _cells(
    module: Any, situation: Situation, size: list[int], stride: list[int], dilation: list[int], is_back: bool
) -> Optional[Layer]:
    """Return the layer whose filter is as large as its stride, where the network leads back from it, or does so there;
    None for others."""
    if (tuple(size), tuple(stride)) not in situation.reversed:
        return None
    planes, has_bias = (module.in_channels, module.out_channels), module.bias is not None
    if size == stride and all(length == 1 or length % 2 == 0 for length in size) and set(dilation) == {1}:
        kind = numpy_level.Deconvolution if is_back else numpy_level.Convolution
        return kind(len(size), *planes, size, stride, has_bias)
    if is_back:
        raise unsupported(
            module, "one whose kernel is as large as its stride and even on each axis, or a generative one"
        )
    return None


def _with_bias(layer: Layer, module: Any, weight: Any, name: str = "weight") -> Made:
    state, sources = {"weight": weight}, {"weight": name}
    if module.bias is not None:
        state["bias"], sources["bias"] = module.bias.detach().reshape(-1), "bias"
    return Made(layer, state, sources)


def _batch_norm(module: Any, situation: Situation) -> Made:
    if not module.track_running_stats or module.momentum is None:
        raise unsupported(module, "one that has running statistics, and a momentum")
    layer = numpy_level.BatchNormalization(module.num_features, module.eps, 1 - module.momentum, module.affine)
    names = ["running_mean", "running_var", *(["weight", "bias"] if module.affine else [])]
    situation.planes = module.num_features
    return _with_own(layer, module, names)


def _with_own(layer: Layer, module: Any, names: Sequence[str]) -> Made:
    """Return a layer whose parameters and buffers have the names and the numbers of a module's."""
    return Made(layer, {name: getattr(module, name).reshape(-1) for name in names}, {name: name for name in names})


def _within(made: Made, name: str) -> Made:
    """Return what was made of a module inside of another one."""
    return Made(made.layer, made.state, {own: f"{name}.{source}" for own, source in made.sources.items()})


def _affine(module: Any) -> list[str]:
    """Return the names of the weight and the bias of a norm, if it has them."""
    given = [name for name in ("weight", "bias") if getattr(module, name, None) is not None]
    if len(given) == 1:
        raise unsupported(module, "one with weight and bias, or with neither")
    return given


def _layer_norm(module: Any, situation: Situation) -> Made:
    if len(module.normalized_shape) != 1:
        raise unsupported(module, "one that normalizes planes")
    names = _affine(module)
    return _with_own(numpy_level.LayerNorm(module.normalized_shape[0], module.eps, bool(names)), module, names)


def _prelu(module: Any, situation: Situation) -> Made:
    return _with_own(numpy_level.PReLU(module.num_parameters), module, ["weight"])


def _dropout(module: Any, situation: Situation) -> Made:
    if module.training:
        raise unsupported(module, "one in evaluation, where it does nothing: call eval() before")
    return Made(numpy_level.Identity(), {}, {})


def _inside(convert: _Converter) -> _Converter:
    """Return what converts a module whose attribute `module` another converter takes."""

    def convert_inner(module: Any, situation: Situation) -> Made:
        return _within(convert(module.module, situation), "module")

    return convert_inner


# spconv


def _spconv_convolution(module: Any, situation: Situation) -> Made:
    dimension, size = module.ndim, list(module.kernel_size)
    if module.act_type.name != "None_":
        raise unsupported(module, "one without act_type")
    planes, options = (module.in_channels, module.out_channels), {"dilation": module.dilation}
    has_bias, groups = module.bias is not None, module.groups
    strided = {"padding": module.padding, **options}
    weight = module.weight.detach().float()
    if module.conv1x1 and groups == 1:
        # Its memory is read as a matrix [in, out].
        layer: Layer = numpy_level.NetworkInNetwork(*planes, has_bias)
        situation.dimension = dimension
        return _with_bias(layer, module, weight.reshape(planes))
    if groups == 1:
        own = torch.from_numpy(weights_from_spconv(weight.numpy()))
    else:
        by_group = weight.reshape(groups, planes[1] // groups, math.prod(size), planes[0] // groups)
        own = by_group.permute(2, 0, 3, 1).contiguous()
    if module.inverse and not module.conv1x1:
        step = situation.steps.get(module.indice_key)
        if step is None:
            raise unsupported(module, f"one with the indice_key {module.indice_key!r} of a strided layer before it")
        layer = numpy_level.Deconvolution(dimension, *planes, size, step["stride"], has_bias, groups, **step["options"])
    elif module.subm or module.conv1x1:
        layer = numpy_level.SubmanifoldConvolution(dimension, *planes, size, has_bias, groups, **options)
    elif module.transposed:
        if set(module.dilation) != {1} or any(module.output_padding):
            raise unsupported(module, "one without dilation and output_padding, whose field is another here")
        layer = numpy_level.FullConvolution(dimension, *planes, size, module.stride, has_bias, groups, **strided)
    else:
        strided["round_down"] = True
        layer = numpy_level.Convolution(dimension, *planes, size, module.stride, has_bias, groups, **strided)
        if module.indice_key is not None:
            situation.steps[module.indice_key] = {"stride": module.stride, "options": strided}
    return _with_bias(layer, module, own)


def _spconv_max_pooling(module: Any, situation: Situation) -> Made:
    if module.subm:
        raise unsupported(module, "one with subm=False")
    options = {"padding": module.padding, "dilation": module.dilation, "round_down": True}
    layer = numpy_level.MaxPooling(module.ndim, module.kernel_size, module.stride, **options)
    if module.indice_key is not None:
        situation.steps[module.indice_key] = {"stride": module.stride, "options": options}
    return Made(layer, {}, {})


def _to_dense(module: Any, situation: Situation) -> Made:
    if situation.planes is None or situation.dimension is None:
        raise unsupported(module, "one behind a layer that says how many planes there are")
    return Made(numpy_level.SparseToDense(situation.dimension, situation.planes), {}, {})


# MinkowskiEngine


def _minkowski_convolution(module: Any, situation: Situation) -> Made:
    generator, dimension = module.kernel_generator, module.dimension
    planes, has_bias = (module.in_channels, module.out_channels), module.bias is not None
    kernel = module.kernel.detach().float()
    size, stride = list(generator.kernel_size), list(generator.kernel_stride)
    dilation, region = list(generator.kernel_dilation), generator.region_type.name
    situation.dimension = dimension
    if module.use_mm:
        return _with_bias(numpy_level.NetworkInNetwork(*planes, has_bias), module, kernel, "kernel")
    if region == "HYPER_CUBE":
        cells = _cells(module, situation, size, stride, dilation, _step_back(module) is not None)
        if cells is not None:
            return _with_bias(
                cells, module, torch.from_numpy(weights_from_minkowski_engine(kernel.numpy(), size)), "kernel"
            )
    if generator.expand_coordinates and not module.is_transpose:
        raise unsupported(module, "one without expand_coordinates")
    if module.is_transpose:
        if region != "HYPER_CUBE":
            raise unsupported(module, "a kernel that is a cube")
        weight = torch.from_numpy(weights_from_minkowski_engine(kernel.numpy(), size))
        padding = [length // 2 * step if length % 2 else 0 for length, step in zip(size, dilation)]
        layer: Layer = numpy_level.FullConvolution(
            dimension, *planes, size, stride, has_bias, padding=padding, dilation=dilation
        )
    else:
        shape, weight = _minkowski_filter(module, kernel, size, region)
        layer = numpy_level.ConvolutionOnto(
            dimension, *planes, size, has_bias, shape=shape, dilation=dilation, output_stride=stride
        )
    return _with_bias(layer, module, weight, "kernel")


def _minkowski_filter(module: Any, kernel: torch.Tensor, size: list[int], region: str) -> tuple[str, torch.Tensor]:
    """Return the shape of a kernel as package scn has it, and its weight in that order."""
    if region == "HYPER_CROSS":
        # There, an axis goes +1 ... +r, -r ... -1; here it ascends.
        order, place = [0], 1
        for length in size:
            reach = length // 2
            forward = list(range(place, place + reach))
            back = list(range(place + reach, place + 2 * reach))
            order += [*back, *forward]
            place += 2 * reach
        return "cross", kernel[order][:, None]
    if region != "HYPER_CUBE":
        raise unsupported(module, "a kernel that is a cube or a cross")
    parities = {length % 2 for length in size if length > 1}
    if len(parities) > 1:
        raise unsupported(module, "a kernel whose sizes are all odd or all even")
    weight = torch.from_numpy(weights_from_minkowski_engine(kernel.numpy(), size))
    return ("corner" if parities == {0} else "centered"), weight


def _minkowski_batch_norm(module: Any, situation: Situation) -> Made:
    return _within(_batch_norm(module.bn, situation), "bn")


def _minkowski_instance_norm(module: Any, situation: Situation) -> Made:
    return _with_own(numpy_level.InstanceNorm(module.num_features, module.eps), module, ["weight", "bias"])


def _minkowski_channelwise(module: Any, situation: Situation) -> Made:
    generator, planes = module.kernel_generator, module.in_channels
    if generator.expand_coordinates:
        raise unsupported(module, "one without expand_coordinates")
    size, region = list(generator.kernel_size), generator.region_type.name
    kernel = module.kernel.detach().float().expand(-1, planes).unsqueeze(2)
    shape, weight = _minkowski_filter(module, kernel, size, region)
    options: dict[str, Any] = {"dilation": generator.kernel_dilation, "output_stride": generator.kernel_stride}
    has_bias = module.bias is not None
    layer = numpy_level.ConvolutionOnto(
        module.dimension, planes, planes, size, has_bias, planes, shape=shape, **options
    )
    return _with_bias(layer, module, weight.reshape(-1, planes, 1, 1), "kernel")


def _minkowski_linear(module: Any, situation: Situation) -> Made:
    linear = module.linear
    layer = numpy_level.NetworkInNetwork(linear.in_features, linear.out_features, linear.bias is not None)
    return _within(_with_bias(layer, linear, linear.weight.detach().t()), "linear")


def _global_pooling(kind: str) -> _Converter:
    def convert(module: Any, situation: Situation) -> Made:
        if situation.dimension is None:
            raise unsupported(module, "one behind a layer that says of which dimension the sites are")
        layer: Layer = getattr(numpy_level, kind)(situation.dimension)
        return Made(layer, {}, {})

    return convert


def _spconv_global_pooling(module: Any, situation: Situation) -> Made:
    return _global_pooling("GlobalAveragePooling" if module.is_mean else "GlobalMaxPooling")(module, situation)


# torchsparse


def _torchsparse_group_norm(module: Any, situation: Situation) -> Made:
    if len(_affine(module)) != 2:
        raise unsupported(module, "one that has weight and bias")
    layer = numpy_level.SparseGroupNorm(module.num_groups, module.num_channels, module.eps)
    return _with_own(layer, module, ["weight", "bias"])


def _torchsparse_instance_norm(module: Any, situation: Situation) -> Made:
    if module.track_running_stats:
        raise unsupported(module, "one without running statistics")
    names = _affine(module)
    return _with_own(numpy_level.InstanceNorm(module.num_features, module.eps, bool(names)), module, names)


def _is_older(module: nn.Module) -> bool:
    """Return whether a layer is one of torchsparse 1.4 or 2.0, whose other filters are placed as none of the
    package."""
    return any(kind.__module__.startswith("scn.torchsparse.v1.") for kind in type(module).__mro__)


def _torchsparse_convolution(module: Any, situation: Situation) -> Made:
    size, stride = list(module.kernel_size), list(module.stride)
    planes, has_bias = (module.in_channels, module.out_channels), module.bias is not None
    kernel = module.kernel.detach().float()
    situation.dimension = 3
    dilation = [module.dilation] * 3 if isinstance(module.dilation, int) else list(module.dilation)
    if math.prod(size) == 1 and stride == [1, 1, 1]:
        return _with_bias(numpy_level.NetworkInNetwork(*planes, has_bias), module, kernel.reshape(planes), "kernel")
    if _is_older(module) and stride != [1, 1, 1]:
        are_odd, are_small = all(length % 2 for length in size), all(length <= 2 for length in size)
        if size != stride or not (are_odd or are_small):
            raise unsupported(module, "one of stride 1, or whose size is its stride and odd, or at most 2, on all axes")
    cells = _cells(module, situation, size, stride, dilation, module.transposed)
    if cells is not None:
        return _with_bias(cells, module, torch.from_numpy(weights_from_torchsparse(kernel.numpy(), size)), "kernel")
    if module.transposed:
        raise unsupported(module, "one that is not generative")
    if stride == [1, 1, 1]:
        weight = weights_from_torchsparse(kernel.numpy(), size, submanifold=True)
        own = [1 if length == 1 else 2 * (length - 1) + 1 if length % 2 == 0 else length for length in size]
        layer: Layer = numpy_level.SubmanifoldConvolution(3, *planes, own, has_bias, dilation=dilation)
    elif stride == size:
        weight = weights_from_torchsparse(kernel.numpy(), size)
        shape = "centered" if math.prod(size) % 2 else "corner"
        options: dict[str, Any] = {"shape": shape, "dilation": dilation, "output_stride": stride}
        layer = numpy_level.ConvolutionOnto(3, *planes, size, has_bias, **options)
    else:
        weight = weights_from_torchsparse(kernel.numpy(), size)
        options = {"padding": getattr(module, "padding", 0), "dilation": dilation, "round_down": True}
        layer = numpy_level.Convolution(3, *planes, size, stride, has_bias, **options)
    return _with_bias(layer, module, torch.from_numpy(weight), "kernel")


def _activation(name: str, **arguments: str) -> _Converter:
    """Return what makes an activation of the package; arguments: its argument, and the attribute of the module."""

    def convert(module: Any, situation: Situation) -> Made:
        holder = getattr(module, "module", module)
        layer = getattr(numpy_level, name)(**{key: getattr(holder, source) for key, source in arguments.items()})
        return Made(layer, {}, {})

    return convert


_CONVERTERS: dict[str, dict[str, _Converter]] = {
    "spconv": {
        "SparseConvolution": _spconv_convolution,
        "SparseMaxPool": _spconv_max_pooling,
        "ToDense": _to_dense,
        "SparseBatchNorm": _batch_norm,
        "SparseReLU": _activation("ReLU"),
        "SparseIdentity": _activation("Identity"),
        "Identity": _activation("Identity"),
        "JoinTable": _activation("JoinTable"),
        "AddTable": _activation("AddTable"),
        "SparseGlobalMaxOrAvgPool": _spconv_global_pooling,
    },
    "minkowski": {
        "MinkowskiConvolutionBase": _minkowski_convolution,
        "MinkowskiBatchNorm": _minkowski_batch_norm,
        "MinkowskiInstanceNorm": _minkowski_instance_norm,
        "MinkowskiChannelwiseConvolution": _minkowski_channelwise,
        "MinkowskiLinear": _minkowski_linear,
        "MinkowskiDropout": _inside(_dropout),
        "MinkowskiPReLU": _inside(_prelu),
        "MinkowskiHardswish": _activation("Hardswish"),
        "MinkowskiReLU": _activation("ReLU"),
        "MinkowskiLeakyReLU": _activation("LeakyReLU", leak="negative_slope"),
        "MinkowskiELU": _activation("ELU"),
        "MinkowskiSELU": _activation("SELU"),
        "MinkowskiGELU": _activation("GELU"),
        "MinkowskiSiLU": _activation("SiLU"),
        "MinkowskiSigmoid": _activation("Sigmoid"),
        "MinkowskiTanh": _activation("Tanh"),
        "MinkowskiSoftplus": _activation("Softplus"),
        "MinkowskiGlobalAvgPooling": _global_pooling("GlobalAveragePooling"),
        "MinkowskiGlobalSumPooling": _global_pooling("GlobalSumPooling"),
        "MinkowskiGlobalMaxPooling": _global_pooling("GlobalMaxPooling"),
    },
    "torchsparse": {
        "ConvolutionLayer": _torchsparse_convolution,
        "BatchNorm": _batch_norm,
        "GroupNorm": _torchsparse_group_norm,
        "InstanceNorm": _torchsparse_instance_norm,
        "ReLU": _activation("ReLU"),
        "LeakyReLU": _activation("LeakyReLU", leak="negative_slope"),
        "SiLU": _activation("SiLU"),
        "GlobalAvgPool": _global_pooling("GlobalAveragePooling"),
        "GlobalMaxPool": _global_pooling("GlobalMaxPooling"),
    },
}
# The package's containers for those of spconv.
_CONTAINERS = {"SparseSequential": "Sequential", "ConcatTable": "ConcatTable"}
# Modules of torch that stand between the layers of a dialect.
_BETWEEN: dict[type[nn.Module], _Converter] = {
    nn.BatchNorm1d: _batch_norm,
    nn.SyncBatchNorm: _batch_norm,
    nn.LayerNorm: _layer_norm,
    nn.PReLU: _prelu,
    nn.Dropout: _dropout,
}
