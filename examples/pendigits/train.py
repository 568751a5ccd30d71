"""Train a submanifold sparse network to read handwritten digits from pen strokes, and read those of other writers.

It saves the network, a picture of how it learned and one of the digits it misread, then has a C program read the same
digits with the saved network. The last line is `test accuracy 99.xx% (N of 3498)`.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import scn
from tqdm import tqdm

import c_classifier
import pictures
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
    """What there is to tell of a training: a loss for each step, a loss and a number of right guesses for each epoch."""

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


def read(network: scn.Sequential, fitted: strokes.Digits) -> np.ndarray:
    """The network's guess for each digit, undistorted and in evaluation mode: [digits] int64."""
    network.eval()
    guesses = []
    with scn.no_grad():
        for first in range(0, len(fitted), EVALUATION_BATCH):
            batch = fitted.take(np.arange(first, min(first + EVALUATION_BATCH, len(fitted))))
            guesses.append(network([*strokes.draw(batch), len(batch)]).numpy().argmax(axis=1))
    return np.concatenate(guesses)


def train(
    network: scn.Sequential, training: strokes.Digits, test: strokes.Digits, epochs: int, batch_size: int, seed: int
) -> History:
    """Train on distorted digits; after each epoch read the test digits and print how many were right."""
    random = np.random.default_rng(seed)
    distort = strokes.Distortion()
    sgd = scn.SGD(network.parameters(), lr=0.0, momentum=MOMENTUM, nesterov=True, weight_decay=WEIGHT_DECAY)
    steps = epochs * math.ceil(len(training) / batch_size)
    history = History()
    refresh = 0.1 if sys.stderr.isatty() else 10.0
    with tqdm(total=epochs * len(training), unit=" digits", mininterval=refresh, dynamic_ncols=True) as bar:
        for epoch in range(epochs):
            network.train()
            began = time.perf_counter()
            order = random.permutation(len(training))
            losses = []
            for first in range(0, len(training), batch_size):
                batch = distort(training.take(order[first : first + batch_size]), random)
                sgd.lr = learning_rate((len(history.step_losses) + 0.5) / steps)
                sgd.zero_grad()
                loss = scn.cross_entropy(network([*strokes.draw(batch), len(batch)]), batch.labels)
                loss.backward()
                sgd.step()
                losses.append(loss.item())
                history.step_losses.append(losses[-1])
                bar.set_postfix_str(
                    f"loss {np.mean(losses[-20:]):.4f}, learning rate {sgd.lr:.4f}", refresh=False
                )
                bar.update(len(batch))
            seconds = time.perf_counter() - began
            history.epoch_losses.append(float(np.mean(losses)))
            history.correct.append(int((read(network, test) == test.labels).sum()))
            bar.write(
                f"epoch {epoch + 1:2} of {epochs}: loss {history.epoch_losses[-1]:.4f}, test accuracy "
                f"{history.correct[-1] / len(test):.2%}, {len(training) / seconds:.0f} digits/s",
                file=sys.stdout,
            )
    return history


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; what is wrong with it ends the program with a message."""

    def positive(text: str) -> int:
        value = int(text)
        if value < 1:
            raise argparse.ArgumentTypeError(f"{value} is less than 1")
        return value

    parser = argparse.ArgumentParser(description="Train a sparse network to read handwritten digits.")
    parser.add_argument("--epochs", type=positive, help="how often to see every training digit (12)")
    parser.add_argument("--threads", type=positive, help="threads to compute with (all cores)")
    parser.add_argument("--seed", type=int, default=1, help="where random numbers start (1)")
    parser.add_argument("--quick", action="store_true", help="a few digits and 1 epoch, to see that all works")
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="folder for results (demo-output)")
    options = parser.parse_args(arguments)
    if options.seed < 0:
        parser.error("argument --seed: less than 0")
    options.epochs = options.epochs or (1 if options.quick else 12)
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return 0, or 1 where the C program reads otherwise."""
    options = parse_arguments(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    if options.threads:
        scn.set_num_threads(options.threads)
    scn.manual_seed(options.seed)

    training, test = strokes.read_unipen(TRAINING_FILE), strokes.read_unipen(TEST_FILE)
    if options.quick:
        training, test = training.take(np.arange(1500)), test.take(np.arange(500))
    network = build_network()
    weights = sum(parameter.numel() for parameter in network.parameters())
    print(f"{len(training)} digits to learn from, {len(test)} by other writers to read; {weights} weights; ", end="")
    print(f"{scn.get_num_threads()} threads", flush=True)
    fitted = strokes.fit(test)
    history = train(network, strokes.fit(training), fitted, options.epochs, BATCH // 4 if options.quick else BATCH, options.seed)

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
    print(f"test accuracy {correct / len(test):.2%} ({correct} of {len(test)})")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, scn.Error, strokes.UnipenError, c_classifier.BuildError) as error:
        sys.exit(f"train.py: {error}")
