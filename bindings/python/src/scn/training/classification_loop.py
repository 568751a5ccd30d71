"""The training loop for classification, independent of the engine: rates, tests, confusion tables and checkpoints."""

from __future__ import annotations

import abc
import re
import struct
import time
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .._messages import wrong_value
from .._native.arrays import integer
from ..counts import ForwardCounts, get_forward_counts, set_forward_counts
from ..errors import InvalidArgumentError
from .progress import Progress
from .schedules import ExponentialSchedule

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


class Classifier(abc.ABC):
    """A network with its optimizer. Scores are arrays [samples, classes], targets [samples]; losses are means."""

    # What the names of checkpoints end with.
    ending: ClassVar[str]

    @abc.abstractmethod
    def parameter_count(self) -> int:
        """Return how many numbers are trained."""

    @abc.abstractmethod
    def set_mode(self, is_training: bool) -> None:
        """Switch the network to training or to evaluation."""

    @abc.abstractmethod
    def set_rate(self, rate: float) -> None:
        """Set the learning rate."""

    @abc.abstractmethod
    def learn(self, batch: Any) -> tuple[Any, Any, float]:
        """Take a step; return the scores of a batch before it, its target and its loss."""

    @abc.abstractmethod
    def judge(self, batch: Any) -> tuple[Any, Any, float]:
        """Return the scores of a batch in float64, its target and its loss."""

    @abc.abstractmethod
    def loss(self, scores: Any, target: Any) -> float:
        """Return the cross entropy of scores."""

    @abc.abstractmethod
    def save(self, path: Path) -> None:
        """Save the network and the optimizer."""

    @abc.abstractmethod
    def restore(self, path: Path) -> None:
        """Load what `save` saved."""

    def restore_foreign(self, folder: Path) -> int:
        """Load what another program saved; return its epoch, 0 if there is nothing."""
        return 0


def fill(p: dict[str, Any]) -> dict[str, Any]:
    """Fill in the settings that are missing, check the others, and return them."""
    for name, value in _DEFAULTS.items():
        p.setdefault(name, value)
    p["test_reps"] = integer(p["test_reps"], "test_reps")
    if p["test_reps"] < 1:
        raise wrong_value("test_reps", p["test_reps"], "at least 1")
    return p


def train_validate(
    classifier: Classifier, dataset: dict[str, Any], p: dict[str, Any]
) -> list[tuple[ClassificationResult, ClassificationResult]]:
    """Do what `ClassificationTrainValidate` documents, with complete settings."""
    folder, schedule = Path(p["folder"]), ExponentialSchedule(p["initial_lr"], p["lr_decay"])
    p["epoch"] = 1 + (_resume(classifier, folder) if p["check_point"] else 0)
    print(p)
    print("#parameters", classifier.parameter_count(), flush=True)
    progress = Progress(p["n_epochs"] + 1 - p["epoch"])
    results = []
    for epoch in range(p["epoch"], p["n_epochs"] + 1):
        classifier.set_rate(schedule(epoch - 1))
        trained = _train(classifier, progress.watch(f"epoch {epoch} train", _batches(dataset, "train")), folder)
        print(epoch, "train:", trained, flush=True)
        if p["check_point"]:
            _save(classifier, folder, epoch)
        for tested in _test(classifier, dataset, p["test_reps"], progress, epoch, folder):
            print(
                f"{epoch} test: {tested} {tested.multiply_adds_per_sample:.3e} MultiplyAdds/sample "
                f"{tested.hidden_states_per_sample:.3e} HiddenStates/sample",
                flush=True,
            )
        progress.end_epoch()
        results.append((trained, tested))
    return results


def _train(classifier: Classifier, batches: Iterable[Any], folder: Path) -> ClassificationResult:
    classifier.set_mode(True)
    scores, began = _Scores(), time.perf_counter()
    for batch in batches:
        scores.add(*classifier.learn(batch))
    return scores.result("train", folder, time.perf_counter() - began)


