"""What layers are made of: sizes, pairs of rows, and convolution and pooling along given pairs.

Programs seldom call these. Convolutions along pairs that `get_indice_pairs` or a layer has made are computed by the
engine, those along others, and poolings, by torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Optional

import torch

from ...dialects.missing import missing
from .._cumm.tensorview.gemm import Activation
from ..core import AlgoHint, ConvAlgo
from . import _pairs
from ._activation import activated
from ._geometry import Filter, get_conv_output_size, get_deconv_output_size, rows_of
from ._weights import convolve

__all__ = [
    "AlgoHint",
    "ConvAlgo",
    "get_conv_output_size",
    "get_deconv_output_size",
    "get_indice_pairs",
    "global_pool_rearrange",
    "indice_conv",
    "indice_maxpool",
    "maximum_value_int_",
]

MISSING = dict.fromkeys(
    (
        "fused_indice_conv",
        "get_indice_pairs_implicit_gemm",
        "implicit_gemm",
        "implicit_gemm_backward",
        "indice_avgpool_implicit_gemm",
        "indice_avgpool_implicit_gemm_backward",
        "indice_conv_backward",
        "indice_maxpool_backward",
        "indice_maxpool_implicit_gemm",
        "indice_maxpool_implicit_gemm_backward",
    ),
    "is a kernel of spconv's; spconv.pytorch.functional has what layers call",
)


def __getattr__(name: str) -> Any:
    """Raise an error for a name that is not here; for those of spconv's kernels, one that says so."""
    raise missing("spconv.pytorch.ops", name, MISSING)


def get_indice_pairs(
    indices: torch.Tensor,
    batch_size: int,
    spatial_shape: Sequence[int],
    algo: ConvAlgo,
    ksize: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    out_padding: Sequence[int],
    subm: bool = False,
    transpose: bool = False,
    num_out_act_bound: int = -1,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the sites that a layer makes, int32 [output rows, 1 + dimension], which input row meets which output row,
    int32 [2, volume, input rows] with -1 behind the pairs of each filter offset, and how many pairs each has, int32
    [volume]; of a submanifold filter, those before its center.

    indices: int32 [input rows, 1 + dimension], batch index first. batch_size, algo, num_out_act_bound: without effect.
    The others are those of a layer, a number for each axis.
    """
    size, apart, before, steps, more = (
        [int(number) for number in numbers] for numbers in (ksize, stride, padding, dilation, out_padding)
    )
    window = Filter(size, apart, before, steps, subm, transpose, more)
    shape = [int(places) for places in spatial_shape]
    rules = window.rules(rows_of(indices, shape), shape)
    pairs, counts = _pairs.pairs_of(rules, subm, indices.device)
    return indices if subm else rules.output.coordinates().to(indices.device), pairs, counts


def indice_conv(
    features: torch.Tensor,
    filters: torch.Tensor,
    indice_pairs: torch.Tensor,
    indice_pair_num: torch.Tensor,
    num_activate_out: int,
    inverse: bool = False,
    subm: bool = False,
    algo: ConvAlgo = ConvAlgo.Native,
    timer: Any = None,
    bias: Optional[torch.Tensor] = None,
    act_alpha: float = 0.0,
    act_beta: float = 0.0,
    act_type: Activation = Activation.None_,
) -> torch.Tensor:
    """Return a convolution along pairs of rows, [num_activate_out, out].

    features: [input rows, in]. filters: [out, *size, in]. indice_pairs: [2, volume, any number], -1 where no rows meet.
    inverse: whether the pairs are read from output to input. bias: [out] or None. act_type, act_alpha: what is applied
    to the sums. indice_pair_num, subm, algo, timer: without effect.
    """
    rules = _pairs.rules_of_pairs.get(indice_pairs)
    rules = rules.reversed() if rules is not None and inverse else rules
    volume = math.prod(filters.shape[1:-1])
    if rules is not None and (rules.volume, len(rules.output)) == (volume, num_activate_out):
        sums = rules.output.shown(convolve(rules.input.sorted(features), rules.rulebook, filters, bias, 1))
    else:
        sums = _pairs.convolve(features, filters, indice_pairs, num_activate_out, bias, inverse)
    return activated(sums, act_type, act_alpha)


def indice_maxpool(
    features: torch.Tensor, indice_pairs: torch.Tensor, indice_pair_num: torch.Tensor, num_activate_out: int
) -> torch.Tensor:
    """Return the maximum, at least 0, along pairs of rows, [num_activate_out, planes]. Arguments as in
    `indice_conv`."""
    return _pairs.maximum(features, indice_pairs, num_activate_out)


def maximum_value_int_(ten: torch.Tensor, value: int) -> None:
    """Make the elements of a tensor at least `value`, in place."""
    ten.clamp_(min=value)


def global_pool_rearrange(coords: torch.Tensor, batch_size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the rows of each sample, int32 [batch_size, rows] with anything behind them, and how many each has, int32
    [batch_size]. coords: [rows, 1 + dimension], batch index first."""
    samples = coords[:, 0].long()
    counts = torch.bincount(samples, minlength=batch_size)[:batch_size]
    order = torch.sort(samples, stable=True).indices
    begins = counts.cumsum(0) - counts
    place = torch.arange(len(order), device=coords.device) - begins[samples[order]]
    rows = torch.zeros(batch_size, len(order), dtype=torch.int32, device=coords.device)
    rows[samples[order], place] = order.int()
    return rows, counts.int()
