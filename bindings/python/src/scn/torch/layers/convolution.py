"""Convolutions of sparse tensors."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import Any, ClassVar, Optional, Union

import torch
from torch import nn

from ..._native.handles import RulebookHandle
from ..._native.library import library
from ...errors import ShapeError
from ...nn import convolution as numpy_level
from ...nn import permutohedral as numpy_permutohedral
from ...nn import shape_context as numpy_shape_context
from ...nn.layer_types import short
from ...values.sites import Sites, filter_offsets
from ..autograd.autocast import LEAST_ROUNDED_PLANES, is_multiplied_as_bfloat16
from ..autograd.buffers import computable, parameter, prepared, prepared_together, rounded, typed_like
from ..autograd.normalizing import normalized, occupancy
from ..autograd.seeding import engine_seeded_by_torch
from ..functions import convolution, shape_context
from ..metadata import Metadata
from ..sparse import SparseConvNetTensor
from .layer import Layer, Window, Windowed, long_tensor

__all__ = [
    "Convolution",
    "ConvolutionOnto",
    "Deconvolution",
    "FullConvolution",
    "PermutohedralSubmanifoldConvolution",
    "RandomizedStrideConvolution",
    "ShapeContext",
    "SubmanifoldConvolution",
    "TransposeConvolution",
    "ValidConvolution",
    "permutohedral_basis",
    "permutohedral_offsets",
]


class _Convolution(Layer):
    """Shared base of convolutions: their weights, and how they are applied along rules."""

    weight: nn.Parameter
    bias: nn.Parameter
    """If there is one; a layer without one lacks the attribute, as in SparseConvNet."""
    nIn: int
    nOut: int
    has_bias: bool
    groups: int
    # Also of layers that were pickled before it was an argument.
    normalized: bool = False

    def _make_parameters(self, volume: int, gain: float) -> None:
        """Make the parameters; the weight is drawn from N(0, gain / (nIn * volume))."""
        self.filter_volume = volume
        weight = torch.empty(self._weight_shape()).normal_(0, math.sqrt(gain / (self.nIn * volume)))
        self.weight = nn.Parameter(weight)
        if self.has_bias:
            self.bias = nn.Parameter(torch.zeros(self.nOut))

    def _weight_shape(self) -> tuple[int, ...]:
        return (self.filter_volume, self.groups, self.nIn // self.groups, self.nOut // self.groups)

    def _rules(self, metadata: Metadata, sites: int) -> tuple[RulebookHandle, int]:
        """Return the rulebook that begins at a site set, and the site set at which it ends."""
        raise NotImplementedError

    def forward(self, input: SparseConvNetTensor) -> SparseConvNetTensor:
        """Return the convolution of a sparse tensor."""
        input, rows = self._sparse(input, self.nIn)
        return self._along(input, rows, self._rules(input._known_metadata(), input._site_set()))

    def _along(
        self, input: SparseConvNetTensor, rows: torch.Tensor, rules: tuple[RulebookHandle, int]
    ) -> SparseConvNetTensor:
        """Return the convolution of a sparse tensor, whose sorted rows are given, along a rulebook."""
        weight = parameter(self.weight, "weight", *self._weight_shape())
        bias = parameter(getattr(self, "bias", None), "bias", self.nOut)
        assert weight is not None, "a convolution has a weight"
        return convolved(input, rows, weight, bias, rules, self.normalized)

    def _complete(self) -> None:
        self.__dict__.setdefault("has_bias", "bias" in self._parameters)
        self.__dict__.setdefault("groups", 1)
        if "weight" in self._parameters and self.weight.ndim == 3:
            self.weight.data = self.weight.data.unsqueeze(1)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *arguments: Any) -> None:
        # SparseConvNet's oldest checkpoints lack the group axis.
        weight = state_dict.get(prefix + "weight")
        if isinstance(weight, torch.Tensor) and weight.ndim == 3:
            state_dict[prefix + "weight"] = weight.unsqueeze(1)
        super()._load_from_state_dict(state_dict, prefix, *arguments)


def convolved(
    input: SparseConvNetTensor,
    rows: torch.Tensor,
    weight: torch.Tensor,
    bias: Optional[torch.Tensor],
    rules: tuple[RulebookHandle, int],
    is_normalized: bool = False,
) -> SparseConvNetTensor:
    """Return the convolution of a sparse tensor along a rulebook, on the site set at which that ends."""
    rulebook, sites = rules
    count = input._known_metadata()._site_count(sites)
    is_rounded = not is_normalized and is_multiplied_as_bfloat16(rows, weight)
    if is_rounded and weight.shape[2] >= LEAST_ROUNDED_PLANES:
        weight, bias = computable(weight, "weight"), None if bias is None else computable(bias, "bias")
        return input._on(convolution(rounded(rows), weight, bias, rulebook, count), sites)
    values, weight, bias = prepared_together(rows, weight, bias)
    result = convolution(values, weight.contiguous(), None if is_normalized else bias, rulebook, count)
    if is_normalized:
        result = normalized(result, occupancy(values.new_ones(len(values)), rulebook, count), bias)
    return input._on(result.to(torch.bfloat16) if is_rounded else typed_like(result, rows), sites)


class _WindowConvolution(_Convolution, Windowed):
    """Shared base of convolutions with a filter of any size."""

    def _take(self, arguments: dict[str, Any]) -> None:
        size, stride = arguments.pop("filter_size"), arguments.pop("filter_stride", None)
        padding, dilation = arguments.pop("padding", None), arguments.pop("dilation")
        round_down = arguments.pop("round_down", False)
        super()._take(arguments)
        self._window = Window(self.dimension, size, stride, padding, dilation, "filter", round_down)
        self._make_parameters(self._window.volume, 2.0 * self.groups)

    def _planes(self) -> dict[str, int]:
        return {"nIn": self.groups, "nOut": self.groups}

    def _complete(self) -> None:
        super()._complete()
        if "_window" not in self.__dict__:
            given, stride = self.__dict__, self.__dict__.pop("filter_stride", None)
            padding = None if stride is None else 0
            self._window = Window(self.dimension, given.pop("filter_size"), stride, padding, 1, "filter")

    @property
    def filter_size(self) -> torch.Tensor:
        """The filter's size, [dimension] int64. It cannot be changed."""
        return long_tensor(self._window.size)

    @property
    def dilation(self) -> torch.Tensor:
        """How far apart the filter's offsets are, [dimension] int64."""
        return long_tensor(self._window.dilation)


