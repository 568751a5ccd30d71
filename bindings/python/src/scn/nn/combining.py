"""Combining and comparing sparse tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._messages import wrong_type
from .._native.handles import TensorHandle, handle_array
from .._native.library import library
from ..errors import InvalidArgumentError
from ..values.sparse import SparseConvNetTensor
from ..values.tensor import Tensor
from .containers import AddTable, JoinTable
from .layer import Layer

__all__ = ["AddCoords", "add_feature_planes", "append_tensors", "compare_sparse", "concatenate_feature_planes"]


class AddCoords(Layer):
    """Adds a plane for each axis: the coordinate, scaled to -1 ... 1 over the spatial size (0 where that is 1).

    [sites, planes] -> [sites, planes + dimension].
    """


def append_tensors(tensors: Sequence[SparseConvNetTensor]) -> SparseConvNetTensor:
    """Return one batch of the samples of all tensors, one tensor after the other.

    All must have the same spatial size and number of planes, else `ShapeError`. The result's rows are theirs one after
    the other; gradients flow back to each.
    """
    handles = _handles("tensors", tensors)
    return SparseConvNetTensor._of(TensorHandle.make(library.scn_append_tensors, handle_array(handles), len(handles)))


def add_feature_planes(input: Sequence[SparseConvNetTensor]) -> SparseConvNetTensor:
    """Return the sum of tensors on the same sites; what `AddTable` does."""
    _handles("input", input)
    return AddTable()(list(input))  # type: ignore[no-any-return]


def concatenate_feature_planes(input: Sequence[SparseConvNetTensor]) -> SparseConvNetTensor:
    """Return the planes of tensors on the same sites side by side; what `JoinTable` does."""
    _handles("input", input)
    return JoinTable()(list(input))  # type: ignore[no-any-return]


def compare_sparse(x: SparseConvNetTensor, y: SparseConvNetTensor) -> Tensor:
    """Return the sum of squared differences over the union of the sites, divided by the number of sites there, rank 0.

    A tensor counts as zero where it has no site; if neither has any, the result is 0. Both must have the same spatial
    size and number of planes, else `ShapeError`; they need not come from one input. Gradients flow into both.
    """
    return Tensor._of(TensorHandle.make(library.scn_compare_sparse, _handle("x", x), _handle("y", y)))


def _handles(name: str, tensors: Any) -> list[TensorHandle]:
    handles = [_handle(f"{name}[{index}]", tensor) for index, tensor in enumerate(tensors)]
    if not handles:
        raise InvalidArgumentError(f"{name}: is empty, expected at least one tensor")
    return handles


def _handle(name: str, tensor: Any) -> TensorHandle:
    if not isinstance(tensor, SparseConvNetTensor):
        raise wrong_type(name, tensor, "a SparseConvNetTensor")
    return tensor._native_handle()
