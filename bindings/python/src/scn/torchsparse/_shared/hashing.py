"""Numbers of 64 bits that stand for rows of coordinates, and finding rows by them."""

from __future__ import annotations

import torch

__all__ = ["find", "hashed"]

# Odd numbers without a pattern, so that multiplication carries every bit of a column into the upper half.
_START, _FACTOR, _LAST_FACTOR = 0x5851F42D4C957F2D, -0x61C8864680B583EB, -0x40A7B892E31B1A47
# A shift to the right brings copies of the sign with it; without these, no two numbers become the same.
_UPPER, _POSITIVE = 2**35 - 1, 2**63 - 1


def hashed(rows: torch.Tensor) -> torch.Tensor:
    """Return a number from 0 to 2^63 - 1 for each row of whole numbers [..., columns]: the same for the same rows, and
    as good as never the same for different ones."""
    result = torch.full(rows.shape[:-1], _START, dtype=torch.int64, device=rows.device)
    for column in rows.long().unbind(-1):
        result = (result ^ column) * _FACTOR
        result = result ^ ((result >> 29) & _UPPER)
    result = result * _LAST_FACTOR
    return (result ^ (result >> 32)) & _POSITIVE


def find(queries: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
    """Return where each number comes first among references [n], -1 where it does not: int64, in the queries' shape."""
    if not len(references):
        return torch.full_like(queries, -1, dtype=torch.int64)
    sorted_references, order = torch.sort(references, stable=True)
    places = torch.searchsorted(sorted_references, queries.contiguous()).clamp_(max=len(references) - 1)
    return torch.where(sorted_references[places] == queries, order[places], -1)
