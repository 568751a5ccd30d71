"""The tree of modules: names, state, containers, modules written in Python, copies."""

import copy
import pickle

import numpy as np
import pytest

import scn


def small_net():
    return scn.Sequential(
        scn.SubmanifoldConvolution(2, 3, 4, 3, True),
        scn.ConcatTable(scn.Identity(), scn.Sequential(scn.BatchNormReLU(4), scn.NetworkInNetwork(4, 4, False))),
        scn.JoinTable(),
        scn.Convolution(2, 8, 5, 3, 2, False),
        scn.SparseToDense(2, 5),
    )


class Residual(scn.Module):
    """A module as a user writes it; it need not call super().__init__()."""

    def __init__(self, planes):
        self.inner = scn.Sequential(scn.BatchNormReLU(planes), scn.SubmanifoldConvolution(2, planes, planes, 3, False))
        self.scale = scn.Parameter(np.ones(()))
        self.register_buffer("calls", np.zeros(1))
        self.note = "plain"

    def forward(self, x):
        self.calls.numpy()[0] += 1
        return x + self.inner(x)


NAMES = [
    "0.weight", "0.bias", "1.1.0.weight", "1.1.0.bias", "1.1.1.weight", "3.weight",
]  # fmt: skip
BUFFERS = ["1.1.0.running_mean", "1.1.0.running_var"]


def test_names():
    net = small_net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert [name for name, _ in net.named_buffers()] == BUFFERS
    assert set(net.state_dict()) == {*NAMES, *BUFFERS}
    assert set(net.state_dict("a.b")) == {f"a.b.{name}" for name in [*NAMES, *BUFFERS]}
    assert len(list(net.parameters())) == 6 and len(list(net.buffers())) == 2
    assert [name for name, _ in net.named_modules()] == ["", "0", "1", "1.0", "1.1", "1.1.0", "1.1.1", "2", "3", "4"]
    assert [name for name, _ in net.named_children()] == list("01234")
    assert list(net[0].named_parameters(prefix="x", recurse=False))[0][0] == "x.weight"
    assert list(net.parameters(recurse=False)) == []
    assert all(isinstance(p, scn.Parameter) and p.requires_grad for p in net.parameters())
    assert net[0].weight is next(iter(net.parameters()))


def test_state_is_the_memory_itself_and_loads():
    net, other = small_net(), small_net()
    state = net.state_dict()
    assert np.shares_memory(state["0.weight"], net[0].weight.numpy())
    assert not np.array_equal(state["0.weight"], other.state_dict()["0.weight"])
    assert other.load_state_dict(state) == ([], [])
    assert all(np.array_equal(values, other.state_dict()[name]) for name, values in state.items())
    other.load_state_dict({name: scn.tensor(values * 2) for name, values in state.items()})
    assert np.array_equal(other[3].weight, 2 * net[3].weight.numpy())
    other.load_state_dict({name: values.astype(np.float64).tolist() for name, values in state.items()})
    assert np.array_equal(other[3].weight, net[3].weight)


def test_loading_checks_everything_before_it_changes_anything():
    net = small_net()
    before = {name: values.copy() for name, values in net.state_dict().items()}
    good = {name: values + 1 for name, values in before.items()}
    bad = {
        "missing: 3.weight": {k: v for k, v in good.items() if k != "3.weight"},
        "unexpected: 9.weight": {**good, "9.weight": np.zeros(1)},
        r"0.bias: has shape \[5\], expected \[4\]": {**good, "0.bias": np.zeros(5)},
        "0.bias: has elements of type .*real numbers": {**good, "0.bias": ["a"] * 4},
    }
    for text, state in bad.items():
        with pytest.raises(scn.FormatError, match=text):
            net.load_state_dict(state)
        assert all(np.array_equal(values, before[name]) for name, values in net.state_dict().items())
    result = net.load_state_dict({"0.bias": np.ones(4), "x": 1}, strict=False)
    assert result.unexpected_keys == ["x"] and "3.weight" in result.missing_keys and net[0].bias[0] == 1
    with pytest.raises(scn.FormatError, match="shape"):
        net.load_state_dict({"0.bias": np.ones(3)}, strict=False)


