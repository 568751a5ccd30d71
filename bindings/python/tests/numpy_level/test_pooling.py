"""Poolings other than the maximum, full convolution, and windows that are displaced at random, checked against
numpy."""

import itertools
import pickle

import numpy as np
import pytest

import scn


def dense(x):
    """A sparse tensor as an array [batch, ...size, planes], and where its sites are."""
    sites = np.roll(x.get_spatial_locations(), 1, axis=1)
    result = np.zeros((x.batch_size(), *x.spatial_size, x.numpy().shape[1]))
    result[tuple(sites.T)] = x.numpy()
    return result, sites


def test_average_pooling(sparse):
    y = scn.AveragePooling(2, 3, 2, 1)(sparse)
    values, _ = dense(sparse)
    assert y.spatial_size.tolist() == [7, 7] and y.numpy().shape[1] == 2
    got, sites = dense(y)
    assert np.array_equal(y.get_spatial_locations(), scn.MaxPooling(2, 3, 2)(sparse).get_spatial_locations())
    for sample, row, column in sites:
        window = values[sample, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3, 1:]
        assert np.allclose(got[sample, row, column], window.sum((0, 1)) / 9, atol=1e-6)


@pytest.mark.parametrize("size, stride, padding, dilation", [(3, 2, 0, 1), (2, 2, 1, 1), (3, 1, 0, 1), (3, 2, 1, 2)])
def test_unpooling_is_the_transpose_of_average_pooling(sparse, random, size, stride, padding, dilation):
    keywords = {"padding": padding, "dilation": dilation}
    down = scn.AveragePooling(2, size, stride, **keywords)(sparse)
    up = scn.UnPooling(2, size, stride, **keywords)(down)
    assert np.array_equal(up.get_spatial_locations(), sparse.get_spatial_locations())
    assert up.spatial_size.tolist() == [15, 15]
    # <pool(x), y> * volume = <x, unpool(y)>
    y = random.standard_normal(down.numpy().shape).astype(np.float32)
    coarse = scn.SparseConvNetTensor(scn.tensor(y), down.metadata, down.spatial_size)
    back = scn.UnPooling(2, size, stride, **keywords)(coarse)
    assert np.isclose((down.numpy() * y).sum() * size**2, (sparse.numpy() * back.numpy()).sum(), rtol=1e-4)
    assert scn.UnPooling(2, size, stride, 1, **keywords)(coarse).numpy().shape == (40, 2)


@pytest.mark.parametrize("layer", [scn.MaxPooling, scn.AveragePooling])
def test_dropped_features_get_no_gradient(points, layer):
    features = scn.tensor(points[1], requires_grad=True)
    y = layer(2, 3, 2, 2)(scn.InputLayer(2, 15, mode=0)([points[0], features]))
    y.backward(np.ones(y.numpy().shape, np.float32))
    assert not features.grad[:, :2].any() and features.grad[:, 2].any()


def test_global_pooling(points):
    coords, values = points
    features = scn.tensor(values - 5, requires_grad=True)
    enter = scn.InputLayer(2, 15, mode=0)
    for layer, function in [
        (scn.GlobalSumPooling(2), np.sum),
        (scn.GlobalAveragePooling(2), np.mean),
        (scn.GlobalMaxPooling(2), np.max),
    ]:
        y = layer(enter([coords, features, 4]))
        expected = [function(values[coords[:, 2] == sample] - 5, axis=0) for sample in range(2)]
        assert isinstance(y, scn.Tensor) and np.allclose(y, [*expected, [0] * 3, [0] * 3], atol=1e-4)
        assert y.numpy().max() <= 0
        features.zero_grad()
        y.backward(np.ones((4, 3), np.float32))
        gradient = features.grad
        for sample in range(2):
            rows = gradient[coords[:, 2] == sample]
            assert np.allclose(rows.sum(0), len(rows) if function is np.sum else 1, atol=1e-4)
        head = scn.Sequential(layer, scn.Linear(3, 2))
        assert head(enter([coords, features])).shape == (2, 2)


