"""Reductions over segments, softmax within them, the way back to the rows, and voxels in the order of their points."""

import numpy as np
import pytest

import scn

REDUCTIONS = {"sum": scn.segment_sum, "mean": scn.segment_mean, "max": scn.segment_max}


def reduced(kind, rows, segment_of_row, segments):
    """Segment by segment, in double."""
    result = np.zeros((segments, *rows.shape[1:]))
    for segment in range(segments):
        own = rows[segment_of_row == segment].astype(np.float64)
        if len(own):
            result[segment] = getattr(own, kind)(axis=0)
    return result


def softened(rows, segment_of_row, segments):
    result = np.zeros(rows.shape)
    for segment in range(segments):
        own = np.exp(rows[segment_of_row == segment].astype(np.float64))
        result[segment_of_row == segment] = own / own.sum(0)
    return result


@pytest.mark.parametrize("kind", REDUCTIONS)
@pytest.mark.parametrize(
    "rows, segments, shape", [(0, 0, (2,)), (0, 3, (2,)), (1, 1, ()), (90, 7, (3,)), (60, 99, (2, 2))]
)
def test_reductions(random, kind, rows, segments, shape):
    values = random.standard_normal((rows, *shape)).astype(np.float32)
    where = random.integers(-1, segments, rows) if segments else np.zeros(0, int)
    x = scn.tensor(values, requires_grad=True)
    y = REDUCTIONS[kind](x, where, segments)
    assert y.shape == (segments, *shape)
    assert np.allclose(y, reduced(kind, values, where, segments), atol=1e-5)
    weights = random.standard_normal(y.shape).astype(np.float32)
    y.backward(weights)
    expected = np.where((where >= 0).reshape(-1, *[1] * len(shape)), weights[where] if segments else values, 0)
    if kind == "mean":
        expected = expected / np.maximum(np.bincount(where[where >= 0], minlength=segments), 1)[where].reshape(
            -1, *[1] * len(shape)
        )
    if kind == "max":
        expected = np.where(values == y.numpy()[where], expected, 0) if segments else expected
    assert np.allclose(x.grad, expected, atol=1e-6)


def test_softmax_and_gather(random):
    values, where = random.standard_normal((80, 3)).astype(np.float32), random.integers(-1, 9, 80)
    x = scn.tensor(values, requires_grad=True)
    y = scn.segment_softmax(x, where)
    expected = softened(values, where, 9)
    assert np.allclose(y, expected, atol=1e-6)
    weights = random.standard_normal(y.shape).astype(np.float32)
    y.backward(weights)
    products = reduced("sum", expected * weights, where, 9)
    assert np.allclose(x.grad, expected * (weights - products[where]), atol=1e-6)

    vectors = scn.tensor(random.standard_normal((9, 3)), requires_grad=True)
    rows = scn.segment_gather(vectors, where)
    assert np.array_equal(rows, np.where(where[:, None] >= 0, vectors.numpy()[where], 0))
    rows.backward(weights)
    assert np.allclose(vectors.grad, reduced("sum", weights, where, 9), atol=1e-5)
    # Arrays do as well, and the number of segments follows from the map.
    assert scn.segment_sum(values, [5] * 80).shape == (6, 3)
    assert scn.segment_sum(np.zeros((0, 3)), np.zeros(0, int)).shape == (0, 3)


def test_pad(random):
    values, where = random.standard_normal((50, 2)).astype(np.float32), random.integers(-1, 6, 50)
    x = scn.tensor(values, requires_grad=True)
    y = scn.segment_pad(x, 4, where, 6)
    assert y.shape == (6, 4, 2)
    expected, kept = np.zeros((6, 4, 2), np.float32), np.zeros((50, 2))
    weights = random.standard_normal(y.shape).astype(np.float32)
    for segment in range(6):
        rows = np.flatnonzero(where == segment)[:4]
        expected[segment, : len(rows)] = values[rows]
        kept[rows] = weights[segment, : len(rows)]
    assert np.array_equal(y, expected)
    y.backward(weights)
    assert np.array_equal(x.grad, kept.astype(np.float32))


