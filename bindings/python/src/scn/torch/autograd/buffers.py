"""Torch tensors as the library sees them: memory that both share."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, Optional

import torch

from ..._messages import wrong_elements, wrong_shape
from ..._native.arrays import int64s, view
from ..._native.generated import SCN_BFLOAT16, Matrix
from ..._native.handles import TensorHandle
from ..._native.library import library
from ...errors import UnsupportedError

# The number of elements from which the library keeps released memory for reuse: 1 MB.
LARGE = 1 << 18

_CPU = torch.device("cpu")


def matrix(tensor: torch.Tensor) -> Matrix:
    """Return the struct for a contiguous float32 or bfloat16 tensor [rows, planes], which must outlive it."""
    rows, planes = tensor.shape
    if tensor.dtype is torch.bfloat16:
        return Matrix(type=SCN_BFLOAT16, data=tensor.data_ptr(), rows=rows, planes=planes)
    return Matrix(data=tensor.data_ptr(), rows=rows, planes=planes)


def matrices(tensors: Sequence[torch.Tensor]) -> Any:
    """Return a C array of scn_matrix over tensors, which must outlive it."""
    return (Matrix * len(tensors))(*map(matrix, tensors))


def is_computable(values: torch.Tensor) -> bool:
    """Return whether values are as the library takes them, contiguous float32 on the CPU."""
    is_float = values.dtype is torch.float32 and values.is_cpu and values.layout is torch.strided
    # A view may store its numbers negated.
    return is_float and values.is_contiguous() and not values.is_neg()


def computable(values: torch.Tensor, name: str = "features") -> torch.Tensor:
    """Return the values as the library takes them; the same tensor if it already is.

    Gradients flow through. Raises `UnsupportedError` for tensors of another device.
    """
    if is_computable(values):
        require_values()
        return values
    on_cpu(values, name)
    if values.dtype is not torch.float32:
        if not values.is_floating_point():
            raise wrong_elements(name, values.dtype, "floating-point numbers")
        values = values.float()
    return values.contiguous().resolve_neg()


def rounded(values: torch.Tensor, name: str = "features") -> torch.Tensor:
    """Return the values as the library multiplies bfloat16, contiguous on the CPU; gradients flow through."""
    return on_cpu(values, name).to(torch.bfloat16).contiguous().resolve_neg()


def is_computed_by_library(values: torch.Tensor) -> bool:
    """Return whether the library computes what `prepared` returned; other types and devices are left to torch."""
    return values.dtype is torch.float32 and values.is_cpu


def is_bfloat16(values: torch.Tensor) -> bool:
    """Return whether values are bfloat16 in the memory of the CPU, which some functions of the library take."""
    return values.dtype is torch.bfloat16 and values.is_cpu


def prepared(values: torch.Tensor, name: str = "features") -> torch.Tensor:
    """Return the values as functions along rulebooks take them: as `computable` does, but float64 and tensors of other
    devices stay what they are."""
    if values.dtype is torch.float64 or not values.is_cpu:
        require_values()
        if values.layout is not torch.strided:
            raise UnsupportedError(f"{name}: is a {values.layout} tensor, expected a dense one: use .to_dense()")
        if not values.is_floating_point():
            raise wrong_elements(name, values.dtype, "floating-point numbers")
        return values
    return computable(values, name)


def prepared_together(*values: Optional[torch.Tensor], names: Sequence[str] = ()) -> list[Any]:
    """Return tensors `prepared` and of one type, that of the widest; None stays None.

    names: of the values, for errors. Raises `UnsupportedError` where one is not on the device of the first.
    """
    if all(value is None or is_computable(value) for value in values):
        require_values()
        return list(values)
    labels = names or ("features", "weight", "bias")
    given = [None if value is None else prepared(value, name) for value, name in zip(values, labels)]
    known = [value for value in given if value is not None]
    if all(map(is_computed_by_library, known)):
        return given
    for value, name in zip(given, labels):
        if value is not None and value.device != known[0].device:
            raise UnsupportedError(
                f"{name}: is on {value.device}, expected {known[0].device} as {labels[0]}: move the module there, too"
            )
    widest = functools.reduce(torch.promote_types, (value.dtype for value in known))
    return [None if value is None else value.to(widest) for value in given]


def restored(ctx: Any) -> list[Any]:
    """Return what a function saved, as the library takes it: hooks of saved tensors may bring back other memory."""
    return [None if values is None else computable(values, "saved tensor") for values in ctx.saved_tensors]


def on_cpu(values: torch.Tensor, name: str) -> torch.Tensor:
    """Return the tensor, or raise `UnsupportedError` if it is not in the memory of the CPU, or if torch is tracing."""
    require_values()
    if not values.is_cpu:
        raise UnsupportedError(f"{name}: is on {values.device}, expected the CPU, where scn.torch computes: use .cpu()")
    if values.layout is not torch.strided:
        raise UnsupportedError(f"{name}: is a {values.layout} tensor, expected a dense one: use .to_dense()")
    return values


def host_array(values: torch.Tensor, name: str) -> Any:
    """Return a tensor's numbers, from whatever device, as an array.

    Raises `UnsupportedError` for a tensor that has none: on the device meta, or a fake one.
    """
    held = values.detach()
    kind = "" if type(held) is torch.Tensor else f"a {type(held).__name__} "
    reason = None
    if held.device.type != "meta":
        try:
            return held.cpu().numpy()
        except RuntimeError as error:
            reason = error
    raise UnsupportedError(
        f"{name}: is {kind}on {held.device}, which has no values, expected coordinates that can be read; features and "
        "parameters may be without values"
    ) from reason


def require_values() -> None:
    """Raise `UnsupportedError` if torch is tracing: tensors then have no values."""
    if is_tracing():
        raise not_traced()


def is_tracing() -> bool:
    """Return whether torch records operations, for a graph, of which the library's are none."""
    return torch.jit.is_tracing() or _is_exporting() or is_recording()  # type: ignore[attr-defined]


