"""SparseConvNet's pictures of points: with matplotlib, with visdom, and as polygon files."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._messages import wrong_shape, wrong_type
from .metadata import on_host

__all__ = ["matplotlib_cubes", "matplotlib_planes", "ply_scatter", "visdom_scatter"]

# The corners of a unit square in the plane of the second and third axis, around the origin.
_SQUARE = np.array([[0, -0.5, 0.5], [0, -0.5, -0.5], [0, 0.5, -0.5], [0, 0.5, 0.5]])


def matplotlib_cubes(ax: Any, positions: Any, colors: Any) -> None:
    """Draw a unit cube around each position on three-dimensional axes of matplotlib,
    `figure.add_subplot(projection="3d")`.

    positions: [n, 3]. colors: [n, 3] or [n, 4], 0 ... 1. The axes' limits become those of the cubes; the frame is
    hidden.
    """
    sides = [np.roll(_SQUARE + [shift, 0, 0], axis, 1) for axis in range(3) for shift in (-0.5, 0.5)]
    _draw(ax, positions, colors, np.stack(sides))


def matplotlib_planes(ax: Any, positions: Any, colors: Any) -> None:
    """Draw a unit square across the first axis at each position. Arguments as in `matplotlib_cubes`."""
    _draw(ax, positions, colors, _SQUARE[None])


def _draw(ax: Any, positions: Any, colors: Any, faces: NDArray[Any]) -> None:
    """Draw faces [k, 4, 3] around each position."""
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection  # type: ignore[import-untyped]

    if not hasattr(ax, "add_collection3d"):
        raise TypeError("ax: has two axes, expected three: figure.add_subplot(projection='3d')")
    where = _points(positions, "positions")
    paint: NDArray[Any] = np.asarray(on_host(colors), np.float64)
    if paint.ndim != 2 or len(paint) != len(where) or paint.shape[1] not in (3, 4):
        raise wrong_shape("colors", paint.shape, f"[{len(where)}, 3] or [{len(where)}, 4]")
    ax.set_axis_off()
    if not len(where):
        return
    corners = (where[:, None, None, :] + faces).reshape(-1, 4, 3)
    ax.add_collection3d(Poly3DCollection(corners, facecolors=np.repeat(paint, len(faces), axis=0)))
    least, most = where.min(0) - 0.5, where.max(0) + 0.5
    for name, low, high in zip("xyz", least, most):
        getattr(ax, f"set_{name}lim")(low, high)


def ply_scatter(name: str, xyz: Any, rgb: Any) -> None:
    """Write colored points to the file name.ply, in the text form of the Stanford polygon format.

    xyz: [n, 3]. rgb: [n, 3], of any range: its least value becomes 0, its largest 255.
    """
    where, paint = _points(xyz, "xyz"), _painted(xyz, rgb)
    lines = ["ply", "format ascii 1.0", f"element vertex {len(where)}"]
    lines += [f"property float {axis}" for axis in "xyz"]
    lines += [f"property uchar {color}" for color in ("red", "green", "blue")]
    lines.append("end_header")
    lines += [f"{x:.9g} {y:.9g} {z:.9g} {r} {g} {b}" for (x, y, z), (r, g, b) in zip(where.tolist(), paint.tolist())]
    with open(f"{name}.ply", "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")


def visdom_scatter(vis: Any, xyz: Any, rgb: Any, win: str = "3d", markersize: int = 3, title: str = "") -> None:
    """Show colored points in a window of visdom. vis: a `visdom.Visdom()`. xyz, rgb: as in `ply_scatter`."""
    if not callable(getattr(vis, "scatter", None)):
        raise wrong_type("vis", vis, "a visdom.Visdom: pip install visdom")
    options = {"markersize": markersize, "markercolor": _painted(xyz, rgb), "title": title}
    vis.scatter(_points(xyz, "xyz"), opts=options, win=win)


def _points(values: Any, name: str) -> NDArray[Any]:
    where: NDArray[Any] = np.asarray(on_host(values), np.float64)
    if where.ndim != 2 or where.shape[1] != 3:
        raise wrong_shape(name, where.shape, "[n, 3]")
    return where


def _painted(xyz: Any, rgb: Any) -> NDArray[Any]:
    """Return colors of any range as whole numbers 0 ... 255."""
    where, paint = _points(xyz, "xyz"), _points(rgb, "rgb")
    if len(paint) != len(where):
        raise wrong_shape("rgb", paint.shape, [len(where), 3])
    if not len(paint):
        return paint.astype(np.int64)
    least, most = paint.min(), paint.max()
    result: NDArray[Any] = np.floor((paint - least) * (255 / (most - least) if most > least else 0)).astype(np.int64)
    return result
