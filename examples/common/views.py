"""Pictures of labeled point clouds: what came in, the truth, and what the network says."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D

import scn
from clouds import Cloud

INK = "#222222"
STEPS = plt.get_cmap("viridis", 20)  # fewer shades, smaller files
TABLE, THING, WRONG = (0.55, 0.58, 0.62), (0.93, 0.55, 0.13), (0.85, 0.05, 0.45)
GROUND, OBJECT = (0.85, 0.79, 0.64), (0.23, 0.48, 0.34)
PALETTE = tuple(plt.get_cmap("tab20")(index)[:3] for index in (*range(0, 20, 2), *range(1, 20, 2)))  # strong ones first
FALSE_OBJECT, FALSE_GROUND = (0.84, 0.15, 0.24), (0.14, 0.33, 0.77)


def camera_views(scenes: list[Cloud], guesses: list[np.ndarray], path: Path, focal_length: float) -> None:
    """Draw each scene as its camera saw it, at so many pixels of focal length: colors, truth, prediction.

    Scenes that do not lie before a camera, which looks along z, are drawn from above, where z is up.
    """
    figure, grid = _panels(len(scenes), 3.2)
    for row, scene, guess in zip(grid, scenes, guesses):
        colors = scene.colors / 255
        # Brightness stays, so that what is labeled can be recognized.
        shade = 0.45 + 0.75 * colors.mean(axis=1, keepdims=True)
        truth = np.where(scene.labels[:, None] == 1, THING, TABLE) * shade
        found = np.where(guess[:, None] == 1, THING, TABLE) * shade
        found[guess != scene.labels] = WRONG
        (columns, rows), nearest_last = _seen(scene.points, focal_length)
        wrong = guess != scene.labels
        titles = (f"scene {scene.name}", "truth", f"prediction, {wrong.mean():.1%} of the points wrong")
        for axes, values, title in zip(row, (colors, truth, found), titles):
            axes.imshow(_image(columns, rows, np.clip(values, 0, 1), nearest_last), interpolation="nearest")
            _title(axes, title)
    _legend(figure, {"table": TABLE, "object": THING, "wrong": WRONG})
    figure.savefig(path, dpi=100, pil_kwargs={"quality": 85})
    plt.close(figure)


def maps(scans: list[Cloud], guesses: list[np.ndarray], path: Path) -> None:
    """Draw each scan from above: height, truth, prediction with its two kinds of mistakes."""
    figure, grid = _panels(len(scans), 3.3)
    for row, scan, guess in zip(grid, scans, guesses):
        wrong = guess != scan.labels
        truth = np.array([OBJECT, GROUND])[scan.labels]
        found = np.where(wrong[:, None], np.array([FALSE_GROUND, FALSE_OBJECT])[scan.labels], truth)
        extent = np.ptp(scan.points[:, :2], axis=0)
        cells = np.floor(scan.points[:, :2] / np.sqrt(extent.prod() / len(scan))).astype(np.int64).T
        # The longer side runs across: a quarter turn if that is y.
        columns, rows = (cells[0], -cells[1]) if extent[0] >= extent[1] else (cells[1], cells[0])
        order = np.argsort(wrong, kind="stable")  # no mistake lies below another point
        titles = (f"{scan.name}, height", "truth", f"prediction, {wrong.mean():.1%} of the points wrong")
        heights = scan.points[:, 2]
        for axes, values, title in zip(row, (heights, truth, found), titles):
            low, high = np.percentile(heights, [0.5, 99.5])
            shown = axes.imshow(
                _image(columns, rows, values, order), vmin=low, vmax=high, cmap=STEPS, interpolation="nearest"
            )
            _title(axes, title)
            if values is heights:
                figure.colorbar(shown, ax=axes, shrink=0.8, pad=0.01).ax.set_title("m", fontsize=9)
    names = {"ground": GROUND, "object": OBJECT, "ground taken for object (type I)": FALSE_OBJECT}
    _legend(figure, {**names, "object taken for ground (type II)": FALSE_GROUND})
    figure.savefig(path, dpi=95, pil_kwargs={"optimize": True})
    plt.close(figure)


def solids(
    shown: list[Cloud], guesses: list[np.ndarray], names: tuple[str, ...], path: Path, is_room: bool = False
) -> None:
    """Draw each cloud, z pointing up, from above and aside: its colors, or how near points are; truth; prediction.

    names: of the classes, at most 20; truths below 0 are gray. is_room: whether the sides that hide what is inside are
    left off.
    """
    figure, grid = _panels(len(shown), 3.6)
    palette = np.array(PALETTE)
    found: set[int] = set()
    for row, cloud, guess in zip(grid, shown, guesses):
        known = cloud.labels >= 0
        wrong = np.mean((guess != cloud.labels)[known])
        places, nearness, order = _from_aside(cloud.points, is_room)
        first = STEPS(nearness)[:, :3] if cloud.colors is None else cloud.colors / 255
        shade = 0.75 + 0.25 * nearness[:, None]
        truth = np.where(known[:, None], palette[np.maximum(cloud.labels, 0)], 0.93) * shade
        titles = (cloud.name, "truth", f"prediction, {wrong:.1%} wrong")
        size = 320 / np.sqrt(len(order))  # so that points nearly touch
        for axes, values, title in zip(row, (first, truth, palette[guess] * shade), titles):
            axes.scatter(*places[order].T, s=size, c=values[order], linewidths=0)
            axes.set_aspect("equal")
            _title(axes, title)
        found |= {*np.unique(cloud.labels[known]).tolist(), *np.unique(guess).tolist()}
    _legend(figure, {names[index]: palette[index] for index in sorted(found)})
    figure.savefig(path, dpi=70, pil_kwargs={"quality": 80})
    plt.close(figure)


def _from_aside(points: np.ndarray, is_room: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The place in a picture of each point, z pointing up, its nearness 0 ... 1, and which are drawn in which order."""
    flat, order = points[:, :2], np.arange(len(points))
    if is_room:
        # Rooms do not lie along the axes: the least rectangle around them does.
        angles = np.radians(np.arange(0, 90, 2))
        turns = np.stack([[np.cos(angles), -np.sin(angles)], [np.sin(angles), np.cos(angles)]]).transpose(2, 0, 1)
        extents = np.ptp(flat[:: len(flat) // 5000 + 1] @ turns, axis=1)
        flat = flat @ turns[extents.prod(axis=1).argmin()]
        hiding = (flat < flat.min(axis=0) + 0.15).any(axis=1) & (points[:, 2] > points[:, 2].min() + 0.3)
        order = np.flatnonzero(~hiding)
    turn, tilt = np.radians(35), np.radians(50 if is_room else 25)
    sideways, away = flat @ [np.cos(turn), -np.sin(turn)], flat @ [np.sin(turn), np.cos(turn)]
    height = points[:, 2] * np.cos(tilt) + away * np.sin(tilt)
    nearness = points[:, 2] * np.sin(tilt) - away * np.cos(tilt)
    nearness = (nearness - nearness.min()) / max(np.ptp(nearness), 1e-9)
    return np.stack([sideways, height], axis=1), nearness, order[np.argsort(nearness[order], kind="stable")]


def page(cloud: Cloud, guess: np.ndarray, path: Path, names: tuple[str, ...], palette: tuple, title: str) -> None:
    """Write a page that shows a cloud to turn by hand: colors if it has some, truth, prediction.

    names, palette: the name and the color of each class. Where plotly is not installed, a line says that there is none.
    """
    up = "-y" if cloud.colors is not None and _before_camera(cloud.points) else "z"
    labels = {"truth": cloud.labels, "prediction": guess}
    try:
        scn.show(cloud.points, labels, colors=cloud.colors, names=names, palette=palette, title=title, file=path, up=up)
    except ImportError as error:
        print(f"no {path.name}: {error}")


def _before_camera(points: np.ndarray) -> bool:
    """Whether points may be those of a camera, which looks along z, with y pointing down."""
    return bool(points[:, 2].min() > 0)


def _seen(points: np.ndarray, focal_length: float) -> tuple[np.ndarray, np.ndarray]:
    """The column and the row of each point, int64 [2, n], and the order in which to draw them."""
    if _before_camera(points):
        places = focal_length * points[:, :2] / points[:, 2:]
        if np.ptp(places, axis=0).max() <= 4000:
            return np.round(places).astype(np.int64).T, np.argsort(-points[:, 2], kind="stable")
    places = points[:, :2] - points[:, :2].min(axis=0)
    return np.round(places * 400 / max(places.max(), 1e-9)).astype(np.int64).T, np.argsort(points[:, 2], kind="stable")


def _image(columns: np.ndarray, rows: np.ndarray, values: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The image of points' values [n] or [n, 3], drawn in an order; in gaps of a pixel, a neighbor."""
    columns, rows = columns - columns.min(), rows - rows.min()
    shown = np.full((rows.max() + 1, columns.max() + 1), -1)
    shown[rows[order], columns[order]] = order
    padded = np.pad(shown, 1, constant_values=-1)
    neighbors = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).reshape(*shown.shape, 9)
    gap = (shown < 0) & ((neighbors >= 0).sum(axis=-1) >= 3)
    shown[gap] = neighbors[gap].max(axis=-1)
    empty = (shown < 0)[..., None] if values.ndim == 2 else shown < 0
    return np.where(empty, 1.0 if values.ndim == 2 else np.nan, values[shown])


def _panels(rows: int, height: float) -> tuple[plt.Figure, np.ndarray]:
    """Three panels per row, each row so many inches high, and room for a legend."""
    return plt.subplots(rows, 3, figsize=(12, 0.5 + height * rows), squeeze=False, layout="constrained")


def _title(axes: plt.Axes, title: str) -> None:
    axes.set_title(title, fontsize=12, loc="left", color=INK)
    axes.axis("off")


def _legend(figure: plt.Figure, colors: dict) -> None:
    marks = [Line2D([], [], marker="s", linestyle="", color=color, markersize=9) for color in colors.values()]
    figure.legend(
        marks, list(colors), loc="outside lower center", ncols=min(len(colors), 7), frameon=False, fontsize=11
    )
