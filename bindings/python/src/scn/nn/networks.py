"""Ready-made networks, and the conversion of a library network to Python objects."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, Callable, cast

from .._messages import wrong_value
from .._native.arrays import entries, integer, pair
from .._native.handles import ModuleHandle
from .._native.library import library
from ..errors import UnsupportedError
from . import normalization
from .containers import CheckpointedSequential, ConcatTable, Container, Sequential
from .layer import Layer, architecture_of
from .layer_types import LAYER_TYPES
from .module import Module

__all__ = [
    "FullConvolutionalNetIntegratedLinear",
    "FullyConvolutionalNet",
    "MultiscaleShapeContext",
    "SparseDenseNet",
    "SparseResNet",
    "SparseVggNet",
    "UNet",
]

_LAYERS_MEANING = "a list of layers, or a text"
_VGG_LAYERS = "'MP', ['MP', size, stride], 'C3/2', ['C3/2', planes] or ['C', planes, ...]"
_DENSE_LAYERS = (
    "{'nExtraLayers': 2, 'growthRate': 16}, {'pool': 'BN-R-C-AP', 'compression': 0}, {'pool': 'MP'} or {'pool': 'AP'}"
)

_CONTAINERS: dict[str, type[Container]] = {
    kind.__name__: kind for kind in (Sequential, CheckpointedSequential, ConcatTable)
}


def SparseVggNet(dimension: int, nInputPlanes: int, layers: str | Sequence[Any]) -> Sequential:
    """Return SparseConvNet's VGG net, a `Sequential`.

    layers: a list of

    - `'MP'`: max pooling of size 3 and stride 2; `['MP', size, stride]`
    - `'C3/2'`, `['C3/2', n]`: convolution of size 3 and stride 2 (to n planes), batch normalization, ReLU
    - `['C', n]`: submanifold convolution of size 3 to n planes, batch normalization, ReLU
    - `['C', a, b]`, `['C', a, b, c]`, `['C', a, b, c, e]`: the "plus" forms: a planes joined with branches that go down
      one, two, three levels

    or the same as text, "C16 C16 MP C32". Raises `InvalidArgumentError` for any other layer.
    """
    return _network("SparseVggNet", dimension=dimension, nInputPlanes=nInputPlanes, layers=_words(layers, _word))


def SparseResNet(dimension: int, nInputPlanes: int, layers: str | Sequence[Any]) -> Sequential:
    """Return SparseConvNet's pre-activation residual network (He et al., 2016), a `Sequential`.

    layers: a list of `['b', n, reps, stride]`, reps basic blocks of two convolutions of size 3 to n planes, the first
    with the given stride (1 keeps the sites); or the same as text, "b16x2 b32x2/2". A batch normalization with ReLU
    ends the network. Raises `InvalidArgumentError` for any other block.
    """
    return _network("SparseResNet", dimension=dimension, nInputPlanes=nInputPlanes, layers=_words(layers, _stage))


def UNet(
    dimension: int,
    reps: int,
    nPlanes: Sequence[int],
    residual_blocks: bool = False,
    downsample: Sequence[Any] = (2, 2),
    leakiness: float = 0,
    n_input_planes: int = -1,
) -> Sequential:
    """Return SparseConvNet's U-Net, a `Sequential` from n_input_planes (-1: nPlanes[0]) to nPlanes[0] planes, same
    sites.

    reps: blocks per level, on the way down and again on the way up. nPlanes: an entry for each level, the finest first.
    residual_blocks: whether blocks are two submanifold convolutions with a shortcut around them, rather than one alone.
    downsample: size and stride of the convolutions between levels, each an integer or one for each axis. leakiness: of
    the activations, 0 is ReLU.

    The spatial size of the input must suit every convolution down: with size and stride of 2, a multiple of 2 **
    (levels - 1) on each axis, 4 for three levels. Any other size is a `ShapeError` in the forward pass.
    """
    return _network(
        "UNet",
        normalization.BatchNormLeakyReLU,
        dimension=dimension,
        reps=reps,
        nPlanes=nPlanes,
        residual_blocks=residual_blocks,
        leakiness=leakiness,
        n_input_planes=_unless_negative(n_input_planes, "n_input_planes"),
        **_downsampling(downsample),
    )


def FullyConvolutionalNet(
    dimension: int,
    reps: int,
    nPlanes: Sequence[int],
    residual_blocks: bool = False,
    downsample: Sequence[Any] = (2, 2),
) -> Sequential:
    """Return SparseConvNet's fully convolutional network, a `Sequential` from nPlanes[0] to sum(nPlanes) planes.

    Each level has blocks, and a path down to the next level, whose result is copied up by un-pooling and joined with
    the level's own. The arguments are those of `UNet`.
    """
    return _network(
        "FullyConvolutionalNet",
        normalization.BatchNormReLU,
        dimension=dimension,
        reps=reps,
        nPlanes=nPlanes,
        residual_blocks=residual_blocks,
        **_downsampling(downsample),
    )


def FullConvolutionalNetIntegratedLinear(
    dimension: int,
    reps: int,
    nPlanes: Sequence[int],
    nClasses: int = -1,
    residual: bool = False,
    downsample: Sequence[Any] = (2, 2),
    leakiness: float = 0,
) -> Sequential:
    """Return a fully convolutional network that scores classes, a `Sequential` from nPlanes[0] to nClasses planes.

    Like `FullyConvolutionalNet`, but each level scores the classes with a linear layer of its own; the scores are
    copied up by un-pooling and added. nClasses -1: nPlanes[0]. Only the coarsest level's linear layer has a bias. The
    other arguments are those of `UNet`.
    """
    return _network(
        "FullConvolutionalNetIntegratedLinear",
        normalization.BatchNormLeakyReLU,
        dimension=dimension,
        reps=reps,
        nPlanes=nPlanes,
        nClasses=_unless_negative(nClasses, "nClasses"),
        residual=residual,
        leakiness=leakiness,
        **_downsampling(downsample),
    )


def SparseDenseNet(dimension: int, nInputPlanes: int, layers: str | Sequence[Any]) -> Sequential:
    """Return a DenseNet (Huang et al., 2017) of submanifold convolutions, a `Sequential`.

    layers: a list of

    - `{'nExtraLayers': 2, 'growthRate': 16}`: a dense block; each of its layers (batch normalization, ReLU, 1 x 1
      convolution to 4 * growthRate planes, batch normalization, ReLU, submanifold convolution of size 3) sees the
      planes of all before it and adds growthRate more
    - `{'pool': 'BN-R-C-AP', 'compression': 0, 'size': 2, 'stride': 2}`: a transition of batch normalization, ReLU, a 1
      x 1 convolution that drops the fraction `compression` of the planes, rounded down, and average pooling
    - `{'pool': 'MP'}`, `{'pool': 'AP'}`, with 'size' and 'stride': max or average pooling alone

    or text, "B2x16 T B2x16 T:24" (see scn_sparse_densenet_create in scn.h). Keys that a dict leaves out have the values
    shown. A batch normalization with ReLU ends the network. Raises `InvalidArgumentError` for any other layer.
    """
    planes = integer(nInputPlanes, "nInputPlanes")
    if not isinstance(layers, str):
        words, width = [], planes
        for index, layer in enumerate(entries(layers, "layers", _LAYERS_MEANING)):
            word, width = _dense_word(f"layers[{index}]", layer, width)
            words.append(word)
        layers = " ".join(words)
    return _network("SparseDenseNet", dimension=dimension, nInputPlanes=planes, layers=layers)


def _dense_word(name: str, layer: Any, planes: int) -> tuple[str, int]:
    """Return a layer of a DenseNet, which messages call `name`, as a word of the library's text, and the planes after
    it."""
    rest = dict(layer) if isinstance(layer, dict) else {"": layer}
    if "pool" in rest:
        pool = rest.pop("pool")
        window = "/".join(str(integer(rest.pop(key, 2), f"{name}[{key!r}]")) for key in ("size", "stride"))
        compression = rest.pop("compression", 0)
        if not rest and pool in ("MP", "AP") and compression == 0:
            return pool + window, planes
        if not rest and pool == "BN-R-C-AP" and isinstance(compression, Real) and 0 <= cast(float, compression) < 1:
            kept = planes - math.floor(planes * cast(float, compression))
            return f"T{window}:{kept}", kept
    else:
        count, growth = (
            integer(rest.pop(key, default), f"{name}[{key!r}]")
            for key, default in (("nExtraLayers", 2), ("growthRate", 16))
        )
        if not rest:
            return f"B{count}x{growth}", planes + count * growth
    raise wrong_value(name, layer, _DENSE_LAYERS)


def _network(name: str, norm: type[Layer] | None = None, /, **arguments: Any) -> Sequential:
    """Return a library network by its name. norm: the class of its batch normalizations."""
    handle = ModuleHandle.make(library.scn_module_create, LAYER_TYPES[name].architecture(arguments))
    return wrap(handle, norm)  # type: ignore[return-value]


def _downsampling(downsample: Any) -> dict[str, Any]:
    """Return the size and stride of a pair by the names that messages use for them."""
    size, stride = pair(downsample, "downsample", "[size, stride]")
    return {"downsample[0]": size, "downsample[1]": stride}


def _unless_negative(planes: Any, name: str) -> int | None:
    """Return a number of planes, None for -1: the network chooses."""
    number = integer(planes, name)
    return None if number == -1 else number


def MultiscaleShapeContext(
    dimension: int,
    n_features: int = 1,
    n_layers: int = 3,
    shape_context_size: Any = 3,
    downsample_size: Any = 2,
    downsample_stride: Any = 2,
    bn: bool = True,
) -> Sequential:
    """Return the shape contexts of the sites and of n_layers - 1 coarser levels side by side, a `Sequential`.

    From n_features to n_layers * volume * n_features planes on the same sites; the coarser levels are made by average
    pooling and brought back by un-pooling. Sizes are an integer or one for each axis. bn: whether a batch normalization
    follows.
    """
    return _network(
        "MultiscaleShapeContext",
        dimension=dimension,
        n_features=n_features,
        n_layers=n_layers,
        shape_context_size=shape_context_size,
        downsample_size=downsample_size,
        downsample_stride=downsample_stride,
        bn=bn,
    )


def _words(layers: Any, word_of: Callable[[str, Any], str]) -> str:
    """Return the layers of a network as the library's text. word_of: makes a word from what messages call a layer and
    the layer."""
    if isinstance(layers, str):
        return layers
    given = entries(layers, "layers", _LAYERS_MEANING)
    return " ".join(word_of(f"layers[{index}]", layer) for index, layer in enumerate(given))


def _word(name: str, layer: Any) -> str:
    """Return a layer as a word of the library's text."""
    parts = [layer] if isinstance(layer, str) else entries(layer, name, _VGG_LAYERS)
    kind = parts[0] if parts else None
    numbers = [str(integer(number, f"{name}[{index}]")) for index, number in enumerate(parts) if index]
    if kind == "MP" and len(numbers) in (0, 2):
        return "MP" + "/".join(numbers)
    if kind == "C3/2" and len(numbers) in (0, 1):
        return ":".join(["C3/2", *numbers])
    if kind == "C" and 1 <= len(numbers) <= 4:
        return "C" + ",".join(numbers)
    raise wrong_value(name, layer, _VGG_LAYERS)


