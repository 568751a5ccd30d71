"""What convolutions and poolings have in common: the rules between the rows of a tensor and those of the next."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple, Optional

import torch

from ..._messages import text_of, wrong_type
from ...dialects.rows import Rows, Rules
from ...errors import UnsupportedError
from .._errors import MisuseError
from ..core import ConvAlgo
from ..tools import UNTIMED
from ._geometry import Filter, matching_rows, remember, rows_of
from ._indice_data import KeyedRules, keyed, same_sites
from .core import SparseConvTensor

__all__ = [
    "MOST_VOXELS",
    "Step",
    "TimedLayer",
    "check_inverse_reuse",
    "check_reuse",
    "checked",
    "data_to_reverse",
    "inverse_step",
    "new_step",
    "taken_step",
]

MOST_VOXELS = "max_num_voxels_during_training"
"""The buffer of layers made with `record_voxel_count`."""


class Step(NamedTuple):
    """The way from the rows of a tensor to those of the next."""

    rules: Rules
    """Its input are the rows of the tensor."""
    indices: torch.Tensor
    """Those of the next tensor."""
    spatial_shape: list[int]
    """That of the next tensor."""
    indice_dict: dict[Any, Any]
    """That of the next tensor."""


def checked(input: Any) -> SparseConvTensor:
    """Return the input of a layer, or raise an error if it is none."""
    if not isinstance(input, SparseConvTensor):
        raise wrong_type("input", input, "a SparseConvTensor")
    if input.is_quantized:
        raise UnsupportedError("features: are quantized, which scn does not compute; use x.dequantize()")
    return input


def new_step(input: SparseConvTensor, window: Filter, key: Any, algo: ConvAlgo) -> Step:
    """Return a step whose rules are made now, and named by a key that no others have."""
    shape = [int(places) for places in input.spatial_shape]
    rules = window.rules(rows_of(input.indices, shape), shape)
    indices, out_shape = input.indices, window.output_shape(shape)
    if not window.is_subm:
        indices = rules.output.coordinates().to(input.indices.device)
        remember(indices, out_shape, rules.output)
    known = input.indice_dict.copy()
    if key is not None:
        known[key] = keyed(rules, window, input.indices, indices, shape, out_shape, algo)
    return Step(rules, indices, out_shape, known)


def check_reuse(
    input: SparseConvTensor, shape: Sequence[int], size: Sequence[int], dilation: Sequence[int], data: Any, key: Any
) -> None:
    """Raise `MisuseError` where a submanifold layer on a tensor cannot take the rules that a key names.

    shape: the tensor's spatial shape. size, dilation: those of the layer.
    """
    data = _keyed_rules(data, key)
    if not data.is_subm:
        raise MisuseError(f"indice_key: {key!r} names rules of another kind of layer, expected a submanifold one's")
    for name, mine, theirs in (
        ("kernel_size", list(size), data.ksize),
        ("dilation", list(dilation), data.dilation),
        ("spatial_shape", [int(places) for places in shape], data.spatial_shape),
        ("rows of indices", len(input.indices), len(data.indices)),
    ):
        if mine != theirs:
            raise _other_than(name, mine, theirs, key)


def taken_step(input: SparseConvTensor, window: Filter, key: Any, data: KeyedRules, algo: ConvAlgo) -> Step:
    """Return the step of a submanifold layer whose key names rules already, which `check_reuse` accepts."""
    shape = [int(places) for places in input.spatial_shape]
    rows = matching_rows(input.indices, shape, data.indices, data.rules.input)
    if rows is data.rules.input:
        return Step(data.rules, input.indices, shape, input.indice_dict.copy())
    # Other sites than those that the key was made for.
    return new_step(input, window, key, algo)


def check_inverse_reuse(
    input: SparseConvTensor, shape: Sequence[int], size: Sequence[int], data: Any, key: Any
) -> None:
    """Raise `MisuseError` where a layer of some size on a tensor cannot reverse the rules that a key names."""
    data = _keyed_rules(data, key)
    if data.is_subm:
        raise MisuseError(f"indice_key: {key!r} names rules of a submanifold layer, which cannot be reversed")
    for name, mine, theirs in (
        ("kernel_size", list(size), data.ksize),
        ("spatial_shape", [int(places) for places in shape], data.out_spatial_shape),
        ("rows of indices", len(input.indices), len(data.out_indices)),
    ):
        if mine != theirs:
            raise _other_than(name, mine, theirs, key)


def inverse_step(input: SparseConvTensor, key: Any) -> Step:
    """Return the step back to where the layer came from whose rules a key names, which `check_inverse_reuse`
    accepts."""
    data: KeyedRules = input.indice_dict[key]
    shape = [int(places) for places in input.spatial_shape]
    back = data.rules.reversed()
    rows = back.input
    if input.indices is not data.out_indices:
        rows = matching_rows(input.indices, shape, data.out_indices, rows)
        if not same_sites(rows, back.input):
            raise MisuseError(f"indices: are other sites than those that the layer with indice_key {key!r} made")
    return Step(
        Rules(back.rulebook, rows, back.output), data.indices, list(data.spatial_shape), input.indice_dict.copy()
    )


def data_to_reverse(input: SparseConvTensor, key: Any) -> Any:
    """Return what a key names, or raise `MisuseError` where it names nothing."""
    if key is None or key not in input.indice_dict:
        known = ", ".join(map(repr, input.indice_dict)) or "none"
        raise MisuseError(f"indice_key: is {key!r}, expected that of the layer to be reversed; this tensor has {known}")
    return input.indice_dict[key]


def _keyed_rules(data: Any, key: Any) -> KeyedRules:
    if not isinstance(data, KeyedRules):
        raise wrong_type(f"indice_dict[{key!r}]", data, "an IndiceData")
    data.require_unchanged()
    return data


def _other_than(name: str, mine: Any, theirs: Any, key: Any) -> MisuseError:
    return MisuseError(
        f"{name}: is {text_of(mine)}, expected {text_of(theirs)}, that of the layer with indice_key {key!r}"
    )


def next_tensor(input: SparseConvTensor, step: Step, values: torch.Tensor) -> SparseConvTensor:
    """Return the tensor that a step leads to. values: features in the engine's order."""
    made = input._derived()._set(step.rules.output, values)
    made.indices, made.spatial_shape, made.indice_dict = step.indices, step.spatial_shape, step.indice_dict
    return made


@contextmanager
def _timed(seconds: list[float]) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds.append(time.perf_counter() - start)


class TimedLayer:
    """Notes in a tensor's `benchmark_record` what a layer does, if the tensor wants that."""

    def __init__(self, input: SparseConvTensor, kind: str, name: Optional[str], properties: dict[str, Any]) -> None:
        self.record: Optional[dict[str, Any]] = None
        if not input.benchmark:
            return
        if name is None:
            raise MisuseError(
                f"name: is None, expected one, since the tensor has benchmark=True; {kind}(..., name=...)"
            )
        empty: dict[str, Any] = {"indice_gen_time": [], "time": [], "num_points": [], "num_out_points": []}
        self.record = input.benchmark_record.setdefault(name, {"type": kind, **empty, "params": properties})

    def part(self, name: str) -> AbstractContextManager[None]:
        """Note how many seconds what is within takes."""
        return UNTIMED if self.record is None else _timed(self.record[name])

    def counted(self, rows: Rows, output: Rows) -> None:
        """Note how many sites come and go."""
        if self.record is not None:
            self.record["num_points"].append(len(rows))
            self.record["num_out_points"].append(len(output))
