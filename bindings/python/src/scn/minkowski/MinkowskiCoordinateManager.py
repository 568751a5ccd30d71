"""The coordinate maps of tensors that belong together, and the rules between them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import torch

from .._messages import one_of, wrong_shape, wrong_type, wrong_value
from ..dialects.rows import Rules
from ..errors import StateError
from ._enums import CoordinateMapType, GPUMemoryAllocatorType, MinkowskiAlgorithm, RegionType
from ._errors import asserted
from ._keys import CoordinateMapKey, known_key
from ._manager import Maps
from ._maps import Field, whole
from ._points import interpolation
from ._regions import cells, listed, region
from .MinkowskiCommon import convert_to_int_list

__all__ = [
    "CoordinateManager",
    "CoordsManager",
    "set_coordinate_map_type",
    "set_gpu_allocator",
    "set_memory_manager_backend",
]

DIFFERS = {
    "CoordinateManager": "num_threads, coordinate_map_type, allocator_type and minkowski_algorithm have no effect",
    **dict.fromkeys(
        ("set_coordinate_map_type", "set_gpu_allocator", "set_memory_manager_backend"),
        "the argument is checked, without effect: scn has one kind of coordinate map",
    ),
}


def set_coordinate_map_type(coordinate_map_type: CoordinateMapType) -> None:
    """Accept a type of coordinate maps; they are kept in the memory of the CPU in any case."""
    if not isinstance(coordinate_map_type, CoordinateMapType):
        raise asserted(wrong_type("coordinate_map_type", coordinate_map_type, "a CoordinateMapType"))


def set_gpu_allocator(backend: GPUMemoryAllocatorType) -> None:
    """Accept an allocator of a GPU's memory, which is not used."""
    if not isinstance(backend, GPUMemoryAllocatorType):
        raise asserted(wrong_type("backend", backend, "a GPUMemoryAllocatorType"))


def set_memory_manager_backend(backend: GPUMemoryAllocatorType) -> None:
    """Do as `set_gpu_allocator`, with a warning: the name is deprecated."""
    warnings.warn("set_memory_manager_backend is deprecated, use set_gpu_allocator", stacklevel=2)
    set_gpu_allocator(backend)


