"""The convolutions of spconv in one to four dimensions."""

from __future__ import annotations

from typing import Any, Optional

from ...dialects.missing import missing
from ..core import ConvAlgo
from ._convolution import SparseConvolution, SparseConvolutionBase
from .core import expand_nd

__all__ = [
    "DEFAULT_SPARSE_CONV_TYPES",
    "SparseConv1d",
    "SparseConv2d",
    "SparseConv3d",
    "SparseConv4d",
    "SparseConvTranspose1d",
    "SparseConvTranspose2d",
    "SparseConvTranspose3d",
    "SparseConvTranspose4d",
    "SparseConvolution",
    "SparseConvolutionBase",
    "SparseInverseConv1d",
    "SparseInverseConv2d",
    "SparseInverseConv3d",
    "SparseInverseConv4d",
    "SubMConv1d",
    "SubMConv2d",
    "SubMConv3d",
    "SubMConv4d",
    "expand_nd",
]
MISSING = dict.fromkeys(("FocalsConv3d", "SpatialGroupConv3d"), "is a layer of a fork of spconv, spconv-plus")


def __getattr__(name: str) -> Any:
    """Raise an error for a name that is not here; for layers of forks, one that says so."""
    raise missing("spconv.pytorch.conv", name, MISSING)


class _Ordinary(SparseConvolution):
    _ndim: int
    _is_transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        indice_key: Optional[str] = None,
        algo: Optional[ConvAlgo] = None,
        fp32_accum: Optional[bool] = None,
        record_voxel_count: bool = False,
        large_kernel_fast_algo: bool = False,
        name: Optional[str] = None,
    ) -> None:
        super().__init__(
            self._ndim,
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            transposed=self._is_transposed,
            indice_key=indice_key,
            algo=algo,
            fp32_accum=fp32_accum,
            record_voxel_count=record_voxel_count,
            large_kernel_fast_algo=large_kernel_fast_algo,
            name=name,
        )


class _Inverse(SparseConvolution):
    _ndim: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        indice_key: Optional[str],
        bias: bool = True,
        algo: Optional[ConvAlgo] = None,
        fp32_accum: Optional[bool] = None,
        large_kernel_fast_algo: bool = False,
        name: Optional[str] = None,
    ) -> None:
        super().__init__(
            self._ndim,
            in_channels,
            out_channels,
            kernel_size,
            bias=bias,
            inverse=True,
            indice_key=indice_key,
            algo=algo,
            fp32_accum=fp32_accum,
            large_kernel_fast_algo=large_kernel_fast_algo,
            name=name,
        )


class _Submanifold(SparseConvolution):
    _ndim: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        indice_key: Optional[str] = None,
        algo: Optional[ConvAlgo] = None,
        fp32_accum: Optional[bool] = None,
        large_kernel_fast_algo: bool = False,
        name: Optional[str] = None,
    ) -> None:
        super().__init__(
            self._ndim,
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            True,
            indice_key=indice_key,
            algo=algo,
            fp32_accum=fp32_accum,
            large_kernel_fast_algo=large_kernel_fast_algo,
            name=name,
        )


class SparseConv1d(_Ordinary):
    """A convolution on a line; see `SparseConv3d`."""

    _ndim = 1


class SparseConv2d(_Ordinary):
    """A convolution in the plane; see `SparseConv3d`."""

    _ndim = 2


class SparseConv3d(_Ordinary):
    """A convolution in space: its result is active wherever an active site lies under the filter.

    Output o reads the inputs o * stride - padding + tap * dilation on each axis. The spatial shape becomes (size + 2 *
    padding - dilation * (kernel_size - 1) - 1) / stride + 1, rounded down. New rows are sorted by sample, then by
    coordinates. Arguments: see `SparseConvolution`."""

    _ndim = 3


class SparseConv4d(_Ordinary):
    """A convolution in four dimensions; see `SparseConv3d`."""

    _ndim = 4


class SparseConvTranspose1d(_Ordinary):
    """A transposed convolution on a line; see `SparseConvTranspose3d`."""

    _ndim = 1
    _is_transposed = True


class SparseConvTranspose2d(_Ordinary):
    """A transposed convolution in the plane; see `SparseConvTranspose3d`."""

    _ndim = 2
    _is_transposed = True


class SparseConvTranspose3d(_Ordinary):
    """A transposed convolution in space: its result is active wherever the filter reaches from an active site.

    Input i is written to the outputs i * stride - padding + tap * dilation on each axis. The spatial shape becomes
    (size - 1) * stride - 2 * padding + kernel_size, and what lies beyond is left out. New rows are sorted by sample,
    then by coordinates. Arguments: see `SparseConvolution`."""

    _ndim = 3
    _is_transposed = True


class SparseConvTranspose4d(_Ordinary):
    """A transposed convolution in four dimensions; see `SparseConvTranspose3d`."""

    _ndim = 4
    _is_transposed = True


class SparseInverseConv1d(_Inverse):
    """The way back on a line; see `SparseInverseConv3d`."""

    _ndim = 1


class SparseInverseConv2d(_Inverse):
    """The way back in the plane; see `SparseInverseConv3d`."""

    _ndim = 2


class SparseInverseConv3d(_Inverse):
    """The way back in space: its result has the sites, the rows and the spatial shape that the layer with the same
    `indice_key` received.

    A site that no window of that layer covered gets the bias alone. Raises `MisuseError` where the tensor has no such
    key, or is not what that layer made. Arguments: see `SparseConvolution`."""

    _ndim = 3


class SparseInverseConv4d(_Inverse):
    """The way back in four dimensions; see `SparseInverseConv3d`."""

    _ndim = 4


class SubMConv1d(_Submanifold):
    """A submanifold convolution on a line; see `SubMConv3d`."""

    _ndim = 1


class SubMConv2d(_Submanifold):
    """A submanifold convolution in the plane; see `SubMConv3d`."""

    _ndim = 2


class SubMConv3d(_Submanifold):
    """A submanifold convolution in space: the same sums as `SparseConv`, at the sites that are active already.

    Rows stay where they are. The filter is centered and of odd size; `stride` and `padding` have no effect. Layers with
    the same `indice_key` share their rules; where a key was made for other sites of the same number, the layer makes
    its own. Arguments: see `SparseConvolution`."""

    _ndim = 3


class SubMConv4d(_Submanifold):
    """A submanifold convolution in four dimensions; see `SubMConv3d`."""

    _ndim = 4


DEFAULT_SPARSE_CONV_TYPES = {
    SparseConv1d,
    SparseConv2d,
    SparseConv3d,
    SparseConv4d,
    SparseConvTranspose1d,
    SparseConvTranspose2d,
    SparseConvTranspose3d,
    SparseConvTranspose4d,
    SparseInverseConv1d,
    SparseInverseConv2d,
    SparseInverseConv3d,
    SparseInverseConv4d,
    SubMConv1d,
    SubMConv2d,
    SubMConv3d,
    SubMConv4d,
}
"""All kinds of convolutions."""
