"""Tensor fields of scn.minkowski: points to sites and back, against sums over points."""

import copy
import itertools
import math
import pickle

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from test_minkowski_oracle import check, leaf, tensor

import scn.minkowski as ME
from scn.errors import CoordinateError, InvalidArgumentError, ShapeError

Mode = ME.SparseTensorQuantizationMode


def drawn_points(random, count=40, dimension=3, span=4.0, batch=2, dtype=torch.float64):
    points = torch.from_numpy((random.random((count, dimension + 1)) - 0.5) * span).to(dtype)
    points[:, 0] = torch.from_numpy(random.integers(0, batch, count))
    return points


def field(random, count=40, planes=2, **settings):
    points = drawn_points(random, count)
    return ME.TensorField(leaf(random, count, planes), coordinates=points, **settings)


def sites_of(points, stride):
    """The sites that points fall to in the order in which they come, and which of them each point falls to."""
    steps = torch.tensor([1, *[stride] * (points.shape[1] - 1)])
    cells = [tuple(row) for row in (torch.floor(points / steps) * steps).long().tolist()]
    order = list(dict.fromkeys(cells))
    return torch.tensor(order), torch.tensor([order.index(cell) for cell in cells])


def test_a_field_shows_what_it_was_made_of(random):
    points = drawn_points(random)
    features = torch.ones(40, 2)
    x = ME.TensorField(features, coordinates=points)
    assert x.F is features
    assert torch.equal(x.C, points)
    assert x.C.dtype is torch.float64
    assert (x.D, len(x), x.shape, x.tensor_stride) == (3, 40, (40, 2), [1, 1, 1])
    assert x.coordinate_key is x.coordinate_field_map_key
    assert torch.equal(x.coordinates_at(1), points[points[:, 0] == 1, 1:])
    assert [len(part) for part in x.decomposed_features] == torch.bincount(points[:, 0].long()).tolist()
    same = ME.TensorField(
        features * 2, coordinate_field_map_key=x.coordinate_field_map_key, coordinate_manager=x.coordinate_manager
    )
    torch.testing.assert_close(same.C, points.float())
    assert "coordinate_field_map_key" in repr(x)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("mode", [Mode.UNWEIGHTED_AVERAGE, Mode.UNWEIGHTED_SUM, Mode.MAX_POOL, Mode.RANDOM_SUBSAMPLE])
def test_points_become_sites(random, stride, mode):
    x = field(random, quantization_mode=mode)
    y = x.sparse(tensor_stride=stride)
    sites, rows = sites_of(x.C, stride)
    assert torch.equal(y.C, sites.int())
    assert y.tensor_stride == [stride] * 3
    parts = [x.F[rows == row] for row in range(len(sites))]
    function = {
        Mode.UNWEIGHTED_AVERAGE: lambda part: part.mean(0),
        Mode.UNWEIGHTED_SUM: lambda part: part.sum(0),
        Mode.MAX_POOL: lambda part: part.max(0).values,
        Mode.RANDOM_SUBSAMPLE: lambda part: part[0],
    }[mode]
    check(y, sites, torch.stack([function(part) for part in parts]), [x.F])
    assert torch.equal(x.inverse_mapping(y.coordinate_map_key), rows)
    other = field(random).sparse(quantization_mode=mode)
    assert len(other) == len(torch.unique(other.C, dim=0))


def test_sites_of_a_stride_are_made_once(random):
    x = field(random)
    assert x.sparse().coordinate_map_key == x.sparse().coordinate_map_key
    assert x.sparse(2).coordinate_map_key != x.sparse().coordinate_map_key


@pytest.mark.parametrize("stride", [1, 2])
def test_slices_give_points_the_features_of_their_sites(random, stride):
    x = field(random)
    y = ME.MinkowskiConvolution(2, 3, 3, dimension=3).double()(x.sparse(stride))
    _, rows = sites_of(x.C, stride)
    made = y.slice(x)
    assert isinstance(made, ME.TensorField)
    assert torch.equal(made.C, x.C)
    torch.testing.assert_close(made.F, y.F[rows])
    torch.testing.assert_close(y.cat_slice(x).F, torch.cat([y.F[rows], x.F], 1))
    (gradient,) = torch.autograd.grad(y.cat_slice(x).F[:, 3:].sum(), x.F)
    assert (gradient == 1).all()


def test_a_slice_follows_strided_layers(random):
    x = field(random)
    y = ME.MinkowskiSumPooling(2, 2, dimension=3)(x.sparse())
    made = y.slice(x)
    torch.testing.assert_close(made.F, y.F[sites_of(x.C, 2)[1]] * 0 + made.F)
    _, rows = sites_of(x.C, 2)
    expected = torch.stack([y.F[(site == y.C).all(1)][0] for site in sites_of(x.C, 2)[0]])[rows]
    torch.testing.assert_close(made.F, expected)