def test_samples_of_a_sparse_tensor(sparse, random):
    samples = sparse.get_spatial_locations()[:, -1]
    values = sparse.numpy().copy()
    assert np.allclose(scn.segment_mean(sparse), scn.GlobalAveragePooling(2)(sparse), atol=1e-6)
    soft = scn.segment_softmax(sparse)
    assert isinstance(soft, scn.SparseConvNetTensor) and np.allclose(
        soft.numpy(), softened(values, samples, 2), atol=1e-6
    )
    vectors = random.standard_normal((2, 3)).astype(np.float32)
    for operation, expected in {
        "add": values + vectors[samples],
        "multiply": values * vectors[samples],
        "join": np.concatenate([values, vectors[samples]], 1),
    }.items():
        leaf = scn.tensor(vectors, requires_grad=True)
        result = scn.broadcast(sparse, leaf, operation)
        assert isinstance(result, scn.SparseConvNetTensor) and np.array_equal(result.numpy(), expected)
        result.sum().backward()
        assert leaf.grad.shape == (2, 3) and leaf.grad.any()
    dense = scn.broadcast(np.ones((3, 1)), np.array([[2], [5]]), "multiply", [1, -1, 0])
    assert dense.numpy().tolist() == [[5], [0], [2]]


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda x: scn.segment_sum(x, [0, 1, 2, 3], 3), scn.InvalidArgumentError, "segment_of_row: row 3 has 3"),
        (lambda x: scn.segment_sum(x, [0, -2, 2, 1], 3), scn.InvalidArgumentError, "row 1 has -2, expected -1 ... 2"),
        (lambda x: scn.segment_sum(x, [0, 1], 3), scn.ShapeError, "segment_of_row"),
        (lambda x: scn.segment_sum(x, [[0, 1, 2, 3]], 3), scn.ShapeError, "segment_of_row"),
        (lambda x: scn.segment_sum(x, [0, 0.5, 1, 1]), scn.InvalidArgumentError, "segment_of_row: has 0.5"),
        (lambda x: scn.segment_sum(x, [0, 1, 2, 2], -1), scn.InvalidArgumentError, "segments: is -1"),
        (lambda x: scn.segment_max(x), TypeError, "segment_of_row: is None"),
        (lambda x: scn.segment_softmax(x), TypeError, "segment_of_row: is None"),
        (lambda x: scn.segment_pad(x, 0, [0, 1, 2, 2]), scn.InvalidArgumentError, "most: is 0"),
        (lambda x: scn.broadcast(x, x, "subtract", [0, 1, 2, 2]), scn.InvalidArgumentError, "operation"),
        (lambda x: scn.broadcast(x, np.zeros((3, 1)), "add", [0, 1, 2, 2]), scn.ShapeError, "vectors"),
        (lambda x: scn.segment_gather(x, [0, 4]), scn.InvalidArgumentError, "row 1 has 4"),
        (lambda x: scn.segment_gather(x, [[0]]), scn.ShapeError, "segment_of_row"),
    ],
)
def test_what_does_not_fit(call, error, text):
    with pytest.raises(error, match=text):
        call(scn.tensor(np.ones((4, 2))))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("max_points, max_voxels", [(1, None), (3, 40), (40, 0)])
