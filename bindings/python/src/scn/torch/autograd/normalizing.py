"""What divides the sums of a normalized convolution."""

from __future__ import annotations

from functools import partial
from typing import Optional

import torch

from ..._native.generated import SCN_POOLING_SUM
from ..._native.handles import RulebookHandle
from ..._native.library import library
from .. import functions
from . import reference
from .buffers import is_computed_by_library

__all__ = ["normalized", "occupancy"]


def occupancy(site_weights: torch.Tensor, rulebook: RulebookHandle, rows: int) -> torch.Tensor:
    """Return the sum of the weights of the inputs that each output row meets, [rows, 1]. site_weights: [input rows]."""
    weights = site_weights[:, None].contiguous()
    if not is_computed_by_library(weights):
        return reference.pool(weights, rulebook, rows, "sum")
    calls = (library.scn_pooling_forward, library.scn_pooling_backward)
    again = partial(reference.pool, rulebook=rulebook, rows=rows, pooling="sum")
    return functions._Pool.apply(  # type: ignore[no-any-return]
        weights, (rows, 1), *(partial(call, rulebook, SCN_POOLING_SUM) for call in calls), again
    )


def normalized(sums: torch.Tensor, occupancy: torch.Tensor, bias: Optional[torch.Tensor]) -> torch.Tensor:
    """Return sums divided by what the filter sees, zeros where that is 0, plus the bias."""
    is_seen = occupancy != 0
    divided = torch.where(is_seen, sums / torch.where(is_seen, occupancy, torch.ones_like(occupancy)), 0)
    return divided if bias is None else divided + bias
