"""Train a U-Net to label the vertices of ScanNet's rooms with the 20 classes of its benchmark.

The last line is `mean IoU 0.xxx over N classes on N validation scenes`; the pictures show truth and prediction.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

import scn

EXAMPLE = Path(__file__).resolve().parent
sys.path.insert(0, str(EXAMPLE.parent / "common"))

import clouds
import distortion
import running
import scenes
import segmentation
import views

FIELD = 4096  # voxels along each axis; those that are empty cost nothing
PICTURED = 3


class Plan(NamedTuple):
    """How often scenes are seen, the learning rate, the network's levels, and what overrides its setting if not
    None."""

    epochs: int
    learning_rate: float
    levels: int = 7
    batch: int | None = None
    scale: int | None = None


REAL = Plan(512, 1e-3)  # SparseConvNet's
SYNTHETIC = Plan(28, 1e-2, batch=1, scale=12)  # for fewer and simpler scenes, and half a minute
QUICK = Plan(10, 1e-2, levels=3, batch=1, scale=6)
SIZES = {"training": 24, "validation": 6}  # scenes of the synthetic set
QUICK_SIZES = {"training": 6, "validation": 1, "spacing": 0.15}


class Setting(NamedTuple):
    """A network's planes in the first level, blocks in each, their kind, voxels in a meter, scenes in a step, views."""

    planes: int
    blocks: int
    is_residual: bool
    scale: int
    batch: int
    views: int = 1


# SparseConvNet's two: the one of its program, and the larger one that its README names.
SETTINGS = {"small": Setting(16, 1, False, 20, 32), "large": Setting(32, 2, True, 50, 5, 3)}


def build_network(setting: Setting, levels: int = REAL.levels) -> scn.Sequential:
    """From the points of a batch to scores for the 20 classes, point by point."""
    planes = [setting.planes * level for level in range(1, levels + 1)]
    network = scn.Sequential(scn.InputLayer(3, FIELD, mode=4), scn.SubmanifoldConvolution(3, 3, planes[0], 3, False))
    network.add(scn.UNet(3, setting.blocks, planes, setting.is_residual))
    return network.add(scn.OutputLayer(3)).add(scn.Linear(planes[0], len(scenes.NAMES)))


