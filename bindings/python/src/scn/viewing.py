"""Point clouds as pages that a browser shows: to turn by hand, several labelings side by side."""

from __future__ import annotations

import base64
import colorsys
import html
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._files import PathLike, replacing, shown
from ._messages import counted, one_of, wrong_elements, wrong_shape, wrong_type, wrong_value
from ._native.arrays import IntArray, int64, integer, plain
from .errors import CoordinateError, FileError, InvalidArgumentError

__all__ = ["show"]

_MOST_CLASSES, _MOST_PANELS = 255, 8  # what a byte holds beside "ignored", and what browsers draw at a time
_SHADES = 256
_IGNORED = "#c8c8c8"
# Neighbors in this order differ in hue and in lightness.
_CLASS_COLORS = (
    "#4c78a8", "#f58518", "#54a24b", "#e45756", "#72b7b2", "#eeca3b", "#b279a2", "#9d755d", "#1b9e77", "#ff9da6",
    "#3d3d8f", "#a6d854", "#e7298a", "#17becf", "#8c6d31", "#9c9ede", "#637939", "#d6616b", "#7f7f7f", "#c5a3ff",
)  # fmt: skip
_UPWARD = ("x", "y", "z", "-x", "-y", "-z")


class _Labeling(NamedTuple):
    """A panel's name and the label of each point."""

    name: str
    labels: IntArray


def show(
    points: Any,
    labels: Any = None,
    *,
    colors: Any = None,
    names: Iterable[str] | None = None,
    palette: Any = None,
    title: str = "",
    file: PathLike = "points.html",
    limit: int | None = 200_000,
    up: str = "z",
) -> Path:
    """Write a page that shows a point cloud, to open in a browser and turn by hand; return the page's path.

    The page is one file that needs no network. It has about 5 MB, the library plotly.js, and 16 bytes more for a point.
    Panels stand side by side and turn together: the colors, then each labeling. The legend hides and shows a class in
    all panels, what is under the pointer is named below them, and with two or more labelings a box leaves color only to
    the points whose labels differ from the first one's.

    points: [n, 3] finite numbers, n at least 1, in any unit. labels: None, [n] whole numbers, or a dictionary of such
    arrays by the names of their panels, `{"truth": a, "prediction": b}`; negative labels mean ignored and are gray. All
    panels together have at most 255 different labels. colors: [n, 3] red, green, blue, whole numbers of 0 ... 255 or
    others of 0 ... 1, drawn with the 256 colors that fit them best; without labels and colors, height is what is
    colored. names: the name of class 0, class 1, ...; None for the numbers. palette: [classes, 3], the color of class
    0, class 1, ..., in numbers as of colors; None for colors that are easy to tell apart. file: what to write, whose
    folder must exist. limit: how many points to show at most, chosen evenly and the same each time; None for all.
    up: the axis that points upward, "x", "y" or "z", or "-x", "-y" or "-z" for one that points down: a camera that
    looks along z has "-y".

    Raises `ImportError` where plotly is not installed, `ShapeError`, `CoordinateError`, `InvalidArgumentError` and
    `TypeError` for arguments that are not as above, and `FileError`.
    """
    where = _points(points)
    labelings = _labelings(labels, len(where))
    shades = None if colors is None else _colors(colors, "colors", len(where))
    if len(labelings) + (shades is not None) > _MOST_PANELS:
        raise wrong_value("labels", len(labelings), f"at most {_MOST_PANELS} panels, that of the colors included")
    values, classes = _classes(labelings, names, palette)
    if up not in _UPWARD:
        raise wrong_value("up", up, one_of(_UPWARD))
    most = len(where) if limit is None else integer(limit, "limit")
    if most < 1:
        raise wrong_value("limit", most, "None or at least 1")
    kept = np.arange(len(where))
    if most < len(where):
        kept = np.sort(np.random.default_rng(0).choice(len(where), most, replace=False))
    middle, scale, extent = _frame(where)
    panels: list[dict[str, Any]] = []
    if shades is not None:
        panels.append({"name": "colors", **_drawn_in_few_colors(shades[kept])})
    elif not labelings:
        heights = (where[kept, "xyz".index(up[-1])] / scale) * (-1 if up.startswith("-") else 1)
        panels.append({"name": "height", "shades": _packed(_graded(heights), "u1"), "scale": "Viridis"})
    for labeling in labelings:
        panels.append({"name": labeling.name, **_compared(labeling, labelings[0])})
        panels[-1]["labels"] = _packed(_ranks(labeling.labels[kept], values), "u1")
    content = {
        "points": _packed((where[kept] - middle) / scale, "<f4"),
        "rows": _packed(kept, "<u4") if len(kept) < len(where) else None,
        "middle": middle.tolist(),
        "scale": scale,
        "extent": extent.tolist(),
        "up": up,
        "panels": panels,
        "classes": classes,
        "ignored": _IGNORED,
    }
    count = f"{len(where):,} points" if len(kept) == len(where) else f"{len(kept):,} of {len(where):,} points"
    _write(file, _page(str(title), count, content))
    return Path(os.fsdecode(file))


