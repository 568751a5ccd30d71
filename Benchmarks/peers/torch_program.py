"""What programs of all libraries for PyTorch share: the loss, the optimizer, evaluation without gradients."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from subject import CLASSES, MODELS, NETWORKS, UNETS, planes_of


class TorchProgram:
    """A program; a library adds `make_body`, `make_model`, `enter`, `rulebooks` and `layer_function`."""

    form = "scn"

    def __init__(self, subject, threads):
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        self.subject = subject
        self.features = torch.from_numpy(subject.features)
        self.labels = torch.from_numpy(subject.labels)

    def versions(self):
        return {"torch": torch.__version__, "numpy": np.__version__}

    def open(self, network, is_smooth=False):
        self.has_labels = network in NETWORKS or network in UNETS
        self.is_model = network in MODELS
        self.body = self.make_model(network) if self.is_model else self.make_body(NETWORKS[network])
        self.head = nn.Linear(planes_of(network), CLASSES)
        parameters = [*self.body.parameters(), *self.head.parameters()]
        with torch.no_grad():
            for parameter, value in zip(parameters, self.subject.weights(network, self.form, is_smooth), strict=True):
                parameter.copy_(torch.from_numpy(value).view(parameter.shape))
        self.optimizer = torch.optim.SGD(parameters, lr=0.01, momentum=0.9, nesterov=True)

    def close(self):
        self.body = self.head = self.optimizer = None

    def _loss(self):
        self.body.train()
        logits = self.head(self.enter())
        # On sites of its own a network has no labels; all libraries have the same sites, but not in one order.
        labels = self.labels if self.has_labels else torch.zeros(len(logits), dtype=torch.int64)
        return functional.cross_entropy(logits, labels)

    def train(self):
        loss = self._loss()
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.item()

    def infer(self):
        self.body.eval()
        with torch.no_grad():
            return self.head(self.enter()).numpy()

    def in_order(self, logits):
        """Return the result of the last inference in an order that is the same for all libraries."""
        return logits if self.has_labels else logits[np.lexsort(self.body.where().T[::-1])]

    def gradients(self):
        self.optimizer.zero_grad()
        loss = self._loss()
        loss.backward()
        found = [p.grad.numpy().copy() for p in [*self.body.parameters(), *self.head.parameters()]]
        self.optimizer.zero_grad()
        return loss.item(), found

    def layer(self, kind, planes):
        features, weight = self.subject.layer_input(kind, planes)
        leaf = torch.from_numpy(features).requires_grad_()
        apply, parameter = self.layer_function(kind, planes, weight, leaf)
        gradient = torch.ones_like(apply())

        def backward(result):
            result.backward(gradient)
            leaf.grad = parameter.grad = None

        return apply, backward
