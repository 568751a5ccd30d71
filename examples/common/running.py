"""Shared parts of the examples: their options, an epoch of training, and how they end."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import scn


def at_least(least: int) -> Callable[[str], int]:
    """The type of an option that is a whole number, at least `least`."""

    def convert(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}")
        return value

    return convert


def parser(description: str, epochs: int, quick_epochs: int, output: str) -> argparse.ArgumentParser:
    """The options that all examples have."""
    result = argparse.ArgumentParser(description=description)
    result.add_argument("--epochs", type=at_least(1), help=f"how often to go through the training data ({epochs})")
    result.add_argument("--threads", type=at_least(1), help="threads to compute with (all cores)")
    result.add_argument("--seed", type=at_least(0), default=1, help="where random numbers start (1)")
    several = "1 epoch" if quick_epochs == 1 else f"{quick_epochs} epochs"
    result.add_argument("--quick", action="store_true", help=f"small data and {several}, to see that everything works")
    result.add_argument(
        "--precision", choices=("float32", "bfloat16"), default="float32", help="what to train in (float32)"
    )
    result.add_argument("--output", type=Path, default=Path(output), help=f"folder for results ({output})")
    return result


def parse(description: str, epochs: int, quick_epochs: int, output: str) -> argparse.Namespace:
    """Read the command line of a program that has no other options; mistakes in it end the program with a message."""
    return begin(parser(description, epochs, quick_epochs, output).parse_args(), epochs, quick_epochs)


def quick_or_data(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the command line of a program whose --quick has data of its own, which --data would contradict."""
    options = parser.parse_args()
    if options.quick and options.data:
        parser.error("--quick has data of its own: leave out --quick or --data")
    return options


def resumable(options: argparse.ArgumentParser) -> None:
    """Add the options of training that ends early and goes on later."""
    options.add_argument("--stop-after", type=at_least(1), help="end after so many of the epochs; --resume continues")
    options.add_argument("--resume", action="store_true", help="continue from the checkpoint in the output folder")


def begin(options: argparse.Namespace, epochs: int, quick_epochs: int) -> argparse.Namespace:
    """Do as the options say, and fill in how many epochs there are."""
    options.epochs = options.epochs or (quick_epochs if options.quick else epochs)
    options.output.mkdir(parents=True, exist_ok=True)
    if options.threads:
        scn.set_num_threads(options.threads)
    scn.manual_seed(options.seed)
    return options


def read_log(path: Path) -> list[Any]:
    """What `write_log` wrote: an entry for each epoch."""
    try:
        return list(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise OSError(f"{path} is damaged; train without --resume") from None


def write_log(path: Path, entries: list[Any]) -> None:
    """Write an entry for each epoch; a program that is stopped meanwhile leaves what was there."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(entries, indent=1), encoding="utf-8")
    fresh.replace(path)


def progress(total: int, unit: str, done: int = 0, shown: bool = True) -> tqdm:
    """A bar over all epochs that is drawn often on a terminal and rarely into a file, or not at all if not shown."""
    refresh = 0.1 if sys.stderr.isatty() else 10.0
    return tqdm(total=total, initial=done, unit=f" {unit}", mininterval=refresh, dynamic_ncols=True, disable=not shown)


def learn(
    optimizer: scn.Optimizer,
    batches: Iterable[tuple[Any, int]],
    loss_of: Callable[[Any], scn.Tensor],
    rate: Callable[[int], float],
    step: int,
    bar: tqdm,
    precision: str = "float32",
) -> tuple[list[float], float]:
    """Train for an epoch; return the loss of each batch, and the seconds it took.

    batches: yields each batch with how far it moves the bar. rate: the learning rate of a step; step: the epoch's
    first. precision: what the network computes in, "float32" or "bfloat16".
    """
    began, losses = time.perf_counter(), []
    for batch, count in batches:
        optimizer.lr = rate(step + len(losses))
        optimizer.zero_grad()
        with scn.autocast(precision):
            loss = loss_of(batch)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        bar.set_postfix_str(f"loss {np.mean(losses[-20:]):.4f}, learning rate {optimizer.lr:.4f}", refresh=False)
        bar.update(count)
    return losses, time.perf_counter() - began


def report(bar: tqdm, epoch: int, epochs: int, losses: list[float], rest: str) -> None:
    """Print the line of an epoch above the bar."""
    bar.write(f"epoch {epoch + 1:2} of {epochs}: loss {np.mean(losses):.4f}, {rest}", file=sys.stdout)


def run(main: Callable[[], int | None], program: str, *errors: type[Exception]) -> None:
    """Run a program; what its user can fix, including these errors, ends it with one line, not with a traceback."""
    try:
        sys.exit(main())
    except (OSError, scn.Error, *errors) as error:
        sys.exit(f"{program}: {error}")
