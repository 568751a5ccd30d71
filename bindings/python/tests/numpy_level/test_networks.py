"""Ready-made networks: their shapes, their state, and what they mean."""

import numpy as np
import pytest

import scn


def cloud(dimension, size, planes, random, sites=80):
    """A sparse tensor of distinct random sites of two samples."""
    flat = random.choice(2 * size**dimension, sites, replace=False)
    coords = np.stack(np.unravel_index(flat, (2, *[size] * dimension)), axis=1)
    coords = np.roll(coords, -1, axis=1)
    return scn.InputLayer(dimension, size, mode=0)([coords, random.standard_normal((sites, planes))])


NETWORKS = {
    "resnet": (lambda d: scn.SparseResNet(d, 3, [["b", 5, 2, 1], ["b", 7, 1, 2], ["basic", 7, 1, 1]]), 7, 7),
    "unet": (lambda d: scn.UNet(d, 1, [3, 5, 7], True, [3, 2], 0.2), 3, 15),
    "unet 2/2": (lambda d: scn.UNet(d, 2, [5, 7], False, [2, 2], 0, 3), 5, None),
    "fully convolutional": (lambda d: scn.FullyConvolutionalNet(d, 1, [3, 5, 7], False, [3, 2]), 15, 15),
    "integrated": (lambda d: scn.FullConvolutionalNetIntegratedLinear(d, 1, [3, 5, 7], 11, True, [3, 2], 0.1), 11, 15),
    "integrated, one level": (lambda d: scn.FullConvolutionalNetIntegratedLinear(d, 2, [3]), 3, 15),
    "dense": (
        lambda d: scn.SparseDenseNet(d, 3, [{"nExtraLayers": 3, "growthRate": 5}, {"pool": "MP", "size": 3}]),
        18,
        7,
    ),
    "vgg plus": (lambda d: scn.SparseVggNet(d, 3, [["C", 5], ["C", 3, 3, 5], ["C3/2", 7]]), 7, 7),
    "deep vgg plus": (lambda d: scn.SparseVggNet(d, 3, [["C", 3, 5, 3, 1]]), 12, 15),
}


@pytest.mark.parametrize("dimension", [1, 2, 3, 4])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_run(name, dimension, random):
    make, planes, out_size = NETWORKS[name]
    size = 15 if out_size else 16
    x = cloud(dimension, size, 3, random, sites=24)
    net = make(dimension)
    y = net(x)
    assert y.features.shape[1] == planes and list(y.spatial_size) == [out_size or size] * dimension
    assert list(net.input_spatial_size(y.spatial_size)) == [size] * dimension
    y.backward(random.standard_normal(y.features.shape))
    assert all(np.isfinite(p.grad).all() for p in net.parameters())
    nothing = scn.InputLayer(dimension, size)([np.zeros((0, dimension + 1), int), np.zeros((0, 3))])
    assert net(nothing).features.shape == (0, planes)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_are_saved_with_their_architecture(name, tmp_path, random):
    net = NETWORKS[name][0](2)
    scn.save(net, tmp_path / "net")
    loaded, x = scn.load(tmp_path / "net"), cloud(2, 15 if NETWORKS[name][2] else 16, 3, random)
    assert np.array_equal(loaded(x).numpy(), net.eval()(x).numpy())


def shapes(net):
    return [f"{name} {'x'.join(map(str, p.shape))}" for name, p in net.named_parameters() if name.endswith("weight")]


def test_state_names_of_the_integrated_network():
    net = scn.FullConvolutionalNetIntegratedLinear(2, 1, [3, 5], 4)
    assert shapes(net) == [
        "0.weight 3", "1.weight 9x1x3x3", "2.0.0.weight 3", "2.0.1.weight 3x4", "2.1.0.weight 3",
        "2.1.1.weight 4x1x3x5", "2.1.2.0.weight 5", "2.1.2.1.weight 9x1x5x5", "2.1.2.2.weight 5", "2.1.2.3.weight 5x4",
    ]  # fmt: skip
    assert [name for name, _ in net.named_parameters() if name.endswith("3.bias")] == ["2.1.2.3.bias"]