@pytest.mark.parametrize("size, stride, groups", [(3, 2, 1), (2, 2, 3), ([1, 3], [2, 1], 1), (2, 3, 1)])
def test_full_convolution(sparse, size, stride, groups):
    layer = scn.FullConvolution(2, 3, 6, size, stride, True, groups)
    layer.bias.copy_(np.arange(6))
    y = layer(sparse)
    size, stride = np.broadcast_to(size, 2), np.broadcast_to(stride, 2)
    assert y.spatial_size.tolist() == (14 * stride + size).tolist()
    values, sites = dense(sparse)
    expected = np.zeros((2, *y.spatial_size, 6))
    reached = np.zeros((2, *y.spatial_size), bool)
    for (sample, *where), (tap, offset) in itertools.product(sites, enumerate(itertools.product(*map(range, size)))):
        to = (sample, *(np.array(where) * stride + offset))
        x = values[(sample, *where)].reshape(groups, -1)
        expected[to] += np.concatenate([x[g] @ layer.weight[tap, g] for g in range(groups)])
        reached[to] = True
    got, sites = dense(y)
    assert np.array_equal(sites, np.argwhere(reached))
    assert np.allclose(got[reached], expected[reached] + np.arange(6), atol=1e-4)
    assert layer.input_spatial_size(y.spatial_size).tolist() == [15, 15]
    assert scn.TransposeConvolution is scn.FullConvolution


def field(size):
    """A 1-D field with a site everywhere, whose value is its position, from 1 on."""
    places = np.arange(size)
    return scn.InputLayer(1, size)([places[:, None], places[:, None] + 1])


def starts(layer, size):
    """Where the windows start, for a layer that passes on their first value."""
    return layer(field(size)).numpy()[:, 0].astype(int) - 1


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_randomized_stride(stride):
    size = 29 * stride + 3
    convolution = scn.RandomizedStrideConvolution(1, 1, 1, 3, stride, False)
    convolution.weight.copy_(np.array([1, 0, 0]).reshape(3, 1, 1, 1))
    scn.manual_seed(1)
    first, second = starts(convolution, size), starts(convolution, size)
    for drawn in first, second:
        assert drawn[0] == 0 and sorted(np.diff(drawn)) == [stride - 1] * 10 + [stride] * 9 + [stride + 1] * 10
    assert not np.array_equal(first, second)
    scn.manual_seed(1)
    assert np.array_equal(starts(convolution, size), first)
    convolution.eval()
    assert np.array_equal(starts(convolution, size), np.arange(30) * stride)
    pooling = scn.RandomizedStrideMaxPooling(1, 1, stride)
    scn.manual_seed(1)
    assert np.array_equal(starts(pooling, size - 2), first)
    assert np.array_equal(starts(pooling.eval(), size - 2), np.arange(30) * stride)


def test_randomized_stride_in_a_network(sparse):
    """Each axis has its own shuffle, branches share theirs, and the reverse leads back to the earlier sites."""
    branch = lambda: scn.RandomizedStrideConvolution(2, 3, 4, 3, 2, False)  # noqa: E731
    net = scn.Sequential(scn.ConcatTable(branch(), branch()), scn.JoinTable())
    net.add(scn.Deconvolution(2, 8, 2, 3, 2, False))
    y = net(sparse)
    y.backward(np.ones(y.numpy().shape, np.float32))
    assert all(np.abs(p.grad).max() > 0 for p in net.parameters())
    assert set(map(tuple, y.get_spatial_locations())) == set(map(tuple, sparse.get_spatial_locations()))


def test_randomized_gradient_at_stride_one(points):
    """Windows that coincide add up: the layer is linear, so the gradient is its transpose."""
    features = scn.tensor(points[1], requires_grad=True)
    x = scn.InputLayer(2, 15, mode=0)([points[0], features])
    layer = scn.RandomizedStrideConvolution(2, 3, 5, 3, 1, False)
    y = layer(x)
    y.backward(y.numpy())
    total = (y.numpy().astype(np.float64) ** 2).sum()
    assert np.isclose((features.grad * points[1]).sum(), total, rtol=1e-4)
    assert np.isclose((layer.weight.grad * layer.weight.numpy()).sum(), total, rtol=1e-4)


