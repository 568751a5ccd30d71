"""Handwriting as pen strokes: many characters at once, distorting them, drawing them into sites.

examples/pendigits/DRAWING.md states the drawing exactly; `fit` and `draw` follow it bit by bit, so that other programs
can too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

UNIT = 1024  # fixed-point units in one site
STEP = 256  # samples along a segment lie at most so many units apart


@dataclass(frozen=True)
class Characters:
    """Many characters in flat arrays: the points of all strokes of all characters, one after another.

    points: [points, 2], column and row. character, stroke: [points], both ascending: which ones each point belongs to.
    labels: [characters] int64. The others are integers of any size.
    """

    points: np.ndarray
    character: np.ndarray
    stroke: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, which: np.ndarray) -> Characters:
        """The characters at positions `which`, in that order."""
        which = np.asarray(which, self.character.dtype)  # of another type, a search would copy all points
        first = np.searchsorted(self.character, which)
        count = np.searchsorted(self.character, which, side="right") - first
        character = np.repeat(np.arange(len(which)), count)
        rows = np.arange(len(character)) + np.repeat(first - (np.cumsum(count) - count), count)
        source = self.stroke[rows]
        begins = np.ones(len(rows), bool)
        begins[1:] = (source[1:] != source[:-1]) | (character[1:] != character[:-1])
        return Characters(self.points[rows], character, np.cumsum(begins) - 1, self.labels[which])

    def strokes(self, index: int) -> list[np.ndarray]:
        """The strokes of one character, each [points, 2]."""
        first, last = np.searchsorted(self.character, np.array([index, index + 1], self.character.dtype))
        cuts = np.flatnonzero(np.diff(self.stroke[first:last])) + 1
        return np.split(self.points[first:last], cuts)


def fit(characters: Characters, field: int, box: int) -> Characters:
    """Scale each character into a box in the middle of the field, in fixed-point units, keeping its aspect.

    field: sites along either axis. box: sites that the character's longer side becomes.
    """
    given = characters.points.astype(np.int64)
    begins = np.searchsorted(characters.character, np.arange(len(characters)))
    low = np.minimum.reduceat(given, begins)
    extent = np.maximum.reduceat(given, begins) - low
    longest = np.maximum(extent.max(axis=1, keepdims=True), 1)
    corner = (field * UNIT - extent * (box * UNIT) // longest) // 2
    whose = characters.character
    points = corner[whose] + (given - low[whose]) * (box * UNIT) // longest[whose]
    return Characters(points, whose, characters.stroke, characters.labels)


@dataclass(frozen=True)
class Distortion:
    """How far characters are distorted about the field's center: each amount is uniform in plus or minus its limit.

    field: sites along either axis.
    """

    field: int
    rotation: float = 0.25  # radians
    shear: float = 0.25
    scale: float = 0.15  # of either axis by itself
    shift: float = 3.0  # sites

    def __call__(self, fitted: Characters, random: np.random.Generator) -> Characters:
        """Distort characters that `fit` has scaled; points stay within the field."""
        angle, shear, wide, high, right, down = random.uniform(-1, 1, (6, len(fitted)))
        angle, shear = angle * self.rotation, shear * self.shear
        wide, high = 1 + self.scale * wide, 1 + self.scale * high
        cosine, sine = np.cos(angle), np.sin(angle)
        # rotation after shear after scale
        matrix = np.empty((len(fitted), 2, 2))
        matrix[:, 0, 0], matrix[:, 0, 1] = cosine * wide, (cosine * shear - sine) * high
        matrix[:, 1, 0], matrix[:, 1, 1] = sine * wide, (sine * shear + cosine) * high
        center = self.field * UNIT / 2
        shift = center + self.shift * UNIT * np.stack([right, down], axis=1)
        whose = fitted.character
        moved = np.einsum("pij,pj->pi", matrix[whose], fitted.points - center) + shift[whose]
        points = np.clip(np.rint(moved), 0, self.field * UNIT - 1).astype(np.int64)
        return Characters(points, whose, fitted.stroke, fitted.labels)


def draw(fitted: Characters) -> tuple[np.ndarray, np.ndarray]:
    """Draw strokes, in fixed-point units, as samples along their segments.

    Returns coordinates [samples, 3] int64 (row, column, character) and features [samples, 3] float32 (1 and the unit
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
    coordinates[:, 2] = fitted.character[begin][segment]
    features = np.ones((len(segment), 3), np.float32)
    features[:, 1:] = direction.astype(np.float32)[segment]
    return coordinates, features
