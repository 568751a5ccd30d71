"""Sites in any field, chosen sites, rulebooks between any two sets of them, and what flows along these."""

import itertools
import pickle

import numpy as np
import pytest

import scn
from scn import functional

FIELDS = [
    {"first": 0, "size": 7, "bounded": True},
    {"first": -9, "size": 8, "bounded": True},
    {"first": -4, "size": 9, "bounded": False},
    {"first": 10**9, "size": 6, "bounded": False},
]


def drawn(random, field, dimension, count):
    places = random.integers(field["first"], field["first"] + field["size"], (count, dimension))
    where = np.concatenate([places, random.integers(0, 2, (count, 1))], 1)
    return np.unique(where, axis=0)


def sites_of(field, dimension, where):
    bounds = (field["size"], [field["first"]] * dimension) if field["bounded"] else (None, None)
    return scn.Sites(dimension, where, *bounds, batch_size=3)


def rules_of(rulebook):
    """Return (offset, input, output) of each rule."""
    offset = np.repeat(np.arange(rulebook.volume), np.diff(rulebook.offsets))
    return set(zip(offset.tolist(), rulebook.inputs.tolist(), rulebook.outputs.tolist()))


def oracle(inputs, outputs, offsets, a, b):
    row_of = {tuple(site): row for row, site in enumerate(inputs.tolist())}
    found = set()
    for row, site in enumerate(outputs.tolist()):
        for k, offset in enumerate(np.asarray(offsets).tolist()):
            places = [site[axis] * b[axis] + offset[axis] for axis in range(len(offset))]
            if all(place % step == 0 for place, step in zip(places, a)):
                key = (*(place // step for place, step in zip(places, a)), site[-1])
                if key in row_of:
                    found.add((k, row_of[key], row))
    return found


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("dimension", [1, 2, 3, 6])
def test_sites_and_rules_between_them(field, dimension):
    random = np.random.default_rng(dimension)
    inputs = sites_of(field, dimension, drawn(random, field, dimension, 60))
    assert inputs.is_unbounded != field["bounded"]
    assert len(inputs) == len(inputs.coordinates)
    strides = random.integers(1, 4, (2, dimension))
    chosen = drawn(random, field, dimension, 40)
    outputs = inputs.taken(chosen)
    offsets = random.integers(-3, 4, (7, dimension))
    a, b = strides.tolist()
    # So that something meets, far from the origin too.
    met = min(5, len(inputs), len(outputs))
    offsets[:met] = inputs.coordinates[:met, :-1] * a - outputs.coordinates[:met, :-1] * b
    rulebook = inputs.related(outputs, offsets, input_stride=a, output_stride=b)
    expected = oracle(inputs.coordinates, outputs.coordinates, offsets, a, b)
    assert rules_of(rulebook) == expected
    assert expected
    assert (rulebook.input_count, rulebook.output_count) == (len(inputs), len(outputs))
    assert rules_of(rulebook.reversed()) == {(k, o, i) for k, i, o in expected}

    everywhere, rules = inputs.covering(offsets, input_stride=a, output_stride=b)
    assert rules_of(rules) == oracle(inputs.coordinates, everywhere.coordinates, offsets, a, b)
    assert set(rules.outputs.tolist()) == set(range(len(everywhere)))


@pytest.mark.parametrize("field", FIELDS)
def test_sets_combine(field):
    random = np.random.default_rng(3)
    x, y = (drawn(random, field, 2, 25) for _ in range(2))
    first, second = sites_of(field, 2, x), sites_of(field, 2, y)
    ours, theirs = {tuple(site) for site in x.tolist()}, {tuple(site) for site in y.tolist()}

    def sites(value):
        return {tuple(site) for site in value.coordinates.tolist()}

    assert sites(first.union(second)) == ours | theirs
    assert sites(first.intersection(second)) == ours & theirs
    assert sites(first.difference(second)) == ours - theirs
    rows = first.rows_in(second)
    assert [tuple(second.coordinates[row]) if row >= 0 else None for row in rows] == [
        site if site in theirs else None for site in map(tuple, first.coordinates.tolist())
    ]
    questions = np.concatenate([x, y, [[0, 0, 99], [-(2**62), 3, 0]]])
    assert (first.rows(questions) >= 0).tolist() == [tuple(site) in ours for site in questions.tolist()]
    floored = first.floor([2, 3])
    assert sites(floored) == {(a // 2, b // 3, sample) for a, b, sample in ours}
    part, way = first.subset(first.coordinates[:, 0] % 2 == 0)
    assert sites(part) == {site for site in ours if site[0] % 2 == 0}
    assert (way.volume, way.output_count) == (1, len(part))
    some, _ = first.subset([3, 1])
    assert some.coordinates.tolist() == first.coordinates[[1, 3]].tolist()


def test_fields_are_kept_where_metadata_is_pickled():
    for field in FIELDS:
        sites = sites_of(field, 2, drawn(np.random.default_rng(0), field, 2, 9))
        again = scn.Sites._of(pickle.loads(pickle.dumps(sites.metadata)), 0)
        assert again.coordinates.tolist() == sites.coordinates.tolist()
        assert again.is_unbounded == sites.is_unbounded
        assert again.lower.tolist() == sites.lower.tolist()


def test_offsets_of_filters():
    assert scn.filter_offsets(2, [3, 2]).tolist() == [[-1, -1], [-1, 0], [0, -1], [0, 0], [1, -1], [1, 0]]
    assert scn.filter_offsets(1, 3, "corner", dilation=2, padding=1).tolist() == [[-1], [1], [3]]
    assert scn.filter_offsets(2, 3, "cross").tolist() == [[0, 0], [-1, 0], [1, 0], [0, -1], [0, 1]]
    sites = scn.Sites(2, [[0, 0], [0, 1], [-1, 0], [5, 5]])
    box = sites.related(sites, scn.filter_offsets(2, 3))
    assert rules_of(box) == rules_of(sites.submanifold(3))
    with pytest.raises(scn.InvalidArgumentError, match="shape: is 'round'"):
        scn.filter_offsets(2, 3, "round")


def test_strides_round_down_below_zero():
    output, _ = scn.Sites(1, [[-1, 0], [0, 0], [3, 0]]).strided(2, 2)
    assert output.coordinates.tolist() == [[-1, 0], [0, 0], [1, 0]]


def test_sizes_that_a_stride_does_not_divide():
    sites = scn.Sites(1, [[0, 0], [4, 0]], 5)
    with pytest.raises(scn.ShapeError, match="no multiple of 2"):
        sites.strided(2, 2)
    output, rulebook = sites.strided(2, 2, round_down=True)
    assert output.spatial_size.tolist() == [2]
    assert rules_of(rulebook) == {(0, 0, 0)}


def dense_convolution(features, rulebook, weight, bias):
    groups, inner, outer = weight.shape[1:]
    result = np.tile(bias.astype(np.float64), (rulebook.output_count, 1))
    for k, i, o in rules_of(rulebook):
        for g in range(groups):
            result[o, g * outer : (g + 1) * outer] += features[i, g * inner : (g + 1) * inner] @ weight[k, g]
    return result


def numeric_gradient(function, values, step=1e-2):
    """Return the gradient of a function by central differences, of float32."""
    gradient = np.zeros(values.shape)
    for place in np.ndindex(*values.shape):
        up, down = values.copy(), values.copy()
        up[place] += step
        down[place] -= step
        gradient[place] = (function(up) - function(down)) / (float(up[place]) - float(down[place]))
    return gradient


def check_gradient(function, values, seed):
    """Hold the gradient of <random, function(values)> to central differences."""
    tensor = scn.tensor(values, requires_grad=True)
    result = function(tensor)
    direction = np.random.default_rng(seed).normal(size=result.shape).astype(np.float32)
    (result * direction).sum().backward()

    def along(values):
        return float((function(scn.tensor(values)).numpy().astype(np.float64) * direction).sum())

    np.testing.assert_allclose(tensor.grad, numeric_gradient(along, values), rtol=2e-2, atol=2e-2)


def related_pair(seed=0):
    random = np.random.default_rng(seed)
    inputs = scn.Sites(2, drawn(random, FIELDS[2], 2, 14))
    outputs = inputs.taken(drawn(random, FIELDS[2], 2, 9))
    return random, inputs.related(outputs, random.integers(-2, 3, (5, 2)))


@pytest.mark.parametrize("groups", [1, 2])
def test_convolution_along_a_rulebook(groups):
    random, rulebook = related_pair()
    features = random.normal(size=(rulebook.input_count, 4)).astype(np.float32)
    weight = random.normal(size=(5, groups, 4 // groups, 6 // groups)).astype(np.float32)
    bias = random.normal(size=6).astype(np.float32)
    found = functional.convolve(features, rulebook, weight, bias)
    np.testing.assert_allclose(found, dense_convolution(features, rulebook, weight, bias), rtol=1e-4, atol=1e-5)
    check_gradient(lambda x: functional.convolve(x, rulebook, weight, bias), features, 1)
    check_gradient(lambda w: functional.convolve(features, rulebook, w, bias), weight, 2)
    check_gradient(lambda b: functional.convolve(features, rulebook, weight, b), bias, 3)


@pytest.mark.parametrize("pooling", ["sum", "mean", "volume_mean", "max", "max_with_zero"])
def test_pooling_along_a_rulebook(pooling):
    random, rulebook = related_pair(1)
    features = random.normal(size=(rulebook.input_count, 3)).astype(np.float32)
    features -= 0.5
    expected = np.zeros((rulebook.output_count, 3))
    for row in range(rulebook.output_count):
        met = np.array([features[i] for _, i, o in sorted(rules_of(rulebook)) if o == row], np.float64).reshape(-1, 3)
        if pooling == "max_with_zero":
            met = np.concatenate([met, np.zeros((1, 3))])
        if len(met):
            by = {"sum": met.sum(0), "mean": met.mean(0), "volume_mean": met.sum(0) / rulebook.volume}
            expected[row] = by.get(pooling, met.max(0))
    np.testing.assert_allclose(functional.pool(features, rulebook, pooling), expected, rtol=1e-5, atol=1e-6)
    check_gradient(lambda x: functional.pool(x, rulebook, pooling), features, 2)


def test_the_maximum_of_nothing_is_zero_and_nan_wins():
    sites = scn.Sites(1, [[0, 0], [9, 0]])
    rulebook = sites.related(sites.taken([[1, 0], [5, 0], [9, 0]]), [[-1], [0]])
    features = np.array([[-3.0], [np.nan]], np.float32)
    assert str(functional.pool(features, rulebook, "max").numpy().tolist()) == "[[-3.0], [0.0], [nan]]"


def interpolated(sites, features, points, batch, rescaled):
    row_of = {tuple(site): row for row, site in enumerate(sites.coordinates.tolist())}
    result = np.zeros((len(points), features.shape[1]))
    for n, point in enumerate(points.astype(np.float64)):
        total = 0.0
        for corner in itertools.product((0, 1), repeat=len(point)):
            place = np.floor(point).astype(int) + corner
            row = row_of.get((*place.tolist(), 0 if batch is None else batch[n]))
            if row is not None:
                share = float(np.prod(1 - np.abs(point - place)))
                result[n] += share * features[row]
                total += share
        if rescaled and total > 0:
            result[n] /= total
    return result


@pytest.mark.parametrize("rescaled", [False, True])
@pytest.mark.parametrize("dimension", [1, 2, 3, 5])
def test_interpolation(dimension, rescaled):
    random = np.random.default_rng(dimension)
    field = {"first": -3, "size": 5 if dimension < 4 else 3, "bounded": False}
    sites = scn.Sites(dimension, drawn(random, field, dimension, 50))
    features = random.normal(size=(len(sites), 3)).astype(np.float32)
    sparse = scn.SparseConvNetTensor(features, sites.metadata)
    points = random.uniform(-4, 3, (40, dimension)).astype(np.float32)
    points[0] = np.floor(points[0])
    batch = random.integers(0, 2, 40)
    found = scn.functional.interpolate(sparse, points, batch, rescaled=rescaled)
    expected = interpolated(sites, features, points, batch, rescaled)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)

    # Away from coordinates, where the derivative by the point is the same on both sides.
    inner = np.floor(points[:6]) + random.uniform(0.2, 0.8, (6, dimension)).astype(np.float32)
    check_gradient(
        lambda x: functional.interpolate(sparse, x, batch[:6], rescaled=rescaled), inner.astype(np.float32), 4
    )

    def by_features(values):
        tensor = scn.SparseConvNetTensor(values, sites.metadata)
        return functional.interpolate(tensor, inner, batch[:6], rescaled=rescaled)

    check_gradient(by_features, features, 5)


def test_splatting_is_the_transpose_of_interpolation():
    random = np.random.default_rng(5)
    sites = scn.Sites(2, drawn(random, FIELDS[2], 2, 30))
    points = random.uniform(-4, 4, (500, 2))
    rulebook = sites.interpolation(points)
    weights = random.uniform(size=len(rulebook)).astype(np.float32)
    values = random.normal(size=(500, 3)).astype(np.float32)
    expected = np.zeros((len(sites), 3))
    for site, point, weight in zip(rulebook.inputs, rulebook.outputs, weights):
        expected[site] += weight * values[point].astype(np.float64)
    np.testing.assert_allclose(functional.sum_along(values, rulebook.reversed(), weights), expected, atol=1e-5)
    check_gradient(lambda w: functional.sum_along(values, rulebook.reversed(), w), weights[: len(rulebook)], 6)


def test_a_million_equal_points_splatted_keep_their_sum():
    sites = scn.Sites(1, [[0, 0]])
    rulebook = sites.interpolation(np.zeros((1_000_000, 1)))
    total = functional.sum_along(
        np.full((1_000_000, 1), 1000.5, np.float32), rulebook.reversed(), np.ones(len(rulebook), np.float32)
    )
    assert total.item() == np.float32(1000.5e6)


def test_nothing_flows_through():
    empty = scn.Sites(3, np.empty((0, 4), np.int64))
    assert len(empty) == 0
    some = empty.taken([[1, -2, 3, 0]])
    rulebook = empty.related(some, scn.filter_offsets(3, 3))
    assert (len(rulebook), rulebook.output_count) == (0, 1)
    found = functional.convolve(np.empty((0, 2), np.float32), rulebook, np.ones((27, 1, 2, 2), np.float32), [3, 4])
    assert found.numpy().tolist() == [[3, 4]]
    assert len(empty.floor(2)) == 0
    assert len(empty.union(some)) == 1
    covered, rules = empty.covering(scn.filter_offsets(3, 3))
    assert len(covered) == len(rules) == 0
    assert len(some.covering(np.empty((0, 3), np.int64))[0]) == 0
    assert functional.interpolate(
        scn.SparseConvNetTensor(np.ones((1, 2), np.float32), scn.Sites(3, [[1, -2, 3]]).metadata), np.empty((0, 3))
    ).shape == (0, 2)


def test_refusals():
    sites = scn.Sites(2, [[0, 0], [-1, 5]])
    with pytest.raises(scn.CoordinateError, match="row 1 has -1 on axis 0; the spatial size there is 9"):
        scn.Sites(2, [[0, 0], [-1, 5]], 9)
    with pytest.raises(scn.InvalidArgumentError, match="lower"):
        scn.Sites(2, [[0, 0]], None, 0)
    with pytest.raises(scn.ShapeError, match="offsets"):
        sites.related(sites, [[1, 2, 3]])
    with pytest.raises(scn.InvalidArgumentError, match="input_stride"):
        sites.related(sites, [[1, 2]], input_stride=0)
    with pytest.raises(TypeError, match="output"):
        sites.related(sites.metadata, [[1, 2]])
    with pytest.raises(scn.ShapeError, match="spatial size"):
        scn.Sites(2, [[0, 0]], 9).union(scn.Sites(2, [[0, 0]], 10))
    with pytest.raises(scn.CoordinateError, match="points: row 0 has nan"):
        sites.interpolation([[np.nan, 0]])
    with pytest.raises(scn.ShapeError, match="points"):
        sites.interpolation([[0.0]])
    with pytest.raises(scn.ShapeError, match="batch"):
        sites.interpolation([[0.0, 1]], [0, 0])
    rulebook = sites.submanifold(3)
    with pytest.raises(scn.ShapeError, match="features"):
        functional.pool(np.ones((3, 1), np.float32), rulebook, "sum")
    with pytest.raises(scn.InvalidArgumentError, match="pooling"):
        functional.pool(np.ones((2, 1), np.float32), rulebook, "median")
    with pytest.raises(scn.ShapeError, match="weight"):
        functional.convolve(np.ones((2, 1), np.float32), rulebook, np.ones((8, 1, 1, 1), np.float32))
    with pytest.raises(scn.ShapeError, match="weights"):
        functional.sum_along(np.ones((2, 1), np.float32), rulebook, np.ones(3, np.float32))
    with pytest.raises(scn.InvalidArgumentError, match="keep"):
        sites.subset([2])


@pytest.mark.parametrize("threads", [1, 2])
def test_results_do_not_depend_on_threads(threads):
    random = np.random.default_rng(9)
    sites = scn.Sites(3, drawn(random, {"first": -20, "size": 40, "bounded": False}, 3, 20_000))
    before = scn.get_num_threads()
    results = []
    for count in (1, threads):
        scn.set_num_threads(count)
        fresh = scn.Sites(3, sites.coordinates)
        coarse = fresh.floor(2)
        rulebook = fresh.related(coarse, scn.filter_offsets(3, 2, "corner"), output_stride=2)
        points = np.random.default_rng(1).uniform(-20, 20, (5000, 3))
        around = fresh.interpolation(points)
        features = np.random.default_rng(2).normal(size=(len(fresh), 5)).astype(np.float32)
        weights = np.random.default_rng(3).normal(size=len(around)).astype(np.float32)
        results.append(
            [
                rulebook.offsets.tobytes(),
                rulebook.inputs.tobytes(),
                around.outputs.tobytes(),
                functional.pool(features, rulebook, "mean").numpy().tobytes(),
                functional.sum_along(features, around, weights).numpy().tobytes(),
            ]
        )
    scn.set_num_threads(before)
    assert results[0] == results[1]


def test_offsets_in_any_memory_are_read_as_they_are():
    sites = scn.Sites(3, np.array([[0, 0, 0, 0], [1, 2, 3, 0]]))
    offsets = scn.filter_offsets(3, 5)
    for stride in range(1, 20):
        plain, _ = sites.covering(offsets, input_stride=stride)
        turned, _ = sites.covering(np.asfortranarray(offsets), input_stride=stride)
        assert plain == turned
