"""Pictures of instances: truth and prediction side by side, each instance in a color of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import scn
from grouping import Instance
from rooms import CLASSES
from sites import Scan

ROOM_COLOR, UNKNOWN = (0.82, 0.82, 0.80), (0.85, 0.05, 0.45)
COLORS = np.array(plt.get_cmap("tab20").colors)[[0, 2, 4, 8, 10, 16, 18, 1, 3, 5, 9, 11, 17, 19]]
SHOWN_WALL = 0.3  # meters: higher parts of walls would hide what stands before them
TILT = np.radians(50)  # of the view, from the horizon


def instance_numbers(scan: Scan, found: Sequence[Instance]) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the found instances of each site [n], 0 for none, and their classes [instances + 1].

    An instance has the number of the one in truth that most of its sites belong to, if no surer one has; others have
    numbers above these.
    """
    numbers = np.zeros(len(scan), np.int64)
    kinds = np.zeros(scan.instances.max() + 1 + len(found), np.int64)
    taken, further = {0}, int(scan.instances.max())
    for one in sorted(found, key=lambda one: -one.score):
        number = int(np.bincount(scan.instances[one.sites]).argmax())
        if number in taken:
            further += 1
            number = further
        taken.add(number)
        numbers[one.sites], kinds[number] = number, one.kind
    return numbers, kinds


def kinds_of_truth(scan: Scan) -> np.ndarray:
    """The class of each instance of the truth, [instances + 1]."""
    kinds = np.zeros(scan.instances.max() + 1, np.int64)
    kinds[scan.instances] = scan.classes
    return kinds


def page(scan: Scan, found: Sequence[Instance], title: str, file: Path) -> None:
    """Write a page to turn by hand that shows colors, truth and prediction; needs plotly, see `scn.show`.

    Instances are colored as in `truth_and_prediction`; labels are numbers and classes, "3 ring".
    """
    names, palette, labels, shown = ["room"], [ROOM_COLOR], {}, _shown(scan)
    for panel, numbers, kinds in (
        ("truth", scan.instances, kinds_of_truth(scan)),
        ("prediction", *instance_numbers(scan, found)),
    ):
        labels[panel] = np.zeros(len(scan), np.int64)
        for number in np.unique(numbers[numbers > 0]):
            name = f"{number} {CLASSES[kinds[number]]}"
            if name not in names:
                names.append(name)
                palette.append(tuple(_color(number, scan)))
            labels[panel][numbers == number] = names.index(name)
        labels[panel] = labels[panel][shown]
    colors = np.clip((scan.features[shown, :3] + 1) / 2, 0, 1)
    scn.show(scan.centers[shown], labels, colors=colors, names=names, palette=palette, title=title, file=file)


def truth_and_prediction(
    scans: Sequence[Scan], found: Sequence[Sequence[Instance]], size: float, path: Path, stacked: bool = False
) -> None:
    """Draw scans of sites of a size in meters obliquely from above: colors, truth, prediction with classes.

    Instances of the prediction have the color of the truth that most of their sites belong to; those that are too many
    have a color of their own. stacked: whether the three panels of a scan lie below each other.
    """
    shape = (3 * len(scans), 1) if stacked else (len(scans), 3)
    width, height = (12.5, 4.0) if stacked else (4.2, 4.2)
    figure, grid = plt.subplots(
        *shape, figsize=(width * shape[1], height * shape[0]), squeeze=False, layout="constrained"
    )
    for row, scan, instances in zip(grid.reshape(-1, 3), scans, found):
        numbers, kinds = instance_numbers(scan, instances)
        extent = np.ptp(_projected(scan.centers), axis=0)
        mark = 72 * size * min(width / extent[0], height / extent[1])  # of a site, in points
        seen = np.clip((scan.features[:, :3] + 1) / 2, 0, 1)
        _panel(row[0], scan, seen, mark, "what the camera saw")
        count = len(np.unique(scan.instances)) - 1
        _panel(row[1], scan, _colors(scan.instances, scan), mark, f"truth: {count} instances")
        _panel(row[2], scan, _colors(numbers, scan), mark, f"prediction: {len(instances)} instances")
        for axes, names, of in ((row[1], kinds_of_truth(scan), scan.instances), (row[2], kinds, numbers)):
            for number in np.unique(of[of > 0]):
                x, y, _ = _projected(scan.centers[of == number]).T
                axes.annotate(
                    CLASSES[names[number]], (x.mean(), y.max()), ha="center", va="bottom", fontsize=8, color="#222222"
                )
    figure.savefig(path, dpi=85, pil_kwargs={"quality": 78})
    plt.close(figure)


def _color(number: int, scan: Scan) -> np.ndarray:
    """The color of an instance by its number: one of its own if the truth has it, else that of mistakes."""
    return np.array(UNKNOWN) if number > scan.instances.max() else COLORS[(number - 1) % len(COLORS)]


def _colors(numbers: np.ndarray, scan: Scan) -> np.ndarray:
    """The color of each site by the number of its instance."""
    table = np.array([ROOM_COLOR, *(_color(number, scan) for number in range(1, numbers.max() + 1))])
    return table[numbers]


def _projected(points: np.ndarray) -> np.ndarray:
    """Points [n, 3] as seen from above at TILT: to the right, up, and how near."""
    x, y, z = points.T
    return np.stack([x, y * np.sin(TILT) + z * np.cos(TILT), z * np.sin(TILT) - y * np.cos(TILT)], axis=1)


def _shown(scan: Scan) -> np.ndarray:
    """The places of the sites that are shown."""
    return np.flatnonzero((scan.classes > 0) | (scan.centers[:, 2] < SHOWN_WALL))


def _panel(axes: plt.Axes, scan: Scan, colors: np.ndarray, mark: float, title: str) -> None:
    shown = _shown(scan)
    places = _projected(scan.centers[shown])
    order = np.argsort(places[:, 2], kind="stable")
    shade = 0.7 + 0.3 * np.clip(scan.centers[shown, 2], 0, 1)  # what is higher is lighter
    values = np.clip(colors[shown] * shade[:, None], 0, 1)
    axes.scatter(places[order, 0], places[order, 1], c=values[order], s=mark**2, marker="s", linewidths=0)
    axes.set_aspect("equal")
    axes.set_title(title, fontsize=12, loc="left", color="#222222")
    axes.axis("off")
