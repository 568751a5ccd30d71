"""Into sparse tensors and out of them."""

from __future__ import annotations

import warnings
from typing import Any, Optional, cast

import numpy as np
import torch

from ..._messages import wrong_shape, wrong_value
from ..._native.arrays import address, flag, int64, int64s
from ..._native.generated import SCN_INPUT_FIRST, SCN_INPUT_LAST, SCN_INPUT_UNIQUE
from ..._native.handles import GeometryHandle
from ..._native.library import library
from ...errors import CoordinateError, StateError
from ...nn import input_output as numpy_level
from ...values.metadata import coordinate_rows
from ..autograd.buffers import as_tensor, host_array, is_computed_by_library, prepared, require_values, typed_like
from ..functions import dense_to_sparse, input_rows, output_rows, sparse_to_dense
from ..metadata import Metadata
from ..sparse import SparseConvNetTensor, sparse_on
from .layer import Layer, long_tensor

__all__ = [
    "BLInputLayer",
    "BLOutputLayer",
    "DenseToSparse",
    "InputLayer",
    "InputLayerInput",
    "InputModeWarning",
    "OutputLayer",
    "SparseToDense",
    "swap_input_modes",
]


class InputModeWarning(UserWarning):
    """An `InputLayer` of mode 1 or 2 met a duplicate, which SparseConvNet treats differently than documented."""


_modes_are_swapped: Optional[bool] = None
_SWAPPED = {SCN_INPUT_LAST: SCN_INPUT_FIRST, SCN_INPUT_FIRST: SCN_INPUT_LAST}


def swap_input_modes(swapped: Optional[bool]) -> None:
    """Set what modes 1 and 2 of every `InputLayer` mean.

    False: what SparseConvNet documents: 1 keeps the last row at a site, 2 the first. True: what SparseConvNet does: 1
    keeps the first, 2 the last. None, the default: like False, with an `InputModeWarning` once, if it makes a
    difference.
    """
    global _modes_are_swapped
    if swapped not in (None, True, False):
        raise wrong_value("swapped", swapped, "True, False or None")
    _modes_are_swapped = swapped


def _warn_of_duplicates(metadata: Metadata, mode: int) -> None:
    global _modes_are_swapped
    if mode in _SWAPPED and _modes_are_swapped is None and metadata._site_count(0) < metadata._input_row_count():
        _modes_are_swapped = False
        kept, other = ("last", "first") if mode == SCN_INPUT_LAST else ("first", "last")
        warnings.warn(
            f"several rows name one site: mode {mode} keeps the {kept} one, as documented; SparseConvNet keeps the "
            f"{other} one. scn.torch.swap_input_modes(True) does as SparseConvNet, swap_input_modes(False) silences this",
            InputModeWarning,
            stacklevel=6,
        )


class InputLayerInput(numpy_level.InputLayerInput):
    """The coordinates and features that an `InputLayer` takes."""

    __slots__ = ()

    @property
    def x(self) -> list[Any]:
        """The coordinates and the features, as SparseConvNet keeps them."""
        return [self.coords, self.features]

    def cpu(self) -> InputLayerInput:
        """Return this input with its features in the memory of the CPU."""
        return self._moved(as_tensor(self.features, "features").cpu())

    def cuda(self) -> InputLayerInput:
        """Return this input with its features on the GPU. Coordinates are read where they are."""
        return self._moved(as_tensor(self.features, "features").cuda())

    def _moved(self, features: torch.Tensor) -> InputLayerInput:
        return self if features is self.features else type(self)(self.coords, features)


class _Entering(Layer):
    """Shared base of layers that turn points into sparse tensors."""

    spatial_size: Optional[torch.Tensor]
    mode: int

    __init__ = numpy_level._Entering.__init__

    def _take(self, arguments: dict[str, Any]) -> None:
        size = arguments["spatial_size"]
        super()._take({**arguments, "spatial_size": None if size is None else long_tensor(size)})
        self.device: Any = None

    def to(self, *arguments: Any, **options: Any) -> Any:
        """Note the device that features are to be on, as SparseConvNet's input layers do; return this layer.

        Other arguments go to `torch.nn.Module.to`.
        """
        given = options.get("device", arguments[0] if arguments else None)
        if isinstance(given, (str, int, torch.device)):
            self.device = given
        return super().to(*arguments, **options)

    def _entering(self, features: torch.Tensor) -> torch.Tensor:
        """Return features as layers take them, on the device that they are to be on."""
        return prepared(features if self.device is None else features.to(self.device))

    def extra_repr(self) -> str:
        size = None if self.spatial_size is None else self.spatial_size.tolist()
        return f"{self.dimension}, spatial_size={size}, mode={self.mode}"


