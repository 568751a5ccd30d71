"""Train a U-Net to tell table from objects in scenes of a depth camera, by their colors and shapes.

The last line is `object IoU 0.xxx, table IoU 0.xxx on 8 test scenes`; the picture shows two of them.
"""

from __future__ import annotations

import math
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

VOXEL = 0.005  # meters
QUICK_VOXEL = 0.02
FIELD = 1024  # voxels along each axis; those that are empty cost nothing
PLANES = (16, 32, 48, 64, 80)
BATCH = 4
CLASS_WEIGHTS = [0.3, 0.7]
PICTURED = ("21", "58")  # stacked boxes, and the fullest table


def build_network() -> scn.Sequential:
    """From the points of a batch to scores for (table, object), point by point."""
    network = scn.Sequential(scn.InputLayer(3, FIELD, mode=4), scn.SubmanifoldConvolution(3, 3, PLANES[0], 3, False))
    network.add(scn.UNet(3, 1, PLANES)).add(scn.BatchNormReLU(PLANES[0]))
    return network.add(scn.OutputLayer(3)).add(scn.Linear(PLANES[0], 2))


def voxels(scene: clouds.Cloud, size: float, random: np.random.Generator | None) -> tuple[np.ndarray, np.ndarray]:
    """The voxel and the color of each point; distorted, mirrored and shifted at random if random is given."""
    points, colors = scene.points / size, scene.colors.astype(np.float32) / 127.5 - 1
    if random is not None:
        matrix = np.eye(3) + 0.1 * random.standard_normal((3, 3))
        matrix[0] *= random.choice([-1, 1])
        points = points @ matrix
        points += 16 * random.random(3)  # where voxels begin, at each level
        colors += 0.1 * random.standard_normal(3).astype(np.float32)
    points = points - np.floor(points.min(axis=0) / 16) * 16
    return points.astype(np.int64), colors


def batches(
    scenes: list[clouds.Cloud], size: float, count: int, random: np.random.Generator
) -> Iterator[segmentation.Batch]:
    """All scenes in a random order, `count` at a time."""
    order = random.permutation(len(scenes))
    for first in range(0, len(scenes), count):
        batch = [scenes[index] for index in order[first : first + count]]
        parts = [voxels(scene, size, random) for scene in batch]
        coordinates = np.concatenate([np.insert(part[0], 3, sample, axis=1) for sample, part in enumerate(parts)])
        labels = np.concatenate([scene.labels for scene in batch])
        yield [coordinates, np.concatenate([part[1] for part in parts])], labels, len(batch)


def predict(network: scn.Module, scene: clouds.Cloud, size: float) -> np.ndarray:
    """The network's guess for each point: 0 table, 1 object."""
    with scn.no_grad():
        return network(list(voxels(scene, size, None))).numpy().argmax(axis=1)


def intersection_over_union(network: scn.Module, scenes: list[clouds.Cloud], size: float) -> str:
    """What the network achieves on all points of the scenes together."""
    counts = sum(segmentation.confusion(scene.labels, predict(network, scene, size)) for scene in scenes)
    right = np.diag(counts)
    table, thing = right / np.maximum(counts.sum(axis=0) + counts.sum(axis=1) - right, 1)
    return f"object IoU {thing:.3f}, table IoU {table:.3f}"


def read_scenes(folder: Path) -> list[clouds.Cloud]:
    """The scenes of a folder, all objects made one class."""
    scenes = clouds.read_folder(folder)
    for scene in scenes:
        if scene.colors is None:
            raise clouds.DataError(f"{folder / scene.name}.ply has no colors: the properties red, green and blue")
    return [replace(scene, labels=np.minimum(scene.labels, 1)) for scene in scenes]


def main() -> None:
    """Train, evaluate, draw."""
    options = segmentation.parse(__doc__.splitlines()[0], 40, 20, "demo-output/tabletop")
    small = EXAMPLE / "data"
    folder = small if options.quick else clouds.data_folder("tabletop", options.data, small)
    size, count = (QUICK_VOXEL, 1) if folder == small else (VOXEL, BATCH)
    training, test = read_scenes(folder / "train"), read_scenes(folder / "test")
    network = build_network()
    print(f"{len(training)} scenes to learn from, {len(test)} to test, of {folder}; ", end="")
    print(f"voxels of {1000 * size:g} mm; ", end="")
    print(f"{sum(parameter.numel() for parameter in network.parameters())} weights; {scn.get_num_threads()} threads")

    fast = segmentation.train(
        network, lambda random: batches(training, size, count, random), len(training), math.ceil(len(training) / count),
        lambda fast: intersection_over_union(fast, test, size), options, class_weights=CLASS_WEIGHTS,
    )  # fmt: skip
    scn.save(fast, options.output / "tabletop.safetensors")
    shown = [scene for scene in test if scene.name in PICTURED] or test[:2]
    guesses = [predict(fast, scene, size) for scene in shown]
    views.camera_views(shown, guesses, options.output / "tabletop.jpg", 58 if folder == small else 262)
    views.page(
        shown[-1], guesses[-1], options.output / "tabletop.html", ("table", "object"), (views.TABLE, views.THING),
        f"Table or object: scene {shown[-1].name}",
    )  # fmt: skip
    print(f"saved {options.output / 'tabletop.safetensors'}, tabletop.jpg, tabletop.html")
    rounded = scn.optimize_for_inference(fast, "bfloat16")
    print(f"optimized for inference in bfloat16: {intersection_over_union(rounded, test, size)}")
    print(f"{intersection_over_union(fast, test, size)} on {len(test)} test scenes")


if __name__ == "__main__":
    running.run(main, "tabletop", clouds.DataError)
