"""The picture: moments of two sequences, as they were and as the decoder rebuilt them."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

import shapes

INK, BLUE, ORANGE = "#222222", "#1f6fb2", "#d9580d"
MOMENTS = (0, 3, 6, 9, 12, 15)
SEQUENCES = 2


def reconstructions(truth: np.ndarray, rebuilt: np.ndarray, score: float, path: Path) -> None:
    """Draw the first sequences of a batch: sites [sites, 5], seen along the second axis, near ones dark."""
    figure, grid = plt.subplots(2 * SEQUENCES, len(MOMENTS), figsize=(11, 8.4), squeeze=False)
    figure.subplots_adjust(0.085, 0.05, 0.99, 0.875, wspace=0.05, hspace=0.05)
    figure.text(0.02, 0.965, "Space and time through a sparse autoencoder", fontsize=15, weight="bold", va="center")
    what = (
        f"IoU {score:.3f} on sequences that the network never saw. Surfaces in a field of 32 x 32 x 32 sites at six of "
        "16 moments; darker is nearer."
    )
    figure.text(0.02, 0.925, what, fontsize=10, color=INK, va="center")
    for row in range(2 * SEQUENCES):
        sequence, is_rebuilt = divmod(row, 2)
        sites = rebuilt if is_rebuilt else truth
        for axes, moment in zip(grid[row], MOMENTS):
            _draw(
                axes, sites[(sites[:, 4] == sequence) & (sites[:, 3] == moment)], "Oranges" if is_rebuilt else "Blues"
            )
            if row == 0:
                axes.set_title(f"moment {moment + 1}", fontsize=10, color=INK)
        label = "rebuilt" if is_rebuilt else "truth"
        grid[row, 0].set_ylabel(label, fontsize=12, color=ORANGE if is_rebuilt else BLUE)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _draw(axes: Axes, sites: np.ndarray, colors: str) -> None:
    """One moment as a map of depth."""
    width, depth, height, _ = shapes.FIELD
    nearest = np.full((height, width), np.nan)
    order = np.argsort(-sites[:, 1], kind="stable")  # near ones last, so that they cover those behind them
    nearest[sites[order, 2], sites[order, 0]] = sites[order, 1]
    axes.imshow(depth - nearest, cmap=colors, vmin=-0.3 * depth, vmax=depth, origin="lower", interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color("#c9ccd1")
