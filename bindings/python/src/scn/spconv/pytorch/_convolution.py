"""What all convolutions of spconv are."""

from __future__ import annotations

import math
from typing import Any, Optional

import torch
from torch import nn

from ..._messages import wrong_shape, wrong_value
from ...dialects.elementwise import product as multiplied
from .._cumm.core_cc.tensorview_bind import Activation as SavedActivation
from .._cumm.tensorview.gemm import Activation
from .._errors import MisuseError
from ..core import ConvAlgo
from ._activation import activated, autocast_type
from ._geometry import Filter
from ._layer import (
    MOST_VOXELS,
    Step,
    TimedLayer,
    check_inverse_reuse,
    check_reuse,
    checked,
    data_to_reverse,
    inverse_step,
    new_step,
    next_tensor,
    taken_step,
)
from ._weights import bring_into_layout, convolve
from .core import SparseConvTensor, expand_nd
from .modules import SparseModule, shown_if_watched

__all__ = ["SparseConvolution", "SparseConvolutionBase"]


class SparseConvolutionBase:
    """What programs that derive layers of their own call, or put something else in the place of."""

    kernel_size: list[int]
    dilation: list[int]

    def _check_subm_reuse_valid(self, inp: SparseConvTensor, spatial_shape: Any, datas: Any) -> None:
        """Raise `MisuseError` where a submanifold layer cannot take the rules of another one."""
        check_reuse(inp, spatial_shape, self.kernel_size, self.dilation, datas, getattr(self, "indice_key", None))

    def _check_inverse_reuse_valid(self, inp: SparseConvTensor, spatial_shape: Any, datas: Any) -> None:
        """Raise `MisuseError` where an inverse layer cannot reverse the rules of another one."""
        check_inverse_reuse(inp, spatial_shape, self.kernel_size, datas, getattr(self, "indice_key", None))


