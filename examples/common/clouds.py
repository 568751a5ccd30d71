"""Labeled point clouds: where their files are and how to read them."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from plyfile import PlyData, PlyParseError

ROOT = Path(__file__).resolve().parents[2]
PLACES = (ROOT / "data", ROOT.parent / "shared" / "data")


class DataError(RuntimeError):
    """Data that are missing, or files that are not what they should be; the message says what to do."""


@dataclass(frozen=True)
class Cloud:
    """Points with what is known about each: points [n, 3] meters, labels [n] int64, colors [n, 3] 0 ... 255 or None."""

    name: str
    points: np.ndarray
    labels: np.ndarray
    colors: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.points)

    def take(self, which: np.ndarray) -> Cloud:
        """The points at the positions, or under the mask, `which`."""
        colors = None if self.colors is None else self.colors[which]
        return replace(self, points=self.points[which], labels=self.labels[which], colors=colors)


def data_folder(name: str, given: Path | None, small: Path) -> Path:
    """The folder `name` within the given one, within SCN_DATA of the environment, or within data/ or ../shared/data.

    Where none is given and the last two lack it, it is `small`, what comes with the repository, and a line says so.
    """
    given = given or (Path(os.environ["SCN_DATA"]) if os.environ.get("SCN_DATA") else None)
    places = [given] if given else PLACES
    for place in places:
        if (place / name).is_dir():
            return place / name
    looked = " or ".join(str(place / name) for place in places)
    other = f"--data FOLDER or SCN_DATA names the folder that holds '{name}'; examples/{name}/README.md has more."
    if given:
        raise DataError(f"the data are absent: there is no folder {looked}. {other}")
    print(f"There is no folder {looked}, so this takes the small data of the repository, {small}. {other}")
    return small


def read(path: Path) -> Cloud:
    """Read a PLY file with the properties x, y, z, label and, if it has colors, red, green, blue."""
    try:
        vertex = PlyData.read(str(path))["vertex"]
        columns = [[np.asarray(vertex[name]) for name in names] for names in (("x", "y", "z"), ("label",))]
        colored = "red" in {field.name for field in vertex.properties}
        colors = np.stack([vertex[name] for name in ("red", "green", "blue")], axis=1) if colored else None
    except FileNotFoundError:
        raise DataError(f"{path} is absent") from None
    except (PlyParseError, KeyError, ValueError) as error:
        raise DataError(f"{path} is not a PLY file of labeled points: {error}") from None
    return Cloud(path.stem, np.stack(columns[0], axis=1).astype(np.float64), columns[1][0].astype(np.int64), colors)


def read_folder(folder: Path) -> list[Cloud]:
    """Read every PLY file of a folder, by name."""
    clouds = [read(path) for path in sorted(folder.glob("*.ply"))]
    if not clouds:
        raise DataError(f"{folder} holds no PLY file")
    return clouds
