"""scn as Python programs without PyTorch use it: arrays of numpy, its own losses and optimizers."""

import numpy as np

import scn
from subject import CLASSES, DIMENSION, NETWORKS, PLANES_IN


def make_network(planes, spatial_size):
    return scn.Sequential(
        scn.InputLayer(DIMENSION, spatial_size, 0),
        scn.SubmanifoldConvolution(DIMENSION, PLANES_IN, planes[0], 3, False),
        scn.UNet(DIMENSION, 1, planes),
        scn.BatchNormReLU(planes[0]),
        scn.OutputLayer(DIMENSION),
        scn.Linear(planes[0], CLASSES),
    )


class Program:
    name, form = "scn", "scn"

    def __init__(self, subject, threads):
        self.subject = subject
        scn.set_num_threads(threads)

    def versions(self):
        return {"scn": scn.version(), "numpy": np.__version__}

    def open(self, network, is_smooth=False):
        self.network = make_network(NETWORKS[network], self.subject.spatial_size)
        parameters = list(self.network.parameters())
        for parameter, value in zip(parameters, self.subject.weights(network, self.form, is_smooth), strict=True):
            parameter.copy_(value)
        self.optimizer = scn.SGD(parameters, lr=0.01, momentum=0.9, nesterov=True)
        self.optimized = None

    def close(self):
        self.network = self.optimizer = self.optimized = None

    def _loss(self):
        self.network.train()
        logits = self.network([self.subject.coordinates, self.subject.features])
        return scn.cross_entropy(logits, self.subject.labels)

    def train(self):
        loss = self._loss()
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.item()

    def infer(self):
        self.network.eval()
        with scn.no_grad():
            return np.asarray(self.network([self.subject.coordinates, self.subject.features]))

    def infer_optimized(self):
        """Inference of the network that `optimize_for_inference` makes; made in the first call."""
        if self.optimized is None:
            self.network.eval()
            self.optimized = scn.optimize_for_inference(self.network)
        with scn.no_grad():
            return np.asarray(self.optimized([self.subject.coordinates, self.subject.features]))

    def in_order(self, logits):
        return logits

    def gradients(self):
        self.optimizer.zero_grad()
        loss = self._loss()
        loss.backward()
        found = [np.array(parameter.grad) for parameter in self.network.parameters()]
        self.optimizer.zero_grad()
        return loss.item(), found

    def rulebooks(self):
        from scn.nn.input_batch import precompute_rules

        metadata = scn.Metadata(DIMENSION, self.subject.spatial_size, self.subject.coordinates)
        precompute_rules(metadata, 0, 2)

    def layer(self, kind, planes):
        """A function of nothing that applies the layer to rulebooks that are ready, and one for its backward pass."""
        features, weight = self.subject.layer_input(kind, planes)
        metadata = scn.Metadata(DIMENSION, self.subject.spatial_size, self.subject.coordinates)
        if kind.startswith("submanifold"):
            layer = scn.SubmanifoldConvolution(DIMENSION, planes, planes, 3, False)
        else:
            layer = scn.Convolution(DIMENSION, planes, planes, 2, 2, False)
        layer.weight.copy_(weight)
        leaf = scn.Tensor(features, requires_grad=True)
        sparse = scn.SparseConvNetTensor(leaf, metadata, self.subject.spatial_size)
        gradient = np.ones_like(np.asarray(layer(sparse).features))

        def backward(result):
            result.features.backward(gradient)
            leaf.grad = layer.weight.grad = None

        return (lambda: layer(sparse)), backward
