"""Shapes with annotated parts: the files of the ShapeNet Core55 challenge of 2017, and its figure of merit."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import clouds
import running

# The folder of each category, its name and its number of parts.
CATEGORIES = (
    ("02691156", "Airplane", 4),
    ("02773838", "Bag", 2),
    ("02954340", "Cap", 2),
    ("02958343", "Car", 4),
    ("03001627", "Chair", 4),
    ("03261776", "Earphone", 3),
    ("03467517", "Guitar", 3),
    ("03624134", "Knife", 2),
    ("03636649", "Lamp", 4),
    ("03642806", "Laptop", 2),
    ("03790512", "Motorbike", 6),
    ("03797390", "Mug", 2),
    ("03948459", "Pistol", 3),
    ("04099429", "Rocket", 3),
    ("04225987", "Skateboard", 3),
    ("04379243", "Table", 3),
)
PARTS = tuple(parts for _, _, parts in CATEGORIES)
FIRST_PART = (0, *np.cumsum(PARTS).tolist())  # where each category's parts begin among those of all; the last is 50
MOST_POINTS = 1_000_000  # of a shape; those of the challenge have about 2,600


@dataclass(frozen=True)
class Shape(clouds.Cloud):
    """A cloud whose labels are the category's parts, from 0; its points reach as far as 1 from the origin.

    category: its place in `CATEGORIES`.
    """

    category: int = 0


def read_shape(points: Path, parts: Path | None, category: int) -> Shape:
    """Read `x y z` of each point from a .pts file, and the number of its part, from 1, from a .seg file.

    parts: None where they are not known; the labels are then -1. As SparseConvNet does, points are divided by the
    largest distance from the origin. Raises `DataError`.
    """
    places = _numbers(points, 3, "x y z")
    with np.errstate(over="ignore"):
        reach = np.sqrt((places**2).sum(axis=1).max())
    if not 0 < reach < np.inf:
        raise clouds.DataError(f"{points}: the farthest point is {reach:g} from the origin, expected a positive number")
    labels = np.full(len(places), -1)
    if parts is not None:
        numbers = _numbers(parts, 1, "the number of a part")[:, 0]
        if len(numbers) != len(places):
            raise clouds.DataError(f"{parts} has {len(numbers)} lines, expected {len(places)} as in {points}")
        wrong = np.flatnonzero(~np.isin(numbers, np.arange(1, PARTS[category] + 1)))
        if len(wrong):
            most, name = PARTS[category], CATEGORIES[category][1]
            problem = f"the part is {numbers[wrong[0]]:g}, expected 1 ... {most} in the category {name}"
            raise clouds.DataError(f"{parts}, line {wrong[0] + 1}: {problem}")
        labels = numbers.astype(np.int64) - 1
    name = f"{points.parent.name}/{points.stem}"
    return Shape(name, (places / reach).astype(np.float32), labels, category=category)


def _numbers(path: Path, columns: int, meaning: str) -> np.ndarray:
    """The finite numbers of a text file, [lines, columns]; meaning: what a line holds."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of an empty file, which is refused below
            text = io.StringIO(path.read_bytes().decode("ascii"))
            values = np.loadtxt(text, ndmin=2, comments=None, max_rows=MOST_POINTS + 1)
    except FileNotFoundError:
        raise clouds.DataError(f"{path} is absent") from None
    except ValueError as error:
        raise clouds.DataError(f"{path}: expected {meaning} in each line: {str(error).splitlines()[0]}") from None
    if not values.size:
        raise clouds.DataError(f"{path} is empty, expected {meaning} in each line")
    if values.shape[1] != columns:
        raise clouds.DataError(f"{path}: a line has {values.shape[1]} numbers, expected {meaning}")
    if len(values) > MOST_POINTS:
        raise clouds.DataError(f"{path} has over {MOST_POINTS} lines, more than a shape of the challenge")
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(wrong):
        raise clouds.DataError(f"{path}, line {wrong[0] + 1}: not finite, expected {meaning}")
    return values


