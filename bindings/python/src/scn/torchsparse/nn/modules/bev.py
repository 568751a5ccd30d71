"""From space to the ground plan: sparse or dense maps of what lies above each place ("bird's eye view")."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn

from ...._messages import wrong_value
from ....errors import CoordinateError
from ..._shared.sums import Pairs, sum_of_pairs
from ...utils.utils import make_ntuple

__all__ = ["ToBEVConvolution", "ToBEVHeightCompression", "ToBEVReduction", "ToDenseBEVConvolution"]
DIFFERS = {
    "ToBEVConvolution": "`dim` and `offset` mean x, y, z in the units of the finest level; sites outside of the map are an error; sparse maps work",
    "ToBEVHeightCompression": "`dim` and `offset` mean x, y, z in the units of the finest level; sites outside of the map are an error; sparse maps work",
    "ToBEVReduction": "`dim` and `offset` mean x, y, z in the units of the finest level; sites outside of the map are an error; sparse maps work",
    "ToDenseBEVConvolution": "`dim` and `offset` mean x, y, z in the units of the finest level; sites outside of the map are an error; sparse maps work",
}


class ToBEVReduction(nn.Module):
    """The mean of the features above each place, a sparse tensor whose coordinate on the axis `dim` is 0.

    dim: 0, 1 or 2 for x, y or z.
    """

    def __init__(self, dim: int = 1) -> None:
        super().__init__()
        self.dim = _axis(dim)

    def extra_repr(self) -> str:
        """Return the axis."""
        return f"dim = {self.dim}"

    def forward(self, input: Any) -> Any:
        coords = input.coords.clone()
        coords[:, input.form.axes.start + self.dim] = 0
        return _merged(input, input.feats, coords, input.stride, is_mean=True)


class _Layered(nn.Module):
    """A weight for each height: features at height h meet kernel[h]."""

    def __init__(self, in_channels: int, out_channels: int, n_kernels: int, dim: int, bias: bool) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.n_kernels = in_channels, out_channels, n_kernels
        self.dim = _axis(dim)
        self.kernel = nn.Parameter(torch.zeros(n_kernels, in_channels, out_channels))
        self.bias: Any = nn.Parameter(torch.zeros(1, out_channels)) if bias else 0
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the kernel anew, evenly within 1 / sqrt(in)."""
        bound = 1 / math.sqrt(self.in_channels)
        nn.init.uniform_(self.kernel, -bound, bound)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"in_channels={self.in_channels}, out_channels={self.out_channels}, n_kernels={self.n_kernels}"

    def _weighted(self, input: Any) -> torch.Tensor:
        """Return features times the kernel of their height, [sites, out]."""
        features = input.feats
        heights = _finest(input)[:, self.dim].div(input.stride[self.dim], rounding_mode="floor").to(features.device)
        if len(heights) and not (int(heights.min()) >= 0 and int(heights.max()) < self.n_kernels):
            raise CoordinateError(
                f"coords: reach from {int(heights.min())} to {int(heights.max())} on axis {self.dim}, expected 0 ... "
                f"{self.n_kernels - 1}, since the layer has {self.n_kernels} kernels"
            )
        result = features.new_zeros(len(features), self.out_channels)
        for height in torch.unique(heights).tolist():
            rows = (heights == height).nonzero()[:, 0]
            result = result.index_copy(0, rows, features[rows] @ self.kernel[height])
        weighted: torch.Tensor = result + self.bias
        return weighted


class ToBEVConvolution(_Layered):
    """A sparse map: the sum of what lies above each place, features at height h times kernel[h].

    in_channels, out_channels: the planes. n_kernels: the number of heights. stride: what the map is coarser by. dim:
    the axis of height, 0, 1 or 2 for x, y or z; the result's coordinate there is 0. bias: whether there is one.
    """

    def __init__(
        self, in_channels: int, out_channels: int, n_kernels: int, stride: int = 1, dim: int = 1, bias: bool = False
    ) -> None:
        super().__init__(in_channels, out_channels, n_kernels, dim, bias)
        self.stride = stride

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"{super().extra_repr()}, stride={self.stride}"

    def forward(self, input: Any) -> Any:
        axes = input.form.axes
        coords = input.coords.clone()
        coords[:, axes.start + self.dim] = 0
        ratio = tuple(size * self.stride for size in input.stride)
        step = coords.new_tensor([self.stride] * 3 if input.form.is_divided else ratio)
        coords[:, axes] = coords[:, axes].div(step, rounding_mode="floor")
        if not input.form.is_divided:
            coords[:, axes] *= step
        return _merged(input, self._weighted(input), coords, ratio, is_mean=False)


