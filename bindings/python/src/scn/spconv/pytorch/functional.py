"""Functions of sparse tensors, and of rows and pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import torch

from ..._messages import wrong_type
from ...dialects.rows import coordinate_array
from ...values.unique import unique_rows
from .._cumm.tensorview.gemm import Activation
from .._errors import MisuseError
from ..core import ConvAlgo
from . import _pairs, ops
from ._activation import activated
from .core import SparseConvTensor

__all__ = [
    "SparseAvgPoolImplicitGemmFunction",
    "SparseConvFunction",
    "SparseImplicitGemmFunction",
    "SparseInverseConvFunction",
    "SparseMaxPoolFunction",
    "SparseMaxPoolImplicitGemmFunction",
    "SubMConvFunction",
    "implicit_gemm",
    "indice_avgpool_implicit_gemm",
    "indice_conv",
    "indice_inverse_conv",
    "indice_maxpool",
    "indice_maxpool_implicit_gemm",
    "indice_subm_conv",
    "sparse_add",
    "sparse_add_hash_based",
]


def sparse_add(*tens: SparseConvTensor) -> SparseConvTensor:
    """Return the sum of tensors on any sites of one field, with the same planes: at the sites of all, in row-major
    order.

    The rulebooks of a tensor that has all these sites stay with the sum; otherwise it has none. Raises `MisuseError`
    for tensors of other fields or planes.
    """
    if not tens:
        raise MisuseError("tens: are none, expected a SparseConvTensor or several")
    for tensor in tens:
        if not isinstance(tensor, SparseConvTensor):
            raise wrong_type("tens", tensor, "a SparseConvTensor")
    first = tens[0]
    for tensor in tens:
        for name, mine, theirs in (
            ("spatial_shape", tensor.spatial_shape, first.spatial_shape),
            ("batch_size", tensor.batch_size, first.batch_size),
            ("planes", tensor._planes(), first._planes()),
        ):
            if mine != theirs:
                raise MisuseError(f"{name}: is {mine}, expected {theirs}, that of the first tensor")
    where = coordinate_array(torch.cat([tensor.indices for tensor in tens]), "indices", None, "last")
    found = unique_rows(where)
    features = torch.cat([tensor.features for tensor in tens])
    row = torch.from_numpy(found.inverse).to(features.device)
    sums = features.new_zeros(len(found.rows), features.shape[1]).index_add(0, row, features)
    indices = torch.from_numpy(found.rows).to(first.indices.device, torch.int32)
    result = first.replace_feature(sums)
    largest = max(tens, key=lambda tensor: len(tensor.indices))
    result.indices = indices
    result.indice_dict = largest.indice_dict if len(largest.indices) == len(indices) else {}
    return result


def sparse_add_hash_based(*tens: SparseConvTensor) -> SparseConvTensor:
    """Return what `sparse_add` does."""
    return sparse_add(*tens)


def _indice_to_scalar(indices: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Return the number that each row of indices [n, axes] has in an array of some shape, row by row, in their type;
    programs that make hash tables call it."""
    if indices.ndim != 2 or indices.shape[1] != len(shape):
        raise MisuseError(f"indices: have shape {list(indices.shape)}, expected [n, {len(shape)}]")
    numbers = torch.zeros_like(indices[:, 0])
    for places, column in zip(shape, indices.unbind(1)):
        numbers = numbers * int(places) + column
    return numbers


def indice_conv(
    features: torch.Tensor,
    filters: torch.Tensor,
    indice_pairs: torch.Tensor,
    indice_pair_num: torch.Tensor,
    num_activate_out: int,
    algo: ConvAlgo = ConvAlgo.Native,
    timer: Any = None,
    bias: Optional[torch.Tensor] = None,
    act_alpha: float = 0.0,
    act_beta: float = 0.0,
    act_type: Activation = Activation.None_,
) -> torch.Tensor:
    """Return a strided convolution along pairs, [num_activate_out, out]; see `ops.indice_conv`."""
    return ops.indice_conv(
        features,
        filters,
        indice_pairs,
        indice_pair_num,
        num_activate_out,
        bias=bias,
        act_alpha=act_alpha,
        act_type=act_type,
    )


indice_subm_conv = indice_conv


