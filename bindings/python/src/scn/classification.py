"""SparseConvNet's training loop for classification."""

from __future__ import annotations

import re
import struct
import time
import warnings
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ._arrays import integer
from ._progress import Progress
from .checkpoint import restore, save
from .counts import ForwardCounts, get_forward_counts, set_forward_counts
from .errors import InvalidArgumentError, ParametersOnlyWarning
from .functional import cross_entropy
from .grad_mode import no_grad
from .module import Module
from .optim import SGD
from .schedules import ExponentialSchedule

__all__ = ["ClassificationResult", "ClassificationTrainValidate"]

_DEFAULTS = {
    "n_epochs": 100,
    "initial_lr": 0.1,
    "lr_decay": 0.04,
    "weight_decay": 1e-4,
    "momentum": 0.9,
    "check_point": False,
    "test_reps": 1,
    "folder": ".",
}
_CHECKPOINT = "classification-epoch-{}.safetensors"


class ClassificationResult(NamedTuple):
    """How well a pass over the samples went: fractions of errors, the mean loss, and the seconds it took."""

    top1_error: float
    top5_error: float
    nll: float
    seconds: float
    multiply_adds_per_sample: float = 0.0
    hidden_states_per_sample: float = 0.0

    def __str__(self) -> str:
        return (
            f"top1={100 * self.top1_error:.2f}% top5={100 * self.top5_error:.2f}% nll:{self.nll:.2f} "
            f"time:{self.seconds:.1f}s"
        )


def ClassificationTrainValidate(
    model: Module, dataset: dict[str, Any], p: dict[str, Any]
) -> list[tuple[ClassificationResult, ClassificationResult]]:
    """Train a classifier by stochastic gradient descent with Nesterov momentum and test it after each epoch.

    model: maps a batch's input to one row of scores a sample, [samples, classes]. dataset: the batches of one epoch
    under 'train' and 'val', an iterable or a function that returns one; a batch is a dict with 'input' (whatever the
    model takes) and 'target' [samples], whole numbers. p: the settings; what is missing is filled in:

    - n_epochs 100, initial_lr 0.1, lr_decay 0.04: the rate of epoch e = 1, 2, ... is
      initial_lr * exp((1 - e) * lr_decay); weight_decay 1e-4, momentum 0.9
    - check_point False: whether to save, after each epoch's training, the model and the optimizer, and to go on from
      there at the start
    - test_reps 1: passes over 'val' whose scores are added up for each sample; where it is more than 1, batches have
      'idx' [samples], the sample's number in 'val'
    - folder '.': where files go: 'train confusion matrix.csv' and '.png', the same for test (a row for each true class,
      a column for each class with the sum of the probabilities given to it), and the checkpoint

    Prints the settings and, after each epoch, the errors in percent (of the first guess, of the first five), the mean
    loss and the work of a test sample; while an epoch runs, the rate and the time left go to the error output. Returns
    the results of train and test of each epoch that it ran.
    """
    for name, value in _DEFAULTS.items():
        p.setdefault(name, value)
    folder = Path(p["folder"])
    repetitions = integer(p["test_reps"], "test_reps")
    if repetitions < 1:
        raise InvalidArgumentError(f"test_reps is {repetitions}; it must be at least 1")
    schedule = ExponentialSchedule(p["initial_lr"], p["lr_decay"])
    optimizer = SGD(model.parameters(), p["initial_lr"], p["momentum"], weight_decay=p["weight_decay"], nesterov=True)
    p["epoch"] = 1 + (_resume(folder, model, optimizer) if p["check_point"] else 0)
    print(p)
    print("#parameters", sum(parameter.numel() for parameter in model.parameters()), flush=True)
    progress = Progress(p["n_epochs"] + 1 - p["epoch"])
    results = []
    for epoch in range(p["epoch"], p["n_epochs"] + 1):
        optimizer.lr = schedule(epoch - 1)
        trained = _train(model, optimizer, progress.watch(f"epoch {epoch} train", _batches(dataset, "train")), folder)
        print(epoch, "train:", trained, flush=True)
        if p["check_point"]:
            _save(folder, epoch, model, optimizer)
        for tested in _test(model, dataset, repetitions, progress, epoch, folder):
            print(
                f"{epoch} test: {tested} {tested.multiply_adds_per_sample:.3e} MultiplyAdds/sample "
                f"{tested.hidden_states_per_sample:.3e} HiddenStates/sample",
                flush=True,
            )
        progress.end_epoch()
        results.append((trained, tested))
    return results


def _train(model: Module, optimizer: SGD, batches: Iterable[Any], folder: Path) -> ClassificationResult:
    model.train()
    scores, began = _Scores(), time.perf_counter()
    for batch in batches:
        optimizer.zero_grad()
        output = model(batch["input"])
        loss = cross_entropy(output, batch["target"])
        scores.add(np.asarray(output), np.asarray(batch["target"]), loss.item())
        loss.backward()
        optimizer.step()
    return scores.result("train", folder, time.perf_counter() - began)


