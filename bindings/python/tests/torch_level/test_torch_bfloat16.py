"""Convolutions that multiply bfloat16: under torch.autocast, and in modules that are bfloat16 themselves."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import scn
import scn.torch as st

SIZE = 16


def scene(planes, count=150, seed=0):
    rng = np.random.default_rng(seed)
    sites = np.unique(rng.integers(0, SIZE, (count, 3)), axis=0)
    coordinates = torch.from_numpy(np.concatenate([sites, np.zeros((len(sites), 1), np.int64)], 1))
    features = torch.from_numpy(rng.normal(size=(len(sites), planes)).astype(np.float32)).requires_grad_()
    return features, st.InputLayer(3, SIZE, 0)([coordinates, features])


def layers(planes_in, planes_out, groups=1):
    yield st.SubmanifoldConvolution(3, planes_in, planes_out, 3, True, groups=groups)
    yield st.Convolution(3, planes_in, planes_out, 2, 2, False, groups=groups)
    yield st.FullConvolution(3, planes_in, planes_out, 3, 1, True, groups=groups)


@pytest.mark.parametrize("planes", [(3, 16), (16, 20), (37, 64), (64, 33), (32, 32, 2), (32, 32, 32)])
def test_results_and_gradients_are_those_of_rounded_numbers(planes):
    for layer in layers(*planes):
        features, x = scene(planes[0])
        with torch.autocast("cpu", torch.bfloat16):
            y = layer(x).features
        assert y.dtype is torch.bfloat16
        torch.manual_seed(1)
        gradient = torch.randn_like(y)
        y.backward(gradient)
        got = [features.grad, *(parameter.grad for parameter in layer.parameters())]
        assert all(values.dtype is torch.float32 for values in got)
        features, x = scene(planes[0])
        layer.zero_grad()
        want = layer(x).features
        want.backward(gradient.float())
        expected = [features.grad, *(parameter.grad for parameter in layer.parameters())]
        for ours, theirs in zip([y.float(), *got], [want, *expected]):
            assert (ours - theirs).abs().max() <= 0.02 * theirs.abs().max()


def test_sums_are_of_float32():
    """A thousand equal numbers: sums in bfloat16 would stop at 256."""
    rows = torch.ones(2, 1024)
    layer = st.SubmanifoldConvolution(3, 1024, 1, 1, False)
    torch.nn.init.ones_(layer.weight)
    coordinates = torch.tensor([[1, 2, 3, 0], [4, 5, 6, 0]])
    with torch.autocast("cpu", torch.bfloat16):
        result = layer(st.InputLayer(3, SIZE, 0)([coordinates, rows])).features
    assert result.dtype is torch.bfloat16 and (result == 1024).all()


def test_what_is_kept_for_the_way_back_is_bfloat16():
    _, x = scene(32)
    layer, kept = st.SubmanifoldConvolution(3, 32, 32, 3, False), []
    with (
        torch.autograd.graph.saved_tensors_hooks(lambda values: kept.append(values) or values, lambda values: values),
        torch.autocast("cpu", torch.bfloat16),
    ):
        layer(x)
    assert [values.dtype for values in kept if values.shape == (len(x.features), 32)] == [torch.bfloat16]


def test_a_module_of_bfloat16_multiplies_it():
    features, x = scene(32)
    layer = st.SubmanifoldConvolution(3, 32, 48, 3, True)
    want = layer(x).features
    half = st.SubmanifoldConvolution(3, 32, 48, 3, True).to(torch.bfloat16)
    half.load_state_dict(layer.state_dict())
    x.features = x.features.to(torch.bfloat16)
    got = half(x).features
    assert got.dtype is torch.bfloat16 and (got.float() - want).abs().max() <= 0.02 * want.abs().max()
    got.sum().backward()
    assert half.weight.grad.dtype is torch.bfloat16 and torch.isfinite(features.grad).all()


def test_second_derivatives_are_those_of_float32():
    features, x = scene(16)
    layer = st.SubmanifoldConvolution(3, 16, 16, 3, False)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x).features
    (first,) = torch.autograd.grad((y.float() ** 2).sum(), features, create_graph=True)
    first.sum().backward()
    got = layer.weight.grad
    _, x = scene(16)
    features.grad = layer.weight.grad = None
    features, x = scene(16)
    (first,) = torch.autograd.grad((layer(x).features ** 2).sum(), features, create_graph=True)
    first.sum().backward()
    assert (got - layer.weight.grad).abs().max() <= 0.03 * layer.weight.grad.abs().max()


def test_no_sites():
    layer = st.SubmanifoldConvolution(3, 16, 16, 3, True)
    features = torch.zeros(0, 16, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(st.InputLayer(3, SIZE, 0)([torch.zeros(0, 4, dtype=torch.long), features])).features
    assert y.shape == (0, 16) and y.dtype is torch.bfloat16
    y.sum().backward()
    assert features.grad.shape == (0, 16) and not layer.weight.grad.any()


def test_training_reaches_what_float32_reaches():
    features, x = scene(16, 400)
    labels = (x.features.detach()[:, :3].sum(1) > 0).long()
    losses = []
    for enabled in (False, True):
        torch.manual_seed(3)
        net = st.Sequential(
            st.SubmanifoldConvolution(3, 16, 32, 3, False), st.BatchNormReLU(32),
            st.SubmanifoldConvolution(3, 32, 32, 3, False), st.BatchNormReLU(32), st.OutputLayer(3),
            torch.nn.Linear(32, 2),
        )  # fmt: skip
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        for _ in range(25):
            _, x = scene(16, 400)
            with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
                logits = net(x)
            loss = torch.nn.functional.cross_entropy(logits.float(), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    assert losses[0] < 0.1 and losses[1] < losses[0] + 0.02


@pytest.mark.parametrize("is_training", [True, False])
def test_batch_norms_round_what_float32_gives(is_training):
    rng = np.random.default_rng(4)
    rows = torch.from_numpy(rng.normal(3, 2, size=(700, 20)).astype(np.float32)).to(torch.bfloat16)
    gradient = torch.from_numpy(rng.normal(size=(700, 20)).astype(np.float32)).to(torch.bfloat16)
    results, states, gradients = [], [], []
    for values in (rows.clone(), rows.float()):
        torch.manual_seed(5)
        layer = st.BatchNormLeakyReLU(20).train(is_training)
        torch.nn.init.normal_(layer.weight)
        values.requires_grad_()
        results.append(layer(values))
        assert results[-1].dtype is values.dtype
        results[-1].backward(gradient.to(values.dtype))
        states.append([layer.running_mean, layer.running_var])
        gradients.append([values.grad, layer.weight.grad, layer.bias.grad])
        assert values.grad.dtype is values.dtype and layer.weight.grad.dtype is torch.float32
    assert torch.equal(results[0], results[1].to(torch.bfloat16))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*states))
    for ours, theirs in zip(*gradients):
        assert (ours.float() - theirs).abs().max() <= 0.01 * theirs.abs().max()


def test_batch_norms_of_bfloat16_have_second_derivatives():
    rng = np.random.default_rng(6)
    rows = torch.from_numpy(rng.normal(size=(50, 4)).astype(np.float32)).to(torch.bfloat16)
    found = []
    for values in (rows.clone(), rows.float()):
        torch.manual_seed(7)
        layer = st.BatchNormalization(4)
        torch.nn.init.normal_(layer.weight)
        values.requires_grad_()
        (first,) = torch.autograd.grad((layer(values).float() ** 3).sum(), values, create_graph=True)
        first.float().square().sum().backward()
        found.append(layer.weight.grad)
    assert (found[0] - found[1]).abs().max() <= 0.05 * found[1].abs().max()


def test_features_stay_bfloat16_through_a_block():
    features, x = scene(16, 400)
    net = st.Sequential(
        st.SubmanifoldConvolution(3, 16, 32, 3, False),
        st.ConcatTable().add(st.Identity()).add(
            st.Sequential(st.BatchNormReLU(32), st.SubmanifoldConvolution(3, 32, 32, 3, False))
        ), st.AddTable(), st.BatchNormReLU(32),
    )  # fmt: skip
    with torch.autocast("cpu", torch.bfloat16):
        y = net(x)
    assert y.features.dtype is torch.bfloat16
    y.features.float().square().sum().backward()
    assert features.grad.dtype is torch.float32 and features.grad.abs().max() > 0


def test_a_batch_norm_of_no_rows():
    layer = st.BatchNormReLU(4)
    rows = torch.zeros(0, 4, dtype=torch.bfloat16, requires_grad=True)
    layer(rows).sum().backward()
    assert rows.grad.shape == (0, 4) and torch.equal(layer.running_mean, torch.zeros(4))


def test_products_are_of_rounded_numbers():
    rng = np.random.default_rng(8)
    layer = st.NetworkInNetwork(32, 20)
    torch.nn.init.normal_(layer.bias)
    found = []
    start = torch.from_numpy(rng.normal(size=(300, 32)).astype(np.float32)).to(torch.bfloat16)
    gradient = torch.from_numpy(rng.normal(size=(300, 20)).astype(np.float32)).to(torch.bfloat16)
    for rows in (start.clone(), start.float()):
        layer.zero_grad()
        rows.requires_grad_()
        result = layer(rows)
        assert result.dtype is rows.dtype
        result.backward(gradient.to(rows.dtype))
        found.append([result, rows.grad, layer.weight.grad, layer.bias.grad])
    for ours, theirs in zip(*found):
        assert (ours.float() - theirs).abs().max() <= 0.01 * theirs.abs().max()
    rows = start.clone().requires_grad_()
    (first,) = torch.autograd.grad((layer(rows).float() ** 2).sum(), rows, create_graph=True)
    first.float().sum().backward()
    assert torch.isfinite(layer.weight.grad).all()


def test_parameters_in_odd_memory_are_read_as_what_they_are():
    """A bias that is a view with gaps, one that repeats a number, parameters of another type."""
    rows = torch.from_numpy(np.random.default_rng(9).normal(size=(40, 16)).astype(np.float32)).to(torch.bfloat16)
    sites = scn.Sites(3, np.unique(np.random.default_rng(3).integers(0, 6, (60, 3)), axis=0))
    rulebook, features = sites.submanifold(3), torch.randn(len(sites), 16).to(torch.bfloat16)
    weight = torch.randn(27, 1, 16, 4).to(torch.bfloat16)
    for bias in (torch.arange(8.0)[::2], torch.ones(1).expand(4), torch.arange(4.0).double()):
        got = st.functional.convolve(features, rulebook, weight, bias)
        want = st.functional.convolve(features.float(), rulebook, weight.float(), bias.float().contiguous())
        assert (got.float() - want).abs().max() <= 0.02 * want.abs().max()
        layer = st.NetworkInNetwork(16, 4)
        layer.bias = torch.nn.Parameter(bias)
        want = rows.double() @ layer.weight.double() + bias.double()
        assert (layer(rows).double() - want).abs().max() <= 0.02 * want.abs().max()
