"""Sites in the order in which a program names them, and what flows between such sets.

The engine keeps sites sorted by sample, then by coordinates. spconv, MinkowskiEngine and torchsparse keep rows where
the program put them. `Rows` is a set of sites with its order; `Rules` are the rules between two of them: they take
features in the order of the one, and return features in the order of the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import torch

from .._messages import counted, wrong_shape, wrong_type
from .._native.arrays import IntArray, address, int64
from .._native.library import library
from ..errors import CoordinateError
from ..torch import functional
from ..torch.autograd.buffers import host_array
from ..torch.autograd.columns import RuleColumns, columns_of
from ..torch.functions import permute
from ..values.sites import Rulebook, Sites

__all__ = ["Rows", "Rules", "coordinate_array"]


def coordinate_array(coordinates: Any, name: str, dimension: Optional[int] = None, batch: str = "first") -> IntArray:
    """Return coordinates of any device [n, 1 + dimension] as an int64 array [n, dimension + 1], batch index last.

    batch: where the batch index is given, 'first' or 'last'. Raises `ShapeError`, or `TypeError` for elements that are
    no whole numbers.
    """
    given = host_array(coordinates, name) if isinstance(coordinates, torch.Tensor) else coordinates
    is_exact = isinstance(given, np.ndarray) and given.dtype == np.int32
    where = given if is_exact else int64(given, name, CoordinateError)
    columns = "2 ... 11" if dimension is None else str(dimension + 1)
    if where.ndim != 2 or not 2 <= where.shape[1] <= 11 or (dimension is not None and where.shape[1] != dimension + 1):
        raise wrong_shape(name, where.shape, f"[sites, {columns}], the batch index {batch}")
    if batch == "last":
        return np.ascontiguousarray(where, np.int64)
    # Column by column, and converted on the way: a fifth of the time of np.roll.
    turned = np.empty(where.shape, np.int64)
    turned[:, :-1], turned[:, -1] = where[:, 1:], where[:, 0]
    return turned


class Rows:
    """A set of active sites and the order of its rows.

    sites: the engine's, sorted. order: [sites] int64, the sorted row of each row; None if the rows are sorted.
    """

    __slots__ = ("_back", "_submanifold", "order", "sites")

    def __init__(self, sites: Sites, order: Optional[torch.Tensor] = None) -> None:
        self.sites, self.order = sites, order
        self._back: Optional[torch.Tensor] = None
        self._submanifold: dict[Any, Rulebook] = {}

    @classmethod
    def made(
        cls,
        coordinates: IntArray,
        name: str,
        *,
        spatial_size: Any = None,
        batch_size: int = 0,
        beside: Optional[Sites] = None,
    ) -> Rows:
        """Return the sites of coordinates, as `coordinate_array` returns them, in their order.

        spatial_size: the size of the field, which begins at 0; None for a field without bounds. beside: sites that are
        to be related to these. Raises `CoordinateError`, which names the rows, for sites that come several times.
        """
        if beside is None:
            sites = Sites(coordinates.shape[1] - 1, coordinates, spatial_size, batch_size=batch_size)
        else:
            sites = beside.taken(coordinates, spatial_size)
        if len(sites) != len(coordinates):
            raise _repeated(coordinates, name)
        return cls(sites, _order_in(sites, coordinates, is_first=beside is None))

    @property
    def back(self) -> Optional[torch.Tensor]:
        """The row of each sorted row, [sites] int64; None if the rows are sorted."""
        if self._back is None and self.order is not None:
            # By numpy, here and below: threads of torch's that wait for more would be in the way of the library's.
            back = np.empty(len(self.order), np.int64)
            back[self.order.numpy()] = np.arange(len(self.order))
            self._back = torch.from_numpy(back)
        return self._back

    def __len__(self) -> int:
        return len(self.sites)

    @property
    def dimension(self) -> int:
        """The number of coordinates of a site, not counting the batch index."""
        return self.sites.dimension

    def coordinates(self, batch: str = "first") -> torch.Tensor:
        """Return the sites in the order of the rows, [sites, 1 + dimension] int32, on the CPU."""
        where = self.sites.coordinates
        if where.size and not (where.min() >= -(2**31) and where.max() < 2**31):
            raise CoordinateError(f"coordinates: reach {np.abs(where).max()}, expected numbers of 32 bits")
        narrow = np.empty(where.shape, np.int32)
        if batch == "last":
            narrow[:] = where
        else:
            narrow[:, 1:], narrow[:, 0] = where[:, :-1], where[:, -1]
        return torch.from_numpy(narrow if self.order is None else narrow.take(self.order.numpy(), 0))

    def submanifold(self, size: Sequence[int], dilation: Sequence[int]) -> Rules:
        """Return the rules of a submanifold filter; see `Sites.submanifold`."""
        key = (*size, *dilation)
        known = self._submanifold.get(key)
        if known is None:
            known = self._submanifold[key] = self.sites.submanifold(size, dilation=dilation)
        return Rules(known, self, self)

    def sorted(self, features: torch.Tensor, name: str = "features") -> torch.Tensor:
        """Return features, which are in the order of the rows, in the engine's."""
        if not isinstance(features, torch.Tensor):
            raise wrong_type(name, features, "a torch.Tensor")
        if features.ndim != 2 or len(features) != len(self):
            raise wrong_shape(name, features.shape, f"[{len(self)}, planes], a row for each site")
        back, order = self.back, self.order
        if order is None or back is None:
            return features
        return permute(features, back.to(features.device), order.to(features.device))

    def shown(self, features: torch.Tensor) -> torch.Tensor:
        """Return features, which are in the engine's order, in that of the rows."""
        back, order = self.back, self.order
        if order is None or back is None:
            return features
        return permute(features, order.to(features.device), back.to(features.device))

    def shown_for_all(self, features: torch.Tensor) -> torch.Tensor:
        """Return what `shown` does, to be kept: whoever looks first may do so without gradients, and those who come
        later may need them."""
        with torch.inference_mode(features.is_inference()), torch.set_grad_enabled(features.requires_grad):
            return self.shown(features)

    def numbered(self, sorted_rows: IntArray) -> IntArray:
        """Return the rows of some of the engine's rows; -1 stays."""
        back = self.back
        if back is None:
            return sorted_rows
        return np.where(sorted_rows < 0, -1, back.numpy()[np.maximum(sorted_rows, 0)]) if len(back) else sorted_rows

    def find(self, coordinates: IntArray) -> IntArray:
        """Return the row of each of some coordinates [n, dimension + 1], batch index last, -1 where no site is."""
        return self.numbered(self.sites.rows(coordinates))


