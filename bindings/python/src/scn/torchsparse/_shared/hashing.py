"""Numbers of 64 bits that stand for rows of coordinates, and finding rows by them."""

from __future__ import annotations

import torch

__all__ = ["find", "hashed"]

# FNV-1a (Fowler, Noll, Vo) with words of 32 bits in place of bytes, brought down to 60 bits.
_START, _FACTOR = 14695981039346656037 - 2**64, 1099511628211
_WORD, _KEPT = 2**32 - 1, 2**60 - 1
# Coordinates of 32 bits have no more bits, and the numbers that torchsparse gives them.
_FACTOR_OF_MORE = -0x61C8864680B583EB


def hashed(rows: torch.Tensor) -> torch.Tensor:
    """Return the number from 0 to 2^60 - 1 that torchsparse has for each row of whole numbers [..., columns]: the same
    for the same rows, and as good as never the same for different ones. Programs order sites by it."""
    result = torch.full(rows.shape[:-1], _START, dtype=torch.int64, device=rows.device)
    for column in rows.long().unbind(-1):
        more = (column - column.int().long()) >> 32
        result = ((result ^ (column & _WORD)) * _FACTOR) ^ (more * _FACTOR_OF_MORE)
    return ((result >> 60) & 15) ^ (result & _KEPT)


def find(queries: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
    """Return where each number comes first among references [n], -1 where it does not: int64, in the queries' shape."""
    if not len(references):
        return torch.full_like(queries, -1, dtype=torch.int64)
    sorted_references, order = torch.sort(references, stable=True)
    places = torch.searchsorted(sorted_references, queries.contiguous()).clamp_(max=len(references) - 1)
    return torch.where(sorted_references[places] == queries, order[places], -1)
