"""Train a U-Net to tell ground from buildings, trees and other objects in airborne laser scans, by their shape alone.

The last line is `total error x.xx%, type I x.xx%, type II x.xx% on 5 scans`; the picture shows some of these scans.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

import scn

EXAMPLE = Path(__file__).resolve().parent
sys.path.insert(0, str(EXAMPLE.parent / "common"))

import clouds
import running
import segmentation
import views

VOXEL = (1.5, 1.5, 0.5)  # meters
FIELD = (1024, 1024, 512)
PLANES = (16, 32, 48, 64, 80)
WINDOWS = (3, 7, 13, 25, 49)  # meters: sides of the squares whose lowest point is looked for
RADIUS = 60  # meters, of the discs that are cut out of the scans to train on
THINNING = (1, 0.5, 0.2)  # the fraction of points that is kept: the scans have 0.16 to 1.0 points per square meter
STEPS, BATCH = 6, 8  # of an epoch, and discs per step
TEST = ("samp12", "samp22", "samp42", "samp52", "samp54")  # never trained on
PICTURED = ("samp12", "samp52")
GROUND = 1


def build_network() -> scn.Sequential:
    """From voxels to scores for (object, ground), voxel by voxel."""
    network = scn.Sequential(scn.InputLayer(3, FIELD, mode=0))
    network.add(scn.SubmanifoldConvolution(3, len(WINDOWS), PLANES[0], 3, False)).add(scn.UNet(3, 1, PLANES))
    return network.add(scn.BatchNormReLU(PLANES[0])).add(scn.OutputLayer(3)).add(scn.Linear(PLANES[0], 2))


def heights(points: np.ndarray) -> np.ndarray:
    """How high each point lies above the lowest point in the squares around it, in meters: [n, windows]."""
    cells = np.floor(points[:, :2] - points[:, :2].min(axis=0)).astype(np.int64)  # of 1 m
    lowest = np.full(cells.max(axis=0) + 1, np.inf)
    np.minimum.at(lowest, tuple(cells.T), points[:, 2])
    found = []
    for window in WINDOWS:
        least = lowest
        for axis in (0, 1):
            reach = [(window // 2, window // 2), (0, 0)][:: 1 - 2 * axis]
            padded = np.pad(least, reach, constant_values=np.inf)
            least = np.lib.stride_tricks.sliding_window_view(padded, window, axis).min(axis=-1)
        found.append(points[:, 2] - least[tuple(cells.T)])
    return np.stack(found, axis=1)


def voxelize(parts: list[clouds.Cloud], above: list[np.ndarray]) -> tuple[scn.Voxels, np.ndarray]:
    """The voxels of several clouds with their mean features, and the label that most points in each have."""
    points = np.concatenate([part.points - part.points.min(axis=0) for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    features = np.column_stack([np.log1p(np.concatenate(above)), labels])
    samples = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    voxels = scn.voxelize(points, VOXEL, features, "mean", batch=samples, origin=0, spatial_size=FIELD)
    return voxels._replace(features=voxels.features[:, :-1]), (voxels.features[:, -1] > 0.5).astype(np.int64)


def batches(
    scans: list[clouds.Cloud], above: list[np.ndarray], random: np.random.Generator
) -> Iterator[segmentation.Batch]:
    """Discs around random points of the scans, turned, mirrored, stretched and thinned out."""
    sizes = np.array([len(scan) for scan in scans])
    for _ in range(STEPS):
        parts, found = [], []
        for index in random.choice(len(scans), BATCH, p=sizes / sizes.sum()):
            scan = scans[index]
            offsets = scan.points - scan.points[random.integers(len(scan))]
            kept = np.flatnonzero(offsets[:, 0] ** 2 + offsets[:, 1] ** 2 < RADIUS**2)
            kept = kept[random.random(len(kept)) < random.choice(THINNING)]
            angle, stretch = random.uniform(0, 2 * np.pi), random.uniform(0.85, 1.15)
            turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, stretch]])
            turn[0] *= random.choice([-1, 1])
            parts.append(replace(scan.take(kept), points=offsets[kept] @ turn))
            found.append(above[index][kept] * stretch)
        voxels, labels = voxelize(parts, found)
        yield [voxels.coords, voxels.features], labels, BATCH


def predict(network: scn.Module, scan: clouds.Cloud, above: np.ndarray) -> np.ndarray:
    """The network's guess for each point of a whole scan: 0 object, 1 ground."""
    voxels, _ = voxelize([scan], [above])
    with scn.no_grad():
        return network([voxels.coords, voxels.features]).numpy().argmax(axis=1)[voxels.voxel_of_point]


def errors(counts: np.ndarray) -> str:
    """The errors that are usual for ground filters, of the counts [truth, guess]."""
    wrong = counts[0, 1] + counts[1, 0]
    rates = wrong / counts.sum(), counts[1, 0] / counts[1].sum(), counts[0, 1] / counts[0].sum()
    return "total error {:.2%}, type I {:.2%}, type II {:.2%}".format(*rates)


def main() -> None:
    """Train, evaluate, draw."""
    options = segmentation.parse(__doc__.splitlines()[0], 100, 6, "demo-output/terrain")
    small = EXAMPLE / "data"
    folder = small if options.quick else clouds.data_folder("terrain", options.data, small)
    scans = clouds.read_folder(folder)
    test = [scan for scan in scans if scan.name in (("samp41",) if folder == small else TEST)]
    training = [scan for scan in scans if all(scan is not other for other in test)]
    if not (training and test):
        raise clouds.DataError(f"{folder} needs scans to test, {', '.join(TEST)}, and others to learn from")
    above, above_test = [heights(scan.points) for scan in training], [heights(scan.points) for scan in test]
    network = build_network()
    print(f"{len(training)} scans to learn from, {len(test)} to test, of {folder}; ", end="")
    print(f"{sum(parameter.numel() for parameter in network.parameters())} weights; {scn.get_num_threads()} threads")

    def counts(fast: scn.Module) -> list[np.ndarray]:
        return [
            segmentation.confusion(scan.labels, predict(fast, scan, found)) for scan, found in zip(test, above_test)
        ]

    fast = segmentation.train(
        network, lambda random: batches(training, above, random), STEPS * BATCH, STEPS,
        lambda fast: errors(sum(counts(fast))), options, kept=0.8,  # discs differ more than whole scenes
    )  # fmt: skip
    scn.save(fast, options.output / "terrain.safetensors")
    found = counts(fast)
    for scan, table in zip(test, found):
        print(f"{scan.name}, {len(scan)} points: {errors(table)}")
    shown = [index for index, scan in enumerate(test) if folder == small or scan.name in PICTURED]
    guesses = [predict(fast, test[index], above_test[index]) for index in shown]
    views.maps([test[index] for index in shown], guesses, options.output / "terrain.png")
    views.page(
        test[shown[0]], guesses[0], options.output / "terrain.html", ("object", "ground"), (views.OBJECT, views.GROUND),
        f"Ground or object: {test[shown[0]].name}",
    )  # fmt: skip
    print(f"saved {options.output / 'terrain.safetensors'}, terrain.png, terrain.html")
    print(f"{errors(sum(found))} on {len(test)} scan{'s' * (len(test) > 1)}")


if __name__ == "__main__":
    running.run(main, "terrain", clouds.DataError)
