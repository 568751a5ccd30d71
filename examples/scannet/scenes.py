"""Scenes of ScanNet: their files, the 20 classes of its benchmark, the benchmark's table, and its submissions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import clouds

# The ids of NYU's 40 classes that the benchmark takes, in its order, and their names; others are ignored
# (ScanNet/ScanNet, Tasks/Benchmark/classes_SemVoxLabel-nyu40id.txt and BenchmarkScripts/3d_evaluation).
CLASSES = {
    1: "wall",
    2: "floor",
    3: "cabinet",
    4: "bed",
    5: "chair",
    6: "sofa",
    7: "table",
    8: "door",
    9: "window",
    10: "bookshelf",
    11: "picture",
    12: "counter",
    14: "desk",
    16: "curtain",
    24: "refrigerator",
    28: "shower curtain",
    33: "toilet",
    34: "sink",
    36: "bathtub",
    39: "otherfurniture",
}
NAMES = tuple(CLASSES.values())
IDS = np.array(list(CLASSES))
IGNORED = -100
MESH, LABELS = "_vh_clean_2.ply", "_vh_clean_2.labels.ply"
WIDEST = 50  # meters: no scene is wider
KINDS = ("train", "val", "test")


@dataclass(frozen=True)
class Scene:
    """Where the files of a scene are; labels: None where they are not known, as in the benchmark's test scenes."""

    name: str
    mesh: Path
    labels: Path | None

    def read(self) -> clouds.Cloud:
        """The vertices around their mean, their colors and their classes 0 ... 19, or `IGNORED`. Raises `DataError`."""
        vertex = clouds.vertices(self.mesh)
        points, colors = _columns(vertex, "xyz", self.mesh), _columns(vertex, ("red", "green", "blue"), self.mesh)
        if not len(points):
            raise clouds.DataError(f"{self.mesh} has no vertices")
        wrong = np.flatnonzero(~np.isfinite(points).all(axis=1))
        if len(wrong):
            raise clouds.DataError(f"{self.mesh}: vertex {wrong[0]} is not finite")
        points = points.astype(np.float64)
        width = np.ptp(points, axis=0).max()
        if width > WIDEST:
            raise clouds.DataError(f"{self.mesh} is {width:g} wide, expected at most {WIDEST} meters")
        if colors.dtype != np.uint8:
            raise clouds.DataError(f"{self.mesh}: colors are {colors.dtype}, expected uchar")
        labels = np.full(len(points), IGNORED)
        if self.labels:
            known = _columns(clouds.vertices(self.labels), ("label",), self.labels)[:, 0]
            if len(known) != len(points):
                problem = f"has {len(known)} vertices, expected {len(points)} as in {self.mesh}"
                raise clouds.DataError(f"{self.labels} {problem}")
            labels = classes_of(known, self.labels)
        return clouds.Cloud(self.name, (points - points.mean(axis=0)).astype(np.float32), labels, colors)


def _columns(vertex: clouds.PlyElement, names: tuple[str, ...] | str, path: Path) -> np.ndarray:
    """Properties of each vertex, [vertices, properties]."""
    missing = [name for name in names if name not in {field.name for field in vertex.properties}]
    if missing:
        raise clouds.DataError(f"{path} lacks the property {missing[0]} of its vertices")
    columns = [np.asarray(vertex[name]) for name in names]
    lists = [name for name, column in zip(names, columns) if column.dtype.kind == "O"]
    if lists:
        raise clouds.DataError(f"{path}: the property {lists[0]} is a list, expected a number for each vertex")
    return np.stack(columns, axis=1)


def classes_of(ids: np.ndarray, path: Path) -> np.ndarray:
    """The class 0 ... 19 of each id of NYU's 40 classes; `IGNORED` for others, 0 for unlabeled and mistakes among them.

    Three of ScanNet's files have ids that NYU lacks, 50 (scene0270_00 and _02) and 149 (scene0384_00).
    """
    if ids.dtype.kind not in "iu":
        raise clouds.DataError(f"{path}: labels are {ids.dtype}, expected ushort")
    places = np.minimum(np.searchsorted(IDS, ids), len(IDS) - 1)
    return np.where(IDS[places] == ids, places, IGNORED)


def listed(folder: Path, kind: str) -> list[Scene]:
    """The scenes to train with, to validate with (val) or to test.

    Those that `scannetv2_KIND.txt` names, where there is that file, in the folders scans/SCENE and scans_test/SCENE
    of ScanNet's download, in KIND or in the folder itself; otherwise all that the folder KIND holds. Raises
    `DataError`.
    """
    split = folder / f"scannetv2_{kind}.txt"
    if not split.is_file():
        meshes = sorted((folder / kind).glob(f"*{MESH}"))
        return [_scene(mesh) for mesh in meshes]
    found = []
    for name in split.read_text(errors="replace").split():
        if not name.replace("_", "").isalnum():
            raise clouds.DataError(f"{split}: {name[:40]!r} is no name of a scene")
        places = [folder / "scans" / name, folder / "scans_test" / name, folder / name, folder / kind, folder]
        meshes = [place / f"{name}{MESH}" for place in places]
        mesh = next((path for path in meshes if path.is_file()), None)
        if mesh is None:
            raise clouds.DataError(f"{split} names {name}, but there is no {meshes[0]}, nor one in the other places")
        found.append(_scene(mesh))
    return found


def _scene(mesh: Path) -> Scene:
    name = mesh.name[: -len(MESH)]
    labels = mesh.with_name(f"{name}{LABELS}")
    return Scene(name, mesh, labels if labels.is_file() else None)


def split(folder: Path) -> dict[str, list[Scene]]:
    """The scenes of each kind; `DataError` unless there are some to train and to validate with, all with labels."""
    found = {kind: listed(folder, kind) for kind in KINDS}
    for kind in ("train", "val"):
        if not found[kind]:
            raise clouds.DataError(f"{folder} has neither scannetv2_{kind}.txt nor {kind}/*{MESH}")
        for scene in found[kind]:
            if not scene.labels:
                raise clouds.DataError(f"{scene.mesh.with_name(scene.name + LABELS)} is absent")
    found["test"] = [replace(scene, labels=None) for scene in found["test"]]
    return found


def table(counts: np.ndarray, ious: np.ndarray) -> str:
    """The classes' IoU, each with its points that are right and those in truth or guess, as the benchmark prints them.

    counts: [truth, guess] of points that are not ignored.
    """
    right = np.diag(counts)
    union = counts.sum(axis=0) + counts.sum(axis=1) - right
    rows = [f"{name:<14}: {iou:5.3f}   ({own:6}/{all_:<6})" for name, iou, own, all_ in zip(NAMES, ious, right, union)]
    return "\n".join(["classes          IoU", "-" * 28, *rows])


def mean_iou(counts: np.ndarray, ious: np.ndarray) -> tuple[float, int]:
    """The mean IoU over the classes that occur in the truth, 20 in the benchmark's scenes, and how many these are."""
    occurs = counts.sum(axis=1) > 0
    return (float(ious[occurs].mean()) if occurs.any() else 0.0), int(occurs.sum())


def write_submission(folder: Path, name: str, guess: np.ndarray) -> None:
    """Write SCENE.txt as the benchmark takes it: the id among NYU's 40 classes of each vertex, one in each line."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.txt").write_text("".join(f"{number}\n" for number in IDS[guess]))
