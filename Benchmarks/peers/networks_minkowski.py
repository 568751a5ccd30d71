"""Programs for MinkowskiEngine. Layers of one tensor share its coordinate manager, and so their kernel maps."""

import MinkowskiEngine as ME
import torch

from networks_of_layers import Model, body
from subject import DIMENSION
from torch_program import TorchProgram


class Layers:
    """Those of MinkowskiEngine."""

    @staticmethod
    def convolution(planes_in, planes_out, size=3, stride=1):
        return ME.MinkowskiConvolution(planes_in, planes_out, kernel_size=size, stride=stride, dimension=DIMENSION)

    @classmethod
    def windows(cls, planes_in, planes_out, size, stride, padding):
        # Sites are rounded down: there is no padding.
        return cls.convolution(planes_in, planes_out, size, stride)

    @staticmethod
    def transposed(planes_in, planes_out):
        return ME.MinkowskiConvolutionTranspose(planes_in, planes_out, kernel_size=2, stride=2, dimension=DIMENSION)

    @staticmethod
    def norm(planes):
        return ME.MinkowskiBatchNorm(planes, eps=1e-4, momentum=0.01)

    @staticmethod
    def relu():
        return ME.MinkowskiReLU(inplace=True)

    @staticmethod
    def join(x, y):
        return ME.cat(x, y)

    @staticmethod
    def add(x, y):
        x += y
        return x

    @staticmethod
    def rows(x):
        return x.F

    @staticmethod
    def sites(x):
        return x.C


class MinkowskiEngine(TorchProgram):
    name, form = "MinkowskiEngine", "minkowski"

    def __init__(self, subject, threads):
        super().__init__(subject, threads)
        self.coordinates = torch.from_numpy(subject.batch_first())

    def versions(self):
        return {"MinkowskiEngine": ME.__version__, **super().versions()}

    def make_body(self, planes):
        return body(Layers, planes)

    def make_model(self, name):
        return Model(Layers, name)

    def enter(self):
        result = self.body(ME.SparseTensor(self.features, self.coordinates))
        return result if self.is_model else result.F

    def rulebooks(self):
        manager = ME.CoordinateManager(D=DIMENSION)
        key, _ = manager.insert_and_map(self.coordinates)
        size = self.subject.spatial_size
        while True:
            manager.kernel_map(key, key, kernel_size=3)
            if any(places % 2 for places in size):
                return
            finer, key = key, manager.stride(key, 2)
            manager.kernel_map(finer, key, stride=2, kernel_size=2)
            size = [places // 2 for places in size]

    def layer_function(self, kind, planes, weight, leaf):
        is_submanifold = kind.startswith("submanifold")
        layer = Layers.convolution(planes, planes) if is_submanifold else Layers.convolution(planes, planes, 2, 2)
        size = [3 if is_submanifold else 2] * DIMENSION
        values = torch.from_numpy(weight).view(*size, planes, planes).permute(2, 1, 0, 3, 4)
        with torch.no_grad():
            layer.kernel.copy_(values.reshape(layer.kernel.shape))
        entered = ME.SparseTensor(leaf.detach(), self.coordinates)
        sparse = ME.SparseTensor(
            leaf, coordinate_map_key=entered.coordinate_map_key, coordinate_manager=entered.coordinate_manager
        )
        return (lambda: layer(sparse).F), layer.kernel
