"""SparseConvNet's files of what was learned after each epoch."""

from __future__ import annotations

import glob
import os
import re
from typing import Any, Optional

import torch
from torch import nn

from .._arrays import integer
from ..errors import FormatError, InvalidArgumentError
from ..utilities import is_power2

__all__ = ["checkpoint_restore", "checkpoint_save"]


def checkpoint_save(
    model: nn.Module,
    exp_name: str,
    name2: str,
    epoch: int,
    use_cuda: bool = False,
    *,
    optimizer: Optional[torch.optim.Optimizer] = None,
) -> None:
    """Save what a model has learned after an epoch; of earlier epochs, keep those that are powers of two.

    The file is exp_name-EPOCH-name2.pth, EPOCH in nine digits, with the model's state_dict as in SparseConvNet; the file of
    the epoch before goes unless that is a power of two. optimizer: its state is saved too, in a file that ends in
    -optimizer.pth, with the state of torch's generator. use_cuda is there for SparseConvNet's programs and changes
    nothing. Writing is atomic.
    """
    number = _epoch(epoch)
    path = _path(exp_name, name2, number)
    if optimizer is not None:
        _save({"optimizer": optimizer.state_dict(), "generator": torch.get_rng_state()}, _beside(path))
    _save(model.state_dict(), path)
    if number > 1 and not is_power2(number - 1):
        before = _path(exp_name, name2, number - 1)
        for old in (before, _beside(before)):
            if os.path.isfile(old):
                os.remove(old)


def checkpoint_restore(
    model: nn.Module,
    exp_name: str,
    name2: str,
    use_cuda: bool = False,
    epoch: int = 0,
    *,
    optimizer: Optional[torch.optim.Optimizer] = None,
) -> int:
    """Load what `checkpoint_save` saved; return the epoch to go on with: one more than that of the file.

    epoch: which one; 0 for the last one that there is, and where there is none, nothing is loaded and the result is 1.
    optimizer: its state is loaded too, and the generator's (`FormatError` where there is no file of it). use_cuda changes
    nothing. Files are read with weights_only: nothing in them is run.
    """
    number = _epoch(epoch, least=0)
    if number == 0:
        pattern = re.compile(re.escape(exp_name) + r"-(\d{9,})-" + re.escape(f"{name2}.pth"))
        found = [pattern.fullmatch(path) for path in glob.glob(glob.escape(exp_name) + "-*")]
        number = max((int(match[1]) for match in found if match), default=0)
        if number == 0:
            return 1
    path = _path(exp_name, name2, number)
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    if optimizer is not None:
        if not os.path.isfile(_beside(path)):
            raise FormatError(f"{path} was saved without an optimizer: there is no {_beside(path)}")
        training = torch.load(_beside(path), map_location="cpu", weights_only=True)
        optimizer.load_state_dict(training["optimizer"])
        torch.set_rng_state(training["generator"])
    return number + 1


def _path(exp_name: str, name2: str, epoch: int) -> str:
    return f"{exp_name}-{epoch:09d}-{name2}.pth"


def _beside(path: str) -> str:
    return path[: -len(".pth")] + "-optimizer.pth"


def _save(content: Any, path: str) -> None:
    """Write a file under another name first, so that a crash leaves the old one or the new one."""
    unfinished = f"{path}.{os.getpid()}.part"
    try:
        torch.save(content, unfinished)
        os.replace(unfinished, path)
    finally:
        if os.path.exists(unfinished):
            os.remove(unfinished)


def _epoch(epoch: Any, least: int = 1) -> int:
    number = integer(epoch, "epoch")
    if number < least:
        raise InvalidArgumentError(f"epoch is {number}; it must be at least {least}")
    return number
