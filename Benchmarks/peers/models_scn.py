"""Networks of the field, written for scn.torch."""

from scn.torch import (
    AddTable,
    BatchNormalization,
    BatchNormReLU,
    ConcatTable,
    Convolution,
    ConvolutionOnto,
    Deconvolution,
    Identity,
    InputLayer,
    JoinTable,
    NetworkInNetwork,
    OutputLayer,
    ReLU,
    Sequential,
    SubmanifoldConvolution,
)
from subject import BACKBONE, DIMENSION, MODELS, PLANES_IN, UNETS

NORM = {"eps": 1e-4, "momentum": 0.99}


def convolution(planes_in, planes_out, size=3):
    return SubmanifoldConvolution(DIMENSION, planes_in, planes_out, size, False)


def convolved(planes_in, planes_out, size=3):
    return [convolution(planes_in, planes_out, size), BatchNormReLU(planes_out, **NORM)]


def residual(planes_in, planes_out):
    main = Sequential(
        *convolved(planes_in, planes_out), convolution(planes_out, planes_out), BatchNormalization(planes_out, **NORM)
    )
    shortcut = Identity()
    if planes_in != planes_out:
        product = NetworkInNetwork(planes_in, planes_out, False)
        shortcut = Sequential(product, BatchNormalization(planes_out, **NORM))
    return Sequential(ConcatTable(main, shortcut), AddTable(), ReLU())


def residuals(planes_in, planes_out, count):
    return [residual(planes_in if number == 0 else planes_out, planes_out) for number in range(count)]


def level(spec, number=0):
    """Return what leads a level down, through those below it and up again, beside the level itself."""
    here, below = spec["planes"][number : number + 2]
    strided = below if spec["widens"] else here
    inner = [level(spec, number + 1)] if number + 2 < len(spec["planes"]) else []
    beside = Sequential(
        Convolution(DIMENSION, here, strided, 2, 2, False),
        BatchNormReLU(strided, **NORM),
        *residuals(strided, below, spec["blocks"]),
        *inner,
        Deconvolution(DIMENSION, below, here, 2, 2, False),
        BatchNormReLU(here, **NORM),
    )
    return Sequential(ConcatTable(Identity(), beside), JoinTable(), *residuals(2 * here, here, spec["blocks"]))


def unet(spec):
    here, planes = spec["planes"][0], PLANES_IN
    stem = []
    for size in spec["stem"]:
        stem += convolved(planes, here, size)
        planes = here
    return Sequential(*stem, level(spec))


def strided(form, planes_in, planes_out, size, stride, padding):
    """Return a strided convolution to the sites that it has in a library."""
    if form == "spconv":
        layer = Convolution(DIMENSION, planes_in, planes_out, size, stride, False, padding=padding, round_down=True)
    else:
        layer = ConvolutionOnto(DIMENSION, planes_in, planes_out, size, False, output_stride=stride)
    return [layer, BatchNormReLU(planes_out, **NORM)]


def backbone(form):
    first, *others = BACKBONE
    layers, planes = [*convolved(PLANES_IN, first), *convolved(first, first)], first
    for below in others:
        layers += [*strided(form, planes, below, 3, 2, 1), *convolved(below, below), *convolved(below, below)]
        planes = below
    return Sequential(*layers, *strided(form, planes, 2 * planes, [3, 1, 1], [2, 1, 1], 0))


def make_model(name):
    """Return the network without its input and output layers."""
    return unet(UNETS[name]) if name in UNETS else backbone(MODELS[name][0])


class Model(Sequential):
    """A network from rows to rows; one that ends on other sites keeps the tensor, whose rows it returns."""

    def __init__(self, name, spatial_size):
        super().__init__(InputLayer(DIMENSION, spatial_size, 0), make_model(name))
        self.returns = OutputLayer(DIMENSION) if name in UNETS else None

    def forward(self, input):
        self.last = self[1](self[0](input))
        return self.last.features if self.returns is None else self.returns(self.last)

    def where(self):
        """Return the sites of the rows, batch index first."""
        return self.last.get_spatial_locations().numpy()[:, [DIMENSION, *range(DIMENSION)]]
