"""Normalization."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.autograd import Function
from torch.autograd.graph import increment_version
from torch.nn import functional as F

from ..._native.arrays import flag
from ..._native.generated import BatchNormOptions
from ..._native.library import library
from ...nn import normalization as numpy_level
from ..autograd.buffers import address, computable, matrix, new, parameter, restored, typed_like
from ..autograd.derivatives import first_derivative
from ..autograd.recomputing import is_recomputing
from .activation import ELU
from .containers import Sequential
from .layer import Layer

__all__ = [
    "BatchNormELU",
    "BatchNormLeakyReLU",
    "BatchNormReLU",
    "BatchNormalization",
    "MeanOnlyBNLeakyReLU",
    "SparseGroupNorm",
]


def follow(running: torch.Tensor, batch: torch.Tensor, kept: float) -> None:
    """Move running statistics toward those of a batch; a share of 0 leaves no trace, not even of NaN and infinities."""
    if kept == 0:
        running.copy_(batch)
    elif kept < 1:
        running.mul_(kept).add_(batch, alpha=1 - kept)


class _BatchNorm(Function):
    @staticmethod
    def forward(
        ctx: Any, input: torch.Tensor, weight: Any, bias: Any, mean: Any, variance: Any, options: Any, is_training: bool
    ) -> torch.Tensor:
        """mean, variance: the running statistics; training updates them if they are given."""
        result, saved = new(*input.shape), new(2, input.shape[1])
        affine, settings = (address(weight), address(bias)), _options(options)
        state: tuple[Any, ...]
        if is_training:
            state = (address(mean), address(variance), settings, saved[0].data_ptr(), saved[1].data_ptr())
            library.scn_batch_norm_forward_training(matrix(input), *affine, *state, matrix(result))
        else:
            # The backward pass needs the current ones.
            torch.stack([mean, variance], out=saved)
            state = (saved[0].data_ptr(), saved[1].data_ptr(), settings)
            library.scn_batch_norm_forward_evaluation(matrix(input), *affine, *state, matrix(result))
        ctx.save_for_backward(input, weight, result, saved)
        ctx.options, ctx.is_training = options, is_training
        return result

    @staticmethod
    @first_derivative
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        input, weight, output, saved = restored(ctx)
        gradient, by_input, planes = computable(gradient, "gradient"), new(*input.shape), input.shape[1]
        by_weight = new(planes) if ctx.needs_input_grad[1] else None
        by_bias = new(planes) if ctx.needs_input_grad[2] else None
        training, evaluation = library.scn_batch_norm_backward_training, library.scn_batch_norm_backward_evaluation
        (training if ctx.is_training else evaluation)(
            matrix(input),
            matrix(output),
            matrix(gradient),
            address(weight),
            saved[0].data_ptr(),
            saved[1].data_ptr(),
            _options(ctx.options),
            address(by_weight),
            address(by_bias),
            matrix(by_input),
        )
        return by_input, by_weight, by_bias, None, None, None, None


def _options(options: tuple[float, ...]) -> BatchNormOptions:
    epsilon, momentum, leakiness = options
    return BatchNormOptions(epsilon=epsilon, momentum=momentum, leakiness=leakiness)


class BatchNormalization(Layer):
    """Normalizes each plane over all rows, then y > 0 ? y : leakiness * y. [n, nPlanes] -> [n, nPlanes].

    eps: added to the variance. momentum: the fraction of the running statistics that is kept. affine: whether to have
    weight and bias. State, each [nPlanes]: weight (ones), bias (zeros), running_mean (zeros), running_var (ones).
    """

    weight: nn.Parameter
    """If `affine`; otherwise the layer lacks the attribute, as in SparseConvNet."""
    bias: nn.Parameter
    """If `affine`."""
    running_mean: torch.Tensor
    running_var: torch.Tensor

    nPlanes: int
    eps: float
    momentum: float
    affine: bool
    leakiness: float

    __init__ = numpy_level.BatchNormalization.__init__

    def _take(self, arguments: dict[str, Any]) -> None:
        super()._take(arguments)
        if self.affine:
            self.weight = nn.Parameter(torch.ones(self.nPlanes))
            self.bias = nn.Parameter(torch.zeros(self.nPlanes))
        self.register_buffer("running_mean", torch.zeros(self.nPlanes))
        self.register_buffer("running_var", torch.ones(self.nPlanes))

    def forward(self, input: Any) -> Any:
        """Return the normalized sparse tensor, or matrix."""
        return self._map(input, self._normalize, self.nPlanes)

    def _normalize(self, rows: torch.Tensor) -> torch.Tensor:
        weight = parameter(getattr(self, "weight", None), "weight", self.nPlanes)
        bias = parameter(getattr(self, "bias", None), "bias", self.nPlanes)
        mean = parameter(self.running_mean, "running_mean", self.nPlanes)
        variance = parameter(self.running_var, "running_var", self.nPlanes)
        options = (self.eps, self.momentum, self.leakiness)
        if not self.training:
            return _BatchNorm.apply(rows, weight, bias, mean, variance, options, False)  # type: ignore[no-any-return]
        return self._train(rows, weight, bias, mean, variance, options)

    def _train(
        self, rows: torch.Tensor, weight: Any, bias: Any, mean: Any, variance: Any, options: Any
    ) -> torch.Tensor:
        if is_recomputing():
            return _BatchNorm.apply(rows, weight, bias, None, None, options, True)  # type: ignore[no-any-return]
        result: torch.Tensor = _BatchNorm.apply(rows, weight, bias, mean, variance, options, True)
        self._note_statistics(mean, variance)
        return result

    def _note_statistics(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        """Tell torch that the running statistics changed; copy them if they are not float32."""
        for buffer, values in ((self.running_mean, mean), (self.running_var, variance)):
            if buffer is values:
                increment_version(buffer)
            else:
                buffer.copy_(values)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *arguments: Any) -> None:
        # The names that SparseConvNet's oldest checkpoints have.
        for old, name in (("runningMean", "running_mean"), ("runningVar", "running_var")):
            if prefix + old in state_dict:
                state_dict[prefix + name] = state_dict.pop(prefix + old)
        super()._load_from_state_dict(state_dict, prefix, *arguments)


class BatchNormReLU(BatchNormalization):
    """`BatchNormalization` with a ReLU."""

    def __init__(self, nPlanes: int, eps: float = 1e-4, momentum: float = 0.99) -> None:
        super().__init__(nPlanes, eps, momentum, True, 0)


class BatchNormLeakyReLU(BatchNormalization):
    """`BatchNormalization` with a leaky ReLU."""

    def __init__(self, nPlanes: int, eps: float = 1e-4, momentum: float = 0.99, leakiness: float = 0.333) -> None:
        super().__init__(nPlanes, eps, momentum, True, leakiness)


def BatchNormELU(nPlanes: int, eps: float = 1e-4, momentum: float = 0.9) -> Sequential:
    """Return a `Sequential` of a `BatchNormalization` and an `ELU`, as in SparseConvNet."""
    return Sequential(BatchNormalization(nPlanes, eps, momentum), ELU())


class MeanOnlyBNLeakyReLU(Layer):
    """Batch normalization of the mean alone, y = x - mean + bias, then y > 0 ? y : leakiness * y.

    [n, nPlanes] -> [n, nPlanes]. momentum: the fraction of the running mean that is kept. State, each [nPlanes]: bias
    (zeros, where affine), running_mean (zeros). The gradient goes through the mean (Salimans and Kingma, 2016).
    """

    bias: nn.Parameter
    """If `affine`."""
    running_mean: torch.Tensor

    nPlanes: int
    affine: bool
    leakiness: float
    momentum: float

    __init__ = numpy_level.MeanOnlyBNLeakyReLU.__init__

    def _take(self, arguments: dict[str, Any]) -> None:
        super()._take(arguments)
        if self.affine:
            self.bias = nn.Parameter(torch.zeros(self.nPlanes))
        self.register_buffer("running_mean", torch.zeros(self.nPlanes))

    def forward(self, input: Any) -> Any:
        """Return the normalized sparse tensor, or matrix."""
        return self._map(input, self._normalize, self.nPlanes)

    def _normalize(self, rows: torch.Tensor) -> torch.Tensor:
        mean = self.running_mean.float()
        if self.training and rows.shape[0]:
            mean = rows.mean(0)
            if not is_recomputing():
                with torch.no_grad():
                    follow(self.running_mean, mean.to(self.running_mean.dtype), self.momentum)
        shift = mean - self.bias.float() if self.affine else mean
        result = rows - shift
        return result if self.leakiness == 1 else F.leaky_relu(result, self.leakiness)


class SparseGroupNorm(Layer, nn.GroupNorm):
    """Group normalization of sparse tensors (Wu and He, 2018). [sites, num_channels] -> [sites, num_channels].

    Each sample's sites and each of num_groups groups of neighboring planes have a mean and a variance of their own, in
    training and in evaluation. eps: added to the variance. affine: whether to have weight and bias. State, each
    [num_channels]: weight (ones), bias (zeros). It is a `torch.nn.GroupNorm` with its attributes.
    """

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True) -> None:
        given = {"num_groups": num_groups, "num_channels": num_channels, "eps": eps}
        checked = self._type.completed(given)
        nn.GroupNorm.__init__(self, **checked, affine=flag(affine, "affine"))

    def forward(self, input: Any) -> Any:
        """Return the normalized sparse tensor."""
        input, rows = self._sparse(input, self.num_channels)
        metadata = input._known_metadata()
        samples = torch.from_numpy(metadata._locations(input._site_set())[:, -1])
        # Only samples that have sites: batch indices may be event numbers.
        counts = torch.unique_consecutive(samples, return_counts=True)[1].tolist()
        weight, bias = (None if part is None else part.float() for part in (self.weight, self.bias))
        values = computable(rows)
        if not len(rows):
            # The parameters take part all the same.
            return input._on(typed_like(values if weight is None or bias is None else values * weight + bias, rows))
        parts = [
            # The axis of planes comes second in what torch normalizes by groups; F.group_norm refuses groups of one
            # value.
            torch.group_norm(part.t().unsqueeze(0), self.num_groups, weight, bias, self.eps).squeeze(0).t()
            for part in values.split(counts)
        ]
        return input._on(typed_like(torch.cat(parts), rows))

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps:g}{'' if self.affine else ', affine=False'}"
