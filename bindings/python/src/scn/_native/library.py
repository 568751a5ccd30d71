"""Find libscn.so, load it, and declare its functions for ctypes.

`library` is the loaded library. Its functions have the types of `generated.FUNCTIONS`; those that return a status raise
the exception for it, so callers need not check.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

from ..errors import error_for_status
from .generated import FUNCTIONS, SCN_ABI_VERSION, SCN_OK, Status


def _candidates() -> list[str]:
    """Return where the library may be, the best place first."""
    chosen = os.environ.get("SCN_LIBRARY")
    if chosen:
        return [chosen]
    package = Path(__file__).resolve().parents[1]
    places = [str(package / "libscn.so")]
    if len(package.parents) > 3 and package.parents[2].name == "bindings":
        places.append(str(package.parents[3] / "build" / "lib" / "libscn.so"))
    return [*places, f"libscn.so.{SCN_ABI_VERSION}"]


def _open() -> _Library:
    """Load the library from the first place that has it; ImportError names every place that was tried."""
    failures = []
    for place in _candidates():
        if os.sep in place and not os.path.exists(place):
            failures.append(f"  {place}: no such file")
            continue
        try:
            return _Library(place)
        except OSError as error:
            failures.append(f"  {place}: {error}")
    raise ImportError(
        "scn cannot find its library. Looked at\n"
        + "\n".join(failures)
        + "\nBuild it with `make lib`, or set SCN_LIBRARY to the path of libscn.so."
    )


def _raise_unless_ok(status: int, function: Any, arguments: Any) -> None:
    if status != SCN_OK:
        message = (library.scn_last_error() or b"").decode("utf-8", "replace")
        raise error_for_status(status, message)


class _Library(ctypes.CDLL):
    """The library, which notices when its process is a worker of a torch data loader: it then uses one thread, as torch
    does there, unless the environment or the worker itself says otherwise.

    Torch says what a process is only after it has begun to work. Until then the functions are set aside, so that every
    lookup comes through here.
    """

    def watch(self) -> None:
        """Start watching, in a new process."""
        here = self.__dict__
        here["_set_aside"] = {name: here.pop(name) for name in FUNCTIONS if name in here} or here["_set_aside"]

    def __getattr__(self, name: str) -> Any:
        function = self.__dict__.get("_set_aside", {}).get(name)
        if function is None:
            return super().__getattr__(name)
        if name == "scn_set_thread_count":
            self._stop_watching()
        else:
            self._look_out()
        return function

    def _look_out(self) -> None:
        data = sys.modules.get("torch.utils.data")
        if data is not None and data.get_worker_info() is not None:
            self._stop_watching()
            if not os.environ.get("SCN_NUM_THREADS"):
                self.scn_set_thread_count(1)
        # A spawned process learns about its parent only once it has read its task.
        elif multiprocessing.parent_process() is None and not hasattr(multiprocessing.current_process(), "_inheriting"):
            self._stop_watching()

    def _stop_watching(self) -> None:
        self.__dict__.update(self.__dict__["_set_aside"])


def _load() -> _Library:
    loaded = _open()
    for name, (result, arguments) in FUNCTIONS.items():
        try:
            function = getattr(loaded, name)
        except AttributeError:
            raise ImportError(f"{loaded._name}: has no function {name}, expected this package's version") from None
        function.argtypes = arguments
        if result is Status:
            # As a Python number, which is made faster than a Status.
            function.restype = ctypes.c_int
            function.errcheck = _raise_unless_ok
        else:
            function.restype = result
    found = loaded.scn_abi_version()
    if found != SCN_ABI_VERSION:
        raise ImportError(f"{loaded._name}: has ABI version {found}, expected {SCN_ABI_VERSION}")
    return loaded


library = _load()
library.watch()
os.register_at_fork(after_in_child=library.watch)
