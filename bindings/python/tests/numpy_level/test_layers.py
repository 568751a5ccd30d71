"""What each layer computes, checked against numpy, and what it says about wrong calls."""

import itertools
import math

import numpy as np
import pytest

import scn


def dense(x):
    """A sparse tensor as an array [batch, ...size, planes], and where its sites are."""
    sites = x.get_spatial_locations()
    result = np.zeros((x.batch_size(), *x.spatial_size, x.numpy().shape[1]))
    result[tuple(np.roll(sites, 1, axis=1).T)] = x.numpy()
    return result, np.roll(sites, 1, axis=1)


def convolve(values, weight, out_size, stride, padding, dilation, filter_size):
    """A dense cross-correlation, tap by tap."""
    out = np.zeros((values.shape[0], *out_size, weight.shape[-1]))
    for tap, offset in enumerate(itertools.product(*map(range, filter_size))):
        for o in itertools.product(*map(range, out_size)):
            i = tuple(a * s - p + k * e for a, s, p, k, e in zip(o, stride, padding, offset, dilation))
            if all(0 <= a < n for a, n in zip(i, values.shape[1:-1])):
                out[(slice(None), *o)] += values[(slice(None), *i)] @ weight[tap, 0]
    return out


@pytest.mark.parametrize("size, dilation", [(3, 1), (2, 1), ([1, 3], 1), (3, 2), ([5, 2], [1, 3])])
def test_submanifold_convolution(sparse, size, dilation):
    layer = scn.SubmanifoldConvolution(2, 3, 4, size, True, dilation=dilation)
    layer.bias.copy_([1, 2, 3, 4])
    y = layer(sparse)
    values, sites = dense(sparse)
    filter_size, e = np.broadcast_to(size, 2), np.broadcast_to(dilation, 2)
    expected = convolve(values, layer.weight, (15, 15), (1, 1), filter_size // 2 * e, e, filter_size)
    assert np.allclose(y.numpy(), expected[tuple(sites.T)] + [1, 2, 3, 4], atol=1e-4)
    assert np.array_equal(y.get_spatial_locations(), sparse.get_spatial_locations())
    assert layer.filter_volume == len(layer.weight) and layer.filter_size == filter_size.tolist()


@pytest.mark.parametrize(
    "size, stride, padding, dilation, out",
    [(3, 2, 0, 1, 7), (1, 1, 0, 1, 15), (3, 1, 0, 1, 13), (2, 2, 1, 1, 8), (3, 2, [1, 0], [1, 2], [8, 6])],
)
def test_convolution(sparse, size, stride, padding, dilation, out):
    layer = scn.Convolution(2, 3, 4, size, stride, False, padding=padding, dilation=dilation)
    y = layer(sparse)
    assert y.spatial_size.tolist() == np.broadcast_to(out, 2).tolist()
    values, active = dense(sparse)
    sizes = [np.broadcast_to(v, 2) for v in (stride, padding, dilation, size)]
    expected = convolve(values, layer.weight, tuple(y.spatial_size), *sizes)
    got, sites = dense(y)
    assert np.allclose(got, expected, atol=1e-4)
    # Sites are where any input lies under the filter, whatever its features.
    ones = np.zeros((2, 15, 15, 1))
    ones[tuple(active.T)] = 1
    reached = convolve(ones, np.ones((layer.filter_volume, 1, 1, 1)), tuple(y.spatial_size), *sizes)[..., 0] > 0
    assert np.array_equal(np.argwhere(reached), sites)
    back = scn.Deconvolution(2, 4, 3, size, stride, False, padding=padding, dilation=dilation)(y)
    assert np.array_equal(back.get_spatial_locations(), sparse.get_spatial_locations())


def test_groups(sparse):
    layer = scn.SubmanifoldConvolution(2, 3, 6, 1, False, 3)
    assert layer.weight.shape == (1, 3, 1, 2)
    expected = np.concatenate([sparse.numpy()[:, g : g + 1] @ layer.weight[0, g] for g in range(3)], axis=1)
    assert np.allclose(layer(sparse).numpy(), expected, atol=1e-5)


def test_depthwise_convolution(sparse):
    layer = scn.SubmanifoldConvolution(2, 3, 3, 3, True, 3)
    layer.bias.copy_([1, 2, 3])
    values, sites = dense(sparse)
    sizes = [(15, 15), (1, 1), (1, 1), (1, 1), (3, 3)]
    planes = [convolve(values[..., p : p + 1], layer.weight[:, p : p + 1], *sizes) for p in range(3)]
    expected = np.concatenate(planes, axis=-1)[tuple(sites.T)] + [1, 2, 3]
    assert np.allclose(layer(sparse).numpy(), expected, atol=1e-5)


def test_max_pooling(sparse):
    y = scn.MaxPooling(2, 3, 2, 1)(sparse)
    values, _ = dense(sparse)
    got, sites = dense(y)
    for sample, row, column in sites:
        window = values[sample, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
        assert np.allclose(got[sample, row, column], np.maximum(window.max((0, 1)), 0)[1:])


@pytest.mark.parametrize("leakiness", [1, 0, 0.333])
def test_batch_normalization(sparse, leakiness):
    norm = scn.BatchNormalization(3, 1e-3, 0.9, True, leakiness)
    norm.weight.copy_([1, 2, 3])
    norm.bias.copy_([0.5, 0, -0.5])
    x = sparse.numpy()
    y = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3) * [1, 2, 3] + [0.5, 0, -0.5]
    assert np.allclose(norm(sparse).numpy(), np.where(y > 0, y, leakiness * y), atol=1e-4)
    assert np.allclose(norm.running_mean, 0.1 * x.mean(0), atol=1e-5)
    assert np.allclose(norm.running_var, 0.9 + 0.1 * x.var(0, ddof=1), atol=1e-5)
    norm.eval()
    y = (x - norm.running_mean.numpy()) / np.sqrt(norm.running_var.numpy() + 1e-3) * [1, 2, 3] + [0.5, 0, -0.5]
    assert np.allclose(norm(sparse).numpy(), np.where(y > 0, y, leakiness * y), atol=1e-4)


def test_batch_normalization_of_far_values_and_of_little():
    norm = scn.BatchNormalization(1)
    x = np.random.default_rng(0).normal(1000, 0.5, (1000, 1)).astype(np.float32)
    y = norm(x).numpy()
    assert abs(y.mean()) < 1e-3 and abs(y.std() - 1) < 1e-2
    assert np.isfinite(norm(np.ones((1, 1), np.float32)).numpy()).all() and np.isfinite(norm.running_var).all()
    assert norm(np.zeros((0, 1))).shape == (0, 1)


@pytest.mark.parametrize(
    "layer, function",
    [
        (scn.ReLU(), lambda x: np.maximum(x, 0)),
        (scn.LeakyReLU(), lambda x: np.where(x > 0, x, x / 3)),
        (scn.LeakyReLU(0.1), lambda x: np.where(x > 0, x, 0.1 * x)),
        (scn.ELU(), lambda x: np.where(x > 0, x, np.expm1(x))),
        (scn.SELU(), lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x))),
        (scn.Tanh(), np.tanh),
        (scn.Sigmoid(), lambda x: 1 / (1 + np.exp(-x))),
        (scn.GELU(), lambda x: x * np.vectorize(math.erfc)(-x / math.sqrt(2)) / 2),
        (scn.SiLU(), lambda x: x / (1 + np.exp(-x))),
        (scn.Hardswish(), lambda x: x * np.clip(x + 3, 0, 6) / 6),
        (scn.Softplus(), lambda x: np.log1p(np.exp(x))),
        (scn.PReLU(), lambda x: np.where(x > 0, x, 0.25 * x)),
        (scn.PReLU(3, -0.5), lambda x: np.where(x > 0, x, -0.5 * x)),
        (scn.Identity(), lambda x: x),
    ],
    ids=repr,
)
def test_activations(sparse, layer, function):
    y = layer(sparse)
    assert isinstance(y, scn.SparseConvNetTensor) and np.allclose(y.numpy(), function(sparse.numpy()), atol=1e-5)
    assert np.allclose(layer(scn.tensor(sparse.numpy())).numpy(), function(sparse.numpy()), atol=1e-5)


