"""What flows along rulebooks: rows of features at one set of sites become rows at another.

Rows are in the order of `Sites.coordinates`: sorted by sample, then by coordinates. `sorted_features` and `on_sites`
lead from sparse tensors, which show theirs in the order of the input, and back.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Optional

import torch

from .._messages import wrong_elements, wrong_shape, wrong_type
from .._native.generated import (
    SCN_ARITHMETIC_ADD,
    SCN_ARITHMETIC_DIVIDE,
    SCN_ARITHMETIC_MULTIPLY,
    SCN_ARITHMETIC_SUBTRACT,
    SCN_SITES_UNION,
)
from .._native.library import library
from ..errors import ShapeError
from ..values.along import arithmetic_of, pooling_of, rulebook_of, sites_of
from ..values.sites import Rulebook, Sites, batch_of
from . import functions
from .autograd import reference
from .autograd.along import interpolation_weights, weighted_sum
from .autograd.autocast import LEAST_ROUNDED_PLANES, is_multiplied_as_bfloat16
from .autograd.buffers import computable, is_computed_by_library, prepared, prepared_together, rounded, typed_like
from .autograd.normalizing import normalized, occupancy
from .metadata import Metadata
from .sparse import SparseConvNetTensor, sparse_on

__all__ = [
    "combine",
    "convolve",
    "convolve_normalized",
    "interpolate",
    "on_sites",
    "pool",
    "sorted_features",
    "sum_along",
]


def convolve(
    features: torch.Tensor, rulebook: Rulebook, weight: torch.Tensor, bias: Optional[torch.Tensor] = None
) -> torch.Tensor:
    """Return the convolution of rows along a rulebook, [output rows, out].

    features: [input rows, in]. weight: [volume, groups, in / groups, out / groups]. bias: [out] or None. Under
    `torch.autocast` in bfloat16, and where features and weight are bfloat16, it is multiplied from 16 planes a group on
    and added in float32; the result is bfloat16.
    """
    if weight.ndim != 4 or weight.shape[0] != rulebook_of(rulebook).volume:
        raise wrong_shape("weight", weight.shape, f"[{rulebook.volume}, groups, in / groups, out / groups]")
    _, groups, inner, outer = weight.shape
    rows = _rows(features, rulebook, groups * inner)
    if bias is not None and bias.shape != (groups * outer,):
        raise wrong_shape("bias", bias.shape, [groups * outer])
    if is_multiplied_as_bfloat16(rows, weight) and inner >= LEAST_ROUNDED_PLANES:
        factors, shift = computable(weight, "weight"), None if bias is None else computable(bias, "bias")
        return functions.convolution(rounded(rows), factors, shift, rulebook._handle, rulebook.output_count)
    rows, factors, shift = prepared_together(rows, weight, bias)
    result = functions.convolution(rows, factors.contiguous(), shift, rulebook._handle, rulebook.output_count)
    return typed_like(result, features)


def convolve_normalized(
    features: torch.Tensor,
    rulebook: Rulebook,
    weight: torch.Tensor,
    bias: Optional[torch.Tensor] = None,
    site_weights: Optional[torch.Tensor] = None,
) -> torch.Tensor:
    """Return a normalized convolution of rows along a rulebook; see `scn.functional.convolve_normalized`."""
    sums = convolve(features, rulebook, weight)
    if bias is not None and bias.shape != (sums.shape[1],):
        raise wrong_shape("bias", bias.shape, [sums.shape[1]])
    count = rulebook.input_count
    given = sums.new_ones(count) if site_weights is None else site_weights
    if given.shape != (count,):
        raise wrong_shape("site_weights", given.shape, [count])
    seen = occupancy(prepared(given, "site_weights"), rulebook._handle, rulebook.output_count)
    return typed_like(normalized(sums, seen, bias), features)


def pool(features: torch.Tensor, rulebook: Rulebook, pooling: str) -> torch.Tensor:
    """Return what a pooling makes of rows along a rulebook, [output rows, planes]; see `scn.functional.pool`."""
    rows, kind, count = _rows(features, rulebook), pooling_of(pooling), rulebook.output_count
    if not is_computed_by_library(rows):
        return reference.pool(rows, rulebook._handle, count, pooling)
    calls = (library.scn_pooling_forward, library.scn_pooling_backward)
    along = (partial(call, rulebook._handle, kind) for call in calls)
    again = partial(reference.pool, rulebook=rulebook._handle, rows=count, pooling=pooling)
    return typed_like(functions._Pool.apply(rows, (count, rows.shape[1]), *along, again), features)


def sum_along(features: torch.Tensor, rulebook: Rulebook, weights: torch.Tensor) -> torch.Tensor:
    """Return for each output row the sum over its rules of the input row times the rule's weight, weights [rules]."""
    rows = _rows(features, rulebook)
    if weights.shape != (len(rulebook),):
        raise wrong_shape("weights", weights.shape, [len(rulebook)])
    rows, factors = prepared_together(rows, weights)
    sums = weighted_sum if is_computed_by_library(rows) else reference.weighted_sum
    return typed_like(sums(rows, factors, rulebook._handle, rulebook.output_count), features)


