"""Combining and comparing sparse tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ..._messages import counted, wrong_type
from ..._native.generated import Matrix
from ..._native.library import library
from ...errors import InvalidArgumentError, ShapeError
from ...values.unique import unique_rows
from .. import functions
from ..autograd.buffers import is_computed_by_library, prepared_together
from ..autograd.reference import segment_sum
from ..metadata import Metadata
from ..sparse import SparseConvNetTensor
from .containers import AddTable, JoinTable
from .layer import Layer

__all__ = ["AddCoords", "add_feature_planes", "append_tensors", "compare_sparse", "concatenate_feature_planes"]


class AddCoords(Layer):
    """Adds a plane for each axis: the coordinate, scaled to -1 ... 1 over the spatial size (0 where that is 1).

    [sites, planes] -> [sites, planes + dimension].
    """

    def forward(self, input: SparseConvNetTensor) -> SparseConvNetTensor:
        """Return the sparse tensor with its coordinates."""
        input, rows = self._sparse(input)
        metadata, sites = input._known_metadata(), input._site_set()
        size = torch.from_numpy(metadata._spatial_size(sites).copy())
        where = torch.from_numpy(metadata._locations(sites))[:, :-1]
        scaled = torch.where(size > 1, 2.0 * where / (size - 1).clamp(min=1) - 1, torch.zeros(()))
        return input._on(torch.cat([rows, scaled.to(rows)], 1))


def append_tensors(tensors: Sequence[SparseConvNetTensor]) -> SparseConvNetTensor:
    """Return one batch of the samples of all tensors, one tensor after the other.

    All must have the same spatial size and number of planes, else `ShapeError`. The result's rows are theirs one after
    the other; gradients flow back to each.
    """
    given = _checked("tensors", tensors)
    size, planes = _size_of(given[0]), _planes_of(given[0])
    places, samples = [], 0
    for index, tensor in enumerate(given):
        _check_like(f"tensors[{index}]", tensor, size, planes, "the first")
        where = tensor.get_spatial_locations()
        where[:, -1] += samples
        places.append(where)
        samples += tensor.batch_size()
    metadata = Metadata(len(size), size, torch.cat(places), samples)
    features = [tensor.features for tensor in given]
    return SparseConvNetTensor(torch.cat([part for part in features if part is not None]), metadata, size)


def add_feature_planes(input: Sequence[SparseConvNetTensor]) -> SparseConvNetTensor:
    """Return the sum of tensors on the same sites; what `AddTable` does."""
    return AddTable()(_checked("input", input))  # type: ignore[no-any-return]


def concatenate_feature_planes(input: Sequence[SparseConvNetTensor]) -> SparseConvNetTensor:
    """Return the planes of tensors on the same sites side by side; what `JoinTable` does."""
    return JoinTable()(_checked("input", input))  # type: ignore[no-any-return]


def compare_sparse(x: SparseConvNetTensor, y: SparseConvNetTensor) -> torch.Tensor:
    """Return the sum of squared differences over the union of the sites, divided by the number of sites there, rank 0.

    A tensor counts as zero where it has no site; if neither has any, the result is 0. Both must have the same spatial
    size and number of planes, else `ShapeError`; they need not come from one input. Gradients flow into both.
    """
    for name, tensor in (("x", x), ("y", y)):
        _check(name, tensor)
    _check_like("y", y, _size_of(x), _planes_of(x), "x")
    (first, first_sites), (second, second_sites) = ((t._known_metadata(), t._site_set()) for t in (x, y))
    rows, others = x._sorted(), y._sorted()

    def compute(rows: Matrix, others: Matrix, *results: Any) -> None:
        place = (first._handle, first_sites, rows, second._handle, second_sites, others)
        library.scn_compare_sparse_forward(*place, *results)

    def united(rows: torch.Tensor, others: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the differences at the sites of the union, and the place there of each row of both."""
        where = np.concatenate([first._locations(first_sites), second._locations(second_sites)])
        found = unique_rows(where)
        places = torch.from_numpy(found.inverse).to(rows.device)
        return segment_sum(torch.cat([rows, -others]), places, len(found.rows)), places

    def differences(rows: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        apart, _ = united(rows, others)
        return apart.square().sum() / max(1, len(apart))

    def slopes(rows: torch.Tensor, others: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        apart, places = united(rows, others)
        slope = apart * (2 / max(1, len(apart)))
        return slope[places[: len(rows)]], -slope[places[len(rows) :]]

    first_rows, second_rows = prepared_together(rows, others, names=("x", "y"))
    if not is_computed_by_library(first_rows):
        return differences(first_rows, second_rows)
    loss = functions.compare_sparse(first_rows, second_rows, compute, slopes)
    return loss.to(torch.promote_types(rows.dtype, others.dtype))


def _checked(name: str, tensors: Any) -> list[SparseConvNetTensor]:
    given = list(tensors)
    if not given:
        raise InvalidArgumentError(f"{name}: is empty, expected at least one tensor")
    for index, tensor in enumerate(given):
        _check(f"{name}[{index}]", tensor)
    return given


def _check(name: str, tensor: Any) -> None:
    if not isinstance(tensor, SparseConvNetTensor):
        raise wrong_type(name, tensor, "a SparseConvNetTensor")


def _check_like(name: str, tensor: SparseConvNetTensor, size: list[int], planes: int, other: str) -> None:
    """Raise `ShapeError` if a tensor lacks the spatial size or the planes of another one."""
    if _size_of(tensor) != size:
        raise ShapeError(f"{name}: has spatial size {_size_of(tensor)}, expected {size} as {other}")
    if _planes_of(tensor) != planes:
        raise ShapeError(f"{name}: has {counted(_planes_of(tensor), 'plane')}, expected {planes} as {other}")


def _planes_of(tensor: SparseConvNetTensor) -> int:
    return tensor._sorted().shape[1]


def _size_of(tensor: SparseConvNetTensor) -> list[int]:
    return tensor._known_metadata()._spatial_size(tensor._site_set()).tolist()  # type: ignore[no-any-return]