def is_recording() -> bool:
    """Return whether `make_fx` records."""
    return torch._C._get_dispatch_mode(torch._C._TorchDispatchModeKey.PROXY) is not None


# torch has had it since 2.7; before, torch.export runs into tensors without memory.
_is_exporting = getattr(torch.compiler, "is_exporting", lambda: False)


def not_traced() -> UnsupportedError:
    """Return the error for tools that would record the layers' operations, which are not torch's."""
    return UnsupportedError(
        "scn computes its layers itself: torch.jit, torch.fx, torch.onnx and torch.export cannot record them. The way "
        "to C++, C and Swift is scn.save(scn.torch.to_module(network), path), see docs/deployment.md"
    )


def typed_like(values: torch.Tensor, model: torch.Tensor) -> torch.Tensor:
    """Return the values in the type of another tensor; the same tensor if it already has it."""
    return values if values.dtype is model.dtype else values.to(model.dtype)


def parameter(values: Optional[torch.Tensor], name: str, *shape: int) -> Optional[torch.Tensor]:
    """Return a parameter as the library takes it; its shape is checked, since the library gets only an address."""
    if values is None:
        return None
    if tuple(values.shape) != shape:
        raise wrong_shape(name, values.shape, shape)
    return prepared(values, name)


def two_addresses(rows: torch.Tensor) -> tuple[int, int]:
    """Return the addresses of both rows of contiguous float32 [2, planes]."""
    first: int = rows.data_ptr()
    return first, first + rows.shape[1] * rows.element_size()


def address(values: Optional[torch.Tensor]) -> Optional[int]:
    """Return the address of the numbers; None, which is NULL, if there are none."""
    return None if values is None else values.data_ptr()


def new(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Return an uninitialized tensor of float32 or bfloat16; a large one is in memory that the library has at hand.

    Fresh memory from the system costs about as much time as filling it, since its pages are cleared first.
    """
    count = math.prod(shape)
    if count < LARGE:
        return torch.empty(shape, dtype=dtype, device=_CPU)
    if dtype is torch.bfloat16:
        return new((count + 1) // 2).view(dtype)[:count].view(shape)
    handle = TensorHandle.make(library.scn_tensor_allocate, int64s(list(shape)), len(shape))
    return torch.from_numpy(view(handle, shape))


def as_tensor(values: Any, name: str) -> torch.Tensor:
    """Return what a program gives as a tensor; arrays and lists of real numbers become float32."""
    if isinstance(values, torch.Tensor):
        return values
    result = torch.as_tensor(values)
    if result.is_complex():
        raise wrong_elements(name, result.dtype, "real numbers")
    return result.to(torch.float32)
