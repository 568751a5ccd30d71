"""The functions of the library's functional level, for torch's autograd.

Contiguous float32 tensors on the CPU are computed by the library, which reads and writes their memory itself; other
types and devices by torch, as is a derivative of a gradient: see `autograd.reference`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Callable, Optional

import torch
from torch.autograd import Function
from torch.nn import functional as F

from .._messages import wrong_shape
from .._native.arrays import IntArray
from .._native.arrays import address as array_address
from .._native.generated import SCN_SEGMENT_MAX, SCN_SEGMENT_SUM, Matrix
from .._native.handles import GeometryHandle, RulebookHandle
from .._native.library import library
from .autograd import reference
from .autograd.buffers import (
    address,
    computable,
    is_computed_by_library,
    is_tracing,
    matrices,
    matrix,
    new,
    restored,
    rounded,
)
from .autograd.convolution import convolution
from .autograd.derivatives import applied, recorded
from .autograd.losses import binary_cross_entropy, compare_sparse, cross_entropy

__all__ = [
    "add",
    "average_pooling",
    "binary_cross_entropy",
    "compare_sparse",
    "convolution",
    "cross_entropy",
    "dense_to_sparse",
    "global_pooling",
    "input_rows",
    "join",
    "linear",
    "max_pooling",
    "output_rows",
    "permute",
    "segment_gather",
    "segment_pad",
    "segment_reduce",
    "segment_softmax",
    "shape_context",
    "sparse_to_dense",
    "unpooling",
]


class _Permute(Function):
    """Reorders rows; its gradient restores the order, and is differentiable itself."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, order: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
        ctx.order, ctx.inverse = order, inverse
        if not _is_movable(rows, order):
            return rows.index_select(0, order)
        # In memory that is at hand: torch's is fresh, which takes several times as long as to move the rows.
        result, (count, planes) = new(*rows.shape), rows.shape
        apart, rest = divmod(rows.stride(0), planes)
        if rows.is_contiguous():
            library.scn_segment_gather_forward(order.data_ptr(), matrix(rows), matrix(result))
        elif rows.stride(1) == 1 and apart and not rest:
            # Half of the gradient of a join, say: every second row of a matrix that has half as many planes.
            every = Matrix(data=rows.data_ptr(), rows=apart * (count - 1) + 1, planes=planes)
            places = order.numpy() * apart
            library.scn_segment_gather_forward(array_address(places), every, matrix(result))
        else:
            torch.index_select(rows, 0, order, out=result)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        return _Permute.apply(gradient, ctx.inverse, ctx.order), None, None


def _is_movable(rows: torch.Tensor, order: torch.Tensor) -> bool:
    """Return whether rows [n, planes], and their order, are where the library can read them."""
    if type(rows) is not torch.Tensor or rows.layout is not torch.strided or not is_computed_by_library(rows):
        return False
    if rows.ndim != 2 or not rows.numel() or rows.is_neg() or is_tracing():
        return False
    is_whole = order.dtype is torch.int64 and order.is_cpu and order.is_contiguous()
    return is_whole and len(order) == len(rows)


