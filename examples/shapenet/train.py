"""Train a network to find the parts of shapes, such as the legs of a table, in ShapeNet's part annotation.

The last line is `instance IoU 0.xxx, category IoU 0.xxx on N test shapes`; the pictures show truth and prediction.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import scn

EXAMPLE = Path(__file__).resolve().parent
sys.path.insert(0, str(EXAMPLE.parent / "common"))

import clouds
import parts
import running
import segmentation
import views

FIELD = 8  # a shape's reach is 1; it is shifted by up to that, so that it lies within 2 ... 6
REPORTED = (10, 30)  # and after the last epoch
MOMENTUM, WEIGHT_DECAY = 0.9, 1e-4
DECAY = 4  # the learning rate ends at exp(-DECAY) of what it began with
PICTURED = 4


class Plan(NamedTuple):
    """How often shapes are seen, how many in a step, voxels to a shape's reach, planes by level, the learning rate."""

    epochs: int
    batch: int
    resolution: int
    planes: tuple[int, ...]
    learning_rate: float


PLANES = (32, 64, 96, 128, 160)
REAL = Plan(100, 16, 24, PLANES, 0.1)  # SparseConvNet's
SYNTHETIC = Plan(40, 8, 12, PLANES, 3e-3)  # for fewer shapes of fewer points, and half a minute
QUICK = Plan(10, 4, 12, (16, 32, 48), 1e-2)
SIZES = {"training": 24, "test": 8}  # shapes in each category of the synthetic set
QUICK_SIZES = {"training": 6, "test": 2, "points": 500}