def _test(
    classifier: Classifier, dataset: dict[str, Any], repetitions: int, progress: Progress, epoch: int, folder: Path
) -> Iterable[ClassificationResult]:
    """Yield the result after each pass over the test samples, of the scores added up so far."""
    classifier.set_mode(False)
    set_forward_counts(get_forward_counts()._replace(multiply_adds=0, hidden_states=0))
    began = time.perf_counter()
    sums: dict[int, Any] = {}
    targets: dict[int, int] = {}
    for repetition in range(1, repetitions + 1):
        scores = _Scores()
        for batch in progress.watch(f"epoch {epoch} test", _batches(dataset, "val")):
            values, target, loss = classifier.judge(batch)
            if repetitions == 1:
                scores.add(values, target, loss)
                continue
            for index, row, label in zip(np.asarray(batch["idx"]).tolist(), values, target.tolist()):
                sums[index] = sums.get(index, 0) + row
                targets[index] = label
        if repetitions > 1 and sums:
            means, labels = np.stack(list(sums.values())) / repetition, np.array(list(targets.values()))
            scores.add(means, labels, classifier.loss(means, labels))
        yield scores.result("test", folder, time.perf_counter() - began, get_forward_counts())


class _Scores:
    """Totals over passes: correct guesses, losses, and the confusion table."""

    def __init__(self) -> None:
        self.samples = self.top1 = self.top5 = 0
        self.loss = 0.0
        self.confusion = np.zeros((0, 0))

    def add(self, output: Any, target: Any, loss: float) -> None:
        """Add the scores [samples, classes] of some samples, their classes, and their mean loss."""
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
        self,
        name: str,
        folder: Path,
        seconds: float,
        counts: ForwardCounts = ForwardCounts(),  # noqa: B008
    ) -> ClassificationResult:
        """Write the confusion table and return the rest."""
        if not self.samples:
            part = {"train": "train", "test": "val"}[name]
            raise InvalidArgumentError(f"dataset[{part!r}]: has no samples, expected at least 1")
        np.savetxt(folder / f"{name} confusion matrix.csv", self.confusion, delimiter=",")
        shares = self.confusion / (self.confusion.sum(axis=1, keepdims=True) + 1e-9)
        _write_png(folder / f"{name} confusion matrix.png", (255 * shares).astype(np.uint8))
        wrong1, wrong5 = 1 - self.top1 / self.samples, 1 - self.top5 / self.samples
        work = (counts.multiply_adds / self.samples, counts.hidden_states / self.samples)
        return ClassificationResult(wrong1, wrong5, self.loss / self.samples, seconds, *work)


def _batches(dataset: dict[str, Any], name: str) -> Iterable[Any]:
    batches = dataset[name]
    return batches() if callable(batches) else batches  # type: ignore[no-any-return]


def _write_png(path: Path, gray: Any) -> None:
    """Write a grayscale image, [height, width] uint8."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = gray.shape
    rows = b"".join(b"\0" + row.tobytes() for row in gray)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def _checkpoints(classifier: Classifier, folder: Path) -> dict[int, Path]:
    """Return the checkpoints in a folder by their epochs."""
    pattern = re.compile(r"classification-epoch-(\d+)" + re.escape(classifier.ending))
    found = [(pattern.fullmatch(path.name), path) for path in folder.iterdir()] if folder.is_dir() else []
    return {int(match[1]): path for match, path in found if match}


def _resume(classifier: Classifier, folder: Path) -> int:
    """Load the latest checkpoint; return its epoch, 0 if there is none."""
    known = _checkpoints(classifier, folder)
    if not known:
        epoch = classifier.restore_foreign(folder)
        if epoch:
            print(f"Restarting at epoch {epoch + 1} from model.pth ..")
        return epoch
    epoch = max(known)
    classifier.restore(known[epoch])
    print(f"Restarting at epoch {epoch + 1} from {known[epoch]} ..")
    return epoch


def _save(classifier: Classifier, folder: Path, epoch: int) -> None:
    """Save a checkpoint, then remove the older ones: a crash in between leaves one to resume from."""
    older = [path for known, path in _checkpoints(classifier, folder).items() if known != epoch]
    classifier.save(folder / f"classification-epoch-{epoch}{classifier.ending}")
    for path in older:
        path.unlink()
