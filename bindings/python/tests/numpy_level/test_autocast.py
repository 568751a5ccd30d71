"""Training and evaluation in bfloat16."""

import copy
import pickle
import threading

import numpy as np
import pytest

import scn
from scn._native.generated import SCN_BFLOAT16, SCN_FLOAT32
from scn._native.library import library


@pytest.fixture
def points():
    rng = np.random.default_rng(2)
    sites = np.unique(rng.integers(0, 16, (300, 3)), axis=0)
    coordinates = np.concatenate([sites, np.zeros((len(sites), 1), np.int64)], 1)
    return [coordinates, rng.normal(size=(len(sites), 3)).astype(np.float32)]


def network():
    scn.manual_seed(1)
    net = scn.Sequential(scn.InputLayer(3, 16, mode=0), scn.SubmanifoldConvolution(3, 3, 16, 3, False))
    net.add(scn.UNet(3, 1, [16, 32], residual_blocks=True)).add(scn.BatchNormReLU(16))
    return net.add(scn.OutputLayer(3)).add(scn.Linear(16, 4))


def gradients(net, points, precision):
    with scn.autocast(precision):
        result = net(points)
    assert result.numpy().dtype == np.float32
    loss = scn.cross_entropy(result, np.arange(len(points[0])) % 4)
    loss.backward()
    found = [parameter.grad.copy() for parameter in net.parameters()]
    net.zero_grad()
    return loss.item(), found


def test_gradients_are_close_to_those_of_float32(points):
    net = network()
    exact, expected = gradients(net, points, "float32")
    loss, found = gradients(net, points, "bfloat16")
    assert loss != exact and abs(loss - exact) < 0.01 * exact
    for ours, theirs in zip(found, expected):
        assert np.linalg.norm(ours - theirs) <= 0.2 * np.linalg.norm(theirs)


def test_training_reaches_what_float32_reaches(points):
    losses = []
    for precision in ("float32", "bfloat16"):
        net = network()
        labels = (points[1][:, 0] > 0).astype(np.int64) + 2 * (points[1][:, 1] > 0)
        adam = scn.Adam(net.parameters(), lr=0.01)
        for _ in range(40):
            adam.zero_grad()
            with scn.autocast(precision):
                loss = scn.cross_entropy(net(points), labels)
            loss.backward()
            adam.step()
        losses.append(loss.item())
    assert losses[0] < 0.3 and losses[1] < losses[0] + 0.1


def test_blocks_nest_and_are_of_their_thread(points):
    net = network().eval()
    with scn.no_grad():
        exact = net(points).numpy().copy()
        with scn.autocast():
            rounded = net(points).numpy().copy()
            with scn.autocast("float32"):
                np.testing.assert_array_equal(net(points).numpy(), exact)
            np.testing.assert_array_equal(net(points).numpy(), rounded)
            elsewhere = []

            def run():
                with scn.no_grad():
                    elsewhere.append(net(points).numpy().copy())

            thread = threading.Thread(target=run)
            thread.start()
            thread.join()
            np.testing.assert_array_equal(elsewhere[0], exact)
        assert np.abs(rounded - exact).max() > 0
        np.testing.assert_array_equal(net(points).numpy(), exact)

        @scn.autocast("bfloat16")
        def evaluate():
            return net(points).numpy().copy()

        np.testing.assert_array_equal(evaluate(), rounded)


def test_it_is_put_back_after_an_error(points):
    net = network().eval()
    with scn.no_grad():
        exact = net(points).numpy().copy()
        with pytest.raises(scn.ShapeError), scn.autocast():
            net([points[0], points[1][:, :2]])
        np.testing.assert_array_equal(net(points).numpy(), exact)


@pytest.mark.parametrize("precision", ["float16", "", None, 16, ["bfloat16"]])
def test_other_precisions_are_refused(precision):
    with pytest.raises(scn.InvalidArgumentError, match="precision: is .*, expected 'float32' or 'bfloat16'"):
        scn.autocast(precision)


def test_layers_one_by_one_give_the_same_bits(points):
    layers = [
        scn.InputLayer(3, 16, mode=0), scn.SubmanifoldConvolution(3, 3, 16, 3, False), scn.BatchNormReLU(16),
        scn.SubmanifoldConvolution(3, 16, 24, 3, False), scn.BatchNormReLU(24), scn.OutputLayer(3), scn.Linear(24, 2),
    ]  # fmt: skip
    found = []
    for is_read in (False, True):
        for layer in layers:
            if isinstance(layer, scn.BatchNormalization):
                layer.running_mean.copy_(np.zeros(layer.running_mean.shape))
        value = points
        with scn.autocast():
            for layer in layers:
                value = layer(value)
                if is_read and isinstance(value, scn.SparseConvNetTensor):
                    with scn.no_grad():  # What is read is float32 from then on; its history stays.
                        assert value.features.numpy().dtype == np.float32
                        assert value.requires_grad == (layer is not layers[0])
        value.sum().backward()
        found.append([value.numpy().copy()] + [p.grad.copy() for layer in layers for p in layer.parameters()])
        for layer in layers:
            layer.zero_grad()
    for unread, read in zip(*found):
        np.testing.assert_allclose(read, unread, rtol=0, atol=2e-2 * np.abs(unread).max())
        assert np.abs(unread).max() > 0


