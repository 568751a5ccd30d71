"""The same digits read by a C program: building bindings/c/examples/pendigits.c and running it."""

from __future__ import annotations

import gzip
from pathlib import Path

import native

SOURCE = native.ROOT / "bindings" / "c" / "examples" / "pendigits.c"


def unpack(packed: Path, text: Path, digits: int) -> None:
    """Write the first digits of a gzip UNIPEN file as plain text."""
    with gzip.open(packed, "rt", encoding="latin-1") as source, open(text, "w", encoding="latin-1") as target:
        for line in source:
            digits -= line.startswith(".SEGMENT")
            if digits < 0:
                break
            target.write(line)


def run(checkpoint: Path, text: Path, output: Path) -> str:
    """Build the C program into the folder `output`, have it read the digits of `text`, return its line."""
    return native.run([str(native.build(SOURCE, output)), str(checkpoint), str(text)]).strip()