class InputLayer(_Entering):
    """Turns points into a `SparseConvNetTensor`: call it with [coords, features] or [coords, features, batch_size].

    spatial_size: the size of the grid, an integer or one for each axis; None for a field without bounds, in which
    coordinates may be negative and strides round down. lower: where the grid begins, an integer or one for each axis;
    None for zeros. mode: what becomes of rows that name the same site. 0: they are an error; 1: the last one wins; 2:
    the first one wins; 3: their sum; 4: their mean. (See `swap_input_modes`.) keep_outside: whether points may lie
    outside of the grid, as in SparseConvNet; layers that keep sites keep these, those with strides and `SparseToDense`
    leave them out. truncate: whether the fraction of a coordinate is left out, as in SparseConvNet: -0.6 and 0.9 become
    0; else it is an error.

    coords: whole numbers [rows, dimension] or [rows, dimension + 1] with the batch index last. features: [rows,
    planes]; gradients flow into them. batch_size: a lower bound, for trailing samples without points. Raises
    `CoordinateError`, which names the row, if a site is out of range or (mode 0) duplicate.
    """

    lower: Optional[list[int]]
    keep_outside: bool
    # Also of layers that were pickled before it was an argument.
    truncate: bool = False

    def __init__(
        self,
        dimension: int,
        spatial_size: Any,
        mode: int = 3,
        *,
        lower: Any = None,
        keep_outside: bool = False,
        truncate: bool = False,
    ) -> None:
        numpy_level.InputLayer.__init__(
            cast(Any, self), dimension, spatial_size, mode, lower=lower, keep_outside=keep_outside
        )
        self.truncate = flag(truncate, "truncate")

    def _complete(self) -> None:
        super()._complete()
        self.__dict__.setdefault("lower", None)
        self.__dict__.setdefault("keep_outside", False)

    def extra_repr(self) -> str:
        truncate = ", truncate=True" if self.truncate else ""
        return super().extra_repr() + numpy_level.field_repr(self) + truncate

    def forward(self, input: Any) -> SparseConvNetTensor:
        """Return the sparse tensor of [coords, features] or [coords, features, batch_size]."""
        coords, values, *rest = numpy_level.parts_of(input, "[coords, features]", "[coords, features, batch_size]")
        found = _host(coords)
        where = coordinate_rows(np.trunc(found) if self.truncate and found.dtype.kind == "f" else found, "coords")
        features = as_tensor(values, "features")
        rows = self._entering(features)
        if rows.ndim != 2 or rows.shape[0] != len(where):
            raise wrong_shape("features", rows.shape, f"[{len(where)}, planes]")
        samples = numpy_level.batch_size_of(rest)
        size = None if self.spatial_size is None else self.spatial_size.tolist()
        metadata = Metadata(self.dimension, size, where, samples, self._mode_now(), self.lower, self.keep_outside)
        _warn_of_duplicates(metadata, self.mode)
        result = input_rows(rows, metadata._handle, metadata._site_count(0))
        return sparse_on(typed_like(result, features), metadata, 0)

    def _mode_now(self) -> int:
        """Return the mode by its documented meaning, see `swap_input_modes`."""
        return _SWAPPED.get(self.mode, self.mode) if _modes_are_swapped else self.mode


class BLInputLayer(_Entering):
    """Turns samples of one length into a `SparseConvNetTensor`: call it with [coords, features].

    coords: whole numbers [batch, length, dimension]; a row whose first coordinate is negative is padding. features:
    [batch, length, planes]; gradients flow into them. spatial_size and mode: as in `InputLayer`, modes 1 and 2 as
    documented. Raises `CoordinateError`, which names the row, if a site is out of range or (mode 0) duplicate.
    """

    def forward(self, input: Any) -> SparseConvNetTensor:
        """Return the sparse tensor of [coords, features]."""
        coords, values = numpy_level.parts_of(input, "[coords, features]")
        where = int64(_host(coords), "coords", CoordinateError)
        if where.ndim != 3 or where.shape[2] != self.dimension:
            raise wrong_shape("coords", where.shape, f"[batch, length, {self.dimension}]")
        features = as_tensor(values, "features")
        rows, (samples, length, _) = self._entering(features), where.shape
        if rows.ndim != 3 or rows.shape[:2] != where.shape[:2]:
            raise wrong_shape("features", rows.shape, f"[{samples}, {length}, planes]")
        assert self.spatial_size is not None, "a BLInputLayer has a spatial size"
        create, size = library.scn_geometry_create_batched, int64s(self.spatial_size.tolist())
        handle = GeometryHandle.make(create, self.dimension, size, address(where), samples, length, self.mode)
        metadata = Metadata._of(handle, self.mode, length)
        flat = rows.reshape(samples * length, rows.shape[2])
        result = input_rows(flat, handle, metadata._site_count(0))
        return sparse_on(typed_like(result, features), metadata, 0)


