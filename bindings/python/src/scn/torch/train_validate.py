"""SparseConvNet's training loop for classification, on torch modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .._native.arrays import integer
from ..training.classification_loop import ClassificationResult, Classifier, fill, train_validate
from .saving import _save

__all__ = ["ClassificationResult", "ClassificationTrainValidate"]


def ClassificationTrainValidate(
    model: nn.Module, dataset: dict[str, Any], p: dict[str, Any]
) -> list[tuple[ClassificationResult, ClassificationResult]]:
    """Train a classifier by stochastic gradient descent with Nesterov momentum and test it after each epoch.

    model: maps a batch's input to one row of scores per sample, [samples, classes]. dataset, p, what is printed,
    written and returned: as in `scn.ClassificationTrainValidate`; a batch's 'target' is a tensor, and the checkpoint is
    a file of torch, classification-epoch-N.pth, with the state of the model, of the optimizer and of torch's generator.
    If there is none, training resumes from the epoch.pth and model.pth that SparseConvNet leaves, which have only the
    model's state.
    """
    return train_validate(_Classifier(model, fill(p)), dataset, p)


class _Classifier(Classifier):
    ending = ".pth"

    def __init__(self, model: nn.Module, p: dict[str, Any]) -> None:
        self.model = model
        rate, momentum, decay = p["initial_lr"], p["momentum"], p["weight_decay"]
        self.optimizer = torch.optim.SGD(model.parameters(), rate, momentum, weight_decay=decay, nesterov=True)

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.model.parameters())

    def set_mode(self, is_training: bool) -> None:
        self.model.train(is_training)

    def set_rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def learn(self, batch: Any) -> tuple[Any, Any, float]:
        self.optimizer.zero_grad()
        output, target = self.model(batch["input"]), torch.as_tensor(batch["target"])
        loss = F.cross_entropy(output, target)
        loss.backward()
        self.optimizer.step()
        return _array(output), target.numpy(), loss.item()

    @torch.no_grad()
    def judge(self, batch: Any) -> tuple[Any, Any, float]:
        output, target = self.model(batch["input"]), torch.as_tensor(batch["target"])
        return _array(output).astype(np.float64), target.numpy(), F.cross_entropy(output, target).item()

    def loss(self, scores: Any, target: Any) -> float:
        return F.cross_entropy(torch.as_tensor(scores), torch.as_tensor(target)).item()

    def save(self, path: Path) -> None:
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        _save({**state, "generator": torch.get_rng_state()}, str(path))

    def restore_foreign(self, folder: Path) -> int:
        epoch, model = folder / "epoch.pth", folder / "model.pth"
        if not epoch.is_file() or not model.is_file():
            return 0
        self.model.load_state_dict(torch.load(model, map_location="cpu", weights_only=True))
        return integer(torch.load(epoch, map_location="cpu", weights_only=True), str(epoch))

    def restore(self, path: Path) -> None:
        content = torch.load(path, map_location="cpu", weights_only=True)
        self.model.load_state_dict(content["model"])
        self.optimizer.load_state_dict(content["optimizer"])
        torch.set_rng_state(content["generator"])


def _array(output: torch.Tensor) -> Any:
    return output.detach().float().numpy()