def test_fields_meet_sites_that_are_given(random):
    x = field(random, 20)
    sites = torch.tensor([[0, -1, -1, -1], [0, 0, 0, 0], [1, 0, 0, 0], [0, 50, 50, 50]]).int()
    y = ME.SparseTensor(torch.ones(4, 1).double(), sites, coordinate_manager=x.coordinate_manager)
    cells = torch.floor(x.C).long()
    for mode, function in ((Mode.UNWEIGHTED_SUM, torch.sum), (Mode.UNWEIGHTED_AVERAGE, torch.mean)):
        made = x.sparse(coordinate_map_key=y.coordinate_map_key, quantization_mode=mode)
        assert torch.equal(made.C, sites)
        parts = [x.F[(cells == site).all(1)] for site in sites]
        wanted = torch.stack([function(part, 0) if len(part) else part.sum(0) for part in parts])
        torch.testing.assert_close(made.F, wanted)
    first = x.sparse(coordinate_map_key=y.coordinate_map_key, quantization_mode=Mode.RANDOM_SUBSAMPLE)
    assert first.F[3].tolist() == [0, 0]
    with pytest.raises(CoordinateError, match="lies in no site"):
        y.slice(x)


def corners(point):
    """The sites around a point, and what each weighs."""
    low = [math.floor(value) for value in point[1:]]
    for step in itertools.product((0, 1), repeat=len(low)):
        weight = math.prod(1 - abs(a + s - p) for a, s, p in zip(low, step, point[1:]))
        yield (int(point[0]), *(a + s for a, s in zip(low, step))), weight


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_splats_spread_points_and_interpolation_reads_them(random, dimension):
    points = drawn_points(random, 15, dimension, dtype=torch.float32)
    x = ME.TensorField(leaf(random, 15, 2), coordinates=points)
    y = x.splat()
    found = [dict(corners(point)) for point in points.double().tolist()]
    sites = sorted(set().union(*found))
    weights = torch.tensor([[mine.get(site, 0.0) for mine in found] for site in sites]).double()
    assert sorted(map(tuple, y.C.tolist())) == sites
    rows = [y.C.tolist().index(list(site)) for site in sites]
    torch.testing.assert_close(y.F[rows], weights @ x.F, rtol=1e-5, atol=1e-6)
    z = y.interpolate(x)
    assert isinstance(z, ME.TensorField)
    torch.testing.assert_close(z.F, weights.T @ (weights @ x.F), rtol=1e-5, atol=1e-6)
    (gradient,) = torch.autograd.grad(z.F.sum(), x.F)
    torch.testing.assert_close(gradient, (weights.T @ weights @ torch.ones(15, 2).double()), rtol=1e-5, atol=1e-6)
    other = ME.TensorField(torch.ones(15, 1), coordinates=points)
    torch.testing.assert_close(y.interpolate(other).F, z.F, rtol=1e-5, atol=1e-6)


def test_fields_pass_layers_of_single_rows(random):
    x = field(random)
    y = ME.TensorField(
        leaf(random, 40, 2),
        coordinate_field_map_key=x.coordinate_field_map_key,
        coordinate_manager=x.coordinate_manager,
    )
    norm, line = ME.MinkowskiBatchNorm(2).double(), ME.MinkowskiLinear(2, 3).double()
    for made, wanted in (
        (norm(x), torch.nn.functional.batch_norm(x.F, None, None, training=True)),
        (line(x), torch.nn.functional.linear(x.F, line.linear.weight, line.linear.bias)),
        (ME.MinkowskiReLU()(x), x.F.relu()),
        (ME.MinkowskiTanh()(x), x.F.tanh()),
        (ME.cat(x, y), torch.cat([x.F, y.F], 1)),
        (ME.mean(x, y), (x.F + y.F) / 2),
        (x + y, x.F + y.F),
        (x * y, x.F * y.F),
        (x - y.F, x.F - y.F),
    ):
        assert isinstance(made, ME.TensorField)
        assert torch.equal(made.C, x.C)
        torch.testing.assert_close(made.F, wanted)
    assert isinstance(ME.MinkowskiToSparseTensor()(x), ME.SparseTensor)
    assert torch.equal(ME.MinkowskiToFeature()(x), x.F)
    kept = x.F.detach().clone()
    with torch.no_grad():
        x += y
    torch.testing.assert_close(x.F, kept + y.F)
    with pytest.raises(AssertionError, match="coordinate_manager: differs"):
        x + field(random)


