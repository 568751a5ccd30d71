"""Building a C or C++ program against the library that Python uses, and running it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Of each ending of a file: the variable that names a compiler, compilers that are looked for, options.
LANGUAGES = {
    ".c": ("CC", ("cc", "gcc", "clang"), ("-std=c11",)),
    ".cpp": ("CXX", ("c++", "g++", "clang++"), ("-std=c++17",)),
}


class BuildError(RuntimeError):
    """A program could not be built or run; the message holds what it or the compiler said."""


def library() -> Path:
    """The library that Python uses too."""
    found = Path(os.environ.get("SCN_LIBRARY") or ROOT / "build" / "lib" / "libscn.so").resolve()
    if not found.exists():
        raise BuildError(f"{found} is missing; `make lib` builds it")
    return found


def run(command: list[str], shows_progress: bool = False) -> str:
    """Run a program and return what it prints; what it says of an error goes into a BuildError.

    shows_progress: whether what it writes to the standard error, line by line, is shown while it runs.
    """
    # Into a file: a pipe that nobody reads meanwhile would stop a program that prints much.
    with (
        tempfile.TemporaryFile("w+") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.PIPE, text=True) as process,
    ):
        assert process.stderr is not None
        errors: list[str] = []
        for line in process.stderr:
            # The last line stays back: it may be the error.
            if shows_progress and errors:
                sys.stderr.write(errors.pop())
            errors.append(line)
        process.wait()
        output.seek(0)
        printed = output.read()
    if process.returncode:
        raise BuildError(f"{command[0]}: {''.join(errors).strip() or f'ended with {process.returncode}'}")
    if shows_progress:
        sys.stderr.writelines(errors)
    return printed


def build(source: Path, folder: Path) -> Path:
    """Compile a source file, *.c or *.cpp, into a program of its name in a folder, and return the program's path."""
    variable, names, options = LANGUAGES[source.suffix]
    compiler = next(filter(None, map(shutil.which, [os.environ.get(variable, ""), *names])), None)
    if compiler is None:
        raise BuildError(f"no compiler for {source.suffix[1:]}: install gcc or clang, or name one in {variable}")
    program, found = folder.resolve() / source.stem, library()
    includes = [f"-I{ROOT / 'include'}", f"-I{ROOT / 'bindings' / 'cpp'}"]
    run(
        [compiler, *options, "-O2", *includes, str(source), "-o", str(program)]
        + [str(found), f"-Wl,-rpath,{found.parent}", "-lm"]
    )
    return program