@pytest.mark.parametrize("downsample, size", [([2, 2], 16), ([3, 2], 15)])
def test_integrated_linear_is_linear_after_the_joined_levels(downsample, size, random):
    x = cloud(2, size, 3, random)
    net = scn.FullConvolutionalNetIntegratedLinear(2, 1, [3, 5, 7], 4, False, downsample)
    for parameter in net.parameters():
        parameter.copy_(random.standard_normal(parameter.shape))
    up = scn.UnPooling(2, *downsample)
    levels, weights, level, features = [], [], net, x
    while True:
        features = level[1](level[0](features))
        if not isinstance(level[2], scn.ConcatTable):
            break
        scores, below = level[2]
        levels.append(scores[0](features))
        weights.append(scores[1].weight.numpy())
        features, level = below[1](below[0](features)), below[2]
    levels.append(level[2](features))
    weights.append(level[3].weight.numpy())
    ones = levels[-1].features.numpy()[:, :1] * 0 + level[3].bias.numpy()
    # The coarsest level's bias arrives as often as windows overlap.
    bias = up(up(with_features(levels[-1], ones)))
    joined = scn.JoinTable()([levels[0], up(levels[1]), up(up(levels[2]))])
    expected = joined.numpy() @ np.concatenate(weights) + bias.numpy()
    assert np.allclose(net(x).numpy(), expected, rtol=1e-4, atol=1e-3)


def with_features(sparse, features):
    return scn.SparseConvNetTensor(scn.tensor(features), sparse.metadata, sparse.spatial_size)


def test_dense_layers_see_all_before_them(random):
    net = scn.SparseDenseNet(2, 3, "B2x4 T3/2:6")
    assert shapes(net)[:5] == [
        "0.1.0.weight 3", "0.1.1.weight 3x16", "0.1.2.weight 16", "0.1.3.weight 9x1x16x4", "2.1.0.weight 7",
    ]  # fmt: skip
    x = cloud(2, 15, 3, random)
    assert np.array_equal(net[:4](x).numpy()[:, :3], x.numpy())
    assert [type(layer).__name__ for layer in net[4:]] == [
        "BatchNormReLU", "NetworkInNetwork", "AveragePooling", "BatchNormReLU",
    ]  # fmt: skip
    assert net[5].weight.shape == (11, 6) and net[7].weight.shape == (6,)


def test_dense_layers_as_dicts():
    layers = [
        {"pool": "MP"}, {}, {"pool": "BN-R-C-AP", "compression": 0.5, "size": 3}, {"nExtraLayers": 1, "growthRate": 5},
        {"pool": "AP", "stride": 1},
    ]  # fmt: skip
    net = scn.SparseDenseNet(2, 3, layers)
    assert repr(net) == repr(scn.SparseDenseNet(2, 3, "MP2/2 B2x16 T3/2:18 B1x5 AP2/1"))
    assert net[-1].weight.shape == (23,) and "pool" in layers[0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: scn.SparseResNet(2, 3, [["bottleneck", 8, 1]]),
        lambda: scn.SparseResNet(2, 3, [["c", 8, 1, 1]]),
        lambda: scn.SparseResNet(2, 3, ["b8"]),
        lambda: scn.SparseResNet(2, 3, [["b", 8, 0, 1]]),
        lambda: scn.SparseResNet(2, 3, [["b", 8, 1, -1]]),
        lambda: scn.SparseResNet(2, 0, []),
        lambda: scn.SparseDenseNet(2, 3, ["B2x4"]),
        lambda: scn.SparseDenseNet(2, 3, [{"pool": "XX"}]),
        lambda: scn.SparseDenseNet(2, 3, [{"growth": 4}]),
        lambda: scn.SparseDenseNet(2, 3, [{"pool": "BN-R-C-AP", "compression": 1}]),
        lambda: scn.SparseDenseNet(2, 3, [{"growthRate": 1.5}]),
        lambda: scn.FullyConvolutionalNet(2, 1, []),
        lambda: scn.FullyConvolutionalNet(2, 0, [3]),
        lambda: scn.FullyConvolutionalNet(2, 1, [3, 0]),
        lambda: scn.FullConvolutionalNetIntegratedLinear(2, 1, [3], 0),
        lambda: scn.FullConvolutionalNetIntegratedLinear(11, 1, [3]),
    ],
)
def test_what_cannot_be_a_network_is_refused(make):
    with pytest.raises((scn.InvalidArgumentError, scn.FormatError)):
        make()
