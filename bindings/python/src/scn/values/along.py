"""What flows along rulebooks: rows of features at one set of sites become rows at another."""

from __future__ import annotations

from typing import Any

from .._messages import one_of, wrong_type, wrong_value
from .._native.arrays import address
from .._native.generated import (
    SCN_ARITHMETIC_ADD,
    SCN_ARITHMETIC_DIVIDE,
    SCN_ARITHMETIC_MULTIPLY,
    SCN_ARITHMETIC_SUBTRACT,
    SCN_POOLING_MAX,
    SCN_POOLING_MAX_WITH_ZERO,
    SCN_POOLING_MEAN,
    SCN_POOLING_SUM,
    SCN_POOLING_VOLUME_MEAN,
    SCN_SITES_INTERSECTION,
    SCN_SITES_UNION,
)
from .._native.handles import TensorHandle
from .._native.library import library
from .native import to_native
from .sites import Rulebook, batch_of
from .sparse import SparseConvNetTensor
from .tensor import Tensor

__all__ = [
    "arithmetic_of",
    "combine",
    "convolve",
    "convolve_normalized",
    "interpolate",
    "pool",
    "pooling_of",
    "rulebook_of",
    "sites_of",
    "sum_along",
]

_POOLINGS = {
    "sum": SCN_POOLING_SUM,
    "mean": SCN_POOLING_MEAN,
    "volume_mean": SCN_POOLING_VOLUME_MEAN,
    "max": SCN_POOLING_MAX,
    "max_with_zero": SCN_POOLING_MAX_WITH_ZERO,
}


_ARITHMETIC = {
    "add": SCN_ARITHMETIC_ADD,
    "subtract": SCN_ARITHMETIC_SUBTRACT,
    "multiply": SCN_ARITHMETIC_MULTIPLY,
    "divide": SCN_ARITHMETIC_DIVIDE,
}
_COMBINED_SITES = {"union": SCN_SITES_UNION, "intersection": SCN_SITES_INTERSECTION}


def convolve(features: Any, rulebook: Rulebook, weight: Any, bias: Any = None) -> Tensor:
    """Return the convolution of rows along a rulebook, [output rows, out].

    features: [input rows, in]. weight: [volume, groups, in / groups, out / groups]. bias: [out] or None. Each a
    `Tensor`, into which gradients flow, or an array; features may be a sparse tensor.
    """
    return _along(
        library.scn_tensor_convolve, features, rulebook, to_native(weight), None if bias is None else to_native(bias)
    )


def convolve_normalized(
    features: Any, rulebook: Rulebook, weight: Any, bias: Any = None, site_weights: Any = None
) -> Tensor:
    """Return a normalized convolution (Knutsson and Westin, 1993) of rows along a rulebook, [output rows, out].

    The convolution without bias is divided by the occupancy that the filter sees, then the bias is added. The occupancy
    of an output row is the sum over its rules of the input rows' weights; where it is 0 the convolution counts as zero.
    site_weights: [input rows], a `Tensor`, into which gradients flow, or an array; None for ones. Other arguments as in
    `convolve`.
    """
    given = (None if values is None else to_native(values) for values in (bias, site_weights))
    return _along(library.scn_tensor_convolve_normalized, features, rulebook, to_native(weight), *given)


def pool(features: Any, rulebook: Rulebook, pooling: str) -> Tensor:
    """Return what a pooling makes of rows along a rulebook, [output rows, planes]; zeros where a row meets no input.

    features: [input rows, planes], a `Tensor`, a sparse tensor or an array. pooling: 'sum'; 'mean', over the inputs
    that are there; 'volume_mean', the sum divided by the rulebook's volume; 'max'; 'max_with_zero', the largest of the
    inputs and zero, as SparseConvNet and spconv have it. Of equal maxima each gets the gradient.
    """
    return _along(library.scn_tensor_pool, features, rulebook, pooling_of(pooling))


def sum_along(features: Any, rulebook: Rulebook, weights: Any) -> Tensor:
    """Return for each output row the sum over its rules of the input row times the rule's weight.

    features: as in `pool`. weights: [rules], a `Tensor`, into which gradients flow, or an array.
    """
    return _along(library.scn_tensor_sum_along, features, rulebook, to_native(weights))


def interpolate(tensor: SparseConvNetTensor, points: Any, batch: Any = None, *, rescaled: bool = False) -> Tensor:
    """Return the values of a sparse tensor at points between its sites, [n, planes], d-linear in the points.

    points: [n, dimension], in units of the coordinates; gradients flow into a `Tensor`. batch: [n], the sample of each
    point; None for the first. A site that is not there counts as zero, or, if `rescaled`, not at all: what the others
    weigh is then divided by their sum.
    """
    if not isinstance(tensor, SparseConvNetTensor):
        raise wrong_type("tensor", tensor, "a SparseConvNetTensor")
    where = points if isinstance(points, Tensor) else Tensor(points)
    samples = batch_of(batch, where.shape[0] if where.ndim else 1)
    return Tensor._of(
        TensorHandle.make(
            library.scn_tensor_interpolate,
            tensor._native_handle(),
            where._native_handle(),
            None if samples is None else address(samples),
            int(bool(rescaled)),
        )
    )


def combine(
    a: SparseConvNetTensor, b: SparseConvNetTensor, operation: str = "add", sites: str = "union"
) -> SparseConvNetTensor:
    """Return the sum, difference, product or quotient of two sparse tensors of as many planes; their sites may differ.

    operation: 'add', 'subtract', 'multiply' or 'divide'. sites: 'union', where a tensor counts as zero where it has no
    site, so that a quotient may be infinite or NaN there; 'intersection', the sites of both. The operators `+ - * /` of
    sparse tensors are those over the union. Fields are the same, or one has no bounds.
    """
    for name, tensor in (("a", a), ("b", b)):
        if not isinstance(tensor, SparseConvNetTensor):
            raise wrong_type(name, tensor, "a SparseConvNetTensor")
    arithmetic, combined = arithmetic_of(operation), sites_of(sites)
    return SparseConvNetTensor._of(
        TensorHandle.make(library.scn_combine_sparse, a._native_handle(), b._native_handle(), arithmetic, combined)
    )


def arithmetic_of(name: str) -> int:
    """Return the library's number of an operation on two numbers."""
    if name not in _ARITHMETIC:
        raise wrong_value("operation", name, one_of(_ARITHMETIC))
    return _ARITHMETIC[name]


def sites_of(name: str) -> int:
    """Return the library's number of what two site sets become."""
    if name not in _COMBINED_SITES:
        raise wrong_value("sites", name, one_of(_COMBINED_SITES))
    return _COMBINED_SITES[name]


def pooling_of(name: str) -> int:
    """Return the library's number of a pooling."""
    if name not in _POOLINGS:
        raise wrong_value("pooling", name, one_of(_POOLINGS))
    return _POOLINGS[name]


def rulebook_of(value: Any) -> Rulebook:
    """Return the value, which must be a rulebook."""
    if not isinstance(value, Rulebook):
        raise wrong_type("rulebook", value, "a Rulebook")
    return value


def _along(function: Any, features: Any, rulebook: Any, *arguments: Any) -> Tensor:
    return Tensor._of(TensorHandle.make(function, to_native(features), rulebook_of(rulebook)._handle, *arguments))
