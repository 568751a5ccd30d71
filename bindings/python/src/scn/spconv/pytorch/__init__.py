"""spconv's tensors and layers for PyTorch."""

from __future__ import annotations

from typing import Any

from ... import _with_torch  # noqa: F401
from ...dialects.missing import missing
from . import constants, conv, core, cppcore, functional, hash, identity, modules, ops, pool, spatial, tables, utils
from .conv import (
    SparseConv1d,
    SparseConv2d,
    SparseConv3d,
    SparseConv4d,
    SparseConvolution,
    SparseConvTranspose1d,
    SparseConvTranspose2d,
    SparseConvTranspose3d,
    SparseConvTranspose4d,
    SparseInverseConv1d,
    SparseInverseConv2d,
    SparseInverseConv3d,
    SparseInverseConv4d,
    SubMConv1d,
    SubMConv2d,
    SubMConv3d,
    SubMConv4d,
)
from .core import SparseConvTensor
from .identity import Identity
from .modules import (
    SparseBatchNorm,
    SparseIdentity,
    SparseModule,
    SparseReLU,
    SparseSequential,
    assign_name_for_sparse_modules,
)
from .ops import ConvAlgo
from .pool import (
    SparseAvgPool1d,
    SparseAvgPool2d,
    SparseAvgPool3d,
    SparseGlobalAvgPool,
    SparseGlobalMaxPool,
    SparseMaxPool1d,
    SparseMaxPool2d,
    SparseMaxPool3d,
    SparseMaxPool4d,
)
from .tables import AddTable, AddTableMisaligned, ConcatTable, JoinTable

__all__ = [
    "AddTable",
    "AddTableMisaligned",
    "ConcatTable",
    "ConvAlgo",
    "Identity",
    "JoinTable",
    "RemoveGrid",
    "SparseAvgPool1d",
    "SparseAvgPool2d",
    "SparseAvgPool3d",
    "SparseBatchNorm",
    "SparseConv1d",
    "SparseConv2d",
    "SparseConv3d",
    "SparseConv4d",
    "SparseConvTensor",
    "SparseConvTranspose1d",
    "SparseConvTranspose2d",
    "SparseConvTranspose3d",
    "SparseConvTranspose4d",
    "SparseConvolution",
    "SparseGlobalAvgPool",
    "SparseGlobalMaxPool",
    "SparseIdentity",
    "SparseInverseConv1d",
    "SparseInverseConv2d",
    "SparseInverseConv3d",
    "SparseInverseConv4d",
    "SparseMaxPool1d",
    "SparseMaxPool2d",
    "SparseMaxPool3d",
    "SparseMaxPool4d",
    "SparseModule",
    "SparseReLU",
    "SparseSequential",
    "SubMConv1d",
    "SubMConv2d",
    "SubMConv3d",
    "SubMConv4d",
    "ToDense",
    "assign_name_for_sparse_modules",
    "constants",
    "conv",
    "core",
    "cppcore",
    "functional",
    "hash",
    "identity",
    "modules",
    "ops",
    "pool",
    "spatial",
    "tables",
    "utils",
]

MISSING = conv.MISSING


def __getattr__(name: str) -> Any:
    """Raise an error for a name that is not here; for layers of forks, one that says so."""
    raise missing("spconv.pytorch", name, MISSING)


class ToDense(SparseModule):
    """Makes a sparse tensor dense; see `SparseConvTensor.dense`."""

    def forward(self, x: SparseConvTensor) -> Any:
        """Return the dense tensor [batch, planes, *spatial shape]."""
        return x.dense()


class RemoveGrid(SparseModule):
    """Sets a sparse tensor's `grid`, which nothing uses here, to None."""

    def forward(self, x: SparseConvTensor) -> SparseConvTensor:
        """Return the input."""
        x.grid = None
        return x
