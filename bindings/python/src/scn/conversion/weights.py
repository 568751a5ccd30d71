"""Convolution weights of MinkowskiEngine, spconv, torchsparse and SparseConvNet, converted to this package's and back.

All libraries correlate: the weight of an offset belongs to the input at `site + offset`. They differ in the order
of offsets and axes, and in where a filter of even size begins. A weight of `scn` is [volume, 1, nIn, nOut], offsets
row-major (the last axis fastest), as layers of one group have it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._messages import counted, one_of, text_of, wrong_shape, wrong_value
from .._native.arrays import FloatArray, dimension_of, float32, sizes
from ..errors import InvalidArgumentError, ShapeError
from ..nn.permutohedral import permutohedral_offsets

__all__ = [
    "weights_from_minkowski_engine",
    "weights_from_sparseconvnet_permutohedral",
    "weights_from_spconv",
    "weights_from_torchsparse",
    "weights_to_minkowski_engine",
    "weights_to_spconv",
    "weights_to_torchsparse",
]

# R stands for the axes of the filter, C for the planes in, K for the planes out.
_SPCONV_LAYOUTS = ("KRSC", "RSCK", "RSKC")


def weights_from_spconv(weight: Any, layout: str = "KRSC") -> FloatArray:
    """Return an spconv weight as one of this package's, float32 [volume, 1, nIn, nOut].

    weight: an array or tensor of rank dimension + 2. layout: the order of its axes, named as in spconv's
    SPCONV_SAVED_WEIGHT_LAYOUT,

    - "KRSC", [nOut, *filter_size, nIn]: spconv 2.2 and newer, and the implicit algorithms of 2.1
    - "RSKC", [*filter_size, nOut, nIn]: spconv 2.0, and the native algorithm of 2.1 (filters of more than 32 offsets)
    - "RSCK", [*filter_size, nIn, nOut]: spconv 1

    Axes are those of spconv's indices, [batch, z, y, x] in 3-D: keep their order in the coordinates. `SubMConv`,
    `SparseConv` (with its padding), `SparseConvTranspose` and `SparseInverseConv` are `SubmanifoldConvolution`,
    `Convolution`, `FullConvolution` and `Deconvolution`.

    Source: spconv/pytorch/conv.py (2.x); include/spconv/geometry.h (1.x), where the offset of an input under an output
    is input + padding - output * stride, row-major. Results agree with those of spconv 2.3.8 on the CPU.
    """
    array = _numbers(weight, "weight")
    _check_layout(layout)
    if array.ndim < 3:
        raise wrong_shape("weight", array.shape, "at least 3 axes, as spconv's weights have")
    if layout == "KRSC":
        array = np.moveaxis(array, 0, -1)
    elif layout == "RSKC":
        array = np.swapaxes(array, -1, -2)
    return np.array(array, order="C").reshape(-1, 1, *array.shape[-2:])


def weights_to_spconv(weight: Any, filter_size: Any, layout: str = "KRSC") -> FloatArray:
    """Return a weight [volume, 1, nIn, nOut] as an spconv weight; the inverse of `weights_from_spconv`.

    filter_size: one size for each axis.
    """
    _check_layout(layout)
    array, size = _own(weight, filter_size)
    array = array.reshape(*size, *array.shape[-2:])
    if layout == "KRSC":
        array = np.moveaxis(array, -1, 0)
    elif layout == "RSKC":
        array = np.swapaxes(array, -1, -2)
    return np.array(array, order="C")


def weights_from_minkowski_engine(kernel: Any, filter_size: Any, *, submanifold: bool = False) -> FloatArray:
    """Return a kernel of MinkowskiEngine (0.4 and 0.5, hypercubes) as a weight of this package, [volume, 1, nIn, nOut].

    kernel: [volume, nIn, nOut], or [nIn, nOut] for a filter of volume 1. filter_size: one size for each axis, in the
    order of the coordinates' columns.

    MinkowskiEngine's first axis is the fastest. A filter of odd size is centered, one of even size begins at the site
    itself: size 2 means the offsets 0 and 1. So strided layers (`MinkowskiConvolution`, and
    `MinkowskiConvolutionTranspose` as `Deconvolution`) have padding 0 on axes of even size, (size // 2) * dilation on
    odd ones. submanifold: whether it is for a `SubmanifoldConvolution`, which begins a filter of even size at -size /
    2: each even size of the filter then becomes 2 * size - 1, with zeros where there was no offset.

    Source: MinkowskiEngine's src/kernel_region.hpp and MinkowskiEngine/MinkowskiConvolution.py.
    """
    size = _filter(filter_size)
    array = _first_axis_fastest(_listed(kernel, size), size)
    return _centered(array, [0 if length % 2 == 0 else -(length // 2) for length in size], submanifold)


def weights_to_minkowski_engine(weight: Any, filter_size: Any) -> FloatArray:
    """Return a weight [volume, 1, nIn, nOut] as a kernel of MinkowskiEngine, [volume, nIn, nOut] or [nIn, nOut].

    For strided layers, and for submanifold ones of odd size. filter_size: one size for each axis.
    """
    array, size = _own(weight, filter_size)
    return _as_listed(array.reshape(*size, *array.shape[-2:]), True)


def weights_from_torchsparse(kernel: Any, filter_size: Any, *, submanifold: bool = False) -> FloatArray:
    """Return a kernel of torchsparse (1.x to 2.1) as a weight of this package, [volume, 1, nIn, nOut].

    kernel: [volume, nIn, nOut], or [nIn, nOut] for a filter of volume 1. filter_size: three sizes, in the order of the
    coordinates' columns.

    If the volume is odd, torchsparse's first axis is the fastest, otherwise the last. In 2.1 a strided layer has the
    padding that it was given, as `Convolution` does; before that, a filter began at -((size - 1) // 2), which is a
    padding of (size - 1) // 2 on each axis, times dilation. submanifold: whether it is for a `SubmanifoldConvolution`.
    A filter of odd size is centered; one of size 2 has the offsets 0 and 1 and becomes one of size 3, with zeros at -1.
    Other filters of even volume begin at a different offset in 2.1 than before: `InvalidArgumentError`.

    Source: torchsparse/nn/utils/kernel.py (1.x, 2.0) and torchsparse/backend/others/sparsemapping_cuda.cu (2.1), except
    for the "grid" maps of 2.0, which have another order.
    """
    size = _filter(filter_size)
    if len(size) != 3:
        raise ShapeError(f"filter_size: has {counted(len(size), 'entry')}, expected 3, the dimensions of torchsparse")
    array = _listed(kernel, size)
    is_odd = array.shape[0] % 2 == 1
    if submanifold and not is_odd and max(size) > 2:
        raise wrong_value(
            "filter_size", size, "odd sizes, or sizes of 1 and 2, as torchsparse's submanifold filters have"
        )
    array = _first_axis_fastest(array, size) if is_odd else array.reshape(*size, *array.shape[-2:])
    return _centered(array, [-((length - 1) // 2) for length in size], submanifold)


def weights_to_torchsparse(weight: Any, filter_size: Any) -> FloatArray:
    """Return a weight [volume, 1, nIn, nOut] as a kernel of torchsparse, [volume, nIn, nOut], or [nIn, nOut] for
    volume 1.

    For strided layers, and for submanifold ones of odd size. filter_size: three sizes.
    """
    array, size = _own(weight, filter_size)
    if len(size) != 3:
        raise ShapeError(f"filter_size: has {counted(len(size), 'entry')}, expected 3, the dimensions of torchsparse")
    return _as_listed(array.reshape(*size, *array.shape[-2:]), array.shape[0] % 2 == 1)


def weights_from_sparseconvnet_permutohedral(weight: Any, dimension: int) -> FloatArray:
    """Return a weight of SparseConvNet's `PermutohedralSubmanifoldConvolution` as one of this package's, float32.

    weight: [volume, groups, nIn / groups, nOut / groups], or [volume, nIn, nOut] from the oldest checkpoints; the
    volume is d * d + d + 1. The result has the group axis.

    In 2-D SparseConvNet reads the site itself with the weights of two offsets, (0, -1) and (0, 0), and never its
    neighbor at (0, -1). The result has the sum of both at (0, 0) and zeros at (0, -1): the layer then does what it did
    there. Weights for other dimensions stay as they are. SparseConvNet's other weights need no conversion.

    Source: SparseConvNet's PermutohedralSubmanifoldConvolutionRules.h. Results agree with those of its CPU build.
    """
    axes, array = dimension_of(dimension), _numbers(weight, "weight")
    volume = axes * (axes + 1) + 1
    if array.ndim == 3:
        array = array[:, None]
    if array.ndim != 4 or array.shape[0] != volume:
        raise wrong_shape("weight", array.shape, f"[{volume}, groups, nIn / groups, nOut / groups]")
    result = np.array(array, order="C")
    if axes == 2:
        below, center = (_place(offset) for offset in ([0, -1], [0, 0]))
        result[center] += result[below]
        result[below] = 0
    return result


def _place(offset: list[int]) -> int:
    """Return the index of an offset in the 2-D permutohedral filter."""
    place: int = permutohedral_offsets(2).tolist().index(offset)
    return place


def _numbers(values: Any, name: str) -> FloatArray:
    try:
        return float32(values, name)
    except TypeError as error:
        raise InvalidArgumentError(str(error)) from None


def _check_layout(layout: str) -> None:
    if layout not in _SPCONV_LAYOUTS:
        raise wrong_value("layout", layout, one_of(_SPCONV_LAYOUTS))


def _filter(filter_size: Any) -> list[int]:
    if np.ndim(filter_size) != 1 or not len(filter_size):
        raise ShapeError(f"filter_size: is {text_of(filter_size)}, expected one size for each axis")
    size = sizes(filter_size, len(filter_size), "filter_size")
    if min(size) < 1:
        raise wrong_value("filter_size", size, "sizes of at least 1")
    return size


def _volume(size: list[int]) -> int:
    volume = 1
    for length in size:
        volume *= length
    return volume


def _own(weight: Any, filter_size: Any) -> tuple[FloatArray, list[int]]:
    """Return a weight of this package as [volume, nIn, nOut], and the filter's size."""
    array, size = _numbers(weight, "weight"), _filter(filter_size)
    if array.ndim != 4 or array.shape[0] != _volume(size):
        raise wrong_shape("weight", array.shape, f"[{_volume(size)}, 1, nIn, nOut] of a filter {size}")
    if array.shape[1] != 1:
        raise ShapeError(f"weight: has {array.shape[1]} groups, expected 1, as the other libraries have")
    return array[:, 0], size


def _listed(kernel: Any, size: list[int]) -> FloatArray:
    """Return a kernel as [volume, nIn, nOut]."""
    array, volume = _numbers(kernel, "kernel"), _volume(size)
    if volume == 1 and array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or array.shape[0] != volume:
        raise wrong_shape("kernel", array.shape, f"[{volume}, nIn, nOut] of a filter {size}")
    return array


def _first_axis_fastest(array: FloatArray, size: list[int]) -> FloatArray:
    """Return [volume, nIn, nOut] whose first axis is the fastest as [*size, nIn, nOut]."""
    backwards = array.reshape(*size[::-1], *array.shape[-2:])
    dimension = len(size)
    result: FloatArray = backwards.transpose(*range(dimension - 1, -1, -1), dimension, dimension + 1)
    return result


def _as_listed(array: FloatArray, is_first_axis_fastest: bool) -> FloatArray:
    """Return [*size, nIn, nOut] as a list of offsets, [nIn, nOut] if there is only one."""
    dimension = array.ndim - 2
    if is_first_axis_fastest:
        array = array.transpose(*range(dimension - 1, -1, -1), dimension, dimension + 1)
    listed = np.array(array, order="C").reshape(-1, *array.shape[-2:])
    return listed[0] if len(listed) == 1 else listed


def _centered(array: FloatArray, begins: list[int], submanifold: bool) -> FloatArray:
    """Return [*size, nIn, nOut] as a weight of this package.

    begins: the first offset of each axis. submanifold: whether the filter is to be centered on the site, as odd ones
    are.
    """
    if submanifold:
        size = array.shape[:-2]
        reach = [max(-begin, begin + length - 1) for begin, length in zip(begins, size)]
        before = [far + begin for far, begin in zip(reach, begins)]
        after = [far - (begin + length - 1) for far, begin, length in zip(reach, begins, size)]
        array = np.pad(array, [*zip(before, after), (0, 0), (0, 0)])
    return np.array(array, order="C").reshape(-1, 1, *array.shape[-2:])
