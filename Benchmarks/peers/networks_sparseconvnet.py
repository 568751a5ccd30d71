"""Programs for SparseConvNet: the same lines run on SparseConvNet and on scn.torch; only the import differs."""

import torch

from subject import DIMENSION, PLANES_IN
from torch_program import TorchProgram


class SparseConvNetProgram(TorchProgram):
    """The program; `library` is the module that it imports."""

    def __init__(self, subject, threads):
        super().__init__(subject, threads)
        self.coordinates = torch.from_numpy(subject.coordinates)

    def make_body(self, planes):
        scn = self.library
        return scn.Sequential(
            scn.InputLayer(DIMENSION, torch.LongTensor(self.subject.spatial_size), mode=0),
            scn.SubmanifoldConvolution(DIMENSION, PLANES_IN, planes[0], 3, False),
            scn.UNet(DIMENSION, 1, planes),
            scn.BatchNormReLU(planes[0]),
            scn.OutputLayer(DIMENSION),
        )

    def make_model(self, name):
        from models_scn import Model

        return Model(name, self.subject.spatial_size)

    def enter(self):
        return self.body([self.coordinates, self.features])

    def rulebooks(self):
        self._sparse(self.features).metadata.generateRuleBooks2s2()

    def _sparse(self, features):
        enter = self.library.InputLayer(DIMENSION, torch.LongTensor(self.subject.spatial_size), mode=0)
        return enter([self.coordinates, features])

    def layer_function(self, kind, planes, weight, leaf):
        scn = self.library
        if kind.startswith("submanifold"):
            layer = scn.SubmanifoldConvolution(DIMENSION, planes, planes, 3, False)
        else:
            layer = scn.Convolution(DIMENSION, planes, planes, 2, 2, False)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weight))
        entered = self._sparse(leaf.detach())
        sparse = scn.SparseConvNetTensor(leaf, entered.metadata, entered.spatial_size)
        return (lambda: layer(sparse).features), layer.weight


class ScnTorch(SparseConvNetProgram):
    name = "scn.torch"

    def __init__(self, subject, threads):
        import scn.torch

        self.library = scn.torch
        scn.torch.set_num_threads(threads)
        super().__init__(subject, threads)

    def versions(self):
        import scn

        return {"scn": scn.version(), **super().versions()}


class SparseConvNet(SparseConvNetProgram):
    name = "SparseConvNet"

    def __init__(self, subject, threads):
        import sparseconvnet

        self.library = sparseconvnet
        super().__init__(subject, threads)

    def versions(self):
        from importlib.metadata import version

        return {"sparseconvnet": version("sparseconvnet"), **super().versions()}
