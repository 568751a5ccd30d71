"""spconv 1.x: `spconv.modules`, now `spconv.pytorch.modules`."""

from __future__ import annotations

from .pytorch.modules import (
    PrintCurrentTime,
    PrintTensorMeta,
    SparseBatchNorm,
    SparseIdentity,
    SparseModule,
    SparseReLU,
    SparseSequential,
    SparseSyncBatchNorm,
    assign_name_for_sparse_modules,
    is_sparse_conv,
    is_spconv_module,
)

__all__ = [
    "PrintCurrentTime",
    "PrintTensorMeta",
    "SparseBatchNorm",
    "SparseIdentity",
    "SparseModule",
    "SparseReLU",
    "SparseSequential",
    "SparseSyncBatchNorm",
    "assign_name_for_sparse_modules",
    "is_sparse_conv",
    "is_spconv_module",
]