def turned(points: np.ndarray, scale: int, random: np.random.Generator, distort: float = 0) -> np.ndarray:
    """Points in voxels, mirrored and turned around the vertical axis at random; distort: how much the axes are bent."""
    matrix = np.eye(3) + distort * random.standard_normal((3, 3))
    matrix[0, 0] *= random.choice([-1, 1])
    angle = random.uniform(0, 2 * np.pi)
    turn = [[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    return points @ (scale * matrix @ turn)


def placed(points: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The voxels of points that are shifted to a random place of the field, and which points lie within it."""
    room = FIELD - np.ptp(points, axis=0)
    # What is too wide for the field sticks out of it, at random ends.
    shift = np.clip(room - 0.001, 0, None) * random.random(3) + np.clip(room + 0.001, None, 0) * random.random(3)
    coordinates = np.floor(points - points.min(axis=0) + shift).astype(np.int64)
    inside = ((coordinates >= 0) & (coordinates < FIELD)).all(axis=1)
    return coordinates[inside], inside


def colors_of(scene: clouds.Cloud) -> np.ndarray:
    """Colors from -1 to 1, float32."""
    return scene.colors.astype(np.float32) / 127.5 - 1


def batches(
    training: list[scenes.Scene], scale: int, count: int, is_elastic: bool, random: np.random.Generator
) -> Iterator[segmentation.Batch]:
    """All scenes in a random order, `count` at a time: distorted, in changed colors."""
    order = random.permutation(len(training))
    for first in range(0, len(training), count):
        rows, features, labels = [], [], []
        for sample, index in enumerate(order[first : first + count]):
            scene = training[index].read()
            points = turned(scene.points, scale, random, 0.1)
            if is_elastic:
                points = distortion.elastic(points, max(1, 6 * scale // 50), 40 * scale / 50, random)
                points = distortion.elastic(points, max(1, 20 * scale // 50), 160 * scale / 50, random)
            coordinates, inside = placed(points, random)
            rows.append(np.insert(coordinates, 3, sample, axis=1))
            features.append(colors_of(scene)[inside] + 0.1 * random.standard_normal(3).astype(np.float32))
            labels.append(scene.labels[inside])
        yield [np.concatenate(rows), np.concatenate(features)], np.concatenate(labels), len(rows)


def predict(network: scn.Module, scene: clouds.Cloud, scale: int, views_each: int, seed: int) -> np.ndarray:
    """The network's guess for each vertex, 0 ... 19: scores of so many views of the scene are added up."""
    random = np.random.default_rng(seed)
    scores = np.zeros((len(scene), len(scenes.NAMES)), np.float32)
    for _ in range(views_each):
        coordinates, inside = placed(turned(scene.points, scale, random), random)
        with scn.no_grad():
            scores[inside] += network([coordinates, colors_of(scene)[inside]]).numpy()
    return scores.argmax(axis=1)


def evaluate(
    network: scn.Module, judged: list[scenes.Scene], scale: int, views_each: int, seed: int, output: Path | None = None
) -> np.ndarray:
    """Counts [truth, guess] over scenes, without ignored points; output: a folder for the benchmark's files."""
    counts = np.zeros((len(scenes.NAMES),) * 2, np.int64)
    with running.progress(len(judged), "scenes", shown=len(judged) > 20) as bar:
        for scene in judged:
            cloud = scene.read()
            guess = predict(network, cloud, scale, views_each, seed)
            known = cloud.labels >= 0
            counts += segmentation.confusion(cloud.labels[known], guess[known], len(scenes.NAMES))
            if output:
                scenes.write_submission(output, scene.name, guess)
            bar.update()
    return counts


def figure(counts: np.ndarray) -> str:
    """The benchmark's figure of merit."""
    mean, classes = scenes.mean_iou(counts, segmentation.intersection_over_union(counts))
    return f"mean IoU {mean:.3f} over {classes} classes"


def options_of() -> argparse.Namespace:
    """The command line."""
    parser = segmentation.parser(__doc__.splitlines()[0], REAL.epochs, QUICK.epochs, "demo-output/scannet")
    parser.add_argument(
        "--network", choices=list(SETTINGS), default="small",
        help="small: 16 planes, voxels of 5 cm; large: 32 planes, residual blocks, voxels of 2 cm (small)",
    )  # fmt: skip
    parser.add_argument("--views", type=running.at_least(1), help="copies of a scene that are scored (1, large: 3)")
    parser.add_argument("--batch", type=running.at_least(1), help="scenes in a step (32, large: 5)")
    parser.add_argument("--scale", type=running.at_least(1), help="voxels in a meter (20, large: 50)")
    parser.add_argument("--elastic", action="store_true", help="distort scenes elastically, too, to train on them")
    parser.epilog = (
        f"Synthetic data, which take the place of absent ones, have other defaults: {SYNTHETIC.epochs} epochs, "
        f"{SYNTHETIC.batch} scene in a step, {SYNTHETIC.scale} voxels in a meter."
    )
    return running.quick_or_data(parser)


def checked(folder: Path) -> dict[str, list[scenes.Scene]]:
    """The scenes of each kind, each read once: a file that is wrong is known before the training, not after it."""
    found = scenes.split(folder)
    with running.progress(sum(map(len, found.values())), "scenes checked") as bar:
        for scene in (scene for listed in found.values() for scene in listed):
            scene.read()
            bar.update()
    return found


def main() -> None:
    """Train, evaluate, draw."""
    options = options_of()
    given = None if options.quick else clouds.given_folder("scannet", options.data)
    plan, setting = REAL if given else QUICK if options.quick else SYNTHETIC, SETTINGS[options.network]
    options = running.begin(options, plan.epochs, plan.epochs)
    folder = given or clouds.synthetic("scannet", options.output, **(QUICK_SIZES if options.quick else SIZES))
    found = checked(folder)
    training, validation = found["train"], found["val"]
    scale = options.scale or plan.scale or setting.scale
    count = options.batch or plan.batch or setting.batch
    views_each = options.views or setting.views
    network = build_network(setting, plan.levels)
    print(f"{len(training)} scenes to learn from, {len(validation)} to validate, of {folder}; ", end="")
    print(f"voxels of {1000 / scale:.0f} mm; ", end="")
    print(f"{sum(parameter.numel() for parameter in network.parameters())} weights; {scn.get_num_threads()} threads")

    fast = segmentation.train(
        network, lambda random: batches(training, scale, count, options.elastic, random), len(training),
        math.ceil(len(training) / count), lambda fast: figure(evaluate(fast, validation, scale, 1, options.seed)),
        options, learning_rate=plan.learning_rate,
        is_reported=lambda epoch: epoch & (epoch - 1) == 0, unit="scenes",
    )  # fmt: skip
    scn.save(fast, options.output / "scannet.safetensors")
    submission = options.output / "predictions"
    shown = [scene.read() for scene in validation[:PICTURED]]
    guesses = [predict(fast, cloud, scale, views_each, options.seed) for cloud in shown]
    views.solids(shown, guesses, scenes.NAMES, options.output / "scannet.jpg", is_room=True)
    views.page(shown[0], guesses[0], options.output / "scannet.html", scenes.NAMES, views.PALETTE, shown[0].name)
    evaluate(fast, found["test"], scale, views_each, options.seed, submission)
    counts = evaluate(fast, validation, scale, views_each, options.seed, submission)
    print(f"saved {options.output / 'scannet.safetensors'}, scannet.jpg, scannet.html, predictions/*.txt")
    print(scenes.table(counts, segmentation.intersection_over_union(counts)))
    print(f"{figure(counts)} on {len(validation)} validation scenes")


if __name__ == "__main__":
    running.run(main, "scannet", clouds.DataError)