def _test(
    model: Module, dataset: dict[str, Any], repetitions: int, progress: Progress, epoch: int, folder: Path
) -> Iterable[ClassificationResult]:
    """Yield the result after each pass over the test samples, of the scores added up so far."""
    model.eval()
    set_forward_counts(get_forward_counts()._replace(multiply_adds=0, hidden_states=0))
    began = time.perf_counter()
    sums: dict[int, Any] = {}
    targets: dict[int, int] = {}
    for repetition in range(1, repetitions + 1):
        scores = _Scores()
        for batch in progress.watch(f"epoch {epoch} test", _batches(dataset, "val")):
            with no_grad():
                output = model(batch["input"])
                loss = cross_entropy(output, batch["target"])
            values, target = np.asarray(output, np.float64), np.asarray(batch["target"])
            if repetitions == 1:
                scores.add(values, target, loss.item())
                continue
            for index, row, label in zip(np.asarray(batch["idx"]).tolist(), values, target.tolist()):
                sums[index] = sums.get(index, 0) + row
                targets[index] = label
        if repetitions > 1 and sums:
            means, labels = np.stack(list(sums.values())) / repetition, np.array(list(targets.values()))
            scores.add(means, labels, cross_entropy(means, labels).item())
        yield scores.result("test", folder, time.perf_counter() - began, get_forward_counts())


class _Scores:
    """What passes add up: right guesses, losses, and the confusion table."""

    def __init__(self) -> None:
        self.samples = self.top1 = self.top5 = 0
        self.loss = 0.0
        self.confusion = np.zeros((0, 0))

    def add(self, output: Any, target: Any, loss: float) -> None:
        """Take in the scores [samples, classes] of some samples, their classes, and their mean loss."""
        samples, classes = output.shape
        if not self.samples:
            self.confusion = np.zeros((classes, classes))
        guesses = np.argsort(-output, axis=1, kind="stable")
        right = guesses == target[:, None]
        self.samples += samples
        self.top1 += int(right[:, :1].sum())
        self.top5 += int(right[:, :5].sum())
        self.loss += loss * samples
        powers = np.exp(output - output.max(axis=1, keepdims=True))
        np.add.at(self.confusion, target, powers / powers.sum(axis=1, keepdims=True))

    def result(
        self, name: str, folder: Path, seconds: float, counts: ForwardCounts = ForwardCounts()
    ) -> ClassificationResult:
        """Write the confusion table and return the rest."""
        if not self.samples:
            raise InvalidArgumentError(f"dataset has no samples to {name} with")
        np.savetxt(folder / f"{name} confusion matrix.csv", self.confusion, delimiter=",")
        shares = self.confusion / (self.confusion.sum(axis=1, keepdims=True) + 1e-9)
        _write_png(folder / f"{name} confusion matrix.png", (255 * shares).astype(np.uint8))
        wrong1, wrong5 = 1 - self.top1 / self.samples, 1 - self.top5 / self.samples
        work = (counts.multiply_adds / self.samples, counts.hidden_states / self.samples)
        return ClassificationResult(wrong1, wrong5, self.loss / self.samples, seconds, *work)


def _batches(dataset: dict[str, Any], name: str) -> Iterable[Any]:
    batches = dataset[name]
    return batches() if callable(batches) else batches  # type: ignore[no-any-return]


def _write_png(path: Path, grey: Any) -> None:
    """Write an image of shades of grey, [height, width] uint8."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = grey.shape
    rows = b"".join(b"\0" + row.tobytes() for row in grey)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def _checkpoints(folder: Path) -> dict[int, Path]:
    """Return the checkpoints in a folder by their epochs."""
    pattern = re.compile(re.escape(_CHECKPOINT).replace(r"\{\}", r"(\d+)"))
    found = [(pattern.fullmatch(path.name), path) for path in folder.iterdir()] if folder.is_dir() else []
    return {int(match[1]): path for match, path in found if match}


def _resume(folder: Path, model: Module, optimizer: SGD) -> int:
    """Load the latest checkpoint; return its epoch, 0 where there is none."""
    known = _checkpoints(folder)
    if not known:
        return 0
    epoch = max(known)
    restore(known[epoch], model, optimizer)
    print(f"Restarting at epoch {epoch + 1} from {known[epoch]} ..")
    return epoch


def _save(folder: Path, epoch: int, model: Module, optimizer: SGD) -> None:
    """Save a checkpoint, then remove the older ones: a crash in between leaves one to go on from."""
    older = [path for known, path in _checkpoints(folder).items() if known != epoch]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ParametersOnlyWarning)
        save(model, folder / _CHECKPOINT.format(epoch), optimizer)
    for path in older:
        path.unlink()
