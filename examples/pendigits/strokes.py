"""Handwritten digits as pen strokes: reading them from UNIPEN text, distorting them, drawing them into sites.

DRAWING.md states the drawing exactly; `draw` follows it bit by bit, so that other programs can too.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

FIELD = 63  # the field is FIELD x FIELD sites
UNIT = 1024  # fixed-point units in one site
BOX = 40  # the longer side of a digit, in sites
STEP = 256  # samples along a segment lie at most so many units apart
LARGEST_COORDINATE = 65535


class UnipenError(ValueError):
    """A line that is not UNIPEN stroke text, or one in the wrong place; the message names file and line."""


@dataclass(frozen=True)
class Digits:
    """Many digits in flat arrays: the points of all strokes of all digits, one after another.

    points: [points, 2] int64, column and row. digit, stroke: [points] int64, both ascending: which ones each point
    belongs to. labels: [digits] int64.
    """

    points: np.ndarray
    digit: np.ndarray
    stroke: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, which: np.ndarray) -> Digits:
        """The digits at positions `which`, in that order."""
        which = np.asarray(which, np.int64)
        first = np.searchsorted(self.digit, which)
        count = np.searchsorted(self.digit, which, side="right") - first
        digit = np.repeat(np.arange(len(which)), count)
        rows = np.arange(len(digit)) + np.repeat(first - (np.cumsum(count) - count), count)
        source = self.stroke[rows]
        begins = np.ones(len(rows), bool)
        begins[1:] = (source[1:] != source[:-1]) | (digit[1:] != digit[:-1])
        return Digits(self.points[rows], digit, np.cumsum(begins) - 1, self.labels[which])

    def strokes(self, index: int) -> list[np.ndarray]:
        """The strokes of one digit, each [points, 2]."""
        first, last = np.searchsorted(self.digit, [index, index + 1])
        cuts = np.flatnonzero(np.diff(self.stroke[first:last])) + 1
        return np.split(self.points[first:last], cuts)


def read_unipen(path: str | os.PathLike[str]) -> Digits:
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


def parse_unipen(lines: Iterable[str], name: str = "text") -> Digits:
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
    return Digits(
        np.array(points, np.int64).reshape(-1, 2),
        np.array(digit, np.int64),
        np.array(stroke, np.int64),
        np.array(labels, np.int64),
    )


def fit(digits: Digits) -> Digits:
    """Scale each digit into the box in the middle of the field, in fixed-point units, keeping its aspect."""
    begins = np.searchsorted(digits.digit, np.arange(len(digits)))
    low = np.minimum.reduceat(digits.points, begins)
    extent = np.maximum.reduceat(digits.points, begins) - low
    longest = np.maximum(extent.max(axis=1, keepdims=True), 1)
    corner = (FIELD * UNIT - extent * (BOX * UNIT) // longest) // 2
    whose = digits.digit
    points = corner[whose] + (digits.points - low[whose]) * (BOX * UNIT) // longest[whose]
    return Digits(points, whose, digits.stroke, digits.labels)


@dataclass(frozen=True)
class Distortion:
    """How far digits are distorted about the field's center: each amount is uniform in plus or minus its limit."""

    rotation: float = 0.25  # radians
    shear: float = 0.25
    scale: float = 0.15  # of either axis by itself
    shift: float = 3.0  # sites

    def __call__(self, fitted: Digits, random: np.random.Generator) -> Digits:
        """Distort digits that `fit` has scaled; points stay within the field."""
        angle, shear, wide, high, right, down = random.uniform(-1, 1, (6, len(fitted)))
        angle, shear = angle * self.rotation, shear * self.shear
        wide, high = 1 + self.scale * wide, 1 + self.scale * high
        cosine, sine = np.cos(angle), np.sin(angle)
        # rotation after shear after scale
        matrix = np.empty((len(fitted), 2, 2))
        matrix[:, 0, 0], matrix[:, 0, 1] = cosine * wide, (cosine * shear - sine) * high
        matrix[:, 1, 0], matrix[:, 1, 1] = sine * wide, (sine * shear + cosine) * high
        center = FIELD * UNIT / 2
        shift = center + self.shift * UNIT * np.stack([right, down], axis=1)
        whose = fitted.digit
        moved = np.einsum("pij,pj->pi", matrix[whose], fitted.points - center) + shift[whose]
        points = np.clip(np.rint(moved), 0, FIELD * UNIT - 1).astype(np.int64)
        return Digits(points, whose, fitted.stroke, fitted.labels)


def draw(fitted: Digits) -> tuple[np.ndarray, np.ndarray]:
    """Draw strokes, in fixed-point units, as samples along their segments.

    Returns coordinates [samples, 3] int64 (row, column, digit) and features [samples, 3] float32 (1 and the unit
    direction of the pen: right, down). Several samples fall on one site; an input layer of mode 4 averages them.
    """
    last_of_stroke = np.ones(len(fitted.points), bool)
    last_of_stroke[:-1] = fitted.stroke[1:] != fitted.stroke[:-1]
    lone = last_of_stroke.copy()
    lone[1:] &= last_of_stroke[:-1]
    begin = np.flatnonzero(~last_of_stroke | lone)
    end = begin + ~last_of_stroke[begin]

    delta = fitted.points[end] - fitted.points[begin]
    length = np.sqrt((delta * delta).sum(axis=1).astype(np.float64))[:, None]
    direction = np.divide(delta, length, out=np.zeros(delta.shape), where=length > 0)
    samples = np.abs(delta).max(axis=1, initial=0) // STEP + 1

    segment = np.repeat(np.arange(len(begin)), samples)
    index = np.arange(len(segment)) - np.repeat(np.cumsum(samples) - samples, samples)
    numerator = (2 * samples[:, None] * fitted.points[begin])[segment] + (2 * index + 1)[:, None] * delta[segment]
    places = numerator // (2 * UNIT * samples)[segment, None]

    coordinates = np.empty((len(segment), 3), np.int64)
    coordinates[:, 0], coordinates[:, 1] = places[:, 1], places[:, 0]
    coordinates[:, 2] = fitted.digit[begin][segment]
    features = np.ones((len(segment), 3), np.float32)
    features[:, 1:] = direction.astype(np.float32)[segment]
    return coordinates, features
