"""Gradients as one flat array, and arguments of layers that are assigned."""

import copy

import numpy as np
import pytest

import scn


class Net(scn.Module):
    """A module written in Python, with a parameter of its own and one that two layers share."""

    def __init__(self):
        self.first = scn.Linear(2, 2)
        self.second = scn.Linear(2, 2, bias=False)
        self.unused = scn.Linear(2, 3)
        self.scale = scn.Parameter(np.ones((4, 2)))

    def forward(self, x):
        return self.second(self.first(x)) * self.scale


def test_flat_gradients_are_in_the_order_of_parameters():
    net = Net()
    names = [name for name, _ in net.named_parameters()]
    assert not net.gradients().any() and net.gradients().dtype == np.float32
    net(scn.tensor(np.arange(8).reshape(4, 2))).sum().backward()
    flat = net.gradients()
    parts = [np.zeros(p.shape) if p.grad is None else p.grad for p in net.parameters()]
    assert np.array_equal(flat, np.concatenate([part.ravel() for part in parts]))
    assert [name for name, p in net.named_parameters() if p.grad is None] == ["unused.weight", "unused.bias"]
    flat *= 2
    assert not np.array_equal(net.gradients(), flat), "a copy"
    kept = net.first.weight.grad
    net.set_gradients(flat)
    assert np.array_equal(net.gradients(), flat)
    assert np.array_equal(kept, net.first.weight.grad), "an array got before goes on sharing"
    assert not net.unused.weight.grad.any() and len(names) == len(parts)


def test_frozen_and_shared_parameters_and_none_at_all():
    net = Net()
    net.first.requires_grad_(False)
    assert net.gradients().size == 4 + 6 + 3 + 8
    net.set_gradients(np.arange(21))
    assert net.first.weight.grad is None and net.second.weight.grad.tolist() == [[8, 9], [10, 11]]
    twice = scn.Sequential(net.second, scn.ReLU(), net.second)
    assert twice.gradients().tolist() == [8, 9, 10, 11]
    nothing = scn.Sequential(scn.ReLU())
    assert nothing.gradients().shape == (0,)
    nothing.set_gradients([])
    buffers = scn.Sequential(scn.BatchNormalization(3, affine=False))
    assert buffers.gradients().shape == (0,)


@pytest.mark.parametrize("wrong", [[], [1.0], np.zeros(31), np.zeros((1, 30)), 3.0])
def test_another_number_of_gradients_is_refused(wrong):
    net = Net()
    assert net.gradients().size == 27
    with pytest.raises(scn.ShapeError, match="gradients"):
        net.set_gradients(wrong)
    assert all(parameter.grad is None for parameter in net.parameters())


def test_a_step_of_two_halves_is_that_of_the_whole():
    scn.manual_seed(3)
    nets = [scn.Sequential(scn.Linear(3, 4), scn.Tanh(), scn.Linear(4, 2)) for _ in range(2)]
    nets[1].load_state_dict({name: values.copy() for name, values in nets[0].state_dict().items()})
    x, labels = np.random.default_rng(0).standard_normal((6, 3)), np.array([0, 1, 1, 0, 1, 0])
    scn.cross_entropy(nets[0](scn.tensor(x)), labels).backward()
    halves = []
    for part in (slice(0, 2), slice(2, 6)):
        nets[1].zero_grad()
        (scn.cross_entropy(nets[1](scn.tensor(x[part])), labels[part]) * (len(labels[part]) / 6)).backward()
        halves.append(nets[1].gradients())
    np.testing.assert_allclose(sum(halves), nets[0].gradients(), atol=1e-6)