def test_a_prefix_that_the_module_lacks_is_named():
    net = small_net()
    state = net.state_dict()
    for prefix in ("sparseModel.", "module.net."):
        text = f"all names begin with '{prefix}', which .*missing: 0.weight.*unexpected: {prefix}0.weight"
        with pytest.raises(scn.FormatError, match=f"(?s){text}"):
            net.load_state_dict({prefix + name: values for name, values in state.items()})
    for other in (
        {},
        {**{f"net.{name}": values for name, values in state.items()}, "x": state["0.bias"]},
        {"0.x": state["0.bias"]},
        {"x": state["0.bias"]},
    ):
        with pytest.raises(scn.FormatError) as failed:
            net.load_state_dict(other)
        assert "begin with" not in str(failed.value)
    with pytest.raises(scn.FormatError, match="all names begin with 'other.'"):
        net.load_state_dict({"other.deep.x": state["0.bias"]})
    result = net.load_state_dict({f"net.{name}": values for name, values in state.items()}, strict=False)
    assert list(result.missing_keys) == list(state)


def test_training_and_evaluation():
    net = small_net()
    assert net.training and all(module.training for module in net.modules())
    assert net.eval() is net and not any(module.training for module in net.modules())
    assert net.train() is net and net[1][1][0].training
    net.train(False)
    net[1][1][0].training = True
    assert net[1][1][0].training and not net[0].training


def test_the_switch_reaches_the_library(sparse):
    norm = scn.BatchNormalization(3)
    norm.eval()
    norm(sparse)
    assert not norm.running_mean.numpy().any()
    norm.training = True
    norm(sparse)
    assert norm.running_mean.numpy().any()


def test_containers():
    a, b, c = scn.ReLU(), scn.Tanh(), scn.ELU()
    net = scn.Sequential().add(a).append(b)
    assert len(net) == 2 and net[0] is a and net[-1] is b and list(net) == [a, b] and b in net and c not in net
    assert net.insert(1, c) is net and list(net) == [a, c, b] and list(net._modules) == ["0", "1", "2"]
    assert list(net[1:]) == [c, b] and isinstance(net[1:], scn.Sequential)
    joined = net + scn.Sequential(b)
    assert list(joined) == [a, c, b, b] and len(net) == 3 and len(list(joined.modules())) == 4
    del net[0]
    net[0] = a
    assert list(net) == [a, b]
    with pytest.raises(IndexError):
        net[5]
    with pytest.raises(TypeError, match="Module"):
        net.add(3)
    with pytest.raises(TypeError):
        net + a
    with pytest.raises(scn.StateError, match="itself"):
        net.add(scn.Sequential(net))
    with pytest.raises(scn.StateError, match="itself"):
        net.add(net)


def test_spatial_sizes(sparse):
    net = scn.Sequential(
        scn.SubmanifoldConvolution(2, 3, 4, 3, True),
        scn.MaxPooling(2, 3, 2),
        scn.Convolution(2, 4, 4, [2, 3], [2, 1], False),
    )
    assert net.input_spatial_size([3, 4]).tolist() == [13, 13]
    assert net.input_spatial_size(np.array([3, 4])).dtype == np.int64
    assert net[1].input_spatial_size(7).tolist() == [15, 15]
    assert scn.ReLU().input_spatial_size([5, 6, 7]).tolist() == [5, 6, 7]
    assert scn.Sequential().input_spatial_size([4]).tolist() == [4]
    assert scn.Deconvolution(2, 1, 1, 3, 2, False).input_spatial_size([15, 15]).tolist() == [7, 7]
    table = scn.ConcatTable(scn.Identity(), scn.MaxPooling(2, 3, 2))
    with pytest.raises(scn.ShapeError, match="branch"):
        table.input_spatial_size([5, 5])
    assert scn.ConcatTable(scn.Identity(), scn.ReLU()).input_spatial_size([5, 5]).tolist() == [5, 5]
    for bad in ([0, 1], [2.5, 1], [2**70, 1], [1, 1, 1]):
        with pytest.raises(ValueError):
            net[2].input_spatial_size(bad)
    with pytest.raises(NotImplementedError, match="input_spatial_size"):
        Residual(3).input_spatial_size([1, 1])


