"""Containers of scn.spconv, dense modules within them, state dictionaries, copies, autocast."""

import copy
import io
import itertools
from collections import OrderedDict
from contextlib import ExitStack

import pytest
import torch
from test_spconv_oracle import drawn
from torch import nn

import scn.spconv.pytorch as spconv
from scn.dialects.rows import Rows
from scn.spconv import constants
from scn.spconv.pytorch import modules
from scn.spconv.pytorch.conv import SparseConvolution

FLOAT = torch.float32


def network(planes=8):
    return spconv.SparseSequential(
        spconv.SubMConv2d(3, planes, 3, bias=False, indice_key="a"),
        nn.BatchNorm1d(planes, eps=1e-3, momentum=0.01),
        nn.ReLU(),
        spconv.SparseConv2d(planes, 5, 3, 2, 1, bias=False, indice_key="down"),
        nn.BatchNorm1d(5),
        nn.LeakyReLU(0.2),
        spconv.SparseInverseConv2d(5, 4, 3, indice_key="down"),
        nn.Linear(4, 3),
    )


def by_hand(net, x):
    """What the modules of a network make of a tensor, each by itself, on features in the program's order."""
    for module in net:
        x = module(x) if modules.is_spconv_module(module) else x.replace_feature(module(x.features))
    return x


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_sequential_is_its_modules_one_after_the_other(random, training, dtype):
    torch.manual_seed(0)
    net = network().to(dtype)
    with torch.no_grad():
        for norm in (net[1], net[4]):
            (
                norm.weight.uniform_(0.5, 2),
                norm.bias.normal_(),
                norm.running_mean.normal_(),
                norm.running_var.uniform_(1, 2),
            )
    other = copy.deepcopy(net)
    x = drawn(random, [9, 9], 60, 3, dtype=dtype)
    results = []
    for module, apply in ((net, lambda m: m(x)), (other, lambda m: by_hand(m, x))):
        module.train(training)
        y = apply(module)
        assert y.indices is x.indices
        leaves = [x.features, *module.parameters()]
        results.append([y.features, *torch.autograd.grad(y.features.pow(3).sum(), leaves), *module.buffers()])
    for ours, theirs in zip(*results):
        torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=2e-4)
    assert net[1].num_batches_tracked == int(training)


@pytest.mark.parametrize("training", [True, False])
def test_norms_take_features_of_any_layout(random, training):
    """A program may put a view of other memory into a tensor, in which rows do not lie one after the other."""
    net = spconv.SparseSequential(nn.BatchNorm1d(4), nn.ReLU()).train(training)
    x = drawn(random, [9, 9], 30, 4, dtype=FLOAT)
    turned = x.features.detach().t().contiguous().t()
    assert not turned.is_contiguous()
    ours = net(x.replace_feature(turned)).features
    torch.testing.assert_close(ours, torch.relu(copy.deepcopy(net[0])(x.features)), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "norm",
    [
        nn.BatchNorm1d(4, affine=False),
        nn.BatchNorm1d(4, momentum=None),
        nn.BatchNorm1d(4, track_running_stats=False),
        nn.BatchNorm1d(4).eval(),
        nn.BatchNorm1d(4).requires_grad_(False),
    ],
)
def test_norms_of_all_settings_are_those_of_torch(random, norm):
    x = drawn(random, [9, 9], 30, 4, dtype=FLOAT)
    for relu in ([], [nn.ReLU()], [nn.ReLU(inplace=True)]):
        ours, theirs = copy.deepcopy(norm), copy.deepcopy(norm)
        net = spconv.SparseSequential(ours, *relu)
        for _ in range(2):
            expected = theirs(x.features)
            expected = torch.relu(expected) if relu else expected
            torch.testing.assert_close(net(x).features, expected)
        for mine, wanted in zip(ours.buffers(), theirs.buffers()):
            torch.testing.assert_close(mine, wanted)


