"""Containers that branch, and that bring branches together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ..._messages import wrong_type
from .._errors import MisuseError
from .core import SparseConvTensor
from .functional import sparse_add_hash_based
from .modules import SparseModule

__all__ = ["AddTable", "AddTableMisaligned", "ConcatTable", "JoinTable"]


class _Table(SparseModule):
    def input_spatial_size(self, out_size: Any) -> Any:
        """Return which spatial size the layer makes another of: the same."""
        return out_size


class JoinTable(_Table):
    """Puts the planes of several tensors on the same sites, in the same rows, side by side."""

    def forward(self, input: Sequence[SparseConvTensor]) -> SparseConvTensor:
        """Return the tensor with all planes. Raises `MisuseError` for tensors on other sites."""
        first = _on_same_sites(input)
        return first.replace_feature(torch.cat([tensor.features for tensor in input], 1))


class AddTable(_Table):
    """Adds tensors on the same sites, in the same rows."""

    def forward(self, input: Sequence[SparseConvTensor]) -> SparseConvTensor:
        """Return the sum. Raises `MisuseError` for tensors on other sites or of other planes."""
        result = _on_same_sites(input)
        for tensor in input[1:]:
            if tensor._planes() != result._planes():
                raise MisuseError(
                    f"features: have {tensor._planes()} planes, expected {result._planes()}, as the first"
                )
            result = result + tensor
        return result


class AddTableMisaligned(_Table):
    """Adds tensors on any sites of one field; see `functional.sparse_add`."""

    def forward(self, input: Sequence[SparseConvTensor]) -> SparseConvTensor:
        """Return the sum, which has the sites of all."""
        return sparse_add_hash_based(*input)


class ConcatTable(SparseModule):
    """Gives its input to each of several modules, and returns a list of what they make of it."""

    def forward(self, input: Any) -> list[Any]:
        """Return what each module returns, in order."""
        return [module(input) for module in self._modules.values() if module is not None]

    def add(self, module: nn.Module) -> ConcatTable:
        """Append a module, and return the table."""
        self.add_module(str(len(self._modules)), module)
        return self

    def input_spatial_size(self, out_size: Any) -> Any:
        """Return which spatial size the first module makes another of."""
        return self._modules["0"].input_spatial_size(out_size)  # type: ignore[union-attr,operator]


def _on_same_sites(input: Sequence[SparseConvTensor]) -> SparseConvTensor:
    """Return the first of some tensors, or raise an error if others are elsewhere."""
    if not input:
        raise MisuseError("input: is empty, expected a SparseConvTensor or several")
    first = input[0]
    for tensor in input:
        if not isinstance(tensor, SparseConvTensor):
            raise wrong_type("input", tensor, "a SparseConvTensor")
        for name in ("spatial_shape", "batch_size"):
            mine, theirs = getattr(tensor, name), getattr(first, name)
            if mine != theirs:
                raise MisuseError(f"{name}: is {mine}, expected {theirs}, that of the first tensor")
        if tensor.indices is not first.indices and not torch.equal(tensor.indices, first.indices):
            raise MisuseError("indices: are not those of the first tensor, row by row; AddTableMisaligned adds such")
    return first
