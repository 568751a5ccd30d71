"""SparseConvNet's training loop for classification, on torch modules."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .._arrays import integer
from .._progress import Progress
from ..classification import _DEFAULTS, ClassificationResult, _batches, _Scores
from ..counts import get_forward_counts, set_forward_counts
from ..errors import InvalidArgumentError
from .checkpoint import _save

__all__ = ["ClassificationResult", "ClassificationTrainValidate"]

_CHECKPOINT = "classification-epoch-{}.pth"


def ClassificationTrainValidate(
    model: nn.Module, dataset: dict[str, Any], p: dict[str, Any]
) -> list[tuple[ClassificationResult, ClassificationResult]]:
    """Train a classifier by stochastic gradient descent with Nesterov momentum and test it after each epoch.

    model: maps a batch's input to one row of scores a sample, [samples, classes]. dataset, p, what is printed, written and
    returned: as in `scn.ClassificationTrainValidate`; a batch's 'target' is a tensor, and the checkpoint is a file of
    torch, classification-epoch-N.pth, with the state of the model, of the optimizer and of torch's generator.
    """
    for name, value in _DEFAULTS.items():
        p.setdefault(name, value)
    folder, repetitions = Path(p["folder"]), integer(p["test_reps"], "test_reps")
    if repetitions < 1:
        raise InvalidArgumentError(f"test_reps is {repetitions}; it must be at least 1")
    optimizer = torch.optim.SGD(
        model.parameters(), lr=p["initial_lr"], momentum=p["momentum"], weight_decay=p["weight_decay"], nesterov=True
    )
    p["epoch"] = 1 + (_resume(folder, model, optimizer) if p["check_point"] else 0)
    print(p)
    print("#parameters", sum(parameter.numel() for parameter in model.parameters()), flush=True)
    progress = Progress(p["n_epochs"] + 1 - p["epoch"])
    results = []
    for epoch in range(p["epoch"], p["n_epochs"] + 1):
        for group in optimizer.param_groups:
            group["lr"] = p["initial_lr"] * math.exp((1 - epoch) * p["lr_decay"])
        trained = _train(model, optimizer, progress.watch(f"epoch {epoch} train", _batches(dataset, "train")), folder)
        print(epoch, "train:", trained, flush=True)
        if p["check_point"]:
            _keep(folder, epoch, model, optimizer)
        for tested in _test(model, dataset, repetitions, progress, epoch, folder):
            print(
                f"{epoch} test: {tested} {tested.multiply_adds_per_sample:.3e} MultiplyAdds/sample "
                f"{tested.hidden_states_per_sample:.3e} HiddenStates/sample",
                flush=True,
            )
        progress.end_epoch()
        results.append((trained, tested))
    return results


def _train(
    model: nn.Module, optimizer: torch.optim.Optimizer, batches: Iterable[Any], folder: Path
) -> ClassificationResult:
    model.train()
    scores, began = _Scores(), time.perf_counter()
    for batch in batches:
        optimizer.zero_grad()
        output, target = model(batch["input"]), torch.as_tensor(batch["target"])
        loss = F.cross_entropy(output, target)
        scores.add(_array(output), target.numpy(), loss.item())
        loss.backward()
        optimizer.step()
    return scores.result("train", folder, time.perf_counter() - began)


@torch.no_grad()
def _scored(model: nn.Module, batch: Any) -> tuple[Any, Any, float]:
    """Return the scores, the classes and the mean loss of a batch."""
    output, target = model(batch["input"]), torch.as_tensor(batch["target"])
    return _array(output).astype(np.float64), target.numpy(), F.cross_entropy(output, target).item()


def _test(
    model: nn.Module, dataset: dict[str, Any], repetitions: int, progress: Progress, epoch: int, folder: Path
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
            values, target, loss = _scored(model, batch)
            if repetitions == 1:
                scores.add(values, target, loss)
                continue
            for index, row, label in zip(np.asarray(batch["idx"]).tolist(), values, target.tolist()):
                sums[index] = sums.get(index, 0) + row
                targets[index] = label
        if repetitions > 1 and sums:
            means, labels = np.stack(list(sums.values())) / repetition, np.array(list(targets.values()))
            scores.add(means, labels, F.cross_entropy(torch.from_numpy(means), torch.from_numpy(labels)).item())
        yield scores.result("test", folder, time.perf_counter() - began, get_forward_counts())


def _array(output: torch.Tensor) -> Any:
    return output.detach().float().numpy()


def _checkpoints(folder: Path) -> dict[int, Path]:
    """Return the checkpoints in a folder by their epochs."""
    pattern = re.compile(re.escape(_CHECKPOINT).replace(r"\{\}", r"(\d+)"))
    found = [(pattern.fullmatch(path.name), path) for path in folder.iterdir()] if folder.is_dir() else []
    return {int(match[1]): path for match, path in found if match}


def _resume(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Load the latest checkpoint; return its epoch, 0 where there is none."""
    known = _checkpoints(folder)
    if not known:
        return 0
    epoch = max(known)
    content = torch.load(known[epoch], map_location="cpu", weights_only=True)
    model.load_state_dict(content["model"])
    optimizer.load_state_dict(content["optimizer"])
    torch.set_rng_state(content["generator"])
    print(f"Restarting at epoch {epoch + 1} from {known[epoch]} ..")
    return epoch


def _keep(folder: Path, epoch: int, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Save a checkpoint, then remove the older ones: a crash in between leaves one to go on from."""
    older = [path for known, path in _checkpoints(folder).items() if known != epoch]
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "generator": torch.get_rng_state()}
    _save(state, str(folder / _CHECKPOINT.format(epoch)))
    for path in older:
        path.unlink()