def test_a_norm_of_one_row_is_refused_in_training_as_by_torch():
    x = spconv.SparseConvTensor(torch.ones(1, 4), torch.zeros(1, 2).int(), [3], 1)
    net = spconv.SparseSequential(nn.BatchNorm1d(4))
    with pytest.raises(ValueError, match="Expected more than 1 value"):
        net(x)
    assert net.eval()(x).features.shape == (1, 4)


def test_in_place_modules_change_the_tensor_they_get(random):
    x = drawn(random, [9, 9], 30, 3, dtype=FLOAT)
    conv = spconv.SubMConv2d(3, 3, 3)
    y = conv(x)
    z = spconv.SparseSequential(nn.ReLU(inplace=True))(y)
    assert (y.features >= 0).all() and torch.equal(y.features, z.features)


def test_modules_may_be_named_added_and_found():
    net = spconv.SparseSequential(OrderedDict(conv=spconv.SubMConv2d(3, 4, 3), norm=nn.BatchNorm1d(4)))
    net.add(nn.ReLU())
    net.add(nn.Identity(), "last")
    assert list(net._modules) == ["conv", "norm", "2", "last"] and len(net) == 4
    assert net[-1] is net.last and isinstance(net[0], SparseConvolution)
    with pytest.raises(IndexError):
        net[4]
    named = spconv.SparseSequential(nn.ReLU(), conv=spconv.SubMConv2d(3, 4, 3))
    assert list(named._modules) == ["0", "conv"]
    with pytest.raises(ValueError, match="name"):
        spconv.SparseSequential(OrderedDict(conv=nn.ReLU()), conv=nn.ReLU())
    assert modules.is_sparse_conv(net[0]) and not modules.is_sparse_conv(net[1])


def test_dense_modules_are_skipped_without_sites_and_run_after_dense_tensors(random):
    empty = spconv.SparseConvTensor(torch.zeros(0, 3), torch.zeros(0, 3).int(), [6, 6], 2)
    failing = nn.Linear(99, 1)
    assert spconv.SparseSequential(failing, nn.BatchNorm1d(3))(empty).features.shape == (0, 3)
    net = spconv.SparseSequential(spconv.ToDense(), nn.Conv2d(3, 2, 1))
    assert net(drawn(random, [6, 6], 10, 3, dtype=FLOAT)).shape == (2, 2, 6, 6)


def test_rows_are_put_in_order_only_where_a_program_looks(random, monkeypatch):
    ordered = []
    for name in ("sorted", "shown"):
        whole = getattr(Rows, name)
        monkeypatch.setattr(Rows, name, lambda self, *a, n=name, w=whole: ordered.append(n) or w(self, *a))
    x = drawn(random, [9, 9], 40, 3, dtype=FLOAT)
    net = spconv.SparseSequential(
        spconv.SubMConv2d(3, 4, 3), nn.BatchNorm1d(4), nn.ReLU(), spconv.SubMConv2d(4, 4, 1), spconv.SubMConv2d(4, 4, 3)
    )
    y = net(x)
    y = spconv.SparseReLU()(y + y)
    spconv.SparseMaxPool2d(2)(net[4](y))
    repr(y)
    assert ordered == ["sorted"]
    y.features
    assert ordered == ["sorted", "shown"]


def test_modules_that_look_at_rows_see_them_in_the_programs_order(random):
    class Rows(nn.Module):
        def forward(self, features):
            return features * torch.arange(len(features))[:, None]

    class OwnReLU(nn.ReLU):
        def forward(self, features):
            return features * torch.arange(len(features))[:, None]

    x = drawn(random, [9, 9], 30, 3, dtype=FLOAT)
    conv = spconv.SubMConv2d(3, 3, 3)
    expected = conv(x).features * torch.arange(30)[:, None]
    for module in (Rows(), OwnReLU()):
        torch.testing.assert_close(spconv.SparseSequential(conv, module)(x).features, expected)


