"""The packages of other libraries in processes that a program of `python -m scn.stand_in` spawns.

Such a process begins with a fresh interpreter, but with the Python path of the one that spawned it, on which folders of
this package are then: their modules have the names of those packages, and put the stand-in in their place.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from .. import stand_in

__all__ = ["begin", "hand_on"]

_VARIABLE = "SCN_STAND_IN"
_FOLDERS = {
    "spconv": "for_spconv",
    "MinkowskiEngine": "for_minkowski",
    "torchsparse": "for_torchsparse",
    "sparseconvnet": "for_sparseconvnet",
}


def hand_on(libraries: Sequence[str], ignore_cuda: bool) -> None:
    """Let processes that this one spawns stand in for libraries, too: from the first import of one of them on."""
    os.environ[_VARIABLE] = json.dumps({"libraries": list(libraries), "ignore_cuda": ignore_cuda})
    here = os.path.dirname(os.path.abspath(__file__))
    # Before the folders of installed packages, one of which may be the library itself.
    sys.path[:0] = [os.path.join(here, _FOLDERS[library.partition("==")[0]]) for library in libraries]


def begin(name: str) -> None:
    """Put the stand-in in the place of a package that has been found in such a folder, and whatever goes with it."""
    if "." in name:
        return
    del sys.modules[name]
    settings = json.loads(os.environ[_VARIABLE])
    stand_in(*settings["libraries"], ignore_cuda=settings["ignore_cuda"])
    __import__(name)
