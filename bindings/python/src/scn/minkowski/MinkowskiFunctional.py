"""The functions of `torch.nn.functional` for sparse tensors and tensor fields.

Each takes a tensor or a field in place of the first argument, and the other arguments of torch's. Activations and the
like return a tensor or a field on the same coordinates, losses what torch's return.
"""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch.nn import functional as F

from .MinkowskiNonlinearity import rectified
from .MinkowskiTensor import Tensor

__all__ = [
    "alpha_dropout",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "cross_entropy",
    "dropout",
    "elu",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hinge_embedding_loss",
    "kl_div",
    "l1_loss",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "rrelu",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
]

Input = TypeVar("Input", bound=Tensor)


def _wrap_tensor(input: Input, F: torch.Tensor) -> Input:
    """Return a tensor or a field on the coordinates of another one."""
    return input._with(F)


def threshold(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.threshold` to the features."""
    return input._mapped(lambda features: F.threshold(features, *args, **kwargs))


def relu(input: Input, inplace: bool = False) -> Input:
    """Apply `torch.nn.functional.relu` to the features."""
    return rectified(input, inplace)


def hardtanh(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.hardtanh` to the features."""
    return input._mapped(lambda features: F.hardtanh(features, *args, **kwargs))


def hardswish(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.hardswish` to the features."""
    return input._mapped(lambda features: F.hardswish(features, *args, **kwargs))


def relu6(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.relu6` to the features."""
    return input._mapped(lambda features: F.relu6(features, *args, **kwargs))


def elu(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.elu` to the features."""
    return input._mapped(lambda features: F.elu(features, *args, **kwargs))


def selu(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.selu` to the features."""
    return input._mapped(lambda features: F.selu(features, *args, **kwargs))


def celu(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.celu` to the features."""
    return input._mapped(lambda features: F.celu(features, *args, **kwargs))


def leaky_relu(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.leaky_relu` to the features."""
    return input._mapped(lambda features: F.leaky_relu(features, *args, **kwargs))


def prelu(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.prelu` to the features."""
    return input._mapped(lambda features: F.prelu(features, *args, **kwargs))


def rrelu(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.rrelu` to the features."""
    return input._mapped(lambda features: F.rrelu(features, *args, **kwargs))


def glu(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.glu` to the features."""
    return input._mapped(lambda features: F.glu(features, *args, **kwargs))


def gelu(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.gelu` to the features."""
    return input._mapped(lambda features: F.gelu(features, *args, **kwargs))


def logsigmoid(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.logsigmoid` to the features."""
    return input._mapped(lambda features: F.logsigmoid(features, *args, **kwargs))


def hardshrink(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.hardshrink` to the features."""
    return input._mapped(lambda features: F.hardshrink(features, *args, **kwargs))


def tanhshrink(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.tanhshrink` to the features."""
    return input._mapped(lambda features: F.tanhshrink(features, *args, **kwargs))


def softsign(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.softsign` to the features."""
    return input._mapped(lambda features: F.softsign(features, *args, **kwargs))


def softplus(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.softplus` to the features."""
    return input._mapped(lambda features: F.softplus(features, *args, **kwargs))


def softmin(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.softmin` to the features."""
    return input._mapped(lambda features: F.softmin(features, *args, **kwargs))


def softmax(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.softmax` to the features."""
    return input._mapped(lambda features: F.softmax(features, *args, **kwargs))


def softshrink(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.softshrink` to the features."""
    return input._mapped(lambda features: F.softshrink(features, *args, **kwargs))


def gumbel_softmax(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.gumbel_softmax` to the features."""
    return input._mapped(lambda features: F.gumbel_softmax(features, *args, **kwargs))


def log_softmax(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.log_softmax` to the features."""
    return input._mapped(lambda features: F.log_softmax(features, *args, **kwargs))


def tanh(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.tanh` to the features."""
    return input._mapped(lambda features: F.tanh(features, *args, **kwargs))


def sigmoid(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.sigmoid` to the features."""
    return input._mapped(lambda features: F.sigmoid(features, *args, **kwargs))


def hardsigmoid(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.hardsigmoid` to the features."""
    return input._mapped(lambda features: F.hardsigmoid(features, *args, **kwargs))


def silu(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.silu` to the features."""
    return input._mapped(lambda features: F.silu(features, *args, **kwargs))


def batch_norm(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.batch_norm` to the features."""
    return input._mapped(lambda features: F.batch_norm(features, *args, **kwargs))


def normalize(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.normalize` to the features."""
    return input._mapped(lambda features: F.normalize(features, *args, **kwargs))


def linear(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.linear` to the features."""
    return input._mapped(lambda features: F.linear(features, *args, **kwargs))


def dropout(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.dropout` to the features."""
    return input._mapped(lambda features: F.dropout(features, *args, **kwargs))


def alpha_dropout(input: Input, *args: Any, **kwargs: Any) -> Input:
    """Apply `torch.nn.functional.alpha_dropout` to the features."""
    return input._mapped(lambda features: F.alpha_dropout(features, *args, **kwargs))


def binary_cross_entropy(input: Tensor, target: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
    """Return `torch.nn.functional.binary_cross_entropy` of the features and a target."""
    return F.binary_cross_entropy(input.F, target, *args, **kwargs)


def binary_cross_entropy_with_logits(input: Tensor, target: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
    """Return `torch.nn.functional.binary_cross_entropy_with_logits` of the features and a target."""
    return F.binary_cross_entropy_with_logits(input.F, target, *args, **kwargs)


def poisson_nll_loss(input: Tensor, target: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
    """Return `torch.nn.functional.poisson_nll_loss` of the features and a target."""
    return F.poisson_nll_loss(input.F, target, *args, **kwargs)


def cross_entropy(input: Tensor, target: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
    """Return `torch.nn.functional.cross_entropy` of the features and a target."""
    return F.cross_entropy(input.F, target, *args, **kwargs)


def hinge_embedding_loss(input: Tensor, target: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
    """Return `torch.nn.functional.hinge_embedding_loss` of the features and a target."""
    return F.hinge_embedding_loss(input.F, target, *args, **kwargs)


def kl_div(input: Tensor, target: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
    """Return `torch.nn.functional.kl_div` of the features and a target."""
    return F.kl_div(input.F, target, *args, **kwargs)


def l1_loss(input: Tensor, target: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
    """Return `torch.nn.functional.l1_loss` of the features and a target."""
    return F.l1_loss(input.F, target, *args, **kwargs)


def mse_loss(input: Tensor, target: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
    """Return `torch.nn.functional.mse_loss` of the features and a target."""
    return F.mse_loss(input.F, target, *args, **kwargs)


def multilabel_margin_loss(input: Tensor, target: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
    """Return `torch.nn.functional.multilabel_margin_loss` of the features and a target."""
    return F.multilabel_margin_loss(input.F, target, *args, **kwargs)


def multilabel_soft_margin_loss(input: Tensor, target: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
    """Return `torch.nn.functional.multilabel_soft_margin_loss` of the features and a target."""
    return F.multilabel_soft_margin_loss(input.F, target, *args, **kwargs)


def multi_margin_loss(input: Tensor, target: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
    """Return `torch.nn.functional.multi_margin_loss` of the features and a target."""
    return F.multi_margin_loss(input.F, target, *args, **kwargs)


def nll_loss(input: Tensor, target: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
    """Return `torch.nn.functional.nll_loss` of the features and a target."""
    return F.nll_loss(input.F, target, *args, **kwargs)


def smooth_l1_loss(input: Tensor, target: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
    """Return `torch.nn.functional.smooth_l1_loss` of the features and a target."""
    return F.smooth_l1_loss(input.F, target, *args, **kwargs)


def soft_margin_loss(input: Tensor, target: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
    """Return `torch.nn.functional.soft_margin_loss` of the features and a target."""
    return F.soft_margin_loss(input.F, target, *args, **kwargs)
