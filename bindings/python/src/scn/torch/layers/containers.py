"""Modules that combine others, and the layers that join their branches."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Callable, Optional, TypeVar

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from ..._messages import type_of, wrong_shape, wrong_type, wrong_value
from ..._places import leaving
from ...errors import InvalidArgumentError, ShapeError
from ..autograd.buffers import computable
from ..autograd.recomputing import first_and_later_passes
from ..functions import add, join
from ..sparse import SparseConvNetTensor
from .layer import Layer

__all__ = [
    "AddTable",
    "CheckpointedSequential",
    "ConcatTable",
    "Identity",
    "JoinTable",
    "Sequential",
    "VerboseIdentity",
    "checkpoint101",
]

S = TypeVar("S", bound=nn.Sequential)


class _Container(nn.Sequential):
    """Shared base of containers: children named by their indices."""

    def add(self: S, module: nn.Module) -> S:
        """Append a module and return the container."""
        self.add_module(str(len(self)), module)
        return self

    def _apply_child(self, child: nn.Module, input: Any) -> Any:
        """Apply a child; an error says where in this container it happened."""
        try:
            return child(input)
        except Exception as error:
            leaving(error, child)
            leaving(error, self)
            raise

    def __add__(self: S, other: Any) -> S:
        if not isinstance(other, nn.Sequential):
            return NotImplemented
        return type(self)(*self, *other)

    def __mul__(self: S, count: int) -> S:
        if not isinstance(count, int):
            return NotImplemented
        if count < 1:
            raise wrong_value("count", count, "at least 1")
        return type(self)(*(list(self) * count))


class Sequential(_Container):
    """Applies its modules one after the other: `Sequential(a, b)` or `Sequential().add(a).add(b)`."""

    def forward(self, input: Any) -> Any:
        """Apply the modules one after the other."""
        for child in self:
            input = self._apply_child(child, input)
        return input

    def input_spatial_size(self, out_size: Any) -> Any:
        """Return the input spatial size that yields `out_size`."""
        for module in reversed(list(self)):
            out_size = _input_spatial_size(module, out_size)
        return out_size

    def reweight(self, input: Any) -> Any:
        """Scale and shift every layer with weight and bias (convolutions, products) to suit an input.

        Each plane of such a layer's result gets mean 0 and standard deviation 1, through its weight and bias, layer by
        layer as the input flows, in `Sequential`s and `ConcatTable`s at any depth. Returns the module's result for the
        input afterward. Nothing is recorded; running statistics are updated as in a forward pass; weights of planes
        without deviation stay. If it raises, nothing has changed.
        """
        return self._fit(input, True)

    def rebias(self, input: Any) -> Any:
        """Do the same with only the biases: mean 0."""
        return self._fit(input, False)

    @torch.no_grad()
    def _fit(self, input: Any, scales: bool) -> Any:
        before = {name: values.clone() for name, values in self.state_dict().items()}
        try:
            return _fitted(self, input, scales)
        except BaseException:
            self.load_state_dict(before)
            raise


def _fitted(module: nn.Module, input: Any, scales: bool) -> Any:
    """Fit a module to an input and return its result for it afterward."""
    try:
        return _fitted_now(module, input, scales)
    except Exception as error:
        leaving(error, module)
        raise


def _fitted_now(module: nn.Module, input: Any, scales: bool) -> Any:
    if isinstance(module, ConcatTable):
        return [_fitted(branch, input, scales) for branch in module]
    if isinstance(module, nn.Sequential) and not isinstance(module, Layer):
        for child in module:
            input = _fitted(child, input, scales)
        return input
    output = module(input)
    weight: Any = getattr(module, "weight", None)
    bias: Any = getattr(module, "bias", None)
    if not isinstance(module, Layer) or not hasattr(module, "nOut") or bias is None:
        return output
    rows = output if isinstance(output, torch.Tensor) else output._sorted()
    if not rows.numel():
        return output
    values = rows.double().reshape(-1, rows.shape[-1])
    deviation = values.std(0, unbiased=len(values) > 1)
    # A layer with a spectral norm keeps its scale.
    is_scaled = scales and isinstance(weight, nn.Parameter)
    factor = torch.where(is_scaled & (deviation > 0) & deviation.isfinite(), deviation, torch.ones_like(deviation))
    bias.copy_((bias.double() - values.mean(0)) / factor)
    if is_scaled:
        # The planes out come last, grouped or not; in a linear layer they come first.
        by_plane = factor.view(weight.shape[1], 1, -1) if weight.ndim == 4 else factor
        if isinstance(module, nn.Linear):
            by_plane = factor.unsqueeze(1)
        weight.copy_(weight.double() / by_plane)
    return module(input)


def _input_spatial_size(module: nn.Module, out_size: Any) -> Any:
    find = getattr(module, "input_spatial_size", None)
    # Layers of torch work on dense tensors or on rows: they have no spatial size.
    return out_size if find is None else find(out_size)


class CheckpointedSequential(Sequential):
    """A `Sequential` that keeps only its input and recomputes everything in between in the backward pass.

    (Chen et al., 2016.) Results and gradients are those of a `Sequential`, random layers and running statistics
    included. It may appear anywhere in a network, even inside another one.
    """

    def forward(self, input: Any) -> Any:
        """Apply the modules one after the other."""
        if not torch.is_grad_enabled():
            return super().forward(input)
        passes, apply, kept = first_and_later_passes(self), super().forward, _as_now(input)
        versions: list[tuple[torch.Tensor, int]] = []

        def run(given: Any) -> Any:
            if not versions:
                versions.extend((rows, rows._version) for rows in _rows_of(given) if not rows.is_inference())
            elif any(rows._version != version for rows, version in versions):
                raise RuntimeError(
                    "an input of a CheckpointedSequential was modified by an inplace operation before backward"
                )
            # A copy for each pass: modules may assign the parts of what they get.
            return apply(_as_now(given))

        return checkpoint(run, kept, use_reentrant=False, context_fn=lambda: passes)


class _Called(nn.Module):
    """A function as a module."""

    def __init__(self, run: Callable[[Any], Any]) -> None:
        super().__init__()
        self.run = run

    def forward(self, input: Any) -> Any:
        return self.run(input)


def checkpoint101(run_function: Callable[[Any], Any], x: SparseConvNetTensor, down: int = 1) -> Any:
    """Return run_function(x); the backward pass recomputes what it needs, as in `CheckpointedSequential`.

    down, by how much the spatial size shrinks, exists for SparseConvNet programs: the result knows its own size.
    """
    return CheckpointedSequential(_Called(run_function))(x)


def _rows_of(input: Any) -> list[torch.Tensor]:
    """Return the tensors in an input."""
    if isinstance(input, SparseConvNetTensor):
        return [rows for rows in (input._rows, input._shown) if rows is not None]
    if isinstance(input, (list, tuple)):
        return [rows for part in input for rows in _rows_of(part)]
    return [input] if isinstance(input, torch.Tensor) else []


def _as_now(input: Any) -> Any:
    """Return an input whose sparse tensors stay the same, whatever happens to the caller's."""
    if isinstance(input, SparseConvNetTensor):
        return copy.copy(input)
    return [_as_now(part) for part in input] if isinstance(input, (list, tuple)) else input


