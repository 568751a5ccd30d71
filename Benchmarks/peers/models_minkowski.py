"""Networks of the field, written for MinkowskiEngine."""

import MinkowskiEngine as ME
from torch import nn

from subject import BACKBONE, DIMENSION, PLANES_IN, UNETS


def norm(planes):
    return ME.MinkowskiBatchNorm(planes, eps=1e-4, momentum=0.01)


def convolution(planes_in, planes_out, size=3, stride=1):
    return ME.MinkowskiConvolution(planes_in, planes_out, kernel_size=size, stride=stride, dimension=DIMENSION)


def convolved(planes_in, planes_out, size=3, stride=1):
    return [convolution(planes_in, planes_out, size, stride), norm(planes_out), ME.MinkowskiReLU(inplace=True)]


class Residual(nn.Module):
    def __init__(self, planes_in, planes_out):
        super().__init__()
        self.conv1, self.norm1 = convolution(planes_in, planes_out), norm(planes_out)
        self.conv2, self.norm2 = convolution(planes_out, planes_out), norm(planes_out)
        self.relu = ME.MinkowskiReLU(inplace=True)
        self.shortcut = None
        if planes_in != planes_out:
            self.shortcut = nn.Sequential(convolution(planes_in, planes_out, 1), norm(planes_out))

    def forward(self, x):
        out = self.relu(self.norm1(self.conv1(x)))
        out = self.norm2(self.conv2(out))
        out += x if self.shortcut is None else self.shortcut(x)
        return self.relu(out)


def residuals(planes_in, planes_out, count):
    return [Residual(planes_in if number == 0 else planes_out, planes_out) for number in range(count)]


class Level(nn.Module):
    def __init__(self, spec, number=0):
        super().__init__()
        here, below = spec["planes"][number : number + 2]
        strided = below if spec["widens"] else here
        self.down = nn.Sequential(
            *convolved(here, strided, 2, 2),
            *residuals(strided, below, spec["blocks"]),
        )
        self.below = Level(spec, number + 1) if number + 2 < len(spec["planes"]) else None
        transposed = ME.MinkowskiConvolutionTranspose(below, here, kernel_size=2, stride=2, dimension=DIMENSION)
        self.up = nn.Sequential(transposed, norm(here), ME.MinkowskiReLU(inplace=True))
        self.after = nn.Sequential(*residuals(2 * here, here, spec["blocks"]))

    def forward(self, x):
        y = self.down(x)
        return self.after(ME.cat(x, self.up(y if self.below is None else self.below(y))))


class UNet(nn.Module):
    def __init__(self, spec):
        super().__init__()
        here, planes = spec["planes"][0], PLANES_IN
        stem = []
        for size in spec["stem"]:
            stem += convolved(planes, here, size)
            planes = here
        self.stem = nn.Sequential(*stem)
        self.level = Level(spec)

    def forward(self, x):
        return self.level(self.stem(x))


def backbone():
    first, *others = BACKBONE
    layers, planes = [*convolved(PLANES_IN, first), *convolved(first, first)], first
    for below in others:
        layers += [*convolved(planes, below, 3, 2), *convolved(below, below), *convolved(below, below)]
        planes = below
    return nn.Sequential(*layers, *convolved(planes, 2 * planes, (3, 1, 1), (2, 1, 1)))


class Model(nn.Module):
    """A network from a sparse tensor to rows; it keeps the tensor whose rows it returns."""

    def __init__(self, name):
        super().__init__()
        self.network = UNet(UNETS[name]) if name in UNETS else backbone()

    def forward(self, input):
        self.last = self.network(input)
        return self.last.F

    def where(self):
        """Return the sites of the rows, batch index first."""
        return self.last.C.numpy()