def interpolate(
    features: torch.Tensor, sites: Sites, points: torch.Tensor, batch: Any = None, *, rescaled: bool = False
) -> torch.Tensor:
    """Return the values at points between sites, [n, planes], d-linear in the points; gradients flow into both.

    features: [sites, planes]. points: [n, dimension], in units of the coordinates. batch: [n], the sample of each
    point; None for the first. A site that is not there counts as zero, or, if `rescaled`, not at all: what the others
    weigh is then divided by their sum.
    """
    if not isinstance(sites, Sites):
        raise wrong_type("sites", sites, "Sites")
    if not isinstance(points, torch.Tensor):
        raise wrong_type("points", points, "a torch.Tensor")
    if not points.is_floating_point():
        raise wrong_elements("points", points.dtype, "floating-point numbers")
    if points.ndim != 2 or points.shape[1] != sites.dimension:
        raise wrong_shape("points", points.shape, f"[n, {sites.dimension}]")
    where = prepared(points, "points").contiguous().resolve_neg()
    samples = batch.detach().cpu().numpy() if isinstance(batch, torch.Tensor) else batch
    rulebook = sites.interpolation(where.detach().cpu().numpy(), batch_of(samples, len(where)))
    if isinstance(features, torch.Tensor) and is_computed_by_library(prepared(features)):
        weights = interpolation_weights(where.cpu(), rulebook._handle, len(rulebook), rescaled)
    else:
        weights = reference.interpolation_weights(where, rulebook._handle, rescaled)
    return sum_along(features, rulebook, weights)


def combine(
    a: SparseConvNetTensor, b: SparseConvNetTensor, operation: str = "add", sites: str = "union"
) -> SparseConvNetTensor:
    """Return the sum, difference, product or quotient of two sparse tensors; see `scn.functional.combine`."""
    for name, tensor in (("a", a), ("b", b)):
        if not isinstance(tensor, SparseConvNetTensor):
            raise wrong_type(name, tensor, "a SparseConvNetTensor")
    arithmetic, is_union = arithmetic_of(operation), sites_of(sites) == SCN_SITES_UNION
    first, second = a._sorted(), b._sorted()
    if first.shape[1] != second.shape[1]:
        raise wrong_shape("b", second.shape, f"[sites, {first.shape[1]}] as a has")
    compute: Any = _OPERATIONS[arithmetic]
    if a._has_sites_of(b):
        return a._on(compute(first, second))
    ours, theirs = Sites.of(a), Sites.of(b)
    if ours.dimension != theirs.dimension:
        raise ShapeError(f"b: has dimension {theirs.dimension}, expected {ours.dimension}")
    both = ours.union(theirs) if is_union else ours.intersection(theirs)
    a._known_metadata()._reach(both._number)
    return a._on(compute(_moved(first, ours, both), _moved(second, theirs, both)), both._number)


_OPERATIONS = {
    SCN_ARITHMETIC_ADD: torch.add,
    SCN_ARITHMETIC_SUBTRACT: torch.sub,
    SCN_ARITHMETIC_MULTIPLY: torch.mul,
    SCN_ARITHMETIC_DIVIDE: torch.div,
}


def _moved(rows: torch.Tensor, sites: Sites, to: Sites) -> torch.Tensor:
    """Return the rows of some sites at those of another set, zeros where it has others."""
    places = torch.from_numpy(sites.rows_in(to)).to(rows.device)
    kept = (places >= 0).nonzero()[:, 0]
    result = rows.new_zeros(len(to), rows.shape[1])
    return result.index_copy(0, places[kept], rows if len(kept) == len(rows) else rows.index_select(0, kept))


def sorted_features(tensor: SparseConvNetTensor) -> torch.Tensor:
    """Return the features of a sparse tensor in the order of `Sites.of(tensor).coordinates`."""
    if not isinstance(tensor, SparseConvNetTensor):
        raise wrong_type("tensor", tensor, "a SparseConvNetTensor")
    return tensor._sorted()


def on_sites(features: torch.Tensor, sites: Sites) -> SparseConvNetTensor:
    """Return a sparse tensor with features [sites, planes] in the order of `sites.coordinates`."""
    if not isinstance(sites, Sites):
        raise wrong_type("sites", sites, "Sites")
    if not isinstance(features, torch.Tensor):
        raise wrong_type("features", features, "a torch.Tensor")
    if features.ndim != 2 or features.shape[0] != len(sites):
        raise wrong_shape("features", features.shape, f"[{len(sites)}, planes], a row for each site")
    metadata = sites.metadata
    known = metadata if isinstance(metadata, Metadata) else Metadata._of(metadata._handle)
    return sparse_on(features, known, sites._number)


def _rows(features: Any, rulebook: Rulebook, planes: Optional[int] = None) -> torch.Tensor:
    """Return the rows that a rulebook reads, as the library takes them."""
    count = rulebook_of(rulebook).input_count
    if not isinstance(features, torch.Tensor):
        raise wrong_type("features", features, "a torch.Tensor")
    if features.ndim != 2 or features.shape[0] != count or (planes is not None and features.shape[1] != planes):
        raise wrong_shape("features", features.shape, f"[{count}, {'planes' if planes is None else planes}]")
    return prepared(features)
