"""Points become sites: coordinates rounded down, each site once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from ..._messages import wrong_elements, wrong_shape, wrong_type, wrong_value
from ..._native.arrays import IntArray
from ...errors import CoordinateError
from ...values.unique import unique_rows
from .._errors import asserted
from .._maps import whole

__all__ = [
    "fnv_hash_vec",
    "quantize",
    "quantize_label",
    "ravel_hash_vec",
    "sparse_quantize",
    "unique_coordinate_map",
]


def fnv_hash_vec(arr: Any) -> Any:
    """Return a number for each row of a matrix of whole numbers [n, columns], [n] uint64: for each column, the product
    with the prime of FNV-1, then exclusive or."""
    columns = (
        _matrix(arr).astype(np.int64).view(np.uint64) if arr.dtype.kind in "if" else _matrix(arr).astype(np.uint64)
    )
    hashed = np.full(len(columns), 14695981039346656037, np.uint64)
    for column in columns.T:
        hashed *= np.uint64(1099511628211)
        hashed ^= column
    return hashed


def ravel_hash_vec(arr: Any) -> Any:
    """Return the place of each row of a matrix of whole numbers [n, columns] in the box around them, [n] uint64,
    row-major: rows differ where their numbers do."""
    rows = _matrix(arr)
    if not len(rows):
        return np.zeros(0, np.uint64)
    shifted = (rows - rows.min(0)).astype(np.uint64)
    extent = shifted.max(0) + np.uint64(1)
    keys = np.zeros(len(rows), np.uint64)
    for column, size in zip(shifted.T, extent):
        keys = keys * size + column
    return keys


def _matrix(arr: Any) -> Any:
    if not isinstance(arr, np.ndarray):
        raise wrong_type("arr", arr, "an array")
    if arr.ndim != 2:
        raise asserted(wrong_shape("arr", arr.shape, "[n, columns]"))
    return arr


class _Unique(NamedTuple):
    """Different rows in the order in which they first come."""

    first: IntArray
    inverse: IntArray


def _unique(rows: IntArray) -> _Unique:
    found = unique_rows(rows)
    order = np.argsort(found.first, kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return _Unique(found.first[order], rank[found.inverse])


def quantize(coords: Any) -> tuple[Any, Any]:
    """Return where each different row of whole numbers [n, columns] first comes, and which of these each row is, in the
    kind of the argument, an array of int32 or a tensor."""
    if isinstance(coords, np.ndarray):
        if coords.dtype != np.int32:
            raise asserted(wrong_elements("coords", coords.dtype, "int32"))
        found = _unique(coords.astype(np.int64))
        return found.first.astype(np.int32), found.inverse.astype(np.int32)
    if not isinstance(coords, torch.Tensor):
        raise asserted(wrong_type("coords", coords, "an array or a tensor"))
    found = _unique(whole(coords).cpu().numpy().astype(np.int64))
    return torch.from_numpy(found.first), torch.from_numpy(found.inverse)


def quantize_label(coords: Any, labels: Any, ignore_label: int) -> tuple[Any, Any, Any]:
    """Return what `quantize` does, and a label for each different row: that of its rows, ignore_label where they
    disagree."""
    if isinstance(coords, np.ndarray):
        labels = labels.detach().cpu().numpy() if isinstance(labels, torch.Tensor) else np.asarray(labels)
        if labels.dtype.kind not in "biu":
            raise asserted(wrong_elements("labels", labels.dtype, "whole numbers"))
    elif not isinstance(labels, torch.Tensor):
        raise asserted(wrong_type("labels", labels, "a tensor, as coords are"))
    first, inverse = quantize(coords)
    labels = labels.reshape(-1)
    if len(labels) != len(coords):
        raise asserted(wrong_shape("labels", labels.shape, [len(coords)]))
    if isinstance(labels, np.ndarray):
        merged = _merged(labels.astype(np.int64), first, inverse, ignore_label)
        return first, inverse, merged.astype(np.int32)
    given = labels.detach().cpu().numpy().astype(np.int64)
    return first, inverse, torch.from_numpy(_merged(given, first.numpy(), inverse.numpy(), ignore_label))


def _merged(labels: IntArray, first: IntArray, inverse: IntArray, ignore_label: int) -> IntArray:
    merged = labels[first]
    differs = labels != merged[inverse]
    merged[inverse[differs]] = ignore_label
    return merged


def sparse_quantize(
    coordinates: Any,
    features: Any = None,
    labels: Any = None,
    ignore_label: int = -100,
    return_index: bool = False,
    return_inverse: bool = False,
    return_maps_only: bool = False,
    quantization_size: Any = None,
    device: Any = "cpu",
) -> Any:
    """Round coordinates down, keep each site once, and return what is asked for, a tuple if it is more than one thing.

    coordinates: [n, dimension], an array or a tensor. quantization_size: what they are divided by first, a number or
    one for each axis. The results, in this order: the sites [m, dimension] int32, a tensor, or an array where labels
    were given as one; of features [n, planes], those of the first row of each site; of labels [n] whole numbers, the
    one of a site's rows, or ignore_label where they disagree; with return_index where each site first comes, [m]; with
    return_inverse, which needs return_index, the site of each row, [n]. return_maps_only: leave out what is not index
    or inverse; index is always returned then. device: where results go.
    """
    if not isinstance(coordinates, (np.ndarray, torch.Tensor)):
        raise asserted(wrong_type("coordinates", coordinates, "an array or a tensor"))
    if coordinates.ndim != 2:
        raise asserted(wrong_shape("coordinates", coordinates.shape, "[n, dimension]"))
    if return_inverse and not return_index and not return_maps_only:
        raise asserted(wrong_value("return_index", False, "True where return_inverse is"))
    for name, rows in (("features", features), ("labels", labels)):
        if rows is not None and len(rows) != len(coordinates):
            raise asserted(wrong_shape(name, rows.shape, f"[{len(coordinates)}, ...]"))
    cells = _cells(coordinates, quantization_size)
    if labels is not None:
        index, inverse, merged = quantize_label(cells, labels, ignore_label)
        parts = [cells[index], *([] if features is None else [features[index]]), merged]
    else:
        whole_cells = torch.from_numpy(cells) if isinstance(cells, np.ndarray) else cells
        index, inverse = quantize(whole_cells)
        index, inverse = index.to(device), inverse.to(device)
        if return_maps_only:
            return (index, inverse) if return_inverse else index
        parts = [whole_cells.to(device)[index], *([] if features is None else [_chosen(features, index)])]
    if return_index:
        parts.append(index)
    if return_inverse:
        parts.append(inverse)
    return parts[0] if len(parts) == 1 else tuple(parts)


def _chosen(features: Any, index: torch.Tensor) -> Any:
    return features[index.cpu().numpy()] if isinstance(features, np.ndarray) else features[index.to(features.device)]


def _cells(coordinates: Any, size: Any) -> Any:
    """Return coordinates divided and rounded down, of the same kind, int32."""
    if size is not None:
        if isinstance(size, (Sequence, np.ndarray, torch.Tensor)) and np.ndim(size):
            if len(size) != coordinates.shape[1]:
                raise asserted(wrong_shape("quantization_size", [len(size)], [coordinates.shape[1]]))
            numbers = [float(extent) for extent in size]
            size = (
                np.array(numbers)
                if isinstance(coordinates, np.ndarray)
                else torch.tensor(numbers).to(coordinates.device)
            )
        elif not np.isscalar(size) and np.ndim(size):
            raise wrong_value("quantization_size", size, "a number, or one for each axis")
        if not np.all(np.asarray(size) > 0):
            raise wrong_value("quantization_size", size, "positive numbers")
        coordinates = coordinates / size
    if isinstance(coordinates, torch.Tensor):
        return whole(coordinates)
    floor = np.floor(coordinates)
    if floor.size and not (floor.min() >= -(2**31) and floor.max() < 2**31):
        raise CoordinateError(f"coordinates: reach {floor.min()} ... {floor.max()}, expected numbers of 32 bits")
    return floor.astype(np.int32)


def unique_coordinate_map(coordinates: torch.Tensor, tensor_stride: Any = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Return where each different row of coordinates [n, 1 + dimension] first comes, [m] int64, and which of these each
    row is, [n] int64; tensor_stride does not matter."""
    if not isinstance(coordinates, torch.Tensor):
        raise asserted(wrong_type("coordinates", coordinates, "a torch.Tensor"))
    if coordinates.ndim != 2:
        raise asserted(wrong_shape("coordinates", coordinates.shape, "[n, 1 + dimension]"))
    first, inverse = quantize(coordinates)
    return first.to(coordinates.device), inverse.to(coordinates.device)
