"""Normalizations, batch-wise dropout, checkpoints of activations, initialization from data, spectral norm."""

import copy
import pickle

import numpy as np
import pytest

import scn


def test_mean_only_norm(sparse):
    norm = scn.MeanOnlyBNLeakyReLU(3, True, 0.5, 0.9)
    norm.bias.copy_([1, 0, -1])
    x = sparse.numpy()
    y = x - x.mean(0) + [1, 0, -1]
    assert np.allclose(norm(sparse), np.where(y > 0, y, y / 2), atol=1e-5)
    assert np.allclose(norm.running_mean, 0.1 * x.mean(0), atol=1e-6)
    norm.eval()
    y = x - norm.running_mean.numpy() + [1, 0, -1]
    assert np.allclose(norm(sparse), np.where(y > 0, y, y / 2), atol=1e-5)
    plain = scn.MeanOnlyBNLeakyReLU(3, False)
    assert plain.bias is None and plain.momentum == 0.99 and set(plain.state_dict()) == {"running_mean"}
    input = scn.tensor(x, requires_grad=True)
    plain(input).backward(np.ones_like(x))
    assert np.abs(input.grad).max() < 1e-6


def test_group_norm(points):
    coords, features = points
    features = np.random.default_rng(3).standard_normal((len(coords), 6))
    sparse = scn.InputLayer(2, 15)([coords, features])
    norm = scn.SparseGroupNorm(2, 6)
    norm.weight.copy_(np.arange(6))
    norm.bias.copy_(np.arange(6) - 3)
    x, sample = sparse.numpy(), sparse.get_spatial_locations()[:, 2]
    expected = np.empty_like(x)
    for s in (0, 1):
        for group in (slice(0, 3), slice(3, 6)):
            part = x[sample == s][:, group]
            expected[np.ix_(sample == s, np.arange(6)[group])] = (part - part.mean()) / np.sqrt(part.var() + 1e-5)
    expected = expected * np.arange(6) + np.arange(6) - 3
    assert np.allclose(norm(sparse), expected, atol=1e-4)
    assert np.allclose(norm.eval()(sparse), expected, atol=1e-4)
    with pytest.raises(ValueError, match="groups"):
        scn.SparseGroupNorm(4, 6)


def test_batch_norm_elu(sparse):
    net = scn.BatchNormELU(3)
    assert net[0].momentum == 0.9 and net[0].eps == 1e-4 and "0.running_var" in net.state_dict()
    y = scn.BatchNormalization(3)(sparse).numpy()
    assert np.allclose(net(sparse), np.where(y > 0, y, np.expm1(y)), atol=1e-5)


def test_batchwise_dropout():
    layer = scn.BatchwiseDropout(0.5)
    y = layer(np.ones((7, 500), np.float32)).numpy()
    assert (y == y[0]).all() and set(np.unique(y)) == {0, 1} and abs(y[0].mean() - 0.5) < 0.15
    assert (layer.eval()(np.ones((2, 3))).numpy() == 0.5).all()


def block(inner):
    return inner(
        scn.SubmanifoldConvolution(2, 3, 4, 3, True), scn.BatchNormReLU(4), scn.Dropout(0.3),
        scn.ConcatTable(scn.Identity(), inner(scn.NetworkInNetwork(4, 4, True), scn.BatchwiseDropout(0.2))),
        scn.AddTable(), scn.Convolution(2, 4, 2, 3, 2, False),
    )  # fmt: skip


def test_checkpointed_sequential_is_a_sequential(points):
    results = []
    for kind in (scn.Sequential, scn.CheckpointedSequential):
        scn.manual_seed(4)
        net = kind(scn.InputLayer(2, 15), block(kind))
        assert net.input_spatial_size([7, 7]).tolist() == [15, 15]
        features = scn.tensor(points[1], requires_grad=True)
        for _ in range(2):
            y = net([points[0], features])
            y.backward(np.ones_like(y.numpy()))
        with scn.no_grad():
            last = net([points[0], features]).numpy().copy()
        gradients = [features.grad, *(p.grad for p in net.parameters())]
        results.append([array.tobytes() for array in [y.numpy(), last, *gradients, *net.state_dict().values()]])
    assert results[0] == results[1]


def test_checkpointed_sequential_keeps_less(points):
    held = []
    for kind in (scn.Sequential, scn.CheckpointedSequential):
        layers = [scn.SubmanifoldConvolution(2, 8, 8, 3, False) for _ in range(10)]
        net = kind(*layers)
        x = scn.InputLayer(2, 15)([points[0], np.ones((40, 8))])
        net(x)
        before = scn.memory_in_use()
        y = net(x)
        held.append(scn.memory_in_use() - before)
        y.sum().backward()
    assert held[1] < held[0] / 4


