"""Labeled point clouds: where their files are and how to read them."""

from __future__ import annotations

import importlib
import os
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from plyfile import PlyData, PlyElement, PlyParseError

ROOT = Path(__file__).resolve().parents[2]
PLACES = (ROOT / "data", ROOT.parent / "shared" / "data")
GENERATORS = ROOT / "bindings" / "python" / "tests" / "examples"
HEADER = 65536  # bytes: no header of a PLY file is longer


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
    given = _given(given)
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


def given_folder(name: str, given: Path | None) -> Path | None:
    """The folder of a public data set: the folder `name` within the given one, within SCN_DATA of the environment, or
    within data/ or ../shared/data; one of the first two itself if it has none; None if nothing is given or there.
    """
    given = _given(given)
    for place in [given] if given else PLACES:
        if (place / name).is_dir():
            return place / name
    if given and not given.is_dir():
        raise DataError(f"the data are absent: there is no folder {given}; examples/{name}/README.md has more.")
    return given


def synthetic(name: str, output: Path, **sizes: float) -> Path:
    """A folder below `output` with synthetic data in the files of a public data set, for which a line says so.

    make_NAME.py, beside the tests of the examples, writes them; sizes: its arguments, by which the folder is named.
    """
    sys.path.insert(0, str(GENERATORS))
    try:
        generator = importlib.import_module(f"make_{name}")
    finally:
        sys.path.remove(str(GENERATORS))
    folder = output / "-".join(["synthetic", *map(str, sizes.values())])
    generator.write(folder, **sizes)
    print(f"The data are synthetic, in the format of the real ones, in {folder}; --data names others, ", end="")
    print(f"see examples/{name}/README.md.")
    return folder


def _given(folder: Path | None) -> Path | None:
    """The folder, or the one that SCN_DATA of the environment names."""
    return folder or (Path(os.environ["SCN_DATA"]) if os.environ.get("SCN_DATA") else None)


def read(path: Path) -> Cloud:
    """Read a PLY file with the properties x, y, z, label and, if it has colors, red, green, blue."""
    try:
        vertex = vertices(path)
        columns = [[np.asarray(vertex[name]) for name in names] for names in (("x", "y", "z"), ("label",))]
        colored = "red" in {field.name for field in vertex.properties}
        colors = np.stack([vertex[name] for name in ("red", "green", "blue")], axis=1) if colored else None
        points = np.stack(columns[0], axis=1).astype(np.float64)
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(f"{path} is not a PLY file of labeled points: {error}") from None
    return Cloud(path.stem, points, columns[1][0].astype(np.int64), colors)


def vertices(path: Path) -> PlyElement:
    """The element `vertex` of a PLY file, whose triangles are not looked at.

    Raises `DataError` for a file that is absent, no PLY file, cut off, or too short for what its header promises.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(HEADER)
        promised = []
        for words in map(bytes.split, re.split(rb"\r\n?|\n", head)):
            if words == [b"end_header"]:
                break
            if len(words) == 3 and words[0] == b"element" and words[2].isdigit():
                promised.append(int(words[2]))
        if sum(promised) > path.stat().st_size:
            raise ValueError(f"{sum(promised)} elements do not fit into {path.stat().st_size} bytes")
        triangles = {name: 3 for name in ("vertex_indices", "vertex_index") if f" {name}".encode() in head}
        try:
            return PlyData.read(str(path), known_list_len={"face": triangles} if triangles else {})["vertex"]
        except PlyParseError:
            # Faces may have more than three corners, which takes longer to read.
            return PlyData.read(str(path))["vertex"]
    except FileNotFoundError:
        raise DataError(f"{path} is absent") from None
    except (PlyParseError, KeyError, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise DataError(f"{path} is not a PLY file of labeled points: {error}") from None


def read_folder(folder: Path) -> list[Cloud]:
    """Read every PLY file of a folder, by name."""
    clouds = [read(path) for path in sorted(folder.glob("*.ply"))]
    if not clouds:
        raise DataError(f"{folder} holds no PLY file")
    return clouds