class ToDenseBEVConvolution(_Layered):
    """A dense map [samples, out, ...]: the sum of what lies above each place, features at height h times kernel[h].

    in_channels, out_channels: the planes. shape: the size of the field on x, y and z at the input's stride; the number
    of kernels is that on `dim`. offset: where the map begins, in the units of the finest level. dim: the axis of
    height, 0, 1 or 2. bias: whether there is one.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        shape: Any,
        offset: Any = (0, 0, 0),
        dim: int = 1,
        bias: bool = False,
    ) -> None:
        sizes = _sizes(shape)
        super().__init__(in_channels, out_channels, sizes[_axis(dim)], dim, bias)
        self.offset: torch.Tensor
        self.register_buffer("offset", torch.tensor([[*offset, 0]], dtype=torch.int32))
        self.shape: torch.Tensor
        self.register_buffer("shape", torch.tensor(sizes, dtype=torch.int32))
        self.bev_dims = [axis for axis in range(3) if axis != dim]
        self.bev_shape = self.shape[self.bev_dims]

    def forward(self, input: Any) -> torch.Tensor:
        where = _from(input, self.offset, self.bev_dims)
        return _laid_out(input, self._weighted(input), where, self.bev_shape.tolist()).permute(0, 3, 1, 2).contiguous()


class ToBEVHeightCompression(nn.Module):
    """A dense map [samples, heights * channels, ...]: the features of all heights above each place, side by side.

    channels: the planes. shape: the size of the field on x, y and z at the input's stride. offset: where the map
    begins, in the units of the finest level. dim: the axis of height, 0, 1 or 2; sites beyond its ends count at the
    ends.
    """

    def __init__(self, channels: int, shape: Any, offset: Any = (0, 0, 0), dim: int = 1) -> None:
        super().__init__()
        self.channels, self.dim = channels, _axis(dim)
        self.offset: torch.Tensor
        self.register_buffer("offset", torch.tensor([[*offset, 0]], dtype=torch.int32))
        self.shape: torch.Tensor
        self.register_buffer("shape", torch.tensor(_sizes(shape), dtype=torch.int32))
        self.bev_dims = [axis for axis in range(3) if axis != dim]
        self.bev_shape = self.shape[self.bev_dims]

    def extra_repr(self) -> str:
        """Return the planes."""
        return f"channels={self.channels}"

    def forward(self, input: Any) -> torch.Tensor:
        sizes = self.shape[[*self.bev_dims, self.dim]].tolist()
        where = _from(input, self.offset, [*self.bev_dims, self.dim])
        where[:, 2].clamp_(0, sizes[2] - 1)
        dense = _laid_out(input, input.feats, where, sizes)
        return dense.flatten(3).permute(0, 3, 1, 2).contiguous()


def _sizes(shape: Any) -> tuple[int, ...]:
    """Return the sizes on x, y and z; programs may give the number of samples behind them."""
    return make_ntuple(shape, 3 if np.ndim(shape) == 0 else max(3, len(shape)))


def _axis(dim: Any) -> int:
    if dim not in (0, 1, 2):
        raise wrong_value("dim", dim, "0, 1 or 2")
    return int(dim)


def _finest(input: Any) -> torch.Tensor:
    """Return x, y, z of each site in the units of the finest level, [sites, 3] int64."""
    where: torch.Tensor = input.coords[:, input.form.axes].long()
    return where * where.new_tensor(input.stride) if input.form.is_divided else where


def _from(input: Any, offset: torch.Tensor, axes: list[int]) -> torch.Tensor:
    """Return the places of sites on some axes, counted from an offset in steps of the stride, [sites, axes] int64."""
    where = _finest(input) - offset[:, :3].to(input.coords.device)
    return where[:, axes].div(where.new_tensor(input.stride)[axes], rounding_mode="floor")


def _merged(input: Any, features: torch.Tensor, coords: torch.Tensor, stride: Any, is_mean: bool) -> Any:
    """Return a tensor in which rows of the same site are one: their sum or their mean."""
    sites, row, counts = torch.unique(coords, dim=0, return_inverse=True, return_counts=True)
    row = row.to(features.device)
    weights = 1 / counts.to(features)[row] if is_mean else features.new_ones(len(row))
    pairs = Pairs(torch.arange(len(row), device=row.device), row, len(row), len(sites))
    return input._fresh(sum_of_pairs(features, weights, pairs), sites, stride)


def _laid_out(input: Any, features: torch.Tensor, where: torch.Tensor, sizes: list[int]) -> torch.Tensor:
    """Return a dense array [samples, *sizes, planes] of the sums of the features at each place."""
    samples = input._samples().long()
    count = int(samples.max()) + 1 if len(samples) else 0
    if len(where) and not bool(((where >= 0) & (where < where.new_tensor(sizes))).all()):
        raise CoordinateError(f"coords: reach beyond the map, expected places from 0 to below {sizes}")
    cell = samples
    for axis, size in enumerate(sizes):
        cell = cell * size + where[:, axis]
    dense = features.new_zeros(count * math.prod(sizes), features.shape[1])
    return dense.index_add(0, cell.to(features.device), features).view(count, *sizes, features.shape[1])
