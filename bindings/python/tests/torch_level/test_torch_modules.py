"""Modules of scn.torch as torch's: state, hooks, copies, containers, ready-made networks."""

import copy
import io
import re

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import scn
import scn.torch as st


def cloud(planes=3, size=16, count=120, dimension=3, samples=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    where = torch.randint(0, size, (count, dimension), generator=generator)
    batch = torch.randint(0, samples, (count, 1), generator=generator)
    return torch.cat([where, batch], 1), torch.randn(count, planes, generator=generator)


def small(planes=3):
    return st.Sequential(
        st.InputLayer(3, 16),
        st.SubmanifoldConvolution(3, planes, 4, 3, True),
        st.BatchNormReLU(4),
        st.ConcatTable().add(st.Identity()).add(st.Sequential(st.MaxPooling(3, 2, 2), st.UnPooling(3, 2, 2))),
        st.JoinTable(),
        st.NetworkInNetwork(8, 2, False),
        st.OutputLayer(3),
    )


NETWORKS = {
    "unet": (scn.UNet, st.UNet, (3, 2, [4, 6, 8], True, [3, 2], 0.1, 3)),
    "fully convolutional": (scn.FullyConvolutionalNet, st.FullyConvolutionalNet, (3, 1, [3, 6], False, [3, 2])),
    "integrated linear": (
        scn.FullConvolutionalNetIntegratedLinear, st.FullConvolutionalNetIntegratedLinear,
        (3, 1, [3, 6], 5, False, [3, 2]),
    ),
    "vgg": (scn.SparseVggNet, st.SparseVggNet, (3, 3, [["C", 8, 4], "MP", ["C", 8], ["C3/2", 6]])),
    "resnet": (scn.SparseResNet, st.SparseResNet, (3, 3, [["b", 6, 2, 1], ["b", 8, 1, 2]])),
    "densenet": (scn.SparseDenseNet, st.SparseDenseNet, (3, 3, "B2x4 AP3/2 B2x4")),
    "multiscale": (scn.MultiscaleShapeContext, st.MultiscaleShapeContext, (3, 3, 2, 3, 3, 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_have_the_state_and_the_results_of_the_package(name):
    theirs, ours, arguments = NETWORKS[name]
    where, features = cloud(size=15)
    state = theirs(*arguments)
    net = ours(*arguments)
    assert list(net.state_dict()) == list(state.state_dict())
    net.load_state_dict({key: torch.tensor(np.asarray(value)) for key, value in state.state_dict().items()})
    x = st.InputLayer(3, 15)([where, features])
    want = state(scn.InputLayer(3, 15)([where.numpy(), features.numpy()]))
    y = net(x)
    order = np.lexsort(y.get_spatial_locations().numpy()[:, [2, 1, 0, 3]].T)
    assert np.array_equal(y.get_spatial_locations().numpy()[order], want.get_spatial_locations())
    np.testing.assert_allclose(y.features.detach().numpy()[order], want.numpy(), rtol=1e-4, atol=1e-5)
    assert net.input_spatial_size(torch.LongTensor([7, 7, 7])).tolist() == list(state.input_spatial_size([7, 7, 7]))


def test_initial_weights_follow_torch_and_leave_the_engine_alone():
    torch.manual_seed(3)
    first = st.UNet(3, 1, [8, 16]).state_dict()
    scn.manual_seed(9)
    before = scn.Linear(3, 3).weight.numpy().copy()
    torch.manual_seed(3)
    scn.manual_seed(9)
    second = st.UNet(3, 1, [8, 16]).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert np.array_equal(scn.Linear(3, 3).weight.numpy(), before)
    weight = st.SubmanifoldConvolution(3, 64, 64, 3, True, 2).weight
    assert abs(weight.std().item() / (2 * 2 / (64 * 27)) ** 0.5 - 1) < 0.05
    assert abs(st.NetworkInNetwork(64, 64, True).weight.std().item() / (2 / 64) ** 0.5 - 1) < 0.1


def test_random_windows_follow_torch():
    where, features = cloud(dimension=2, size=31)

    def result(seed, layer):
        torch.manual_seed(seed)
        return layer(st.InputLayer(2, 31)([where, features])).get_spatial_locations()

    for layer in (st.RandomizedStrideMaxPooling(2, 3, 2), st.FractionalMaxPooling(2, 1.5, sequence="random")):
        assert torch.equal(result(1, layer), result(1, layer))
        assert any(not torch.equal(result(1, layer), result(seed, layer)) for seed in range(2, 6))
        layer.eval()
        assert torch.equal(result(1, layer), result(2, layer))
    torch.manual_seed(1)
    convolution = st.RandomizedStrideConvolution(2, 3, 4, 3, 2, False)
    convolution(st.InputLayer(2, 31)([where, features])).features.sum().backward()
    assert convolution.weight.grad.any()
    assert convolution.input_spatial_size(15).tolist() == [31, 31]
    # A layer that has no dimension of its own leaves a number to those before it.
    assert st.Sequential(convolution, st.BatchNormReLU(1)).input_spatial_size(15).tolist() == [31, 31]


def test_state_copies_pickles_and_old_checkpoints():
    net, points = small().eval(), cloud()
    want = net(points)
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    other = small().eval()
    other.load_state_dict(torch.load(file, weights_only=True))
    file = io.BytesIO()
    torch.save(net, file)
    file.seek(0)
    for again in (other, copy.deepcopy(net), torch.load(file, weights_only=False)):
        assert torch.equal(again(points), want)
    old = {name.replace("running_mean", "runningMean").replace("running_var", "runningVar"): values
           for name, values in net.state_dict().items()}  # fmt: skip
    old["1.weight"] = old["1.weight"].squeeze(1)
    other = small().eval()
    other.load_state_dict(dict(old))
    assert torch.equal(other(points), want)
    with pytest.raises(RuntimeError, match="Missing key"):
        other.load_state_dict({})
    context = st.ShapeContext(2, 2)
    context.load_state_dict({"weight": torch.eye(18)})


def test_hooks_and_names():
    net, seen = small(), []
    net[1].register_forward_pre_hook(lambda module, inputs: seen.append(type(inputs[0]).__name__))
    net[1].register_forward_hook(lambda module, inputs, output: seen.append(output.features.shape[1]))
    net[5].register_forward_hook(lambda module, inputs, output: output.detach())
    net(cloud())
    assert seen == ["SparseConvNetTensor", 4]
    assert not net(cloud()).requires_grad
    assert "SubmanifoldConvolution(3, 3 -> 4, filter_size=3, bias=True)" in repr(net)
    assert [name for name, _ in net.named_parameters()] == ["1.weight", "1.bias", "2.weight", "2.bias", "5.weight"]
    net.apply(lambda module: torch.nn.init.zeros_(module.weight) if hasattr(module, "weight") else None)
    assert not net[1].weight.any()


def test_containers_times_a_number_stay_what_they_are():
    layer = st.ReLU()
    for kind in (st.Sequential, st.ConcatTable, st.CheckpointedSequential):
        for twice in (kind(layer) * 2, 2 * kind(layer)):
            assert type(twice) is kind and list(twice) == [layer, layer]
        with pytest.raises(ValueError, match="^count: is 0"):
            kind(layer) * 0
        with pytest.raises(TypeError):
            kind(layer) * 1.5


def test_containers_are_lists_of_modules():
    a, b, c = st.ReLU(), st.Tanh(), st.Sigmoid()
    net = st.Sequential(a).add(b)
    net.insert(1, c)
    assert list(net) == [a, c, b] and list((net + st.Sequential(a))._modules) == ["0", "1", "2", "3"]
    assert isinstance(net[:2], st.Sequential) and isinstance(net + net, st.Sequential)
    table = st.ConcatTable(st.Convolution(2, 1, 1, 2, 2, False), st.Convolution(2, 1, 1, 3, 2, False))
    with pytest.raises(scn.ShapeError, match="^branch 1: needs input of size .9, 9., expected .8, 8. as the first"):
        table.input_spatial_size(4)
    x, y = (st.InputLayer(2, 8)([[[1, place]], [[1.0]]]) for place in range(2))
    for join in (st.AddTable(), st.JoinTable()):
        with pytest.raises(scn.ShapeError, match="^tensor 1: has other sites"):
            join([x, y])
        with pytest.raises(scn.InvalidArgumentError):
            join([])
    with pytest.raises(scn.ShapeError, match=r"^tensor 1: has shape \[1, 2\]"):
        st.AddTable()([x, st.JoinTable()([x, x])])
    dense = [torch.ones(2, 3), torch.ones(2, 3)]
    assert st.AddTable()(dense).sum() == 12 and st.JoinTable()(dense).shape == (2, 6)
    assert torch.equal(st.add_feature_planes([x, x]).features, 2 * x.features)
    assert st.concatenate_feature_planes([x, x]).features.shape == (1, 2)


def test_input_sizes_fold_backward():
    net = st.Sequential(
        st.Convolution(2, 1, 1, (2, 4), (2, 3), False, padding=1),
        st.Deconvolution(2, 1, 1, 2, 2, False),
        torch.nn.Identity(),
        st.FractionalMaxPooling(2, 2),
        st.SparseToDense(2, 1),
    )
    theirs = scn.Sequential(
        scn.Convolution(2, 1, 1, (2, 4), (2, 3), False, padding=1),
        scn.Deconvolution(2, 1, 1, 2, 2, False),
        scn.FractionalMaxPooling(2, 2),
        scn.SparseToDense(2, 1),
    )
    found = None
    for size in range(1, 12):
        try:
            found = list(theirs.input_spatial_size([size, size]))
        except scn.ShapeError:
            with pytest.raises(scn.ShapeError):
                net.input_spatial_size(size)
            continue
        assert net.input_spatial_size(size).tolist() == found
    assert found is not None


def test_checkpointed_networks_give_the_same_gradients_and_statistics():
    torch.manual_seed(0)
    inner = [
        st.SubmanifoldConvolution(3, 3, 4, 3, True),
        st.BatchNormReLU(4),
        st.Dropout(0.3),
        st.MeanOnlyBNLeakyReLU(4),
    ]
    whole = st.Sequential(st.InputLayer(3, 16), st.Sequential(*inner), st.OutputLayer(3))
    saving = copy.deepcopy(whole)
    saving[1] = st.CheckpointedSequential(*saving[1])
    nested = st.CheckpointedSequential(*copy.deepcopy(saving))
    outcomes = []
    for net in (whole, saving, nested):
        where, features = cloud()
        features.requires_grad_()
        torch.manual_seed(5)
        net([where, features]).square().sum().backward()
        state = net.state_dict()
        outcomes.append([features.grad, *(p.grad for p in net.parameters()), *state.values()])
        with torch.no_grad():
            net([where, features])
    for other in outcomes[1:]:
        assert all(torch.equal(a, b) for a, b in zip(outcomes[0], other))


def test_data_dependent_initialization():
    torch.manual_seed(0)
    net = st.Sequential(
        st.InputLayer(3, 16),
        st.SubmanifoldConvolution(3, 3, 4, 3, True, 1),
        st.ConcatTable(st.NetworkInNetwork(4, 3, True), st.Sequential(st.SubmanifoldConvolution(3, 4, 3, 3, True))),
        st.AddTable(),
    )
    seen = []
    for module in (net[1], net[2][0], net[2][1][0]):
        module.register_forward_hook(lambda module, inputs, output: seen.append(output.features))
    result = net.reweight(cloud())
    del seen[:]
    assert torch.allclose(net(cloud()).features, result.features, atol=1e-5)
    for values in seen:
        assert values.mean(0).abs().max() < 1e-4 and (values.std(0) - 1).abs().max() < 1e-3
    before = copy.deepcopy(net.state_dict())
    with pytest.raises(Exception):
        net.rebias([cloud()[0], torch.ones(120, 5)])
    assert all(torch.equal(before[name], values) for name, values in net.state_dict().items())


def test_spectral_norm():
    torch.manual_seed(0)
    layer = st.SubmanifoldConvolution(3, 3, 4, 3, True)
    parameter = layer.weight
    assert st.spectral_norm(layer, 20, norm=2) is layer and layer.weight_orig is parameter
    assert sorted(layer.state_dict()) == ["bias", "weight", "weight_orig", "weight_u"]
    x = st.InputLayer(3, 16)(cloud())
    layer(x).features.square().sum().backward()
    assert parameter.grad.any()
    matrix = parameter.detach().reshape(-1, 4)
    assert torch.allclose(layer.weight.reshape(-1, 4), 2 * matrix / torch.linalg.matrix_norm(matrix, 2), atol=1e-4)
    # The gradient along the weight itself is zero: its size does not matter.
    assert abs((parameter.grad * parameter).sum().item()) < 1e-2 * parameter.grad.norm().item()
    copied = copy.deepcopy(layer).eval()
    assert torch.equal(copied(x).features, layer.eval()(x).features)
    with pytest.raises(scn.StateError):
        st.spectral_norm(layer)


def test_dropout_and_identities(capsys):
    torch.manual_seed(0)
    x = st.InputLayer(3, 16)([cloud()[0], torch.ones(120, 8)])
    ones = st.SparseConvNetTensor(torch.ones_like(x.features), x.metadata, x.spatial_size)
    dropped = st.Dropout(0.25)(ones).features
    assert set(dropped.unique().tolist()) == {0.0, 1.0} and 0.6 < dropped.mean() < 0.9
    planes = st.BatchwiseDropout(0.5)(ones).features
    assert torch.equal(planes, planes[:1].expand_as(planes)) and set(planes.unique().tolist()) == {0.0, 1.0}
    assert (st.Dropout(0.25).eval()(ones).features == 0.75).all()
    assert st.VerboseIdentity()(x) is x and "SparseConvNetTensor(sites=" in capsys.readouterr().out


def test_coordinates_combining_and_comparing():
    where, features = cloud(dimension=2, size=9)
    x = st.InputLayer(2, (9, 9))([where, features])
    y = st.AddCoords()(x)
    assert torch.allclose(y.features[:, 3:], x.get_spatial_locations()[:, :2] / 4 - 1)
    both = st.append_tensors([x, x])
    assert both.batch_size() == 4 and torch.equal(both.features, x.features.repeat(2, 1))
    assert both.get_spatial_locations()[len(x.features) :, 2].min() >= 2
    assert st.compare_sparse(x, x).item() == 0
    z = st.InputLayer(2, 9)([[[0, 0, 5]], torch.ones(1, 3)])
    sites = len(x.features) + 1
    assert st.compare_sparse(x, z).item() == pytest.approx((x.features.square().sum().item() + 3) / sites, rel=1e-5)


def test_group_norm_is_that_of_dense_tensors():
    full = torch.cartesian_prod(torch.arange(4), torch.arange(5), torch.arange(2))
    features = torch.randn(40, 6)
    layer = st.SparseGroupNorm(3, 6)
    with torch.no_grad():
        layer.weight.normal_(), layer.bias.normal_()
    dense = st.SparseToDense(2, 6)(layer(st.InputLayer(2, (4, 5))([full, features])))
    want = torch.nn.functional.group_norm(
        st.SparseToDense(2, 6)(st.InputLayer(2, (4, 5))([full, features])), 3, layer.weight, layer.bias
    )
    assert torch.allclose(dense, want, atol=1e-5)


def test_small_helpers():
    assert [st.is_power2(number) for number in (0, 1, 2, 3, 4, 6, 8)] == [False, True, True, False, True, False, True]
    a, b = torch.tensor([[1, 2], [3, 4]]), torch.tensor([[5, 6]])
    assert st.batch_location_tensors([a, b]).tolist() == [[1, 2, 0], [3, 4, 0], [5, 6, 1]]
    coords, features = st.prepare_BLInput([(a, torch.ones(2, 3)), (b, torch.ones(1, 3))])
    assert coords[1].tolist() == [[5, 6], [-1, -1]] and features.shape == (2, 2, 3) and not features[1, 1].any()
    rotation = st.random_rotation(4)
    assert torch.allclose(rotation @ rotation.t(), torch.eye(4), atol=1e-5) and torch.det(rotation) > 0
    half = st.squareroot_rotation(st.random_rotation(3))
    rotation = half @ half
    assert torch.allclose(st.squareroot_rotation(rotation) @ st.squareroot_rotation(rotation), rotation, atol=1e-4)
    xyz, rgb = torch.tensor([[1, 1], [0, 0], [1, 1]]), torch.tensor([[2.0], [3.0], [4.0]])
    assert [part.tolist() for part in st.voxelize_pointcloud(xyz, rgb)] == [[[0, 0], [1, 1]], [[3.0], [3.0]]]
    assert st.voxelize_pointcloud(xyz, rgb, False, True)[1].tolist() == [[3.0], [6.0]]
    assert st.voxelize_pointcloud(xyz, rgb, False)[1].tolist() == [[3.0], [2.0]]


def test_the_lattice_is_given_as_tensors():
    basis, inverse = st.permutohedral_basis(3)
    assert torch.allclose(basis @ inverse, torch.eye(3), atol=1e-6) and torch.allclose(basis.norm(dim=1), torch.ones(3))
    assert st.permutohedral_offsets(2).tolist()[3] == [0, 0]


def test_what_is_compiled_goes_around_sparse_layers():
    where, features = cloud()
    net = torch.nn.Sequential(small(), torch.nn.Linear(2, 2), torch.nn.ReLU()).eval()
    want = net([where, features])
    net[0].forward = torch.compiler.disable(net[0].forward)
    assert torch.allclose(torch.compile(net, backend="eager")([where, features]), want)
    torch._dynamo.reset()
    del net[0].forward


def test_builders_name_their_arguments():
    with pytest.raises(st.InvalidArgumentError, match="^nPlanes: is 8, expected a list of integers"):
        st.UNet(3, 1, torch.tensor(8))
    with pytest.raises(st.InvalidArgumentError, match="^layers: is 8, expected a list of layers"):
        st.SparseVggNet(3, 1, 8)
    assert len(st.UNet(3, 1, torch.tensor([4, 8]), leakiness=torch.tensor(0.5))) == len(scn.UNet(3, 1, [4, 8]))


def test_what_package_scn_does_not_take_is_told_apart(tmp_path):
    net = st.Sequential(st.SubmanifoldConvolution(2, 1, 2, 3, False))

    class Own(torch.nn.Module):
        pass

    for module, name in ((net, "scn.torch.Sequential"), (torch.nn.ReLU(), "torch.nn.ReLU"), (Own(), r"\S*Own")):
        for call in (
            lambda module: scn.save(module, tmp_path / "net"),
            lambda module: scn.restore(tmp_path / "net", module),
            lambda module: scn.summary(module, cloud()),
            scn.optimize_for_inference,
            scn.Sequential,
        ):
            with pytest.raises(
                TypeError, match=f": is a {name}, expected a Module of package scn .*scn.torch.to_module"
            ):
                call(module)
    for kind in (scn.SGD, scn.Adam, scn.AdamW):
        with pytest.raises(
            TypeError, match=r"^params\[0\]: is a torch.nn.Parameter, expected a Tensor of package scn .* torch.optim"
        ):
            kind(net.parameters())
    with pytest.raises(TypeError, match="torch.nn.utils.clip_grad_norm_"):
        scn.clip_grad_norm_(net.parameters(), 1.0)


@pytest.mark.parametrize("name", sorted(set(scn.__all__) - set(st.__all__)))
def test_what_only_package_scn_has_is_named_with_its_counterpart(name):
    assert not hasattr(st, name) and getattr(st, name, None) is None
    with pytest.raises(AttributeError, match=f"^module 'scn.torch' has no attribute '{name}'; .*(torch|scn)[.]"):
        getattr(st, name)
    with pytest.raises(ImportError, match=f"cannot import name '{name}'"):
        exec(f"from scn.torch import {name}")


def test_hints_for_absent_names_lead_somewhere():
    from scn.torch._replacements import _INSTEAD

    assert set(_INSTEAD) <= set(scn.__all__) - set(st.__all__)
    for text in _INSTEAD.values():
        for path in re.findall(r"(?<![\w.])(?:torch|scn)(?:\.\w+)+", text):
            package, *parts = path.split(".")
            found = {"torch": torch, "scn": scn}[package]
            for part in parts:
                found = getattr(found, part)
    with pytest.raises(AttributeError, match="^module 'scn.torch' has no attribute 'nothing'$"):
        st.nothing
    assert not hasattr(st, "__wrapped__") and "load" not in dir(st)
    exec("from scn.torch import *", {})
    exec("from scn.torch import UNet, forward_pass_hidden_states, networks", {})


def test_counters_are_attributes_of_the_module():
    st.forward_pass_multiplyAdd_count = st.forward_pass_hidden_states = 0
    small()(cloud())
    assert st.forward_pass_multiplyAdd_count > 0 and st.forward_pass_hidden_states > 0
    st.forward_pass_multiplyAdd_count = 0
    assert st.forward_pass_multiplyAdd_count == 0


def test_batch_norm_is_stable_and_one_site_gives_no_nan():
    layer = st.BatchNormalization(1)
    values = 1000 + 0.01 * torch.randn(5000, 1)
    assert abs(layer(values).std().item() - (0.01**2 / (0.01**2 + 1e-4)) ** 0.5) < 0.02
    one = st.BatchNormalization(3)
    assert torch.isfinite(one(torch.randn(1, 3))).all() and torch.isfinite(one.running_var).all()


def test_a_checkpointed_network_repeats_the_pass_it_made():
    """Even if the backward pass runs twice, a spectral norm moves on, modes change, and the caller gives its tensor
    other features."""
    outcomes = []
    for kind in (st.Sequential, st.CheckpointedSequential):
        torch.manual_seed(0)
        first, second = (st.spectral_norm(st.SubmanifoldConvolution(3, 3, 3, 3, False)) for _ in range(2))
        net = kind(first, kind(st.Tanh(), second), st.BatchNormReLU(3))
        where, features = cloud()
        features.requires_grad_()
        x = st.InputLayer(3, 16)([where, features])
        result = net(x).features
        x.features = x.features * 5
        later = net(x).features.detach()
        state = copy.deepcopy(net.state_dict())
        loss = result.square().sum()
        net.eval()
        loss.backward(retain_graph=True)
        once = features.grad.clone()
        loss.backward()
        assert torch.equal(features.grad, once + once) and not any(module.training for module in net.modules())
        after = net.state_dict()
        assert all(torch.equal(state[name], after[name]) for name in state)
        outcomes.append([result, later, once, *(p.grad for p in net.parameters()), *after.values()])
    assert all(torch.equal(a, b) for a, b in zip(*outcomes))


def test_a_model_made_without_memory_gets_that_of_its_state():
    def make():
        return st.Sequential(
            st.InputLayer(3, 16), st.Convolution(3, 3, 4, 2, 2, True), st.BatchNormReLU(4), st.SparseToDense(3, 4)
        )

    real = make()
    with torch.device("meta"):
        net = make()
    assert net[1].weight.is_meta
    net.load_state_dict(real.state_dict(), assign=True)
    assert torch.equal(net(cloud()), real(cloud()))