def indice_inverse_conv(
    features: torch.Tensor,
    filters: torch.Tensor,
    indice_pairs: torch.Tensor,
    indice_pair_num: torch.Tensor,
    num_activate_out: int,
    algo: ConvAlgo = ConvAlgo.Native,
    timer: Any = None,
    bias: Optional[torch.Tensor] = None,
    act_alpha: float = 0.0,
    act_beta: float = 0.0,
    act_type: Activation = Activation.None_,
) -> torch.Tensor:
    """Return a convolution along pairs read from output to input, [num_activate_out, out]; see `ops.indice_conv`."""
    return ops.indice_conv(
        features,
        filters,
        indice_pairs,
        indice_pair_num,
        num_activate_out,
        inverse=True,
        bias=bias,
        act_alpha=act_alpha,
        act_type=act_type,
    )


def implicit_gemm(
    features: torch.Tensor,
    filters: torch.Tensor,
    pair_fwd: torch.Tensor,
    pair_bwd: Optional[torch.Tensor],
    pair_mask_fwd_splits: Any,
    pair_mask_bwd_splits: Any,
    mask_argsort_fwd_splits: Any,
    mask_argsort_bwd_splits: Any,
    num_activate_out: int,
    masks: Any,
    is_train: bool,
    is_subm: bool,
    timer: Any = None,
    fp32_accum: Optional[bool] = None,
    bias: Optional[torch.Tensor] = None,
    act_alpha: float = 0.0,
    act_beta: float = 0.0,
    act_type: Activation = Activation.None_,
) -> torch.Tensor:
    """Return a convolution along a table, [num_activate_out, out].

    features: [input rows, in]. filters: [out, *size, in]. pair_fwd: [volume, num_activate_out], the input row that each
    output row reads, or -1; `pair_fwd` of what an `indice_key` names. bias: [out] or None. act_type, act_alpha: what is
    applied to the sums. The others have no effect.
    """
    pairs = _pairs.pairs_of_table(pair_fwd)
    return activated(_pairs.convolve(features, filters, pairs, num_activate_out, bias), act_type, act_alpha)


def indice_maxpool(
    features: torch.Tensor, indice_pairs: torch.Tensor, indice_pair_num: torch.Tensor, num_activate_out: int
) -> torch.Tensor:
    """Return the maximum, at least 0, along pairs, [num_activate_out, planes]; see `ops.indice_conv`."""
    return ops.indice_maxpool(features, indice_pairs, indice_pair_num, num_activate_out)


def indice_maxpool_implicit_gemm(
    features: torch.Tensor, indice_pairs_fwd: torch.Tensor, indice_pairs_bwd: Any, num_activate_out: int
) -> torch.Tensor:
    """Return the maximum, at least 0, along a table, [num_activate_out, planes]; see `implicit_gemm`."""
    return _pairs.maximum(features, _pairs.pairs_of_table(indice_pairs_fwd), num_activate_out)


def indice_avgpool_implicit_gemm(
    features: torch.Tensor,
    indice_pairs_fwd: torch.Tensor,
    indice_pairs_bwd: Any,
    num_activate_out: int,
    calc_count: bool = True,
) -> torch.Tensor:
    """Return the mean along a table, [num_activate_out, planes]; see `implicit_gemm`. calc_count: without effect."""
    return _pairs.average(features, _pairs.pairs_of_table(indice_pairs_fwd), num_activate_out)


def _with_apply(name: str, function: Any) -> type:
    """Return a class that has a function as its method `apply`, as programs call torch's."""
    doc = f"`{function.__name__}` as its method `apply`."
    return type(name, (), {"__doc__": doc, "__module__": __name__, "apply": staticmethod(function)})


SparseConvFunction = _with_apply("SparseConvFunction", indice_conv)
SparseInverseConvFunction = _with_apply("SparseInverseConvFunction", indice_inverse_conv)
SparseImplicitGemmFunction = _with_apply("SparseImplicitGemmFunction", implicit_gemm)
SubMConvFunction = _with_apply("SubMConvFunction", indice_subm_conv)
SparseMaxPoolFunction = _with_apply("SparseMaxPoolFunction", indice_maxpool)
SparseMaxPoolImplicitGemmFunction = _with_apply("SparseMaxPoolImplicitGemmFunction", indice_maxpool_implicit_gemm)
SparseAvgPoolImplicitGemmFunction = _with_apply("SparseAvgPoolImplicitGemmFunction", indice_avgpool_implicit_gemm)