@pytest.mark.parametrize("pool_size", [1, 2, None])
@pytest.mark.parametrize("sequence", ["pseudorandom", "random"])
@pytest.mark.parametrize("ratio", [1.26, 2**0.5, 1.9, 2.5])
def test_fractional_max_pooling(pool_size, sequence, ratio):
    layer = scn.FractionalMaxPooling(1, ratio, pool_size, sequence=sequence)
    draws = [starts(layer, 60) for _ in range(8)]
    first, *others = draws
    assert len(first) == int(60 / ratio)
    room = 60 - (pool_size or 0)
    last = (pool_size or 1) - 1
    for ends in draws:
        if pool_size is None:
            steps = np.diff(np.concatenate([[-1], ends]))
            assert ends[-1] == 59
        else:
            steps = np.diff(ends)
            assert ends[0] == last and ends[-1] == 59
        assert set(steps) <= {room // len(steps), -(-room // len(steps))} and steps.sum() == room
    assert not all(np.array_equal(first, other) for other in others)
    layer.eval()
    regular = starts(layer, 60)
    assert np.array_equal(starts(layer, 60), regular) and len(regular) == len(first)
    assert layer.input_spatial_size([len(first)]).tolist()[0] <= 60


def test_fractional_max_pooling_of_a_field(sparse):
    layer = scn.FractionalMaxPooling(2, output_size=[7, 10], nFeaturesToDrop=1)
    y = layer(sparse)
    assert y.spatial_size.tolist() == [7, 10] and y.numpy().shape[1] == 2 and y.numpy().min() >= 0
    # No step is longer than the window, so that no site is lost: the largest value of each sample stays.
    assert np.allclose(scn.GlobalMaxPooling(2)(scn.FractionalMaxPooling(2, 1.5)(sparse)),
                       np.maximum(scn.GlobalMaxPooling(2)(sparse).numpy(), 0))  # fmt: skip
    with pytest.raises(scn.UnsupportedError, match="output_size"):
        layer.input_spatial_size([7, 10])
    with pytest.raises(scn.ShapeError, match="windows"):
        scn.FractionalMaxPooling(2, output_size=15)(sparse)


@pytest.mark.parametrize(
    "layer",
    [
        scn.AveragePooling(2, [3, 2], 2, 1, padding=1),
        scn.UnPooling(2, 3, [2, 1], dilation=2),
        scn.RandomizedStrideMaxPooling(2, 3, 2),
        scn.FractionalMaxPooling(2, [1.5, 1.25], 3, 1),
        scn.FractionalMaxPooling(2, pool_size=None, output_size=5, sequence="random"),
        scn.GlobalSumPooling(3),
        scn.GlobalAveragePooling(2),
        scn.GlobalMaxPooling(1),
        scn.FullConvolution(2, 2, 4, 3, 2, True, 2),
        scn.RandomizedStrideConvolution(2, 2, 4, 3, [2, 1], False, padding=1),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_comes_back_from_files_and_pickles(layer, tmp_path):
    scn.save(layer, tmp_path / "layer.safetensors")
    for other in scn.load(tmp_path / "layer.safetensors"), pickle.loads(pickle.dumps(layer)):
        assert type(other) is type(layer) and repr(other) == repr(layer)
        assert all(np.array_equal(a, b) for a, b in zip(other.parameters(), layer.parameters()))


@pytest.mark.parametrize(
    "make",
    [
        lambda: scn.AveragePooling(2, 3, 0),
        lambda: scn.AveragePooling(2, 3, 2, -1),
        lambda: scn.UnPooling(2, [3, 3, 3], 2),
        lambda: scn.RandomizedStrideMaxPooling(0, 3, 2),
        lambda: scn.RandomizedStrideConvolution(2, 3, 4, 3, 2, 5),
        lambda: scn.FullConvolution(2, 3, 4, 3, 2, False, 2),
        lambda: scn.FullConvolution(2, 3, 4, 0, 2, False),
        lambda: scn.GlobalMaxPooling(11),
        lambda: scn.FractionalMaxPooling(2),
        lambda: scn.FractionalMaxPooling(2, 1),
        lambda: scn.FractionalMaxPooling(2, float("nan")),
        lambda: scn.FractionalMaxPooling(2, "much"),
        lambda: scn.FractionalMaxPooling(2, [1.5, 1.5, 1.5]),
        lambda: scn.FractionalMaxPooling(2, 1.5, output_size=3),
        lambda: scn.FractionalMaxPooling(2, 1.5, 0),
        lambda: scn.FractionalMaxPooling(2, 1.5, sequence="other"),
        lambda: scn.FractionalMaxPooling(2, 1.5, 2, -1),
    ],
)
def test_bad_arguments(make):
    with pytest.raises(ValueError) as caught:
        make()
    assert str(caught.value)


def test_bad_inputs(sparse):
    with pytest.raises(scn.StateError):
        scn.UnPooling(2, 3, 2)(sparse)
    with pytest.raises(ValueError, match="planes"):
        scn.AveragePooling(2, 3, 2, 3)(sparse)
    with pytest.raises(ValueError, match="planes"):
        scn.FullConvolution(2, 4, 4, 3, 2, False)(sparse)
    with pytest.raises(ValueError, match="dimension"):
        scn.GlobalSumPooling(3)(sparse)
    with pytest.raises(ValueError, match="size"):
        scn.RandomizedStrideMaxPooling(2, 2, 2)(sparse)


def test_no_sites():
    nothing = scn.InputLayer(2, 15)([np.zeros((0, 2), np.int64), np.zeros((0, 3), np.float32), 2])
    for layer in [
        scn.AveragePooling(2, 3, 2),
        scn.RandomizedStrideMaxPooling(2, 3, 2),
        scn.FractionalMaxPooling(2, 1.5),
        scn.FractionalMaxPooling(2, 1.5, None),
        scn.FullConvolution(2, 3, 3, 2, 2, True),
    ]:
        assert layer(nothing).numpy().shape == (0, 3)
    assert scn.UnPooling(2, 3, 2)(scn.AveragePooling(2, 3, 2)(nothing)).numpy().shape == (0, 3)
    for kind in scn.GlobalSumPooling, scn.GlobalAveragePooling, scn.GlobalMaxPooling:
        assert np.array_equal(kind(2)(nothing), np.zeros((2, 3)))


def test_sums_and_means_over_many_points_are_exact():
    count = 200_000
    one = np.zeros((count, 1), np.int64)
    values = np.float32(1000) + np.random.default_rng(0).random((count, 1), np.float32)
    exact = np.float32(values.astype(np.float64).mean())
    assert scn.InputLayer(1, 1, 4)([one, values]).features.numpy() == exact
    assert scn.voxelize(one.astype(np.float32), 1, values).features[0, 0] == exact
    for value in (0.1, 2e38):
        same = np.full((count, 1), value, np.float32)
        assert scn.InputLayer(1, 1, 4)([one, same]).features.numpy() == same[0, 0]
        line = scn.InputLayer(1, count, 0)([np.arange(count)[:, None], same])
        assert scn.AveragePooling(1, count, count)(line).features.numpy() == same[0, 0]
        assert scn.GlobalAveragePooling(1)(line).numpy() == same[0, 0]
    ones = np.ones((2**24 + 3, 1), np.float32)
    many = scn.InputLayer(1, len(ones), 0)([np.arange(len(ones))[:, None], ones])
    assert scn.GlobalSumPooling(1)(many).numpy() == len(ones) + 1  # the even neighbor: 2^24 + 3 is not a float32


@pytest.mark.parametrize("make", [lambda: scn.MaxPooling(1, 2, 2), lambda: scn.FractionalMaxPooling(1, 2), None])
def test_nan_wins_in_every_max_pooling(make):
    values = scn.tensor(np.array([[np.nan, 1], [1, np.nan], [-1, 2], [-np.inf, 3]], np.float32))
    values.requires_grad = True
    x = scn.InputLayer(1, 4, 0)([np.arange(4)[:, None], values])
    if make is None:
        pooled, want, by = scn.GlobalMaxPooling(1)(x), [[np.nan, np.nan]], [[1, 0], [0, 1], [0, 0], [0, 0]]
    else:
        pooled, want, by = make()(x).features, [[np.nan, np.nan], [0, 3]], [[1, 0], [0, 1], [0, 0], [0, 1]]
    assert np.array_equal(pooled.numpy(), np.array(want, np.float32), equal_nan=True)
    pooled.backward(scn.tensor(np.ones(pooled.shape, np.float32)))
    assert np.array_equal(np.asarray(values.grad), by)
