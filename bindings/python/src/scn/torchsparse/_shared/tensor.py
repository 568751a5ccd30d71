"""Sparse tensors and point tensors, as far as the forms of torchsparse agree on them."""

from __future__ import annotations

from typing import Any, ClassVar, Optional, TypeVar

import torch

from ..._messages import wrong_shape, wrong_type
from ...dialects.rows import Rows
from ..utils.utils import make_ntuple
from .forms import Form

__all__ = ["BasePointTensor", "BaseTensor"]

Self = TypeVar("Self", bound="BaseTensor")
PointSelf = TypeVar("PointSelf", bound="BasePointTensor")


class BaseTensor:
    """Features at sites.

    feats: [sites, planes]. coords: [sites, 4] whole numbers, a row for each row of feats. stride: a number, or one for
    each axis. Neither is looked at before a layer needs it; what layers need is that each site comes once. All may be
    assigned.
    """

    form: ClassVar[Form]

    def __init__(self, feats: Any, coords: Any, stride: Any = 1) -> None:
        # Where layers made the features, they are in the engine's order of some rows until a program asks for them.
        # One value, so that threads that ask at the same time see both or neither.
        self._held_in: tuple[Any, Optional[Rows]] = feats, None
        self._coords: Any = coords
        self.stride: tuple[int, ...] = make_ntuple(stride, ndim=3)

    @property
    def feats(self) -> Any:
        """The features, [sites, planes], a row for each row of `coords`."""
        held, rows = self._held_in
        if rows is not None:
            if rows.order is not None:
                held = _shown(rows, held)
            self._held_in = held, None
        return held

    @feats.setter
    def feats(self, feats: Any) -> None:
        self._held_in = feats, None

    @property
    def coords(self) -> Any:
        """The coordinates, [sites, 4]."""
        return self._coords

    @coords.setter
    def coords(self, coords: Any) -> None:
        self._coords = coords

    @property
    def F(self) -> Any:
        """The features, as `feats`."""
        return self.feats

    @F.setter
    def F(self, feats: Any) -> None:
        self.feats = feats

    @property
    def C(self) -> Any:
        """The coordinates, as `coords`."""
        return self.coords

    @C.setter
    def C(self, coords: Any) -> None:
        self.coords = coords

    @property
    def s(self) -> tuple[int, ...]:
        """The stride, as `stride`, one number for each axis."""
        return self.stride

    @s.setter
    def s(self, stride: Any) -> None:
        self.stride = make_ntuple(stride, ndim=3)

    def cpu(self: Self) -> Self:
        """Move features and coordinates to the CPU, and return this tensor."""
        return self.to("cpu", non_blocking=False)

    def cuda(self: Self) -> Self:
        """Move features and coordinates to the GPU, and return this tensor."""
        self.coords, self.feats = self.coords.cuda(), self.feats.cuda()
        return self

    def half(self: Self) -> Self:
        """Convert the features to float16, and return this tensor."""
        self.feats = self.feats.half()
        return self

    def detach(self: Self) -> Self:
        """Cut features and coordinates off from the graph that made them, and return this tensor."""
        self.coords, self.feats = self.coords.detach(), self.feats.detach()
        return self

    def to(self: Self, device: Any, non_blocking: bool = True) -> Self:
        """Move features and coordinates to a device, and return this tensor."""
        self.coords = self.coords.to(device, non_blocking=non_blocking)
        self.feats = self.feats.to(device, non_blocking=non_blocking)
        return self

    def __repr__(self) -> str:
        shape = list(getattr(self._held_in[0], "shape", []))
        return f"{type(self).__name__}(feats={shape}, stride={self.stride})"

    def __getstate__(self) -> dict[str, Any]:
        _ = self.feats  # They leave in the order of the program.
        return self.__dict__

    # What layers use

    def _like(self, held: Any, order_of: Optional[Rows] = None) -> Any:
        """Return a tensor on the same sites with the same caches. held: features, in the engine's order of the rows
        order_of, or in the program's if that is None."""
        raise NotImplementedError

    def _fresh(self, feats: Any, coords: Any, stride: Any) -> Any:
        """Return a tensor with caches of its own."""
        raise NotImplementedError

    def _made(self, held: Any, order_of: Optional[Rows], coords: Any, stride: Any, spatial_range: Any) -> Any:
        """Return a tensor on other sites with the same caches."""
        raise NotImplementedError

    def _maps(self) -> dict[Any, Any]:
        """Return the maps that tensors with the same caches share."""
        raise NotImplementedError

    def _sites_of(self, stride: Any) -> Any:
        """Return the coordinates and the spatial range of a stride, None if the caches know none."""
        raise NotImplementedError

    def _remember(self) -> None:
        """Put the coordinates into the caches, where they have none of this stride."""
        raise NotImplementedError

    def _replace_sites(self) -> None:
        """Put the coordinates into the caches in place of all that they know of this stride, and forget all maps."""
        raise NotImplementedError

    def _map(self, function: Any) -> Any:
        """Return a tensor with what a function, which knows nothing of the order of rows, makes of the features."""
        held, rows = self._held_in
        return self._like(function(held), rows)

    def _joined(self, function: Any, others: list[Any]) -> Any:
        """Return a tensor with what a function makes of the features of this tensor and of others on its sites."""
        given = [getattr(tensor, "_held_in", (None, None)) for tensor in (self, *others)]
        rows = given[0][1]
        if rows is not None and all(order_of is rows for _, order_of in given):
            return self._like(function([held for held, _ in given]), rows)
        return self._like(function([self.feats, *(other.feats for other in others)]))

    def _sorted(self, rows: Rows) -> torch.Tensor:
        """Return the features in the engine's order of the sites."""
        held, order_of = self._held_in
        if order_of is rows:
            return held  # type: ignore[no-any-return]
        return rows.sorted(self.feats, "feats")

    def _samples(self) -> torch.Tensor:
        """Return the sample of each row, [sites]."""
        coords = self.coords
        if not isinstance(coords, torch.Tensor):
            raise wrong_type("coords", coords, "a torch.Tensor")
        sites = len(self._held_in[0])
        if coords.ndim != 2 or coords.shape[1] != 4 or len(coords) != sites:
            raise wrong_shape("coords", coords.shape, [sites, 4])
        return coords[:, self.form.batch_column]

    def __add__(self, other: Any) -> Any:
        """Return the sum of the features of two tensors on the same sites, in the same order."""
        return self._joined(lambda features: features[0] + features[1], [other])


