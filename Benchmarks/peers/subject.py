"""What every library gets: the sites of the scenes, features, labels, and the weights of the networks.

`prepare` writes a folder that the processes of all libraries read, so that they begin with the same numbers.
"""

import json
import os
import subprocess

import numpy as np

PLANES_IN, CLASSES, DIMENSION = 3, 8, 3
# By key: the planes of each level. The plans of Benchmarks/unets.c.
NETWORKS = {"larger": [32, 64, 96, 128, 160], "smaller": [16, 32, 48, 64, 80, 96]}
# Networks as they are in the field, smaller: residual U-Nets for segmentation, and the backbone of a LiDAR detector.
# planes: of each level; stem: the sizes of the first filters; widens: whether a strided layer has the planes of the
# level below, as in SpUNet, or the first residual block there, as in MinkUNet; blocks: residual blocks on each way.
UNETS = {
    "SpUNet": {"stem": [5], "planes": [32, 32, 64, 128, 128], "widens": True, "blocks": 1},
    "MinkUNet": {"stem": [3, 3], "planes": [16, 32, 64, 96, 128], "widens": False, "blocks": 2},
}
# Layers of 3x3x3 with stride 2 and padding 1 between the levels, then one of 3x1x1 with twice the planes.
BACKBONE = [16, 32, 64, 64]
# By name of a network, the formats of the libraries whose programs there are. A strided 3x3x3 layer of MinkowskiEngine
# makes fewer sites than one of spconv, so that the backbone is two networks.
MODELS = {
    "SpUNet": ("spconv", "minkowski", "torchsparse"),
    "MinkUNet": ("spconv", "minkowski", "torchsparse"),
    "LiDAR backbone": ("spconv",),
    "LiDAR backbone, sites rounded down": ("minkowski",),
}
LAYER_PLANES = (16, 32, 64, 128)
LAYERS = {
    f"{kind} {planes}": (kind, planes) for kind in ("submanifold 3x3x3", "strided 2x2x2") for planes in LAYER_PLANES
}
# What the biases of batch norms get in addition where gradients are compared: hardly any activation is then near zero,
# where a rounding error decides whether a whole element of a gradient is there or not. The linear layer's weight is
# made smaller, so that the gradients of rows differ in sign: sums over rows of one sign, which others take in float32
# one after the other in their batch norms, lose three digits.
OFF_KINKS, SMALLER = 16, 0.02
# In deep networks, with less: the batch norms of the others lose digits of every large mean.
OFF_KINKS_WHERE_DEEP = 4
# By the library whose program scn runs, scn in its place.
STAND_INS = {"spconv": "scn.spconv", "MinkowskiEngine": "scn.minkowski", "torchsparse": "scn.torchsparse"}
# The formats of weights in which they are handed over: that of scn and SparseConvNet, and those of others.
FORMATS = ("scn", "spconv", "minkowski", "torchsparse")


def format_of(library):
    forms = {
        "spconv": "spconv",
        "MinkowskiEngine": "minkowski",
        "scn.spconv": "spconv",
        "scn.minkowski": "minkowski",
        "torchsparse": "torchsparse",
        "scn.torchsparse": "torchsparse",
    }
    return forms.get(library, "scn")


def planes_of(network):
    """The planes of the rows that a network gives its linear layer."""
    if network in NETWORKS:
        return NETWORKS[network][0]
    return UNETS[network]["planes"][0] if network in UNETS else 2 * BACKBONE[-1]


class Subject:
    """The content of a folder that `prepare` wrote."""

    def __init__(self, folder):
        self.folder = folder
        with open(os.path.join(folder, "about.json"), encoding="utf-8") as file:
            self.about = json.load(file)
        self.coordinates = np.load(os.path.join(folder, "coordinates.npy"))  # [sites, 4], batch index last
        self.features = np.load(os.path.join(folder, "features.npy"))
        self.labels = np.load(os.path.join(folder, "labels.npy"))
        self.spatial_size = self.about["spatial_size"]
        self.batch_size = self.about["scenes"]

    def batch_first(self):
        """The sites as int32 with the batch index first, as others want them."""
        return np.ascontiguousarray(np.roll(self.coordinates, 1, axis=1).astype(np.int32))

    def weights(self, network, form, is_smooth=False):
        """The parameters of a network, in its order. is_smooth: with biases that keep activations off their kinks."""
        with np.load(weight_file(self.folder, network, form, is_smooth)) as arrays:
            return [arrays[name] for name in sorted(arrays.files)]

    def layer_input(self, kind, planes):
        """Features of the layer's sites, and a weight in scn's format."""
        random = np.random.default_rng(planes)
        volume = 27 if kind.startswith("submanifold") else 8
        weight = random.normal(0, (2 / (volume * planes)) ** 0.5, (volume, 1, planes, planes))
        features = random.uniform(-1, 1, (len(self.coordinates), planes))
        return features.astype(np.float32), weight.astype(np.float32)


