"""Rows that come several times."""

from __future__ import annotations

import torch

from ...dialects.rows import coordinate_array
from ...values.unique import unique_rows
from .core import SparseConvTensor
from .modules import SparseModule

__all__ = ["RemoveDuplicate"]


class RemoveDuplicate(SparseModule):
    """Keeps the first row of each site, in row-major order of the sites."""

    def forward(self, x: SparseConvTensor) -> SparseConvTensor:
        """Return the tensor with each site once, without rulebooks."""
        found = unique_rows(coordinate_array(x.indices, "indices", None, "last"))
        return x.select_by_index(torch.from_numpy(found.first).to(x.indices.device))