def test_modules_written_in_python(sparse, random):
    block = Residual(3)
    names = [name for name, _ in block.named_parameters()]
    assert names == ["scale", "inner.0.weight", "inner.0.bias", "inner.1.weight"]
    assert set(block.state_dict()) == {*names, "calls", "inner.0.running_mean", "inner.0.running_var"}
    net = scn.Sequential(block, scn.SparseToDense(2, 3))
    net(sparse).sum().backward()
    assert block.inner[1].weight.grad.any() and block.calls[0] == 1 and block.note == "plain"
    net.zero_grad()
    assert block.inner[1].weight.grad is None
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters()) and not net(sparse).requires_grad
    seen = []
    assert net.apply(seen.append) is net and seen[-1] is net and len(seen) == 6
    with pytest.raises(NotImplementedError, match="Module has no forward"):
        scn.Module()(1)


def test_attributes():
    block = Residual(3)
    assert not hasattr(block, "nothing")
    old = block.scale
    block.scale = scn.Parameter([1.0, 2.0])
    assert block.scale is not old and block._parameters["scale"] is block.scale
    block.calls = scn.tensor([5.0])
    assert block._buffers["calls"][0] == 5
    block.scale = 3
    assert block.scale == 3 and "scale" not in block._parameters
    del block.inner
    assert list(block.children()) == []
    for name in ("", "a.b"):
        with pytest.raises(ValueError, match="dot"):
            block.add_module(name, scn.ReLU())
    layer = scn.Linear(2, 3)
    with pytest.raises(AttributeError, match="copy_"):
        layer.weight = scn.Parameter(np.zeros((3, 2)))
    layer.weight.copy_(np.ones((3, 2)))
    layer.bias.copy_([0, 0, 0])
    assert np.array_equal(layer([[1, 2]]), [[3, 3, 3]])
    assert scn.Linear(2, 3, False).bias is None and scn.BatchNormalization(2, affine=False).weight is None


def test_methods_of_torch_that_move_or_convert_have_a_hint(sparse):
    for value in (scn.Linear(2, 3), scn.Sequential(), Residual(3), scn.tensor([1.0]), sparse):
        for name in ("cuda", "to", "cpu", "half"):
            assert not hasattr(value, name)
            with pytest.raises(
                AttributeError, match=rf"no attribute '{name}'; .* CPU, in float32: leave .{name}\(\) out"
            ):
                getattr(value, name)
        with pytest.raises(AttributeError, match="no attribute 'nothing'$"):
            value.nothing


def test_shared_modules_count_once(sparse):
    layer = scn.SubmanifoldConvolution(2, 3, 3, 3, False)
    net = scn.Sequential(layer, layer)
    assert len(list(net.parameters())) == 1 and set(net.state_dict()) == {"0.weight", "1.weight"}
    net(sparse).sum().backward()
    assert layer.weight.grad is not None
    assert len(list(pickle.loads(pickle.dumps(net)).parameters())) == 1


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies(sparse, duplicate):
    net = scn.Sequential(Residual(3), small_net())
    net(sparse)
    net[1][0].eval()
    net[1][0].weight.requires_grad_(False)
    net.tied = net[1][3].weight
    state = scn.get_num_threads(), [scn.Linear(3, 3).weight.numpy().copy()]
    scn.manual_seed(5)
    twin = duplicate(net)
    following = scn.Linear(3, 3).weight.numpy().copy()
    scn.manual_seed(5)
    assert np.array_equal(following, scn.Linear(3, 3).weight) and len(state) == 2
    assert [name for name, _ in twin.named_modules()] == [name for name, _ in net.named_modules()]
    for name, values in net.state_dict().items():
        assert np.array_equal(values, twin.state_dict()[name])
        assert not np.shares_memory(values, twin.state_dict()[name])
    assert twin.tied is twin[1][3].weight
    assert not twin[1][0].training and twin[1][1].training and not twin[1][0].weight.requires_grad
    assert np.array_equal(net.eval()(sparse), twin.eval()(sparse))
    assert repr(twin) == repr(net) and twin[0].note == "plain"


