"""Activations and dropout: torch's modules on the features of a sparse tensor or a tensor field."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

import torch
from torch import nn

from ..dialects.elementwise import relu
from ..dialects.watching import is_watched
from .MinkowskiCommon import MinkowskiModuleBase
from .MinkowskiSparseTensor import SparseTensor
from .MinkowskiTensor import Tensor

__all__ = [
    "MinkowskiAdaptiveLogSoftmaxWithLoss",
    "MinkowskiAlphaDropout",
    "MinkowskiCELU",
    "MinkowskiDropout",
    "MinkowskiELU",
    "MinkowskiGELU",
    "MinkowskiHardshrink",
    "MinkowskiHardsigmoid",
    "MinkowskiHardswish",
    "MinkowskiHardtanh",
    "MinkowskiLeakyReLU",
    "MinkowskiLogSigmoid",
    "MinkowskiLogSoftmax",
    "MinkowskiNonlinearityBase",
    "MinkowskiPReLU",
    "MinkowskiRReLU",
    "MinkowskiReLU",
    "MinkowskiReLU6",
    "MinkowskiSELU",
    "MinkowskiSiLU",
    "MinkowskiSigmoid",
    "MinkowskiSinusoidal",
    "MinkowskiSoftmax",
    "MinkowskiSoftmin",
    "MinkowskiSoftplus",
    "MinkowskiSoftshrink",
    "MinkowskiSoftsign",
    "MinkowskiTanh",
    "MinkowskiTanhshrink",
    "MinkowskiThreshold",
]

Input = TypeVar("Input", bound=Tensor)


def rectified(input: Input, inplace: bool) -> Input:
    """Return the ReLU of a tensor or a field; behind a batch norm the two share their backward pass."""
    if isinstance(input, SparseTensor):
        held = input._held.rectified(inplace)
        if held is not None:
            return input._with_held(held)
    return input._mapped(lambda features: relu(features, inplace))


class MinkowskiNonlinearityBase(MinkowskiModuleBase):
    """Applies a module of torch, made with the same arguments, to features: [n, planes] -> [n, planes]."""

    MODULE: ClassVar[Any] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.module = self.MODULE(*args, **kwargs)

    def forward(self, input: Input) -> Input:
        """Return the tensor or the field with what the module makes of its features."""
        return input._mapped(self.module)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class MinkowskiELU(MinkowskiNonlinearityBase):
    """`torch.nn.ELU` on features."""

    MODULE = nn.ELU


class MinkowskiHardshrink(MinkowskiNonlinearityBase):
    """`torch.nn.Hardshrink` on features."""

    MODULE = nn.Hardshrink


class MinkowskiHardsigmoid(MinkowskiNonlinearityBase):
    """`torch.nn.Hardsigmoid` on features."""

    MODULE = nn.Hardsigmoid


class MinkowskiHardtanh(MinkowskiNonlinearityBase):
    """`torch.nn.Hardtanh` on features."""

    MODULE = nn.Hardtanh


class MinkowskiHardswish(MinkowskiNonlinearityBase):
    """`torch.nn.Hardswish` on features."""

    MODULE = nn.Hardswish


class MinkowskiLeakyReLU(MinkowskiNonlinearityBase):
    """`torch.nn.LeakyReLU` on features."""

    MODULE = nn.LeakyReLU


class MinkowskiLogSigmoid(MinkowskiNonlinearityBase):
    """`torch.nn.LogSigmoid` on features."""

    MODULE = nn.LogSigmoid


class MinkowskiPReLU(MinkowskiNonlinearityBase):
    """`torch.nn.PReLU` on features."""

    MODULE = nn.PReLU


class MinkowskiReLU(MinkowskiNonlinearityBase):
    """`torch.nn.ReLU` on features."""

    MODULE = nn.ReLU

    def forward(self, input: Input) -> Input:
        """Return the tensor or the field with negative features set to 0."""
        if type(self.module) is nn.ReLU and not is_watched(self.module):
            return rectified(input, self.module.inplace)
        return super().forward(input)


class MinkowskiReLU6(MinkowskiNonlinearityBase):
    """`torch.nn.ReLU6` on features."""

    MODULE = nn.ReLU6


class MinkowskiRReLU(MinkowskiNonlinearityBase):
    """`torch.nn.RReLU` on features."""

    MODULE = nn.RReLU


class MinkowskiSELU(MinkowskiNonlinearityBase):
    """`torch.nn.SELU` on features."""

    MODULE = nn.SELU


class MinkowskiCELU(MinkowskiNonlinearityBase):
    """`torch.nn.CELU` on features."""

    MODULE = nn.CELU


class MinkowskiGELU(MinkowskiNonlinearityBase):
    """`torch.nn.GELU` on features."""

    MODULE = nn.GELU


class MinkowskiSigmoid(MinkowskiNonlinearityBase):
    """`torch.nn.Sigmoid` on features."""

    MODULE = nn.Sigmoid


class MinkowskiSiLU(MinkowskiNonlinearityBase):
    """`torch.nn.SiLU` on features."""

    MODULE = nn.SiLU


class MinkowskiSoftplus(MinkowskiNonlinearityBase):
    """`torch.nn.Softplus` on features."""

    MODULE = nn.Softplus


class MinkowskiSoftshrink(MinkowskiNonlinearityBase):
    """`torch.nn.Softshrink` on features."""

    MODULE = nn.Softshrink


class MinkowskiSoftsign(MinkowskiNonlinearityBase):
    """`torch.nn.Softsign` on features."""

    MODULE = nn.Softsign


class MinkowskiTanh(MinkowskiNonlinearityBase):
    """`torch.nn.Tanh` on features."""

    MODULE = nn.Tanh


class MinkowskiTanhshrink(MinkowskiNonlinearityBase):
    """`torch.nn.Tanhshrink` on features."""

    MODULE = nn.Tanhshrink


class MinkowskiThreshold(MinkowskiNonlinearityBase):
    """`torch.nn.Threshold` on features."""

    MODULE = nn.Threshold


class MinkowskiSoftmin(MinkowskiNonlinearityBase):
    """`torch.nn.Softmin` on features."""

    MODULE = nn.Softmin


class MinkowskiSoftmax(MinkowskiNonlinearityBase):
    """`torch.nn.Softmax` on features."""

    MODULE = nn.Softmax


class MinkowskiLogSoftmax(MinkowskiNonlinearityBase):
    """`torch.nn.LogSoftmax` on features."""

    MODULE = nn.LogSoftmax


class MinkowskiAdaptiveLogSoftmaxWithLoss(MinkowskiNonlinearityBase):
    """`torch.nn.AdaptiveLogSoftmaxWithLoss` on features."""

    MODULE = nn.AdaptiveLogSoftmaxWithLoss


class MinkowskiDropout(MinkowskiNonlinearityBase):
    """`torch.nn.Dropout` on features."""

    MODULE = nn.Dropout


class MinkowskiAlphaDropout(MinkowskiNonlinearityBase):
    """`torch.nn.AlphaDropout` on features."""

    MODULE = nn.AlphaDropout


class MinkowskiSinusoidal(MinkowskiModuleBase):
    """sin(x * kernel + bias) * coef: [n, in_channel] -> [n, out_channel].

    kernel: [in_channel, out_channel], bias, coef: [1, out_channel], drawn from U(0, 1).
    """

    def __init__(self, in_channel: int, out_channel: int) -> None:
        super().__init__()
        self.in_channel, self.out_channel = in_channel, out_channel
        self.kernel = nn.Parameter(torch.rand(in_channel, out_channel))
        self.bias = nn.Parameter(torch.rand(1, out_channel))
        self.coef = nn.Parameter(torch.rand(1, out_channel))

    def forward(self, input: Input) -> Input:
        """Return the tensor or the field with new features."""
        return input._mapped(lambda features: torch.sin(features.mm(self.kernel) + self.bias) * self.coef)