class CoordsManager:
    """The name before 0.5; making one raises a DeprecationWarning, as in MinkowskiEngine."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        raise DeprecationWarning("CoordsManager is the name before MinkowskiEngine 0.5, use CoordinateManager")


class CoordinateManager(Maps):
    """Coordinate maps by key, made once and shared, and the rules between them.

    D: the dimension, 1 ... 10. num_threads, coordinate_map_type, allocator_type, minkowski_algorithm: accepted, and
    without effect on results. Where a method takes a map, it takes its key or its tensor stride, which stands for the
    first map that has it.
    """

    def __init__(
        self,
        D: int = 0,
        num_threads: int = -1,
        coordinate_map_type: Optional[CoordinateMapType] = None,
        allocator_type: Optional[GPUMemoryAllocatorType] = None,
        minkowski_algorithm: Optional[MinkowskiAlgorithm] = None,
    ) -> None:
        if not 1 <= D <= 10:
            raise wrong_value("D", D, "1 ... 10")
        self._begin()
        self.D = D
        self.minkowski_algorithm = MinkowskiAlgorithm.DEFAULT if minkowski_algorithm is None else minkowski_algorithm

    # Maps

    def insert_and_map(
        self, coordinates: torch.Tensor, tensor_stride: Any = 1, string_id: str = ""
    ) -> tuple[CoordinateMapKey, tuple[torch.Tensor, torch.Tensor]]:
        """Make a map of coordinates [n, 1 + D] int32, and return its key and two maps of rows.

        The first, [rows of the map] int64, says which of the given rows each is; the second, [n] int64, which of the
        map's rows each given row is. Of rows that share a site the first counts. If the key is taken the map gets a
        string of its own.
        """
        key, made = self._insert(coordinates, tensor_stride, string_id)
        return CoordinateMapKey._of(key), (made.kept.to(self._device), made.row_of_given.to(self._device))

    def stride(self, coordinate_map_key: CoordinateMapKey, stride: Any, string_id: str = "") -> CoordinateMapKey:
        """Return the key of the sites rounded down to multiples of the tensor stride times `stride`.

        A map of that tensor stride and string that exists is taken as it is.
        """
        factors = tuple(convert_to_int_list(stride, self.D))
        return CoordinateMapKey._of(self._strided(known_key(coordinate_map_key, "key"), factors, string_id))

    def origin(self) -> CoordinateMapKey:
        """Return the key of the map that has one site at 0 for each sample, of tensor stride 0, in the samples'
        order."""
        return CoordinateMapKey._of(self._origin())

    def origin_field(self) -> CoordinateMapKey:
        """Return the same as `origin`."""
        return self.origin()

    def size(self, coordinate_map_key: CoordinateMapKey) -> int:
        """Return the number of rows of a map or a field."""
        key = known_key(coordinate_map_key, "coordinate_map_key")
        return len(self._fields[key]) if key not in self._maps and key in self._fields else len(self._of(key))

    def get_coordinates(self, coords_key_or_tensor_strides: Any) -> torch.Tensor:
        """Return the coordinates of a map, [rows, 1 + D] int32."""
        return self._map(self._get_coordinate_map_key(coords_key_or_tensor_strides)).coordinates().to(self._device)

    def number_of_unique_batch_indices(self) -> int:
        """Return the number of samples that have a row anywhere."""
        return len(self._of(self._origin()))

    def get_batch_indices(self) -> list[int]:
        """Return the samples that have a row anywhere."""
        indices: list[int] = self._of(self._origin()).samples[0].tolist()
        return indices

    def get_unique_coordinate_map_key(self, tensor_stride: Any) -> CoordinateMapKey:
        """Return a key of a tensor stride that no map has."""
        key = (tuple(convert_to_int_list(tensor_stride, self.D)), self._name(""))
        return CoordinateMapKey._of(key)

    def _get_coordinate_map_key(self, key_or_tensor_strides: Any) -> CoordinateMapKey:
        if isinstance(key_or_tensor_strides, CoordinateMapKey):
            return key_or_tensor_strides
        if not isinstance(key_or_tensor_strides, (Sequence, np.ndarray, torch.Tensor, int)):
            raise asserted(wrong_type("key", key_or_tensor_strides, "a CoordinateMapKey or a tensor stride"))
        stride = tuple(convert_to_int_list(key_or_tensor_strides, self.D))
        for key in sorted(self._maps):
            if key[0] == stride:
                return CoordinateMapKey._of(key)
        raise asserted(wrong_value("tensor stride", list(stride), f"that of a map: {one_of(self._strides())}"))

    def _strides(self) -> list[list[int]]:
        return [list(stride) for stride in sorted({key[0] for key in self._maps})] or [[]]

    # Fields

    def insert_field(self, coordinates: torch.Tensor, tensor_stride: Any, string_id: str = "") -> CoordinateMapKey:
        """Make a field of points [n, 1 + D], batch index first, and return its key."""
        if coordinates.ndim != 2 or coordinates.shape[1] != self.D + 1:
            raise asserted(wrong_shape("coordinates", coordinates.shape, f"[n, {self.D + 1}]"))
        stride = tuple(convert_to_int_list(tensor_stride, self.D))
        key = (stride, string_id)
        while key in self._fields:
            key = (stride, self._name(string_id))
        self._note_device(coordinates)
        self._fields[key] = Field(coordinates.detach().float(), stride)
        return CoordinateMapKey._of(key)

    def get_coordinate_field(self, coords_key_or_tensor_strides: CoordinateMapKey) -> torch.Tensor:
        """Return the points of a field, [n, 1 + D] float32."""
        return self._field(coords_key_or_tensor_strides).coordinates.clone()

    def field_to_sparse_insert_and_map(
        self, field_map_key: CoordinateMapKey, sparse_tensor_stride: Any, sparse_tensor_string_id: str = ""
    ) -> tuple[CoordinateMapKey, tuple[torch.Tensor, torch.Tensor]]:
        """Make the map of the sites that a field's points fall to; return its key and the maps of `insert_and_map`.

        Without a string there is one for each tensor stride.
        """
        field, stride = self._field(field_map_key), tuple(convert_to_int_list(sparse_tensor_stride, self.D))
        key = self._sites_of_points(field, stride, sparse_tensor_string_id)
        first, rows = self._rows_of_points(field, key)
        return CoordinateMapKey._of(key), (first.to(self._device), rows.to(self._device))

    def exists_field_to_sparse(self, field_map_key: CoordinateMapKey, sparse_map_key: CoordinateMapKey) -> bool:
        """Return whether the rows of a field's points in a map are known already."""
        return known_key(sparse_map_key, "sparse_map_key") in self._field(field_map_key).rows_of

    def field_to_sparse_keys(self, field_map_key: CoordinateMapKey) -> list[CoordinateMapKey]:
        """Return the keys of the maps in which the rows of a field's points are known."""
        return [CoordinateMapKey._of(key) for key in self._field(field_map_key).rows_of]

    def get_field_to_sparse_map(
        self, field_map_key: CoordinateMapKey, sparse_map_key: CoordinateMapKey
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the first point of each of a map's rows, and the row of each point; `StateError` if not known."""
        if not self.exists_field_to_sparse(field_map_key, sparse_map_key):
            raise StateError(f"sparse_map_key: is {sparse_map_key}, expected a map whose rows of the field are known")
        first, rows = self._rows_of_points(self._field(field_map_key), known_key(sparse_map_key, "sparse_map_key"))
        return first.to(self._device), rows.to(self._device)

    def field_to_sparse_map(
        self, field_map_key: CoordinateMapKey, sparse_map_key: CoordinateMapKey
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a map's row, and the point, for each of a field's points that lies in one of the map's sites."""
        _, rows = self._rows_of_points(self._field(field_map_key), known_key(sparse_map_key, "sparse_map_key"))
        points = (rows >= 0).nonzero().reshape(-1)
        return rows.index_select(0, points).to(self._device), points.to(self._device)

    # Rows that meet

    def kernel_map(
        self,
        in_key: Any,
        out_key: Any,
        stride: Any = 1,
        kernel_size: Any = 3,
        dilation: Any = 1,
        region_type: RegionType = RegionType.HYPER_CUBE,
        region_offset: Optional[torch.Tensor] = None,
        is_transpose: bool = False,
        is_pool: bool = False,
    ) -> dict[int, torch.Tensor]:
        """Return for each tap that has rules the rows that meet, [2, rules] int32: input rows, then output rows.

        stride matters for a pooling alone: one whose kernel_size is its stride reads cells, see `MinkowskiSumPooling`.
        """
        source, target = (self._get_coordinate_map_key(key)._known() for key in (in_key, out_key))
        size, steps = (tuple(convert_to_int_list(value, self.D)) for value in (kernel_size, dilation))
        if is_pool and list(size) == convert_to_int_list(stride, self.D):
            kernel = cells(size)
        else:
            offsets = None if region_offset is None or not len(region_offset) else listed(region_offset, self.D)
            kernel = region(RegionType(region_type), size, steps, offsets, None)
        rulebook = self._rules(source, target, kernel, is_transpose)
        columns = Rules(rulebook, self._of(source).rows, self._of(target).rows).columns()
        if kernel.key[0] == "cells":
            found = [(0, columns.inputs, columns.outputs)] if len(columns.inputs) else []
        else:
            found = columns.parts()
        return {k: torch.stack([inputs, outputs]).int().to(self._device) for k, inputs, outputs in found}

    def get_kernel_map(self, *arguments: Any, **settings: Any) -> dict[int, torch.Tensor]:
        """Do as `kernel_map`, with a warning: the name is deprecated."""
        warnings.warn("get_kernel_map is deprecated, use kernel_map", stacklevel=2)
        return self.kernel_map(*arguments, **settings)

    def stride_map(self, in_key: CoordinateMapKey, stride_key: CoordinateMapKey) -> tuple[torch.Tensor, torch.Tensor]:
        """Return rows of a map and, for each, the row of another map that it is rounded down to."""
        source, target = self._map(in_key), self._map(stride_key)
        step = np.maximum(target.stride, 1)
        if (step % np.maximum(source.stride, 1)).any():
            raise wrong_value(
                "stride_key", target.stride[::-1].tolist(), f"a multiple of {source.stride[::-1].tolist()}"
            )
        shown = source.coordinates().flip(1).long()
        shown[:, :-1] -= shown[:, :-1] % torch.from_numpy(step)
        rows = torch.from_numpy(target.find(shown.numpy()))
        inputs = (rows >= 0).nonzero().reshape(-1)
        return inputs.to(self._device), rows.index_select(0, inputs).to(self._device)

    def origin_map(self, key: CoordinateMapKey) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return the samples that the manager has, [samples] int64, and a map's rows of each sample 0, 1, ..., the
        largest; a sample without rows has none."""
        known = self._map(key)
        samples = self._of(self._origin(known.samples[0])).samples[0]
        where = known.sites.coordinates[:, -1]
        order = known.rows.order
        shown = torch.from_numpy(where.copy())
        return self._decomposed(samples, shown if order is None else shown.index_select(0, order))

    def origin_field_map(self, key: CoordinateMapKey) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return the same for the points of a field."""
        of_point = self._field(key).sample_of_point
        samples = self._of(self._origin(np.unique(of_point.numpy()))).samples[0]
        return self._decomposed(samples, of_point)

    def _decomposed(self, samples: Any, sample_of_row: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        if not len(samples):
            return torch.empty(0, dtype=torch.int64, device=self._device), []
        counts = torch.bincount(sample_of_row, minlength=int(samples[-1]) + 1).tolist()
        rows = torch.argsort(sample_of_row, stable=True).to(self._device)
        return torch.from_numpy(samples).to(self._device), list(torch.split(rows, counts))

    def union_map(self, in_keys: Sequence[CoordinateMapKey], out_key: CoordinateMapKey) -> list[torch.Tensor]:
        """Make the map of all sites of some maps, set out_key to it, and return for each of them its rows and their
        rows there, [2, rows] int64."""
        if not isinstance(out_key, CoordinateMapKey) or out_key.is_key_set():
            raise wrong_value("out_key", str(out_key), "a CoordinateMapKey that is not set")
        if len(in_keys) < 2:
            raise wrong_value("in_keys", f"{len(in_keys)} keys", "at least 2")
        key, places = self._union([known_key(in_key, "in_keys") for in_key in in_keys])
        out_key.set_key(*key)
        return [torch.stack([torch.arange(len(rows)), rows]).to(self._device) for rows in places]

    def interpolation_map_weight(
        self, key: CoordinateMapKey, samples: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return which rows of a map points [n, 1 + D] lie between: the map's row, the point, and what it weighs."""
        known = self._map(key)
        found = interpolation(known, samples.detach())
        sorted_rows = found.seen(torch.from_numpy(found.rulebook.inputs).long())
        back = known.rows.back
        rows = sorted_rows if back is None else back.index_select(0, sorted_rows)
        return (
            rows.int().to(self._device),
            torch.from_numpy(found.rulebook.outputs).to(self._device),
            found.weights.to(self._device),
        )

    def __repr__(self) -> str:
        lines = [f"\t{CoordinateMapKey._of(key)}: {len(known)} rows" for key, known in sorted(self._maps.items())]
        lines += [f"\tfield {CoordinateMapKey._of(key)}: {len(field)} points" for key, field in self._fields.items()]
        return "\n".join([f"{type(self).__name__}(D={self.D},", *lines, ")\n"])


def as_whole(coordinates: torch.Tensor) -> torch.Tensor:
    """Return coordinates as int32, with a warning if they have to be rounded down or converted."""
    if coordinates.dtype is not torch.int32:
        warnings.warn("coordinates: are converted to int32; use .int() to do without this warning", stacklevel=4)
    return whole(coordinates)
