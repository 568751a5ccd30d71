"""Linear layers, functions of several tensors, and the way from dense tensors to sparse ones and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Optional, TypeVar, Union

import torch
from torch import nn

from .._messages import wrong_shape, wrong_type, wrong_value
from ..dialects.elementwise import added, joined, linear
from ..errors import StateError
from ._errors import asserted
from .MinkowskiCommon import MinkowskiModuleBase
from .MinkowskiSparseTensor import SparseTensor
from .MinkowskiTensor import COORDINATE_KEY_DIFFERENT_ERROR, Tensor
from .MinkowskiTensorField import TensorField

__all__ = [
    "MinkowskiLinear",
    "MinkowskiStackCat",
    "MinkowskiStackMean",
    "MinkowskiStackSum",
    "MinkowskiStackVar",
    "MinkowskiToDenseTensor",
    "MinkowskiToFeature",
    "MinkowskiToSparseTensor",
    "cat",
    "dense_coordinates",
    "mean",
    "to_sparse",
    "to_sparse_all",
    "var",
]

DIFFERS = {
    "MinkowskiToSparseTensor": "leaves out places of zeros, as documented, unless it is told otherwise; "
    "MinkowskiEngine 0.5.4 keeps them"
}

Input = TypeVar("Input", bound=Tensor)


class MinkowskiLinear(nn.Module):
    """`torch.nn.Linear` on features: [n, in_features] -> [n, out_features]; the layer itself is `linear`."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, out_features, bias=bias)

    def forward(self, input: Input) -> Input:
        """Return the tensor or the field with new features."""
        return input._mapped(lambda features: linear(self.linear, features))

    def __repr__(self) -> str:
        layer = self.linear
        return (
            f"{type(self).__name__}(in_features={layer.in_features}, out_features={layer.out_features}, "
            f"bias={layer.bias is not None})"
        )


def _tuple_operator(*sparse_tensors: Any, operator: Callable[[list[torch.Tensor]], torch.Tensor]) -> Any:
    """Return what a function of single rows makes of the features of tensors, or of fields, on the same coordinates."""
    if len(sparse_tensors) == 1 and isinstance(sparse_tensors[0], (tuple, list)):
        sparse_tensors = tuple(sparse_tensors[0])
    if len(sparse_tensors) < 2:
        raise asserted(wrong_value("sparse_tensors", f"{len(sparse_tensors)} tensors", "at least 2"))
    first, *others = sparse_tensors
    if isinstance(first, TensorField):
        for other in others:
            first._check_same_points(other)
        return first._of_others(operator([tensor._F for tensor in sparse_tensors]))
    if not isinstance(first, SparseTensor):
        raise wrong_type("sparse_tensors", first, "sparse tensors or tensor fields")
    for other in others:
        first._check_sibling(other)
        if other.coordinate_map_key != first.coordinate_map_key:
            raise asserted(StateError(COORDINATE_KEY_DIFFERENT_ERROR))
    joined = first._held.joined([other._held for other in others], operator, is_new=True)
    return SparseTensor._made(first._manager, first.coordinate_map_key, joined)


def cat(*sparse_tensors: Any) -> Any:
    """Put the planes of tensors on the same coordinates side by side: [n, a], [n, b], ... -> [n, a + b + ...].

    sparse_tensors: at least two, or one list of them; `TensorField`s likewise.
    """
    return _tuple_operator(*sparse_tensors, operator=joined)


def _sum(*sparse_tensors: Any) -> Any:
    """Add up tensors on the same coordinates, given as to `cat`."""
    return _tuple_operator(*sparse_tensors, operator=_added)


def mean(*sparse_tensors: Any) -> Any:
    """Return the mean of tensors on the same coordinates, given as to `cat`."""
    return _tuple_operator(*sparse_tensors, operator=lambda parts: _added(parts) / len(parts))


def var(*sparse_tensors: Any) -> Any:
    """Return the biased variance of tensors on the same coordinates, given as to `cat`."""
    return _tuple_operator(*sparse_tensors, operator=_variance)


def _added(parts: list[torch.Tensor]) -> torch.Tensor:
    total = added(parts[0], parts[1])
    for part in parts[2:]:
        total = added(total, part)
    return total


def _variance(parts: list[torch.Tensor]) -> torch.Tensor:
    middle = _added(parts) / len(parts)
    return _added([(part - middle).square() for part in parts]) / len(parts)


def dense_coordinates(shape: Sequence[int]) -> torch.Tensor:
    """Return all places of a dense tensor [samples, planes, first axis, ..., last axis], [places, 1 + dimension] int32,
    row-major."""
    if len(shape) < 3:
        raise asserted(wrong_shape("shape", [len(shape)], "[at least 3]: samples, planes, axes"))
    axes = [torch.arange(int(extent), dtype=torch.int32) for extent in (shape[0], *shape[2:])]
    return torch.cartesian_prod(*axes).reshape(-1, len(axes))


