"""What an `indice_key` names in a tensor's `indice_dict`: the rulebook of a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import torch

from ...dialects.rows import Rows, Rules
from ...errors import StateError
from .._errors import MisuseError
from ..core import ConvAlgo
from ._geometry import Filter, remember, rows_of
from ._pairs import pairs_of, table_of

__all__ = ["ImplicitGemmIndiceData", "IndiceData", "KeyedRules", "keyed", "same_sites"]


_NAMES = {"pairs": "indice_pairs", "counts": "indice_pair_num", "forward": "pair_fwd", "backward": "pair_bwd"}
"""By the name of a table, the attribute that it is."""


def _version(table: torch.Tensor) -> int:
    """Return how often a table was changed in place; tensors of inference mode do not count that."""
    return 0 if table.is_inference() else table._version


def same_sites(one: Rows, other: Rows) -> bool:
    """Return whether two sets of rows, each in any order, are at the same sites."""
    if one is other or len(one) != len(other):
        return one is other
    return bool((one.sites.coordinates == other.sites.coordinates).all())


class KeyedRules:
    """The sites before and after a layer, and the rules between them; tables of rules are made when a program looks at
    them."""

    def __init__(
        self,
        out_indices: torch.Tensor,
        indices: torch.Tensor,
        spatial_shape: Sequence[int],
        out_spatial_shape: Sequence[int],
        is_subm: bool,
        algo: ConvAlgo,
        ksize: Sequence[int],
        stride: Sequence[int],
        dilation: Sequence[int],
        padding: Sequence[int],
    ) -> None:
        self.out_indices, self.indices = out_indices, indices
        self.spatial_shape, self.out_spatial_shape = list(spatial_shape), list(out_spatial_shape)
        self.is_subm, self.algo = is_subm, algo
        self.ksize, self.stride, self.dilation, self.padding = list(ksize), list(stride), list(dilation), list(padding)
        self._is_transposed: Optional[bool] = False
        self._rules: Optional[Rules] = None
        self._tables: dict[str, torch.Tensor] = {}
        self._versions: dict[str, int] = {}

    @property
    def rules(self) -> Rules:
        """The rules from the rows of `indices` to those of `out_indices`."""
        if self._rules is None:
            self._rules = self._found_again()
        return self._rules

    def _found_again(self) -> Rules:
        """Return the rules of data that was copied, loaded or made by a program."""
        rows = rows_of(self.indices, self.spatial_shape)
        window = self._window()
        rules = window.rules(rows, self.spatial_shape)
        if self.is_subm:
            return rules
        if torch.equal(rules.output.coordinates(), self.out_indices.cpu()):
            remember(self.out_indices, self.out_spatial_shape, rules.output)
            return rules
        output = rows_of(self.out_indices, self.out_spatial_shape)
        if not same_sites(output, rules.output):
            raise StateError("indice_dict: has out_indices that the layer does not make of its indices")
        return Rules(rules.rulebook, rows, output)

    def _window(self) -> Filter:
        """Return the window of the layer; spconv does not save whether it was transposed, which its sizes tell."""
        known = (self.ksize, self.stride, self.padding, self.dilation, self.is_subm)
        if self._is_transposed is not None:
            return Filter(*known, self._is_transposed)
        found = []
        for is_transposed in (False, True):
            window = Filter(*known, is_transposed)
            more = [out - size for out, size in zip(self.out_spatial_shape, window.output_shape(self.spatial_shape))]
            most = [step - 1 if is_transposed else 0 for step in self.stride]
            if all(0 <= places <= limit for places, limit in zip(more, most)):
                found.append(window._replace(output_padding=more) if is_transposed else window)
        if len(found) != 1:
            raise StateError(
                "indice_dict: was saved by spconv, and its sizes do not tell whether the layer was transposed; "
                "call the layer again"
            )
        return found[0]

    def _put(self, **tables: torch.Tensor) -> None:
        """Keep tables, as they are now."""
        self._tables.update(tables)
        self._versions.update({name: _version(table) for name, table in tables.items()})

    def require_unchanged(self) -> None:
        """Raise `MisuseError` where a program has changed a table in place, which layers do not compute with."""
        for name, table in self._tables.items():
            if _version(table) != self._versions[name]:
                raise MisuseError(
                    f"{_NAMES[name]}: was changed in place, expected the rules that a layer made; "
                    "spconv.pytorch.functional computes along pairs of any kind"
                )

    def _pairs(self) -> tuple[torch.Tensor, torch.Tensor]:
        if "pairs" not in self._tables:
            pairs, counts = pairs_of(self.rules, self.is_subm, self.indices.device)
            self._put(pairs=pairs, counts=counts)
        return self._tables["pairs"], self._tables["counts"]

    @property
    def indice_pairs(self) -> torch.Tensor:
        """Input rows and output rows that meet, int32 [2, volume, input rows], -1 behind those of each offset."""
        return self._pairs()[0]

    @property
    def indice_pair_num(self) -> torch.Tensor:
        """How many pairs each filter offset has, int32 [volume]; of a submanifold filter, those before its center."""
        return self._pairs()[1]

    @property
    def pair_fwd(self) -> torch.Tensor:
        """The input row that each output row reads under each filter offset, int32 [volume, output rows], or -1."""
        if "forward" not in self._tables:
            self._put(forward=table_of(self.rules, self.indices.device))
        return self._tables["forward"]

    @property
    def pair_bwd(self) -> torch.Tensor:
        """The output row that reads each input row under each filter offset, int32 [volume, input rows], or -1."""
        if "backward" not in self._tables:
            self._put(backward=table_of(self.rules.reversed(), self.indices.device))
        return self._tables["backward"]

    def __setstate__(self, state: dict[str, Any]) -> None:
        known = dict(state)
        # spconv's own data has its tables as attributes, and does not say whether a layer was transposed.
        given = {mine: known.pop(name, None) for mine, name in _NAMES.items()}
        given.update(known.pop("_tables", {}))
        for name in ("spatial_shape", "out_spatial_shape", "ksize", "stride", "dilation", "padding"):
            known[name] = [int(number) for number in known[name]]
        unknown = False if known["is_subm"] else None
        self.__dict__.update({"_is_transposed": unknown, **known, "_rules": None, "_tables": {}, "_versions": {}})
        self._put(**{name: table for name, table in given.items() if table is not None})

    def __getstate__(self) -> dict[str, Any]:
        self.require_unchanged()
        # Rules are found again where the data is used.
        return {**self.__dict__, "_rules": None}


class IndiceData(KeyedRules):
    """The rulebook of a layer: `indices` [input rows, 1 + dimension] and `out_indices` [output rows, 1 + dimension],
    `indice_pairs` and `indice_pair_num` between them, and the layer's properties."""

    def __init__(
        self,
        out_indices: torch.Tensor,
        indices: torch.Tensor,
        indice_pairs: Optional[torch.Tensor],
        indice_pair_num: Optional[torch.Tensor],
        spatial_shape: Sequence[int],
        out_spatial_shape: Sequence[int],
        is_subm: bool,
        algo: ConvAlgo,
        ksize: Sequence[int],
        stride: Sequence[int],
        dilation: Sequence[int],
        padding: Sequence[int],
        voxel_num: Optional[Any] = None,
    ) -> None:
        super().__init__(
            out_indices, indices, spatial_shape, out_spatial_shape, is_subm, algo, ksize, stride, dilation, padding
        )
        if indice_pairs is not None and indice_pair_num is not None:
            self._put(pairs=indice_pairs, counts=indice_pair_num)
        self.voxel_num = voxel_num


