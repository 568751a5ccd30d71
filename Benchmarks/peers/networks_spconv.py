"""Programs for spconv, on its CPU build, whose one algorithm is `ConvAlgo.Native`."""

from importlib.metadata import version

import spconv.pytorch as spconv
import torch
from spconv.core import ConvAlgo
from spconv.pytorch import functional, ops
from torch import nn

from models_spconv import Model
from subject import PLANES_IN
from torch_program import TorchProgram

# spconv's backward pass asks for the stream of a GPU, which a CPU has not, and does nothing with it.
ops.get_current_stream = lambda: 0


def norm(planes):
    return [nn.BatchNorm1d(planes, eps=1e-4, momentum=0.01), nn.ReLU(inplace=True)]


def submanifold(planes_in, planes_out, level):
    return spconv.SubMConv3d(planes_in, planes_out, 3, padding=1, bias=False, indice_key=f"submanifold{level}")


class Level(spconv.SparseModule):
    """One level of the U-Net and those below it; layers of a level share their indices by key."""

    def __init__(self, planes, level=0):
        super().__init__()
        here, key = planes[0], f"strided{level}"
        self.before = spconv.SparseSequential(*norm(here), submanifold(here, here, level))
        self.down = None
        if len(planes) > 1:
            below = planes[1]
            strided = spconv.SparseConv3d(here, below, 2, 2, bias=False, indice_key=key)
            inverse = spconv.SparseInverseConv3d(below, here, 2, bias=False, indice_key=key)
            self.down = spconv.SparseSequential(*norm(here), strided)
            self.below = Level(planes[1:], level + 1)
            self.up = spconv.SparseSequential(*norm(below), inverse)
            self.after = spconv.SparseSequential(*norm(2 * here), submanifold(2 * here, here, level))

    def forward(self, x):
        x = self.before(x)
        if self.down is None:
            return x
        up = self.up(self.below(self.down(x)))
        return self.after(up.replace_feature(torch.cat([x.features, up.features], 1)))


class Spconv(TorchProgram):
    name, form = "spconv", "spconv"

    def __init__(self, subject, threads):
        super().__init__(subject, threads)
        self.indices = torch.from_numpy(subject.batch_first())

    def versions(self):
        return {"spconv": version("spconv"), "cumm": version("cumm"), **super().versions()}

    def make_body(self, planes):
        first = submanifold(PLANES_IN, planes[0], 0)
        return spconv.SparseSequential(first, Level(planes), *norm(planes[0]))

    def make_model(self, name):
        return Model(name)

    def _sparse(self, features):
        # A batch has indices of its own: scn would find the rulebooks of a tensor that it knows.
        indices = self.indices.clone()
        return spconv.SparseConvTensor(features, indices, self.subject.spatial_size, self.subject.batch_size)

    def enter(self):
        result = self.body(self._sparse(self.features))
        return result if self.is_model else result.features

    def _pairs(self, indices, shape, size, stride, is_submanifold):
        three = [1] * 3
        return ops.get_indice_pairs(
            indices, self.subject.batch_size, shape, ConvAlgo.Native, [size] * 3, [stride] * 3,
            three if is_submanifold else [0] * 3, three, [0] * 3, is_submanifold,
        )  # fmt: skip

    def rulebooks(self):
        indices, shape = self.indices.clone(), self.subject.spatial_size
        while True:
            self._pairs(indices, shape, 3, 1, True)
            if any(places % 2 for places in shape):
                return
            indices = self._pairs(indices, shape, 2, 2, False)[0]
            shape = [places // 2 for places in shape]

    def layer_function(self, kind, planes, weight, leaf):
        # A strided layer would make its pairs anew in each call, so both call what layers call with pairs.
        is_submanifold = kind.startswith("submanifold")
        size = 3 if is_submanifold else 2
        rows, pairs, counts = self._pairs(
            self.indices, self.subject.spatial_size, size, 1 if is_submanifold else 2, is_submanifold
        )
        apply = functional.indice_subm_conv if is_submanifold else functional.indice_conv
        values = torch.from_numpy(weight).view(size, size, size, planes, planes).permute(4, 0, 1, 2, 3)
        parameter = nn.Parameter(values.contiguous())
        return (lambda: apply(leaf, parameter, pairs, counts, rows.shape[0], ConvAlgo.Native)), parameter