def test_products(sparse, random):
    pointwise = scn.NetworkInNetwork(3, 5, True)
    assert np.allclose(
        pointwise(sparse).numpy(), sparse.numpy() @ pointwise.weight.numpy() + pointwise.bias.numpy(), atol=1e-5
    )
    linear = scn.Linear(3, 5)
    assert linear.weight.shape == (5, 3)
    x = random.standard_normal((2, 4, 3)).astype(np.float32)
    assert np.allclose(linear(x), x @ linear.weight.numpy().T + linear.bias.numpy(), atol=1e-5)
    assert np.allclose(
        linear(sparse).numpy(), sparse.numpy() @ linear.weight.numpy().T + linear.bias.numpy(), atol=1e-5
    )
    assert linear([[1, 2, 3]]).shape == (1, 5)


def test_tables(sparse):
    double, table = scn.Sequential(scn.ConcatTable(scn.Identity(), scn.Identity()), scn.AddTable()), scn.ConcatTable()
    assert np.allclose(double(sparse).numpy(), 2 * sparse.numpy())
    table.add(scn.Identity()).add(scn.NetworkInNetwork(3, 2, False))
    parts = table(sparse)
    assert isinstance(parts, list) and len(parts) == 2
    joined = scn.JoinTable()(parts)
    assert np.array_equal(joined.numpy(), np.concatenate([part.numpy() for part in parts], axis=1))
    with pytest.raises(ValueError):
        scn.AddTable()(parts)
    with pytest.raises(ValueError):
        scn.JoinTable()(sparse)
    assert np.allclose(scn.AddTable()([np.ones(3), np.ones(3)]), [2, 2, 2])


