"""What layers that programs derive from spconv's call where something fails."""

from __future__ import annotations

import pathlib
import pickle
from typing import Any

from . import constants

__all__ = ["spconv_save_debug_data"]


def spconv_save_debug_data(data: Any) -> None:
    """Pickle data into the file that `spconv.constants.SPCONV_DEBUG_SAVE_PATH` names, and say so; without such a name,
    or where it cannot be written, only say that."""
    path = constants.SPCONV_DEBUG_SAVE_PATH
    if not path:
        print("spconv.constants.SPCONV_DEBUG_SAVE_PATH names no file: no data for debugging was saved")
        return
    try:
        pathlib.Path(path).write_bytes(pickle.dumps(data))
    except Exception as error:
        # Whatever it is, it must not take the place of the error that a program is looking for.
        print(f"{path}: no data for debugging was saved: {error}")
        return
    print(f"{path}: has the data for debugging")
