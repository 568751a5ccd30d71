"""Three networks side by side on handwritten digits: SparseVggNet, its "plus" form and SparseResNet.

Each is trained like the demo's network, by the same steps on the same distorted digits. Then a table: accuracy on the
digits of other writers, parameters, multiply-adds for a digit and seconds.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import scn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))

import pictures
import running
import strokes
import train

VGG = ["C16", "C16", "MP", "C32", "C32", "MP", "C48", "C48", "MP", "C64", "C64", "MP", "C96", "C96"]
# A level's second convolution is joined with branches that go down one, two or three levels and come up again.
PLUS = ["C16", "C8,8", "MP", "C32", "C16,16", "MP", "C48", "C24,24", "MP", "C64", "C64", "MP", "C96", "C96"]
RESNET = ["b16", "b32/2", "b48/2", "b64/2", "b96/2"]


def bodies() -> dict[str, scn.Sequential]:
    """The networks under their names, each from 63 x 63 sites to 3 x 3 and from 3 planes to 96."""
    return {
        "SparseVggNet": scn.SparseVggNet(2, 3, " ".join(VGG)),
        'SparseVggNet "plus"': scn.SparseVggNet(2, 3, " ".join(PLUS)),
        "SparseResNet": scn.SparseResNet(2, 3, " ".join(RESNET)),
    }


def classifier(body: scn.Sequential) -> scn.Sequential:
    """The body between the input layer and the class scores."""
    head = [scn.MaxPooling(2, 3, 2), scn.SparseToDense(2, 96), scn.Flatten(), scn.Linear(96, train.CLASSES)]
    return scn.Sequential(scn.InputLayer(2, [strokes.FIELD, strokes.FIELD], mode=4), body, *head)


@dataclass
class Result:
    """What is compared; multiply_adds: of one digit's forward pass, on average; milliseconds: of reading one."""

    name: str
    history: train.History
    accuracy: float
    parameters: int
    multiply_adds: float
    training_seconds: float
    milliseconds: float


def measure(
    name: str,
    network: scn.Sequential,
    training: strokes.Characters,
    test: strokes.Characters,
    epochs: int,
    batch: int,
    seed: int,
    precision: str,
) -> Result:
    """Train a network and measure it."""
    print(f"\n{name}", flush=True)
    began = time.perf_counter()
    history = train.train(network, training, test, epochs, batch, seed, precision)
    training_seconds = time.perf_counter() - began
    scn.forward_pass_multiplyAdd_count = 0
    began = time.perf_counter()
    correct = int((train.read(network, test) == test.labels).sum())
    milliseconds = 1000 * (time.perf_counter() - began) / len(test)
    multiply_adds = scn.forward_pass_multiplyAdd_count / len(test)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Result(name, history, correct / len(test), parameters, multiply_adds, training_seconds, milliseconds)


def table(results: list[Result]) -> str:
    """The results for people to read."""
    lines = [f"{'':20} {'accuracy':>9} {'parameters':>11} {'multiply-adds':>14} {'training':>9} {'reading':>11}"]
    for result in results:
        lines.append(
            f"{result.name:20} {result.accuracy:9.2%} {result.parameters:11,} {result.multiply_adds / 1e6:11.2f} M "
            f"{result.training_seconds:8.1f} s {result.milliseconds:5.2f} ms/digit"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the comparison."""
    options = running.parse("Compare three sparse networks on handwritten digits.", 5, 1, "demo-output/comparison")
    training, test = strokes.read_unipen(train.TRAINING_FILE), strokes.read_unipen(train.TEST_FILE)
    if options.quick:
        training, test = training.take(np.arange(1000)), test.take(np.arange(300))
    training, test = strokes.fit(training), strokes.fit(test)
    batch = train.BATCH // 4 if options.quick else train.BATCH
    print(
        f"{len(training)} digits to learn from, {len(test)} by other writers to read; {options.epochs} epochs; "
        f"{scn.get_num_threads()} threads"
    )
    results = [
        measure(name, classifier(body), training, test, options.epochs, batch, options.seed, options.precision)
        for name, body in bodies().items()
    ]
    pictures.comparison(results, len(test), options.output / "comparison.png")
    print(f"\nsaved {options.output / 'comparison.png'}\n\n{table(results)}")


if __name__ == "__main__":
    running.run(main, "compare.py", strokes.UnipenError)