class ConcatTable(_Container):
    """Applies each of its modules to the same input; returns the list of the results."""

    def forward(self, input: Any) -> list[Any]:
        """Return the list of the modules' results."""
        return [self._apply_child(child, input) for child in self]

    def input_spatial_size(self, out_size: Any) -> Any:
        """Return the input spatial size that yields `out_size`. Raises `ShapeError` if branches disagree."""
        found = [_input_spatial_size(module, out_size) for module in self]
        for branch, size in enumerate(found[1:], 1):
            if _listed(size, found[0]) != _listed(found[0], size):
                needed, expected = _listed(size), _listed(found[0])
                raise ShapeError(f"branch {branch}: needs input of size {needed}, expected {expected} as the first")
        return found[0] if found else out_size


def _listed(size: Any, other: Any = 0) -> Any:
    values = torch.as_tensor(size)
    return torch.broadcast_to(values, torch.broadcast_shapes(values.shape, torch.as_tensor(other).shape)).tolist()


def _same_sites(tensors: Sequence[Any], taker: str) -> Optional[list[torch.Tensor]]:
    """Return the sorted rows of sparse tensors on the same sites; None for tensors of torch."""
    if not isinstance(tensors, (list, tuple)) or not tensors:
        what = type_of(tensors) if tensors or not isinstance(tensors, (list, tuple)) else "empty"
        raise InvalidArgumentError(f"input: is {what}, expected a list of tensors for {taker}, at least one")
    if all(isinstance(tensor, torch.Tensor) for tensor in tensors):
        return None
    for index, tensor in enumerate(tensors):
        if not isinstance(tensor, SparseConvNetTensor):
            raise wrong_type(f"tensor {index}", tensor, f"a SparseConvNetTensor for {taker}")
        if not tensor._has_sites_of(tensors[0]):
            raise ShapeError(f"tensor {index}: has other sites, expected those of the first for {taker}")
    return [tensor._sorted() for tensor in tensors]


class AddTable(Layer, nn.Sequential):
    """Adds a list of tensors with the same sites and planes."""

    def forward(self, input: Sequence[Any]) -> Any:
        """Return the sum of a list of sparse tensors, or of tensors of torch."""
        rows = _same_sites(input, "AddTable")
        parts = input if rows is None else rows
        for index, part in enumerate(parts):
            if part.shape != parts[0].shape:
                raise wrong_shape(f"tensor {index}", part.shape, f"{list(parts[0].shape)} as the first for AddTable")
        if rows is None:
            return sum(parts[1:], parts[0])
        if not _are_computable(rows):
            return input[0]._on(sum(rows[1:], rows[0]))
        total = computable(rows[0])
        for part in rows[1:]:
            total = add(total, computable(part))
        return input[0]._on(total)


class JoinTable(Layer, nn.Sequential):
    """Puts the planes of a list of tensors with the same sites side by side."""

    def forward(self, input: Sequence[Any]) -> Any:
        """Return the planes of a list of sparse tensors, or of tensors of torch [n, planes, ...], side by side."""
        rows = _same_sites(input, "JoinTable")
        if rows is None:
            return torch.cat(list(input), 1)
        if not _are_computable(rows):
            return input[0]._on(torch.cat(rows, 1))
        return input[0]._on(join([computable(part) for part in rows]))


def _are_computable(rows: Sequence[torch.Tensor]) -> bool:
    """Return whether the library takes them as they are; torch adds and joins tensors of other types without
    rounding."""
    return all(part.dtype is torch.float32 and part.device.type == "cpu" and part.ndim == 2 for part in rows)


class Identity(Layer):
    """Returns its input, whatever it is."""

    def forward(self, input: Any) -> Any:
        """Return the input."""
        return input


class VerboseIdentity(Layer):
    """Prints its input and returns it."""

    def forward(self, input: Any) -> Any:
        """Print the input and return it."""
        print(input, flush=True)
        return input