class SparseConvolution(SparseConvolutionBase, SparseModule):
    """A convolution of sparse tensors; `SparseConv3d`, `SubMConv3d` and others say which kind.

    ndim: the number of axes. in_channels, out_channels: planes. kernel_size, stride, padding, dilation,
    output_padding: a number, or one for each axis. groups: into how many parts the planes are divided, each of which
    sees its own. bias: whether there is one. subm: whether outputs are where inputs are. transposed: whether inputs are
    a stride apart, not outputs. inverse: whether the layer goes back to where the one with the same `indice_key` came
    from. indice_key: the name under which the rules stay with the tensor. record_voxel_count: whether the buffer
    `max_num_voxels_during_training` notes the most sites that the layer made. act_type, act_alpha: what is applied to
    the sums, without a gradient. name: what `benchmark_record` calls the layer. device, dtype: those of the parameters.
    algo, fp32_accum, act_beta, large_kernel_fast_algo: without effect.

    weight: [out, *size, in / groups]; where the size and the stride are 1, and groups too, its memory is read as a
    matrix [in, out]. bias: [out] or None.
    """

    def __init__(
        self,
        ndim: int,
        in_channels: int,
        out_channels: int,
        kernel_size: Any = 3,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        subm: bool = False,
        output_padding: Any = 0,
        transposed: bool = False,
        inverse: bool = False,
        indice_key: Optional[str] = None,
        algo: Optional[ConvAlgo] = None,
        fp32_accum: Optional[bool] = None,
        record_voxel_count: bool = False,
        act_type: Activation = Activation.None_,
        act_alpha: float = 0,
        act_beta: float = 0,
        large_kernel_fast_algo: bool = False,
        name: Optional[str] = None,
        device: Any = None,
        dtype: Optional[torch.dtype] = None,
    ) -> None:
        super().__init__(name=name)
        self.ndim, self.in_channels, self.out_channels = ndim, in_channels, out_channels
        self.kernel_size, self.stride = expand_nd(ndim, kernel_size), expand_nd(ndim, stride)
        self.dilation, self.padding = expand_nd(ndim, dilation), expand_nd(ndim, padding)
        self.output_padding = expand_nd(ndim, output_padding)
        for what, numbers, least in (
            ("kernel_size", self.kernel_size, 1),
            ("stride", self.stride, 1),
            ("dilation", self.dilation, 1),
            ("padding", self.padding, 0),
        ):
            if min(numbers) < least:
                raise wrong_value(what, numbers, f"at least {least}")
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise MisuseError(f"groups: is {groups}, expected a divisor of {in_channels} and {out_channels} planes")
        volume = math.prod(self.kernel_size)
        self.conv1x1 = volume == 1 and (subm or math.prod(self.stride) == 1)
        if self.conv1x1 and not subm and any(self.padding):
            raise MisuseError(f"padding: is {self.padding}, expected 0 where size and stride are 1")
        if self.conv1x1 and act_type is not Activation.None_:
            raise MisuseError(f"act_type: is {act_type.name}, expected None_ where size and stride are 1")
        self.groups, self.subm, self.transposed, self.inverse = groups, subm, transposed, inverse
        self.indice_key, self.record_voxel_count, self.fp32_accum = indice_key, record_voxel_count, fp32_accum
        self.algo = ConvAlgo.Native if algo is None else algo
        self.act_type, self.act_alpha, self.act_beta = act_type, act_alpha, act_beta
        self.weight_shape = [out_channels, *self.kernel_size, in_channels // groups]
        if record_voxel_count and not subm and not inverse:
            self.register_buffer(MOST_VOXELS, torch.zeros(1, dtype=torch.int32, device=device))
        self.weight = nn.Parameter(torch.empty(self.weight_shape, device=device, dtype=dtype))
        if bias:
            self.bias: Optional[nn.Parameter] = nn.Parameter(torch.empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()
        hooks: Any = self
        hooks._register_load_state_dict_pre_hook(bring_into_layout, with_module=True)

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        # spconv's own, of a whole model that it saved.
        saved = self.__dict__.get("act_type")
        if isinstance(saved, SavedActivation):
            self.act_type = Activation(saved.value)

    def _load_weight_different_layout(self, state_dict: Any, prefix: str, *unused: Any) -> None:
        """Do what `bring_into_layout` does: the hook of a layer that spconv saved as a whole."""
        bring_into_layout(self, state_dict, prefix)

    def _calculate_fan_in_and_fan_out(self) -> tuple[int, int]:
        """Return how many numbers a sum has, and how many sums a number is in."""
        volume = math.prod(self.kernel_size)
        return self.in_channels // self.groups * volume, self.out_channels // self.groups * volume

    def reset_parameters(self) -> None:
        """Draw the weight and the bias anew, uniformly below 1 / sqrt(fan_in) in size."""
        fan_in, _ = self._calculate_fan_in_and_fan_out()
        bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
        nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound)

    def get_max_num_voxels(self) -> Optional[torch.Tensor]:
        """Return the most sites that the layer made, [1] int32; None without `record_voxel_count`."""
        return getattr(self, MOST_VOXELS, None)

    def is_inverseable(self) -> bool:
        """Return whether an inverse layer can lead back from this one."""
        return self.indice_key is not None and not self.subm

    def extra_repr(self) -> str:
        """Return what a printed network says of the layer."""
        names = ("kernel_size", "stride", "padding", "dilation", "output_padding")
        parts = [str(self.in_channels), str(self.out_channels), *(f"{name}={getattr(self, name)}" for name in names)]
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        parts.append(f"algo={self.algo}")
        if self.act_type is not Activation.None_:
            parts.append(f"act={self.act_type}")
        return ", ".join(parts)

    def forward(self, input: SparseConvTensor, add_input: Optional[SparseConvTensor] = None) -> SparseConvTensor:
        """Return the convolution of a sparse tensor. add_input: a tensor whose features are added to the result's,
        after which `act_type` is applied once more."""
        result = self._conv_forward(
            self.training,
            input,
            self.weight,
            self.bias,
            add_input,
            name=self.name,
            sparse_unique_name=self._sparse_unique_name,
            act_type=self.act_type,
            act_alpha=self.act_alpha,
            act_beta=self.act_beta,
        )
        return shown_if_watched(self, result)  # type: ignore[no-any-return]

    def _conv_forward(
        self,
        training: bool,
        input: SparseConvTensor,
        weight: torch.Tensor,
        bias: Optional[torch.Tensor],
        add_input: Optional[SparseConvTensor] = None,
        channel_scale: Any = None,
        output_scale: Any = None,
        name: Optional[str] = None,
        sparse_unique_name: str = "",
        act_type: Activation = Activation.None_,
        act_alpha: float = 0,
        act_beta: float = 0,
    ) -> SparseConvTensor:
        """Return the convolution with some weight and bias."""
        checked(input)
        if input._planes() != self.in_channels:
            raise MisuseError(f"features: have {input._planes()} planes, expected {self.in_channels}")
        if training and self.act_type is not Activation.None_:
            raise MisuseError("act_type: has no gradient, and is for evaluation alone: use .eval(), or a module after")
        if self.conv1x1:
            return self._pointwise(input, weight, bias)
        timed = TimedLayer(input, "SparseConvolution", name, self._properties() if input.benchmark else {})
        with input._timer.record(sparse_unique_name):
            with timed.part("indice_gen_time"):
                step = self._step(input)
            with timed.part("time"):
                values = input._sorted(step.rules.input)
                sums = convolve(values, step.rules.rulebook, weight, bias, self.groups)
                kind = autocast_type(values)
                sums = activated(sums if kind is None else sums.to(kind), act_type, act_alpha)
        timed.counted(step.rules.input, step.rules.output)
        most = self.get_max_num_voxels()
        if most is not None:
            most.clamp_(min=len(step.rules.output))
        result = next_tensor(input, step, sums)
        if add_input is None:
            return result
        total = result + add_input
        return total._mapped(lambda values: activated(values, self.act_type, self.act_alpha))

    def _step(self, input: SparseConvTensor) -> Step:
        key = self.indice_key
        if self.inverse:
            self._check_inverse_reuse_valid(input, input.spatial_shape, data_to_reverse(input, key))
            return inverse_step(input, key)
        more = self.output_padding if self.transposed else None
        window = Filter(
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.subm,
            self.transposed and not self.subm,
            more,
        )
        data = input.find_indice_pair(key)
        if data is None:
            return new_step(input, window, key, self.algo)
        if not self.subm:
            raise MisuseError(f"indice_key: {key!r} names rules already, which only a submanifold layer may use again")
        self._check_subm_reuse_valid(input, input.spatial_shape, data)
        return taken_step(input, window, key, data, self.algo)

    def _pointwise(
        self, input: SparseConvTensor, weight: torch.Tensor, bias: Optional[torch.Tensor]
    ) -> SparseConvTensor:
        """Return the product of each row with the weight."""

        def product(features: torch.Tensor) -> torch.Tensor:
            if self.groups == 1:
                return multiplied(features, weight.reshape(self.in_channels, self.out_channels), bias)
            parts = weight.reshape(self.groups, -1, weight.shape[-1])
            grouped = features.reshape(len(features), self.groups, weight.shape[-1])
            result = torch.einsum("ngi,goi->ngo", grouped, parts).flatten(1)
            return result if bias is None else result + bias.to(result.dtype)

        rows = len(input._values())
        if rows != len(input.indices):
            raise wrong_shape("features", (rows, self.in_channels), f"[{len(input.indices)}, planes]")
        result = input._mapped(product)
        further = self.output_padding if self.transposed else [0] * self.ndim
        result.spatial_shape = [int(places) + more for places, more in zip(input.spatial_shape, further)]
        return result

    def _properties(self) -> dict[str, Any]:
        names = ("kernel_size", "stride", "padding", "dilation", "output_padding", "subm", "transposed")
        planes = {"input_channels": self.in_channels, "out_channels": self.out_channels}
        return {**{name: getattr(self, name) for name in names}, **planes}
