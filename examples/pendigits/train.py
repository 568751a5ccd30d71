"""Train a submanifold sparse network to read handwritten digits from pen strokes, and read those of other writers.

It saves the network, a picture of how it learned and one of the digits it misread, then has a C program read the same
digits with the saved network. The last line is `test accuracy 99.xx% (N of 3498)`.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import scn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))

import c_classifier
import native
import pictures
import running
import strokes

DATA = Path(__file__).resolve().parent / "data"
TRAINING_FILE = DATA / "pendigits-orig.train.unipen.gz"
TEST_FILE = DATA / "pendigits-orig.test.unipen.gz"
CLASSES = 10
PLANES = (16, 32, 48, 64, 96)
BATCH_NORM_MOMENTUM = 0.95  # the fraction of the running statistics that is kept
BATCH = 64
EVALUATION_BATCH = 128
HIGHEST_LEARNING_RATE = 0.05
MOMENTUM = 0.9
WEIGHT_DECAY = 1e-4
WARM_UP = 0.1  # the part of the training in which the learning rate rises


@dataclass
class History:
    """A loss for each step; a loss and a number of correct guesses for each epoch."""

    step_losses: list[float] = field(default_factory=list)
    epoch_losses: list[float] = field(default_factory=list)
    correct: list[int] = field(default_factory=list)


def build_network() -> scn.Sequential:
    """The whole way from pen strokes to class scores, so that a checkpoint of it needs no other code."""
    body = scn.Sequential()
    before = 3
    for planes in PLANES:
        for _ in range(2):
            body.add(scn.SubmanifoldConvolution(2, before, planes, 3, False))
            body.add(scn.BatchNormReLU(planes, momentum=BATCH_NORM_MOMENTUM))
            before = planes
        body.add(scn.MaxPooling(2, 3, 2))
    # five poolings: 63, 31, 15, 7, 3, 1
    assert list(body.input_spatial_size([1, 1])) == [strokes.FIELD, strokes.FIELD]
    network = scn.Sequential(scn.InputLayer(2, [strokes.FIELD, strokes.FIELD], mode=4), body)
    network.add(scn.SparseToDense(2, before)).add(scn.Flatten()).add(scn.Linear(before, CLASSES))
    return network


def learning_rate(progress: float) -> float:
    """A straight rise, then half a cosine down to zero. progress: 0 ... 1."""
    if progress < WARM_UP:
        return HIGHEST_LEARNING_RATE * progress / WARM_UP
    return HIGHEST_LEARNING_RATE * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))) / 2


def read(network: scn.Sequential, fitted: strokes.Characters) -> np.ndarray:
    """The network's guess for each digit, undistorted and in evaluation mode: [digits] int64."""
    network.eval()
    guesses = []
    with scn.no_grad():
        for first in range(0, len(fitted), EVALUATION_BATCH):
            batch = fitted.take(np.arange(first, min(first + EVALUATION_BATCH, len(fitted))))
            guesses.append(network([*strokes.draw(batch), len(batch)]).numpy().argmax(axis=1))
    return np.concatenate(guesses)


def train(
    network: scn.Sequential,
    training: strokes.Characters,
    test: strokes.Characters,
    epochs: int,
    batch_size: int,
    seed: int,
    precision: str = "float32",
) -> History:
    """Train on distorted digits; after each epoch read the test digits and print how many were right."""
    random = np.random.default_rng(seed)
    distort = strokes.Distortion()
    sgd = scn.SGD(network.parameters(), lr=0.0, momentum=MOMENTUM, nesterov=True, weight_decay=WEIGHT_DECAY)
    steps = math.ceil(len(training) / batch_size)
    history = History()

    def rate(step: int) -> float:
        return learning_rate((step + 0.5) / (epochs * steps))

    def loss(digits: strokes.Characters) -> scn.Tensor:
        batch = distort(digits, random)
        return scn.cross_entropy(network([*strokes.draw(batch), len(batch)]), batch.labels)

    with running.progress(epochs * len(training), "digits") as bar:
        for epoch in range(epochs):
            network.train()
            order = random.permutation(len(training))
            batches = [training.take(order[first : first + batch_size]) for first in range(0, len(order), batch_size)]
            counted = ((batch, len(batch)) for batch in batches)
            losses, seconds = running.learn(sgd, counted, loss, rate, epoch * steps, bar, precision)
            history.step_losses += losses
            history.epoch_losses.append(float(np.mean(losses)))
            history.correct.append(int((read(network, test) == test.labels).sum()))
            accuracy = f"test accuracy {history.correct[-1] / len(test):.2%}"
            running.report(bar, epoch, epochs, losses, f"{accuracy}, {len(training) / seconds:.0f} digits/s")
    return history


def main() -> int:
    """Run the demo; return 0, or 1 if the C program reads differently."""
    options = running.parse("Train a sparse network to read handwritten digits.", 12, 1, "demo-output")
    training, test = strokes.read_unipen(TRAINING_FILE), strokes.read_unipen(TEST_FILE)
    if options.quick:
        training, test = training.take(np.arange(1500)), test.take(np.arange(500))
    network = build_network()
    weights = sum(parameter.numel() for parameter in network.parameters())
    print(f"{len(training)} digits to learn from, {len(test)} by other writers to read; {weights} weights; ", end="")
    print(f"{scn.get_num_threads()} threads", flush=True)
    fitted = strokes.fit(test)
    # small batches if there are few digits, so that there are enough steps
    batch_size = BATCH // 4 if options.quick else BATCH
    history = train(network, strokes.fit(training), fitted, options.epochs, batch_size, options.seed, options.precision)

    checkpoint = options.output / "pendigits.safetensors"
    scn.save(network, checkpoint)
    guesses = read(network, fitted)
    pictures.learning_curve(history, len(training), len(test), options.output / "learning_curve.png")
    pictures.misread(test, guesses, options.output / "misread.png")
    print(f"saved {checkpoint}, learning_curve.png, misread.png")

    test_text = options.output / "test.unipen"
    c_classifier.unpack(TEST_FILE, test_text, len(test))
    correct = int((guesses == test.labels).sum())
    answer = c_classifier.run(checkpoint, test_text, options.output)
    print(answer)
    if answer != f"C: {correct} of {len(test)}":
        print(f"the C program reads otherwise than Python, which read {correct} of {len(test)}", file=sys.stderr)
        return 1
    rounded = scn.optimize_for_inference(network, "bfloat16")
    print(f"optimized for inference in bfloat16: {int((read(rounded, fitted) == test.labels).sum())} of {len(test)}")
    print(f"test accuracy {correct / len(test):.2%} ({correct} of {len(test)})")
    return 0


if __name__ == "__main__":
    running.run(main, "train.py", strokes.UnipenError, native.BuildError)