def build_network(kind: str, resolution: int = REAL.resolution, planes: tuple[int, ...] = PLANES) -> scn.Sequential:
    """From the points of a batch to scores for the 50 parts of all categories, point by point.

    kind: "unet" or "fcn", the two networks of SparseConvNet's example, with its sizes.
    """
    is_unet, stride = kind == "unet", 2 ** (len(planes) - 1)
    # What suits the strides: a multiple of all of them; for their filters of size 3 one less than the next.
    field = -(-FIELD * resolution // stride) * stride + (0 if is_unet else stride - 1)
    network = scn.Sequential(scn.InputLayer(3, field, mode=3), scn.SubmanifoldConvolution(3, 1, planes[0], 3, False))
    if is_unet:
        network.add(scn.UNet(3, 1, planes, downsample=(2, 2)))
    else:
        network.add(scn.FullyConvolutionalNet(3, 2, planes, downsample=(3, 2)))
    outputs = planes[0] if is_unet else sum(planes)
    return (
        network.add(scn.BatchNormReLU(outputs)).add(scn.OutputLayer(3)).add(scn.Linear(outputs, parts.FIRST_PART[-1]))
    )


def view(shapes: list[parts.Shape], resolution: int, random: np.random.Generator) -> list[np.ndarray]:
    """What the network takes of shapes, each mirrored, turned and shifted at random: voxels and ones, by point."""
    rows = []
    for sample, shape in enumerate(shapes):
        turn, _ = np.linalg.qr(random.standard_normal((3, 3)))
        turn[0] *= random.choice([-1, 1])
        places = np.floor(resolution * (FIELD / 2 + shape.points @ turn + random.uniform(-1, 1, 3))).astype(np.int64)
        rows.append(np.insert(places, 3, sample, axis=1))
    coordinates = np.concatenate(rows)
    return [coordinates, np.ones((len(coordinates), 1), np.float32)]


def batches(
    shapes: list[parts.Shape], resolution: int, count: int, random: np.random.Generator
) -> Iterator[segmentation.Batch]:
    """All shapes in a random order, `count` at a time."""
    order = random.permutation(len(shapes))
    for first in range(0, len(shapes), count):
        batch = [shapes[index] for index in order[first : first + count]]
        labels = np.concatenate([shape.labels + parts.FIRST_PART[shape.category] for shape in batch])
        yield view(batch, resolution, random), labels, len(batch)


def predict(
    network: scn.Module, shapes: list[parts.Shape], resolution: int, views_each: int, seed: int
) -> list[np.ndarray]:
    """The network's guess for each point of each shape: a part of its category, from 0.

    Scores of `views_each` views of a shape are added up; the category is known, as in the challenge.
    """
    random, guesses = np.random.default_rng(seed), []
    with running.progress(len(shapes), "shapes", shown=len(shapes) > 200) as bar:
        for first in range(0, len(shapes), REAL.batch):
            batch = shapes[first : first + REAL.batch]
            with scn.no_grad():
                scores = sum(network(view(batch, resolution, random)).numpy() for _ in range(views_each))
            ends = np.cumsum([len(shape) for shape in batch])[:-1]
            for shape, of_shape in zip(batch, np.split(scores, ends)):
                begin, end = parts.FIRST_PART[shape.category : shape.category + 2]
                guesses.append(of_shape[:, begin:end].argmax(axis=1))
            bar.update(len(batch))
    return guesses


def figures(shapes: list[parts.Shape], guesses: list[np.ndarray]) -> str:
    """The two averages of the part IoU."""
    _, of_shapes, of_categories = parts.summary(shapes, guesses)
    return f"instance IoU {of_shapes:.3f}, category IoU {of_categories:.3f}"


def options_of() -> argparse.Namespace:
    """The command line."""
    parser = segmentation.parser(__doc__.splitlines()[0], REAL.epochs, QUICK.epochs, "demo-output/shapenet")
    parser.add_argument(
        "--network", choices=("unet", "fcn"), default="unet", help="U-Net or fully convolutional (unet)"
    )
    parser.add_argument("--views", type=running.at_least(1), default=3, help="copies of a shape that are scored (3)")
    parser.add_argument("--batch", type=running.at_least(1), help=f"shapes in a step ({REAL.batch})")
    parser.add_argument("--resolution", type=running.at_least(1), help=f"voxels to a shape's reach ({REAL.resolution})")
    parser.add_argument(
        "--halves", action="store_true", help="mix train and val and halve them by MD5, as SparseConvNet's script does"
    )
    parser.epilog = (
        f"Synthetic data, which take the place of absent ones, have other defaults: {SYNTHETIC.epochs} epochs, "
        f"{SYNTHETIC.batch} shapes, {SYNTHETIC.resolution} voxels."
    )
    return running.quick_or_data(parser)


def descent(network: scn.Module, rate: float, steps: int, epochs: int) -> dict[str, Any]:
    """SparseConvNet's optimizer for these shapes, and its learning rate, which falls after each epoch of `steps`."""
    return {
        "optimizer": scn.SGD(network.parameters(), rate, MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True),
        "schedule": lambda step: rate * math.exp(-DECAY * (step // steps) / epochs),
    }


def picture(shapes: list[parts.Shape], guesses: list[np.ndarray], path: Path) -> None:
    """Draw a shape of each of some categories, the median by its IoU, and write a page of the first."""
    ious = np.array([parts.shape_iou(s.labels, guess, parts.PARTS[s.category]) for s, guess in zip(shapes, guesses)])
    category = np.array([shape.category for shape in shapes])
    chosen = []
    for which in np.unique(category)[:PICTURED]:
        own = np.flatnonzero(category == which)
        chosen.append(own[np.argsort(ious[own], kind="stable")[len(own) // 2]])
    names = tuple(f"part {number}" for number in range(1, max(parts.PARTS) + 1))
    # ShapeNet's shapes have y pointing up, and pictures z.
    upright = [replace(shapes[index], points=np.roll(shapes[index].points, 1, axis=1)) for index in chosen]
    views.solids(upright, [guesses[index] for index in chosen], names, path)
    title = f"{parts.CATEGORIES[upright[0].category][1]} {upright[0].name}, IoU {ious[chosen[0]]:.3f}"
    page = path.with_suffix(".html")
    views.page(upright[0], guesses[chosen[0]], page, names, views.PALETTE[: len(names)], title)


def main() -> None:
    """Train, evaluate, draw."""
    options = options_of()
    given = None if options.quick else clouds.given_folder("shapenet", options.data)
    plan = REAL if given else QUICK if options.quick else SYNTHETIC
    options = running.begin(options, plan.epochs, plan.epochs)
    folder = given or clouds.synthetic("shapenet", options.output, **(QUICK_SIZES if options.quick else SIZES))
    training, validation, test = parts.read_split(folder, options.halves)
    resolution, count = options.resolution or plan.resolution, options.batch or plan.batch
    network = build_network(options.network, resolution, plan.planes)
    steps = math.ceil(len(training) / count)
    print(
        f"{len(training)} shapes to learn from, {len(validation)} to validate, {len(test)} to test, of {folder}; ",
        end="",
    )
    print(f"{sum(parameter.numel() for parameter in network.parameters())} weights; {scn.get_num_threads()} threads")

    fast = segmentation.train(
        network, lambda random: batches(training, resolution, count, random), len(training), steps,
        lambda fast: figures(validation, predict(fast, validation, resolution, 1, options.seed)), options,
        learning_rate=plan.learning_rate, is_reported=lambda epoch: epoch in REPORTED, unit="shapes",
        **(descent(network, plan.learning_rate, steps, options.epochs) if given else {}),
    )  # fmt: skip
    scn.save(fast, options.output / "shapenet.safetensors")
    guesses = predict(fast, test, resolution, options.views, options.seed)
    parts.write_guesses(options.output / "predictions", test, guesses)
    kind, judged = "test", test
    if not test or (test[0].labels < 0).any():  # the challenge kept them to itself
        kind, judged = "validation", validation
        guesses = predict(fast, validation, resolution, options.views, options.seed)
    picture(judged, guesses, options.output / "shapenet.jpg")
    print(f"saved {options.output / 'shapenet.safetensors'}, shapenet.jpg, shapenet.html, predictions/*.seg")
    table, _, _ = parts.summary(judged, guesses)
    for name, (mean, shapes) in table.items():
        print(f"{name:<10} IoU {mean:.3f} on {shapes} shapes")
    print(f"{figures(judged, guesses)} on {len(judged)} {kind} shapes")


if __name__ == "__main__":
    running.run(main, "shapenet", clouds.DataError)