def test_hooks_see_rows_in_the_programs_order_and_take_their_gradients(random):
    x = drawn(random, [9, 9], 30, 3, dtype=FLOAT)
    net = network()
    expected = net[0](x).features
    seen = {}
    net[1].register_forward_hook(lambda module, inputs, output: seen.update(norm=inputs[0]))
    net[2].register_forward_hook(lambda module, inputs, output: seen.update(relu=output))
    net[3].register_forward_hook(lambda module, inputs, output: seen.update(conv=output))
    y = net(x)
    torch.testing.assert_close(seen["norm"], expected)
    gradients = torch.autograd.grad(y.features.sum(), [seen["norm"], seen["relu"], seen["conv"].features])
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_dense_modules_that_take_sparse_tensors(random):
    x = drawn(random, [9, 9], 30, 3, dtype=FLOAT)
    y = spconv.SubMConv2d(3, 3, 3)(x)
    for module, plain in (
        (spconv.SparseBatchNorm(3), nn.BatchNorm1d(3)),
        (spconv.SparseReLU(), nn.ReLU()),
        (spconv.SparseIdentity(), nn.Identity()),
    ):
        torch.testing.assert_close(module(y).features, plain(y.features))
        torch.testing.assert_close(module(y.features), plain(y.features))
    assert isinstance(spconv.SparseBatchNorm(3), nn.BatchNorm1d)
    assert modules.is_spconv_module(spconv.SparseReLU()) and not modules.is_spconv_module(nn.ReLU())
    assert spconv.Identity()(y) is y and spconv.Identity().input_spatial_size(3) == 3
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(network())
    assert isinstance(converted[1], nn.SyncBatchNorm)
    assert isinstance(modules.SparseSyncBatchNorm(3), nn.SyncBatchNorm)


def test_modules_that_print(random, capsys):
    x = drawn(random, [9, 9], 30, 3, dtype=FLOAT)
    assert modules.PrintTensorMeta()(x) is x and modules.PrintTensorMeta()(x.features) is x.features
    assert modules.PrintCurrentTime()(x, "here", reset=True) is x
    assert "here" in capsys.readouterr().out
    with pytest.raises(TypeError):
        modules.PrintTensorMeta()(3)


def test_sparse_modules_derive_from_several_classes(random):
    class Base(nn.Module):
        def __init__(self, planes):
            super().__init__()
            self.planes = planes

    class Block(Base, spconv.SparseModule):
        def __init__(self, planes):
            spconv.SparseModule.__init__(self)
            super().__init__(planes)
            self.conv = spconv.SubMConv2d(planes, planes, 3, indice_key="b")

        def forward(self, x):
            return self.conv(x) + x

    x = drawn(random, [9, 9], 30, 3, dtype=FLOAT)
    y = spconv.SparseSequential(Block(3), Block(3))(x)
    assert y.features.shape == (30, 3) and Block(3).name is None


def test_names_of_modules_are_assigned():
    net = nn.Sequential(network(), network())
    spconv.assign_name_for_sparse_modules(net)
    assert net[1][3]._sparse_unique_name == "1.3" and net[0]._sparse_unique_name == "0"


def test_modules_print_as_in_spconv():
    expected = (
        "SubMConv3d(2, 3, kernel_size=[3, 3, 3], stride=[1, 1, 1], padding=[1, 1, 1], dilation=[1, 1, 1], "
        "output_padding=[0, 0, 0], bias=False, algo=ConvAlgo.Native)"
    )
    assert repr(spconv.SubMConv3d(2, 3, 3, padding=1, bias=False)) == expected
    expected = (
        "SparseMaxPool2d(kernel_size=[2, 2], stride=[2, 2], padding=[0, 0], dilation=[1, 1], algo=ConvAlgo.Native)"
    )
    assert repr(spconv.SparseMaxPool2d(2)) == expected


