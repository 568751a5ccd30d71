"""Have a C++ program label a map that grows with each frame of a depth camera, with the network of `train.py`.

The camera walks through a long room. After each frame the program labels what that frame changed, and the whole map for
comparison. The last line says what both give: `AP50 0.xxx of what was labeled while it grew, 0.xxx of the whole map`.
"""

from __future__ import annotations

import argparse
import struct
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))

import average_precision
import drawing
import grouping
import native
import rooms
import running
import sites

EXAMPLE = Path(__file__).resolve().parent
HALL = (16.0, 4.0, 2.0)  # meters
SOLIDS = 44
FRAMES, QUICK_FRAMES = 200, 12
EYE = 1.9  # meters: how high the camera is
RANGE = 4.0  # meters that it measures
SEED = 2_000_000  # of the room, apart from those of training and test
HEAD, LABELS = b"scnframe", b"scnlabel"


class LiveError(RuntimeError):
    """A network or a file that is not what it should be; the message says what was expected."""


def walk(room: rooms.Room, frames: int, random: np.random.Generator) -> list[rooms.View]:
    """What a camera sees that goes from one end of a room to the other and turns its head to both sides."""
    views = []
    with running.progress(frames, "frames") as bar:
        for share in np.linspace(0, 1, frames):
            at = np.array([0.5 + share * (room.size[0] - 1.5), room.size[1] / 2 + 0.5 * np.sin(9 * share), EYE])
            turn = 1.1 * np.sin(2 * np.pi * 3 * share)
            ahead = np.array([np.cos(turn), np.sin(turn), -0.55])
            views.append(rooms.look(room, at, at + ahead, random, RANGE))
            bar.update(1)
    return views


def write_frame(path: Path, view: rooms.View) -> None:
    """Write the points, normals and colors of a view as live.cpp reads them."""
    numbers = np.concatenate([view.points, view.normals]).astype("<f4")
    path.write_bytes(HEAD + struct.pack("<I", len(view.points)) + numbers.tobytes() + view.colors.tobytes())


def read_labels(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Read what live.cpp writes: coordinates [n, 3], centers [n, 3], rows that were kept and of the whole map."""
    data = path.read_bytes()
    if len(data) < 16 or data[:8] != LABELS:
        raise LiveError(f"{path} does not begin with {LABELS.decode()} and two sizes")
    count, columns = struct.unpack("<II", data[8:16])
    expected = 16 + count * (24 + 8 * columns)
    if len(data) != expected:
        raise LiveError(f"{path} has {len(data)} bytes, expected {expected} of {count} sites and {columns} columns")
    coordinates = np.frombuffer(data, "<i4", 3 * count, 16).reshape(count, 3).astype(np.int64)
    centers = np.frombuffer(data, "<f4", 3 * count, 16 + 12 * count).reshape(count, 3)
    rows = np.frombuffer(data, "<f4", 2 * columns * count, 16 + 24 * count).reshape(2, count, columns)
    return coordinates, centers, rows[0], rows[1]


def truth_of(room: rooms.Room, views: list[rooms.View], coordinates: np.ndarray, centers: np.ndarray) -> sites.Scan:
    """The map's sites in the program's order with the truth of the views; sites that rounding moved are room."""
    exact = [replace(view, points=view.points.astype(np.float32).astype(float)) for view in views]
    scan = sites.scan_of(room, exact, sites.VOXEL)
    low = np.minimum(scan.coordinates.min(axis=0), coordinates.min(axis=0))
    extent = np.maximum(scan.coordinates.max(axis=0), coordinates.max(axis=0)) - low + 1
    keys, wanted = (np.ravel_multi_index(tuple((part - low).T), extent) for part in (scan.coordinates, coordinates))
    order = np.argsort(keys)
    place = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
    there = keys[place] == wanted
    classes, instances = np.where(there, scan.classes[place], 0), np.where(there, scan.instances[place], 0)
    return sites.Scan(coordinates, scan.features[place], centers, classes, instances)


def main() -> None:
    """Generate the walk, build and run the program, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", type=Path, help="file that train.py saved (instances.safetensors in the output)")
    parser.add_argument("--margin", type=running.at_least(0), default=16, help="voxels around what changed (16)")
    parser.add_argument("--frames", type=running.at_least(2), help=f"of the walk ({FRAMES})")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_FRAMES} frames, to see that everything works")
    parser.add_argument("--output", type=Path, default=Path("demo-output/instances"), help="folder for results")
    options = parser.parse_args()
    network = options.network or options.output / "instances.safetensors"
    if not network.exists():
        raise LiveError(f"{network} is missing; `make example-instances` trains it")
    frames = options.frames or (QUICK_FRAMES if options.quick else FRAMES)
    folder = options.output / "frames"
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(SEED)
    room = rooms.furnish(np.array(HALL), SOLIDS, random)
    views = walk(room, frames, random)
    paths = [folder / f"{number:04}.bin" for number in range(frames)]
    for path, view in zip(paths, views):
        write_frame(path, view)
    print(f"{frames} frames of {np.mean([len(view.points) for view in views]):.0f} points, generated, in {folder}")
    program = native.build(EXAMPLE / "live.cpp", options.output)
    result = options.output / "live.bin"
    command = [str(program), str(network), str(sites.VOXEL), str(options.margin), str(result), *map(str, paths)]
    print(native.run(command, shows_progress=True).strip())
    coordinates, centers, kept, whole = read_labels(result)
    scan = truth_of(room, views, coordinates, centers)
    corners = np.stack([coordinates, coordinates + 1], axis=1) * sites.VOXEL
    found = [grouping.group(scan, rows, sites.VOXEL) for rows in (kept, whole)]
    scenes = [average_precision.Labeled(scan.classes, scan.instances, part, corners) for part in found]
    kinds = range(1, len(rooms.CLASSES))
    values = [average_precision.mean(average_precision.of_instances([scene], kinds, 0.5)) for scene in scenes]
    drawing.truth_and_prediction([scan], [found[0]], sites.VOXEL, options.output / "live.jpg", stacked=True)
    print(f"saved {result}, live.jpg")
    print("AP50 {:.3f} of what was labeled while it grew, {:.3f} of the whole map".format(*values))


if __name__ == "__main__":
    running.run(main, "live", LiveError, native.BuildError)
