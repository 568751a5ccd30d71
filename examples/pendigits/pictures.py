"""The pictures: how the network learned, which digits it misread, and how networks compare."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

import handwriting
import handwriting_views
from handwriting_views import INK, RED

if TYPE_CHECKING:
    from compare import Result
    from train import History

GRAY, BLUE, GREEN = "#8a8f98", "#1f6fb2", "#2f8f5b"
PICTURED = 40  # misread digits that are shown at most


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e3e5e8", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=10)


def learning_curve(history: History, training_digits: int, test_digits: int, path: Path) -> None:
    """Draw the loss and the test accuracy over the epochs."""
    epochs = np.arange(1, len(history.correct) + 1)
    accuracy = 100 * np.array(history.correct) / test_digits
    steps = np.arange(1, len(history.step_losses) + 1) / len(history.step_losses) * len(epochs)

    figure, (above, below) = plt.subplots(2, 1, figsize=(8, 7), sharex=True, height_ratios=[3, 2])
    title = "Learning to read handwritten digits from pen strokes"
    figure.suptitle(title, x=0.02, ha="left", fontsize=15, weight="bold")
    shown = f"Accuracy on {test_digits:,} digits by writers that the network never saw"
    above.set_title(shown, loc="left", fontsize=11, color=INK)
    above.plot(epochs, accuracy, color=BLUE, marker="o", linewidth=2)
    above.annotate(
        f"{accuracy[-1]:.2f}%",
        (epochs[-1], accuracy[-1]),
        (0, 10),
        textcoords="offset points",
        ha="center",
        color=BLUE,
        fontsize=12,
        weight="bold",
    )
    lowest = math.floor(accuracy.min() - 0.01)
    above.set_ylim(lowest, 100 + (100 - lowest) * 0.08)
    above.yaxis.set_major_formatter(FuncFormatter(lambda percent, _: f"{percent:g}%"))
    above.set_ylabel("digits read right")

    shown = f"Loss on {training_digits:,} training digits, randomly distorted"
    below.set_title(shown, loc="left", fontsize=11, color=INK)
    below.plot(steps, history.step_losses, color=GRAY, linewidth=0.6, alpha=0.6, label="each batch")
    below.plot(epochs - 0.5, history.epoch_losses, color=RED, marker="o", linewidth=2, label="mean of the epoch")
    below.set_yscale("log")
    below.yaxis.set_major_locator(LogLocator())
    below.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: f"{loss:g}"))
    below.yaxis.set_minor_formatter(NullFormatter())
    below.set_ylabel("cross-entropy loss")
    below.set_xlabel("epochs (times that every training digit was seen)")
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    below.set_xlim(0, 1.05 * len(epochs))
    below.legend(frameon=False, fontsize=10)
    for axes in (above, below):
        _plain(axes)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def misread(digits: handwriting.Characters, guesses: np.ndarray, path: Path) -> None:
    """Draw the strokes of the misread digits, each with its truth and the network's guess."""
    wrong = np.flatnonzero(guesses != digits.labels)
    shown = wrong[:PICTURED]
    titles = [f"{digits.labels[index]} \N{RIGHTWARDS ARROW} {guesses[index]}" for index in shown]
    more = f", the first {len(shown)} of them here" if len(shown) < len(wrong) else ""
    title = f"{len(wrong)} of {len(digits):,} test digits were misread{more}"
    legend = "what the writer meant \N{RIGHTWARDS ARROW} what the network read; a dot is where the pen came down"
    handwriting_views.page(digits, shown, titles, title, legend, path)


def comparison(results: list[Result], test_digits: int, path: Path) -> None:
    """Draw how many digits each network misreads over its training time, and bars of what each costs."""
    colors = (BLUE, RED, GREEN)
    figure = plt.figure(figsize=(10, 6.8))
    grid = figure.add_gridspec(2, 3, height_ratios=[3, 1.2], hspace=0.5, wspace=0.16)
    figure.subplots_adjust(0.08, 0.05, 0.98, 0.87)
    title = "Three networks read handwritten digits"
    figure.text(0.02, 0.96, title, fontsize=15, weight="bold", va="center")

    above = figure.add_subplot(grid[0, :])
    shown = f"Misread of {test_digits:,} digits by writers that the networks never saw, after each epoch"
    above.set_title(shown, loc="left", fontsize=11, color=INK)
    for result, color in zip(results, colors):
        seconds = result.training_seconds * np.arange(1, len(result.history.correct) + 1) / len(result.history.correct)
        misread = 100 * (1 - np.array(result.history.correct) / test_digits)
        label = f"{result.name}: {result.accuracy:.2%} read right"
        above.plot(seconds, misread, color=color, marker="o", linewidth=2, label=label)
    above.set_xlim(0)
    above.set_xlabel("seconds of training, reading included")
    above.set_yscale("log")
    above.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    above.yaxis.set_major_formatter(FuncFormatter(lambda percent, _: f"{percent:g}%"))
    above.yaxis.set_minor_formatter(NullFormatter())
    above.legend(frameon=False, fontsize=10, loc="upper right")
    _plain(above)

    costs = (
        ("parameters", [result.parameters / 1e3 for result in results], "{:.0f} k"),
        ("multiply-adds a digit", [result.multiply_adds / 1e6 for result in results], "{:.2f} M"),
        ("seconds of training", [result.training_seconds for result in results], "{:.0f} s"),
    )
    for column, (name, values, form) in enumerate(costs):
        axes = figure.add_subplot(grid[1, column])
        axes.set_title(name, loc="left", fontsize=11, color=INK)
        bars = axes.barh(np.arange(len(values)), values, color=colors, height=0.7)
        axes.bar_label(bars, [form.format(value) for value in values], padding=4, fontsize=10, color=INK)
        axes.set_xlim(0, 1.3 * max(values))
        axes.invert_yaxis()
        axes.axis("off")
    figure.savefig(path, dpi=100)
    plt.close(figure)