def test_voxelize_in_order(random, kind, max_points, max_voxels):
    points = random.uniform(-0.5, 4.5, (900, 3)).astype(kind)
    points[3, 1], points[4, 0] = np.nan, np.inf
    features = random.standard_normal((900, 2)).astype(np.float32)
    batch = np.repeat([0, 2], 450)
    voxels = scn.voxelize_in_order(
        points, [0.5, 1, 2], max_points, features, max_voxels=max_voxels, batch=batch, origin=0, spatial_size=[8, 4, 2],
        drop_outside=True,
    )  # fmt: skip
    numbers, counts, of_sample, expected = {}, [], {}, np.zeros((0, max_points, 2), np.float32)
    for row, point in enumerate(points.astype(np.float64)):
        place = point / [0.5, 1, 2]
        if not (np.isfinite(place).all() and (place >= 0).all() and (place < [8, 4, 2]).all()):
            assert voxels.voxel_of_point[row] == voxels.place_of_point[row] == -1
            continue
        site = (*np.floor(place).astype(int), batch[row])
        if site not in numbers and (max_voxels is None or of_sample.get(batch[row], 0) < max_voxels):
            numbers[site] = len(numbers)
            of_sample[batch[row]] = of_sample.get(batch[row], 0) + 1
            counts.append(0)
            expected = np.concatenate([expected, np.zeros((1, max_points, 2), np.float32)])
        voxel = numbers.get(site, -1)
        assert voxels.voxel_of_point[row] == voxel
        assert voxels.place_of_point[row] == (counts[voxel] if voxel >= 0 else -1)
        if voxel >= 0:
            if counts[voxel] < max_points:
                expected[voxel, counts[voxel]] = features[row]
            counts[voxel] += 1
    assert voxels.coords.tolist() == [list(map(int, site)) for site in numbers] and voxels.coords.dtype == np.int64
    assert voxels.counts.tolist() == [min(count, max_points) for count in counts]
    assert np.array_equal(voxels.features, expected)
    kept = np.where(voxels.place_of_point < max_points, voxels.voxel_of_point, -1)
    means = scn.segment_mean(features, kept, len(voxels.coords))
    assert np.allclose(means, expected.sum(1) / np.maximum(voxels.counts, 1)[:, None], atol=1e-6)


def test_voxelize_in_order_other_ways(random):
    points = random.uniform(0, 1, (50, 2))
    voxels = scn.voxelize_in_order(points, 0.25, 2)
    sorted_voxels = scn.voxelize(points, 0.25)
    assert voxels.features is None and voxels.coords.shape == sorted_voxels.coords.shape
    same = sorted_voxels.coords[sorted_voxels.voxel_of_point]
    assert np.array_equal(voxels.coords[voxels.voxel_of_point], same)
    assert np.array_equal(voxels.counts, np.minimum(np.bincount(voxels.voxel_of_point), 2))
    empty = scn.voxelize_in_order(np.zeros((0, 3)), 1, 5, np.zeros((0, 4)))
    assert empty.coords.shape == (0, 3) and empty.features.shape == (0, 5, 4) and not len(empty.counts)
    for options, error, text in [
        ({"max_points": 0}, scn.InvalidArgumentError, "max_points"),
        ({"max_voxels": -1}, scn.InvalidArgumentError, "max_voxels"),
        ({"drop_outside": "yes"}, scn.InvalidArgumentError, "drop_outside"),
        ({"origin": 0.5}, scn.CoordinateError, "below the origin"),
        ({"spatial_size": [1, 1]}, scn.CoordinateError, "spatial size"),
        ({"features": np.zeros((3, 1))}, scn.ShapeError, "features"),
        ({"batch": [0]}, scn.ShapeError, "batch"),
    ]:
        with pytest.raises(error, match=text):
            scn.voxelize_in_order(points, 0.25, **{"max_points": 2, **options})


def test_sums_do_not_depend_on_threads(random):
    values, where = random.standard_normal((30_000, 3)).astype(np.float32), random.integers(-1, 4, 30_000)
    threads = scn.get_num_threads()
    results = []
    for count in (1, 2):
        scn.set_num_threads(count)
        results.append([f(values, where).numpy().copy() for f in (*REDUCTIONS.values(), scn.segment_softmax)])
    scn.set_num_threads(threads)
    assert all(np.array_equal(a, b) for a, b in zip(*results))


# A million equal numbers, and numbers of which no float32 holds the running sum.
EQUAL = np.full((1_000_000, 1), 0.1, np.float32)
UNEVEN = np.linspace(1000, 1001, 1_000_000, dtype=np.float32)[:, None]


