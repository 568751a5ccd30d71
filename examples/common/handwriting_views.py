"""Pictures of handwritten characters, stroke by stroke."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes

from handwriting import Characters

INK, RED = "#222222", "#c8372d"
COLUMNS = 8
CHINESE_FONTS = re.compile(r"(Noto (Sans|Serif) (CJK|SC)|Source Han|WenQuanYi|SimHei|SimSun|Microsoft YaHei|PingFang)")


def printable(names: Sequence[str]) -> list[str]:
    """Names as pictures can write them here: Chinese characters, or their codes in GB 2312 where no font has them."""
    return [name if name.isascii() or _use_chinese_font() else name.encode("gb2312").hex() for name in names]


@functools.cache
def _use_chinese_font() -> bool:
    """Let pictures write Chinese characters, too; return whether this machine has a font for them."""
    names = sorted(font.name for font in font_manager.fontManager.ttflist if CHINESE_FONTS.match(font.name))
    if names:
        plt.rcParams["font.family"] = [*plt.rcParams["font.family"], names[0]]
    return bool(names)


def page(
    characters: Characters,
    which: Sequence[int] | np.ndarray,
    titles: Sequence[str],
    heading: str,
    legend: str,
    path: Path,
    colors: Sequence[str] | None = None,
) -> None:
    """Draw the strokes of the characters at positions `which`, each below its title, on a page with a heading.

    colors: one for each title (all as ink). A dot is where the pen came down.
    """
    rows = max(1, math.ceil(len(which) / COLUMNS))
    header, height = 0.9, 0.9 + 1.7 * rows
    figure, grid = plt.subplots(rows, COLUMNS, figsize=(11, height), squeeze=False)
    figure.subplots_adjust(0.01, 0.01, 0.99, 1 - (header + 0.3) / height, wspace=0.1, hspace=0.3)
    for axes in grid.flat:
        axes.axis("off")
    for axes, index, title, color in zip(grid.flat, which, titles, colors or [INK] * len(titles)):
        _draw_character(axes, characters.strokes(index))
        axes.set_title(title, fontsize=13, color=color)
    figure.text(0.02, 1 - 0.3 / height, heading, fontsize=14, weight="bold", va="center")
    figure.text(0.02, 1 - 0.62 / height, legend, fontsize=10, color=INK, va="center")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _draw_character(axes: Axes, strokes: list[np.ndarray]) -> None:
    for points in strokes:
        axes.plot(points[:, 0], points[:, 1], color=INK, linewidth=2, solid_capstyle="round", solid_joinstyle="round")
        axes.plot(*points[0], color=RED, marker="o", markersize=4)
    points = np.concatenate(strokes)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    half = 0.58 * max(np.ptp(points, axis=0).max(), 1)
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] + half, middle[1] - half)
    axes.set_aspect("equal")
