"""Convolutions."""

from __future__ import annotations

import math
from typing import Any, Optional

import torch
from torch import nn

from .._messages import wrong_shape
from ..dialects.elementwise import product
from ..torch import functional
from ._enums import ConvolutionMode, RegionType
from ._errors import asserted
from ._kernel_targets import check_input, kernel_of, keys_of_call, result_key
from ._keys import CoordinateMapKey, known_key
from ._maps import Key
from .MinkowskiCommon import MinkowskiModuleBase
from .MinkowskiCoordinateManager import CoordinateManager
from .MinkowskiKernelGenerator import KernelGenerator
from .MinkowskiSparseTensor import SparseTensor

__all__ = [
    "MinkowskiConvolution",
    "MinkowskiConvolutionBase",
    "MinkowskiConvolutionFunction",
    "MinkowskiConvolutionTranspose",
    "MinkowskiConvolutionTransposeFunction",
    "MinkowskiGenerativeConvolutionTranspose",
]


class MinkowskiConvolutionFunction:
    """The convolution of features along a kernel, as a function; `apply` is called on the class or on an instance."""

    _is_transpose = False

    @classmethod
    def apply(
        cls,
        input_features: torch.Tensor,
        kernel_weights: torch.Tensor,
        kernel_generator: KernelGenerator,
        convolution_mode: ConvolutionMode,
        in_coordinate_map_key: CoordinateMapKey,
        out_coordinate_map_key: Optional[CoordinateMapKey] = None,
        coordinate_manager: Optional[CoordinateManager] = None,
    ) -> torch.Tensor:
        """Return the features of the result, [rows, out].

        input_features: [rows, in] of the map in_coordinate_map_key. kernel_weights: [taps, in, out].
        out_coordinate_map_key: the result's map; one that is not set is set to the map that the kernel makes.
        """
        source, target = keys_of_call(
            coordinate_manager, in_coordinate_map_key, out_coordinate_map_key, kernel_generator, cls._is_transpose
        )
        assert coordinate_manager is not None, "it was checked"
        rows = coordinate_manager._of(source).rows.sorted(input_features)
        weight = kernel_weights if kernel_weights.ndim == 3 else kernel_weights[None]
        sorted_result = _convolved(
            coordinate_manager, rows, weight, None, kernel_generator, (source, target), cls._is_transpose
        )
        return coordinate_manager._of(target).rows.shown(sorted_result)


class MinkowskiConvolutionTransposeFunction(MinkowskiConvolutionFunction):
    """The same for a transposed kernel."""

    _is_transpose = True


def _convolved(
    manager: CoordinateManager,
    features: torch.Tensor,
    kernel: torch.Tensor,
    bias: Optional[torch.Tensor],
    generator: KernelGenerator,
    keys: tuple[Key, Key],
    is_transpose: bool,
) -> torch.Tensor:
    """Return the convolution of features, both in the engine's order."""
    rulebook = manager._rules(*keys, generator._region(), is_transpose)
    return functional.convolve(features, rulebook, kernel[:, None], None if bias is None else bias.reshape(-1))