def _points(points: Any) -> NDArray[np.float64]:
    array = plain(points, "points")
    if array.dtype.kind not in "biuf":
        raise wrong_elements("points", array.dtype, "real numbers")
    if array.ndim != 2 or array.shape[1] != 3 or not len(array):
        raise wrong_shape("points", array.shape, "[n, 3], n at least 1")
    where = array.astype(np.float64)
    bad = np.argwhere(~np.isfinite(where))
    if len(bad):
        row, axis = bad[0]
        raise CoordinateError(f"points: row {row} has {where[row, axis]} on axis {axis}, expected a finite number")
    return where


def _labelings(labels: Any, count: int) -> list[_Labeling]:
    """Return the labels of each panel that has some."""
    if labels is None:
        return []
    given = {"labels": labels} if not isinstance(labels, Mapping) else labels
    if not given:
        raise InvalidArgumentError("labels: is empty, expected at least one labeling")
    found = []
    for name, values in given.items():
        if not isinstance(name, str):
            raise wrong_type("labels: a panel's name", name, "a string")
        argument = "labels" if given is not labels else f"labels[{name!r}]"
        array = int64(values, argument)
        if array.shape != (count,):
            raise wrong_shape(argument, array.shape, f"[{count}], one for each point")
        found.append(_Labeling(name, array))
    return found


def _colors(colors: Any, name: str, count: int | None = None) -> NDArray[np.uint8]:
    """Return colors as bytes: [count, 3], or of any number of rows."""
    array = plain(colors, name)
    if array.dtype.kind not in "uif":
        raise wrong_elements(name, array.dtype, "real numbers")
    if array.ndim != 2 or array.shape[1] != 3 or len(array) != (len(array) if count is None else count):
        raise wrong_shape(name, array.shape, f"[{'classes' if count is None else count}, 3]")
    most, meaning = (1, "0 ... 1") if array.dtype.kind == "f" else (255, "0 ... 255")
    bad = np.argwhere(~((array >= 0) & (array <= most)))
    if len(bad):
        kind = "numbers of type" if array.dtype.kind == "f" else "whole numbers of type"
        row, column = bad[0]
        raise InvalidArgumentError(
            f"{name}: row {row} has {array[row, column]}, expected {meaning}, as these are {kind} {array.dtype}"
        )
    return np.round(array.astype(np.float64) * (255 / most)).astype(np.uint8)


def _classes(
    labelings: list[_Labeling], names: Iterable[str] | None, palette: Any
) -> tuple[IntArray, list[dict[str, str]]]:
    """Return the labels that occur, in order and without the negative ones, and the name and color of each."""
    every = np.unique(np.concatenate([np.unique(labeling.labels) for labeling in labelings] or [np.empty(0, np.int64)]))
    values = every[every >= 0]
    if len(values) > _MOST_CLASSES:
        raise InvalidArgumentError(f"labels: has {len(values)} different labels, expected at most {_MOST_CLASSES}")
    called = None if names is None else [str(name) for name in names]
    chosen = None if palette is None else _colors(palette, "palette")
    for argument, given in (("names", called), ("palette", chosen)):
        if given is not None and len(values) and values[-1] >= len(given):
            entries = counted(len(given), "entry")
            raise InvalidArgumentError(f"{argument}: has {entries}, expected one for each label of 0 ... {values[-1]}")
    classes = []
    for value in values.tolist():
        color = _color_of(value) if chosen is None else _hexadecimal(chosen[value])
        classes.append({"name": str(value) if called is None else called[value], "color": color})
    return values, classes