def test_types_change(random):
    x = field(random)
    assert x.to(torch.float32).dtype is torch.float32
    assert x.dtype is torch.float64
    assert x.float() is x
    assert x.dtype is torch.float32
    assert not x.detach().requires_grad


def test_copies_keep_points_and_their_sites(random):
    x = field(random)
    x.detach()
    y = x.sparse(2)
    for a, b in (copy.deepcopy((x, y)), pickle.loads(pickle.dumps((x, y)))):
        assert a.coordinate_manager is b.coordinate_manager is not x.coordinate_manager
        assert torch.equal(a.C, x.C)
        torch.testing.assert_close(b.slice(a).F, y.slice(x).F)
        assert a.sparse(2).coordinate_map_key == b.coordinate_map_key


@pytest.mark.parametrize("count", [0, 1])
def test_no_point_and_one_point_pass(count):
    points = torch.tensor([[0, -0.5, 2.25]] * count).reshape(count, 3)
    features = torch.ones(count, 2, requires_grad=True)
    x = ME.TensorField(features, coordinates=points)
    made = [x.sparse(), x.sparse(2), x.sparse(quantization_mode=Mode.MAX_POOL), x.sparse().slice(x)]
    made.append(ME.MinkowskiGlobalAvgPooling()(x))
    assert {len(part) for part in made} == {count}
    made += [x.splat(), x.splat().interpolate(x)]
    assert [len(part) for part in made[-2:]] == [4 * count, count]
    sum(part.F.sum() for part in made).backward()
    assert features.grad.shape == (count, 2)


def test_gradients_are_right(random):
    points = drawn_points(random, 8, 2, dtype=torch.float32)
    layer = ME.MinkowskiConvolution(2, 2, 2, 2, dimension=2).double()

    def function(features):
        x = ME.TensorField(features, coordinates=points)
        return layer(x.sparse()).slice(x).F + x.splat().interpolate(x).F

    assert torch.autograd.gradcheck(function, leaf(random, 8, 2))


def test_bad_calls_say_what_they_expect(random):
    points = drawn_points(random, 3)
    x = ME.TensorField(torch.ones(3, 1), coordinates=points)
    for call, kind, message in (
        (lambda: ME.TensorField(torch.ones(2, 1), points), ShapeError, r"expected \[2, 1 \+ dimension\]"),
        (lambda: ME.TensorField(torch.ones(3, 1)), InvalidArgumentError, "coordinates: is None"),
        (lambda: ME.TensorField(torch.ones(3, 1), points, quantization_mode=Mode.NO_QUANTIZATION), ValueError, "mode"),
        (lambda: x.sparse(quantization_mode=Mode.SPLAT_LINEAR_INTERPOLATION), ValueError, "splat"),
        (lambda: x.sparse(0), InvalidArgumentError, "tensor_stride: is .* positive"),
        (
            lambda: x.inverse_mapping(tensor(random).coordinate_map_key),
            CoordinateError,
            "lies in no site|expected that of a map",
        ),
        (lambda: x.sparse().slice(x.F), TypeError, "X: is a torch.Tensor"),
        (lambda: x.sparse().interpolate(x.sparse()), TypeError, "X: is a .*SparseTensor, expected a TensorField"),
        (lambda: ME.TensorField(torch.ones(1, 1), torch.tensor([[0, 3e10]])).sparse(), CoordinateError, "coordinates"),
        (
            lambda: ME.TensorField(torch.ones(1, 1), torch.tensor([[0, math.nan]])).sparse(),
            CoordinateError,
            "coordinates",
        ),
    ):
        with pytest.raises((kind, InvalidArgumentError) if kind is CoordinateError else kind, match=message):
            call()


def test_fields_that_are_made_of_others_are_averaged():
    modes = ME.SparseTensorQuantizationMode
    where, rows = torch.tensor([[0, 0.1, 0.1], [0, 0.2, 0.2]]), torch.tensor([[1.0], [3.0]])
    field = ME.TensorField(rows, where, quantization_mode=modes.UNWEIGHTED_SUM)
    sites = field.sparse()
    assert sites.F.tolist() == [[4]]
    for made in (ME.cat(field, field), sites.interpolate(field)):
        assert made.quantization_mode == modes.UNWEIGHTED_AVERAGE
    assert ME.cat(field, field).sparse().F.tolist() == [[2, 2]]
    for call in (sites.slice, sites.cat_slice):
        with pytest.raises(AssertionError, match="quantization_mode: is .*UNWEIGHTED_SUM"):
            call(field)
