"""Files with networks, their state, and the state of their training."""

from __future__ import annotations

import ctypes
import os
import warnings
from typing import Any, Callable

from .._files import PathLike
from .._messages import not_a_module, wrong_type
from .._native.handles import ModuleHandle, OptimizerHandle, handle_array
from .._native.library import library
from ..errors import ParametersOnlyWarning
from ..nn.module import Module
from ..nn.networks import wrap
from ..values.tensor import Tensor
from .epoch_files import epoch_of, last_epoch, path_of, remove_epoch_before
from .optimizers import Optimizer

__all__ = ["checkpoint_restore", "checkpoint_save", "load", "restore", "save"]


def save(module: Module, path: PathLike, optimizer: Optimizer | None = None) -> None:
    """Save a module to a safetensors file, with its architecture, so that any program can `load` it and run it.

    optimizer: its state is saved too, and the random generator's, so that a restored run continues, bit for bit, as if
    never interrupted. If a module inside is written in Python, the file has parameters and buffers only, and a
    `ParametersOnlyWarning` says so. Writing is atomic: a crash leaves the old file or the new one. Raises `FileError`.
    """
    handle, training = _native(module), _optimizer_handle(optimizer)
    if handle is not None:
        library.scn_checkpoint_save(_path(path), handle, training)
        return
    warnings.warn(
        f"{type(module).__name__} has parts written in Python: the file holds its parameters, not its architecture; "
        "scn.restore(path, module) loads them. A network that is one scn.Sequential of the package's layers, such as "
        "scn.Sequential(*net.parts), is saved whole",
        ParametersOnlyWarning,
        stacklevel=2,
    )
    _named(library.scn_checkpoint_save_named, path, module, training)


def load(path: PathLike) -> Module:
    """Return the module that a file holds, in evaluation mode. Raises `FileError` and `FormatError`."""
    return wrap(ModuleHandle.make(library.scn_checkpoint_open, _path(path)))


def restore(path: PathLike, module: Module, optimizer: Optimizer | None = None) -> None:
    """Load a file's state into a module of the same architecture and, where given, into its optimizer.

    With an optimizer the state of the random generator is restored too. Nothing changes if names or shapes differ
    (`FormatError`). Raises `FileError`.
    """
    handle, training = _native(module), _optimizer_handle(optimizer)
    if handle is not None:
        library.scn_checkpoint_restore(_path(path), handle, training)
    else:
        _named(library.scn_checkpoint_restore_named, path, module, training)


def checkpoint_save(
    model: Module,
    exp_name: PathLike,
    name2: str | bytes,
    epoch: int,
    use_cuda: bool = False,
    *,
    optimizer: Optimizer | None = None,
) -> None:
    """Save what a model has learned after an epoch; of earlier epochs, keep those that are powers of two.

    The file is exp_name-EPOCH-name2.safetensors, EPOCH in nine digits; the file of the previous epoch is removed unless
    that is a power of two. optimizer: its state is saved too, and the random generator's; without one, the file has
    none, even if an older file of the same epoch did. use_cuda exists for SparseConvNet programs and has no effect.
    Raises `FileError`.
    """
    number, ending = epoch_of(epoch), f"{os.fsdecode(name2)}.safetensors"
    with warnings.catch_warnings():
        # Whoever restores it has the model: no architecture is needed.
        warnings.simplefilter("ignore", ParametersOnlyWarning)
        save(model, path_of(exp_name, ending, number), optimizer)
    remove_epoch_before(exp_name, [ending], number)


def checkpoint_restore(
    model: Module,
    exp_name: PathLike,
    name2: str | bytes,
    use_cuda: bool = False,
    epoch: int = 0,
    *,
    optimizer: Optimizer | None = None,
) -> int:
    """Load what `checkpoint_save` saved; return the epoch to continue with: one more than the file's.

    epoch: which one; 0 for the last one there is: if there is none, nothing is loaded and the result is 1. optimizer:
    its state is loaded too, and the random generator's (`FormatError` if the file has none). use_cuda has no effect.
    Raises `FileError` and `FormatError`.
    """
    ending = f"{os.fsdecode(name2)}.safetensors"
    number = epoch_of(epoch, least=0) or last_epoch(exp_name, ending)
    if number:
        restore(path_of(exp_name, ending, number), model, optimizer)
    return number + 1


def _native(module: Module) -> ModuleHandle | None:
    if not isinstance(module, Module):
        raise not_a_module("module", module)
    return module._native_handle()


def _optimizer_handle(optimizer: Optimizer | None) -> OptimizerHandle | None:
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise wrong_type("optimizer", optimizer, "an Optimizer")
    return None if optimizer is None else optimizer._handle


def _named(function: Callable[..., Any], path: PathLike, module: Module, training: OptimizerHandle | None) -> None:
    """Call a function that takes names and tensors, with the state of a module."""
    state: dict[str, Tensor] = module._state()
    names = (ctypes.c_char_p * max(len(state), 1))(*(name.encode() for name in state))
    tensors = handle_array([entry._handle for entry in state.values()])
    function(_path(path), names, tensors, len(state), training)


def _path(path: PathLike) -> bytes:
    text = os.fsencode(path)
    if b"\0" in text:
        raise ValueError("path: has a NUL character, expected none")
    return text
