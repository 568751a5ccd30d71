"""The maximum along rules, whose gradient goes to one input."""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd import Function

from ..torch import functional
from ..torch.autograd.columns import columns_of
from ..values.sites import Rulebook

__all__ = ["max_pool"]


class _Maximum(Function):
    @staticmethod
    def forward(ctx: Any, input: torch.Tensor, rulebook: Rulebook) -> torch.Tensor:
        result = functional.pool(input, rulebook, "max")
        ctx.save_for_backward(input, result)
        ctx.rulebook = rulebook
        # The saved one must stay what it is if the next layer works in place.
        return result.clone() if result is input else result

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        input, output = (saved.detach() for saved in ctx.saved_tensors)
        result = torch.zeros_like(gradient, memory_format=torch.contiguous_format).new_zeros(input.shape)
        is_open = torch.ones_like(output, dtype=torch.bool)
        for _, reads, writes in columns_of(ctx.rulebook._handle, input.device).parts():
            values, largest, free = (
                rows.index_select(0, where) for rows, where in ((input, reads), (output, writes), (is_open, writes))
            )
            wins = ((values == largest) | values.isnan()) & free
            result = result.index_add(0, reads, gradient.index_select(0, writes) * wins)
            is_open = is_open.index_copy(0, writes, free & ~wins)
        return result, None


def max_pool(features: torch.Tensor, rulebook: Rulebook) -> torch.Tensor:
    """Return the largest of the rows that each output row reads, for each plane, 0 where it reads none.

    Of equal ones the first, in the order of the rulebook's filter offsets, gets the gradient. All in the engine's
    order.
    """
    function: Any = _Maximum.apply
    result: torch.Tensor = function(features, rulebook)
    return result