def weight_file(folder, network, form, is_smooth=False):
    return os.path.join(folder, f"{network}{'-smooth' if is_smooth else ''}.{form}.npz")


def prepare(folder, bench, data, is_quick):
    """Write the subject's folder; the scenes are those of `scn-bench`."""
    points = [*(["--quick"] if is_quick else []), *(["--data", data] if data else [])]
    command = [bench, *points, "--answer-steps", folder]
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)

    def read(name, kind):
        return np.fromfile(os.path.join(folder, f"{name}.{np.dtype(kind)}"), kind)

    labels = read("labels", np.int64)
    coordinates = read("coordinates", np.int64).reshape(len(labels), -1)
    features = read("features", np.float32).reshape(len(labels), -1)
    # One row for each site, in the order in which points first reach it, as a data loader hands voxels over.
    first = np.sort(np.unique(coordinates, axis=0, return_index=True)[1])
    np.save(os.path.join(folder, "coordinates.npy"), coordinates[first])
    np.save(os.path.join(folder, "features.npy"), features[first])
    np.save(os.path.join(folder, "labels.npy"), labels[first])
    highest = coordinates[first][:, :DIMENSION].max(0)
    about = {
        "scenes": int(coordinates[:, DIMENSION].max()) + 1,
        "points": len(labels),
        "sites": len(first),
        # Strides of 2 come out even six times.
        "spatial_size": [int(places) for places in (highest + 64) // 64 * 64],
        "source": f"{os.path.join('tabletop', 'train')} of DATA" if data else "made-up surfaces",
    }
    with open(os.path.join(folder, "about.json"), "w", encoding="utf-8") as file:
        json.dump(about, file)
    for number, network in enumerate(NETWORKS):
        write_weights(folder, network, about["spatial_size"], seed=number + 1)
    for number, network in enumerate(MODELS):
        write_model_weights(folder, network, about["spatial_size"], seed=number + 11)


def write_weights(folder, network, spatial_size, seed):
    import scn
    from networks_scn import make_network

    scn.manual_seed(seed)
    parameters = make_network(NETWORKS[network], spatial_size).named_parameters()
    save_weights(folder, network, parameters, seed, OFF_KINKS)


def write_model_weights(folder, network, spatial_size, seed):
    import torch
    from torch import nn

    from models_scn import Model

    torch.manual_seed(seed)
    head = nn.Linear(planes_of(network), CLASSES)
    parameters = [*Model(network, spatial_size).named_parameters(), *head.named_parameters("head")]
    detached = [(name, parameter.detach()) for name, parameter in parameters]
    save_weights(folder, network, detached, seed, OFF_KINKS_WHERE_DEEP)


def save_weights(folder, network, parameters, seed, off_kinks):
    random = np.random.default_rng(seed)
    weights, smooth = [], []
    for name, parameter in parameters:
        value = np.array(parameter)
        # Ones and zeros in batch norms would hide a mistake.
        if value.ndim == 1:
            value = random.uniform(*((0.5, 1.5) if name.endswith("weight") else (-0.1, 0.1)), value.shape)
        weights.append(value.astype(np.float32))
        is_bias = value.ndim == 1 and name.endswith("bias")
        is_linear = value.ndim == 2 and len(value) == CLASSES
        smooth.append((value + off_kinks * is_bias if not is_linear else SMALLER * value).astype(np.float32))
    for form in FORMATS:
        for is_smooth, values in ((False, weights), (True, smooth)):
            converted = {f"{number:04}": to_format(value, form) for number, value in enumerate(values)}
            np.savez(weight_file(folder, network, form, is_smooth), **converted)


def filter_size(volume):
    return [3, 1, 1] if volume == 3 else [round(volume ** (1 / DIMENSION))] * DIMENSION


def to_format(weight, form):
    """Return a weight of scn in the format of another library; only those of convolutions differ."""
    import scn

    if form == "scn" or weight.ndim != 4:
        return weight
    convert = {
        "spconv": scn.weights_to_spconv,
        "minkowski": scn.weights_to_minkowski_engine,
        "torchsparse": scn.weights_to_torchsparse,
    }[form]
    return np.ascontiguousarray(convert(weight, filter_size(weight.shape[0])))


def from_format(weight, form):
    """Return a weight, or a gradient, of another library in scn's format."""
    import scn

    # What spconv takes for a filter of one place is a matrix in the memory of a weight.
    if form == "spconv" and weight.ndim == 5 and np.prod(weight.shape[1:4]) > 1:
        return scn.weights_from_spconv(weight)
    if form == "minkowski" and weight.ndim == 3:
        return scn.weights_from_minkowski_engine(weight, filter_size(weight.shape[0]))
    if form == "torchsparse" and weight.ndim == 3:
        return scn.weights_from_torchsparse(weight, filter_size(weight.shape[0]))
    return weight
