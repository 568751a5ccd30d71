"""Programs for torchsparse 2.0, which has the batch index last. Layers of one tensor share their kernel maps."""

import numpy as np
import torch
import torchsparse
from torchsparse import nn as spnn
from torchsparse.nn import functional

import scn
from networks_of_layers import Model, body
from subject import DIMENSION
from torch_program import TorchProgram


class Layers:
    """Those of torchsparse."""

    @staticmethod
    def convolution(planes_in, planes_out, size=3, stride=1):
        return spnn.Conv3d(planes_in, planes_out, size, stride)

    @staticmethod
    def transposed(planes_in, planes_out):
        return spnn.Conv3d(planes_in, planes_out, 2, 2, transposed=True)

    @staticmethod
    def norm(planes):
        return spnn.BatchNorm(planes, eps=1e-4, momentum=0.01)

    @staticmethod
    def relu():
        return spnn.ReLU(True)

    @staticmethod
    def join(x, y):
        return torchsparse.cat([x, y])

    @staticmethod
    def add(x, y):
        return x + y

    @staticmethod
    def rows(x):
        return x.feats

    @staticmethod
    def sites(x):
        return x.coords[:, [3, 0, 1, 2]]


class Torchsparse(TorchProgram):
    name, form = "torchsparse", "torchsparse"

    def __init__(self, subject, threads):
        super().__init__(subject, threads)
        if torchsparse.__name__ == "torchsparse":
            # Layers ask for masks that only builds for a GPU can make, and use them only there.
            torchsparse.backend.build_mask_from_kmap = lambda *arguments: (None, None)
        self.coordinates = torch.from_numpy(subject.coordinates.astype(np.int32))

    def versions(self):
        return {"torchsparse": torchsparse.__version__, **super().versions()}

    def make_body(self, planes):
        return body(Layers, planes)

    def make_model(self, name):
        return Model(Layers, name)

    def _sparse(self, features):
        # A batch has coordinates of its own: scn would find the rulebooks of a tensor that it knows.
        return torchsparse.SparseTensor(features, self.coordinates.clone())

    def enter(self):
        result = self.body(self._sparse(self.features))
        return result if self.is_model else result.feats

    def rulebooks(self):
        coordinates, size, stride = self.coordinates.clone(), self.subject.spatial_size, 1
        while True:
            functional.build_kernel_map(coordinates, 3, 1, stride)
            if any(places % 2 for places in size):
                return
            coordinates = functional.build_kernel_map(coordinates, 2, 2, stride)[2]
            stride *= 2
            size = [places // 2 for places in size]

    def layer_function(self, kind, planes, weight, leaf):
        size, stride = (3, 1) if kind.startswith("submanifold") else (2, 2)
        layer = Layers.convolution(planes, planes, size, stride)
        with torch.no_grad():
            layer.kernel.copy_(torch.from_numpy(scn.weights_to_torchsparse(weight, [size] * DIMENSION)))
        sparse = self._sparse(leaf)
        return (lambda: layer(sparse).feats), layer.kernel
