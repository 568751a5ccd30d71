"""What programs of all libraries for PyTorch share: the loss, the optimizer, evaluation without gradients."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from subject import CLASSES, NETWORKS


class TorchProgram:
    """A program; a library adds `make_body`, `enter`, `rulebooks` and `layer_function`."""

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
        planes = NETWORKS[network]
        self.body = self.make_body(planes)
        self.head = nn.Linear(planes[0], CLASSES)
        parameters = [*self.body.parameters(), *self.head.parameters()]
        with torch.no_grad():
            for parameter, value in zip(parameters, self.subject.weights(network, self.form, is_smooth), strict=True):
                parameter.copy_(torch.from_numpy(value).view(parameter.shape))
        self.optimizer = torch.optim.SGD(parameters, lr=0.01, momentum=0.9, nesterov=True)

    def close(self):
        self.body = self.head = self.optimizer = None

    def _loss(self):
        self.body.train()
        return functional.cross_entropy(self.head(self.enter()), self.labels)

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