def test_checkpoints_repeat_displaced_windows_and_count_once(points):
    results = []
    for kind in (scn.Sequential, scn.CheckpointedSequential):
        scn.manual_seed(3)
        net = kind(
            scn.SubmanifoldConvolution(2, 3, 4, 3, True),
            scn.RandomizedStrideConvolution(2, 4, 4, 3, 2, False),
            scn.Dropout(0.3),
            scn.FractionalMaxPooling(2, 1.5),
            scn.BatchwiseDropout(0.3),
            scn.NetworkInNetwork(4, 4, True),
        )
        scn.set_forward_counts(scn.ForwardCounts())
        output = net(scn.InputLayer(2, 15, mode=0)(list(points)))
        output.features.sum().backward()
        results.append([output.features.numpy().tobytes(), *(p.grad.tobytes() for p in net.parameters())])
        results[-1] += [*scn.get_forward_counts()]
    assert results[0] == results[1]


def test_batched_points_go_into_checkpoints_and_optimized_networks(random):
    coords, features = random.integers(0, 9, (2, 7, 2)), random.standard_normal((2, 7, 3)).astype(np.float32)
    coords[1, 5:] = -1
    layers = [scn.BLInputLayer(2, 9, 4), scn.SubmanifoldConvolution(2, 3, 4, 3, True), scn.BLOutputLayer(2)]
    expected = scn.Sequential(*layers)([coords, features]).numpy()
    assert expected.shape == (2, 7, 4)
    net = scn.CheckpointedSequential(*layers)
    for kind in (net, scn.optimize_for_inference(net)):
        np.testing.assert_allclose(kind([coords, features]).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_optimized_networks_take_the_normalized_weight(sparse):
    layer = scn.spectral_norm(scn.SubmanifoldConvolution(2, 3, 4, 3, True), 5)
    net = scn.CheckpointedSequential(layer, scn.BatchNormReLU(4))
    net(sparse)
    fast = scn.optimize_for_inference(net.eval())
    np.testing.assert_allclose(fast(sparse).features.numpy(), net(sparse).features.numpy(), rtol=1e-4, atol=1e-5)
    assert list(fast.state_dict()) == ["0.weight", "0.bias"]


def test_checkpointed_sequential_with_parts_in_python(sparse):
    class Twice(scn.Module):
        def forward(self, x):
            return x + x

    net = scn.CheckpointedSequential(scn.NetworkInNetwork(3, 2, True), Twice())
    net(sparse).sum().backward()
    assert net[0].weight.grad is not None


def test_containers_and_files(tmp_path, sparse):
    net = scn.Sequential(
        block(scn.CheckpointedSequential),
        scn.VerboseIdentity(),
        scn.AddCoords(),
        scn.SparseGroupNorm(2, 4),
        scn.spectral_norm(scn.NetworkInNetwork(4, 4, True), 2, 1e-6, 3.0),
        scn.MeanOnlyBNLeakyReLU(4),
        scn.BatchNormELU(4),
        scn.BatchwiseDropout(),
    )
    net(sparse)
    scn.save(net, tmp_path / "net")
    for twin in (scn.load(tmp_path / "net"), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert repr(twin) == repr(net) and isinstance(twin[0], scn.CheckpointedSequential)
        assert np.array_equal(twin.eval()(sparse), net.eval()(sparse))
        assert set(twin.state_dict()) == set(net.state_dict())
    assert isinstance(net[0][1:], scn.CheckpointedSequential)


def test_verbose_identity(sparse, capsys):
    assert scn.VerboseIdentity()(sparse) is sparse
    assert "sites=40" in capsys.readouterr().out


def test_reweight_and_rebias(points):
    net = scn.Sequential(
        scn.InputLayer(2, 15),
        scn.SubmanifoldConvolution(2, 3, 4, 3, True),
        scn.ConcatTable(
            scn.Sequential(scn.Tanh(), scn.NetworkInNetwork(4, 5, True)), scn.NetworkInNetwork(4, 2, False)
        ),
        scn.JoinTable(),
        scn.OutputLayer(2),
        scn.Linear(7, 3),
    )
    y = net.reweight(list(points))
    assert np.allclose(y.numpy().mean(0), 0, atol=1e-5) and np.allclose(y.numpy().std(0, ddof=1), 1, atol=1e-4)
    assert np.array_equal(y, net(list(points))) and not y.requires_grad
    inner = net[:2](list(points))
    for value in (inner, net[2][0](inner)):
        assert np.allclose(value.numpy().mean(0), 0, atol=1e-5)
        assert np.allclose(value.numpy().std(0, ddof=1), 1, atol=1e-4)
    net[5].bias.copy_([1, 2, 3])
    weights = net[5].weight.numpy().copy()
    assert np.allclose(net.rebias(list(points)).numpy().mean(0), 0, atol=1e-5)
    assert np.array_equal(net[5].weight, weights)


PRODUCTS = {
    "Submanifold": lambda: scn.SubmanifoldConvolution(2, 3, 4, 3, True),
    "Convolution": lambda: scn.Convolution(2, 3, 4, 3, 2, True),
    "Full": lambda: scn.FullConvolution(2, 3, 4, 3, 2, True),
    "Randomized": lambda: scn.RandomizedStrideConvolution(2, 3, 4, 3, 2, True),
    "Permutohedral": lambda: scn.PermutohedralSubmanifoldConvolution(2, 3, 4, True),
    "NetworkInNetwork": lambda: scn.NetworkInNetwork(3, 4, True),
}


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_product_is_reweighted_and_normalized(product, sparse):
    layer = PRODUCTS[product]()
    y = scn.Sequential(layer).reweight(sparse).features.numpy()
    np.testing.assert_allclose(y.mean(0), np.zeros(4), atol=1e-5)
    np.testing.assert_allclose(y.std(0, ddof=1), np.ones(4), atol=1e-4)
    scn.spectral_norm(layer, 100)
    assert list(layer.state_dict()) == ["bias", "weight_orig", "weight", "weight_u"]
    layer(sparse).sum().backward()
    assert np.linalg.svd(layer.weight.numpy().reshape(-1, 4))[1][0] == pytest.approx(1, abs=1e-3)
    assert layer.weight_orig.grad.any() and layer.bias.grad.any()


def test_a_failed_reweight_changes_nothing(points):
    net = scn.Sequential(
        scn.InputLayer(2, 15), scn.NetworkInNetwork(3, 4, True), scn.BatchNormReLU(4), scn.NetworkInNetwork(9, 4, True)
    )
    before = {name: values.copy() for name, values in net.state_dict().items()}
    with pytest.raises(scn.ShapeError, match="planes"):
        net.reweight(list(points))
    assert all(np.array_equal(values, before[name]) for name, values in net.state_dict().items())


def test_spectral_norm(sparse):
    layer = scn.SubmanifoldConvolution(2, 3, 4, 3, True)
    original, values = layer.weight, layer.weight.numpy().copy()
    assert scn.spectral_norm(layer, 100, norm=2) is layer
    assert set(layer.state_dict()) == {"weight", "weight_orig", "weight_u", "bias"}
    assert layer.weight_orig is original and set(dict(layer.named_parameters())) == {"weight_orig", "bias"}
    y = layer(sparse)
    largest = np.linalg.svd(values.reshape(-1, 4), compute_uv=False)[0]
    assert np.allclose(layer.weight, 2 * values / largest, atol=1e-4) and np.array_equal(original, values)
    assert np.isclose(np.linalg.norm(layer.weight_u), 1)
    y.backward(np.random.default_rng(1).standard_normal(y.numpy().shape))
    assert abs((original.grad * values).sum()) < 1e-2 < np.abs(original.grad).max()
    optimizer = scn.SGD(layer.parameters(), 0.1)
    optimizer.step()
    assert not np.array_equal(original, values)
    with pytest.raises(scn.StateError, match="spectral norm already"):
        scn.spectral_norm(layer)
    with pytest.raises(ValueError, match="ReLU"):
        scn.spectral_norm(scn.ReLU())
    with pytest.raises(ValueError, match="n_power_iterations"):
        scn.spectral_norm(scn.Linear(2, 2), 0)
    with pytest.raises(TypeError, match="module"):
        scn.spectral_norm(scn.Sequential())


def test_group_norm_takes_event_numbers_as_batch_indices():
    near, far = (
        scn.InputLayer(1, 8, 0)(
            [[[0, 0], [3, 0], [1, last], [2, last]], np.arange(12, dtype=np.float32).reshape(4, 3) ** 2]
        )
        for last in (1, 2**31 - 2)
    )
    layer = scn.SparseGroupNorm(1, 3)
    assert np.array_equal(layer(near).features.numpy(), layer(far).features.numpy())
