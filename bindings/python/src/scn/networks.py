"""Ready networks, and the way from a network of the library to Python objects."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Sequence
from typing import Any

from . import activation, combining, containers, convolution, input_output, linear, normalization, pooling
from ._arrays import dimension_of, int64s, integer, pair, sizes
from ._handles import ModuleHandle
from ._library import library
from ._options import UNetOptions
from .containers import CheckpointedSequential, ConcatTable, Container, Sequential
from .errors import InvalidArgumentError, UnsupportedError
from .layer import Layer
from .module import Module

__all__ = ["SparseVggNet", "UNet"]

_LAYERS: dict[str, type[Layer]] = {
    name: getattr(source, name)
    for source in (activation, combining, containers, convolution, input_output, linear, normalization, pooling)
    for name in source.__all__
    if isinstance(getattr(source, name), type) and issubclass(getattr(source, name), Layer)
}


_CONTAINERS: dict[str, type[Container]] = {
    kind.__name__: kind for kind in (Sequential, CheckpointedSequential, ConcatTable)
}


def SparseVggNet(dimension: int, nInputPlanes: int, layers: str | Sequence[Any]) -> Sequential:
    """Return SparseConvNet's VGG net, a `Sequential`.

    layers: a list of

    - `'MP'`: max pooling of size 3 and stride 2; `['MP', size, stride]`
    - `'C3/2'`, `['C3/2', n]`: convolution of size 3 and stride 2 (to n planes), batch normalisation, ReLU
    - `['C', n]`: submanifold convolution of size 3 to n planes, batch normalisation, ReLU
    - `['C', a, b]`, `['C', a, b, c]`, `['C', a, b, c, e]`: the "plus" forms: a planes joined with branches that go down
      one, two, three levels

    or the same as text, "C16 C16 MP C32". Raises `InvalidArgumentError` for any other layer.
    """
    words = layers if isinstance(layers, str) else " ".join(_word(layer) for layer in layers)
    create = library.scn_sparse_vgg_net_create
    handle = ModuleHandle.make(create, dimension_of(dimension), integer(nInputPlanes, "nInputPlanes"), words.encode())
    return wrap(handle)  # type: ignore[return-value]


def UNet(
    dimension: int,
    reps: int,
    nPlanes: Sequence[int],
    residual_blocks: bool = False,
    downsample: Sequence[Any] = (2, 2),
    leakiness: float = 0,
    n_input_planes: int = -1,
) -> Sequential:
    """Return SparseConvNet's U-Net, a `Sequential` from n_input_planes (-1: nPlanes[0]) to nPlanes[0] planes, same sites.

    reps: blocks a level, on the way down and again on the way up. nPlanes: an entry for each level, the finest first.
    residual_blocks: blocks of two submanifold convolutions around which their input goes, not of one alone. downsample:
    size and stride of the convolutions between levels, each an integer or one for each axis. leakiness: of the
    activations, 0 is ReLU.
    """
    d = dimension_of(dimension)
    planes = [integer(width, "nPlanes") for width in nPlanes]
    size, stride = pair(downsample, "downsample", "[size, stride]")
    options = UNetOptions(
        bool(residual_blocks),
        int64s(sizes(size, d, "downsample[0]")),
        int64s(sizes(stride, d, "downsample[1]")),
        leakiness,
        integer(n_input_planes, "n_input_planes"),
    )
    create = library.scn_unet_create
    handle = ModuleHandle.make(create, d, integer(reps, "reps"), int64s(planes), len(planes), options)
    return wrap(handle)  # type: ignore[return-value]


def _word(layer: Any) -> str:
    """Return a layer as the library's text has it."""
    parts = [layer] if isinstance(layer, str) else list(layer)
    kind = parts[0] if parts else None
    numbers = [str(integer(number, f"a number of layer {layer!r}")) for number in parts[1:]]
    if kind == "MP" and len(numbers) in (0, 2):
        return "MP" + "/".join(numbers)
    if kind == "C3/2" and len(numbers) in (0, 1):
        return ":".join(["C3/2", *numbers])
    if kind == "C" and 1 <= len(numbers) <= 4:
        return "C" + ",".join(numbers)
    raise InvalidArgumentError(f"SparseVggNet knows no layer {layer!r}")


def wrap(handle: ModuleHandle) -> Module:
    """Return the Python objects for a module of the library and all inside it."""
    kind = _text(library.scn_module_type, handle)
    if kind in _CONTAINERS:
        container = _CONTAINERS[kind]()
        for child in _children(handle):
            container.add(wrap(child))
        training = ctypes.c_int32()
        library.scn_module_get_training(handle, ctypes.byref(training))
        container.training = training.value != 0
        return container
    arguments = json.loads(_text(library.scn_module_architecture, handle))
    if kind not in _LAYERS:
        raise UnsupportedError(f"this package has no module {kind}; it is older than the library")
    return _layer_class(kind, arguments)._around(handle, arguments)


def _layer_class(kind: str, arguments: dict[str, Any]) -> type[Layer]:
    """Return the class that shows a layer best: the library has one batch normalisation, SparseConvNet three."""
    if kind == "BatchNormalization" and arguments["affine"] and arguments["leakiness"] != 1:
        return normalization.BatchNormLeakyReLU if arguments["leakiness"] else normalization.BatchNormReLU
    return _LAYERS[kind]


def _children(handle: ModuleHandle) -> list[ModuleHandle]:
    count = ctypes.c_int64()
    library.scn_module_child_count(handle, ctypes.byref(count))
    return [ModuleHandle.make(library.scn_module_child, handle, index) for index in range(count.value)]


def _text(function: Any, handle: ModuleHandle) -> str:
    text = ctypes.c_char_p()
    function(handle, ctypes.byref(text))
    return (text.value or b"").decode()