class Rules:
    """The rules from one set of rows to another; they know nothing of the order that features are in, the methods
    do."""

    __slots__ = ("input", "output", "rulebook")

    def __init__(self, rulebook: Rulebook, input: Rows, output: Rows) -> None:
        self.rulebook, self.input, self.output = rulebook, input, output

    @property
    def volume(self) -> int:
        """The number of filter offsets."""
        return self.rulebook.volume

    def reversed(self) -> Rules:
        """Return the same rules with input and output exchanged."""
        return Rules(self.rulebook.reversed(), self.output, self.input)

    def columns(self, device: Any = "cpu") -> RuleColumns:
        """Return the input row and the output row of each rule, as the program numbers them, offset by offset."""
        known = columns_of(self.rulebook._handle, torch.device(device))
        first, second = self.input.back, self.output.back
        return RuleColumns(
            known.offsets,
            known.inputs if first is None else first.to(known.inputs.device)[known.inputs],
            known.outputs if second is None else second.to(known.outputs.device)[known.outputs],
        )

    def convolve(
        self, features: torch.Tensor, weight: torch.Tensor, bias: Optional[torch.Tensor] = None
    ) -> torch.Tensor:
        """Return the convolution of features, [output rows, out]. weight: [volume, groups, in / groups, out / groups]
        or [volume, in, out]. bias: [out] or None."""
        weight = weight.unsqueeze(1) if weight.ndim == 3 else weight
        rows = self.input.sorted(features)
        return self.output.shown(functional.convolve(rows, self.rulebook, weight, bias))

    def pool(self, features: torch.Tensor, pooling: str) -> torch.Tensor:
        """Return what a pooling makes of features, [output rows, planes]; pooling: as in `scn.functional.pool`."""
        return self.output.shown(functional.pool(self.input.sorted(features), self.rulebook, pooling))


def _order_in(sites: Sites, coordinates: IntArray, is_first: bool) -> Optional[torch.Tensor]:
    """Return the row that each of all coordinates of a set has in it; None if they are sorted. is_first: whether the
    set was made of them just now, not found to be one that others had named in another order."""
    if np.array_equal(sites.coordinates, coordinates):
        return None
    if is_first:
        rows = np.empty(len(coordinates), np.int64)
        library.scn_geometry_row_sites(sites.metadata._handle, address(rows), len(rows))
    else:
        rows = sites.rows(coordinates)
    return torch.from_numpy(rows)


def _repeated(coordinates: IntArray, name: str) -> CoordinateError:
    """Return the error for coordinates of which some come several times."""
    order = np.lexsort(coordinates.T)
    same = np.flatnonzero((coordinates[order[1:]] == coordinates[order[:-1]]).all(1))
    first, second = sorted(order[same[0] : same[0] + 2].tolist())
    more = f"; {counted(len(same), 'row')} in all repeat a site" if len(same) > 1 else ""
    return CoordinateError(f"{name}: rows {first} and {second} are the same site, expected each site once{more}")
