"""Networks of libraries whose layers are torch's modules on a tensor that knows its sites.

`layers` is the class of a library with `convolution`, `transposed`, `norm`, `relu`, `join`, `add`, `rows` and `sites`,
and for the backbone `windows`, a strided layer whose filter is larger than its stride.
"""

from torch import nn

from subject import BACKBONE, PLANES_IN, UNETS


class Level(nn.Module):
    """One level of the U-Net and those below it."""

    def __init__(self, layers, planes):
        super().__init__()
        here, self.join = planes[0], layers.join
        self.before = nn.Sequential(*normed(layers, here), layers.convolution(here, here))
        self.down = None
        if len(planes) > 1:
            below = planes[1]
            self.down = nn.Sequential(*normed(layers, here), layers.convolution(here, below, 2, 2))
            self.below = Level(layers, planes[1:])
            self.up = nn.Sequential(*normed(layers, below), layers.transposed(below, here))
            self.after = nn.Sequential(*normed(layers, 2 * here), layers.convolution(2 * here, here))

    def forward(self, x):
        x = self.before(x)
        return x if self.down is None else self.after(self.join(x, self.up(self.below(self.down(x)))))


def normed(layers, planes):
    return [layers.norm(planes), layers.relu()]


def body(layers, planes):
    return nn.Sequential(layers.convolution(PLANES_IN, planes[0]), Level(layers, planes), *normed(layers, planes[0]))


def convolved(layers, planes_in, planes_out, size=3, stride=1):
    return [layers.convolution(planes_in, planes_out, size, stride), *normed(layers, planes_out)]


class Residual(nn.Module):
    def __init__(self, layers, planes_in, planes_out):
        super().__init__()
        self.conv1, self.norm1 = layers.convolution(planes_in, planes_out), layers.norm(planes_out)
        self.conv2, self.norm2 = layers.convolution(planes_out, planes_out), layers.norm(planes_out)
        self.relu, self.add = layers.relu(), layers.add
        self.shortcut = None
        if planes_in != planes_out:
            self.shortcut = nn.Sequential(layers.convolution(planes_in, planes_out, 1), layers.norm(planes_out))

    def forward(self, x):
        out = self.relu(self.norm1(self.conv1(x)))
        out = self.norm2(self.conv2(out))
        return self.relu(self.add(out, x if self.shortcut is None else self.shortcut(x)))


def residuals(layers, planes_in, planes_out, count):
    return [Residual(layers, planes_in if number == 0 else planes_out, planes_out) for number in range(count)]


class ResidualLevel(nn.Module):
    def __init__(self, layers, spec, number=0):
        super().__init__()
        self.join = layers.join
        here, below = spec["planes"][number : number + 2]
        strided = below if spec["widens"] else here
        self.down = nn.Sequential(
            *convolved(layers, here, strided, 2, 2),
            *residuals(layers, strided, below, spec["blocks"]),
        )
        self.below = ResidualLevel(layers, spec, number + 1) if number + 2 < len(spec["planes"]) else None
        self.up = nn.Sequential(layers.transposed(below, here), *normed(layers, here))
        self.after = nn.Sequential(*residuals(layers, 2 * here, here, spec["blocks"]))

    def forward(self, x):
        y = self.down(x)
        return self.after(self.join(x, self.up(y if self.below is None else self.below(y))))


class UNet(nn.Module):
    def __init__(self, layers, spec):
        super().__init__()
        here, planes = spec["planes"][0], PLANES_IN
        stem = []
        for size in spec["stem"]:
            stem += convolved(layers, planes, here, size)
            planes = here
        self.stem = nn.Sequential(*stem)
        self.level = ResidualLevel(layers, spec)

    def forward(self, x):
        return self.level(self.stem(x))


def backbone(layers):
    def windows(planes_in, planes_out, size, stride, padding):
        return [layers.windows(planes_in, planes_out, size, stride, padding), *normed(layers, planes_out)]

    first, *others = BACKBONE
    parts, planes = [*convolved(layers, PLANES_IN, first), *convolved(layers, first, first)], first
    for below in others:
        parts += [*windows(planes, below, 3, 2, 1), *convolved(layers, below, below), *convolved(layers, below, below)]
        planes = below
    return nn.Sequential(*parts, *windows(planes, 2 * planes, (3, 1, 1), (2, 1, 1), 0))


class Model(nn.Module):
    """A network of the field, from a sparse tensor to rows; it keeps the tensor whose rows it returns."""

    def __init__(self, layers, name):
        super().__init__()
        self.layers = layers
        self.network = UNet(layers, UNETS[name]) if name in UNETS else backbone(layers)

    def forward(self, input):
        self.last = self.network(input)
        return self.layers.rows(self.last)

    def where(self):
        """Return the sites of the rows, batch index first."""
        return self.layers.sites(self.last).numpy()