def test_less_is_kept_for_the_way_back(points):
    kept = []
    for precision in ("float32", "bfloat16"):
        net = network()
        with scn.autocast(precision):
            net(points)  # Sites and rulebooks are counted below, for both.
            before = scn.memory_in_use()
            result = net(points)
        kept.append(scn.memory_in_use() - before)
        del result
    assert kept[1] < 0.8 * kept[0]


def test_objects_may_be_copied_and_pickled():
    for again in (copy.deepcopy(scn.autocast()), pickle.loads(pickle.dumps(scn.autocast("bfloat16")))):
        with again, again:
            assert library.scn_get_autocast() == SCN_BFLOAT16
        assert library.scn_get_autocast() == SCN_FLOAT32


def test_one_object_serves_several_threads(points):
    shared, entered, left, seen = scn.autocast(), threading.Event(), threading.Event(), {}
    net = network().eval()

    def evaluate():
        with scn.no_grad():
            return net(points).numpy().copy()

    def other():
        with scn.autocast("bfloat16"):
            entered.wait(60)
            with shared:
                left.set()
            seen["rounded"] = evaluate()

    thread = threading.Thread(target=other)
    thread.start()
    exact = evaluate()
    with shared:
        entered.set()
        left.wait(60)
    np.testing.assert_array_equal(evaluate(), exact)
    thread.join()
    assert np.abs(seen["rounded"] - exact).max() > 0


@pytest.mark.parametrize("activation", [None, "sigmoid", "fakeGradHardSigmoid"])
def test_sites_are_chosen_by_scores_that_are_not_rounded(points, activation):
    scn.manual_seed(3)
    before = scn.Sequential(scn.InputLayer(3, 16, mode=4), scn.SubmanifoldConvolution(3, 3, 32, 3, False))
    choice, after = scn.Sparsify(3, 32, activation), scn.SubmanifoldConvolution(3, 32, 4, 3, False)
    with scn.autocast():
        kept = choice(before(points))
        result = after(kept)
    features = before(points).features.numpy()
    net = [parameter.numpy() for parameter in choice.parameters()]
    assert kept.mask.numpy().shape == (len(features),)
    with scn.autocast():
        scores = (before(points).features.numpy() @ net[0] + net[1])[:, 0]
    expected = {None: scores, "sigmoid": 1 / (1 + np.exp(-scores)), "fakeGradHardSigmoid": scores > 0}[activation]
    np.testing.assert_allclose(kept.mask.numpy(), expected, rtol=1e-4, atol=1e-5)
    assert 0 < len(kept.features.numpy()) == (scores > 0).sum() < len(features)
    scn.SparsifyFCS(3)(result)
    (result.features.sum() + kept.mask.sum()).backward()
    for parameter in [*before.parameters(), *choice.parameters(), *after.parameters()]:
        assert np.isfinite(parameter.grad).all()
    assert np.abs(before[1].weight.grad).max() > 0


def test_a_summary_counts_the_bytes_that_features_have(points):
    net = network()
    exact = scn.summary(net, points)
    with scn.autocast():
        rounded = scn.summary(net, points)
    assert rounded != exact


@pytest.mark.parametrize(
    ("kind", "slope"),
    [
        (scn.Tanh, lambda x: 1 / np.cosh(x) ** 2),
        (scn.Sigmoid, lambda x: 1 / (2 + np.exp(x) + np.exp(-x))),
        (scn.ELU, np.exp),
        (scn.SELU, lambda x: 1.0507009873554805 * 1.6732632423543772 * np.exp(x)),
    ],
)
def test_slopes_hold_where_activations_level_off(kind, slope):
    planes = np.array([-7.0, -6.5, -6, -5, -4, -3, -2, -1], np.float32)
    net = scn.Sequential(scn.InputLayer(1, 4), scn.SubmanifoldConvolution(1, 16, 16, 1, True), kind())
    state = {name: np.zeros(value.shape, np.float32) for name, value in net.state_dict().items()}
    state["1.weight"][0, 0] = np.eye(16)
    net.load_state_dict(state)
    row = np.concatenate([planes, planes]).astype(np.float32)
    with scn.autocast():
        result = net([np.zeros((1, 2), np.int64), row[None]])
    result.features.sum().backward()
    np.testing.assert_allclose(net[1].bias.grad, slope(row.astype(np.float64)), rtol=1e-2)