def test_dropout(sparse):
    layer = scn.Dropout(0.25)
    ones = np.ones((1000, 10), np.float32)
    scn.manual_seed(3)
    first, second = layer(ones).numpy(), layer(ones).numpy()
    assert set(np.unique(first)) == {0, 1} and abs(first.mean() - 0.75) < 0.02 and not np.array_equal(first, second)
    scn.manual_seed(3)
    assert np.array_equal(layer(ones), first)
    assert np.array_equal(layer.eval()(ones), 0.75 * ones)
    with pytest.raises(ValueError, match="p"):
        scn.Dropout(1.5)


def test_flatten():
    assert scn.Flatten()(np.ones((3, 4, 5))).shape == (3, 20)


def test_cross_entropy(sparse, random):
    logits = random.standard_normal((6, 4)).astype(np.float32)
    labels, weight = np.array([0, 3, 1, -100, 2, 3]), np.array([1, 2, 0.5, 3])
    x = scn.tensor(logits, requires_grad=True)
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    rows = np.flatnonzero(labels >= 0)
    chosen = -log_p[rows, labels[rows]]
    assert np.isclose(scn.cross_entropy(x, labels).item(), chosen.mean(), atol=1e-5)
    w = weight[labels[rows]]
    loss = scn.functional.cross_entropy(x, labels, weight)
    assert np.isclose(loss.item(), (chosen * w).sum() / w.sum(), atol=1e-5)
    scn.cross_entropy(x, labels).backward()
    expected = np.exp(log_p)
    expected[rows, labels[rows]] -= 1
    expected[labels < 0] = 0
    assert np.allclose(x.grad, expected / len(rows), atol=1e-5)
    assert scn.cross_entropy(logits, np.full(6, 7), ignore_index=7).item() == 0
    assert scn.cross_entropy(sparse, np.zeros(40, np.int32)).shape == ()
    for bad in ([0] * 5, [[0]] * 6, [4] * 6, [-1] * 6, [0.5] * 6):
        with pytest.raises(ValueError):
            scn.cross_entropy(logits, bad)
    with pytest.raises(ValueError, match="weight"):
        scn.cross_entropy(logits, labels, np.ones(3))
    with pytest.raises(ValueError):
        scn.cross_entropy(logits, labels, [1, 1, 1, -1])
    with pytest.raises(ValueError):
        scn.cross_entropy(logits[0], labels)


def test_binary_cross_entropy(sparse, random):
    logits = 4 * random.standard_normal((6, 4)).astype(np.float32)
    targets = random.random((6, 4)).round(1).astype(np.float32)
    x = scn.tensor(logits, requires_grad=True)
    probability = 1 / (1 + np.exp(-logits.astype(np.float64)))
    expected = -(targets * np.log(probability) + (1 - targets) * np.log(1 - probability)).mean()
    loss = scn.binary_cross_entropy(x, targets)
    assert loss.shape == () and np.isclose(loss.item(), expected, atol=1e-6)
    (2 * loss).backward()
    assert np.allclose(x.grad, 2 * (probability - targets) / 24, atol=1e-7)
    assert np.isclose(
        scn.functional.binary_cross_entropy(sparse, np.full((40, 3), 0.5)).item(),
        np.log(2 * np.cosh(sparse.numpy().astype(np.float64) / 2)).mean(),
        atol=1e-5,
    )
    assert np.isclose(scn.binary_cross_entropy([0.0, 0.0], [True, False]).item(), np.log(2))
    assert scn.binary_cross_entropy(np.zeros((0, 3), np.float32), np.zeros((0, 3))).item() == 0
    assert scn.binary_cross_entropy([3e38, -3e38], [1, 0]).item() == 0
    for bad in (targets[0], targets.T, targets[None]):
        with pytest.raises(scn.ShapeError, match="targets"):
            scn.binary_cross_entropy(x, bad)
    for bad in (-0.1, 1.1, np.nan):
        with pytest.raises(scn.InvalidArgumentError, match="element 5"):
            scn.binary_cross_entropy(logits, np.where(np.arange(24).reshape(6, 4) == 5, bad, 0))


