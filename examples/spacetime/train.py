"""Train a sparse (3+1)-dimensional autoencoder on shapes that fly through space and time, and rebuild unseen ones.

The last line is `reconstruction IoU 0.xxx on N held-out sequences`.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scn
from tqdm import tqdm

import pictures
import shapes
from autoencoder import Autoencoder

TRAINING_SEQUENCES, TEST_SEQUENCES = 480, 64
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
    network: Autoencoder, training: list[np.ndarray], test: list[np.ndarray], epochs: int, random: np.random.Generator
) -> float:
    """Train on mirrored sequences; after each epoch rebuild the test batches and print the IoU. Return the last one."""
    steps = len(training) // BATCH
    adam = scn.Adam(network.parameters(), lr=LEARNING_RATE)
    rate = scn.CosineSchedule(LEARNING_RATE, epochs * steps, warm_up=min(WARM_UP, steps - 1))
    refresh = 0.1 if sys.stderr.isatty() else 10.0
    with tqdm(total=epochs * steps * BATCH, unit=" sequences", mininterval=refresh, dynamic_ncols=True) as bar:
        for epoch in range(epochs):
            network.train()
            began, losses = time.perf_counter(), []
            for step, chosen in enumerate(random.permutation(steps * BATCH).reshape(steps, BATCH)):
                adam.lr = rate(epoch * steps + step)
                adam.zero_grad()
                loss = network.loss(points(shapes.batch([shapes.mirrored(training[i], random) for i in chosen])))
                loss.backward()
                adam.step()
                losses.append(loss.item())
                bar.set_postfix_str(f"loss {np.mean(losses[-20:]):.3f}", refresh=False)
                bar.update(BATCH)
            seconds = time.perf_counter() - began
            score = intersection_over_union(test, reconstruct(network, test))
            bar.write(
                f"epoch {epoch + 1:2} of {epochs}: loss {np.mean(losses):.3f}, reconstruction IoU {score:.3f}, "
                f"{steps * BATCH / seconds:.1f} sequences/s",
                file=sys.stdout,
            )
    return score


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; what is wrong with it ends the program with a message."""

    def positive(text: str) -> int:
        value = int(text)
        if value < 1:
            raise argparse.ArgumentTypeError(f"{value} is less than 1")
        return value

    parser = argparse.ArgumentParser(description="Train a sparse autoencoder of shapes that move in space and time.")
    parser.add_argument("--epochs", type=positive, help="how often to see every training sequence (6)")
    parser.add_argument("--threads", type=positive, help="threads to compute with (all cores)")
    parser.add_argument("--seed", type=int, default=1, help="where random numbers start (1)")
    parser.add_argument("--quick", action="store_true", help="a few sequences and 1 epoch, to see that all works")
    parser.add_argument(
        "--output", type=Path, default=Path("demo-output/spacetime"), help="folder for the picture (demo-output/spacetime)"
    )
    options = parser.parse_args(arguments)
    if options.seed < 0:
        parser.error("argument --seed: less than 0")
    options.epochs = options.epochs or (1 if options.quick else 6)
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the example."""
    options = parse_arguments(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    if options.threads:
        scn.set_num_threads(options.threads)
    scn.manual_seed(options.seed)

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
    score = train(network, training, test, options.epochs, random)
    pictures.reconstructions(test[0], reconstruct(network, test[:1])[0], score, options.output / "spacetime.png")
    print(f"saved {options.output / 'spacetime.png'}")
    print(f"reconstruction IoU {score:.3f} on {len(held_out)} held-out sequences")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, scn.Error) as error:
        sys.exit(f"train.py: {error}")
