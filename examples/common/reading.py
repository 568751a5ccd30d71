"""Shared parts of the examples on handwriting: their options, and how a network learns to read characters."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import handwriting
import handwriting_views
import running
import scn
import segmentation

BATCH = 100
EVALUATION_BATCH = 200
EACH_EPOCH = 5000  # test characters that are read after an epoch, at most
PICTURED, PICTURED_WRONG = 40, 24
LEARNING_RATE = 2e-3


class DataError(RuntimeError):
    """Data that are missing, or files that are not what they should be; the message says which and why."""


@dataclass(frozen=True)
class Sample:
    """Characters of several writers. names: of the classes that labels count; writers: how many there are."""

    characters: handwriting.Characters
    names: list[str]
    writers: int


@dataclass(frozen=True)
class Reader:
    """A network's body and what surrounds it: from strokes to scores of classes.

    body: takes 3 planes, ends with `SparseToDense` on one site of `planes` planes. box: the sites that a character's
    longer side becomes, in the field that suits the body. distortion: how far training distorts it.
    """

    body: scn.Sequential
    planes: int
    box: int
    distortion: Callable[[int], handwriting.Distortion] = handwriting.Distortion

    @property
    def field(self) -> int:
        """Sites of the field along either axis: those of which the body makes one."""
        return int(self.body.input_spatial_size([1, 1])[0])

    def network(self, classes: int) -> scn.Sequential:
        """The whole way from the rows that `draw` gives to class scores."""
        network = scn.Sequential(scn.InputLayer(2, [self.field, self.field], mode=4), self.body)
        return network.add(scn.Flatten()).add(scn.Linear(self.planes, classes))


def parse(
    description: str, networks: Sequence[str], epochs: int, synthetic_epochs: int, quick_epochs: int, output: str
) -> argparse.Namespace:
    """Read the command line: the options of all examples, and those of handwriting.

    networks: the choices, the first is the default. synthetic_epochs: how many epochs there are without --data.
    """
    synthetic = f"Without --data it makes synthetic characters, and takes {synthetic_epochs} epochs."
    parser = running.parser(f"{description} {synthetic}", epochs, quick_epochs, output)
    running.resumable(parser)
    parser.add_argument("--data", type=Path, help="folder that holds the files, at any depth (synthetic ones are made)")
    parser.add_argument("--network", choices=networks, default=networks[0], help=f"what learns ({networks[0]})")
    parser.add_argument("--writers", type=running.at_least(1), help="learn from so many of the writers only (all)")
    options = running.quick_or_data(parser)
    return running.begin(options, epochs if options.data else synthetic_epochs, quick_epochs)


def data_folder(options: argparse.Namespace, make: Callable[[Path], object], size: str) -> Path:
    """The folder of --data; where none is named, one in the output folder that `make` fills with synthetic data.

    size: how much that is, in words that a folder's name may have.
    """
    if options.data:
        if not options.data.is_dir():
            raise DataError(f"--data: there is no folder {options.data}")
        return options.data
    folder = options.output / f"synthetic-{size}"
    make(folder)
    print(
        f"The data are synthetic: made-up characters in the format of the real ones, in {folder}; --data names others."
    )
    return folder


def find(folder: Path, name: re.Pattern[str]) -> dict[tuple[int, ...], Path]:
    """The files in a folder, and in folders in it, whose whole names fit, by the numbers that are the name's groups."""
    found: dict[tuple[int, ...], Path] = {}
    for path in sorted(folder.rglob("*")):
        match = name.fullmatch(path.name)
        if match:
            numbers = tuple(map(int, match.groups()))
            if numbers in found:
                raise DataError(f"{path}: there is another file of this name, {found[numbers]}")
            found[numbers] = path
    return found


def read_files(
    training: Sequence[Path],
    test: Sequence[Path],
    read_file: Callable[[Path], handwriting.Characters],
    name_of: Callable[[int], str],
) -> tuple[handwriting.Characters, handwriting.Characters, list[str]]:
    """The characters of the files to learn from, those of the files to test, and the names of their classes.

    read_file: what a file holds, with labels of any size, of which name_of gives the names. The labels of the result
    count the classes that there are.
    """
    with running.progress(len(training) + len(test), "files") as bar:
        parts = []
        for path in (*training, *test):
            parts.append(read_file(path))
            bar.update(1)
    present = np.unique(np.concatenate([part.labels for part in parts]))
    parts = [replace(part, labels=np.searchsorted(present, part.labels)) for part in parts]
    joined = [_join(parts[: len(training)]), _join(parts[len(training) :])]
    for characters, paths in zip(joined, (training, test)):
        if not len(characters):
            raise DataError(f"{paths[0].parent}: its files hold none of the characters to read")
    return joined[0], joined[1], list(map(name_of, present.tolist()))