class SubmanifoldConvolution(_WindowConvolution):
    """A convolution that keeps the sites: offset k of the filter reads site + (k - size / 2) * dilation.

    [sites, nIn] -> [sites, nOut]. filter_size, dilation: an integer or one for each axis. bias: whether to add one.
    normalized: whether to divide sums, before the bias, by how many inputs the filter meets (Knutsson and Westin,
    "Normalized and differential convolution", 1993). weight: [volume, groups, nIn / groups, nOut / groups], initialized
    N(0, 2 * groups / (nIn * volume)). bias: [nOut], zeros.
    """

    __init__ = numpy_level.SubmanifoldConvolution.__init__

    def _rules(self, metadata: Metadata, sites: int) -> tuple[RulebookHandle, int]:
        return submanifold_rules(metadata, sites, self._window)


ValidConvolution = SubmanifoldConvolution


class _StridedConvolution(_WindowConvolution):
    """Shared base of convolutions that change the sites."""

    _find: ClassVar[Any]

    __init__ = numpy_level.Convolution.__init__

    @property
    def filter_stride(self) -> torch.Tensor:
        """How far the filter moves, [dimension] int64."""
        return long_tensor(self._window.stride)

    @property
    def padding(self) -> torch.Tensor:
        """How far the filter reaches beyond the field, [dimension] int64."""
        return long_tensor(self._window.padding)

    @property
    def round_down(self) -> bool:
        """Whether the last places of a field may lie under no window."""
        return self._window.round_down

    def _rules(self, metadata: Metadata, sites: int) -> tuple[RulebookHandle, int]:
        return found_rules(self._find, metadata, sites, self._window)

    def _found(self, input: Any, find: Any) -> SparseConvNetTensor:
        """Return the convolution along the rules that another function of the library finds."""
        input, rows = self._sparse(input, self.nIn)
        return self._along(input, rows, found_rules(find, input._known_metadata(), input._site_set(), self._window))


