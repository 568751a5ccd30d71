"""From modules of package scn to modules of torch, and back."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch.nn.utils import prune

import scn
import scn.torch as st


def cloud():
    generator = torch.Generator().manual_seed(0)
    where = torch.randint(0, 16, (120, 3), generator=generator)
    batch = torch.randint(0, 2, (120, 1), generator=generator)
    return torch.cat([where, batch], 1), torch.randn(120, 3, generator=generator)


def test_modules_of_the_package_become_modules_of_torch():
    theirs = scn.Sequential(scn.InputLayer(3, 16), scn.SubmanifoldConvolution(3, 3, 4, 3, True), scn.BatchNormReLU(4))
    theirs.add(scn.UNet(3, 1, [4, 6])).add(scn.SparseToDense(3, 4)).add(scn.Flatten())
    theirs.add(scn.Linear(4 * 16**3, 2)).eval()
    ours = st.from_module(theirs)
    where, features = cloud()
    assert (
        isinstance(ours[-1], st.Linear) and not ours.training and list(ours.state_dict()) == list(theirs.state_dict())
    )
    np.testing.assert_allclose(
        ours([where, features]).detach().numpy(),
        np.asarray(theirs([where.numpy(), features.numpy()])),
        rtol=1e-3,
        atol=1e-4,
    )

    class Own(scn.Module):
        pass

    with pytest.raises(scn.UnsupportedError, match="^module: is a .*Own, expected a module that scn.torch has too"):
        st.from_module(Own())


EVERY_LAYER = [
    lambda: st.InputLayer(2, [9, 7], 4),
    lambda: st.BLInputLayer(3, 9, 2),
    lambda: st.OutputLayer(2),
    lambda: st.BLOutputLayer(2),
    lambda: st.DenseToSparse(2),
    lambda: st.SparseToDense(2, 5),
    lambda: st.SubmanifoldConvolution(2, 4, 6, (3, 5), True, 2, dilation=2),
    lambda: st.ValidConvolution(3, 4, 6, 3, False),
    lambda: st.Convolution(2, 4, 6, 3, (2, 1), True, padding=1, dilation=(1, 2)),
    lambda: st.Deconvolution(2, 4, 6, 3, 2, False),
    lambda: st.FullConvolution(2, 4, 6, 2, 2, True),
    lambda: st.TransposeConvolution(2, 4, 6, 2, 2, True),
    lambda: st.RandomizedStrideConvolution(2, 4, 6, 3, 2, True),
    lambda: st.PermutohedralSubmanifoldConvolution(3, 4, 6, True, 2),
    lambda: st.NetworkInNetwork(4, 6, False),
    lambda: st.ShapeContext(2, 4, 3),
    lambda: st.MaxPooling(2, 3, 2, 1, padding=1),
    lambda: st.AveragePooling(2, 3, 2, 1),
    lambda: st.UnPooling(2, 3, 2),
    lambda: st.RandomizedStrideMaxPooling(2, 3, 2),
    lambda: st.FractionalMaxPooling(2, 1.5, 3, 1, sequence="random"),
    lambda: st.FractionalMaxPooling(2, output_size=[4, 5]),
    lambda: st.GlobalSumPooling(2),
    lambda: st.GlobalAveragePooling(2),
    lambda: st.GlobalMaxPooling(2),
    lambda: st.BatchNormalization(4, 1e-3, 0.9, False, 0.5),
    lambda: st.BatchNormReLU(4, 1e-3, 0.8),
    lambda: st.BatchNormLeakyReLU(4, 1e-3, 0.8, 0.1),
    lambda: st.BatchNormELU(4),
    lambda: st.MeanOnlyBNLeakyReLU(4, False, 0.5, 0.9),
    lambda: st.SparseGroupNorm(2, 4, 1e-4),
    lambda: st.InstanceNorm(4, 1e-4),
    lambda: st.InstanceNorm(4, affine=False),
    lambda: st.LayerNorm(4, 1e-4),
    lambda: st.LayerNorm(4, affine=False),
    lambda: st.Sequential(st.PReLU(), st.PReLU(4, 0.5), st.GELU(), st.SiLU(), st.Hardswish(), st.Softplus()),
    lambda: st.Sparsify(2, 4, "sigmoid"),
    lambda: st.Sparsify(2, 4),
    lambda: st.SparsifyFCS(2),
    lambda: st.LeakyReLU(0.2),
    lambda: st.Dropout(0.3),
    lambda: st.BatchwiseDropout(0.3),
    lambda: st.CheckpointedSequential(st.ConcatTable(st.Identity(), st.Tanh()), st.JoinTable()),
    lambda: st.Sequential(
        st.ReLU(), st.ELU(), st.SELU(), st.Sigmoid(), st.AddCoords(), st.AddTable(), st.VerboseIdentity()
    ),
    lambda: st.Linear(4, 6, bias=False),
    lambda: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 6), torch.nn.LeakyReLU(0.2), torch.nn.ELU()),
]


@pytest.mark.parametrize("make", EVERY_LAYER)
def test_every_layer_becomes_one_of_the_package_and_comes_back(make):
    torch.manual_seed(1)
    layer = make()
    module = st.to_module(layer)
    assert list(module.state_dict()) == list(layer.state_dict())
    back = st.from_module(module)
    for name, values in layer.state_dict().items():
        assert torch.equal(back.state_dict()[name], values)
    assert repr(st.to_module(back)) == repr(module)
    if type(layer).__module__.startswith("scn.torch"):
        assert repr(back) == repr(layer)


def test_networks_of_torch_become_modules_of_the_package(tmp_path):
    torch.manual_seed(1)

    class Program(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.sparseModel = st.Sequential(st.InputLayer(3, 16, 4), st.SubmanifoldConvolution(3, 3, 4, 3, False))
            self.sparseModel.add(st.UNet(3, 1, [4, 6], True)).add(st.BatchNormReLU(4)).add(st.OutputLayer(3))
            self.linear = torch.nn.Linear(4, 2)

        def forward(self, points):
            return self.linear(self.sparseModel(points))

    net, (where, features) = Program(), cloud()
    net([where, features])
    net.sparseModel[2].eval()
    with pytest.raises(
        scn.UnsupportedError, match="^module: is a .*Program, expected .* make a scn.torch.Sequential of them"
    ):
        st.to_module(net)
    module = st.to_module(st.Sequential(*net.sparseModel, net.linear))
    assert module.training and not module[2].training and not module[2][0].training and module[3].training
    scn.save(module.eval(), tmp_path / "net.safetensors")
    found = scn.load(tmp_path / "net.safetensors")([where.numpy(), features.numpy()])
    np.testing.assert_allclose(np.asarray(found), net.eval()([where, features]).detach().numpy(), rtol=1e-4, atol=1e-5)
    back = st.from_module(module.train())
    assert back.training and not st.from_module(module.eval()).training
    # What has no counterpart: other arguments of torch's layers, and classes defined by a program.
    for wrong in (
        torch.nn.Dropout(),
        torch.nn.ELU(2.0),
        torch.nn.Flatten(0),
        torch.nn.Conv2d(1, 1, 1),
        type("Own", (st.ReLU,), {})(),
    ):
        with pytest.raises(scn.UnsupportedError, match="^module: is a .* expected one that package scn has too"):
            st.to_module(st.Sequential(wrong))


def test_what_normalizes_only_in_training_is_left_behind():
    torch.manual_seed(1)
    where, features = cloud()
    net = st.Sequential(
        st.InputLayer(3, 16),
        st.spectral_norm(st.SubmanifoldConvolution(3, 3, 4, 3, True)),
        st.SyncBatchNormalization(4, leakiness=0),
    )
    for _ in range(3):
        net([where, features])
    module = st.to_module(net.eval().to(torch.float64))
    assert list(module.state_dict()) == ["1.weight", "1.bias", "2.weight", "2.bias", "2.running_mean", "2.running_var"]
    expected = net.float()([where, features])
    order = np.lexsort(expected.get_spatial_locations().numpy()[:, [2, 1, 0, 3]].T)
    found = module([where.numpy(), features.numpy()]).features.numpy()
    np.testing.assert_allclose(found, expected.features.detach().numpy()[order], rtol=1e-4, atol=1e-5)


def test_modules_in_several_places_stay_one():
    torch.manual_seed(1)
    shared, act = torch.nn.Linear(3, 3), st.Tanh()
    net = torch.nn.Sequential(torch.nn.Sequential(), st.Linear(3, 3, False), act, shared, act, shared)
    net[1].weight.requires_grad_(False)
    module, values = st.to_module(net), torch.randn(5, 3)
    np.testing.assert_allclose(np.asarray(module(values.numpy())), net(values).detach().numpy(), rtol=1e-4, atol=1e-6)
    assert module[3] is module[5] and module[2] is module[4] and len(module) == 6
    assert not module[1].weight.requires_grad and module[3].weight.requires_grad
    back = st.from_module(module)
    assert back[3] is back[5] and not back[1].weight.requires_grad and back[3].weight.requires_grad
    table = st.to_module(st.ConcatTable(act, act))
    assert len(table) == 2
    named = torch.nn.Sequential()
    named.add_module("first", torch.nn.Linear(3, 2))
    assert np.array_equal(st.to_module(named)[0].weight.numpy(), named.first.weight.detach().numpy())


def test_weights_that_torch_computes_are_kept_as_they_are():
    torch.manual_seed(1)
    values = torch.randn(5, 3)
    pruned, parametrized = st.Linear(3, 4), torch.nn.Linear(3, 4)
    prune.l1_unstructured(pruned, "weight", 0.5)
    torch.nn.utils.parametrizations.weight_norm(parametrized)
    for layer in (pruned, parametrized):
        found = np.asarray(st.to_module(layer)(values.numpy()))
        np.testing.assert_allclose(found, layer(values).detach().numpy(), rtol=1e-4, atol=1e-6)
    normalized = scn.spectral_norm(scn.NetworkInNetwork(3, 4, True))
    with pytest.raises(scn.UnsupportedError, match="spectral norm"):
        st.from_module(scn.Sequential(normalized))


def test_swapped_input_modes_go_along():
    try:
        st.swap_input_modes(True)
        assert st.to_module(st.InputLayer(2, 9, 1)).mode == 2
    finally:
        st.swap_input_modes(None)
    assert st.to_module(st.InputLayer(2, 9, 1)).mode == 1
