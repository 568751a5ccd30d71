"""SparseConvNet's files of what was learned after each epoch."""

from __future__ import annotations

import os
from typing import Any, Optional, Union

import numpy as np
import torch
from torch import nn

from .._files import PathLike, replacing, shown
from ..conversion import pytorch_files as numpy_level
from ..errors import FormatError
from ..training.epoch_files import epoch_of, last_epoch, path_of, remove_epoch_before

__all__ = ["checkpoint_restore", "checkpoint_save", "from_torch_checkpoint"]


def from_torch_checkpoint(path: PathLike) -> Any:
    """Return what `torch.save` wrote, read as by `scn.from_torch_checkpoint`: nothing in the file is run. Tensors stay
    tensors.

    net.load_state_dict(scn.from_torch_checkpoint("unet.pth"))
    """
    return _tensors(numpy_level.from_torch_checkpoint(path))


def _tensors(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    if isinstance(value, dict):
        return {key: _tensors(entry) for key, entry in value.items()}
    return type(value)(map(_tensors, value)) if isinstance(value, (list, tuple, set)) else value


def checkpoint_save(
    model: nn.Module,
    exp_name: PathLike,
    name2: Union[str, bytes],
    epoch: int,
    use_cuda: bool = False,
    *,
    optimizer: Optional[torch.optim.Optimizer] = None,
) -> None:
    """Save what a model has learned after an epoch; of earlier epochs, keep those that are powers of two.

    The file is exp_name-EPOCH-name2.pth, EPOCH in nine digits, with the model's state_dict as in SparseConvNet; the
    file of the previous epoch is removed unless that is a power of two. optimizer: its state is saved too, in a file
    that ends in -optimizer.pth, with the state of torch's generator; without one, such a file of the same epoch is
    removed, since its state is not this model's. use_cuda exists for SparseConvNet programs and has no effect. Writing
    is atomic.
    """
    number, endings = epoch_of(epoch), _endings(name2)
    path, beside = (path_of(exp_name, ending, number) for ending in endings)
    if optimizer is not None:
        _save({"optimizer": optimizer.state_dict(), "generator": torch.get_rng_state()}, beside)
    elif os.path.isfile(beside):
        os.remove(beside)
    _save(model.state_dict(), path)
    remove_epoch_before(exp_name, endings, number)


def checkpoint_restore(
    model: nn.Module,
    exp_name: PathLike,
    name2: Union[str, bytes],
    use_cuda: bool = False,
    epoch: int = 0,
    *,
    optimizer: Optional[torch.optim.Optimizer] = None,
) -> int:
    """Load what `checkpoint_save` saved; return the epoch to continue with: one more than the file's.

    epoch: which one; 0 for the last one there is: if there is none, nothing is loaded and the result is 1. optimizer:
    its state is loaded too, and the generator's (`FormatError` if there is no file of it). use_cuda has no effect.
    Files are read with weights_only: nothing in them is run.
    """
    endings = _endings(name2)
    number = epoch_of(epoch, least=0) or last_epoch(exp_name, endings[0])
    if not number:
        return 1
    path, beside = (path_of(exp_name, ending, number) for ending in endings)
    state = torch.load(path, map_location="cpu", weights_only=True)
    if optimizer is not None and not os.path.isfile(beside):
        raise FormatError(f"{shown(path)}: was saved without an optimizer, expected {shown(beside)} beside it")
    model.load_state_dict(state)
    if optimizer is not None:
        training = torch.load(beside, map_location="cpu", weights_only=True)
        optimizer.load_state_dict(training["optimizer"])
        torch.set_rng_state(training["generator"])
    return number + 1


def _endings(name2: Union[str, bytes]) -> list[str]:
    """Return how the file names of a model's state and of its training's state end."""
    name = os.fsdecode(name2)
    return [f"{name}.pth", f"{name}-optimizer.pth"]


def _save(content: Any, path: PathLike) -> None:
    """Write a file as a whole: a crash leaves the old one or the new one."""
    with replacing(path) as file:
        torch.save(content, file)
