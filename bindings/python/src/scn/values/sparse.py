"""Sparse tensors: features on the sites of a grid."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from .._messages import missing_part
from .._native.arrays import FloatArray, IntArray, float32, sizes
from .._native.generated import (
    SCN_ARITHMETIC_ADD,
    SCN_ARITHMETIC_DIVIDE,
    SCN_ARITHMETIC_MULTIPLY,
    SCN_ARITHMETIC_SUBTRACT,
    SCN_SITES_UNION,
)
from .._native.handles import GeometryHandle, TensorHandle
from .._native.library import library
from .metadata import Metadata, optional_metadata
from .tensor import Tensor
from .value import Value

__all__ = ["SparseConvNetTensor"]


class SparseConvNetTensor(Value):
    """Features [sites, planes] on the active sites of a grid.

    Made by input layers, or from its parts: `features` (a `Tensor` or an array), `metadata` (where the sites are) and
    `spatial_size` (which of the metadata's sites the rows are). Every part can be assigned. Rows are sorted by batch
    index, then by coordinates, the last axis fastest.
    """

    __slots__ = ("_features", "_handle", "_metadata", "_sites", "_spatial_size")

    def __init__(self, features: Any = None, metadata: Metadata | None = None, spatial_size: Any = None) -> None:
        self._handle: TensorHandle | None = None
        self._features: Tensor | None = None
        self._metadata = optional_metadata(metadata)
        self._sites: int | None = None
        self._spatial_size: Any = None
        self.spatial_size = spatial_size
        self.features = features

    @classmethod
    def _of(cls, handle: TensorHandle) -> SparseConvNetTensor:
        self = cls.__new__(cls)
        self._handle = handle
        self._features = self._metadata = self._sites = self._spatial_size = None
        return self

    def _native_handle(self) -> TensorHandle:
        if self._handle is None:
            features, metadata = self._features, self._metadata
            if features is None:
                raise missing_part("features", "a Tensor")
            if metadata is None:
                raise missing_part("metadata", "a Metadata")
            sites = self._site_set()
            self._handle = TensorHandle.make(library.scn_sparse_create, metadata._handle, sites, features._handle)
        return self._handle

    def _wrap(self, handle: TensorHandle) -> SparseConvNetTensor:
        return SparseConvNetTensor._of(handle)

    def _constant(self, values: Any) -> TensorHandle:
        handle = self._native_handle()
        features = Tensor(np.broadcast_to(float32(values), self.numpy().shape))
        return TensorHandle.make(library.scn_tensor_with_features, handle, features._handle)

    def _load_geometry(self) -> None:
        """Ask the library where the rows are, once."""
        if self._metadata is None and self._handle is not None:
            out, sites = ctypes.c_void_p(), ctypes.c_int32()
            library.scn_tensor_geometry(self._handle, ctypes.byref(out), ctypes.byref(sites))
            assert out.value is not None, "the library returned no geometry"
            self._metadata = Metadata._of(GeometryHandle(out.value))
            self._sites = sites.value

    def _site_set(self) -> int:
        """Return which of the metadata's site sets the rows are on."""
        self._load_geometry()
        if self._metadata is None:
            raise missing_part("metadata", "a Metadata")
        if self._sites is None:
            self._sites = 0 if self._spatial_size is None else self._metadata._find(self._spatial_size)
        return self._sites

    @property
    def features(self) -> Tensor | None:
        """The features [sites, planes], a differentiable `Tensor`; assign a tensor or an array."""
        if self._features is None and self._handle is not None:
            self._features = Tensor._of(TensorHandle.make(library.scn_tensor_features, self._handle))
        return self._features

    @features.setter
    def features(self, features: Any) -> None:
        self._load_geometry()
        given = features if features is None or isinstance(features, Tensor) else Tensor(features)
        handle = None
        if given is not None and self._handle is not None:
            handle = TensorHandle.make(library.scn_tensor_with_features, self._handle, given._handle)
        self._features, self._handle = given, handle

    @property
    def metadata(self) -> Metadata | None:
        """Where the sites are, shared by all tensors derived from one input."""
        self._load_geometry()
        return self._metadata

    @metadata.setter
    def metadata(self, metadata: Metadata | None) -> None:
        kept, self._spatial_size = self.features, self.spatial_size
        self._metadata, self._features = optional_metadata(metadata), kept
        self._sites = self._handle = None

    @property
    def spatial_size(self) -> IntArray | None:
        """The size of the grid, int64 [dimension], read-only."""
        if self._spatial_size is None:
            self._load_geometry()
            if self._metadata is not None:
                self._spatial_size = self._metadata._spatial_size(self._site_set())
        return self._spatial_size

    @spatial_size.setter
    def spatial_size(self, spatial_size: Any) -> None:
        self._load_geometry()
        if spatial_size is not None:
            dimension = self._metadata.dimension if self._metadata else max(np.size(spatial_size), 1)
            spatial_size = np.array(sizes(spatial_size, dimension, "spatial_size"), np.int64)
            spatial_size.flags.writeable = False
            current = self.spatial_size
            if self._sites is not None and current is not None and np.array_equal(spatial_size, current):
                return
        self._features = self.features if self._handle is not None else self._features
        self._spatial_size, self._sites, self._handle = spatial_size, None, None

    @property
    def mask(self) -> Tensor | None:
        """The scores of all sites that went into the `Sparsify` that made this tensor; None if none did."""
        if self._handle is None:
            return None
        handle = TensorHandle.make_or_none(library.scn_tensor_mask, self._handle)
        return None if handle is None else Tensor._of(handle)

    def get_spatial_locations(self, spatial_size: Any = None) -> IntArray:
        """Return the coordinates of the rows, [sites, dimension + 1], batch index last.

        spatial_size: another size that the same metadata knows; `StateError` if it does not, or if two paths led there.
        """
        sites = self._site_set()
        assert self._metadata is not None
        return self._metadata._locations(sites if spatial_size is None else self._metadata._find(spatial_size))

    def batch_size(self) -> int:
        """Return the number of samples."""
        self._load_geometry()
        if self._metadata is None:
            raise missing_part("metadata", "a Metadata")
        return self._metadata.batch_size()

    # Sparse tensors on different sites meet on the union of these.

    def __add__(self, other: Any) -> SparseConvNetTensor:
        return self._united(other, SCN_ARITHMETIC_ADD) if _is_sparse(other) else super().__add__(other)

    def __sub__(self, other: Any) -> SparseConvNetTensor:
        return self._united(other, SCN_ARITHMETIC_SUBTRACT) if _is_sparse(other) else super().__sub__(other)

    def __mul__(self, other: Any) -> SparseConvNetTensor:
        return self._united(other, SCN_ARITHMETIC_MULTIPLY) if _is_sparse(other) else super().__mul__(other)

    def __truediv__(self, other: Any) -> SparseConvNetTensor:
        return self._united(other, SCN_ARITHMETIC_DIVIDE) if _is_sparse(other) else super().__truediv__(other)

    def _united(self, other: SparseConvNetTensor, operation: int) -> SparseConvNetTensor:
        handles = self._native_handle(), other._native_handle()
        return self._wrap(TensorHandle.make(library.scn_combine_sparse, *handles, operation, SCN_SITES_UNION))

    def sum(self) -> Tensor:
        """Return the sum of all features, rank 0."""
        return Tensor._of(TensorHandle.make(library.scn_tensor_sum, self._native_handle()))

    def __repr__(self) -> str:
        if self._handle is None and (self._features is None or self._metadata is None):
            return f"SparseConvNetTensor(features={self._features}, metadata={self._metadata})"
        sites, planes = self.numpy().shape
        size = self.spatial_size.tolist()  # type: ignore[union-attr]
        place = f"spatial_size={size}, batch_size={self.batch_size()}"
        end = ", requires_grad=True)" if self.requires_grad else ")"
        return f"SparseConvNetTensor(sites={sites}, planes={planes}, {place}{end}"

    def __deepcopy__(self, memo: Any) -> SparseConvNetTensor:
        """Return a copy with its own features on the same sites."""
        return _copied(self.numpy().copy(), self.metadata, self._site_set(), self.requires_grad)

    def __reduce__(self) -> Any:
        place = (self.spatial_size, self.get_spatial_locations(), self.batch_size())
        return _unpickled, (self.numpy().copy(), *place, self.requires_grad)


def _is_sparse(value: Any) -> bool:
    return isinstance(value, SparseConvNetTensor)


def _copied(features: FloatArray, metadata: Any, sites: int, requires_grad: bool) -> SparseConvNetTensor:
    result = SparseConvNetTensor(features, metadata)
    result._sites = sites
    return result.requires_grad_(requires_grad)


def _unpickled(
    features: FloatArray, spatial_size: IntArray, locations: IntArray, batch_size: int, requires_grad: bool
) -> SparseConvNetTensor:
    metadata = Metadata(len(spatial_size), spatial_size, locations, batch_size)
    return _copied(features, metadata, 0, requires_grad)
