"""Rows into sites and out of them, dense arrays, and whole samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch

from ...._native.arrays import address, matrix
from ...._native.generated import SCN_GLOBAL_AVERAGE, SCN_GLOBAL_MAX
from ...._native.handles import GeometryHandle
from ...._native.library import library
from .segments import segment_gather, segment_maximum, segment_sum

__all__ = ["dense_to_sparse", "global_pooling", "input_rows", "output_rows", "sparse_to_dense"]


class _InputRows(NamedTuple):
    """What becomes of the rows of an input."""

    site: torch.Tensor
    """[rows] int64, the site of each, -1 at padding."""
    weight_in: torch.Tensor
    """[rows, 1] float64, its share in the site's features."""
    weight_out: torch.Tensor
    """[rows, 1] float64, 1 where it gets the site's features back, else 0."""


_inputs: WeakKeyDictionary[GeometryHandle, _InputRows] = WeakKeyDictionary()


def _input_rows(geometry: GeometryHandle, sites: int) -> _InputRows:
    if geometry not in _inputs:
        count = np.empty(1, np.int64)
        library.scn_geometry_input_row_count(geometry, address(count))
        site = np.empty(int(count[0]), np.int64)
        library.scn_geometry_row_sites(geometry, address(site), site.size)
        # Both maps are linear: ones tell what each row weighs.
        ones, shares = np.ones((sites, 1), np.float32), [np.empty((len(site), 1), np.float32) for _ in range(2)]
        library.scn_input_backward(geometry, matrix(ones), matrix(shares[0]))
        library.scn_output_forward(geometry, matrix(ones), matrix(shares[1]))
        share = shares[0].astype(np.float64)
        # A share is one or one part of a whole number of them.
        exact = np.divide(1.0, np.round(1 / np.where(share > 0, share, 1)), where=share > 0, out=np.zeros_like(share))
        _inputs[geometry] = _InputRows(
            torch.from_numpy(site), torch.from_numpy(exact), torch.from_numpy(shares[1].astype(np.float64))
        )
    return _inputs[geometry]


def input_rows(features: torch.Tensor, geometry: GeometryHandle, sites: int) -> torch.Tensor:
    """Combine the points' features at each site: [input rows, planes] -> [sites, planes]."""
    known = _input_rows(geometry, sites)
    return segment_sum(features * known.weight_in.to(features), known.site.to(features.device), sites)


def output_rows(features: torch.Tensor, geometry: GeometryHandle, rows: int) -> torch.Tensor:
    """Give each point its site's vector: [sites, planes] -> [input rows, planes]."""
    known = _input_rows(geometry, len(features))
    return segment_gather(features, known.site.to(features.device)) * known.weight_out.to(features)


_places: WeakKeyDictionary[GeometryHandle, dict[Any, torch.Tensor]] = WeakKeyDictionary()


def _samples(geometry: GeometryHandle, sites: int, device: torch.device) -> torch.Tensor:
    return _locations(geometry, sites)[:, -1].contiguous().to(device)


def _locations(geometry: GeometryHandle, sites: int) -> torch.Tensor:
    known = _places.setdefault(geometry, {})
    if sites not in known:
        count, dimension = np.empty(1, np.int64), np.empty(1, np.int32)
        library.scn_geometry_site_count(geometry, sites, address(count))
        library.scn_geometry_dimension(geometry, address(dimension))
        where = np.empty((int(count[0]), int(dimension[0]) + 1), np.int64)
        library.scn_geometry_coordinates(geometry, sites, address(where), where.size)
        known[sites] = torch.from_numpy(where)
    return known[sites]


def _cells(geometry: GeometryHandle, sites: int, size: Sequence[int], device: torch.device) -> torch.Tensor:
    """Return the cell of a dense array [samples, ...size] in which each site is."""
    where = _locations(geometry, sites)
    lower, is_unbounded = np.empty(len(size), np.int64), np.empty(1, np.int32)
    library.scn_geometry_field(geometry, sites, address(lower), address(is_unbounded))
    cell = where[:, -1]
    for axis, extent in enumerate(size):
        cell = cell * extent + (where[:, axis] - int(lower[axis]))
    return cell.to(device)


def sparse_to_dense(input: torch.Tensor, geometry: GeometryHandle, sites: int, shape: Sequence[int]) -> torch.Tensor:
    """Write features into a dense array, zeros elsewhere: [sites, planes] -> [samples, planes, ...spatial size]."""
    samples, planes, *size = shape
    cells = _cells(geometry, sites, size, input.device)
    total = int(np.prod([samples, *size]))
    dense = input.new_zeros(total, planes).index_copy(0, cells, input)
    return dense.view(samples, *size, planes).movedim(-1, 1)


def dense_to_sparse(dense: torch.Tensor, geometry: GeometryHandle, rows: int) -> torch.Tensor:
    """Read the features at a geometry's sites: [samples, planes, ...spatial size] -> [rows, planes]."""
    cells = _cells(geometry, 0, dense.shape[2:], dense.device)
    return dense.movedim(1, -1).reshape(-1, dense.shape[1]).index_select(0, cells)


def global_pooling(input: torch.Tensor, geometry: GeometryHandle, sites: int, kind: int, samples: int) -> torch.Tensor:
    """Pool all sites of each sample: [sites, planes] -> [samples, planes]."""
    sample = _samples(geometry, sites, input.device)
    if kind == SCN_GLOBAL_MAX:
        return segment_maximum(input, sample, samples)
    sums = segment_sum(input, sample, samples)
    if kind != SCN_GLOBAL_AVERAGE:
        return sums
    counts = segment_sum(torch.ones_like(sample), sample, samples)
    return sums / counts.clamp(min=1)[:, None].to(sums.dtype)
