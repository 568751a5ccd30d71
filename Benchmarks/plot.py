#!/usr/bin/env python3
"""Draw what scn-bench measured: the rates of convolutions against planes, and the costs of geometry against sites.

usage: plot.py FIGURES.json FOLDER      writes FOLDER/performance-rates.png and FOLDER/performance-sites.png
"""

import json
import os
import re
import sys

# By pass: the section of the figures, and the shares to be reached on one thread.
PASSES = {
    "forward": ("convolution forward", {"3→16": 0.15, "16": 0.35, "32": 0.60, "64": 0.85, "128": 0.85}),
    "gradient by the input": ("convolution, gradient by input", {"32": 0.55, "64": 0.80, "128": 0.80}),
    "gradient by the weights": ("convolution, gradient by weights", {"32": 0.45, "64": 0.70, "128": 0.70}),
}
COSTS = {
    "submanifold 3x3x3, ns a merge step": "submanifold 3^d rulebook, a merge step",
    "sort shuffled sites, ns a site": "sort shuffled sites, a site",
    "strided 2/2 rulebook, ns a site": "strided 2/2 rulebook, a site",
}
INK, MARK = "#333333", "#bbbbbb"
COLORS = {1: "#1f6fb4", 2: "#d9822b"}


def median(line, threads):
    return next((r["median"] for r in line["results"] if r["threads"] == threads), None)


def planes(name):
    """ "16" of "16 -> 16 planes", "3→16" of "3 -> 16 planes"."""
    before, after = re.fullmatch(r"(\d+) -> (\d+) planes", name).groups()
    return after if before == after else f"{before}→{after}"


def sites(name):
    """The number of sites of a surface in three dimensions; None for other shapes."""
    match = re.match(r"3-D, ([\d,]+) sites", name)
    return int(match.group(1).replace(",", "")) if match else None


def is_scenes(line):
    return line["name"].endswith("the scenes")


def thread_counts(figures):
    return [reference["threads"] for reference in figures["references"]]


def label(threads):
    return "1 thread" if threads == 1 else f"{threads} threads"


def source(figures):
    quick = ", a glance (--quick)" if figures["quick"] else ""
    return f"scn {figures['version']}, {figures['cpu']}, {figures['instruction_set']}{quick}"


def draw_rates(figures, pyplot):
    drawing, panels = pyplot.subplots(1, len(PASSES), figsize=(11, 4.4), sharey=True)
    for panel, (title, (section, targets)) in zip(panels, PASSES.items()):
        lines = [line for line in figures["lines"] if line["section"] == section]
        names = [planes(line["name"]) for line in lines]
        panel.axhline(1, color=MARK, linewidth=0.8)
        for threads in thread_counts(figures):
            panel.plot(
                range(len(lines)),
                [median(line, threads) for line in lines],
                "o-",
                markersize=4,
                color=COLORS.get(threads),
                label=label(threads),
            )
        wanted = [(names.index(name), share) for name, share in targets.items() if name in names]
        panel.plot(*zip(*wanted), "_", color="#999999", markersize=16, markeredgewidth=2, label="target, 1 thread")
        panel.set_xticks(range(len(lines)), names)
        panel.set_title(title, fontsize=11)
        panel.set_xlabel("planes in and out")
    panels[0].set_ylabel("share of the rate of cblas_sgemm")
    panels[0].set_ylim(0, 1.05 * panels[0].get_ylim()[1])
    drawing.suptitle(f"3x3x3 submanifold convolution, {figures['sites']:,} sites", fontsize=12)
    return drawing


def draw_sites(figures, pyplot):
    drawing, panels = pyplot.subplots(1, len(COSTS), figsize=(11, 4.4))
    for panel, (title, section) in zip(panels, COSTS.items()):
        lines = [line for line in figures["lines"] if line["section"] == section and sites(line["name"])]
        sheets = sorted((line for line in lines if not is_scenes(line)), key=lambda line: sites(line["name"]))
        scenes = [line for line in lines if is_scenes(line)]
        for threads in thread_counts(figures):
            for chosen, form, text in ((sheets, "o-", label(threads)), (scenes, "D", f"{label(threads)}, the scenes")):
                panel.plot(
                    [sites(line["name"]) for line in chosen],
                    [median(line, threads) for line in chosen],
                    form,
                    markersize=5,
                    markerfacecolor="white" if form == "D" else None,
                    color=COLORS.get(threads),
                    label=text,
                )
        panel.set_xscale("log")
        panel.set_ylim(0, 1.15 * panel.get_ylim()[1])
        panel.set_title(title, fontsize=11)
        panel.set_xlabel("sites")
    drawing.suptitle("Cost of geometry: a sheet in three dimensions, and the scenes", fontsize=12)
    return drawing


def save(drawing, figures, path):
    for panel in drawing.axes:
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=9, colors=INK)
    handles, texts = drawing.axes[0].get_legend_handles_labels()
    drawing.legend(handles, texts, loc="lower left", ncol=len(texts), frameon=False, fontsize=9)
    drawing.text(0.995, 0.02, source(figures), ha="right", fontsize=8, color="#777777")
    drawing.tight_layout(rect=(0, 0.06, 1, 1))
    drawing.savefig(path, dpi=90, pil_kwargs={"optimize": True})
    print(f"drawn: {path}")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    path, folder = sys.argv[1:]
    try:
        import matplotlib
    except ImportError:
        print("no plot was drawn: matplotlib is missing; `make setup` brings it")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    try:
        with open(path, encoding="utf-8") as file:
            figures = json.load(file)
    except OSError as error:
        print(f"no plot was drawn: {path}: {error.strerror}")
        return
    os.makedirs(folder, exist_ok=True)
    save(draw_rates(figures, pyplot), figures, os.path.join(folder, "performance-rates.png"))
    save(draw_sites(figures, pyplot), figures, os.path.join(folder, "performance-sites.png"))


if __name__ == "__main__":
    main()
