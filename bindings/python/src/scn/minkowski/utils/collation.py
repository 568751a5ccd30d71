"""Samples become a batch: coordinates with the batch index first, features and labels one behind the other."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ..._messages import one_of, wrong_shape, wrong_type, wrong_value
from .._errors import asserted
from .._maps import whole

__all__ = ["SparseCollation", "batch_sparse_collate", "batched_coordinates", "sparse_collate"]

_TYPES = (torch.int32, torch.float32)


def batched_coordinates(coords: Any, dtype: torch.dtype = torch.int32, device: Any = None) -> torch.Tensor:
    """Return the coordinates of several samples, each [n, dimension], an array or a tensor, as [all, 1 + dimension].

    dtype: torch.int32, for which they are rounded down, or torch.float32. device: where the result goes, the CPU by
    default.
    """
    samples = [_tensor(sample, "coords") for sample in _sequence(coords, "coords")]
    return _batched(samples, dtype, "cpu" if device is None else device)


def _batched(samples: list[torch.Tensor], dtype: torch.dtype, device: Any) -> torch.Tensor:
    if dtype not in _TYPES:
        raise asserted(wrong_value("dtype", str(dtype), one_of(map(str, _TYPES))))
    if not samples:
        raise asserted(wrong_value("coords", "empty", "at least one sample"))
    for index, sample in enumerate(samples):
        if sample.ndim != 2 or sample.shape[1] != samples[0].shape[-1]:
            raise asserted(wrong_shape(f"coords[{index}]", sample.shape, f"[n, {samples[0].shape[-1]}]"))
    dimension = samples[0].shape[1]
    result = torch.empty((sum(map(len, samples)), dimension + 1), dtype=dtype, device=device)
    start = 0
    for index, sample in enumerate(samples):
        rows = result[start : start + len(sample)]
        rows[:, 0] = index
        rows[:, 1:] = whole(sample) if dtype is torch.int32 else sample
        start += len(sample)
    return result


def sparse_collate(
    coords: Any, feats: Any, labels: Any = None, dtype: torch.dtype = torch.int32, device: Any = None
) -> tuple[Any, ...]:
    """Return the coordinates of a batch as `batched_coordinates` does, its features one sample behind the other and,
    if they are given, its labels; labels that are no arrays or tensors come as a list.

    coords, feats, labels: sequences with an entry for each sample. device: that of the coordinates, by default where
    those of the first sample are.
    """
    places = [_tensor(sample, "coords") for sample in _sequence(coords, "coords")]
    rows = [_tensor(sample, "feats") for sample in _sequence(feats, "feats")]
    if device is None:
        device = places[0].device if places else "cpu"
    batched = _batched(places, dtype, device)
    if len(batched) != sum(map(len, rows)) or len(rows) != len(places):
        raise asserted(wrong_shape("feats", [sum(map(len, rows))], f"[{len(batched)}, planes] in all"))
    if labels is None:
        return batched, torch.cat(rows)
    marks = [
        torch.from_numpy(label) if isinstance(label, np.ndarray) else label for label in _sequence(labels, "labels")
    ]
    if marks and isinstance(marks[0], torch.Tensor):
        return batched, torch.cat(rows), torch.cat(marks)
    return batched, torch.cat(rows), marks


def batch_sparse_collate(data: Any, dtype: torch.dtype = torch.int32, device: Any = None) -> tuple[Any, ...]:
    """Do as `sparse_collate` for a list of samples, each (coordinates, features, labels) or (coordinates, features); a
    `collate_fn` of torch's `DataLoader`."""
    parts = [list(part) for part in zip(*data)]
    return sparse_collate(parts[0], parts[1], parts[2] if len(parts) > 2 else None, dtype, device)


class SparseCollation:
    """A `collate_fn` of torch's `DataLoader` for samples (coordinates, features, labels).

    limit_numpoints: with a positive number a batch ends before the sample with which it would have more rows; that is
    logged. dtype, device: as for `sparse_collate`.
    """

    def __init__(self, limit_numpoints: int = -1, dtype: torch.dtype = torch.int32, device: Any = None) -> None:
        self.limit_numpoints, self.dtype, self.device = limit_numpoints, dtype, device

    def __call__(self, list_data: Any) -> tuple[Any, ...]:
        """Return what `sparse_collate` does for the samples that fit."""
        samples = list(list_data)
        ends = np.cumsum([len(sample[0]) for sample in samples])
        if self.limit_numpoints and self.limit_numpoints > 0:
            fitting = int((ends <= self.limit_numpoints).sum())
            if fitting < len(samples):
                logging.warning(
                    "SparseCollation: %d rows are over the limit of %d; the batch has %d of %d samples",
                    ends[-1],
                    self.limit_numpoints,
                    fitting,
                    len(samples),
                )
            samples = samples[:fitting]
        coords, feats, labels = (list(part) for part in zip(*samples)) if samples else ([], [], [])
        return sparse_collate(coords, feats, labels, dtype=self.dtype, device=self.device)


def _sequence(values: Any, name: str) -> Sequence[Any]:
    if not isinstance(values, (Sequence, torch.Tensor)) or isinstance(values, (str, bytes)):
        raise asserted(wrong_type(name, values, "a sequence of arrays or tensors"))
    return list(values)


def _tensor(values: Any, name: str) -> torch.Tensor:
    if isinstance(values, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(values))
    if not isinstance(values, torch.Tensor):
        raise asserted(wrong_type(name, values, "a sequence of arrays or tensors"))
    return values
