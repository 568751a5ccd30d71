"""The sum of tensors on the union of their sites."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .._messages import wrong_shape, wrong_type, wrong_value
from . import _reductions
from ._errors import asserted
from ._features import Features
from ._keys import CoordinateMapKey, known_key
from .MinkowskiCommon import MinkowskiModuleBase
from .MinkowskiCoordinateManager import CoordinateManager
from .MinkowskiSparseTensor import SparseTensor

__all__ = ["MinkowskiUnion", "MinkowskiUnionFunction"]


class MinkowskiUnionFunction:
    """The union of features, as a function; `apply` is called on the class or on an instance."""

    @staticmethod
    def apply(
        in_coords_keys: Sequence[CoordinateMapKey],
        out_coords_key: CoordinateMapKey,
        coordinate_manager: CoordinateManager,
        *in_feats: torch.Tensor,
    ) -> torch.Tensor:
        """Return the sum of features [rows, planes] of several maps on all their sites; out_coords_key is set."""
        if len(in_feats) != len(in_coords_keys):
            raise asserted(
                wrong_value("in_feats", f"{len(in_feats)} tensors", f"{len(in_coords_keys)}, one for each key")
            )
        if len(in_feats) < 2:
            raise asserted(wrong_value("in_feats", f"{len(in_feats)} tensors", "at least 2"))
        key, places = coordinate_manager._union([known_key(each, "in_coords_keys") for each in in_coords_keys])
        out_coords_key.set_key(*key)
        return _summed(in_feats, places, len(coordinate_manager._of(key)))


def _summed(parts: Sequence[torch.Tensor], places: Sequence[torch.Tensor], count: int) -> torch.Tensor:
    """Return the sum of features, each part in its rows."""
    for index, part in enumerate(parts):
        if part.shape[1] != parts[0].shape[1]:
            raise wrong_shape(f"input {index}", part.shape, f"[sites, {parts[0].shape[1]}]")
    rows = [place.to(part.device) for part, place in zip(parts, places)]
    result = _reductions.placed(parts[0], rows[0], count)
    for part, place in zip(parts[1:], rows[1:]):
        result = result.index_add(0, place, part)
    return result


class MinkowskiUnion(MinkowskiModuleBase):
    """Adds up tensors of one coordinate manager on all their sites: [rows of each, planes] -> [sites, planes]."""

    def forward(self, *inputs: SparseTensor) -> SparseTensor:
        """Return the sum of at least two sparse tensors."""
        for index, tensor in enumerate(inputs):
            if not isinstance(tensor, SparseTensor):
                raise asserted(wrong_type(f"input {index}", tensor, "a SparseTensor"))
            inputs[0]._check_sibling(tensor)
        if len(inputs) < 2:
            raise asserted(wrong_value("inputs", f"{len(inputs)} tensors", "at least 2"))
        manager = inputs[0]._manager
        key, places = manager._union([tensor.coordinate_map_key._known() for tensor in inputs])
        known = manager._of(key)
        features = _summed([tensor._held.peeked() for tensor in inputs], places, len(known))
        return SparseTensor._made(manager, CoordinateMapKey._of(key), Features(known.rows, shown=features))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
