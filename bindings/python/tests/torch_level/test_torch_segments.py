"""Segments and voxels of detectors on torch tensors, against torch's own operations."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import scn
import scn.torch as st

REDUCTIONS = {"sum": st.segment_sum, "mean": st.segment_mean, "max": st.segment_max}


def a_case(rows, segments, shape=(3,), seed=1):
    generator = torch.Generator().manual_seed(seed)
    where = torch.randint(-1, segments, (rows,), generator=generator)
    return torch.randn(rows, *shape, generator=generator).requires_grad_(), where


def agree(function, reference, inputs, tolerance=1e-5):
    """Compare results and gradients with those of torch in double."""
    found = function(*inputs)
    doubles = [part.detach().double().requires_grad_() for part in inputs]
    expected = reference(*doubles)
    assert found.shape == expected.shape
    assert torch.allclose(found.double(), expected, atol=tolerance)
    weights = torch.randn(found.shape, generator=torch.Generator().manual_seed(2))
    ours = torch.autograd.grad((found * weights).sum(), inputs)
    theirs = torch.autograd.grad((expected * weights).sum(), doubles)
    for mine, other in zip(ours, theirs):
        assert torch.allclose(mine.double(), other, atol=tolerance)


def of_torch(kind, where, segments):
    def reduced(x):
        index = where[where >= 0].reshape(-1, *[1] * (x.ndim - 1)).expand_as(x[where >= 0])
        empty = x.new_zeros(segments, *x.shape[1:])
        name = {"sum": "sum", "mean": "mean", "max": "amax"}[kind]
        return empty.scatter_reduce(0, index, x[where >= 0], name, include_self=False)

    return reduced


@pytest.mark.parametrize("kind", REDUCTIONS)
@pytest.mark.parametrize("rows, segments, shape", [(0, 3, (2,)), (1, 1, ()), (90, 7, (3,)), (60, 99, (2, 2))])
def test_reductions(kind, rows, segments, shape):
    x, where = a_case(rows, segments, shape)
    agree(lambda x: REDUCTIONS[kind](x, where, segments), of_torch(kind, where, segments), [x])


def test_softmax():
    x, where = a_case(70, 6)

    def reference(x):
        result = torch.zeros_like(x)
        for segment in range(6):
            result = result + torch.where((where == segment)[:, None], x.exp() / x[where == segment].exp().sum(0), 0)
        return result

    agree(lambda x: st.segment_softmax(x, where), reference, [x])


def test_gather_pad_and_broadcast():
    x, where = a_case(60, 5)
    vectors = torch.randn(5, 3, generator=torch.Generator().manual_seed(3)).requires_grad_()

    def gathered(v):
        return torch.where((where >= 0)[:, None], v[where], 0)

    def padded(x):
        rows = [x[where == segment][:4] for segment in range(5)]
        return torch.stack([torch.cat([own, own.new_zeros(4 - len(own), 3)]) for own in rows])

    agree(lambda v: st.segment_gather(v, where), gathered, [vectors])
    agree(lambda x: st.segment_pad(x, 4, where, 5), padded, [x])
    for operation, expected in {
        "add": lambda x, v: x + gathered(v),
        "multiply": lambda x, v: x * gathered(v),
        "join": lambda x, v: torch.cat([x, gathered(v)], 1),
    }.items():
        agree(lambda x, v, operation=operation: st.broadcast(x, v, operation, where), expected, [x, vectors])


@pytest.mark.parametrize("mode", [0, 3])
def test_samples_of_a_sparse_tensor(mode):
    coords = torch.tensor([[5, 2, 1], [1, 1, 0], [5, 3, 0], [4, 2, 1], [0, 0, 1], [5, 3, 1]])
    features = torch.randn(6, 3, generator=torch.Generator().manual_seed(4)).requires_grad_()
    x = st.InputLayer(2, 7, mode)([coords, features])
    samples = x.get_spatial_locations()[:, -1]
    soft = st.segment_softmax(x)
    by_hand = st.segment_softmax(x.features, samples)
    assert isinstance(soft, st.SparseConvNetTensor) and torch.equal(soft.features, by_hand)
    assert torch.equal(st.segment_softmax(x, samples).features, by_hand)
    assert torch.allclose(st.segment_mean(x), st.GlobalAveragePooling(2)(x), atol=1e-6)
    vectors = torch.randn(2, 3, generator=torch.Generator().manual_seed(5)).requires_grad_()
    for operation in ("add", "multiply", "join"):
        result = st.broadcast(x, vectors, operation)
        assert isinstance(result, st.SparseConvNetTensor)
        expected = {"add": torch.add, "multiply": torch.mul, "join": lambda a, b: torch.cat([a, b], 1)}[operation](
            x.features, vectors[samples]
        )
        assert torch.equal(result.features, expected)
        assert torch.equal(result.get_spatial_locations(), x.get_spatial_locations())
    st.SubmanifoldConvolution(2, 6, 2, 3, False)(st.broadcast(x, vectors, "join")).features.sum().backward()
    assert features.grad.abs().sum() > 0 and vectors.grad.abs().sum() > 0


def test_types_maps_and_errors():
    x, where = a_case(20, 4)
    double = st.segment_sum(x.double(), where, 4)
    assert double.dtype is torch.float64
    assert st.segment_gather(torch.ones(4, dtype=torch.float16), where).dtype is torch.float16
    # A map may be changed once it was read.
    changed = where.clone()
    y = st.segment_mean(x, changed, 4)
    changed.fill_(0)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    (expected,) = torch.autograd.grad(st.segment_mean(x, where, 4).sum(), x)
    assert torch.equal(gradient, expected)
    for call, error, text in [
        (lambda: st.segment_sum(x, where[:5]), scn.ShapeError, "segment_of_row"),
        (lambda: st.segment_sum(x, where, 2), scn.InvalidArgumentError, "segment_of_row: row"),
        (lambda: st.segment_sum(x, where, -1), scn.InvalidArgumentError, "segments"),
        (lambda: st.segment_sum(x), TypeError, "segment_of_row"),
        (lambda: st.segment_sum(torch.tensor(1.0), [0]), scn.ShapeError, "segment_of_row|input"),
        (lambda: st.segment_pad(x, 0, where), scn.InvalidArgumentError, "most"),
        (lambda: st.broadcast(x, x, "no", where), scn.InvalidArgumentError, "operation"),
        (lambda: st.broadcast(x, torch.ones(4, 2), "add", where), scn.ShapeError, "vectors"),
        (lambda: st.segment_sum(torch.ones(2, dtype=torch.int64), [0, 1]), TypeError, "input"),
    ]:
        with pytest.raises(error, match=text):
            call()
    gradient = torch.autograd.grad(st.segment_softmax(x, where).square().sum(), x, create_graph=True)[0]
    (twice,) = torch.autograd.grad(gradient.square().sum(), x)
    wide = x.detach().double().requires_grad_()
    (slope,) = torch.autograd.grad(st.segment_softmax(wide, where).square().sum(), wide, create_graph=True)
    torch.testing.assert_close(twice, torch.autograd.grad(slope.square().sum(), wide)[0].float(), rtol=1e-3, atol=1e-5)


def test_voxelize_in_order():
    generator = torch.Generator().manual_seed(6)
    points = torch.rand(300, 4, generator=generator) * 5 - 0.5
    features = points.clone().requires_grad_()
    options = {"max_voxels": 30, "origin": 0, "spatial_size": [4, 4, 2], "drop_outside": True}
    ours = st.voxelize_in_order(points[:, :3], [1, 1, 2], 3, features, **options)
    plain = scn.voxelize_in_order(points[:, :3].numpy(), [1, 1, 2], 3, points.numpy(), **options)
    for mine, other in zip(ours, plain):
        assert np.array_equal(mine.detach().numpy(), other)
    ours.features.sum().backward()
    kept = (ours.place_of_point >= 0) & (ours.place_of_point < 3)
    assert torch.equal(features.grad, kept[:, None].float().expand(300, 4))
    assert st.voxelize_in_order(points[:, :3], 1, 3).features is None
    with pytest.raises(scn.ShapeError, match="features"):
        st.voxelize_in_order(points[:, :3], 1, 3, features[:5])


@pytest.mark.parametrize("value", [0.1, 1000.5])
def test_means_of_a_million_are_right(value):
    """What sums over many rows adds in double."""
    count, edge = 1_000_000, 100
    values = torch.full((count, 1), value)
    mean = values[0, 0].double()
    site = torch.zeros(count, 1, dtype=torch.int64)
    assert torch.equal(st.InputLayer(1, 4, 4)([site, values]).features.double(), mean.reshape(1, 1))
    assert torch.equal(st.segment_mean(values, site[:, 0]).double(), mean.reshape(1, 1))
    cube = torch.from_numpy(np.stack(np.unravel_index(np.arange(count), [edge] * 3), 1))
    x = st.InputLayer(3, edge, 0)([cube, values])
    assert torch.equal(st.GlobalAveragePooling(3)(x).double(), mean.reshape(1, 1))
    assert torch.allclose(st.AveragePooling(3, edge, edge)(x).features.double(), mean, rtol=1.5e-7)
    norm = st.BatchNormalization(1, momentum=0)
    norm(x)
    assert torch.allclose(norm.running_mean.double(), mean, rtol=1.5e-7)
