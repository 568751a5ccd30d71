#!/usr/bin/env python3
"""Draw the pictures of docs/concepts.md: pictures.py [FOLDER], docs/images without it.

What they show is computed by scn: the sites are those of the tensors that its layers return, the rules those that a
ShapeContext walks over, the sums those of an input layer.
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as pyplot
import numpy as np
from matplotlib.patches import Rectangle

import scn

INK, FRAME, EMPTY, SITE, NEW, FAINT = "#333333", "#b5b5b5", "#f5f5f3", "#1f6fb4", "#e09a4f", "#ffffff"


def field(panel, size, title, note="", sites=(), known=None, labels=None, grid=0.6):
    """Draw a field of size x size squares with its active sites; those not in `known` in another color."""
    panel.add_patch(Rectangle((0, 0), size, size, facecolor=EMPTY, edgecolor=FRAME, linewidth=1, zorder=0))
    old = {tuple(site) for site in (sites if known is None else known)}
    for index, (y, x) in enumerate(np.asarray(sites).reshape(-1, 2)[:, :2].tolist()):
        panel.add_patch(
            Rectangle((x, y), 1, 1, facecolor=SITE if (y, x) in old else NEW, edgecolor=FAINT, linewidth=grid)
        )
        if labels is not None:
            panel.text(x + 0.5, y + 0.53, labels[index], color="white", ha="center", va="center", fontsize=9)
    panel.set_xlim(-0.02 * size, 1.02 * size)
    panel.set_ylim(1.02 * size, -0.02 * size)
    panel.set_aspect("equal")
    panel.axis("off")
    panel.set_title(title, fontsize=10, color=INK)
    panel.text(0.5, -0.03, note, transform=panel.transAxes, ha="center", va="top", fontsize=9, color=INK)


def lines(panel, size, step):
    """Draw the windows of a stride."""
    for at in range(0, size + 1, step):
        panel.plot([at, at], [0, size], color=FRAME, linewidth=0.8, zorder=3)
        panel.plot([0, size], [at, at], color=FRAME, linewidth=0.8, zorder=3)


def where(tensor):
    """The sites of a sparse tensor of one sample, [sites, 2], row by row."""
    return tensor.get_spatial_locations()[:, :2]


def stroke(size):
    """The sites of a letter S, drawn with a pen one site wide."""
    turn = np.linspace(0.1, 1.0, 60) * 1.5 * np.pi
    upper = np.stack([0.31 - 0.16 * np.sin(turn), 0.5 + 0.19 * np.cos(turn)], 1)
    lower = np.stack([0.63 + 0.16 * np.sin(turn), 0.5 - 0.19 * np.cos(turn)], 1)
    points = np.concatenate([upper, lower[::-1]])
    return np.unique(np.floor(points * size).astype(np.int64), axis=0)


def sparse(sites, size):
    return scn.InputLayer(2, size)([sites, np.ones((len(sites), 1), np.float32)])


def counted(sites):
    return f"{len(sites)} active sites"


def convolutions():
    """The sites after one, two and three layers of each kind of convolution."""
    size = 25
    drawing, rows = pyplot.subplots(2, 4, figsize=(9.6, 5.4))
    kinds = {
        "submanifold": lambda: scn.SubmanifoldConvolution(2, 1, 1, 3, False),
        "ordinary": lambda: scn.Convolution(2, 1, 1, 3, 1, False, padding=1),
    }
    for panels, (kind, layer) in zip(rows, kinds.items()):
        tensor = sparse(stroke(size), size)
        first = where(tensor)
        for depth, panel in enumerate(panels):
            sites = where(tensor)
            title = "input" if depth == 0 else f"{kind} 3 x 3" if depth == 1 else "again"
            field(panel, size, title, counted(sites), sites, known=first.tolist(), grid=0.3)
            tensor = layer()(tensor)
    return drawing


def rulebook():
    """A few sites, a filter of size 3, and all its rules."""
    size, sites = 5, np.array([[1, 1], [1, 2], [2, 3], [3, 3], [4, 0]])
    tensor = scn.InputLayer(2, size)([sites, np.arange(1, 6, dtype=np.float32)[:, None]])
    # Plane k of a shape context is the feature under offset k: the input row, plus one.
    below = scn.ShapeContext(2, 1)(tensor).features.numpy().astype(int) - 1
    drawing, (left, middle, right) = pyplot.subplots(1, 3, figsize=(9.6, 3.3), width_ratios=[1, 0.8, 1.5])
    field(left, size, "sites and their rows", "", where(tensor), labels=list(map(str, range(len(sites)))))
    lines(left, size, 1)
    field(middle, 3, "offsets of the filter", "")
    middle.add_patch(Rectangle((1, 1), 1, 1, facecolor="#e3e3df"))
    for offset in range(9):
        middle.text(offset % 3 + 0.5, offset // 3 + 0.53, str(offset), ha="center", va="center", fontsize=11, color=INK)
    lines(middle, 3, 1)
    right.axis("off")
    right.set_xlim(0, 1)
    right.set_ylim(9.4, -0.6)
    right.set_title("rules: input row \N{RIGHTWARDS ARROW} output row", fontsize=10, color=INK)
    for offset in range(9):
        rules = [f"{row}\N{RIGHTWARDS ARROW}{output}" for output, row in enumerate(below[:, offset]) if row >= 0]
        right.text(0.06, offset, f"offset {offset}", va="center", fontsize=9.5, color=INK)
        right.text(0.30, offset, "   ".join(rules) or "none", va="center", fontsize=9.5, color=SITE if rules else FRAME)
    return drawing


def strides():
    """Down by a convolution of stride 2, up by a deconvolution and by a full convolution."""
    size = 8
    sites = np.array([[1, 1], [1, 2], [2, 3], [3, 3], [4, 3], [4, 4], [5, 5], [6, 5]])
    down = scn.Convolution(2, 1, 1, 2, 2, False)
    tensor = sparse(sites, size)
    coarse = down(tensor)
    drawing, panels = pyplot.subplots(1, 4, figsize=(9.6, 2.9))
    field(panels[0], size, "input, 8 x 8", counted(sites), where(tensor))
    lines(panels[0], size, 2)
    field(panels[1], 4, "Convolution 2/2, 4 x 4", counted(where(coarse)), where(coarse))
    lines(panels[1], 4, 1)
    back = where(scn.Deconvolution(2, 1, 1, 2, 2, False)(coarse))
    field(panels[2], size, "then Deconvolution 2/2", f"{counted(back)}, the input's", back, known=sites.tolist())
    lines(panels[2], size, 2)
    full = where(scn.FullConvolution(2, 1, 1, 2, 2, False)(coarse))
    field(panels[3], size, "or FullConvolution 2/2", f"{counted(full)}, all covered", full, known=sites.tolist())
    lines(panels[3], size, 2)
    return drawing


def modes():
    """Four points on three sites, and what each mode of the input layer makes of them."""
    size, points, values = 4, np.array([[1, 1], [2, 2], [1, 1], [3, 0]]), np.array([[2.0], [3.0], [6.0], [5.0]])
    drawing, panels = pyplot.subplots(1, 5, figsize=(9.6, 2.5))
    together = scn.InputLayer(2, size, mode=1)([points, values])
    rows = {}
    for site, value in zip(map(tuple, points.tolist()), values[:, 0]):
        rows.setdefault(site, []).append(f"{value:g}")
    labels = [" | ".join(rows[tuple(site)]) for site in where(together).tolist()]
    field(panels[0], size, "four points", "two at one site", where(together), labels=labels)
    lines(panels[0], size, 1)
    names = {1: "the last", 2: "the first", 3: "the sum", 4: "the mean"}
    for panel, (mode, name) in zip(panels[1:], names.items()):
        tensor = scn.InputLayer(2, size, mode=mode)([points, values])
        field(
            panel, size, f"mode {mode}", name, where(tensor), labels=[f"{v:g}" for v in tensor.features.numpy()[:, 0]]
        )
        lines(panel, size, 1)
    return drawing


def relations():
    """A cross, a rulebook onto chosen sites, and the value at a point between sites."""
    drawing, (left, middle, right) = pyplot.subplots(1, 3, figsize=(9.6, 3.6))

    size, sites = 7, scn.Sites(2, stroke(7), 7)
    cross = sites.related(sites, scn.filter_offsets(2, 3, "cross"))
    output = int(sites.rows([[3, 4]])[0])
    read = [sites.coordinates[i].tolist()[:2] for i, o in zip(cross.inputs, cross.outputs) if o == output]
    field(left, size, "a cross", "what one site reads", sites.coordinates[:, :2], known=read)
    lines(left, size, 1)
    for y, x in scn.filter_offsets(2, 3, "cross") + [3, 4]:
        left.add_patch(Rectangle((x, y), 1, 1, fill=False, edgecolor=INK, linewidth=1.6, zorder=4))

    chosen = sites.taken([[1, 5], [2, 2], [5, 1], [4, 4], [6, 6]], 7)
    way = sites.related(chosen, scn.filter_offsets(2, 3))
    field(middle, size, "onto chosen sites", f"{len(way)} rules of a 3 x 3 filter", sites.coordinates[:, :2])
    lines(middle, size, 1)
    for y, x, _ in chosen.coordinates.tolist():
        middle.add_patch(Rectangle((x, y), 1, 1, fill=False, edgecolor=NEW, linewidth=2, zorder=4))
    for i, o in zip(way.inputs, way.outputs):
        (y, x), (v, u) = sites.coordinates[i][:2] + 0.5, chosen.coordinates[o][:2] + 0.5
        if (y, x) != (v, u):
            middle.annotate("", (u, v), (x, y), arrowprops={"arrowstyle": "->", "color": INK, "lw": 0.9})

    around = scn.Sites(2, [[1, 1], [1, 2], [2, 1]], 4)
    values = scn.SparseConvNetTensor(np.array([[4.0], [8.0], [2.0]], np.float32), around.metadata)
    point = np.array([[1.35, 1.6]], np.float32)
    found = [scn.functional.interpolate(values, point, rescaled=flag).item() for flag in (False, True)]
    note = f"{found[0]:.2f}; rescaled to the three that are there {found[1]:.2f}"
    field(right, 4, "interpolation", note, around.coordinates[:, :2], labels=["4", "8", "2"])
    lines(right, 4, 1)
    # A site's features are at its coordinates, drawn in the middle of its square.
    (y, x) = point[0] + 0.5
    right.plot([1.5, 2.5, 2.5, 1.5, 1.5], [1.5, 1.5, 2.5, 2.5, 1.5], color=INK, linewidth=1, linestyle=":", zorder=4)
    right.plot([x], [y], marker="o", color=NEW, markeredgecolor=INK, markersize=8, zorder=5)
    return drawing


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "images"
    for draw in (convolutions, rulebook, strides, modes, relations):
        drawing = draw()
        drawing.tight_layout(pad=0.6, w_pad=1.6)
        path = folder / f"concepts-{draw.__name__}.png"
        drawing.savefig(path, dpi=96, pil_kwargs={"optimize": True})
        pyplot.close(drawing)
        print(f"{path}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
