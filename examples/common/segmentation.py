"""Shared parts of the examples on point clouds: their options, and how a network learns to label points."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import running
import scn

Batch = tuple[list, np.ndarray, int]  # what the network takes, the labels, and how many clouds (or units) these are


def parse(description: str, epochs: int, quick_epochs: int, output: str) -> argparse.Namespace:
    """Read the command line: the options of all examples, and those for data that may be missing."""
    parser = running.parser(description, epochs, quick_epochs, output)
    parser.add_argument("--data", type=Path, help="folder that holds the data (SCN_DATA, else data or ../shared/data)")
    running.resumable(parser)
    return running.begin(parser.parse_args(), epochs, quick_epochs)


def train(
    network: scn.Module,
    batches: Callable[[np.random.Generator], Iterator[Batch]],
    count: int,
    steps: int,
    report: Callable[[scn.Module], str],
    options: argparse.Namespace,
    learning_rate: float = 2e-3,
    class_weights: list[float] | None = None,
    kept: float = 0.5,
    unit: str = "clouds",
) -> scn.Module:
    """Train with Adam along half a cosine; after each epoch print what `report` says about the network so far.

    batches: yields an epoch of batches, given its random numbers. count, steps: how many units, which are clouds unless
    `unit` says otherwise, and steps an epoch has. kept: the fraction of running statistics that stays after an epoch.
    Saves a checkpoint after each epoch; resumed training continues as if never interrupted. Returns the network
    optimized for inference.
    """
    checkpoint, log = options.output / "training.safetensors", options.output / "epochs.json"
    adam = scn.Adam(network.parameters(), lr=learning_rate)
    schedule = scn.CosineSchedule(learning_rate, steps=options.epochs * steps)
    noted: list[dict] = []
    if options.resume and checkpoint.exists():
        scn.restore(checkpoint, network, adam)
        noted = json.loads(log.read_text())
    last = min(options.epochs, options.stop_after or options.epochs)

    def loss(batch: Batch) -> scn.Tensor:
        points, labels, _ = batch
        return scn.cross_entropy(network(points), labels, weight=class_weights)

    with running.progress(last * count, unit, len(noted) * count) as bar:
        for epoch in range(len(noted), last):
            network.train()
            before = statistics(network)
            counted = ((batch, batch[2]) for batch in batches(np.random.default_rng([options.seed, epoch])))
            losses, seconds = running.learn(adam, counted, loss, schedule, epoch * steps, bar, options.precision)
            renew(before, steps, kept if epoch else 0)
            result = report(scn.optimize_for_inference(network.eval()))
            noted.append({"loss": float(np.mean(losses)), "seconds": seconds, "result": result})
            running.report(bar, epoch, options.epochs, losses, f"{result}, {seconds:.1f} s")
            scn.save(network, checkpoint, adam)
            log.write_text(json.dumps(noted, indent=1))
    return scn.optimize_for_inference(network.eval())


def statistics(network: scn.Module) -> list[tuple[scn.Module, np.ndarray, np.ndarray]]:
    """The network's batch normalizations with copies of their running means and variances."""
    layers = [module for module in network.modules() if isinstance(module, scn.BatchNormalization)]
    return [(layer, layer.running_mean.numpy().copy(), layer.running_var.numpy().copy()) for layer in layers]


def renew(before: list[tuple[scn.Module, np.ndarray, np.ndarray]], steps: int, kept: float) -> None:
    """Make running statistics what they would be if a fraction of them were kept per epoch instead of 0.99 per step.

    before: the statistics so many steps ago. When epochs have few steps, 0.99 lags behind the weights, and 160 steps
    leave a fifth of the values (0, 1) that statistics begin with.
    """
    for layer, *begun in before:
        rest = layer.momentum**steps
        for tensor, start in zip((layer.running_mean, layer.running_var), begun):
            of_these_steps = (tensor.numpy() - rest * start) / (1 - rest)
            tensor.copy_(kept * start + (1 - kept) * of_these_steps)


def confusion(truth: np.ndarray, guess: np.ndarray, classes: int = 2) -> np.ndarray:
    """Counts [classes, classes]: rows are the truth, columns the guess."""
    return np.bincount(truth * classes + guess, minlength=classes * classes).reshape(classes, classes)