class _Leaving(Layer):
    __init__ = numpy_level.OutputLayer.__init__

    def _output_rows(self, input: Any, entry: str) -> tuple[torch.Tensor, Metadata]:
        """Return a row for each row of the input; entry: the layer that must have made the sites."""
        input, rows = self._sparse(input)
        metadata = input._known_metadata()
        batched = entry == "BLInputLayer"
        if input._site_set() != 0 or metadata._mode is None or (metadata._length is not None) != batched:
            raise StateError(f"input: has other sites, expected those of the {entry} for {type(self).__name__}")
        result = output_rows(prepared(rows), metadata._handle, metadata._input_row_count())
        return typed_like(result, rows), metadata


class OutputLayer(_Leaving):
    """Gives every row of the input layer's points the vector of its site: [rows, planes].

    In modes 1 and 2 of the input layer only the winning row gets it; the others get zeros. If the input layer's mode is
    0, other sites are allowed too, those after a `Convolution` for example: the result is then a copy of the features.
    """

    def forward(self, input: SparseConvNetTensor) -> torch.Tensor:
        """Return a row for each row of the input, or for each site."""
        if isinstance(input, SparseConvNetTensor) and input._site_set() != 0:
            metadata = input._known_metadata()
            if metadata._mode == SCN_INPUT_UNIQUE and metadata._length is None:
                self._sparse(input)
                features = input.features
                assert features is not None, "a tensor that layers take has features"
                return features.clone()
        return self._output_rows(input, "InputLayer")[0]


class BLOutputLayer(_Leaving):
    """Gives every row of a `BLInputLayer`'s coords the vector of its site: [batch, length, planes].

    Zeros for padding and, in modes 1 and 2 of the input layer, for rows that did not win.
    """

    def forward(self, input: SparseConvNetTensor) -> torch.Tensor:
        """Return a row for each row of the input's samples."""
        rows, metadata = self._output_rows(input, "BLInputLayer")
        return rows.reshape(metadata.batch_size(), metadata._length or 0, rows.shape[1])


class SparseToDense(_Leaving):
    """Makes a tensor [batch, nPlanes, ...spatial size], zeros where there is no site."""

    nPlanes: int

    __init__ = numpy_level.SparseToDense.__init__

    def forward(self, input: SparseConvNetTensor) -> torch.Tensor:
        """Return the dense tensor."""
        input, rows = self._sparse(input)
        if rows.shape[0]:
            self._check(rows, self.nPlanes)
        metadata, sites = input._known_metadata(), input._site_set()
        size = metadata._spatial_size(sites).tolist()
        if not rows.shape[0]:
            rows = rows.reshape(0, self.nPlanes) if rows.shape[1] == self.nPlanes else rows.new_empty(0, self.nPlanes)
        shape = (metadata.batch_size(), self.nPlanes, *size)
        return typed_like(sparse_to_dense(prepared(rows), metadata._handle, sites, shape), rows)


class DenseToSparse(_Leaving):
    """Turns a tensor [batch, planes, ...spatial size] into a sparse one: a site wherever a plane is not 0."""

    def forward(self, input: torch.Tensor) -> SparseConvNetTensor:
        """Return the sparse tensor."""
        dense = as_tensor(input, "input")
        values = prepared(dense, "input")
        if values.ndim != self.dimension + 2:
            expected = f"batch, planes and {self.dimension} axes for DenseToSparse"
            raise wrong_shape("input", values.shape, expected)
        samples, planes, *size = values.shape
        create = library.scn_geometry_create_dense
        # Small numbers of wider types are no zeros.
        filled = values if is_computed_by_library(values) else (values != 0).cpu().float().contiguous()
        place = (int64s(size), filled.data_ptr(), samples, planes, filled.numel())
        metadata = Metadata._of(GeometryHandle.make(create, self.dimension, *place))
        rows = dense_to_sparse(values, metadata._handle, metadata._site_count(0))
        return sparse_on(typed_like(rows, dense), metadata, 0)


def _host(coords: Any) -> Any:
    """Return coordinates in a form that numpy can read."""
    if isinstance(coords, torch.Tensor):
        require_values()
        return host_array(coords, "coords")
    return np.asarray(coords)