class Convolution(_StridedConvolution):
    """A convolution with a site wherever any input lies under the filter.

    [sites in, nIn] -> [sites out, nOut], with input = output * stride - padding + k * dilation. The size becomes (in +
    2 * padding - dilation * (filter - 1) - 1) / stride + 1, rounded down; it must be exact where padding is 0 and
    dilation 1, unless `round_down`: the last places of a field then lie under no window. Sizes are an integer or one
    for each axis. Weight and bias as in `SubmanifoldConvolution`.
    """

    _find = library.scn_geometry_strided


class Deconvolution(_StridedConvolution):
    """The matching earlier convolution or pooling, reversed: its input sites become the output's.

    [sites in, nIn] -> [sites of that layer's input, nOut]. Calling it raises `StateError` if there was no such layer.
    Weight and bias as in `SubmanifoldConvolution`.
    """

    _find = library.scn_geometry_reverse

    def forward(self, input: SparseConvNetTensor) -> SparseConvNetTensor:
        """Return the convolution on the sites of the earlier layer's input."""
        reach_from_finer(input, self._window, self.nIn)
        return super().forward(input)

    def fullForward(self, input: SparseConvNetTensor) -> SparseConvNetTensor:
        """Return the result of a `FullConvolution` with these parameters."""
        return self._found(input, library.scn_geometry_full)._alone()


class FullConvolution(_StridedConvolution):
    """A convolution with a site wherever the filter reaches from an input: a transposed, generative convolution.

    [sites in, nIn] -> [sites out, nOut], with output = input * stride - padding + k * dilation. The size becomes
    (in - 1) * stride + dilation * (filter - 1) + 1 - 2 * padding. Weight and bias as in `SubmanifoldConvolution`.

    The result has metadata of its own, which knows the new sites: other sites may have the same spatial size.
    """

    _find = library.scn_geometry_full

    def forward(self, input: SparseConvNetTensor) -> SparseConvNetTensor:
        """Return the convolution of a sparse tensor."""
        return super().forward(input)._alone()

    def deconvolutionForward(self, input: SparseConvNetTensor) -> SparseConvNetTensor:
        """Return the result of a `Deconvolution` with these parameters."""
        reach_from_finer(input, self._window, self.nIn)
        return self._found(input, library.scn_geometry_reverse)


TransposeConvolution = FullConvolution


class RandomizedStrideConvolution(_StridedConvolution):
    """In training a convolution whose windows are displaced at random; in evaluation a `Convolution`.

    Along each axis the steps from window to window are a shuffle of stride - 1, stride + 1 and stride, a third of the
    windows each; sizes are those of `Convolution`. The displacement follows `torch.manual_seed`; it is drawn once for
    an input and a filter, so that branches with the same filter get the same sites. Weight and bias as in
    `SubmanifoldConvolution`.
    """

    def _rules(self, metadata: Metadata, sites: int) -> tuple[RulebookHandle, int]:
        if not self.training:
            return found_rules(library.scn_geometry_strided, metadata, sites, self._window)
        return randomized_rules(metadata, sites, self._window)


def randomized_rules(metadata: Metadata, sites: int, window: Window) -> tuple[RulebookHandle, int]:
    """Return the rulebook of a window that is displaced at random, and the site set at which it ends."""
    with engine_seeded_by_torch():
        return found_rules(library.scn_geometry_randomized, metadata, sites, window)


def submanifold_rules(metadata: Metadata, sites: int, window: Window) -> tuple[RulebookHandle, int]:
    """Return the rulebook of a submanifold window, and the site set, which stays."""
    return RulebookHandle.make(library.scn_geometry_submanifold, metadata._handle, sites, window.filter()), sites


