"""Networks of the field, written for spconv."""

import spconv.pytorch as spconv
import torch
from torch import nn

from subject import BACKBONE, PLANES_IN, UNETS


def norm(planes):
    return nn.BatchNorm1d(planes, eps=1e-4, momentum=0.01)


def convolution(planes_in, planes_out, key, size=3):
    return spconv.SubMConv3d(planes_in, planes_out, size, padding=size // 2, bias=False, indice_key=key)


def convolved(planes_in, planes_out, key, size=3):
    return [convolution(planes_in, planes_out, key, size), norm(planes_out), nn.ReLU(inplace=True)]


class Residual(spconv.SparseModule):
    def __init__(self, planes_in, planes_out, key):
        super().__init__()
        self.conv1, self.bn1 = convolution(planes_in, planes_out, key), norm(planes_out)
        self.conv2, self.bn2 = convolution(planes_out, planes_out, key), norm(planes_out)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = None
        if planes_in != planes_out:
            product = spconv.SubMConv3d(planes_in, planes_out, 1, bias=False)
            self.shortcut = spconv.SparseSequential(product, norm(planes_out))

    def forward(self, x):
        beside = x if self.shortcut is None else self.shortcut(x)
        out = self.conv1(x)
        out = out.replace_feature(self.relu(self.bn1(out.features)))
        out = self.conv2(out)
        out = out.replace_feature(self.bn2(out.features))
        return out.replace_feature(self.relu(out.features + beside.features))


def residuals(planes_in, planes_out, key, count):
    return [Residual(planes_in if number == 0 else planes_out, planes_out, key) for number in range(count)]


class Level(spconv.SparseModule):
    def __init__(self, spec, number=0):
        super().__init__()
        here, below = spec["planes"][number : number + 2]
        strided = below if spec["widens"] else here
        down, keys = f"strided{number}", [f"submanifold{number + deeper}" for deeper in (0, 1)]
        self.down = spconv.SparseSequential(
            spconv.SparseConv3d(here, strided, 2, 2, bias=False, indice_key=down),
            norm(strided),
            nn.ReLU(inplace=True),
            *residuals(strided, below, keys[1], spec["blocks"]),
        )
        self.below = Level(spec, number + 1) if number + 2 < len(spec["planes"]) else None
        self.up = spconv.SparseSequential(
            spconv.SparseInverseConv3d(below, here, 2, bias=False, indice_key=down), norm(here), nn.ReLU(inplace=True)
        )
        self.after = spconv.SparseSequential(*residuals(2 * here, here, keys[0], spec["blocks"]))

    def forward(self, x):
        y = self.down(x)
        y = self.up(y if self.below is None else self.below(y))
        return self.after(y.replace_feature(torch.cat([x.features, y.features], 1)))


class UNet(spconv.SparseModule):
    def __init__(self, spec):
        super().__init__()
        here, planes = spec["planes"][0], PLANES_IN
        stem = []
        for size in spec["stem"]:
            stem += convolved(planes, here, f"stem{size}" if size != 3 else "submanifold0", size)
            planes = here
        self.stem = spconv.SparseSequential(*stem)
        self.level = Level(spec)

    def forward(self, x):
        return self.level(self.stem(x))


def backbone():
    first, *others = BACKBONE
    layers, planes = [*convolved(PLANES_IN, first, "subm1"), *convolved(first, first, "subm1")], first
    for number, below in enumerate(others, 2):
        layers += [
            spconv.SparseConv3d(planes, below, 3, 2, padding=1, bias=False, indice_key=f"spconv{number}"),
            norm(below),
            nn.ReLU(inplace=True),
            *convolved(below, below, f"subm{number}"),
            *convolved(below, below, f"subm{number}"),
        ]
        planes = below
    last = spconv.SparseConv3d(planes, 2 * planes, (3, 1, 1), (2, 1, 1), bias=False, indice_key="spconv_down2")
    return spconv.SparseSequential(*layers, last, norm(2 * planes), nn.ReLU(inplace=True))


class Model(nn.Module):
    """A network from a sparse tensor to rows; it keeps the tensor whose rows it returns."""

    def __init__(self, name):
        super().__init__()
        self.network = UNet(UNETS[name]) if name in UNETS else backbone()

    def forward(self, input):
        self.last = self.network(input)
        return self.last.features

    def where(self):
        """Return the sites of the rows, batch index first."""
        return self.last.indices.numpy()