@pytest.mark.parametrize("make", [scn.BatchNormalization, scn.BatchNormReLU, scn.MeanOnlyBNLeakyReLU])
def test_momentum_can_be_assigned(make, tmp_path):
    layer = make(1)
    layer.momentum = 0.75
    assert layer.momentum == 0.75
    layer(scn.tensor([[0.0], [4.0]]))
    assert layer.running_mean.numpy().tolist() == [0.5]
    for other in (copy.deepcopy(layer), scn.Sequential(layer)[0]):
        assert other.momentum == 0.75
    scn.save(scn.Sequential(layer), tmp_path / "net.safetensors")
    assert scn.load(tmp_path / "net.safetensors")[0].momentum == 0.75
    for wrong in (-0.1, 1.5, float("nan")):
        with pytest.raises(scn.InvalidArgumentError, match="momentum"):
            layer.momentum = wrong
    assert layer.momentum == 0.75


def test_momentum_of_all_norms_in_a_module():
    class Own(scn.Module):
        def __init__(self):
            self.net = scn.Sequential(scn.UNet(2, 1, [2, 3]), scn.MeanOnlyBNLeakyReLU(2), scn.SparseGroupNorm(1, 2))
            self.momentum = "not a norm's"

    own = Own()
    assert own.set_momentum(np.float32(0.25)) is own
    kinds = scn.BatchNormalization, scn.MeanOnlyBNLeakyReLU
    norms = [module for module in own.modules() if isinstance(module, kinds)]
    assert len(norms) == 6 and {norm.momentum for norm in norms} == {0.25} and own.momentum == "not a norm's"
    norms[0](scn.tensor(np.full((2, 2), 4.0)))
    assert norms[0].running_mean.numpy().tolist() == [3, 3]
    for wrong, error in ((1.5, "is 1.5, expected 0 ... 1"), (np.nan, "is nan"), ("a", "is 'a', expected a number")):
        for module in (own, scn.ReLU()):
            with pytest.raises(scn.InvalidArgumentError, match=f"^momentum: {error}"):
                module.set_momentum(wrong)
    assert {norm.momentum for norm in norms} == {0.25}
    assert scn.optimize_for_inference(own.net.eval()).set_momentum(0.5) and norms[0].momentum == 0.25


def test_momentum_of_a_network_that_was_built():
    net = scn.UNet(2, 1, [2, 3])
    for module in net.modules():
        if isinstance(module, scn.BatchNormalization):
            module.momentum = 0.5
    x = scn.InputLayer(2, 8)([np.array([[1, 1], [2, 5]]), np.array([[2.0, 0], [4, 0]])])
    net(x)
    first = next(module for module in net.modules() if isinstance(module, scn.BatchNormalization))
    assert first.running_mean.numpy().tolist() == [1.5, 0]


@pytest.mark.parametrize(
    "layer, name, value",
    [
        (lambda: scn.BatchNormalization(2), "eps", 1e-3),
        (lambda: scn.BatchNormReLU(2), "leakiness", 0.5),
        (lambda: scn.MeanOnlyBNLeakyReLU(2), "leakiness", 0.5),
        (lambda: scn.SparseGroupNorm(1, 2), "eps", 1.0),
        (lambda: scn.Dropout(0.5), "p", 0.1),
        (lambda: scn.BatchwiseDropout(0.5), "p", 0.1),
        (lambda: scn.LeakyReLU(), "leak", 0.1),
        (lambda: scn.SubmanifoldConvolution(2, 1, 1, 3, False), "filter_size", [5, 5]),
        (lambda: scn.Convolution(2, 1, 1, 3, 2, False), "padding", [1, 1]),
        (lambda: scn.InputLayer(2, 8), "mode", 4),
        (lambda: scn.MaxPooling(2, 2, 2), "pool_size", [3, 3]),
        (lambda: scn.Linear(2, 2), "nOut", 3),
    ],
)
def test_other_arguments_are_fixed(layer, name, value):
    layer = layer()
    before = getattr(layer, name)
    with pytest.raises(AttributeError, match=f"^{name}: is fixed when a .* is made"):
        setattr(layer, name, value)
    assert getattr(layer, name) == before
    layer.remark = "anything else can be set"
