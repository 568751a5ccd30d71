"""On which coordinate map a layer with a kernel gives its result."""

from __future__ import annotations

from typing import Any, Optional

from .._messages import wrong_type, wrong_value
from ._errors import asserted
from ._keys import CoordinateMapKey, known_key
from ._maps import Key
from .MinkowskiCoordinateManager import CoordinateManager
from .MinkowskiKernelGenerator import KernelGenerator
from .MinkowskiSparseTensor import SparseTensor, target_key

__all__ = ["check_input", "kernel_of", "made_key", "result_key"]


def check_input(input: Any, dimension: int) -> SparseTensor:
    """Return the input of a layer, which must be a sparse tensor of its dimension."""
    if not isinstance(input, SparseTensor):
        raise asserted(wrong_type("input", input, "a SparseTensor"))
    if dimension != input.D:
        raise asserted(wrong_value("input", f"a tensor of {input.D} dimensions", f"one of {dimension}"))
    return input


def kernel_of(
    generator: Optional[KernelGenerator],
    kernel_size: Any,
    stride: Any,
    dilation: Any,
    expand_coordinates: bool,
    dimension: Any,
) -> KernelGenerator:
    """Return a layer's kernel, the given one or one of sizes; kernel_size, stride and dilation are ignored with it."""
    if dimension is None or dimension < 1:
        raise asserted(wrong_value("dimension", dimension, "at least 1"))
    if generator is None:
        return KernelGenerator(
            kernel_size, stride, dilation, expand_coordinates=expand_coordinates, dimension=dimension
        )
    if not isinstance(generator, KernelGenerator):
        raise wrong_type("kernel_generator", generator, "a KernelGenerator")
    if generator.dimension != dimension:
        raise wrong_value("dimension", dimension, f"{generator.dimension}, as kernel_generator has")
    return generator


def result_key(
    input: SparseTensor, coordinates: Any, generator: KernelGenerator, is_transpose: bool, may_expand: bool = True
) -> Key:
    """Return the key of a layer's result: what it was called with, or what its kernel makes of the input's map."""
    source = known_key(input.coordinate_map_key, "coordinate_map_key")
    if coordinates is None:
        return made_key(input._manager, source, generator, is_transpose, may_expand)
    factors = generator.kernel_stride
    if is_transpose:
        stride = [step // factor for step, factor in zip(source[0], factors)]
    else:
        stride = [step * factor for step, factor in zip(source[0], factors)]
    return target_key(input, coordinates, stride)


def made_key(
    manager: CoordinateManager, source: Key, generator: KernelGenerator, is_transpose: bool, may_expand: bool = True
) -> Key:
    """Return the key of the map that a kernel makes of a map. may_expand: whether the layer is one that looks at
    `expand_coordinates`."""
    factors, expands = tuple(generator.kernel_stride), may_expand and generator.expand_coordinates
    if is_transpose:
        return manager._raised(source, generator._region(), factors, expands)
    if expands:
        return manager._expanded(source, generator._region(), factors)
    return manager._strided(source, factors, kernel=generator._region())


def keys_of_call(
    manager: Any, in_key: Any, out_key: Any, generator: KernelGenerator, is_transpose: bool, may_expand: bool = True
) -> tuple[Key, Key]:
    """Return the maps of an autograd function's call; an out_key that is not set is set to the map that is made."""
    if not isinstance(manager, CoordinateManager):
        raise wrong_type("coordinate_manager", manager, "a CoordinateManager")
    source = known_key(in_key, "in_coordinate_map_key")
    if isinstance(out_key, CoordinateMapKey) and out_key.is_key_set():
        return source, out_key._known()
    target = made_key(manager, source, generator, is_transpose, may_expand)
    if isinstance(out_key, CoordinateMapKey):
        out_key.set_key(*target)
    return source, target