def found_rules(function: Any, metadata: Metadata, sites: int, window: Window) -> tuple[RulebookHandle, int]:
    """Return the rulebook that a function of the library finds for a window, and the site set at which it ends."""
    out = ctypes.c_int32()
    rulebook = RulebookHandle.make(function, metadata._handle, sites, window.filter(), ctypes.byref(out))
    metadata._reach(out.value)
    return rulebook, out.value


def reach_from_finer(input: Any, window: Window, planes: Optional[int] = None) -> None:
    """Make the sites of a tensor known where a program gave it metadata that has the finer ones only, which a layer
    with this window is to go back to. Nothing changes where the tensor has another number of rows or of planes; the
    layer then says what is wrong."""
    if not isinstance(input, SparseConvNetTensor) or input._sites is not None or input._size is None:
        return
    metadata = input._known_metadata()
    strides, paddings = window.stride or [1] * window.dimension, window.padding or [0] * window.dimension
    axes = zip(input._size.tolist(), window.size, strides, paddings, window.dilation)
    finer = [(places - 1) * apart + step * (taps - 1) + 1 - 2 * pad for places, taps, apart, pad, step in axes]
    if metadata.dimension != window.dimension or min(finer) < 1 or metadata._knows(input._size.tolist()):
        return
    rows = input.features
    if not metadata._knows(finer) or rows is None or (planes is not None and rows.shape[-1] != planes):
        return
    sites = metadata._find(finer)
    trial = Metadata(metadata.dimension, finer, metadata._locations(sites), metadata.batch_size())
    _, reached = found_rules(library.scn_geometry_strided, trial, trial._first(), window)
    if trial._site_count(reached) == len(rows):
        found_rules(library.scn_geometry_strided, metadata, sites, window)


class ConvolutionOnto(_Convolution):
    """A convolution onto any sites: input * input_stride = output * output_stride + offset k of the filter.

    Called with two sparse tensors in a list, it convolves the first onto the sites of the second. Called with one, the
    result's sites are its own where strides are ones; floor(site / output_stride) where input_stride is 1, as in
    MinkowskiEngine; else all that are related to one of its sites. [sites in, nIn] -> [sites out, nOut].

    shape: 'centered', tap t of an axis is at (t - size / 2) * dilation; 'corner', at t * dilation; 'cross', the center,
    then the centered taps of each axis. Sizes are an integer or one for each axis. Weight, bias and `normalized` as in
    `SubmanifoldConvolution`; see `filter_offsets` for the weight's order.
    """

    __init__ = numpy_level.ConvolutionOnto.__init__

    shape: str
    input_stride: list[int]
    output_stride: list[int]
    filter_size: list[int]
    dilation: list[int]

    def _take(self, arguments: dict[str, Any]) -> None:
        super()._take(arguments)
        self._offsets = filter_offsets(self.dimension, self.filter_size, self.shape, dilation=self.dilation)
        self._make_parameters(len(self._offsets), 2.0 * self.groups)

    def forward(self, input: Union[SparseConvNetTensor, Sequence[SparseConvNetTensor]]) -> SparseConvNetTensor:
        """Return the convolution of a sparse tensor, or of the first of two onto the sites of the second."""
        tensors = list(input) if isinstance(input, (list, tuple)) else [input]
        if len(tensors) not in (1, 2):
            raise ShapeError(
                f"input: is a table of {len(tensors)}, expected a tensor and one on the sites of the result for "
                "ConvolutionOnto"
            )
        first, rows = self._sparse(tensors[0], self.nIn)
        sites = Sites.of(first)
        strides = {"input_stride": self.input_stride, "output_stride": self.output_stride}
        if len(tensors) == 2:
            other, _ = self._sparse(tensors[1], None)
            output = Sites._of(sites.metadata, sites._sibling(Sites.of(other), "input"))
        elif any(step != 1 for step in self.input_stride):
            output, _ = sites.covering(self._offsets, **strides)
        else:
            output = sites.floor(self.output_stride) if any(step != 1 for step in self.output_stride) else sites
        first._known_metadata()._reach(output._number)
        rulebook = sites.related(output, self._offsets, **strides)
        return self._along(first, rows, (rulebook._handle, output._number))