class BasePointTensor:
    """Features F [points, planes] at points C [points, 4], and which sites each point met.

    idx_query, weights: dictionaries by stride, for programs that keep what they found; `additional_features` has two
    more, 'idx_query' and 'counts'.
    """

    def __init__(self, feats: Any, coords: Any, idx_query: Any = None, weights: Any = None) -> None:
        self.F, self.C = feats, coords
        self.idx_query = {} if idx_query is None else idx_query
        self.weights = {} if weights is None else weights
        self.additional_features: dict[str, Any] = {"idx_query": {}, "counts": {}}

    def cuda(self: PointSelf) -> PointSelf:
        """Move features and points to the GPU, and return this tensor."""
        self.F, self.C = self.F.cuda(), self.C.cuda()
        return self

    def detach(self: PointSelf) -> PointSelf:
        """Cut features and points off from the graph that made them, and return this tensor."""
        self.F, self.C = self.F.detach(), self.C.detach()
        return self

    def to(self: PointSelf, device: Any, non_blocking: bool = True) -> PointSelf:
        """Move features and points to a device, and return this tensor."""
        self.F = self.F.to(device, non_blocking=non_blocking)
        self.C = self.C.to(device, non_blocking=non_blocking)
        return self

    def __add__(self, other: Any) -> Any:
        """Return the sum of the features of two tensors of the same points."""
        result = type(self)(self.F + other.F, self.C, self.idx_query, self.weights)
        result.additional_features = self.additional_features
        return result


def _shown(rows: Rows, held: torch.Tensor) -> torch.Tensor:
    if not held.requires_grad:
        return rows.shown(held)
    # They keep their graph where a program asks for them while it records none.
    with torch.inference_mode(False), torch.enable_grad():
        return rows.shown(held)
