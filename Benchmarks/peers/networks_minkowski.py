"""Programs for MinkowskiEngine. Layers of one tensor share its coordinate manager, and so their kernel maps."""

import MinkowskiEngine as ME
import torch
from torch import nn

from models_minkowski import Model
from subject import DIMENSION, PLANES_IN
from torch_program import TorchProgram


def norm(planes):
    return [ME.MinkowskiBatchNorm(planes, eps=1e-4, momentum=0.01), ME.MinkowskiReLU(inplace=True)]


def submanifold(planes_in, planes_out):
    return ME.MinkowskiConvolution(planes_in, planes_out, kernel_size=3, dimension=DIMENSION)


class Level(nn.Module):
    """One level of the U-Net and those below it."""

    def __init__(self, planes):
        super().__init__()
        here = planes[0]
        self.before = nn.Sequential(*norm(here), submanifold(here, here))
        self.down = None
        if len(planes) > 1:
            below, halves = planes[1], {"kernel_size": 2, "stride": 2, "dimension": DIMENSION}
            self.down = nn.Sequential(*norm(here), ME.MinkowskiConvolution(here, below, **halves))
            self.below = Level(planes[1:])
            self.up = nn.Sequential(*norm(below), ME.MinkowskiConvolutionTranspose(below, here, **halves))
            self.after = nn.Sequential(*norm(2 * here), submanifold(2 * here, here))

    def forward(self, x):
        x = self.before(x)
        return x if self.down is None else self.after(ME.cat(x, self.up(self.below(self.down(x)))))


class MinkowskiEngine(TorchProgram):
    name, form = "MinkowskiEngine", "minkowski"

    def __init__(self, subject, threads):
        super().__init__(subject, threads)
        self.coordinates = torch.from_numpy(subject.batch_first())

    def versions(self):
        return {"MinkowskiEngine": ME.__version__, **super().versions()}

    def make_body(self, planes):
        return nn.Sequential(submanifold(PLANES_IN, planes[0]), Level(planes), *norm(planes[0]))

    def make_model(self, name):
        return Model(name)

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
        if kind.startswith("submanifold"):
            layer = submanifold(planes, planes)
        else:
            layer = ME.MinkowskiConvolution(planes, planes, kernel_size=2, stride=2, dimension=DIMENSION)
        size = [3 if kind.startswith("submanifold") else 2] * DIMENSION
        values = torch.from_numpy(weight).view(*size, planes, planes).permute(2, 1, 0, 3, 4)
        with torch.no_grad():
            layer.kernel.copy_(values.reshape(layer.kernel.shape))
        entered = ME.SparseTensor(leaf.detach(), self.coordinates)
        sparse = ME.SparseTensor(
            leaf, coordinate_map_key=entered.coordinate_map_key, coordinate_manager=entered.coordinate_manager
        )
        return (lambda: layer(sparse).F), layer.kernel
