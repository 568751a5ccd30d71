"""Normalization."""

from __future__ import annotations

from functools import partial
from typing import Any, Optional

import torch
from torch import nn
from torch.autograd import Function
from torch.autograd.graph import increment_version
from torch.nn import functional as F

from ..._native.arrays import flag
from ..._native.generated import BatchNormOptions
from ..._native.library import library
from ...nn import normalization as numpy_level
from ..autograd import reference
from ..autograd.buffers import (
    address,
    computable,
    is_bfloat16,
    is_computed_by_library,
    matrix,
    new,
    parameter,
    prepared_together,
    restored,
    rounded,
    two_addresses,
    typed_like,
)
from ..autograd.derivatives import Unrecorded, applied, recorded
from ..autograd.recomputing import is_recomputing
from ..metadata import Metadata
from ..sparse import SparseConvNetTensor
from .activation import ELU
from .containers import Sequential
from .layer import Layer

__all__ = [
    "BatchNormELU",
    "BatchNormLeakyReLU",
    "BatchNormReLU",
    "BatchNormalization",
    "InstanceNorm",
    "LayerNorm",
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
        result = new(*input.shape, dtype=input.dtype)
        affine, settings = (address(weight), address(bias)), _options(options)
        if not is_training and isinstance(ctx, Unrecorded):
            state = (mean.data_ptr(), variance.data_ptr(), settings)
            library.scn_batch_norm_forward_evaluation(matrix(input), *affine, *state, matrix(result))
            return result
        saved = new(2, input.shape[1])
        moments = two_addresses(saved)
        if is_training:
            running = (address(mean), address(variance))
            library.scn_batch_norm_forward_training(
                matrix(input), *affine, *running, settings, *moments, matrix(result)
            )
        else:
            # The backward pass needs the current ones.
            torch.stack([mean, variance], out=saved)
            library.scn_batch_norm_forward_evaluation(matrix(input), *affine, *moments, settings, matrix(result))
        ctx.save_for_backward(input, weight, bias, result, saved)
        ctx.options, ctx.is_training = options, is_training
        named = {"saved": None if is_training else saved, "epsilon": options[0], "leakiness": options[2]}
        ctx.reference = (partial(normalized_by_torch, **named), (0, 1, 2))
        return result

    @staticmethod
    @recorded
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        input, weight, _, output, saved = ctx.saved_tensors
        taken = rounded if input.dtype is torch.bfloat16 else computable
        input, output, gradient = taken(input), taken(output), taken(gradient, "gradient")
        weight, saved = None if weight is None else computable(weight), computable(saved)
        by_input, planes = new(*input.shape, dtype=input.dtype), input.shape[1]
        by_weight = new(planes) if ctx.needs_input_grad[1] else None
        by_bias = new(planes) if ctx.needs_input_grad[2] else None
        training, evaluation = library.scn_batch_norm_backward_training, library.scn_batch_norm_backward_evaluation
        (training if ctx.is_training else evaluation)(
            matrix(input),
            matrix(output),
            matrix(gradient),
            address(weight),
            *two_addresses(saved),
            _options(ctx.options),
            address(by_weight),
            address(by_bias),
            matrix(by_input),
        )
        return by_input, by_weight, by_bias, None, None, None, None


def normalized_by_torch(
    rows: torch.Tensor, weight: Any, bias: Any, saved: Any, epsilon: float, leakiness: float
) -> torch.Tensor:
    """Return what torch's own operations make of rows. saved: the means and variances to normalize by; None for those
    of the rows."""
    mean, variance = (None, None) if saved is None else saved
    return typed_like(reference.batch_norm(rows.float(), weight, bias, mean, variance, epsilon, leakiness), rows)


def _normalized(
    rows: torch.Tensor, weight: Any, bias: Any, mean: Any, variance: Any, options: Any, is_training: bool
) -> torch.Tensor:
    """Return batch normalization; training updates the running statistics if they are given."""
    if is_computed_by_library(rows) or is_bfloat16(rows):
        result: torch.Tensor = applied(_BatchNorm, rows, weight, bias, mean, variance, options, is_training)
        return result
    epsilon, momentum, leakiness = options
    if not is_training:
        return reference.batch_norm(rows, weight, bias, mean, variance, epsilon, leakiness)
    if mean is not None and len(rows):
        values, count = rows.detach(), len(rows)
        batch = values.mean(0)
        follow(mean, batch, momentum)
        follow(variance, (values - batch).square().sum(0) / max(1, count - 1), momentum)
    return reference.batch_norm(rows, weight, bias, None, None, epsilon, leakiness)


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
        """Return the normalized sparse tensor, or matrix. bfloat16 is computed in float32 and rounded."""
        return self._map(input, self._normalize, self.nPlanes, takes_bfloat16=True)

    def _normalize(self, rows: torch.Tensor) -> torch.Tensor:
        weight = parameter(getattr(self, "weight", None), "weight", self.nPlanes)
        bias = parameter(getattr(self, "bias", None), "bias", self.nPlanes)
        mean = parameter(self.running_mean, "running_mean", self.nPlanes)
        variance = parameter(self.running_var, "running_var", self.nPlanes)
        state = (weight, bias, mean, variance)
        is_taken = is_computed_by_library(rows) or is_bfloat16(rows)
        if not (is_taken and all(values is None or is_computed_by_library(values) for values in state)):
            names = ("input", "weight", "bias", "running_mean", "running_var")
            rows, weight, bias, mean, variance = prepared_together(rows, *state, names=names)
        options = (self.eps, self.momentum, self.leakiness)
        if not self.training:
            return _normalized(rows, weight, bias, mean, variance, options, False)
        return self._train(rows, weight, bias, mean, variance, options)

    def _train(
        self, rows: torch.Tensor, weight: Any, bias: Any, mean: Any, variance: Any, options: Any
    ) -> torch.Tensor:
        if is_recomputing():
            return _normalized(rows, weight, bias, None, None, options, True)
        result = _normalized(rows, weight, bias, mean, variance, options, True)
        self._note_statistics(mean, variance)
        return result

    def _note_statistics(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        _note(self.running_mean, mean)
        _note(self.running_var, variance)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *arguments: Any) -> None:
        # The names that SparseConvNet's oldest checkpoints have.
        for old, name in (("runningMean", "running_mean"), ("runningVar", "running_var")):
            if prefix + old in state_dict:
                state_dict[prefix + name] = state_dict.pop(prefix + old)
        super()._load_from_state_dict(state_dict, prefix, *arguments)


def _note(buffer: torch.Tensor, values: Any) -> None:
    """Tell torch that running statistics changed; copy them if they are not float32."""
    if buffer is values:
        increment_version(buffer)
    else:
        buffer.copy_(values)


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


class _MeanOnlyNorm(Function):
    @staticmethod
    def forward(
        ctx: Any, input: torch.Tensor, bias: Any, mean: Any, momentum: float, leakiness: float, is_training: bool
    ) -> torch.Tensor:
        """mean: the running one; training updates it if it is given."""
        result, vectors = new(*input.shape), (address(bias), address(mean))
        if is_training:
            library.scn_mean_only_norm_forward_training(matrix(input), *vectors, momentum, leakiness, matrix(result))
        else:
            library.scn_mean_only_norm_forward_evaluation(matrix(input), *vectors, leakiness, matrix(result))
        ctx.save_for_backward(input, bias, result)
        ctx.leakiness, ctx.is_training = leakiness, is_training
        fixed = None if is_training else mean.clone()
        ctx.reference = (partial(reference.mean_only_norm, mean=fixed, leakiness=leakiness), (0, 1))
        return result

    @staticmethod
    @recorded
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        _, _, output = restored(ctx)
        gradient, by_input = computable(gradient, "gradient"), new(*output.shape)
        by_bias = new(output.shape[1]) if ctx.needs_input_grad[1] else None
        library.scn_mean_only_norm_backward(
            matrix(output), matrix(gradient), ctx.is_training, ctx.leakiness, address(by_bias), matrix(by_input)
        )
        return by_input, by_bias, None, None, None, None


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
        bias = parameter(getattr(self, "bias", None), "bias", self.nPlanes)
        mean = parameter(self.running_mean, "running_mean", self.nPlanes)
        rows, bias, mean = prepared_together(rows, bias, mean, names=("input", "bias", "running_mean"))
        is_kept = self.training and is_recomputing()
        if is_computed_by_library(rows):
            options = (self.momentum, self.leakiness, self.training)
            result: torch.Tensor = _MeanOnlyNorm.apply(rows, bias, None if is_kept else mean, *options)
        else:
            result = reference.mean_only_norm(rows, bias, None if self.training else mean, self.leakiness)
            if self.training and not is_kept and len(rows):
                follow(mean, rows.detach().mean(0), self.momentum)
        if self.training and not is_kept:
            _note(self.running_mean, mean)
        return result


class _GroupNorm(Function):
    @staticmethod
    def forward(
        ctx: Any, input: torch.Tensor, weight: Any, bias: Any, metadata: Metadata, sites: int, groups: int, eps: float
    ) -> torch.Tensor:
        # Only samples that have sites: batch indices may be event numbers.
        samples = min(len(input), metadata.batch_size())
        mean, inverse_deviation = torch.empty(2, samples, groups, dtype=torch.float32, device="cpu")
        result, site_set = new(*input.shape), (metadata._handle, sites)
        library.scn_group_norm_forward(
            *site_set,
            matrix(input),
            address(weight),
            address(bias),
            groups,
            eps,
            mean.data_ptr(),
            inverse_deviation.data_ptr(),
            matrix(result),
        )
        ctx.save_for_backward(input, weight, bias, mean, inverse_deviation)
        ctx.site_set, ctx.groups = site_set, groups
        sample = _samples(metadata, sites)
        ctx.reference = (partial(reference.group_norm, sample=sample, groups=groups, epsilon=eps), (0, 1, 2))
        return result

    @staticmethod
    @recorded
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        input, weight, _, mean, inverse_deviation = restored(ctx)
        gradient, by_input, planes = computable(gradient, "gradient"), new(*input.shape), input.shape[1]
        by_weight = new(planes) if ctx.needs_input_grad[1] else None
        by_bias = new(planes) if ctx.needs_input_grad[2] else None
        library.scn_group_norm_backward(
            *ctx.site_set,
            matrix(input),
            matrix(gradient),
            address(weight),
            ctx.groups,
            mean.data_ptr(),
            inverse_deviation.data_ptr(),
            address(by_weight),
            address(by_bias),
            matrix(by_input),
        )
        return by_input, by_weight, by_bias, None, None, None, None


def _samples(metadata: Metadata, sites: int) -> torch.Tensor:
    return torch.from_numpy(metadata._locations(sites)[:, -1].copy())


def _by_sample(
    input: SparseConvNetTensor, rows: torch.Tensor, weight: Any, bias: Any, groups: int, eps: float
) -> SparseConvNetTensor:
    """Return the group normalization of a sparse tensor, whose sorted rows are given."""
    values, weight, bias = prepared_together(rows, weight, bias, names=("input", "weight", "bias"))
    where = (input._known_metadata(), input._site_set())
    if is_computed_by_library(values):
        result = _GroupNorm.apply(values, weight, bias, *where, groups, eps)
    else:
        result = reference.group_norm(values, weight, bias, _samples(*where), groups, eps)
    return input._on(typed_like(result, rows))


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
        weight = parameter(self.weight, "weight", self.num_channels)
        bias = parameter(self.bias, "bias", self.num_channels)
        return _by_sample(input, rows, weight, bias, self.num_groups, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps:g}{'' if self.affine else ', affine=False'}"


class _AffineNorm(Layer):
    """Shared base of layers that keep no statistics: weight and bias, each [nPlanes], if `affine`."""

    weight: Optional[nn.Parameter]
    bias: Optional[nn.Parameter]

    nPlanes: int
    eps: float
    affine: bool

    def _take(self, arguments: dict[str, Any]) -> None:
        super()._take(arguments)
        self.weight = nn.Parameter(torch.ones(self.nPlanes)) if self.affine else None
        self.bias = nn.Parameter(torch.zeros(self.nPlanes)) if self.affine else None

    def _parameters_to_use(self) -> tuple[Optional[torch.Tensor], Optional[torch.Tensor]]:
        return parameter(self.weight, "weight", self.nPlanes), parameter(self.bias, "bias", self.nPlanes)


class InstanceNorm(_AffineNorm):
    """Normalizes each plane over each sample's sites (Ulyanov, Vedaldi and Lempitsky, 2016).

    [sites, nPlanes] -> [sites, nPlanes], in training and in evaluation alike. eps: added to the biased variance.
    affine: whether to have weight and bias. State, each [nPlanes]: weight (ones), bias (zeros).
    """

    __init__ = numpy_level.InstanceNorm.__init__

    def forward(self, input: Any) -> Any:
        """Return the normalized sparse tensor."""
        input, rows = self._sparse(input, self.nPlanes)
        return _by_sample(input, rows, *self._parameters_to_use(), self.nPlanes, self.eps)


class LayerNorm(_AffineNorm):
    """Normalizes the planes of each row (Ba, Kiros and Hinton, 2016). [n, nPlanes] -> [n, nPlanes].

    eps: added to the biased variance. affine: whether to have weight and bias. State, each [nPlanes]: weight (ones),
    bias (zeros).
    """

    __init__ = numpy_level.LayerNorm.__init__

    def forward(self, input: Any) -> Any:
        """Return the normalized sparse tensor, or matrix."""
        weight, bias = self._parameters_to_use()
        names = ("input", "weight", "bias")

        def normalize(rows: torch.Tensor) -> torch.Tensor:
            values, factor, shift = prepared_together(rows, weight, bias, names=names)
            return F.layer_norm(values, (self.nPlanes,), factor, shift, self.eps)

        return self._map(input, normalize, self.nPlanes)
