"""Train a U-Net to find the solids in rooms that a depth camera sees: which sites belong together, and what they are.

The last line is `AP50 0.xxx, AP25 0.xxx, of boxes 0.xxx and 0.xxx on 40 rooms`; the line before says what the same
network gives without occupancy. Rooms and views are generated, those of training and of the test by different seeds.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import scn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))

import average_precision
import drawing
import grouping
import rooms
import running
import segmentation
import sites

TRAINING, TEST = 160, 40  # rooms
QUICK_TRAINING, QUICK_TEST = 8, 2
FIRST_TEST = 1_000_000  # the number of the first room to test; those of training begin with 0
BATCH = 1
LEARNING_RATE = 3e-3
RADII = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)  # meters, of grouping without occupancy: the best one counts
REPORTED = 8  # rooms of the test that are looked at after each epoch
KINDS = range(1, len(rooms.CLASSES))

Rooms = list[tuple[rooms.Room, list[rooms.View]]]


def generated(first: int, count: int) -> Rooms:
    """The rooms whose numbers begin with `first`, and what the camera sees of them."""
    with running.progress(count, "rooms") as bar:
        found = []
        for seed in range(first, first + count):
            found.append(rooms.generate(seed))
            bar.update(1)
    return found


def corners(scan: sites.Scan, size: float) -> np.ndarray:
    """The least and the largest corner of each site in meters: [n, 2, 3]."""
    return np.stack([scan.coordinates, scan.coordinates + 1], axis=1) * size


def labeled(
    scans: Sequence[sites.Scan], outputs: Sequence[np.ndarray], size: float, radius: float | None = None
) -> list[average_precision.Labeled]:
    """Group what the network says of scans, with occupancy or within a radius in meters, beside the truth."""
    return [
        average_precision.Labeled(
            scan.classes, scan.instances, grouping.group(scan, output, size, radius), corners(scan, size)
        )
        for scan, output in zip(scans, outputs)
    ]


def figures(scenes: list[average_precision.Labeled]) -> list[float]:
    """AP50 and AP25 of instances, then of boxes, each the mean over the classes."""
    measures = average_precision.of_instances, average_precision.of_boxes
    return [
        average_precision.mean(measure(scenes, KINDS, threshold)) for measure in measures for threshold in (0.5, 0.25)
    ]


def by_class(scenes: list[average_precision.Labeled]) -> str:
    """The AP50 of each class."""
    values = average_precision.of_instances(scenes, KINDS, 0.5)
    return ", ".join(f"{rooms.CLASSES[kind]} {value:.3f}" for kind, value in zip(KINDS, values))


def without_occupancy(
    scans: list[sites.Scan], outputs: list[np.ndarray], size: float
) -> tuple[float, list[float], list[average_precision.Labeled]]:
    """The radius of RADII with the largest AP50, in meters, and what it gives: a limit of what any fixed one does."""
    tried = []
    for radius in RADII:
        scenes = labeled(scans, outputs, size, radius)
        tried.append((radius, figures(scenes), scenes))
    return max(tried, key=lambda one: np.nan_to_num(one[1][0]))


def main() -> None:
    """Train, evaluate, draw."""
    parser = running.parser(__doc__.splitlines()[0], 40, 3, "demo-output/instances")
    running.resumable(parser)
    parser.add_argument("--normalized", action="store_true", help="let convolutions divide by how many sites they meet")
    options = running.begin(parser.parse_args(), 40, 3)
    size, counts = (
        (sites.QUICK_VOXEL, (QUICK_TRAINING, QUICK_TEST)) if options.quick else (sites.VOXEL, (TRAINING, TEST))
    )
    training, test = generated(0, counts[0]), generated(FIRST_TEST, counts[1])
    scans = [sites.scan_of(room, views, size) for room, views in test]
    network = sites.build_network(options.normalized)
    print(
        f"{counts[0]} rooms to learn from, {counts[1]} others to test, all generated: the data are synthetic; ", end=""
    )
    print(f"voxels of {1000 * size:g} mm, {np.mean([len(scan) for scan in scans]):.0f} sites in a room; ", end="")
    print(f"{sum(parameter.numel() for parameter in network.parameters())} weights; {scn.get_num_threads()} threads")

    def report(fast: scn.Module) -> str:
        looked_at = scans[:REPORTED]
        return f"AP50 {figures(labeled(looked_at, [sites.predict(fast, scan) for scan in looked_at], size))[0]:.3f}"

    fast = segmentation.train(
        network, lambda random: sites.batches(training, size, BATCH, random), len(training),
        math.ceil(len(training) / BATCH), report, options, LEARNING_RATE, unit="rooms",
        loss=lambda output, wanted: sites.Loss(output, *wanted),
    )  # fmt: skip
    scn.save(fast, options.output / "instances.safetensors")
    outputs = [sites.predict(fast, scan) for scan in scans]
    scenes = labeled(scans, outputs, size)
    found = figures(scenes)
    radius, plain, _ = without_occupancy(scans, outputs, size)
    picture = options.output / "instances.jpg"
    drawing.truth_and_prediction(scans[:2], [scene.found for scene in scenes[:2]], size, picture)
    kept = ["instances.safetensors", "instances.jpg"]
    try:
        drawing.page(scans[0], scenes[0].found, f"room {FIRST_TEST}", options.output / "instances.html")
        kept.append("instances.html")
    except ImportError as error:
        print(f"no page to turn by hand: {error}")
    print(f"saved {options.output}: {', '.join(kept)}")
    print(f"AP50 of {by_class(scenes)}")
    line = "AP50 {:.3f}, AP25 {:.3f}, of boxes {:.3f} and {:.3f}"
    print(f"without occupancy, at the best radius of {len(RADII)}, {radius:g} m: {line.format(*plain)}")
    print(f"{line.format(*found)} on {len(scans)} rooms")


if __name__ == "__main__":
    running.run(main, "instances")
