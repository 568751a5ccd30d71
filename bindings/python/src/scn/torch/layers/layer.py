"""The shared base of the layers of scn.torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Callable, Optional

import torch
from torch import nn

from ..._messages import wrong_shape, wrong_type
from ..._native.arrays import int64s, sizes
from ..._native.generated import Filter
from ..._native.handles import ModuleHandle
from ..._native.library import library
from ..._native.scope import without_generator
from ...errors import ShapeError
from ...nn.layer import input_size_of
from ...nn.layer_types import Typed, described
from ..autograd.buffers import is_bfloat16, not_traced, prepared, rounded, typed_like
from ..sparse import SparseConvNetTensor

__all__ = ["Layer"]


class Layer(Typed, nn.Module):
    """A layer of sparse tensors."""

    dimension: int

    def _make(self, given: dict[str, Any]) -> None:
        """Take arguments by name, checked and completed by the library, and make the parameters."""
        nn.Module.__init__(self)
        self._take(self._type.completed({name: plain_size(value) for name, value in given.items()}))

    def _take(self, arguments: dict[str, Any]) -> None:
        """Take arguments that were checked."""
        self.__dict__.update(arguments)

    def extra_repr(self) -> str:
        return described(self, self._type)

    def input_spatial_size(self, out_size: Any) -> Any:
        """Return the input spatial size that yields `out_size`, a tensor [dimension] of int64; a number for a number
        where the layer has no dimension of its own."""
        size = size_of(out_size, self.__dict__.get("dimension"))
        return size if "dimension" in self.__dict__ or torch.as_tensor(out_size).ndim else int(size)

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state)
        self._complete()

    def _complete(self) -> None:
        """Add what is missing in a layer that SparseConvNet pickled, in a whole model written by `torch.save`."""

    def __prepare_scriptable__(self) -> Any:
        """Raise `UnsupportedError`: torch.jit.script asks for what it is to compile."""
        raise not_traced()

    def _sparse(self, input: Any, planes: Optional[int] = None) -> tuple[SparseConvNetTensor, torch.Tensor]:
        """Return the input and its sorted rows, both checked. planes: how many it must have."""
        if not isinstance(input, SparseConvNetTensor):
            raise wrong_type("input", input, f"a SparseConvNetTensor for {type(self).__name__}")
        rows = input._sorted()
        dimension, found = self.__dict__.get("dimension"), input._known_metadata().dimension
        # Rules of other sites would reach beyond the weights, of which the library gets only an address.
        if dimension is not None and found != dimension:
            raise ShapeError(f"input: has dimension {found}, expected {dimension} for {type(self).__name__}")
        self._check(rows, planes)
        return input, rows

    def _check(self, rows: torch.Tensor, planes: Optional[int]) -> None:
        if rows.ndim != 2 or (planes is not None and rows.shape[1] != planes):
            wanted = "planes" if planes is None else planes
            raise wrong_shape("input", rows.shape, f"[n, {wanted}] for {type(self).__name__}")

    def _map(
        self,
        input: Any,
        function: Callable[[torch.Tensor], torch.Tensor],
        planes: Optional[int] = None,
        takes_bfloat16: bool = False,
    ) -> Any:
        """Apply a function of `prepared` rows, in whatever order, to a sparse tensor or to a matrix.

        takes_bfloat16: whether rows of that type on the CPU stay what they are.
        """

        def change(rows: torch.Tensor) -> torch.Tensor:
            self._check(rows, planes)
            is_kept = takes_bfloat16 and is_bfloat16(rows)
            return typed_like(function(rounded(rows) if is_kept else prepared(rows)), rows)

        if isinstance(input, torch.Tensor):
            return change(input)
        if not isinstance(input, SparseConvNetTensor):
            raise wrong_type("input", input, f"a SparseConvNetTensor or a torch.Tensor for {type(self).__name__}")
        return input._like(change)


def size_of(value: Any, dimension: Optional[int] = None, name: str = "out_size") -> torch.Tensor:
    """Return a size for each axis as a tensor of int64. It is on the CPU, even in a model that is made without
    memory."""
    given = torch.as_tensor(value, device="cpu")
    axes = max(1, given.numel()) if dimension is None else dimension
    return long_tensor(sizes(given.tolist(), axes, name))


def long_tensor(numbers: Optional[Sequence[int]]) -> torch.Tensor:
    """Return sizes as SparseConvNet's layers show them: an int64 tensor of its own, in the memory of the CPU."""
    return torch.tensor(numbers or [], dtype=torch.int64, device="cpu")


class Windowed(Layer):
    """Shared base of layers that change the spatial size."""

    def _planes(self) -> dict[str, int]:
        """Return the arguments for numbers of planes, as small as possible: they do not affect sizes."""
        return {}

    def input_spatial_size(self, out_size: Any) -> torch.Tensor:
        """Return the input spatial size that yields `out_size`, a tensor [dimension] of int64."""
        arguments = {argument.name: plain_size(getattr(self, argument.attribute)) for argument in self._type.arguments}
        with without_generator():
            text = self._type.architecture({**arguments, **self._planes()})
            handle = ModuleHandle.make(library.scn_module_create, text)
        return torch.from_numpy(input_size_of(handle, self.dimension, plain_size(out_size)))


class Window:
    """A filter that a layer moves over the sites: its arguments, checked."""

    # Also of layers that were pickled before it was an argument.
    round_down: bool = False

    def __init__(
        self, dimension: int, size: Any, stride: Any, padding: Any, dilation: Any, names: str, round_down: bool = False
    ) -> None:
        self.dimension, self.round_down = dimension, round_down
        self.size = sizes(plain_size(size), dimension, f"{names}_size")
        self.stride = None if stride is None else sizes(plain_size(stride), dimension, f"{names}_stride")
        self.padding = None if padding is None else sizes(plain_size(padding), dimension, "padding")
        self.dilation = sizes(plain_size(dilation), dimension, "dilation")

    def filter(self) -> Filter:
        """Return the struct that the library takes."""
        stride, padding, dilation = (
            None if part is None else int64s(part) for part in (self.stride, self.padding, self.dilation)
        )
        return Filter(
            dimension=self.dimension,
            size=int64s(self.size),
            stride=stride,
            padding=padding,
            dilation=dilation,
            rounds_down=int(self.round_down),
        )

    @property
    def volume(self) -> int:
        """The number of filter offsets."""
        return math.prod(self.size)


def plain_size(value: Any) -> Any:
    """Return a size, which may be a tensor, as integers."""
    return value.tolist() if isinstance(value, torch.Tensor) else value
