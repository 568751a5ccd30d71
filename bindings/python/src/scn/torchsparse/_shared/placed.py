"""The sites that tensors of coordinates name; each tensor is read once, as long as nobody changes it."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import numpy as np
import torch
from torch.utils.weak import WeakTensorKeyDictionary

from ..._messages import wrong_shape, wrong_type
from ...dialects.rows import Rows, coordinate_array
from .forms import Form, Triple

__all__ = ["Placed", "coordinates_of", "placed"]


class Placed(NamedTuple):
    """Sites in the order of a program's rows."""

    rows: Rows
    unit: Triple
    """What the coordinates of the rows' sites are multiplied by to be those of the program."""


class _Known(NamedTuple):
    version: Optional[int]
    """Of the coordinates; None in inference mode, which counts no changes."""
    copy: torch.Tensor
    """Of the coordinates, for changes that torch did not make."""
    sites: Placed


# Coordinates -> form, unit -> what is known of them.
_known: Any = WeakTensorKeyDictionary()


def placed(coords: Any, form: Form, stride: Triple, is_compared: bool = False) -> Placed:
    """Return the sites of coordinates [sites, 4], which must be whole numbers and name each site once.

    stride: that of the sparse tensor. The same object is returned as long as the coordinates stay what they are.
    is_compared: whether changes are looked for that torch did not make, as numpy's or those of `coords.data`.
    """
    if not isinstance(coords, torch.Tensor):
        raise wrong_type("coords", coords, "a torch.Tensor")
    if coords.ndim != 2 or coords.shape[1] != 4:
        raise wrong_shape("coords", coords.shape, "[sites, 4]")
    key = (form, None if form.is_divided else stride)
    version = None if coords.is_inference() else coords._version
    known: Optional[_Known] = _known.setdefault(coords, {}).get(key)
    is_current = known is not None and known.version == version
    if known is not None and is_current and (is_compared or version is None):
        is_current = torch.equal(known.copy, coords)
    if known is not None and is_current:
        return known.sites
    sites = _read(coords, form, stride)
    _known[coords][key] = _Known(version, coords.detach().clone(), sites)
    return sites


def coordinates_of(sites: Placed, form: Form, device: Any) -> torch.Tensor:
    """Return the coordinates of sites, [sites, 4] int32, as a new tensor, which `placed` knows.

    The sites' unit is the stride of the tensor that they belong to, or 1 in a form that divides by it.
    """
    coords = sites.rows.coordinates(form.batch)
    if sites.unit != (1, 1, 1):
        coords[:, form.axes] *= coords.new_tensor(sites.unit)
    coords = coords.to(device)
    key = (form, None if form.is_divided else sites.unit)
    version = None if coords.is_inference() else coords._version
    _known.setdefault(coords, {})[key] = _Known(version, coords.clone(), sites)
    return coords


def _read(coords: torch.Tensor, form: Form, stride: Triple) -> Placed:
    where = coordinate_array(coords, "coords", 3, form.batch)
    unit: Optional[Triple] = None
    if not form.is_divided and stride != (1, 1, 1):
        factors = np.array([*stride, 1])
        if not (where % factors).any():
            where, unit = where // factors, stride
    return Placed(Rows.made(np.ascontiguousarray(where), "coords"), unit or (1, 1, 1))
