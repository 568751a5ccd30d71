"""The same digits read by a C program: building bindings/c/examples/pendigits.c and running it."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "bindings" / "c" / "examples" / "pendigits.c"


class BuildError(RuntimeError):
    """The C program could not be built or run; the message holds what it or the compiler said."""


def unpack(packed: Path, text: Path, digits: int) -> None:
    """Write the first digits of a gzip UNIPEN file as plain text."""
    with gzip.open(packed, "rt", encoding="latin-1") as source, open(text, "w", encoding="latin-1") as target:
        for line in source:
            digits -= line.startswith(".SEGMENT")
            if digits < 0:
                break
            target.write(line)


def _library() -> Path:
    """The library that Python uses too."""
    library = Path(os.environ.get("SCN_LIBRARY") or ROOT / "build" / "lib" / "libscn.so").resolve()
    if not library.exists():
        raise BuildError(f"{library} is missing; `make lib` builds it")
    return library


def _run(command: list[str]) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise BuildError(f"{' '.join(command)}\n{result.stderr or f'ended with {result.returncode}'}")
    return result.stdout


def run(checkpoint: Path, text: Path, output: Path) -> str:
    """Build the C program into the folder `output`, have it read the digits of `text`, return its line."""
    compiler = next(filter(None, map(shutil.which, [os.environ.get("CC", ""), "cc", "gcc", "clang"])), None)
    if compiler is None:
        raise BuildError("no C compiler: install gcc or clang, or name one in CC")
    library = _library()
    program = output.resolve() / "pendigits"
    _run(
        [compiler, "-std=c11", "-O2", f"-I{ROOT / 'include'}", str(SOURCE), "-o", str(program)]
        + [str(library), f"-Wl,-rpath,{library.parent}", "-lm"]
    )
    return _run([str(program), str(checkpoint), str(text)]).strip()