def test_binary_cross_entropy_trains_a_sparsify(sparse):
    """The mask of all input sites learns which of them to keep."""
    wanted = sparse.numpy()[:, 0] > 0
    layer = scn.Sparsify(2, 3)
    adam = scn.Adam(layer.parameters(), lr=0.1)
    for _ in range(100):
        adam.zero_grad()
        scn.binary_cross_entropy(layer(sparse).mask, wanted).backward()
        adam.step()
    result = layer(sparse)
    kept = result.mask.numpy() > 0
    assert (kept == wanted).mean() > 0.9
    assert np.array_equal(result.get_spatial_locations(), sparse.get_spatial_locations()[kept])


@pytest.mark.parametrize(
    "make",
    [
        lambda: scn.SubmanifoldConvolution(2, 0, 4, 3, False),
        lambda: scn.SubmanifoldConvolution(2, 3, 4, 0, False),
        lambda: scn.SubmanifoldConvolution(2, 3, 4, [3, 3, 3], False),
        lambda: scn.SubmanifoldConvolution(2, 3, 4, 3, False, 2),
        lambda: scn.SubmanifoldConvolution(2, 3, 4, 3, False, dilation=0),
        lambda: scn.SubmanifoldConvolution(2, 2**62, 4, 3, False),
        lambda: scn.SubmanifoldConvolution(2, 2**64 + 3, 4, 3, False),
        lambda: scn.SubmanifoldConvolution(2.5, 3, 4, 3, False),
        lambda: scn.SubmanifoldConvolution(None, 3, 4, 3, False),
        lambda: scn.SubmanifoldConvolution(2, "three", 4, 3, False),
        lambda: scn.Convolution(2, 3, 4, 3, 0, False),
        lambda: scn.Convolution(2, 3, 4, 3, 2, False, padding=-1),
        lambda: scn.MaxPooling(2, 3, [2, 2, 2]),
        lambda: scn.MaxPooling(2, 3, 2, -1),
        lambda: scn.BatchNormalization(0),
        lambda: scn.BatchNormalization(3, eps=0),
        lambda: scn.BatchNormalization(3, momentum=1.5),
        lambda: scn.BatchNormLeakyReLU(3, leakiness=-1),
        lambda: scn.LeakyReLU(float("nan")),
        lambda: scn.NetworkInNetwork(3, -1, False),
        lambda: scn.SparseToDense(2, 0),
        lambda: scn.OutputLayer(0),
    ],
)
def test_bad_arguments(make):
    with pytest.raises((ValueError, MemoryError)) as caught:
        make()
    assert str(caught.value)


def test_bad_inputs(sparse):
    with pytest.raises(ValueError, match="planes"):
        scn.SubmanifoldConvolution(2, 4, 4, 3, False)(sparse)
    with pytest.raises(ValueError, match="dimension"):
        scn.SubmanifoldConvolution(3, 3, 4, 3, False)(sparse)
    with pytest.raises(ValueError, match="dense"):
        scn.SubmanifoldConvolution(2, 3, 4, 3, False)(np.ones((3, 3)))
    with pytest.raises(ValueError):
        scn.Convolution(2, 3, 4, 2, 2, False)(sparse)
    with pytest.raises(scn.StateError):
        scn.Deconvolution(2, 3, 4, 3, 2, False)(sparse)
    with pytest.raises(ValueError):
        scn.Linear(4, 2)(np.ones((2, 3)))
    with pytest.raises(ValueError):
        scn.Flatten()(sparse)
    with pytest.raises(scn.StateError):
        scn.OutputLayer(2)(scn.Convolution(2, 3, 4, 3, 2, False)(sparse))