class MinkowskiConvolutionBase(MinkowskiModuleBase):
    """What convolutions have in common; see `MinkowskiConvolution`. is_transpose: whether the kernel is reversed.

    kernel: [taps, in, out], the first axis fastest; [in, out] for one tap of stride 1. bias: [1, out] or None.
    """

    kernel: nn.Parameter
    bias: Optional[nn.Parameter]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any = -1,
        stride: Any = 1,
        dilation: Any = 1,
        bias: bool = False,
        kernel_generator: Optional[KernelGenerator] = None,
        is_transpose: bool = False,
        expand_coordinates: bool = False,
        convolution_mode: ConvolutionMode = ConvolutionMode.DEFAULT,
        dimension: Optional[int] = -1,
    ) -> None:
        super().__init__()
        generator = kernel_of(kernel_generator, kernel_size, stride, dilation, expand_coordinates, dimension)
        generator.expand_coordinates = expand_coordinates
        self.is_transpose = is_transpose
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_generator = generator
        self.dimension = generator.dimension
        self.convolution_mode = convolution_mode
        self.conv = MinkowskiConvolutionTransposeFunction() if is_transpose else MinkowskiConvolutionFunction()
        self.use_mm = generator.kernel_volume == 1 and generator.requires_strided_coordinates
        """Whether the layer multiplies each row by itself and keeps its input's sites."""
        taps = () if self.use_mm else (generator.kernel_volume,)
        self.kernel = nn.Parameter(torch.empty(*taps, in_channels, out_channels))
        self.bias = nn.Parameter(torch.empty(1, out_channels)) if bias else None
        self.reset_parameters(is_transpose)

    def forward(self, input: SparseTensor, coordinates: Any = None) -> SparseTensor:
        """Return the convolution of a sparse tensor.

        coordinates: where to give it, instead of where the stride leads: a tensor of the same manager, its key, or
        coordinates [n, 1 + dimension]. A layer with one tap and stride 1 ignores it, as in MinkowskiEngine.
        """
        check_input(input, self.dimension)
        if input.shape[1] != self.in_channels:
            raise asserted(wrong_shape("input", input.shape, f"[sites, {self.in_channels}]"))
        if self.use_mm:
            return input._mapped(self._multiplied)
        target = result_key(input, coordinates, self.kernel_generator, self.is_transpose)
        source = known_key(input.coordinate_map_key, "coordinate_map_key")
        features = _convolved(
            input._manager,
            input._held.sorted,
            self.kernel,
            self.bias,
            self.kernel_generator,
            (source, target),
            self.is_transpose,
        )
        return SparseTensor._on(input._manager, target, features, is_new=True)

    def _multiplied(self, features: torch.Tensor) -> torch.Tensor:
        return product(features, self.kernel, self.bias)

    def reset_parameters(self, is_transpose: bool = False) -> None:
        """Draw the parameters from U(-b, b), b = 1 / sqrt(n * taps), n = in_channels, or out_channels if
        is_transpose."""
        planes = self.out_channels if is_transpose else self.in_channels
        bound = 1 / math.sqrt(max(1, planes * self.kernel_generator.kernel_volume))
        with torch.no_grad():
            self.kernel.uniform_(-bound, bound)
            if self.bias is not None:
                self.bias.uniform_(-bound, bound)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(in={self.in_channels}, out={self.out_channels}, {described(self.kernel_generator)})"
        )


def described(generator: KernelGenerator) -> str:
    """Return what a layer shows of its kernel."""
    if generator.region_type == RegionType.CUSTOM:
        size = f"region_type={generator.region_type}, kernel_volume={generator.kernel_volume}"
    else:
        size = f"kernel_size={generator.kernel_size}"
    return f"{size}, stride={generator.kernel_stride}, dilation={generator.kernel_dilation}"


class MinkowskiConvolution(MinkowskiConvolutionBase):
    """A convolution: a row of the result at u adds up kernel[i] times the input's row at u + tap[i], where there is
    one.

    [sites, in_channels] -> [sites, out_channels]. Taps are counted in steps of dilation * tensor stride; odd sizes
    reach as far back as forward, even ones from 0 to size - 1. With stride 1 the result has the input's sites and rows;
    with another one the sites rounded down to multiples of it. bias: whether to add one. kernel_generator: a kernel, in
    place of kernel_size, stride and dilation. expand_coordinates: whether the result has all sites at a tap from a
    site. convolution_mode: accepted, and without effect. dimension: that of the tensors, must be given.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any = -1,
        stride: Any = 1,
        dilation: Any = 1,
        bias: bool = False,
        kernel_generator: Optional[KernelGenerator] = None,
        expand_coordinates: bool = False,
        convolution_mode: ConvolutionMode = ConvolutionMode.DEFAULT,
        dimension: Optional[int] = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            dilation,
            bias,
            kernel_generator,
            False,
            expand_coordinates,
            convolution_mode,
            dimension,
        )


class MinkowskiConvolutionTranspose(MinkowskiConvolutionBase):
    """The reverse of a strided convolution: the input's row at u adds kernel[i] times itself to the row at u + tap[i].

    Arguments as those of `MinkowskiConvolution`. Taps are counted in steps of the result's tensor stride, the input's
    divided by stride. The result has the sites of the map of that tensor stride, in its order of rows, where there is
    one; otherwise, and with expand_coordinates, all sites that the kernel reaches.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any = -1,
        stride: Any = 1,
        dilation: Any = 1,
        bias: bool = False,
        kernel_generator: Optional[KernelGenerator] = None,
        expand_coordinates: bool = False,
        convolution_mode: ConvolutionMode = ConvolutionMode.DEFAULT,
        dimension: Optional[int] = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            dilation,
            bias,
            kernel_generator,
            True,
            expand_coordinates,
            convolution_mode,
            dimension,
        )


class MinkowskiGenerativeConvolutionTranspose(MinkowskiConvolutionBase):
    """A `MinkowskiConvolutionTranspose` whose result has all sites that the kernel reaches."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any = -1,
        stride: Any = 1,
        dilation: Any = 1,
        bias: bool = False,
        kernel_generator: Optional[KernelGenerator] = None,
        convolution_mode: ConvolutionMode = ConvolutionMode.DEFAULT,
        dimension: Optional[int] = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            dilation,
            bias,
            kernel_generator,
            True,
            True,
            convolution_mode,
            dimension,
        )