class ImplicitGemmIndiceData(KeyedRules):
    """The rulebook of a layer that a program gave another algorithm than `ConvAlgo.Native`: as `IndiceData`, with
    `pair_fwd` and `pair_bwd`. The masks of spconv's kernels stay as they were given; layers of scn need none."""

    def __init__(
        self,
        out_indices: torch.Tensor,
        indices: torch.Tensor,
        pair_fwd: Optional[torch.Tensor],
        pair_bwd: Optional[torch.Tensor],
        pair_mask_fwd_splits: Any,
        pair_mask_bwd_splits: Any,
        mask_argsort_fwd_splits: Any,
        mask_argsort_bwd_splits: Any,
        masks: Any,
        spatial_shape: Sequence[int],
        out_spatial_shape: Sequence[int],
        is_subm: bool,
        algo: ConvAlgo,
        ksize: Sequence[int],
        stride: Sequence[int],
        dilation: Sequence[int],
        padding: Sequence[int],
        in_voxel_num: Optional[Any] = None,
        out_voxel_num: Optional[Any] = None,
    ) -> None:
        super().__init__(
            out_indices, indices, spatial_shape, out_spatial_shape, is_subm, algo, ksize, stride, dilation, padding
        )
        if pair_fwd is not None:
            self._put(forward=pair_fwd)
        if pair_bwd is not None:
            self._put(backward=pair_bwd)
        self.pair_mask_fwd_splits, self.pair_mask_bwd_splits = pair_mask_fwd_splits, pair_mask_bwd_splits
        self.mask_argsort_fwd_splits, self.mask_argsort_bwd_splits = mask_argsort_fwd_splits, mask_argsort_bwd_splits
        self.masks = masks
        self.in_voxel_num, self.out_voxel_num = in_voxel_num, out_voxel_num


def keyed(
    rules: Rules,
    window: Filter,
    indices: torch.Tensor,
    out_indices: torch.Tensor,
    shape: Sequence[int],
    out_shape: Sequence[int],
    algo: ConvAlgo,
) -> KeyedRules:
    """Return the data of a layer that has just made its rules."""
    about = (
        shape, out_shape, window.is_subm, algo, window.size, window.stride, window.dilation, window.padding
    )  # fmt: skip
    made: KeyedRules
    if algo is ConvAlgo.Native:
        made = IndiceData(out_indices, indices, None, None, *about)
    else:
        made = ImplicitGemmIndiceData(out_indices, indices, None, None, [], [], [], [], [], *about)
    made._rules, made._is_transposed = rules, window.is_transposed
    return made
