"""The poolings of spconv."""

from __future__ import annotations

from typing import Any, Optional

import torch

from ...torch import functional
from .._errors import MisuseError
from ..core import ConvAlgo
from ._geometry import Filter
from ._layer import MOST_VOXELS, TimedLayer, checked, new_step, next_tensor
from .core import SparseConvTensor, expand_nd
from .modules import SparseModule, shown_if_watched

__all__ = [
    "ALL_POOL_LAYERS",
    "SparseAvgPool",
    "SparseAvgPool1d",
    "SparseAvgPool2d",
    "SparseAvgPool3d",
    "SparseGlobalAvgPool",
    "SparseGlobalMaxOrAvgPool",
    "SparseGlobalMaxPool",
    "SparseMaxPool",
    "SparseMaxPool1d",
    "SparseMaxPool2d",
    "SparseMaxPool3d",
    "SparseMaxPool4d",
]

DIFFERS = dict.fromkeys(
    ("SparseGlobalAvgPool", "SparseGlobalMaxOrAvgPool"),
    "the mean of every plane, [batch, planes]; spconv 2.3.8 returns the first plane's alone",
)


class _Pool(SparseModule):
    _kind: str
    _pooling: str

    def __init__(
        self,
        ndim: int,
        kernel_size: Any = 3,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        indice_key: Optional[str] = None,
        subm: bool = False,
        algo: Optional[ConvAlgo] = None,
        record_voxel_count: bool = False,
        name: Optional[str] = None,
    ) -> None:
        super().__init__(name=name)
        self.ndim = ndim
        self.kernel_size = expand_nd(ndim, kernel_size)
        self.stride = list(self.kernel_size) if stride is None else expand_nd(ndim, stride)
        self.padding, self.dilation = expand_nd(ndim, padding), expand_nd(ndim, dilation)
        self.subm, self.indice_key, self.record_voxel_count = subm, indice_key, record_voxel_count
        self.algo = ConvAlgo.Native if algo is None else algo
        if record_voxel_count and not subm:
            self.register_buffer(MOST_VOXELS, torch.zeros(1, dtype=torch.int32))

    def extra_repr(self) -> str:
        """Return what a printed network says of the layer."""
        names = ("kernel_size", "stride", "padding", "dilation", "algo")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)

    def get_max_num_voxels(self) -> Optional[torch.Tensor]:
        """Return the most sites that the layer made, [1] int32; None without `record_voxel_count`."""
        return getattr(self, MOST_VOXELS, None)

    def forward(self, input: SparseConvTensor) -> SparseConvTensor:
        """Return the pooled tensor."""
        checked(input)
        if self.indice_key is not None and self.indice_key in input.indice_dict:
            raise MisuseError(f"indice_key: {self.indice_key!r} names rules already, expected a new one")
        window = Filter(self.kernel_size, self.stride, self.padding, self.dilation, self.subm)
        properties = ("kernel_size", "stride", "padding", "dilation")
        timed = TimedLayer(
            input,
            self._kind,
            self.name,
            {**{name: getattr(self, name) for name in properties}, "channels": input._planes()},
        )
        with input._timer.record(self._sparse_unique_name):
            with timed.part("indice_gen_time"):
                step = new_step(input, window, self.indice_key, self.algo)
            with timed.part("time"):
                values = functional.pool(input._sorted(step.rules.input), step.rules.rulebook, self._pooling)
        timed.counted(step.rules.input, step.rules.output)
        most = self.get_max_num_voxels()
        if most is not None:
            most.clamp_(min=len(step.rules.output))
        return shown_if_watched(self, next_tensor(input, step, values))  # type: ignore[no-any-return]


class SparseMaxPool(_Pool):
    """The maximum of the active sites under a window, at least 0, as in spconv; all that have it get its gradient.

    ndim: the number of axes. kernel_size, stride, padding, dilation: a number, or one for each axis; stride None: that
    of the window. Sites and sizes become those of a `SparseConv3d`; with `subm`, they stay, and the window is centered.
    indice_key, record_voxel_count, name: as in `SparseConvolution`. algo: without effect. Raises `MisuseError` where
    the key names rules already.
    """

    _kind = "SparseMaxPool"
    _pooling = "max_with_zero"


