"""Ready-made networks, as compositions of torch modules with SparseConvNet's nesting."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Callable

from .._native.scope import without_generator
from ..nn import networks as numpy_level
from .conversion import remade
from .layers import containers
from .layers.layer import plain_size

__all__ = [
    "FullConvolutionalNetIntegratedLinear",
    "FullyConvolutionalNet",
    "MultiscaleShapeContext",
    "SparseDenseNet",
    "SparseResNet",
    "SparseVggNet",
    "UNet",
]

if TYPE_CHECKING:
    from typing import ParamSpec

    P = ParamSpec("P")


def _of_torch(build: Callable[P, Any]) -> Callable[P, containers.Sequential]:
    """Return a builder with the arguments and the documentation of one of the package `scn`, which returns torch
    modules.

    Only the library knows how networks nest. Its own copy is discarded at once, and leaves its generator as it was; the
    weights are initialized by torch's generator.
    """

    @functools.wraps(build)
    def network(*arguments: P.args, **options: P.kwargs) -> containers.Sequential:
        with without_generator():
            module = build(*map(plain_size, arguments), **{name: plain_size(value) for name, value in options.items()})
        return remade(module)  # type: ignore[return-value]

    network.__module__ = __name__
    return network


SparseVggNet = _of_torch(numpy_level.SparseVggNet)
SparseResNet = _of_torch(numpy_level.SparseResNet)
SparseDenseNet = _of_torch(numpy_level.SparseDenseNet)
UNet = _of_torch(numpy_level.UNet)
FullyConvolutionalNet = _of_torch(numpy_level.FullyConvolutionalNet)
FullConvolutionalNetIntegratedLinear = _of_torch(numpy_level.FullConvolutionalNetIntegratedLinear)
MultiscaleShapeContext = _of_torch(numpy_level.MultiscaleShapeContext)
