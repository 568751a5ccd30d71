"""From samples to a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ..._messages import wrong_type, wrong_value
from .._shared.tensor import BaseTensor

__all__ = ["sparse_collate", "sparse_collate_fn"]


def sparse_collate(inputs: Sequence[Any]) -> Any:
    """Return one tensor of several samples, each a sparse tensor of the same stride with coordinates [sites, 3].

    Features and coordinates of the samples may be arrays; they become tensors in the samples, too.
    """
    if not len(inputs):
        raise wrong_value("inputs", inputs, "at least one tensor")
    coords, feats, stride = [], [], inputs[0].stride
    for sample, x in enumerate(inputs):
        if isinstance(x.coords, np.ndarray):
            x.coords = torch.tensor(x.coords)
        if isinstance(x.feats, np.ndarray):
            x.feats = torch.tensor(x.feats)
        for name, value in (("coords", x.coords), ("feats", x.feats)):
            if not isinstance(value, torch.Tensor):
                raise wrong_type(f"inputs[{sample}].{name}", value, "a torch.Tensor or an array")
        if x.stride != stride:
            raise wrong_value(f"inputs[{sample}].stride", x.stride, f"that of the first, {list(stride)}")
        batch = torch.full((len(x.coords),), sample, dtype=torch.int32, device=x.coords.device)
        coords.append(x.form.joined(batch, x.coords))
        feats.append(x.feats)
    return inputs[0]._fresh(torch.cat(feats), torch.cat(coords), stride)


def sparse_collate_fn(inputs: Sequence[Any]) -> Any:
    """Return a batch of samples that are dictionaries, for a `torch.utils.data.DataLoader`: sparse tensors become one
    by `sparse_collate`, tensors and arrays are stacked, dictionaries are gone through, and anything else becomes a
    list. Samples that are no dictionaries are returned as they are."""
    if not inputs or not isinstance(inputs[0], dict):
        return inputs
    result: dict[Any, Any] = {}
    for name, first in inputs[0].items():
        values = [sample[name] for sample in inputs]
        if isinstance(first, dict):
            result[name] = sparse_collate_fn(values)
        elif isinstance(first, np.ndarray):
            result[name] = torch.stack([torch.tensor(value) for value in values])
        elif isinstance(first, torch.Tensor):
            result[name] = torch.stack(values)
        elif isinstance(first, BaseTensor):
            result[name] = sparse_collate(values)
        else:
            result[name] = values
    return result
