"""Shared parts of the examples on point clouds: their options, and how a network learns to label points."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import running
import scn

Batch = tuple[list, Any, int]  # what the network takes, the labels, and how many clouds (or units) these are


def parser(description: str, epochs: int, quick_epochs: int, output: str) -> argparse.ArgumentParser:
    """The options of all examples, and those for data that may be missing."""
    result = running.parser(description, epochs, quick_epochs, output)
    result.add_argument("--data", type=Path, help="folder that holds the data (SCN_DATA, else data or ../shared/data)")
    running.resumable(result)
    return result


def parse(description: str, epochs: int, quick_epochs: int, output: str) -> argparse.Namespace:
    """Read the command line of a program with these options and no others."""
    return running.begin(parser(description, epochs, quick_epochs, output).parse_args(), epochs, quick_epochs)


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
    optimizer: scn.Optimizer | None = None,
    schedule: Callable[[int], float] | None = None,
    is_reported: Callable[[int], bool] = lambda epoch: True,
    unit: str = "clouds",
    loss: Callable[[scn.Tensor, Any], Any] | None = None,
) -> scn.Module:
    """Train with Adam along half a cosine; after each epoch print what `report` says about the network so far.

    batches: yields an epoch of batches, given its random numbers. count, steps: how many units, which are clouds unless
    `unit` says otherwise, and steps an epoch has. kept: the fraction of running statistics that stays after an epoch.
    optimizer, schedule: take the place of Adam and of the cosine, which maps a step to its learning rate. is_reported:
    whether an epoch, the first of which is 1, ends with a report; the last one always does. loss: of the network's
    output and a batch's labels, with `item` and `backward`; None for the cross-entropy with class_weights. Saves a
    checkpoint after each epoch; resumed training continues as if never interrupted. Returns the network optimized for
    inference.
    """
    checkpoint, log = options.output / "training.safetensors", options.output / "epochs.json"
    optimizer = optimizer or scn.Adam(network.parameters(), lr=learning_rate)
    schedule = schedule or scn.CosineSchedule(learning_rate, steps=options.epochs * steps)
    noted: list[dict] = []
    if options.resume and checkpoint.exists():
        scn.restore(checkpoint, network, optimizer)
        noted = running.read_log(log)
    last = min(options.epochs, options.stop_after or options.epochs)

    def loss_of(batch: Batch) -> Any:
        points, labels, _ = batch
        output = network(points)
        return loss(output, labels) if loss else scn.cross_entropy(output, labels, weight=class_weights)

    with running.progress(last * count, unit, len(noted) * count) as bar:
        for epoch in range(len(noted), last):
            network.train()
            before = statistics(network)
            counted = ((batch, batch[2]) for batch in batches(np.random.default_rng([options.seed, epoch])))
            losses, seconds = running.learn(
                optimizer, counted, loss_of, schedule, epoch * steps, bar, options.precision
            )
            renew(before, steps, kept if epoch else 0)
            is_told = is_reported(epoch + 1) or epoch + 1 == last
            result = report(scn.optimize_for_inference(network.eval())) if is_told else ""
            noted.append({"loss": float(np.mean(losses)), "seconds": seconds, "result": result})
            running.report(bar, epoch, options.epochs, losses, f"{result}{', ' * is_told}{seconds:.1f} s")
            scn.save(network, checkpoint, optimizer)
            running.write_log(log, noted)
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


def intersection_over_union(counts: np.ndarray) -> np.ndarray:
    """The IoU of each class, of counts [classes, classes]; NaN for one that is in neither truth nor guess."""
    right, union = np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1) - np.diag(counts)
    return np.divide(right, union, out=np.full(len(counts), np.nan), where=union > 0)


def confusion(truth: np.ndarray, guess: np.ndarray, classes: int = 2) -> np.ndarray:
    """Counts [classes, classes]: rows are the truth, columns the guess."""
    return np.bincount(truth * classes + guess, minlength=classes * classes).reshape(classes, classes)