def _join(parts: Sequence[handwriting.Characters]) -> handwriting.Characters:
    """The characters of several parts, one after the other, in integers of 32 bits to save memory."""
    characters = np.cumsum([0, *(len(part) for part in parts)])
    strokes = np.cumsum([0, *(int(part.stroke[-1]) + 1 if len(part.stroke) else 0 for part in parts)])
    return handwriting.Characters(
        np.concatenate([part.points for part in parts]),
        np.concatenate([(part.character + first).astype(np.int32) for part, first in zip(parts, characters)]),
        np.concatenate([(part.stroke + first).astype(np.int32) for part, first in zip(parts, strokes)]),
        np.concatenate([part.labels for part in parts]),
    )


def batches(
    characters: handwriting.Characters, reader: Reader, random: np.random.Generator
) -> Iterator[segmentation.Batch]:
    """All characters in a random order, distorted at random, `BATCH` at a time."""
    order, distort = random.permutation(len(characters)), reader.distortion(reader.field)
    for first in range(0, len(order), BATCH):
        fitted = handwriting.fit(characters.take(order[first : first + BATCH]), reader.field, reader.box)
        batch = distort(fitted, random)
        yield [*handwriting.draw(batch), len(batch)], batch.labels, len(batch)


def read(network: scn.Module, characters: handwriting.Characters, reader: Reader, shown: bool = False) -> np.ndarray:
    """The network's guesses for each character, undistorted: [characters, 5 or all classes], the best first.

    shown: whether a bar shows the progress.
    """
    guesses = []
    with scn.no_grad(), running.progress(len(characters), "characters", shown=shown) as bar:
        for first in range(0, len(characters), EVALUATION_BATCH):
            which = np.arange(first, min(first + EVALUATION_BATCH, len(characters)))
            batch = handwriting.fit(characters.take(which), reader.field, reader.box)
            scores = network([*handwriting.draw(batch), len(batch)]).numpy()
            guesses.append(np.argsort(-scores, axis=1, kind="stable")[:, :5])
            bar.update(len(batch))
    return np.concatenate(guesses)


def accuracy(guesses: np.ndarray, labels: np.ndarray) -> str:
    """How many characters were read right, and for how many the right class was among the first five guesses."""
    right = guesses == labels[:, None]
    first, five = int(right[:, 0].sum()), right.any(axis=1).mean()
    return f"test accuracy {first / len(labels):.2%} ({first} of {len(labels)}), among the first five {five:.2%}"


def learn(name: str, reader: Reader, training: Sample, test: Sample, options: argparse.Namespace) -> None:
    """Train the reader's network, save it with the names of its classes, draw what it read, print its accuracy."""
    classes = len(training.names)
    network = reader.network(classes)
    weights = sum(parameter.numel() for parameter in network.parameters())
    print(
        f"{len(training.characters)} characters by {training.writers} writers to learn from, {len(test.characters)} by "
        f"{test.writers} others to read, {classes} classes; {options.network}, {weights} weights, a field of "
        f"{reader.field} x {reader.field} sites; {scn.get_num_threads()} threads",
        flush=True,
    )
    some = np.random.default_rng(options.seed).permutation(len(test.characters))[:EACH_EPOCH]
    sample = test.characters.take(np.sort(some))

    fast = segmentation.train(
        network, lambda random: batches(training.characters, reader, random), len(training.characters),
        math.ceil(len(training.characters) / BATCH),
        lambda fast: accuracy(read(fast, sample, reader), sample.labels), options, LEARNING_RATE, unit="characters",
    )  # fmt: skip
    scn.save(fast, options.output / f"{name}.safetensors")
    (options.output / "classes.txt").write_text("".join(f"{label}\n" for label in training.names), encoding="utf-8")
    guesses = read(fast, test.characters, reader, shown=len(test.characters) > EACH_EPOCH)
    picture(test, guesses[:, 0], options.output / f"{name}.png")
    print(f"saved {options.output / f'{name}.safetensors'}, classes.txt, {name}.png")
    print(accuracy(guesses, test.characters.labels))


def picture(test: Sample, guesses: np.ndarray, path: Path) -> None:
    """Draw test characters, some from all over the set: misread ones first, in red, then those that were read right."""
    labels = test.characters.labels
    wrong, right = np.flatnonzero(guesses != labels), np.flatnonzero(guesses == labels)
    wrong_shown = _some(wrong, PICTURED_WRONG)
    right_shown = _some(right, PICTURED - len(wrong_shown))
    names = handwriting_views.printable(test.names)
    titles = [f"{names[labels[i]]} \N{RIGHTWARDS ARROW} {names[guesses[i]]}" for i in wrong_shown]
    titles += [names[labels[i]] for i in right_shown]
    colors = [handwriting_views.RED] * len(wrong_shown) + [handwriting_views.INK] * len(right_shown)
    handwriting_views.page(
        test.characters,
        [*wrong_shown, *right_shown],
        titles,
        f"{len(wrong):,} of {len(labels):,} test characters were misread",
        "red: what the writer meant \N{RIGHTWARDS ARROW} what the network read; black: read right; a dot is where the "
        "pen came down",
        path,
        colors,
    )


def _some(values: np.ndarray, most: int) -> np.ndarray:
    """The values or, if there are more than `most`, so many at even distances."""
    return values[np.linspace(0, max(len(values) - 1, 0), min(len(values), most)).astype(int)]