def _stage(name: str, layer: Any) -> str:
    """Return blocks of a residual network as a word of the library's text."""
    if (
        isinstance(layer, str)
        or not isinstance(layer, Sequence)
        or len(layer) != 4
        or not str(layer[0]).startswith("b")
    ):
        raise wrong_value(name, layer, "['b', planes, reps, stride]")
    planes, repetitions, stride = (integer(layer[index], f"{name}[{index}]") for index in (1, 2, 3))
    return f"b{planes}x{repetitions}/{stride}"


def wrap(handle: ModuleHandle, norm: type[Layer] | None = None) -> Module:
    """Return the Python objects for a library module and all inside it.

    norm: the class of all batch normalizations; None for the one that fits each best.
    """
    kind = _text(library.scn_module_type, handle)
    if kind in _CONTAINERS:
        container = _CONTAINERS[kind]()
        for child in _children(handle):
            container.add(wrap(child, norm))
        training = ctypes.c_int32()
        library.scn_module_get_training(handle, ctypes.byref(training))
        container.training = training.value != 0
        return container
    if kind not in Layer._classes:
        raise UnsupportedError(f"module: is a {kind}, expected one that this package has; it is older than the library")
    if kind == "BatchNormalization":
        return (norm or _batch_normalization(architecture_of(handle)))._around(handle)
    return Layer._classes[kind]._around(handle)


def _batch_normalization(arguments: dict[str, Any]) -> type[Layer]:
    """Return the class that fits a batch normalization best: the library has one, SparseConvNet three."""
    if not arguments["affine"] or arguments["leakiness"] == 1:
        return normalization.BatchNormalization
    return normalization.BatchNormLeakyReLU if arguments["leakiness"] else normalization.BatchNormReLU


def _children(handle: ModuleHandle) -> list[ModuleHandle]:
    count = ctypes.c_int64()
    library.scn_module_child_count(handle, ctypes.byref(count))
    return [ModuleHandle.make(library.scn_module_child, handle, index) for index in range(count.value)]


def _text(function: Any, handle: ModuleHandle) -> str:
    text = ctypes.c_char_p()
    function(handle, ctypes.byref(text))
    return (text.value or b"").decode()