@pytest.mark.parametrize("how", ["copy", "pickle", "state"])
def test_copied_saved_and_loaded_networks_compute_the_same(random, how):
    x = drawn(random, [9, 9], 60, 3, dtype=FLOAT)
    net = network()
    net(x)
    net.eval()
    if how == "copy":
        other = copy.deepcopy(net)
    elif how == "pickle":
        file = io.BytesIO()
        torch.save(net, file)
        file.seek(0)
        other = torch.load(file, weights_only=False)
    else:
        other = network().eval()
        assert other.load_state_dict(net.state_dict()) == ([], [])
    assert torch.equal(other(x).features, net(x).features)
    for module in (net, other):
        assert list(module.state_dict()) == list(network().state_dict())


@pytest.mark.parametrize("layout, axes", [("RSKC", (1, 2, 0, 3)), ("RSCK", (1, 2, 3, 0)), ("KRSC", (0, 1, 2, 3))])
def test_state_dictionaries_of_other_layouts_load_where_the_setting_says_so(monkeypatch, layout, axes):
    layer, other = spconv.SparseConv2d(4, 5, [3, 2]), spconv.SparseConv2d(4, 5, [3, 2])
    state = {"weight": layer.weight.detach().permute(axes).contiguous(), "bias": layer.bias.detach()}
    monkeypatch.setattr(constants, "SAVED_WEIGHT_LAYOUT", layout)
    other.load_state_dict(state)
    assert torch.equal(other.weight, layer.weight)
    monkeypatch.setattr(constants, "SAVED_WEIGHT_LAYOUT", "other")
    with pytest.raises(ValueError, match="SAVED_WEIGHT_LAYOUT"):
        other.load_state_dict(state)


