"""Activations: torch's own modules, on sparse tensors."""

from __future__ import annotations

from typing import Any

from torch import nn

__all__ = ["LeakyReLU", "ReLU", "SiLU"]


class ReLU(nn.ReLU):
    """`torch.nn.ReLU` of the features of a sparse tensor. inplace: as there."""

    def forward(self, input: Any) -> Any:
        return input._map(super().forward)


class LeakyReLU(nn.LeakyReLU):
    """`torch.nn.LeakyReLU` of the features of a sparse tensor. negative_slope, inplace: as there."""

    def forward(self, input: Any) -> Any:
        return input._map(super().forward)


class SiLU(nn.SiLU):
    """`torch.nn.SiLU` of the features of a sparse tensor. inplace: as there."""

    def forward(self, input: Any) -> Any:
        return input._map(super().forward)
