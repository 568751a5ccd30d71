"""Networks that only evaluate."""

from __future__ import annotations

import ctypes
from typing import Any, Optional

from .._messages import not_a_module
from .._native.handles import ModuleHandle, TensorHandle
from .._native.library import library
from ..errors import UnsupportedError
from ..values.autocast import precision_of
from ..values.native import from_native, to_native
from .batched import batched_points
from .input_output import points
from .layer import Layer, architecture_of
from .module import Module

__all__ = ["InferenceNetwork", "optimize_for_inference"]


class InferenceNetwork(Layer):
    """A network of the library that only evaluates: what `optimize_for_inference` returns and `load` finds in its file.

    It stays in evaluation mode, records nothing and keeps its weights packed as the CPU wants them. Its parameters and
    buffers have the names that they have inside, "0.weight"; none requires a gradient. Calling it with an input that
    requires a gradient raises `StateError`, except under `no_grad`.
    """

    def __init__(self) -> None:
        raise UnsupportedError("InferenceNetwork: has no constructor, expected a call of optimize_for_inference")

    @classmethod
    def _around(cls, handle: ModuleHandle) -> Layer:
        self = super()._around(handle)
        self.__dict__["_first"] = next(iter(architecture_of(handle)["modules"]), {"type": None})
        return self

    def forward(self, input: Any) -> Any:
        """Apply the network to what its first module takes."""
        first = self.__dict__["_first"]
        if first["type"] == "InputLayer":
            given = points(input)
        elif first["type"] == "BLInputLayer":
            given = batched_points(input, first["dimension"])
        else:
            given = to_native(input)
        return from_native(TensorHandle.make(library.scn_module_forward, self._handle, given))

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, False if name == "training" else value)

    def __repr__(self) -> str:
        return _text(library.scn_module_description, self._handle)


def optimize_for_inference(module: Module, precision: Optional[str] = None) -> InferenceNetwork:
    """Return a new network that gives the module's results in evaluation, within rounding, in less time.

    The module stays as it is. Batch norm is folded into the weights of the convolution or dense product before it, a
    (leaky) ReLU after it becomes that layer's last step, a dropout becomes a factor of its weights; after a join they
    go into the ends of its branches; `Identity` disappears. `save` and `load` work as with any network of the library.
    Raises `UnsupportedError` if a part of the module is written in Python.

        fast = scn.optimize_for_inference(net)
        logits = fast([coordinates, features])

    precision: "float32", "bfloat16", or None for that of a network which has been optimized already, else "float32".
    With "bfloat16", features inside have half the bits, and convolutions and 1 x 1 convolutions multiply
    bfloat16 and add in float32: faster on CPUs that have instructions for it (AMX; AVX512-BF16 of AMD's), and of the
    same meaning on all. Layers with few input planes and a matrix product at the end multiply float32; results are
    float32.
    """
    if not isinstance(module, Module):
        raise not_a_module("module", module)
    handle = module._native_handle()
    if handle is None:
        raise UnsupportedError("module: has parts written in Python, expected modules of the library")
    if precision is None:
        optimized = ModuleHandle.make(library.scn_module_optimize_for_inference, handle)
    else:
        optimized = ModuleHandle.make(library.scn_module_optimize_for_inference_in, handle, precision_of(precision))
    return InferenceNetwork._around(optimized)  # type: ignore[return-value]


def _text(function: Any, handle: ModuleHandle) -> str:
    text = ctypes.c_char_p()
    function(handle, ctypes.byref(text))
    return (text.value or b"").decode()