def test_programs_may_put_their_own_loading_on_the_base_class(monkeypatch):
    """As mmdetection3d does, to read the weights of spconv 1.x, [*size, in, out]."""

    def load(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
        for hook in self._load_state_dict_pre_hooks.values():
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        named = itertools.chain(self._parameters.items(), self._buffers.items())
        for name, value in named:
            if value is None or prefix + name not in state_dict:
                continue
            given = state_dict[prefix + name]
            if local_metadata.get("version") != 2 and name == "weight":
                given = given.permute(given.ndim - 1, *range(given.ndim - 1))
            with torch.no_grad():
                value.copy_(given)

    old = spconv.SubMConv3d(4, 5, 3)
    state = old.state_dict()
    state["weight"] = state["weight"].permute(1, 2, 3, 4, 0).contiguous()
    monkeypatch.setattr(spconv.SparseModule, "_version", 2)
    monkeypatch.setattr(spconv.SparseModule, "_load_from_state_dict", load)
    net = nn.Sequential(spconv.SubMConv3d(4, 5, 3))
    net.load_state_dict({f"0.{name}": value for name, value in state.items()})
    assert torch.equal(net[0].weight, old.weight)
    saved = net.state_dict()
    assert saved._metadata["0"]["version"] == 2
    again = nn.Sequential(spconv.SubMConv3d(4, 5, 3))
    again.load_state_dict(saved)
    assert torch.equal(again[0].weight, old.weight)


@pytest.mark.parametrize("kind", [spconv.SubMConv2d, spconv.SparseConv2d])
@pytest.mark.parametrize("size", [1, 3])
def test_autocast_gives_the_type_that_torchs_layers_give(random, kind, size):
    x = drawn(random, [9, 9], 60, 3, dtype=FLOAT)
    net = spconv.SparseSequential(kind(3, 8, size), nn.BatchNorm1d(8), nn.ReLU(), kind(8, 4, size))
    expected = copy.deepcopy(net)(x).features
    with torch.autocast("cpu", torch.bfloat16):
        y = net(x)
        assert y.features.dtype is nn.Linear(3, 4)(x.features).dtype is torch.bfloat16
    y.features.float().sum().backward()
    assert all(parameter.grad.dtype is FLOAT for parameter in net.parameters())
    torch.testing.assert_close(y.features.float(), expected, atol=0.15, rtol=0.1)
    with torch.autocast("cpu", torch.bfloat16):
        assert net.double()(x.replace_feature(x.features.double())).features.dtype is not FLOAT


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_networks_of_half_precision_keep_it(random, dtype):
    x = drawn(random, [9, 9], 60, 3, dtype=FLOAT)
    layer = spconv.SubMConv2d(3, 4, 3)
    expected = layer(x).features
    half = layer.to(dtype)(x.replace_feature(x.features.to(dtype))).features
    assert half.dtype is dtype
    torch.testing.assert_close(half.float(), expected, atol=0.1, rtol=0.05)


def test_a_training_step_follows_the_gradient(random):
    torch.manual_seed(1)
    x = drawn(random, [9, 9], 60, 3, dtype=FLOAT)
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = net(x).features.square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_what_a_norm_returns_may_be_changed_in_place():
    indices = torch.tensor([[0, 0, 0, place] for place in range(5)]).int()

    def gradient(is_in_place):
        torch.manual_seed(0)
        net = spconv.SparseSequential(spconv.SubMConv3d(3, 4, 3), nn.BatchNorm1d(4))
        y = net(spconv.SparseConvTensor(torch.randn(5, 3), indices, [1, 1, 8], 1)).features
        (torch.relu_(y) if is_in_place else torch.relu(y)).square().sum().backward()
        return net[0].weight.grad

    torch.testing.assert_close(gradient(True), gradient(False))


def watched_in_other_ways():
    """Ways in which a program has its say in what a norm and a ReLU do, other than hooks of modules."""

    def instance(norm, relu, patch):
        patch.setattr(norm, "forward", lambda features: features * 2)
        patch.setattr(relu, "forward", lambda features: features + 100)

    def kind(norm, relu, patch):
        patch.setattr(nn.BatchNorm1d, "forward", lambda self, features: features * 3)
        patch.setattr(nn.ReLU, "forward", lambda self, features: features + 10)

    def of_all(norm, relu, patch):
        hook = nn.modules.module.register_module_forward_hook(
            lambda module, given, result: result + 1 if type(module) in (nn.BatchNorm1d, nn.ReLU) else None
        )
        patch.callback(hook.remove)

    def before_backward(norm, relu, patch):
        for module in (norm, relu):
            hook = module.register_full_backward_pre_hook(lambda module, gradients: (gradients[0] * 2,))
            patch.callback(hook.remove)

    return [instance, kind, of_all, before_backward]


class Patches(ExitStack):
    def setattr(self, owner, name, value):
        known = owner.__dict__.get(name)
        self.callback(delattr if known is None else setattr, owner, name, *([] if known is None else [known]))
        setattr(owner, name, value)


@pytest.mark.parametrize("way", watched_in_other_ways())
def test_what_a_program_makes_of_torchs_modules_holds(random, way):
    x = drawn(random, [9, 9], 60, 4, dtype=torch.float32)
    results = []
    for is_apart in (False, True):
        norm, relu = nn.BatchNorm1d(4), nn.ReLU()
        rows = x.features.detach().requires_grad_()
        given = x.replace_feature(rows)
        with Patches() as patch:
            way(norm, relu, patch)
            net = spconv.SparseSequential(norm, relu)
            made = relu(norm(rows)) if is_apart else net(given).features
            (made * torch.arange(4.0)).sum().backward()
        results.append((made, rows.grad, norm.weight.grad))
    for one, other in zip(*results):
        assert (one is None and other is None) or torch.allclose(one, other, atol=1e-5)


def test_what_is_no_module_is_not_the_end_of_a_sequential(random):
    x = drawn(random, [9, 9], 60, 4, dtype=torch.float32)
    with pytest.raises(TypeError):
        spconv.SparseSequential(nn.ReLU(), None, nn.ReLU())(x)
