"""Vectors of samples meet all rows of their sample."""

from __future__ import annotations

from typing import Optional

import torch

from .._messages import wrong_shape, wrong_type, wrong_value
from ._enums import BroadcastMode
from ._errors import asserted
from ._features import Features
from ._keys import CoordinateMapKey, known_key
from .MinkowskiCommon import MinkowskiModuleBase
from .MinkowskiCoordinateManager import CoordinateManager
from .MinkowskiSparseTensor import SparseTensor

__all__ = [
    "MinkowskiBroadcast",
    "MinkowskiBroadcastAddition",
    "MinkowskiBroadcastBase",
    "MinkowskiBroadcastConcatenation",
    "MinkowskiBroadcastFunction",
    "MinkowskiBroadcastMultiplication",
]


def _met(rows: torch.Tensor, vectors: torch.Tensor, mode: BroadcastMode) -> torch.Tensor:
    if mode == BroadcastMode.ELEMENTWISE_ADDITON:
        return rows + vectors
    if mode == BroadcastMode.ELEMENTWISE_MULTIPLICATION:
        return rows * vectors
    raise asserted(wrong_value("operation_type", str(mode), "a BroadcastMode"))


class MinkowskiBroadcastFunction:
    """The sum or product of rows and vectors of samples, as a function; `apply` is called on the class or an
    instance."""

    @staticmethod
    def apply(
        input_features: torch.Tensor,
        input_features_global: torch.Tensor,
        operation_type: BroadcastMode,
        in_coords_key: CoordinateMapKey,
        glob_coords_key: CoordinateMapKey,
        coords_manager: CoordinateManager,
    ) -> torch.Tensor:
        """Return the features [rows, planes] after they met the vectors [samples, planes]."""
        source, target = (known_key(key, "key") for key in (in_coords_key, glob_coords_key))
        rows = coords_manager._sample_of_row(source, target, True).to(input_features.device)
        return _met(input_features, input_features_global.index_select(0, rows), operation_type)


def _spread(input: SparseTensor, input_glob: SparseTensor, is_joined: bool = False) -> Features:
    """Return for each row of the input the vector of its sample; is_joined: behind the row's own features."""
    for name, tensor in (("input", input), ("input_glob", input_glob)):
        if not isinstance(tensor, SparseTensor):
            raise asserted(wrong_type(name, tensor, "a SparseTensor"))
    input._check_sibling(input_glob)
    held, vectors = input._held, input_glob._held.peeked()
    source, target = (tensor.coordinate_map_key._known() for tensor in (input, input_glob))
    places = input._manager._sample_of_row(source, target, not held.is_sorted).to(vectors.device)
    spread = vectors.index_select(0, places)
    if is_joined:
        spread = torch.cat([held.any, spread], 1)
    return Features(input._rows, sorted=spread) if held.is_sorted else Features(input._rows, shown=spread)


class MinkowskiBroadcastBase(MinkowskiModuleBase):
    """What sums and products have in common. operation_type: which it is."""

    def __init__(self, operation_type: BroadcastMode) -> None:
        super().__init__()
        if not isinstance(operation_type, BroadcastMode):
            raise asserted(wrong_type("operation_type", operation_type, "a BroadcastMode"))
        self.operation_type = operation_type

    def forward(self, input: SparseTensor, input_glob: SparseTensor) -> SparseTensor:
        """Return the input after each row met the row of its sample in input_glob, which has a site at 0 for each."""
        spread = _spread(input, input_glob)
        planes = (input.shape[1], input_glob.shape[1])
        if planes[0] != planes[1] and 1 not in planes:
            raise asserted(wrong_shape("input_glob", input_glob.shape, f"[samples, {planes[0]}]"))
        joined = input._held.joined([spread], lambda parts: _met(parts[0], parts[1], self.operation_type))
        return SparseTensor._made(input._manager, input.coordinate_map_key, joined)

    def __repr__(self) -> str:
        return type(self).__name__


class MinkowskiBroadcastAddition(MinkowskiBroadcastBase):
    """Adds to each row the vector of its sample: [rows, planes], [samples, planes] -> [rows, planes]."""

    def __init__(self) -> None:
        super().__init__(BroadcastMode.ELEMENTWISE_ADDITON)


class MinkowskiBroadcastMultiplication(MinkowskiBroadcastBase):
    """Multiplies each row by the vector of its sample: [rows, planes], [samples, planes] -> [rows, planes]."""

    def __init__(self) -> None:
        super().__init__(BroadcastMode.ELEMENTWISE_MULTIPLICATION)


class MinkowskiBroadcast(MinkowskiModuleBase):
    """Gives each row the vector of its sample: [rows, any], [samples, planes] -> [rows, planes]."""

    _is_joined: Optional[bool] = False

    def forward(self, input: SparseTensor, input_glob: SparseTensor) -> SparseTensor:
        """Return the vectors on the input's sites; input_glob has a site at 0 for each sample."""
        held = _spread(input, input_glob, bool(self._is_joined))
        return SparseTensor._made(input._manager, input.coordinate_map_key, held)

    def __repr__(self) -> str:
        return type(self).__name__


class MinkowskiBroadcastConcatenation(MinkowskiBroadcast):
    """Puts behind each row the vector of its sample: [rows, a], [samples, b] -> [rows, a + b]."""

    _is_joined = True
