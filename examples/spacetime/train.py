"""Train a sparse (3+1)-dimensional autoencoder on shapes that fly through space and time, and rebuild unseen ones.

The last line is `reconstruction IoU 0.xxx on N held-out sequences`.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import scn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))

import pictures
import running
import shapes
from autoencoder import Autoencoder

TRAINING_SEQUENCES, TEST_SEQUENCES = 480, 64
EPOCHS = 22
BATCH = 4
LEARNING_RATE = 5e-3
WARM_UP = 20  # steps in which the learning rate rises


def points(sites: np.ndarray) -> list:
    """What an input layer takes: the sites, and 1 at each of them."""
    return [sites, np.ones((len(sites), 1), np.float32)]


def reconstruct(network: Autoencoder, batches: list[np.ndarray]) -> list[np.ndarray]:
    """The sites of each batch as the decoder makes them from the code alone."""
    network.eval()
    with scn.no_grad():
        return [network(points(sites)).get_spatial_locations() for sites in batches]


def intersection_over_union(truth: list[np.ndarray], rebuilt: list[np.ndarray]) -> float:
    """Sites that both have over sites that either has, of all sequences together."""
    common = sum(np.isin(shapes.keys(a), shapes.keys(b), assume_unique=True).sum() for a, b in zip(truth, rebuilt))
    return common / (sum(map(len, truth)) + sum(map(len, rebuilt)) - common)


def train(
    network: Autoencoder, training: list[np.ndarray], test: list[np.ndarray], options: argparse.Namespace
) -> float:
    """Train on mirrored sequences; after each epoch rebuild the test batches, print the IoU and save a checkpoint.

    Resumed training continues as if never interrupted. Return the last IoU.
    """
    checkpoint, log = options.output / "training.safetensors", options.output / "epochs.json"
    steps, epochs = len(training) // BATCH, options.epochs
    adam = scn.Adam(network.parameters(), lr=LEARNING_RATE)
    rate = scn.CosineSchedule(LEARNING_RATE, epochs * steps, warm_up=min(WARM_UP, steps - 1))

    scores: list[float] = []
    if options.resume and checkpoint.exists():
        scn.restore(checkpoint, network, adam)
        scores = running.read_log(log)
    last = min(epochs, options.stop_after or epochs)

    def batches(random: np.random.Generator) -> Iterator[tuple[np.ndarray, int]]:
        for chosen in random.permutation(steps * BATCH).reshape(steps, BATCH):
            yield shapes.batch([shapes.mirrored(training[i], random) for i in chosen]), BATCH

    with running.progress(last * steps * BATCH, "sequences", len(scores) * steps * BATCH) as bar:
        for epoch in range(len(scores), last):
            network.train()
            sequences = batches(np.random.default_rng([options.seed, epoch]))
            losses, seconds = running.learn(
                adam,
                sequences,
                lambda sites: network.loss(points(sites)),
                rate,
                epoch * steps,
                bar,
                options.precision,
            )
            scores.append(float(intersection_over_union(test, reconstruct(network, test))))
            found = f"reconstruction IoU {scores[-1]:.3f}, {steps * BATCH / seconds:.1f} sequences/s"
            running.report(bar, epoch, epochs, losses, found)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", scn.ParametersOnlyWarning)  # the network is made anew to resume
                scn.save(network, checkpoint, adam)
            running.write_log(log, scores)
    return scores[-1]


def main() -> None:
    """Run the example."""
    parser = running.parser(__doc__.splitlines()[0], EPOCHS, 1, "demo-output/spacetime")
    running.resumable(parser)
    options = running.begin(parser.parse_args(), EPOCHS, 1)
    random = np.random.default_rng(options.seed)
    share = 20 if options.quick else 1
    kinds = itertools.islice(itertools.cycle(shapes.DISTANCES), (TRAINING_SEQUENCES + TEST_SEQUENCES) // share)
    drawn = [shapes.sequence(kind, random) for kind in kinds]
    held_out, training = drawn[: TEST_SEQUENCES // share], drawn[TEST_SEQUENCES // share :]
    test = [shapes.batch(held_out[first : first + BATCH]) for first in range(0, len(held_out), BATCH)]
    network = Autoencoder()
    weights = sum(parameter.numel() for parameter in network.parameters())
    with scn.no_grad():
        code, _ = network.encoder(points(test[0]))
    sizes = sum(map(len, test)) / len(held_out), code.numpy().size / code.batch_size()
    print(
        f"{len(training)} sequences to learn from, {len(held_out)} held out, in {' x '.join(map(str, shapes.FIELD))} sites; "
        f"{sizes[0]:.0f} active sites in one, {sizes[1]:.0f} numbers in its code; {weights} weights; "
        f"{scn.get_num_threads()} threads",
        flush=True,
    )
    score = train(network, training, test, options)
    pictures.reconstructions(test[0], reconstruct(network, test[:1])[0], score, options.output / "spacetime.png")
    print(f"saved {options.output / 'spacetime.png'}")
    print(f"reconstruction IoU {score:.3f} on {len(held_out)} held-out sequences")


if __name__ == "__main__":
    running.run(main, "spacetime")
