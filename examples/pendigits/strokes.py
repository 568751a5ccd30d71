"""Handwritten digits as pen strokes: reading them from UNIPEN text, and the field that they are drawn into.

DRAWING.md states the drawing exactly, so that other programs can follow it.
"""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))

import handwriting
from handwriting import Characters, draw

__all__ = ["BOX", "FIELD", "Characters", "Distortion", "UnipenError", "draw", "fit", "parse_unipen", "read_unipen"]

FIELD = 63  # the field is FIELD x FIELD sites
BOX = 40  # the longer side of a digit, in sites
LARGEST_COORDINATE = 65535

Distortion = partial(handwriting.Distortion, FIELD)


class UnipenError(ValueError):
    """A line that is not UNIPEN stroke text, or one in the wrong place; the message names file and line."""


def read_unipen(path: str | os.PathLike[str]) -> Characters:
    """Read the digits of a UNIPEN file, gzip if the name ends in .gz. y grows downward in the result.

    Raises UnipenError where the text is wrong, OSError where the file cannot be read.
    """
    name = os.fspath(path)
    opener = gzip.open if name.endswith(".gz") else open
    with opener(name, "rt", encoding="latin-1", newline="\n") as lines:
        try:
            return parse_unipen(lines, name)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UnipenError(f"{name}: damaged gzip data: {error}") from error


def parse_unipen(lines: Iterable[str], name: str = "text") -> Characters:
    """Read the digits of UNIPEN text; `name` stands for it in messages."""
    points: list[tuple[int, int]] = []
    digit: list[int] = []
    stroke: list[int] = []
    labels: list[int] = []
    number = strokes = 0
    label_line = 0
    pen_down_line = 0

    def wrong(what: str, line: int | None = None) -> UnipenError:
        return UnipenError(f"{name}, line {number if line is None else line}: {what}")

    def check_digit_is_complete() -> None:
        if pen_down_line:
            raise wrong("this stroke does not end", pen_down_line)
        if labels and (not digit or digit[-1] != len(labels) - 1):
            raise wrong("this digit has no stroke", label_line)

    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        if words[0] == ".SEGMENT":
            check_digit_is_complete()
            text = words[4].strip('"') if len(words) == 5 and words[1] == "DIGIT" else ""
            if text not in tuple("0123456789"):
                raise wrong('expected .SEGMENT DIGIT n ? "c" with a class c of 0 ... 9')
            labels.append(int(text))
            label_line = number
        elif words[0] == ".PEN_DOWN":
            if pen_down_line:
                raise wrong(f"a stroke within the stroke of line {pen_down_line}")
            if not labels:
                raise wrong("a stroke before the first .SEGMENT")
            pen_down_line = number
        elif words[0] == ".PEN_UP":
            if not pen_down_line:
                raise wrong("the end of a stroke that did not begin")
            if not stroke or stroke[-1] != strokes:
                raise wrong("a stroke without a point")
            strokes += 1
            pen_down_line = 0
        elif not words[0].startswith("."):
            if not pen_down_line:
                raise wrong("a point outside a stroke")
            if len(words) != 2 or not all(word.isascii() and word.isdigit() for word in words):
                raise wrong("expected a point: two integers x y, 0 or more")
            if max(map(len, words)) > 9 or max(map(int, words)) > LARGEST_COORDINATE:
                raise wrong(f"a coordinate greater than {LARGEST_COORDINATE}")
            x, y = map(int, words)
            points.append((x, -y))
            digit.append(len(labels) - 1)
            stroke.append(strokes)
    check_digit_is_complete()
    return Characters(
        np.array(points, np.int64).reshape(-1, 2),
        np.array(digit, np.int64),
        np.array(stroke, np.int64),
        np.array(labels, np.int64),
    )


def fit(digits: Characters) -> Characters:
    """Scale each digit into the box in the middle of the field, in fixed-point units, keeping its aspect."""
    return handwriting.fit(digits, FIELD, BOX)