class SparseAvgPool(_Pool):
    """The mean of the active sites under a window. Arguments: see `SparseMaxPool`."""

    _kind = "SparseAvgPool"
    _pooling = "mean"


class _Sized(_Pool):
    _ndim: int

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        indice_key: Optional[str] = None,
        algo: Optional[ConvAlgo] = None,
        record_voxel_count: bool = False,
        name: Optional[str] = None,
        *,
        subm: bool = False,
    ) -> None:
        super().__init__(
            self._ndim, kernel_size, stride, padding, dilation, indice_key, subm, algo, record_voxel_count, name
        )


class SparseMaxPool1d(_Sized, SparseMaxPool):
    """The maximum on a line; see `SparseMaxPool`."""

    _ndim = 1


class SparseMaxPool2d(_Sized, SparseMaxPool):
    """The maximum in the plane; see `SparseMaxPool`."""

    _ndim = 2


class SparseMaxPool3d(_Sized, SparseMaxPool):
    """The maximum in space; see `SparseMaxPool`."""

    _ndim = 3


class SparseMaxPool4d(_Sized, SparseMaxPool):
    """The maximum in four dimensions; see `SparseMaxPool`."""

    _ndim = 4


class SparseAvgPool1d(_Sized, SparseAvgPool):
    """The mean on a line; see `SparseAvgPool`."""

    _ndim = 1


class SparseAvgPool2d(_Sized, SparseAvgPool):
    """The mean in the plane; see `SparseAvgPool`."""

    _ndim = 2


class SparseAvgPool3d(_Sized, SparseAvgPool):
    """The mean in space; see `SparseAvgPool`."""

    _ndim = 3


class SparseGlobalMaxOrAvgPool(SparseModule):
    """A row for each sample: the mean, or the maximum, of its rows, [batch, planes]; zeros for a sample without any.

    spconv returns the mean of the first plane alone, [batch]; here it is that of every plane.
    """

    def __init__(self, is_mean: bool, name: Optional[str] = None) -> None:
        super().__init__(name=name)
        self.is_mean = is_mean

    def forward(self, input: SparseConvTensor) -> torch.Tensor:
        """Return a dense tensor [batch, planes]."""
        features, samples = checked(input).features, input.indices[:, 0].long()
        if len(samples) and (int(samples.min()) < 0 or int(samples.max()) >= input.batch_size):
            raise MisuseError(f"indices: name sample {int(samples.max())}, expected numbers below {input.batch_size}")
        counts = torch.bincount(samples, minlength=int(input.batch_size))
        # Rows by sample, in one pass: a sample's rows may lie anywhere.
        order = torch.sort(samples, stable=True).indices.to(features.device)
        ordered: Any = features.index_select(0, order)
        parts = ordered.split(counts.tolist())
        empty = features.new_zeros(features.shape[1])
        reduced = [(part.mean(0) if self.is_mean else part.max(0).values) if len(part) else empty for part in parts]
        return torch.stack(reduced)


class SparseGlobalAvgPool(SparseGlobalMaxOrAvgPool):
    """The mean of each sample, [batch, planes]; see `SparseGlobalMaxOrAvgPool`."""

    def __init__(self, name: Optional[str] = None) -> None:
        super().__init__(is_mean=True, name=name)


class SparseGlobalMaxPool(SparseGlobalMaxOrAvgPool):
    """The maximum of each sample, [batch, planes]; see `SparseGlobalMaxOrAvgPool`."""

    def __init__(self, name: Optional[str] = None) -> None:
        super().__init__(is_mean=False, name=name)


ALL_POOL_LAYERS = {
    SparseAvgPool,
    SparseAvgPool1d,
    SparseAvgPool2d,
    SparseAvgPool3d,
    SparseMaxPool,
    SparseMaxPool1d,
    SparseMaxPool2d,
    SparseMaxPool3d,
    SparseMaxPool4d,
}
"""All poolings with windows."""
