"""Products of a sparse matrix, given by its entries, and a dense one, by torch."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .._messages import wrong_shape, wrong_value
from ._errors import asserted

__all__ = ["MinkowskiSPMMAverageFunction", "MinkowskiSPMMFunction", "spmm", "spmm_average"]


def spmm(
    rows: torch.Tensor,
    cols: torch.Tensor,
    vals: torch.Tensor,
    size: Sequence[int],
    mat: torch.Tensor,
    is_sorted: bool = False,
    cuda_spmm_alg: int = 1,
) -> torch.Tensor:
    """Return the product of the matrix of `size` with entries vals at rows, cols, each [entries], and mat [size[1], n].

    Entries at the same place are added up. is_sorted, cuda_spmm_alg: do not matter. Gradients flow into vals and mat.
    """
    _check(rows, cols, size, mat)
    if vals.shape != rows.shape:
        raise asserted(wrong_shape("vals", vals.shape, rows.shape))
    if vals.dtype != mat.dtype:
        raise asserted(wrong_value("vals", f"of type {vals.dtype}", f"{mat.dtype}, as mat"))
    chosen = mat.index_select(0, cols.long()) * vals[:, None]
    return mat.new_zeros(int(size[0]), mat.shape[1]).index_add(0, rows.long(), chosen)


def spmm_average(
    rows: torch.Tensor, cols: torch.Tensor, size: Sequence[int], mat: torch.Tensor, cuda_spmm_alg: int = 1
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return for each row the mean of the rows cols of mat, the entries' places sorted by row [2, entries] int64, and
    what each weighs."""
    _check(rows, cols, size, mat)
    sorted_rows, order = torch.sort(rows.long(), stable=True)
    counts = torch.bincount(sorted_rows, minlength=int(size[0]))
    weights = (1 / counts.index_select(0, sorted_rows)).to(mat.dtype)
    places = torch.stack([sorted_rows, cols.long().index_select(0, order)])
    return spmm(places[0], places[1], weights, size, mat), places, weights


def _check(rows: torch.Tensor, cols: torch.Tensor, size: Sequence[int], mat: torch.Tensor) -> None:
    if len(rows) != len(cols):
        raise asserted(wrong_shape("cols", cols.shape, rows.shape))
    if mat.ndim != 2 or mat.shape[0] != size[1]:
        raise asserted(wrong_shape("mat", mat.shape, f"[{size[1]}, n]"))


class MinkowskiSPMMFunction:
    """`spmm` as a function; `apply` is called on the class or on an instance."""

    @staticmethod
    def apply(
        rows: torch.Tensor,
        cols: torch.Tensor,
        vals: torch.Tensor,
        size: Sequence[int],
        mat: torch.Tensor,
        cuda_spmm_alg: int = 1,
    ) -> torch.Tensor:
        """Return the product, see `spmm`."""
        return spmm(rows, cols, vals, size, mat)


class MinkowskiSPMMAverageFunction:
    """The mean of `spmm_average` as a function; `apply` is called on the class or on an instance."""

    @staticmethod
    def apply(
        rows: torch.Tensor, cols: torch.Tensor, size: Sequence[int], mat: torch.Tensor, cuda_spmm_alg: int = 1
    ) -> torch.Tensor:
        """Return the means, see `spmm_average`."""
        return spmm_average(rows, cols, size, mat)[0]