def _color_of(label: int) -> str:
    if label < len(_CLASS_COLORS):
        return _CLASS_COLORS[label]
    # Steps of the golden ratio keep any number of hues apart.
    red, green, blue = colorsys.hls_to_rgb(label * 0.6180339887 % 1, (0.42, 0.56, 0.7)[label % 3], 0.6)
    return _hexadecimal(np.round(np.array([red, green, blue]) * 255).astype(np.uint8))


def _hexadecimal(color: NDArray[np.uint8]) -> str:
    return "#" + bytes(color.tolist()).hex()


def _ranks(labels: IntArray, values: IntArray) -> IntArray:
    """Return the place of each label among the values; for negative labels, the number of values."""
    return np.where(labels < 0, len(values), np.searchsorted(values, labels))


def _compared(labeling: _Labeling, first: _Labeling) -> dict[str, str]:
    """Return how much a labeling differs from the first one, where that has labels."""
    known = first.labels >= 0
    if labeling is first or not known.any():
        return {}
    share = np.mean(labeling.labels[known] != first.labels[known])
    return {"note": f"{share:.1%} differ from {first.name}"}


def _frame(where: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
    """Return the middle of points, half of their largest extent, and half the extent on each axis in units of that."""
    # Halves first, since the difference of two large numbers may be infinite.
    low, high = where.min(axis=0) / 2, where.max(axis=0) / 2
    scale = float((high - low).max()) or 1.0
    return low + high, scale, (high - low) / scale


def _drawn_in_few_colors(colors: NDArray[np.uint8]) -> dict[str, Any]:
    """Return colors as numbers of at most 256 means of boxes, found by cutting where variance is largest (after Wan,
    Wong and Prusinkiewicz, "An algorithm for multidimensional data clustering", 1988)."""
    boxes = [np.arange(len(colors))]
    spreads = [_spread(colors)]
    while len(boxes) < _SHADES and spreads[widest := int(np.argmax([max(spread) for spread in spreads]))].any():
        box, channel = boxes.pop(widest), int(spreads.pop(widest).argmax())
        values = colors[box, channel]
        above = values > values.mean()
        for part in (box[above], box[~above]):
            boxes.append(part)
            spreads.append(_spread(colors[part]))
    palette, numbers = np.empty((len(boxes), 3), np.uint8), np.empty(len(colors), np.uint8)
    for number, box in enumerate(boxes):
        palette[number], numbers[box] = np.round(colors[box].mean(axis=0)), number
    steps = np.minimum(np.arange(_SHADES), len(boxes) - 1)
    scale = [[step / (_SHADES - 1), _hexadecimal(palette[entry])] for step, entry in enumerate(steps.tolist())]
    return {"shades": _packed(numbers, "u1"), "scale": scale}


def _spread(colors: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the sum of squared distances from the mean in each channel."""
    return np.asarray(colors.var(axis=0) * len(colors))


def _graded(heights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return heights as numbers of shades, from 0; the few that are lowest and highest of all share one."""
    low, high = np.percentile(heights, [0.5, 99.5])
    return np.asarray(np.clip((heights - low) / ((high - low) or 1), 0, 1) * (_SHADES - 1))


def _packed(array: NDArray[Any], kind: str) -> str:
    """Return an array's numbers, converted to a type, in base 64."""
    return base64.b64encode(np.ascontiguousarray(array, kind).tobytes()).decode()


def _page(title: str, count: str, content: dict[str, Any]) -> str:
    """Return the page's text."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise ImportError("scn.show needs plotly, which is not installed: pip install plotly") from error
    parts = {
        "title": html.escape(title or "Points"),
        "count": count,
        "plotly": get_plotlyjs(),
        "content": json.dumps(content).replace("<", "\\u003c"),  # no text ends the script
    }
    template = Path(__file__).with_name("viewing.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def _write(file: PathLike, text: str) -> None:
    try:
        with replacing(file) as stream:
            stream.write(text.encode())
    except OSError as error:
        raise FileError(f"{shown(file)}: cannot be written: {error.strerror or error}") from error
