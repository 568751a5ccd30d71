"""The functions of the library's functional level, for torch's autograd.

Each takes and returns float32 tensors on the CPU without gaps, whose memory the library reads and writes itself. They have
first derivatives alone: a second backward pass through a gradient is an error that says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from .._handles import GeometryHandle, RulebookHandle
from .._library import library
from ._buffers import Matrix, address, matrices, new

__all__ = [
    "add",
    "average_pooling",
    "convolution",
    "dense_to_sparse",
    "global_pooling",
    "input_rows",
    "join",
    "linear",
    "max_pooling",
    "output_rows",
    "permute",
    "shape_context",
    "sparse_to_dense",
    "unpooling",
]


class _Permute(Function):
    """Takes rows in another order; its gradient takes them back, and has one itself."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, order: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
        ctx.order, ctx.inverse = order, inverse
        return rows.index_select(0, order)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        return _Permute.apply(gradient, ctx.inverse, ctx.order), None, None


def permute(rows: torch.Tensor, order: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
    """Return the rows order[0], order[1], ...; inverse: the order that takes them back."""
    return _Permute.apply(rows, order, inverse)  # type: ignore[no-any-return]


class _Add(Function):
    @staticmethod
    def forward(ctx: Any, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        result = new(*a.shape)
        library.scn_add_forward(Matrix(a), Matrix(b), Matrix(result))
        return result

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        return gradient, gradient


def add(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Add matrices of one shape."""
    return _Add.apply(a, b)  # type: ignore[no-any-return]


class _Join(Function):
    @staticmethod
    def forward(ctx: Any, *parts: torch.Tensor) -> torch.Tensor:
        ctx.planes = [part.shape[1] for part in parts]
        result = new(parts[0].shape[0], sum(ctx.planes))
        library.scn_join_forward(matrices(parts), len(parts), Matrix(result))
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        gradient = gradient.contiguous()
        results = tuple(new(gradient.shape[0], planes) for planes in ctx.planes)
        library.scn_join_backward(Matrix(gradient), matrices(results), len(results))
        return results


def join(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Put planes side by side: [n, a], [n, b], ... -> [n, a + b + ...]."""
    return _Join.apply(*parts)  # type: ignore[no-any-return]


class _InputRows(Function):
    @staticmethod
    def forward(ctx: Any, features: torch.Tensor, geometry: GeometryHandle, sites: int) -> torch.Tensor:
        ctx.geometry, ctx.rows = geometry, features.shape[0]
        result = new(sites, features.shape[1])
        library.scn_input_forward(geometry, Matrix(features), Matrix(result))
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        gradient = gradient.contiguous()
        result = new(ctx.rows, gradient.shape[1])
        library.scn_input_backward(ctx.geometry, Matrix(gradient), Matrix(result))
        return result, None, None


def input_rows(features: torch.Tensor, geometry: GeometryHandle, sites: int) -> torch.Tensor:
    """Combine the points' features at each site: [input rows, planes] -> [sites, planes]."""
    return _InputRows.apply(features, geometry, sites)  # type: ignore[no-any-return]


class _OutputRows(Function):
    @staticmethod
    def forward(ctx: Any, features: torch.Tensor, geometry: GeometryHandle, rows: int) -> torch.Tensor:
        ctx.geometry, ctx.sites = geometry, features.shape[0]
        result = new(rows, features.shape[1])
        library.scn_output_forward(geometry, Matrix(features), Matrix(result))
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        gradient = gradient.contiguous()
        result = new(ctx.sites, gradient.shape[1])
        library.scn_output_backward(ctx.geometry, Matrix(gradient), Matrix(result))
        return result, None, None


def output_rows(features: torch.Tensor, geometry: GeometryHandle, rows: int) -> torch.Tensor:
    """Give each point its site's vector: [sites, planes] -> [input rows, planes]."""
    return _OutputRows.apply(features, geometry, rows)  # type: ignore[no-any-return]


class _Convolution(Function):
    @staticmethod
    def forward(
        ctx: Any,
        input: torch.Tensor,
        weight: torch.Tensor,
        bias: Optional[torch.Tensor],
        rulebook: RulebookHandle,
        rows: int,
    ) -> torch.Tensor:
        ctx.save_for_backward(input, weight)
        ctx.rulebook, groups = rulebook, weight.shape[1]
        result = new(rows, groups * weight.shape[3])
        library.scn_convolution_forward(
            rulebook, Matrix(input), weight.data_ptr(), address(bias), groups, Matrix(result)
        )
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        input, weight = ctx.saved_tensors
        gradient, groups = gradient.contiguous(), weight.shape[1]
        by_input = by_weight = by_bias = None
        if ctx.needs_input_grad[0]:
            by_input = new(*input.shape)
            library.scn_convolution_backward_input(
                ctx.rulebook, Matrix(gradient), weight.data_ptr(), groups, Matrix(by_input)
            )
        if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:
            by_weight = new(*weight.shape)
            by_bias = new(gradient.shape[1]) if ctx.needs_input_grad[2] else None
            library.scn_convolution_backward_weight(
                ctx.rulebook, Matrix(input), Matrix(gradient), groups, by_weight.data_ptr(), address(by_bias)
            )
        return by_input, by_weight if ctx.needs_input_grad[1] else None, by_bias, None, None


def convolution(
    input: torch.Tensor, weight: torch.Tensor, bias: Optional[torch.Tensor], rulebook: RulebookHandle, rows: int
) -> torch.Tensor:
    """Convolve: [input rows, in] -> [rows, out].

    weight: [volume of the rulebook, groups, in / groups, out / groups]. bias: [out] or None. rows: the rulebook's output
    rows.
    """
    return _Convolution.apply(input, weight, bias, rulebook, rows)  # type: ignore[no-any-return]


class _Linear(Function):
    @staticmethod
    def forward(ctx: Any, input: torch.Tensor, weight: torch.Tensor, bias: Optional[torch.Tensor]) -> torch.Tensor:
        ctx.save_for_backward(input, weight)
        result = new(input.shape[0], weight.shape[1])
        library.scn_linear_forward(Matrix(input), weight.data_ptr(), 0, address(bias), Matrix(result))
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        input, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        by_input = by_weight = by_bias = None
        if ctx.needs_input_grad[0]:
            by_input = new(*input.shape)
            library.scn_linear_backward_input(Matrix(gradient), weight.data_ptr(), 0, Matrix(by_input))
        if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:
            by_weight = new(*weight.shape)
            by_bias = new(gradient.shape[1]) if ctx.needs_input_grad[2] else None
            library.scn_linear_backward_weight(
                Matrix(input), Matrix(gradient), 0, by_weight.data_ptr(), address(by_bias)
            )
        return by_input, by_weight if ctx.needs_input_grad[1] else None, by_bias


def linear(input: torch.Tensor, weight: torch.Tensor, bias: Optional[torch.Tensor]) -> torch.Tensor:
    """Multiply: [n, in] -> [n, out]. weight: [in, out]. bias: [out] or None."""
    return _Linear.apply(input, weight, bias)  # type: ignore[no-any-return]


class _ShapeContext(Function):
    @staticmethod
    def forward(ctx: Any, input: torch.Tensor, rulebook: RulebookHandle, rows: int, volume: int) -> torch.Tensor:
        ctx.rulebook, ctx.shape = rulebook, input.shape
        result = new(rows, volume * input.shape[1])
        library.scn_shape_context_forward(rulebook, Matrix(input), Matrix(result))
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        gradient = gradient.contiguous()
        result = new(*ctx.shape)
        library.scn_shape_context_backward(ctx.rulebook, Matrix(gradient), Matrix(result))
        return result, None, None, None


def shape_context(input: torch.Tensor, rulebook: RulebookHandle, rows: int, volume: int) -> torch.Tensor:
    """Put the features under each filter offset side by side: [input rows, planes] -> [rows, volume * planes]."""
    return _ShapeContext.apply(input, rulebook, rows, volume)  # type: ignore[no-any-return]


class _MaxPooling(Function):
    @staticmethod
    def forward(ctx: Any, input: torch.Tensor, rulebook: RulebookHandle, rows: int, drop: int) -> torch.Tensor:
        result = new(rows, max(0, input.shape[1] - drop))
        library.scn_max_pooling_forward(rulebook, Matrix(input), drop, Matrix(result))
        ctx.save_for_backward(input, result)
        ctx.rulebook, ctx.drop = rulebook, drop
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        input, output = ctx.saved_tensors
        gradient = gradient.contiguous()
        result = new(*input.shape)
        library.scn_max_pooling_backward(
            ctx.rulebook, Matrix(input), Matrix(output), Matrix(gradient), ctx.drop, Matrix(result)
        )
        return result, None, None, None


def max_pooling(input: torch.Tensor, rulebook: RulebookHandle, rows: int, drop: int) -> torch.Tensor:
    """Pool by maxima: [input rows, planes] -> [rows, planes - drop]; drop: how many of the first planes to leave out."""
    return _MaxPooling.apply(input, rulebook, rows, drop)  # type: ignore[no-any-return]


class _SumPooling(Function):
    @staticmethod
    def forward(
        ctx: Any, input: torch.Tensor, rulebook: RulebookHandle, rows: int, drop: int, forward: Any, backward: Any
    ) -> torch.Tensor:
        ctx.rulebook, ctx.drop, ctx.shape, ctx.function = rulebook, drop, input.shape, backward
        result = new(rows, max(0, input.shape[1] - drop))
        forward(rulebook, Matrix(input), drop, Matrix(result))
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        gradient = gradient.contiguous()
        result = new(*ctx.shape)
        ctx.function(ctx.rulebook, Matrix(gradient), ctx.drop, Matrix(result))
        return result, None, None, None, None, None


def average_pooling(input: torch.Tensor, rulebook: RulebookHandle, rows: int, drop: int) -> torch.Tensor:
    """Pool by sums over the filter's volume. Shapes as in `max_pooling`."""
    forward, backward = library.scn_average_pooling_forward, library.scn_average_pooling_backward
    return _SumPooling.apply(input, rulebook, rows, drop, forward, backward)  # type: ignore[no-any-return]


def unpooling(input: torch.Tensor, rulebook: RulebookHandle, rows: int, drop: int) -> torch.Tensor:
    """Copy down along a reversed rulebook, summing where windows overlap. Shapes as in `max_pooling`."""
    forward, backward = library.scn_unpooling_forward, library.scn_unpooling_backward
    return _SumPooling.apply(input, rulebook, rows, drop, forward, backward)  # type: ignore[no-any-return]


class _GlobalPooling(Function):
    @staticmethod
    def forward(
        ctx: Any, input: torch.Tensor, geometry: GeometryHandle, sites: int, kind: int, samples: int
    ) -> torch.Tensor:
        result = new(samples, input.shape[1])
        library.scn_global_pooling_forward(geometry, sites, kind, Matrix(input), Matrix(result))
        ctx.save_for_backward(input, result)
        ctx.place = (geometry, sites, kind)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        input, output = ctx.saved_tensors
        gradient = gradient.contiguous()
        result = new(*input.shape)
        library.scn_global_pooling_backward(
            *ctx.place, Matrix(input), Matrix(output), Matrix(gradient), Matrix(result)
        )
        return result, None, None, None, None


def global_pooling(
    input: torch.Tensor, geometry: GeometryHandle, sites: int, kind: int, samples: int
) -> torch.Tensor:
    """Pool all sites of each sample: [sites, planes] -> [samples, planes]. kind: 0 sum, 1 average, 2 maximum."""
    return _GlobalPooling.apply(input, geometry, sites, kind, samples)  # type: ignore[no-any-return]


class _SparseToDense(Function):
    @staticmethod
    def forward(ctx: Any, input: torch.Tensor, geometry: GeometryHandle, sites: int, shape: Any) -> torch.Tensor:
        ctx.place, ctx.shape = (geometry, sites), input.shape
        result = new(*shape)
        library.scn_sparse_to_dense_forward(geometry, sites, Matrix(input), result.data_ptr(), result.numel())
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        gradient = gradient.contiguous()
        result = new(*ctx.shape)
        library.scn_sparse_to_dense_backward(*ctx.place, gradient.data_ptr(), gradient.numel(), Matrix(result))
        return result, None, None, None


def sparse_to_dense(input: torch.Tensor, geometry: GeometryHandle, sites: int, shape: Any) -> torch.Tensor:
    """Write features into a dense array, zeros elsewhere: [sites, planes] -> shape [samples, planes, ...spatial size]."""
    return _SparseToDense.apply(input, geometry, sites, shape)  # type: ignore[no-any-return]


class _DenseToSparse(Function):
    @staticmethod
    def forward(ctx: Any, dense: torch.Tensor, geometry: GeometryHandle, rows: int) -> torch.Tensor:
        ctx.geometry, ctx.shape = geometry, dense.shape
        result = new(rows, dense.shape[1])
        library.scn_sparse_to_dense_backward(geometry, 0, dense.data_ptr(), dense.numel(), Matrix(result))
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        gradient = gradient.contiguous()
        result = new(*ctx.shape)
        library.scn_sparse_to_dense_forward(ctx.geometry, 0, Matrix(gradient), result.data_ptr(), result.numel())
        return result, None, None


def dense_to_sparse(dense: torch.Tensor, geometry: GeometryHandle, rows: int) -> torch.Tensor:
    """Read the features at a geometry's sites: [samples, planes, ...spatial size] -> [rows, planes]."""
    return _DenseToSparse.apply(dense, geometry, rows)  # type: ignore[no-any-return]
