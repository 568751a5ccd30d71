"""Weights of other libraries, against lists of offsets written by hand from their sources."""

import itertools

import numpy as np
import pytest

import scn

# The input site, relative to the output's, that each weight of a kernel belongs to.
MINKOWSKI_2x3 = [(0, -1), (1, -1), (0, 0), (1, 0), (0, 1), (1, 1)]
MINKOWSKI_3x3 = [(-1, -1), (0, -1), (1, -1), (-1, 0), (0, 0), (1, 0), (-1, 1), (0, 1), (1, 1)]
MINKOWSKI_4 = [(0,), (1,), (2,), (3,)]
TORCHSPARSE_3x1x3 = [
    (-1, 0, -1),
    (0, 0, -1),
    (1, 0, -1),
    (-1, 0, 0),
    (0, 0, 0),
    (1, 0, 0),
    (-1, 0, 1),
    (0, 0, 1),
    (1, 0, 1),
]
TORCHSPARSE_2x2x2 = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1)]
TORCHSPARSE_2x4x1 = [(0, -1, 0), (0, 0, 0), (0, 1, 0), (0, 2, 0), (1, -1, 0), (1, 0, 0), (1, 1, 0), (1, 2, 0)]
# [k_y, k_x] of spconv, with the padding 1 of its submanifold convolutions.
SPCONV_3x3 = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0), (0, 1), (1, -1), (1, 0), (1, 1)]


def kernel(offsets, planes=(2, 3)):
    return np.random.default_rng(len(offsets)).standard_normal((len(offsets), *planes)).astype(np.float32)


def cloud(dimension, size=6):
    random = np.random.default_rng(dimension)
    sites = np.array(list(itertools.product(range(size), repeat=dimension)))
    sites = sites[random.random(len(sites)) < 0.6]
    return sites, random.standard_normal((len(sites), 2)).astype(np.float32)


def by_hand(sites, features, outputs, offsets, weights, stride):
    """The sum over each offset's input, one by one."""
    where = {tuple(site): row for site, row in zip(sites.tolist(), features)}
    result = np.zeros((len(outputs), weights.shape[-1]))
    for row, output in enumerate(outputs.tolist()):
        for offset, weight in zip(offsets, weights):
            found = where.get(tuple(s * o + k for s, o, k in zip(stride, output, offset)))
            if found is not None:
                result[row] += found @ weight
    return result


def check_submanifold(converted, filter_size, offsets, weights):
    dimension = len(offsets[0])
    sites, features = cloud(dimension)
    x = scn.InputLayer(dimension, 6, mode=0)([sites, features])
    layer = scn.SubmanifoldConvolution(dimension, 2, 3, filter_size, False)
    layer.weight.copy_(converted)
    want = by_hand(sites, features, x.get_spatial_locations()[:, :-1], offsets, weights, [1] * dimension)
    np.testing.assert_allclose(layer(x).numpy(), want, atol=1e-5)


def check_strided(converted, filter_size, padding, offsets, weights, stride=(2, 2, 2)):
    dimension = len(offsets[0])
    stride = stride[:dimension]
    sites, features = cloud(dimension)
    x = scn.InputLayer(dimension, 6, mode=0)([sites, features])
    layer = scn.Convolution(dimension, 2, 3, filter_size, stride, False, padding=padding)
    layer.weight.copy_(converted)
    y = layer(x)
    want = by_hand(sites, features, y.get_spatial_locations()[:, :-1], offsets, weights, stride)
    np.testing.assert_allclose(y.numpy(), want, atol=1e-5)
    back = scn.Deconvolution(dimension, 3, 2, filter_size, stride, False, padding=padding)
    back.weight.copy_(np.swapaxes(np.asarray(converted), 2, 3))
    x.features.requires_grad_()
    y = layer(x)
    y.backward(y.numpy())
    # A deconvolution with the same weights transposed is the gradient of the convolution with respect to its input.
    np.testing.assert_allclose(back(y).numpy(), x.features.grad, atol=1e-4)


def test_minkowski_engine():
    weights = kernel(MINKOWSKI_3x3)
    converted = scn.weights_from_minkowski_engine(weights, [3, 3], submanifold=True)
    assert converted.shape == (9, 1, 2, 3) and converted.dtype == np.float32
    assert np.array_equal(converted, scn.weights_from_minkowski_engine(weights, [3, 3]))
    assert np.array_equal(converted[1, 0], weights[MINKOWSKI_3x3.index((-1, 0))])
    check_submanifold(converted, 3, MINKOWSKI_3x3, weights)
    check_strided(converted, 3, 1, MINKOWSKI_3x3, weights)
    assert np.array_equal(scn.weights_to_minkowski_engine(converted, [3, 3]), weights)

    weights = kernel(MINKOWSKI_2x3)
    strided = scn.weights_from_minkowski_engine(weights, [2, 3])
    assert strided.shape == (6, 1, 2, 3)
    assert np.array_equal(strided[:, 0], weights[[0, 2, 4, 1, 3, 5]])
    check_strided(strided, [2, 3], [0, 1], MINKOWSKI_2x3, weights)
    assert np.array_equal(scn.weights_to_minkowski_engine(strided, (2, 3)), weights)
    centered = scn.weights_from_minkowski_engine(weights, [2, 3], submanifold=True)
    assert centered.shape == (9, 1, 2, 3) and not centered[:3].any()
    check_submanifold(centered, 3, MINKOWSKI_2x3, weights)

    weights = kernel(MINKOWSKI_4)
    check_submanifold(scn.weights_from_minkowski_engine(weights, [4], submanifold=True), 7, MINKOWSKI_4, weights)
    single = kernel([(0, 0)])
    assert np.array_equal(scn.weights_from_minkowski_engine(single[0], [1, 1]), single[:, None])
    assert np.array_equal(scn.weights_to_minkowski_engine(single[:, None], [1, 1]), single[0])


