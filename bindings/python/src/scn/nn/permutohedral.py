"""Convolution on the lattice A_d, on which every site has d * (d + 1) nearest neighbors."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._native.arrays import FloatArray, IntArray, address, dimension_of
from .._native.library import library
from ..values.tensor import Parameter
from .layer import Layer
from .layer_types import made_from_arguments

__all__ = ["PermutohedralSubmanifoldConvolution", "permutohedral_basis", "permutohedral_offsets"]


class PermutohedralSubmanifoldConvolution(Layer):
    """A convolution that keeps the sites: each reads itself and its d * (d + 1) nearest neighbors on the lattice A_d.

    [sites, nIn] -> [sites, nOut], with input = output + `permutohedral_offsets(dimension)[k]`. weight: [volume, groups,
    nIn / groups, nOut / groups], volume d * d + d + 1, initialized N(0, 2 / (nIn * volume)). bias: [nOut], zeros.
    normalized: as in `SubmanifoldConvolution`. Sites are lattice coordinates; `permutohedral_basis` gives them.
    """

    weight: Parameter
    bias: Parameter | None
    dimension: int
    nIn: int
    nOut: int
    has_bias: bool
    groups: int
    normalized: bool

    @made_from_arguments
    def __init__(
        self, dimension: int, nIn: int, nOut: int, bias: bool, groups: int = 1, *, normalized: bool = False
    ) -> None: ...

    @property
    def filter_volume(self) -> int:
        """The number of filter offsets."""
        return self.dimension * (self.dimension + 1) + 1


def permutohedral_basis(dimension: int) -> tuple[FloatArray, FloatArray]:
    """Return a basis of the lattice A_d and its inverse, both [dimension, dimension].

    The rows of the basis have length 1 and meet at 60 degrees. `points @ inverse`, rounded, are the coordinates of the
    sites that `PermutohedralSubmanifoldConvolution` works on.
    """
    d = dimension_of(dimension)
    basis, inverse = np.empty((d, d)), np.empty((d, d))
    library.scn_permutohedral_basis(d, address(basis), address(inverse))
    return basis.astype(np.float32), inverse.astype(np.float32)


def permutohedral_offsets(dimension: int) -> IntArray:
    """Return the filter offsets of `PermutohedralSubmanifoldConvolution`, [d * d + d + 1, d], in the weight's order."""
    d = dimension_of(dimension)
    offsets: Any = np.empty((d * (d + 1) + 1, d), np.int64)
    library.scn_permutohedral_offsets(d, address(offsets), offsets.size)
    result: IntArray = offsets
    return result