def permute(rows: torch.Tensor, order: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
    """Return the rows order[0], order[1], ...; inverse: the order that restores them."""
    return applied(_Permute, rows, order, inverse)  # type: ignore[no-any-return]


class _Add(Function):
    @staticmethod
    def forward(ctx: Any, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        result = new(*a.shape)
        library.scn_add_forward(matrix(a), matrix(b), matrix(result))
        return result

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        return gradient, gradient


def add(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Add matrices of the same shape."""
    if not is_computed_by_library(a):
        return a + b
    return applied(_Add, a, b)  # type: ignore[no-any-return]


class _Join(Function):
    @staticmethod
    def forward(ctx: Any, *parts: torch.Tensor) -> torch.Tensor:
        ctx.planes = [part.shape[1] for part in parts]
        result = new(parts[0].shape[0], sum(ctx.planes))
        library.scn_join_forward(matrices(parts), len(parts), matrix(result))
        return result

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        gradient = computable(gradient, "gradient")
        if torch.is_grad_enabled():
            return gradient.split(ctx.planes, 1)
        results = tuple(new(gradient.shape[0], planes) for planes in ctx.planes)
        library.scn_join_backward(matrix(gradient), matrices(results), len(results))
        return results


def join(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Put planes side by side: [n, a], [n, b], ... -> [n, a + b + ...]."""
    if not all(map(is_computed_by_library, parts)):
        return torch.cat(list(parts), 1)
    return applied(_Join, *parts)  # type: ignore[no-any-return]


class _Map(Function):
    """A linear function of one tensor, whose gradient is its transpose: calls that read one tensor and write
    another."""

    @staticmethod
    def forward(ctx: Any, input: torch.Tensor, shape: Sequence[int], forth: Any, back: Any) -> torch.Tensor:
        ctx.shape, ctx.calls = input.shape, (back, forth)
        result = new(*shape)
        forth(input, result)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        return _Map.apply(computable(gradient, "gradient"), ctx.shape, *ctx.calls), None, None, None


_Call = Callable[[torch.Tensor, torch.Tensor], Any]


def _mapped(input: torch.Tensor, shape: Sequence[int], forth: _Call, back: _Call) -> torch.Tensor:
    """Return the tensor of a shape that `forth` computes from the input; `back` computes the gradient with respect to
    the input."""
    return _Map.apply(input, shape, forth, back)  # type: ignore[no-any-return]


def input_rows(features: torch.Tensor, geometry: GeometryHandle, sites: int) -> torch.Tensor:
    """Combine the points' features at each site: [input rows, planes] -> [sites, planes]."""
    if not is_computed_by_library(features):
        return reference.input_rows(features, geometry, sites)
    return _mapped(
        features,
        (sites, features.shape[1]),
        lambda rows, result: library.scn_input_forward(geometry, matrix(rows), matrix(result)),
        lambda gradient, result: library.scn_input_backward(geometry, matrix(gradient), matrix(result)),
    )


def output_rows(features: torch.Tensor, geometry: GeometryHandle, rows: int) -> torch.Tensor:
    """Give each point its site's vector: [sites, planes] -> [input rows, planes]."""
    if not is_computed_by_library(features):
        return reference.output_rows(features, geometry, rows)
    return _mapped(
        features,
        (rows, features.shape[1]),
        lambda rows, result: library.scn_output_forward(geometry, matrix(rows), matrix(result)),
        lambda gradient, result: library.scn_output_backward(geometry, matrix(gradient), matrix(result)),
    )


def shape_context(input: torch.Tensor, rulebook: RulebookHandle, rows: int, volume: int) -> torch.Tensor:
    """Put the features under each filter offset side by side: [input rows, planes] -> [rows, volume * planes]."""
    if not is_computed_by_library(input):
        return reference.shape_context(input, rulebook, rows, volume)
    return _mapped(
        input,
        (rows, volume * input.shape[1]),
        lambda rows, result: library.scn_shape_context_forward(rulebook, matrix(rows), matrix(result)),
        lambda gradient, result: library.scn_shape_context_backward(rulebook, matrix(gradient), matrix(result)),
    )


def average_pooling(input: torch.Tensor, rulebook: RulebookHandle, rows: int, drop: int) -> torch.Tensor:
    """Pool by sums over the filter's volume. Shapes as in `max_pooling`."""
    if not is_computed_by_library(input):
        return reference.pool(input[:, drop:], rulebook, rows, "volume_mean")
    return _mapped(
        input,
        (rows, max(0, input.shape[1] - drop)),
        lambda rows, result: library.scn_average_pooling_forward(rulebook, matrix(rows), drop, matrix(result)),
        lambda gradient, result: library.scn_average_pooling_backward(rulebook, matrix(gradient), drop, matrix(result)),
    )


def unpooling(input: torch.Tensor, rulebook: RulebookHandle, rows: int, drop: int) -> torch.Tensor:
    """Copy down along a reversed rulebook, summing where windows overlap. Shapes as in `max_pooling`."""
    if not is_computed_by_library(input):
        return reference.pool(input[:, drop:], rulebook, rows, "sum")
    return _mapped(
        input,
        (rows, max(0, input.shape[1] - drop)),
        lambda rows, result: library.scn_unpooling_forward(rulebook, matrix(rows), drop, matrix(result)),
        lambda gradient, result: library.scn_unpooling_backward(rulebook, matrix(gradient), drop, matrix(result)),
    )


def _write_dense(geometry: GeometryHandle, sites: int, rows: torch.Tensor, dense: torch.Tensor) -> None:
    library.scn_sparse_to_dense_forward(geometry, sites, matrix(rows), dense.data_ptr(), dense.numel())


def _read_dense(geometry: GeometryHandle, sites: int, dense: torch.Tensor, rows: torch.Tensor) -> None:
    library.scn_sparse_to_dense_backward(geometry, sites, dense.data_ptr(), dense.numel(), matrix(rows))


def sparse_to_dense(input: torch.Tensor, geometry: GeometryHandle, sites: int, shape: Sequence[int]) -> torch.Tensor:
    """Write features into a dense array, zeros elsewhere: [sites, planes] -> shape [samples, planes, ...spatial
    size]."""
    if not is_computed_by_library(input):
        return reference.sparse_to_dense(input, geometry, sites, shape)
    return _mapped(input, shape, partial(_write_dense, geometry, sites), partial(_read_dense, geometry, sites))


def dense_to_sparse(dense: torch.Tensor, geometry: GeometryHandle, rows: int) -> torch.Tensor:
    """Read the features at a geometry's sites: [samples, planes, ...spatial size] -> [rows, planes]."""
    if not is_computed_by_library(dense):
        return reference.dense_to_sparse(dense, geometry, rows)
    shape = (rows, dense.shape[1])
    return _mapped(dense, shape, partial(_read_dense, geometry, 0), partial(_write_dense, geometry, 0))


class _Pool(Function):
    """A function of rows whose gradient depends on its input and its result."""

    @staticmethod
    def forward(ctx: Any, input: torch.Tensor, shape: Sequence[int], forth: Any, back: Any, again: Any) -> torch.Tensor:
        """again: the same function, of torch's operations."""
        result = new(*shape)
        forth(matrix(input), matrix(result))
        ctx.save_for_backward(input, result)
        ctx.back, ctx.reference = back, (again, (0,))
        return result

    @staticmethod
    @recorded
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        input, output = restored(ctx)
        gradient, result = computable(gradient, "gradient"), new(*input.shape)
        ctx.back(matrix(input), matrix(output), matrix(gradient), matrix(result))
        return result, None, None, None, None


def max_pooling(input: torch.Tensor, rulebook: RulebookHandle, rows: int, drop: int) -> torch.Tensor:
    """Pool by maxima: [input rows, planes] -> [rows, planes - drop]; drop: how many of the first planes to leave
    out."""
    if not is_computed_by_library(input):
        return reference.pool(input[:, drop:], rulebook, rows, "max_with_zero")
    return _Pool.apply(  # type: ignore[no-any-return]
        input,
        (rows, max(0, input.shape[1] - drop)),
        lambda input, result: library.scn_max_pooling_forward(rulebook, input, drop, result),
        lambda input, output, gradient, result: library.scn_max_pooling_backward(
            rulebook, input, output, gradient, drop, result
        ),
        lambda input: reference.pool(input[:, drop:], rulebook, rows, "max_with_zero"),
    )


def global_pooling(input: torch.Tensor, geometry: GeometryHandle, sites: int, kind: int, samples: int) -> torch.Tensor:
    """Pool all sites of each sample: [sites, planes] -> [samples, planes]. kind: 0 sum, 1 average, 2 maximum."""
    if not is_computed_by_library(input):
        return reference.global_pooling(input, geometry, sites, kind, samples)
    functions = (library.scn_global_pooling_forward, library.scn_global_pooling_backward)
    calls = (partial(call, geometry, sites, kind) for call in functions)

    def again(input: torch.Tensor) -> torch.Tensor:
        return reference.global_pooling(input, geometry, sites, kind, samples)

    return _Pool.apply(input, (samples, input.shape[1]), *calls, again)  # type: ignore[no-any-return]


def _places(segment_of_row: IntArray, rows: torch.Tensor) -> torch.Tensor:
    """Return the segments of rows as a tensor where these are."""
    return torch.from_numpy(segment_of_row).to(rows.device)


def segment_reduce(input: torch.Tensor, segment_of_row: IntArray, segments: int, reduction: int) -> torch.Tensor:
    """Reduce the rows of each segment: [rows, planes] -> [segments, planes]. reduction: 0 sum, 1 mean, 2 maximum."""
    shape = (segments, input.shape[1])

    def again(input: torch.Tensor) -> torch.Tensor:
        return reference.segment_reduce(input, _places(segment_of_row, input), segments, reduction)

    if not is_computed_by_library(input):
        return again(input)
    if reduction == SCN_SEGMENT_MAX:
        return _Pool.apply(  # type: ignore[no-any-return]
            input,
            shape,
            lambda input, result: library.scn_segment_reduce_forward(
                array_address(segment_of_row), reduction, input, result
            ),
            lambda input, output, gradient, result: library.scn_segment_reduce_backward(
                array_address(segment_of_row), reduction, input, output, gradient, result
            ),
            again,
        )
    return _mapped(
        input,
        shape,
        lambda rows, result: library.scn_segment_reduce_forward(
            array_address(segment_of_row), reduction, matrix(rows), matrix(result)
        ),
        lambda gradient, result: library.scn_segment_reduce_backward(
            array_address(segment_of_row), reduction, None, None, matrix(gradient), matrix(result)
        ),
    )


def segment_gather(vectors: torch.Tensor, segment_of_row: IntArray) -> torch.Tensor:
    """Give each row the vector of its segment: [segments, planes] -> [rows, planes]."""
    if not is_computed_by_library(vectors):
        return reference.segment_gather(vectors, _places(segment_of_row, vectors))
    return _mapped(
        vectors,
        (len(segment_of_row), vectors.shape[1]),
        lambda vectors, result: library.scn_segment_gather_forward(
            array_address(segment_of_row), matrix(vectors), matrix(result)
        ),
        lambda gradient, result: library.scn_segment_reduce_forward(
            array_address(segment_of_row), SCN_SEGMENT_SUM, matrix(gradient), matrix(result)
        ),
    )


def segment_pad(input: torch.Tensor, segment_of_row: IntArray, segments: int, most: int) -> torch.Tensor:
    """Put the first rows of each segment side by side: [rows, planes] -> [segments, most * planes]."""
    if not is_computed_by_library(input):
        return reference.segment_pad(input, _places(segment_of_row, input), segments, most)
    return _mapped(
        input,
        (segments, most * input.shape[1]),
        lambda rows, result: library.scn_segment_pad_forward(
            array_address(segment_of_row), most, matrix(rows), None, matrix(result)
        ),
        lambda gradient, result: library.scn_segment_pad_backward(
            array_address(segment_of_row), most, matrix(gradient), matrix(result)
        ),
    )


class _SegmentSoftmax(Function):
    @staticmethod
    def forward(ctx: Any, input: torch.Tensor, segment_of_row: IntArray, segments: int) -> torch.Tensor:
        result = new(*input.shape)
        library.scn_segment_softmax_forward(array_address(segment_of_row), segments, matrix(input), matrix(result))
        ctx.save_for_backward(input, result)
        ctx.segment_of_row, ctx.segments = segment_of_row, segments
        again = partial(reference.segment_softmax, segment=_places(segment_of_row, input), count=segments)
        ctx.reference = (again, (0,))
        return result

    @staticmethod
    @recorded
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        _, output = restored(ctx)
        gradient, result = computable(gradient, "gradient"), new(*output.shape)
        library.scn_segment_softmax_backward(
            array_address(ctx.segment_of_row), ctx.segments, matrix(output), matrix(gradient), matrix(result)
        )
        return result, None, None


def segment_softmax(input: torch.Tensor, segment_of_row: IntArray, segments: int) -> torch.Tensor:
    """Softmax over the rows of each segment, for each plane by itself: [rows, planes]."""
    if not is_computed_by_library(input):
        return reference.segment_softmax(input, _places(segment_of_row, input), segments)
    return _SegmentSoftmax.apply(input, segment_of_row, segments)  # type: ignore[no-any-return]


def _product_gradients(ctx: Any, gradient: torch.Tensor, by_input: Any, by_weight: Any) -> tuple[Any, Any, Any]:
    """Return the gradients of a product's rows, weight and bias, each if it is wanted.

    by_input: a call that takes the gradient, the weight and where the result goes; by_weight: one that takes the rows,
    the gradient and where those of weight and bias go, None if one is not wanted.
    """
    rows, weight, _ = ctx.saved_tensors
    taken = rounded if rows.dtype is torch.bfloat16 else computable
    rows, weight, gradient = taken(rows), computable(weight), taken(gradient, "gradient")
    of_rows = of_weight = of_bias = None
    if ctx.needs_input_grad[0]:
        of_rows = new(*rows.shape, dtype=rows.dtype)
        by_input(matrix(gradient), weight.data_ptr(), matrix(of_rows))
    if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:
        of_weight = new(*weight.shape) if ctx.needs_input_grad[1] else None
        of_bias = new(gradient.shape[1]) if ctx.needs_input_grad[2] else None
        by_weight(matrix(rows), matrix(gradient), address(of_weight), address(of_bias))
    return of_rows, of_weight, of_bias


class _Linear(Function):
    @staticmethod
    def forward(
        ctx: Any, input: torch.Tensor, weight: torch.Tensor, bias: Optional[torch.Tensor], is_transposed: int
    ) -> torch.Tensor:
        ctx.save_for_backward(input, weight, bias)
        ctx.is_transposed = is_transposed
        ctx.reference = (partial(_product, is_transposed=is_transposed), (0, 1, 2))
        result = new(input.shape[0], weight.shape[0 if is_transposed else 1], dtype=input.dtype)
        library.scn_linear_forward(matrix(input), weight.data_ptr(), is_transposed, address(bias), matrix(result))
        return result

    @staticmethod
    @recorded
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        is_transposed = ctx.is_transposed

        def by_input(gradient: Matrix, weight: int, result: Matrix) -> None:
            library.scn_linear_backward_input(gradient, weight, is_transposed, result)

        def by_weight(rows: Matrix, gradient: Matrix, weight: Optional[int], bias: Optional[int]) -> None:
            library.scn_linear_backward_weight(rows, gradient, is_transposed, weight, bias)

        return (*_product_gradients(ctx, gradient, by_input, by_weight), None)


def _product(
    input: torch.Tensor, weight: torch.Tensor, bias: Optional[torch.Tensor], is_transposed: Any
) -> torch.Tensor:
    widened = input.float() if input.dtype is torch.bfloat16 and weight.dtype is torch.float32 else input
    return F.linear(widened, weight if is_transposed else weight.t(), bias).to(input.dtype)


def linear(
    input: torch.Tensor, weight: torch.Tensor, bias: Optional[torch.Tensor], is_transposed: bool = False
) -> torch.Tensor:
    """Multiply: [n, in] -> [n, out]. weight: [in, out], or [out, in] where is_transposed. bias: [out] or None. The
    input may be bfloat16 beside parameters of float32."""
    inner, outer = reversed(weight.shape) if is_transposed else weight.shape
    # The library gets only addresses.
    if input.shape[1:] != (inner,):
        raise wrong_shape("input", input.shape, f"[n, {inner}]")
    if bias is not None and bias.shape != (outer,):
        raise wrong_shape("bias", bias.shape, [outer])
    if not is_computed_by_library(weight):
        return _product(input, weight, bias, is_transposed)
    return applied(_Linear, input, weight, bias, int(is_transposed))  # type: ignore[no-any-return]
