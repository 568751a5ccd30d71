"""Values between sites, as a layer."""

from __future__ import annotations

from typing import Any, Optional

import torch

from .._messages import wrong_type
from ._errors import asserted
from ._keys import CoordinateMapKey
from ._points import interpolation
from .MinkowskiCommon import MinkowskiModuleBase
from .MinkowskiCoordinateManager import CoordinateManager
from .MinkowskiSparseTensor import SparseTensor, interpolated

__all__ = ["MinkowskiInterpolation", "MinkowskiInterpolationFunction"]


class MinkowskiInterpolationFunction:
    """Interpolation as a function; `apply` is called on the class or on an instance."""

    @staticmethod
    def apply(
        input_features: torch.Tensor,
        tfield: torch.Tensor,
        in_coordinate_map_key: CoordinateMapKey,
        coordinate_manager: Optional[CoordinateManager] = None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the values at points tfield [n, 1 + dimension], [n, planes], and of each pair that meets the row of
        the map, the point, and what it weighs."""
        if not isinstance(coordinate_manager, CoordinateManager):
            raise wrong_type("coordinate_manager", coordinate_manager, "a CoordinateManager")
        known = coordinate_manager._map(in_coordinate_map_key)
        values = interpolation(known, tfield).read(known.rows.sorted(input_features))
        return (values, *coordinate_manager.interpolation_map_weight(in_coordinate_map_key, tfield))


class MinkowskiInterpolation(MinkowskiModuleBase):
    """Gives the values of a sparse tensor at points, d-linear between sites: [sites, planes] -> [points, planes].

    A site that is not there counts as zero. return_kernel_map: whether to return also which rows and points meet, a
    pair of [pairs] int32. return_weights: whether to return also what each pair weighs, [pairs].
    """

    def __init__(self, return_kernel_map: bool = False, return_weights: bool = False) -> None:
        super().__init__()
        self.return_kernel_map, self.return_weights = return_kernel_map, return_weights

    def forward(self, input: SparseTensor, tfield: torch.Tensor) -> Any:
        """Return the values at points tfield [n, 1 + dimension], batch index first."""
        if not isinstance(input, SparseTensor):
            raise asserted(wrong_type("input", input, "a SparseTensor"))
        values = interpolated(input, tfield)
        if not self.return_kernel_map and not self.return_weights:
            return values
        rows, points, weights = input._manager.interpolation_map_weight(input.coordinate_map_key, tfield)
        pairs = ((rows, points),) if self.return_kernel_map else ()
        return (values, *pairs, *((weights,) if self.return_weights else ()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
