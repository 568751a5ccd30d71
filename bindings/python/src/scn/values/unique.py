"""Rows of whole numbers without their repetitions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._native.arrays import IntArray

__all__ = ["UniqueRows", "unique_rows"]


class UniqueRows(NamedTuple):
    """What `unique_rows` returns."""

    rows: IntArray
    """[m, columns], in row-major order, each once."""
    first: IntArray
    """[m], where each of them comes first."""
    inverse: IntArray
    """[n], which of them each row is."""
    counts: IntArray
    """[m], how often each of them comes."""


def unique_rows(rows: IntArray) -> UniqueRows:
    """Return the different rows of a matrix of whole numbers [n, columns]."""
    keys = _keys(rows)
    if keys is None:
        values, first, inverse, counts = np.unique(
            rows, axis=0, return_index=True, return_inverse=True, return_counts=True
        )
        return UniqueRows(values, first, inverse.reshape(-1), counts)
    _, first, inverse, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    return UniqueRows(rows[first], first, inverse.reshape(-1), counts)


def _keys(rows: IntArray) -> Any:
    """Return a number for each row, in the rows' order; None where 63 bits do not hold them. Sorting numbers is several
    times as fast as sorting rows."""
    if not rows.size:
        return None
    low = [int(column.min()) for column in rows.T]
    extent = [int(column.max()) - start + 1 for column, start in zip(rows.T, low)]
    total = 1
    for size in extent:
        total *= size
    if total >= 2**63:
        return None
    keys = np.zeros(len(rows), np.int64)
    for column, start, size in zip(rows.T, low, extent):
        keys = keys * size + (column - start)
    return keys
