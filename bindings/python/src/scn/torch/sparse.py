"""Sparse tensors: features on the sites of a grid."""

from __future__ import annotations

import copy
from numbers import Real
from typing import Any, Optional

import numpy as np
import torch

from .._messages import missing_part, wrong_shape, wrong_type
from .._native.arrays import sizes
from ..values import metadata as numpy_level
from .functions import permute
from .metadata import Metadata

__all__ = ["SparseConvNetTensor"]


class SparseConvNetTensor:
    """Features [sites, planes] on the active sites of a grid.

    Made by input layers, or from its parts: `features` (a torch tensor), `metadata` (where the sites are) and
    `spatial_size` (which of the metadata's sites the rows are). Every part can be assigned. On the sites of an input
    layer the rows of `features` are in the order in which the input first names each site (row for row, where it names
    each once); sites made by strides are sorted by sample, then by coordinates, the last axis fastest.
    """

    mask: Optional[torch.Tensor] = None
    """The scores of all sites that went into the `Sparsify` that made this tensor; None if none did."""

    def __init__(
        self,
        features: Optional[torch.Tensor] = None,
        metadata: Optional[Metadata] = None,
        spatial_size: Any = None,
    ) -> None:
        self._sites: Optional[int] = None
        self._size: Optional[torch.Tensor] = None
        self._metadata: Optional[Metadata] = None
        # What layers work on: sorted rows. None once a program has seen or set the rows in the order shown.
        self._rows: Optional[torch.Tensor] = None
        self._shown: Optional[torch.Tensor] = None
        self.metadata = metadata
        self.spatial_size = spatial_size
        self.features = features

    def _on(self, rows: torch.Tensor, sites: Optional[int] = None) -> SparseConvNetTensor:
        """Return a tensor with other sorted rows, on another site set of the same metadata or on the same."""
        return sparse_on(rows, self._known_metadata(), self._site_set() if sites is None else sites)

    def _alone(self) -> SparseConvNetTensor:
        """Return this tensor on metadata of its own, which knows only its sites."""
        sites = self._site_set()
        return sparse_on(self._sorted(), self._known_metadata()._alone(sites), sites)

    def _build(self) -> None:
        """Bring the parts up to date, in a subclass that makes them on first use."""

    def _known_metadata(self) -> Metadata:
        self._build()
        if self._metadata is None:
            raise missing_part("metadata", "a Metadata")
        return self._metadata

    def _site_set(self) -> int:
        """Return which site set of the metadata the rows are on."""
        self._build()
        if self._sites is None:
            metadata = self._known_metadata()
            self._sites = metadata._first() if self._size is None else metadata._find(self._size)
        return self._sites

    def _has_sites_of(self, other: SparseConvNetTensor) -> bool:
        """Return whether the rows are on the same sites of equally many samples, even if two inputs named them."""
        ours, theirs = self._known_metadata(), other._known_metadata()
        sites, others = self._site_set(), other._site_set()
        if ours._handle is theirs._handle and sites == others:
            return True
        return (
            ours.dimension == theirs.dimension
            and ours.batch_size() == theirs.batch_size()
            and ours._site_count(sites) == theirs._site_count(others)
            and ours._shares_field(sites, theirs, others)
            and np.array_equal(ours._locations(sites), theirs._locations(others))
        )

    def _sorted(self) -> torch.Tensor:
        """Return the rows as layers take them."""
        self._build()
        sorted_rows, rows = self._rows, self._shown
        if sorted_rows is not None:
            return sorted_rows
        if rows is None:
            raise missing_part("features", "a torch.Tensor")
        metadata, sites = self._known_metadata(), self._site_set()
        count = metadata._site_count(sites)
        if rows.ndim != 2 or rows.shape[0] != count:
            raise wrong_shape("features", rows.shape, f"[{count}, planes], a row for each site")
        order = metadata._order(sites)
        return rows if order is None else permute(rows, order.sorted, order.shown)

    @property
    def features(self) -> Optional[torch.Tensor]:
        """The values, [sites, planes]. Layers that get this sparse tensor from now on see in-place changes, and their
        gradients pass through this very tensor: ask for it before calling them to get its gradient.
        """
        self._build()
        rows = self._rows
        if rows is not None:
            order = self._known_metadata()._order(self._site_set())
            # Layers continue from what is shown: looking at it must not cut its history, whatever the current mode.
            with torch.inference_mode(rows.is_inference()), torch.enable_grad():
                self._shown = rows if order is None else permute(rows, order.shown, order.sorted)
            self._rows = None
        return self._shown

    @features.setter
    def features(self, features: Optional[torch.Tensor]) -> None:
        if features is not None and not isinstance(features, torch.Tensor):
            raise wrong_type("features", features, "a torch.Tensor")
        self._build()
        self._rows, self._shown = None, features

    @property
    def metadata(self) -> Optional[Metadata]:
        """Where the sites are."""
        self._build()
        return self._metadata

    @metadata.setter
    def metadata(self, metadata: Optional[Metadata]) -> None:
        if metadata is not None and not isinstance(metadata, Metadata):
            if not isinstance(metadata, numpy_level.Metadata):
                raise wrong_type("metadata", metadata, "a Metadata")
            metadata = Metadata._of(metadata._handle)
        self._settle()
        # The size stays; other metadata has other sites of that size.
        self._size = self.spatial_size
        self._metadata, self._sites = metadata, None

    @property
    def spatial_size(self) -> Optional[torch.Tensor]:
        """The size of the grid, [dimension] int64."""
        self._build()
        if self._size is None and self._metadata is not None:
            self._size = torch.from_numpy(self._metadata._spatial_size(self._site_set()).copy())
        return self._size

    @spatial_size.setter
    def spatial_size(self, spatial_size: Any) -> None:
        if spatial_size is not None:
            given = torch.as_tensor(spatial_size)
            dimension = self._metadata.dimension if self._metadata is not None else max(1, given.numel())
            spatial_size = torch.tensor(sizes(given.tolist(), dimension, "spatial_size"), dtype=torch.int64)
        self._settle()
        self._size, self._sites = spatial_size, None

    def _settle(self) -> None:
        """Keep the rows as they are shown, whatever happens to the sites."""
        self._build()
        if self._rows is not None:
            self._shown, self._rows = self.features, None

    def get_spatial_locations(self, spatial_size: Any = None) -> torch.Tensor:
        """Return the sites in the order of the rows, [sites, dimension + 1] int64, batch index last.

        spatial_size: another one, whose sites the metadata knows; `StateError` if it knows none or two of that size.
        """
        metadata = self._known_metadata()
        if spatial_size is None:
            return metadata._shown_locations(self._site_set())
        return metadata.get_spatial_locations(spatial_size)

    def batch_size(self) -> int:
        """Return the number of samples."""
        return self._known_metadata().batch_size()

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow into the features."""
        self._build()
        rows = self._rows if self._rows is not None else self._shown
        return rows is not None and rows.requires_grad

    def requires_grad_(self, requires_grad: bool = True) -> SparseConvNetTensor:
        """Set whether gradients are wanted for `features`, in place; return this tensor."""
        features = self.features
        if features is None:
            raise missing_part("features", "a torch.Tensor")
        features.requires_grad_(requires_grad)
        return self

    def _like(self, change: Any) -> SparseConvNetTensor:
        """Return a tensor on the same sites whose rows are a function of these, applied row by row."""
        self._build()
        result = SparseConvNetTensor.__new__(SparseConvNetTensor)
        result.__dict__.update(
            _sites=self._sites,
            _size=self._size,
            _metadata=self._metadata,
            _rows=None if self._rows is None else change(self._rows),
            _shown=None if self._rows is not None or self._shown is None else change(self._shown),
        )
        return result

    def _changed(self, change: Any) -> SparseConvNetTensor:
        """Return this tensor with all its values changed in the same way, those of the mask too."""
        result = self._like(change)
        if self.mask is not None:
            result.mask = change(self.mask)
        return result

    def detach(self) -> SparseConvNetTensor:
        """Return a tensor that shares the values and has no history."""
        return self._changed(torch.Tensor.detach)

    def _change(self, change: Any) -> SparseConvNetTensor:
        """Change all values of this tensor in the same way, as SparseConvNet does, and return it."""
        changed = self._changed(change)
        self._rows, self._shown = changed._rows, changed._shown
        if self.mask is not None:
            self.mask = changed.mask
        return self

    def to(self, *arguments: Any, **options: Any) -> SparseConvNetTensor:
        """Apply `torch.Tensor.to` to the features, in place; return this tensor."""
        return self._change(lambda rows: rows.to(*arguments, **options))

    def type(self, dtype: Any = None) -> Any:
        """Apply `torch.Tensor.type` to the features, in place; return this tensor. Without a type, return theirs."""
        if dtype is not None:
            return self._change(lambda rows: rows.type(dtype))
        self._build()
        rows = self._rows if self._rows is not None else self._shown
        if rows is None:
            raise missing_part("features", "a torch.Tensor")
        return rows.type()

    def cpu(self) -> SparseConvNetTensor:
        """Move the features to the memory of the CPU, in place; return this tensor."""
        return self._change(torch.Tensor.cpu)

    def cuda(self) -> SparseConvNetTensor:
        """Move the features to the GPU, in place; return this tensor."""
        return self._change(torch.Tensor.cuda)

    # Sparse tensors on different sites meet on the union of these; numbers meet every value.

    def __add__(self, other: Any) -> Any:
        return self._with(other, "add", lambda rows: rows + other)

    def __radd__(self, other: Any) -> Any:
        return self._with(other, "add", lambda rows: rows + other)

    def __sub__(self, other: Any) -> Any:
        return self._with(other, "subtract", lambda rows: rows - other)

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, "subtract", lambda rows: other - rows)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, "multiply", lambda rows: rows * other)

    def __rmul__(self, other: Any) -> Any:
        return self._with(other, "multiply", lambda rows: rows * other)

    def __truediv__(self, other: Any) -> Any:
        return self._with(other, "divide", lambda rows: rows / other)

    def _with(self, other: Any, operation: str, change: Any) -> Any:
        """Return what an operation makes of this tensor and another, or a change of all values by a number."""
        if isinstance(other, SparseConvNetTensor):
            from .functional import combine  # That module stands on this one.

            return combine(self, other, operation)
        return self._like(change) if isinstance(other, Real) else NotImplemented

    def __repr__(self) -> str:
        self._build()
        rows = self._rows if self._rows is not None else self._shown
        if rows is None or self._metadata is None or self._metadata._is_empty():
            return f"SparseConvNetTensor(features={rows}, metadata={self._metadata})"
        size = self.spatial_size
        place = f"spatial_size={[] if size is None else size.tolist()}, batch_size={self.batch_size()}"
        end = ", requires_grad=True)" if rows.requires_grad else ")"
        return f"SparseConvNetTensor(sites={rows.shape[0]}, planes={rows.shape[1:].numel()}, {place}{end}"

    def __copy__(self) -> SparseConvNetTensor:
        """Return a tensor with the same parts, which can be assigned without changing this one."""
        self._build()
        result = object.__new__(type(self))
        result.__dict__.update(self.__dict__)
        return result

    def __deepcopy__(self, memo: Any) -> SparseConvNetTensor:
        """Return a copy with its own features on the same sites."""
        result = self._changed(lambda rows: rows.detach().clone().requires_grad_(rows.requires_grad))
        # Its own, if a program fills it.
        result._metadata = copy.deepcopy(result._metadata, memo)
        return result

    def __reduce__(self) -> Any:
        features, metadata = _leaf(self.features), self._metadata
        rest = None if self.mask is None else {"mask": _leaf(self.mask)}
        if metadata is None:
            return SparseConvNetTensor, (features, None, self._size), rest
        if self._site_set() == metadata._first():
            return _unpickled, (features, metadata), rest
        size, samples = self.spatial_size, self.batch_size()
        assert size is not None, "a tensor with metadata has a spatial size"
        place = (metadata.dimension, size, self.get_spatial_locations(), samples)
        return _unpickled_at, (features, *place), rest


def sparse_on(rows: torch.Tensor, metadata: Metadata, sites: int) -> SparseConvNetTensor:
    """Return a tensor of sorted rows on a site set."""
    result = SparseConvNetTensor.__new__(SparseConvNetTensor)
    result.__dict__.update(_sites=sites, _size=None, _metadata=metadata, _rows=rows, _shown=None)
    return result


def _leaf(values: Optional[torch.Tensor]) -> Optional[torch.Tensor]:
    """Return values without a history, as pickling wants them."""
    if values is None or values.is_leaf:
        return values
    return values.detach().requires_grad_(values.requires_grad)


def _unpickled(features: torch.Tensor, metadata: Metadata) -> SparseConvNetTensor:
    result = SparseConvNetTensor(features, metadata)
    result._sites = 0
    return result


def _unpickled_at(
    features: torch.Tensor, dimension: int, size: torch.Tensor, locations: torch.Tensor, samples: int
) -> SparseConvNetTensor:
    return _unpickled(features, Metadata(dimension, size, locations, samples))
