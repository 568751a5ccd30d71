"""Sites that are left out."""

from __future__ import annotations

from typing import Optional

import torch

from .._messages import wrong_elements, wrong_shape, wrong_type
from ._errors import asserted
from ._features import Features
from ._keys import CoordinateMapKey, known_key
from .MinkowskiCommon import MinkowskiModuleBase
from .MinkowskiCoordinateManager import CoordinateManager
from .MinkowskiSparseTensor import SparseTensor

__all__ = ["MinkowskiPruning", "MinkowskiPruningFunction"]


def _marks(mask: torch.Tensor, rows: int) -> torch.Tensor:
    """Return a mask as truth values on the CPU."""
    if not isinstance(mask, torch.Tensor):
        raise wrong_type("mask", mask, "a torch.Tensor")
    if mask.dtype not in (torch.bool, torch.uint8):
        raise wrong_elements("mask", mask.dtype, "torch.bool or torch.uint8")
    if mask.shape != (rows,):
        raise wrong_shape("mask", mask.shape, [rows])
    return mask.detach().cpu().bool()


class MinkowskiPruningFunction:
    """The choice of rows, as a function; `apply` is called on the class or on an instance."""

    @staticmethod
    def apply(
        in_feat: torch.Tensor,
        mask: torch.Tensor,
        in_coords_key: CoordinateMapKey,
        out_coords_key: Optional[CoordinateMapKey] = None,
        coords_manager: Optional[CoordinateManager] = None,
    ) -> torch.Tensor:
        """Return the features of the rows where mask [rows] holds; out_coords_key is set to the map of their sites."""
        if not isinstance(coords_manager, CoordinateManager):
            raise wrong_type("coords_manager", coords_manager, "a CoordinateManager")
        key, kept = coords_manager._pruned(known_key(in_coords_key, "in_coords_key"), _marks(mask, len(in_feat)))
        if out_coords_key is not None:
            out_coords_key.set_key(*key)
        return in_feat.index_select(0, kept.to(in_feat.device))


class MinkowskiPruning(MinkowskiModuleBase):
    """Keeps some rows of a sparse tensor, in their order: [rows, planes] -> [kept rows, planes]."""

    def forward(self, input: SparseTensor, mask: torch.Tensor) -> SparseTensor:
        """Return the rows where mask holds, [rows] truth values; there may be none."""
        if not isinstance(input, SparseTensor):
            raise asserted(wrong_type("input", input, "a SparseTensor"))
        manager = input._manager
        key, kept = manager._pruned(input.coordinate_map_key._known(), _marks(mask, len(input)))
        order, held = input._rows.order, input._held
        if order is not None and held.is_sorted:
            kept = order.index_select(0, kept)
        features = held.any.index_select(0, kept.to(input.device))
        held = Features(manager._of(key).rows, shown=features)
        return SparseTensor._made(manager, CoordinateMapKey._of(key), held)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