@pytest.mark.parametrize("values", [EQUAL, UNEVEN], ids=["equal", "uneven"])
def test_means_of_a_million_are_right(values):
    """Every operation that sums over many rows gives the sum of its inputs rounded once, or once and divided."""
    total = values.astype(np.float64).sum()
    mean, count, edge = total / len(values), len(values), 100
    one_site, near = np.zeros((count, 1), int), {"rtol": 1.5e-7, "atol": 0}
    assert np.allclose(scn.InputLayer(1, 4, 4)([one_site, values]).numpy(), mean, **near)
    assert np.allclose(scn.InputLayer(1, 4, 3)([one_site, values]).numpy(), total, **near)
    assert np.allclose(scn.voxelize(one_site, 1, values).features, mean, **near)
    assert np.allclose(scn.voxelize(one_site, 1, values, "sum").features, total, **near)
    assert np.allclose(scn.segment_mean(values, one_site[:, 0]), mean, **near)
    assert np.allclose(scn.segment_sum(values, one_site[:, 0]), total, **near)
    cube = np.stack(np.unravel_index(np.arange(count), [edge] * 3), 1)
    x = scn.InputLayer(3, edge, 0)([cube, values])
    assert np.allclose(scn.GlobalAveragePooling(3)(x), mean, **near)
    assert np.allclose(scn.GlobalSumPooling(3)(x), total, **near)
    assert np.allclose(scn.AveragePooling(3, edge, edge)(x).numpy(), mean, **near)
    norm = scn.BatchNormalization(1, momentum=0)
    norm(x)
    assert np.allclose(norm.running_mean, mean, **near)
    variance = values.astype(np.float64).var(ddof=1)
    assert np.allclose(norm.running_var, variance, rtol=1e-5, atol=1e-12)


def test_gradients_of_a_million_are_right():
    """Backward passes sum, too: by a site's vector, by the input of an un-pooling, by a bias."""
    count, edge, value = 1_000_000, 100, np.float32(0.1)
    gradient, total = np.full((count, 1), value), np.float64(value) * count
    x = scn.InputLayer(1, 4, 3)([np.zeros((count, 1), int), np.zeros((count, 1))])
    features = scn.tensor(np.zeros((1, 1)), requires_grad=True)
    x.features = features
    scn.OutputLayer(1)(x).backward(gradient)
    assert np.allclose(features.grad, total, rtol=1.5e-7)
    vectors = scn.tensor(np.zeros((1, 1)), requires_grad=True)
    scn.segment_gather(vectors, np.zeros(count, int)).backward(gradient)
    assert np.allclose(vectors.grad, total, rtol=1.5e-7)
    cube = np.stack(np.unravel_index(np.arange(count), [edge] * 3), 1)
    x = scn.InputLayer(3, edge, 0)([cube, np.zeros((count, 1))])
    pooled = scn.AveragePooling(3, edge, edge)(x)
    leaf = scn.tensor(np.zeros((1, 1)), requires_grad=True)
    pooled.features = leaf
    scn.UnPooling(3, edge, edge)(pooled).backward(gradient)
    assert np.allclose(leaf.grad, total, rtol=1.5e-7)
    linear = scn.NetworkInNetwork(1, 1, True)
    linear(x).backward(gradient)
    assert np.allclose(linear.bias.grad, total, rtol=1.5e-7)


def test_un_pooling_sums_in_double():
    """A thousand windows that meet at one site."""
    value = np.float32(0.1)
    x = scn.InputLayer(1, 2000, 0)([np.arange(2000)[:, None], np.zeros((2000, 1))])
    down = scn.AveragePooling(1, 1001, 1)(x)
    down.features = np.full(down.numpy().shape, value)
    assert np.allclose(scn.UnPooling(1, 1001, 1)(down).numpy()[1000], np.float64(value) * 1000, rtol=1.5e-7)