def test_shallow_copies_share_their_parts(sparse):
    net = small_net()
    twin = copy.copy(net)
    twin.add(scn.Flatten())
    assert len(net) == 5 and len(twin) == 6 and twin[0] is net[0]
    layer = net[0]
    other = copy.copy(layer)
    other.weight.copy_(np.zeros(layer.weight.shape))
    assert other.weight is layer.weight and not layer.weight.numpy().any()
    assert np.array_equal(other(sparse).numpy(), layer(sparse).numpy())


def test_repr():
    assert (
        repr(small_net())
        == """Sequential(
  (0): SubmanifoldConvolution(2, 3 -> 4, filter_size=3, bias=True)
  (1): ConcatTable(
    (0): Identity()
    (1): Sequential(
      (0): BatchNormReLU(4, eps=0.0001, momentum=0.99)
      (1): NetworkInNetwork(4 -> 4, bias=False)
    )
  )
  (2): JoinTable()
  (3): Convolution(2, 8 -> 5, filter_size=3, filter_stride=2, bias=False)
  (4): SparseToDense(2, 5)
)"""
    )
    layer = scn.Convolution(3, 4, 8, [3, 1, 3], 2, True, 2, padding=[1, 0, 1], dilation=2)
    assert repr(layer) == (
        "Convolution(3, 4 -> 8, filter_size=[3, 1, 3], filter_stride=2, bias=True, groups=2, "
        "padding=[1, 0, 1], dilation=2)"
    )
    assert repr(scn.MaxPooling(2, 3, 2, 1)) == "MaxPooling(2, pool_size=3, pool_stride=2, nFeaturesToDrop=1)"
    assert repr(scn.LeakyReLU()) == "LeakyReLU(leak=0.3333)" and repr(scn.Dropout()) == "Dropout(p=0.5)"
    assert repr(scn.InputLayer(2, 8)) == "InputLayer(2, spatial_size=[8, 8], mode=3)"
    assert repr(scn.Linear(3, 4)) == "Linear(3 -> 4, bias=True)" and repr(scn.OutputLayer(2)) == "OutputLayer(2)"


def test_vgg_layers():
    net = scn.SparseVggNet(2, 3, [["C", 8], "MP", ["MP", 2, 2], "C3/2", ["C3/2", 12], ["C", 8, 4], ["C", 8, 4, 2, 2]])
    kinds = [type(module).__name__ for module in net]
    assert kinds == [
        "SubmanifoldConvolution", "BatchNormReLU", "MaxPooling", "MaxPooling", "Convolution", "BatchNormReLU",
        "Convolution", "BatchNormReLU", "ConcatTable", "JoinTable", "BatchNormReLU", "ConcatTable", "JoinTable",
        "BatchNormReLU",
    ]  # fmt: skip
    assert net[2].pool_size == [3, 3] and net[3].pool_stride == [2, 2] and net[6].nOut == 12 and net[0].nIn == 3
    assert repr(net) == repr(scn.SparseVggNet(2, 3, "C8 MP MP2/2 C3/2 C3/2:12 C8,4 C8,4,2,2"))
    assert "(0): SubmanifoldConvolution(2, 3 -> 8, filter_size=3, bias=False)" in repr(net)
    assert "BatchNormReLU(8, eps=0.0001, momentum=0.99)" in repr(net)
    for bad in ("X", ["C"], ["MP", 3], ["C", 1, 2, 3, 4, 5], ["C3/2", 1, 2], [], ["C", "a"], ["C", 0], 3):
        with pytest.raises((ValueError, TypeError)):
            scn.SparseVggNet(2, 3, [bad])