def to_sparse(
    x: torch.Tensor, format: Optional[str] = None, coordinates: Any = None, device: Any = None
) -> SparseTensor:
    """Return a sparse tensor at the places of a dense one where any plane differs from zero.

    x: [samples, planes, first axis, ..., last axis], or in the order that format says: 'B' first, 'C' for the planes,
    an 'X' for each axis. device: where features go. coordinates: not used.
    """
    _check_dense(x)
    letters = "BC" + "X" * (x.ndim - 2) if format is None else format
    if len(letters) != x.ndim or letters[0] != "B" or letters.count("C") != 1 or letters.count("B") != 1:
        raise asserted(wrong_value("format", format, f"'B', one 'C' and {x.ndim - 2} 'X'"))
    last = x.movedim(letters.index("C"), -1)
    places = (last.detach() != 0).any(-1).nonzero()
    features = last[tuple(places.unbind(1))]
    return SparseTensor(features, coordinates=places.int(), device=x.device if device is None else device)


def to_sparse_all(dense_tensor: torch.Tensor, coordinates: Optional[torch.Tensor] = None) -> SparseTensor:
    """Return a sparse tensor at all places of a dense one [samples, planes, first axis, ..., last axis].

    coordinates: what `dense_coordinates` returns for the shape, so that it need not be made again.
    """
    _check_dense(dense_tensor)
    features = dense_tensor.movedim(1, -1).reshape(-1, dense_tensor.shape[1])
    where = dense_coordinates(dense_tensor.shape) if coordinates is None else coordinates
    return SparseTensor(features, where, device=dense_tensor.device)


def _check_dense(x: Any) -> None:
    if not isinstance(x, torch.Tensor):
        raise asserted(wrong_type("x", x, "a torch.Tensor"))
    if x.ndim < 3:
        raise asserted(wrong_shape("x", x.shape, "[samples, planes, axes ...]"))


class MinkowskiToSparseTensor(MinkowskiModuleBase):
    """Makes a sparse tensor of a dense one [samples, planes, first axis, ..., last axis], or of a tensor field.

    remove_zeros: whether places where all planes are zero are left out. coordinates: as for `to_sparse_all`; all places
    are kept then.
    """

    def __init__(self, remove_zeros: bool = True, coordinates: Optional[torch.Tensor] = None) -> None:
        super().__init__()
        self.remove_zeros, self.coordinates = remove_zeros, coordinates

    def forward(self, input: Union[TensorField, torch.Tensor]) -> SparseTensor:
        """Return the sparse tensor, `input.sparse()` for a field."""
        if isinstance(input, TensorField):
            return input.sparse()
        if not isinstance(input, torch.Tensor):
            raise wrong_type("input", input, "a TensorField or a torch.Tensor")
        if self.remove_zeros and self.coordinates is None:
            return to_sparse(input)
        return to_sparse_all(input, self.coordinates)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class MinkowskiToDenseTensor(MinkowskiModuleBase):
    """Makes a dense tensor of a sparse one: [samples, planes, first axis, ..., last axis].

    shape: that of the result, as for `SparseTensor.dense`.
    """

    def __init__(self, shape: Optional[torch.Size] = None) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, input: SparseTensor) -> torch.Tensor:
        """Return the dense tensor."""
        return input.dense(shape=self.shape)[0]

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class MinkowskiToFeature(MinkowskiModuleBase):
    """Gives the features of a sparse tensor or a tensor field, [n, planes]."""

    def forward(self, x: Union[SparseTensor, TensorField]) -> torch.Tensor:
        """Return the features."""
        if not isinstance(x, (SparseTensor, TensorField)):
            raise asserted(wrong_type("x", x, "a SparseTensor or a TensorField"))
        return x.F


class MinkowskiStackCat(nn.Sequential):
    """Applies each of its modules to the input and puts the planes of the results side by side."""

    def forward(self, x: Any) -> Any:
        """Return the results' planes side by side."""
        return cat([module(x) for module in self])


class MinkowskiStackSum(nn.Sequential):
    """Applies each of its modules to the input and adds up the results."""

    def forward(self, x: Any) -> Any:
        """Return the results' sum."""
        return _sum([module(x) for module in self])


class MinkowskiStackMean(nn.Sequential):
    """Applies each of its modules to the input and takes the mean of the results."""

    def forward(self, x: Any) -> Any:
        """Return the results' mean."""
        return mean([module(x) for module in self])


class MinkowskiStackVar(nn.Sequential):
    """Applies each of its modules to the input and takes the variance of the results."""

    def forward(self, x: Any) -> Any:
        """Return the results' variance."""
        return var([module(x) for module in self])
