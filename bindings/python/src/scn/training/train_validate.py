"""SparseConvNet's training loop for classification."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ParametersOnlyWarning
from ..nn.module import Module
from ..values.grad_mode import no_grad
from .classification_loop import ClassificationResult, Classifier, fill, train_validate
from .losses import cross_entropy
from .optimizers import SGD
from .saving import restore, save

__all__ = ["ClassificationResult", "ClassificationTrainValidate"]


def ClassificationTrainValidate(
    model: Module, dataset: dict[str, Any], p: dict[str, Any]
) -> list[tuple[ClassificationResult, ClassificationResult]]:
    """Train a classifier by stochastic gradient descent with Nesterov momentum and test it after each epoch.

    model: maps a batch's input to one row of scores per sample, [samples, classes]. dataset: the batches of one epoch
    under 'train' and 'val', an iterable or a function that returns one; a batch is a dict with 'input' (whatever the
    model takes) and 'target' [samples], whole numbers. p: the settings; what is missing is filled in:

    - n_epochs 100, initial_lr 0.1, lr_decay 0.04: the rate of epoch e = 1, 2, ... is
      initial_lr * exp((1 - e) * lr_decay); weight_decay 1e-4, momentum 0.9
    - check_point False: whether to save, after each epoch's training, the model and the optimizer, and to resume from
      there at the start
    - test_reps 1: passes over 'val' whose scores are added up for each sample; if it is more than 1, batches have 'idx'
      [samples], the sample's number in 'val'
    - folder '.': where files go: 'train confusion matrix.csv' and '.png', the same for test (a row for each true class,
      a column for each class with the sum of the probabilities given to it), and the checkpoint

    Prints the settings and, after each epoch, the errors in percent (of the first guess, of the first five), the mean
    loss and the work of a test sample; while an epoch runs, the rate and the time left go to standard error. Returns
    the results of train and test of each epoch that it ran.
    """
    return train_validate(_Classifier(model, fill(p)), dataset, p)


class _Classifier(Classifier):
    ending = ".safetensors"

    def __init__(self, model: Module, p: dict[str, Any]) -> None:
        self.model = model
        rate, momentum, decay = p["initial_lr"], p["momentum"], p["weight_decay"]
        self.optimizer = SGD(model.parameters(), rate, momentum, weight_decay=decay, nesterov=True)

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.model.parameters())

    def set_mode(self, is_training: bool) -> None:
        self.model.train(is_training)

    def set_rate(self, rate: float) -> None:
        self.optimizer.lr = rate

    def learn(self, batch: Any) -> tuple[Any, Any, float]:
        self.optimizer.zero_grad()
        output = self.model(batch["input"])
        loss = cross_entropy(output, batch["target"])
        loss.backward()
        self.optimizer.step()
        return np.asarray(output), np.asarray(batch["target"]), loss.item()

    def judge(self, batch: Any) -> tuple[Any, Any, float]:
        with no_grad():
            output = self.model(batch["input"])
        return np.asarray(output, np.float64), np.asarray(batch["target"]), self.loss(output, batch["target"])

    def loss(self, scores: Any, target: Any) -> float:
        with no_grad():
            return cross_entropy(scores, target).item()

    def save(self, path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ParametersOnlyWarning)
            save(self.model, path, self.optimizer)

    def restore(self, path: Path) -> None:
        restore(path, self.model, self.optimizer)
