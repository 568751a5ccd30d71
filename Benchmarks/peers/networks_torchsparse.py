"""Programs for torchsparse 2.1. Layers of one tensor share its caches, and so their kernel maps."""

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
    def windows(planes_in, planes_out, size, stride, padding):
        return spnn.Conv3d(planes_in, planes_out, size, stride, padding)

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
        return x.coords


class Torchsparse(TorchProgram):
    name, form = "torchsparse", "torchsparse"

    def __init__(self, subject, threads):
        super().__init__(subject, threads)
        self.coordinates = torch.from_numpy(subject.batch_first())

    def versions(self):
        return {"torchsparse": torchsparse.__version__, **super().versions()}

    def make_body(self, planes):
        return body(Layers, planes)

    def make_model(self, name):
        return Model(Layers, name)

    def _sparse(self, features):
        # A batch has coordinates of its own: scn would find the rulebooks of a tensor that it knows.
        field = (self.subject.batch_size, *self.subject.spatial_size)
        return torchsparse.SparseTensor(features, self.coordinates.clone(), spatial_range=field)

    def enter(self):
        result = self.body(self._sparse(self.features))
        return result if self.is_model else result.feats

    def rulebooks(self):
        coordinates, size = self.coordinates.clone(), self.subject.spatial_size
        while True:
            functional.build_kernel_map(coordinates, len(coordinates), 3, 1)["nbsizes"]
            if any(places % 2 for places in size):
                return
            coarser = functional.build_kernel_map(coordinates, len(coordinates), 2, 2)
            coordinates = coarser["coords"]
            coarser["nbsizes"]
            size = [places // 2 for places in size]

    def layer_function(self, kind, planes, weight, leaf):
        size, stride = (3, 1) if kind.startswith("submanifold") else (2, 2)
        layer = Layers.convolution(planes, planes, size, stride)
        with torch.no_grad():
            layer.kernel.copy_(torch.from_numpy(scn.weights_to_torchsparse(weight, [size] * DIMENSION)))
        sparse = self._sparse(leaf)
        return (lambda: layer(sparse).feats), layer.kernel
