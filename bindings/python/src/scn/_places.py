"""Where in a network an error happened, which its message ends with."""

from __future__ import annotations

import re
from typing import Any

from .errors import Error

# What the library itself says of a module that it holds with others inside.
_OF_LIBRARY = re.compile(r"(.*) \(in module ([\d.]+)\)", re.DOTALL)


def leaving(error: Exception, module: Any) -> None:
    """Note that an error leaves a module: its text then ends with the path from there to the one that raised it.

    To be called for each module, from the inside out; module: of this package or of torch. An error of another library
    keeps its text, and has the path in a note, from Python 3.11 on. A shared module has the first of its names.
    """
    known: Any = error  # Which has attributes of this package's.
    if not hasattr(known, "_scn_place"):
        text = str(error) if isinstance(error, Error) else ""
        found = _OF_LIBRARY.fullmatch(text)
        known._scn_place = (*found.groups(), id(module)) if found else (text, "", id(module))
        return
    text, path, inner = known._scn_place
    name = next((name for name, part in module.named_modules() if id(part) == inner), None)
    path = "" if name is None else ".".join(filter(None, (name, path)))
    known._scn_place = (text, path, id(module))
    if isinstance(error, Error):
        error.args = (f"{text} (in module {path})" if path else text,)
    elif hasattr(known, "add_note"):
        others = [note for note in getattr(known, "__notes__", []) if not note.startswith("scn: in module ")]
        known.__notes__ = [*others, f"scn: in module {path}"] if path else others