def files(folder: Path, kind: str) -> list[tuple[Path, Path | None, int]]:
    """The .pts and .seg file and the category of each shape below KIND_data and KIND_label: train, val or test.

    The .seg files are None where there is no folder KIND_label.
    """
    labels = folder / f"{kind}_label"
    found = []
    for category, (number, _, _) in enumerate(CATEGORIES):
        for points in sorted((folder / f"{kind}_data" / number).glob("*.pts")):
            parts = labels / number / f"{points.stem}.seg" if labels.is_dir() else None
            found.append((points, parts, category))
    return found


def is_first_half(points: Path) -> bool:
    """Whether SparseConvNet's script learns from a shape of train or val: if the MD5 of its file begins with 0 ...
    7."""
    return hashlib.md5(points.read_bytes(), usedforsecurity=False).hexdigest()[0] < "8"


def read_split(folder: Path, is_halved: bool) -> tuple[list[Shape], list[Shape], list[Shape]]:
    """The shapes to learn from, those to validate with, and those to test, of the challenge's folder.

    is_halved: shapes of train and val are mixed and divided anew, as SparseConvNet's script does. Raises `DataError`.
    """
    listed = [files(folder, kind) for kind in ("train", "val", "test")]
    if is_halved:
        mixed = listed[0] + listed[1]
        firsts = [is_first_half(points) for points, _, _ in mixed]
        listed[:2] = ([item for item, first in zip(mixed, firsts) if first is wanted] for wanted in (True, False))
    for kind, items in zip(("train", "val"), listed):
        if not items or any(parts is None for _, parts, _ in items):
            needed = f"{kind}_data/CATEGORY/*.pts with {kind}_label/CATEGORY/*.seg"
            raise clouds.DataError(
                f"{folder} lacks {needed}, CATEGORY being {CATEGORIES[0][0]} ... {CATEGORIES[-1][0]}"
            )
    with running.progress(sum(map(len, listed)), "shapes read") as bar:

        def read(item: tuple[Path, Path | None, int]) -> Shape:
            bar.update()
            return read_shape(*item)

        return tuple([read(item) for item in items] for items in listed)


def shape_iou(truth: np.ndarray, guess: np.ndarray, parts: int) -> float:
    """The mean over a shape's parts 0 ... parts - 1 of the intersection over union of points.

    A part that neither truth nor guess has counts as 1 (Yi et al. 2017, "Large-Scale 3D Shape Reconstruction and
    Segmentation from ShapeNet Core55").
    """
    every = np.arange(parts)[:, None]
    of_truth, of_guess = truth == every, guess == every
    union = (of_truth | of_guess).sum(axis=1)
    return float(np.where(union, (of_truth & of_guess).sum(axis=1) / np.maximum(union, 1), 1).mean())


def summary(shapes: list[Shape], guesses: list[np.ndarray]) -> tuple[dict[str, tuple[float, int]], float, float]:
    """For each category that occurs its mean IoU and number of shapes; the mean over shapes; the mean over categories.

    The mean over shapes is the challenge's average: categories weighted by their numbers of shapes.
    """
    ious = np.array(
        [shape_iou(shape.labels, guess, PARTS[shape.category]) for shape, guess in zip(shapes, guesses)], np.float64
    )
    category = np.array([shape.category for shape in shapes])
    found = {CATEGORIES[which][1]: ious[category == which] for which in np.unique(category)}
    table = {name: (float(values.mean()), len(values)) for name, values in found.items()}
    return table, float(ious.mean()), float(np.mean([mean for mean, _ in table.values()]))


def write_guesses(folder: Path, shapes: list[Shape], guesses: list[np.ndarray]) -> None:
    """Write FOLDER/CATEGORY/NAME.seg of each shape as the challenge has them: the part of a point, from 1, a line."""
    for shape, guess in zip(shapes, guesses):
        path = folder / f"{shape.name}.seg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{part}\n" for part in guess + 1))