def test_torchsparse():
    weights = kernel(TORCHSPARSE_3x1x3)
    converted = scn.weights_from_torchsparse(weights, [3, 1, 3], submanifold=True)
    check_submanifold(converted, [3, 1, 3], TORCHSPARSE_3x1x3, weights)
    assert np.array_equal(scn.weights_to_torchsparse(converted, [3, 1, 3]), weights)

    weights = kernel(TORCHSPARSE_2x2x2)
    converted = scn.weights_from_torchsparse(weights, [2, 2, 2])
    assert np.array_equal(converted[:, 0], weights)
    check_strided(converted, 2, 0, TORCHSPARSE_2x2x2, weights)
    centered = scn.weights_from_torchsparse(weights, [2, 2, 2], submanifold=True)
    check_submanifold(centered, 3, TORCHSPARSE_2x2x2, weights)
    assert np.array_equal(scn.weights_to_torchsparse(converted, [2, 2, 2]), weights)

    weights = kernel(TORCHSPARSE_2x4x1)
    converted = scn.weights_from_torchsparse(weights, [2, 4, 1])
    check_strided(converted, [2, 4, 1], [0, 1, 0], TORCHSPARSE_2x4x1, weights, stride=(2, 2, 1))


@pytest.mark.parametrize("layout, axes", [("RSCK", (0, 1, 2, 3)), ("KRSC", (3, 0, 1, 2)), ("RSKC", (0, 1, 3, 2))])
def test_spconv(layout, axes):
    weights = kernel(SPCONV_3x3)
    theirs = weights.reshape(3, 3, 2, 3).transpose(axes)
    converted = scn.weights_from_spconv(theirs, layout)
    assert np.array_equal(converted, weights[:, None])
    assert np.array_equal(scn.weights_from_spconv(theirs.astype(np.float64).tolist(), layout), converted)
    check_submanifold(converted, 3, SPCONV_3x3, weights)
    check_strided(converted, 3, 1, SPCONV_3x3, weights)
    back = scn.weights_to_spconv(converted, [3, 3], layout)
    assert np.array_equal(back, theirs) and back.flags.c_contiguous


def test_nothing_of_the_source_is_shared():
    weights = kernel(SPCONV_3x3)
    for converted in (
        scn.weights_from_minkowski_engine(weights, [3, 3]),
        scn.weights_to_spconv(weights[:, None], [3, 3], "RSCK"),
        scn.weights_from_spconv(weights.reshape(3, 3, 2, 3), "RSCK"),
    ):
        assert not np.shares_memory(converted, weights)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (
            lambda: scn.weights_from_spconv(np.zeros((3, 3, 2, 2)), "KSRC"),
            scn.InvalidArgumentError,
            "layout: is 'KSRC', expected 'KRSC'",
        ),
        (
            lambda: scn.weights_from_spconv(np.zeros((3, 3))),
            scn.ShapeError,
            "weight: has shape [3, 3], expected at least 3 axes",
        ),
        (
            lambda: scn.weights_from_spconv(np.array(["a"])),
            scn.InvalidArgumentError,
            "weight: has elements of type <U1, expected real numbers",
        ),
        (lambda: scn.weights_from_minkowski_engine(np.zeros((9, 2, 2)), 3), scn.ShapeError, "one size for each axis"),
        (
            lambda: scn.weights_from_minkowski_engine(np.zeros((8, 2, 2)), [3, 3]),
            scn.ShapeError,
            "expected [9, nIn, nOut] of a filter [3, 3]",
        ),
        (
            lambda: scn.weights_from_minkowski_engine(np.zeros((0, 2, 2)), [0, 3]),
            scn.InvalidArgumentError,
            "at least 1",
        ),
        (
            lambda: scn.weights_from_torchsparse(np.zeros((9, 2, 2)), [3, 3]),
            scn.ShapeError,
            "has 2 entries, expected 3",
        ),
        (
            lambda: scn.weights_from_torchsparse(np.zeros((18, 2, 2)), [3, 3, 2], submanifold=True),
            scn.InvalidArgumentError,
            "expected odd sizes, or sizes of 1 and 2",
        ),
        (lambda: scn.weights_to_spconv(np.zeros((9, 2, 1, 1)), [3, 3]), scn.ShapeError, "2 groups"),
        (lambda: scn.weights_to_spconv(np.zeros((9, 1, 1, 1)), [3, 3], "?"), scn.InvalidArgumentError, "layout"),
        (
            lambda: scn.weights_to_torchsparse(np.zeros((9, 1, 1, 1)), [3, 3]),
            scn.ShapeError,
            "has 2 entries, expected 3",
        ),
        (
            lambda: scn.weights_to_minkowski_engine(np.zeros((9, 1, 1)), [3, 3]),
            scn.ShapeError,
            "expected [9, 1, nIn, nOut] of a filter [3, 3]",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
