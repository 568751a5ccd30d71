"""The names of files that hold what was learned after each epoch, and which of them are kept."""

from __future__ import annotations

import glob
import os
import re
from typing import Any

from .._files import PathLike
from .._messages import wrong_value
from .._native.arrays import integer
from ..utilities import is_power2


def epoch_of(epoch: Any, least: int = 1) -> int:
    """Return an epoch's number, which must be at least `least`."""
    number = integer(epoch, "epoch")
    if number < least:
        raise wrong_value("epoch", number, f"at least {least}")
    return number


def path_of(exp_name: PathLike, ending: str, epoch: int) -> str:
    """Return the path of an epoch's file; ending: what follows the number."""
    return f"{os.fsdecode(exp_name)}-{epoch:09d}-{ending}"


def last_epoch(exp_name: PathLike, ending: str) -> int:
    """Return the last epoch that has a file; 0 if there is none."""
    name = os.fsdecode(exp_name)
    pattern = re.compile(re.escape(name) + r"-(\d{9,})-" + re.escape(ending))
    found = [pattern.fullmatch(path) for path in glob.glob(glob.escape(name) + "-*")]
    return max((int(match[1]) for match in found if match), default=0)


def remove_epoch_before(exp_name: PathLike, endings: list[str], epoch: int) -> None:
    """Remove the files of the previous epoch, unless that is a power of two."""
    if epoch > 1 and not is_power2(epoch - 1):
        for path in (path_of(exp_name, ending, epoch - 1) for ending in endings):
            if os.path.isfile(path):
                os.remove(path)