class PermutohedralSubmanifoldConvolution(_Convolution):
    """A convolution that keeps the sites: each reads itself and its d * (d + 1) nearest neighbors on the lattice A_d.

    [sites, nIn] -> [sites, nOut], with input = output + `permutohedral_offsets(dimension)[k]`. weight: [volume, groups,
    nIn / groups, nOut / groups], volume d * d + d + 1, initialized N(0, 2 / (nIn * volume)). bias: [nOut], zeros.
    normalized: as in `SubmanifoldConvolution`. Sites are lattice coordinates; `permutohedral_basis` gives them.
    """

    __init__ = numpy_permutohedral.PermutohedralSubmanifoldConvolution.__init__

    def _take(self, arguments: dict[str, Any]) -> None:
        super()._take(arguments)
        self._make_parameters(self.dimension * (self.dimension + 1) + 1, 2.0)

    def _rules(self, metadata: Metadata, sites: int) -> tuple[RulebookHandle, int]:
        return permutohedral_rules(metadata, sites)


def permutohedral_rules(metadata: Metadata, sites: int) -> tuple[RulebookHandle, int]:
    """Return the rulebook of the lattice's neighbors, and the site set, which stays."""
    return RulebookHandle.make(library.scn_geometry_permutohedral, metadata._handle, sites), sites


def permutohedral_basis(dimension: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a basis of the lattice A_d and its inverse, both [dimension, dimension].

    The rows of the basis have length 1 and meet at 60 degrees. `points @ inverse`, rounded, are the coordinates of the
    sites that `PermutohedralSubmanifoldConvolution` works on.
    """
    basis, inverse = numpy_permutohedral.permutohedral_basis(dimension)
    return torch.from_numpy(basis), torch.from_numpy(inverse)


def permutohedral_offsets(dimension: int) -> torch.Tensor:
    """Return the filter offsets of `PermutohedralSubmanifoldConvolution`, [d * d + d + 1, d], in the weight's order."""
    return torch.from_numpy(numpy_permutohedral.permutohedral_offsets(dimension))


class ShapeContext(Layer):
    """Puts the features of a site's neighborhood side by side: [sites, nIn] -> [sites, nIn * volume], same sites.

    Plane k * nIn + p is plane p under offset k of a submanifold filter, 0 where there is no site. filter_size: an
    integer or one for each axis.
    """

    __init__ = numpy_shape_context.ShapeContext.__init__

    nIn: int

    def _take(self, arguments: dict[str, Any]) -> None:
        size = arguments.pop("filter_size")
        super()._take(arguments)
        self._window = Window(self.dimension, size, None, None, 1, "filter")
        self.filter_volume = self._window.volume
        self.nOut = self.nIn * self.filter_volume

    def _complete(self) -> None:
        self._buffers.pop("weight", None)
        if "_window" not in self.__dict__:
            self._window = Window(self.dimension, self.__dict__.pop("filter_size"), None, None, 1, "filter")

    @property
    def filter_size(self) -> torch.Tensor:
        """The filter's size, [dimension] int64."""
        return long_tensor(self._window.size)

    @property
    def weight(self) -> torch.Tensor:
        """The unit matrix that SparseConvNet multiplies with, [volume, nIn, nOut]; it is not state here."""
        return torch.eye(self.nOut).view(self.filter_volume, self.nIn, self.nOut)

    def forward(self, input: SparseConvNetTensor) -> SparseConvNetTensor:
        """Return the neighborhoods of a sparse tensor's sites."""
        input, rows = self._sparse(input, self.nIn)
        metadata, sites = input._known_metadata(), input._site_set()
        rulebook, _ = submanifold_rules(metadata, sites, self._window)
        result = shape_context(prepared(rows), rulebook, rows.shape[0], self.filter_volume)
        return input._on(typed_like(result, rows))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *arguments: Any) -> None:
        # SparseConvNet's has a weight, a unit matrix, which carries no information.
        state_dict.pop(prefix + "weight", None)
        super()._load_from_state_dict(state_dict, prefix, *arguments)

    def extra_repr(self) -> str:
        return f"{self.dimension}, {self.nIn} -> {self.nOut}, filter_size={short(self.filter_size)}"
