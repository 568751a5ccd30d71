"""Pointwise layers, pooling, cropping, ground plans and operators in the language of torchsparse."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from scn import torchsparse
from scn.errors import CoordinateError, UnsupportedError
from scn.torchsparse import SparseTensor, v1
from scn.torchsparse import nn as spnn
from scn.torchsparse.backbones import SparseResNet21D, SparseResUNet42
from scn.torchsparse.nn import functional as F
from scn.torchsparse.nn.functional.conv.utils import AttributeDict
from scn.torchsparse.nn.utils import fapply
from scn.torchsparse.utils.collate import sparse_collate, sparse_collate_fn


def a_tensor(planes, count=60, span=6, batch=3, seed=0, kind=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    sites = torch.cat(
        [
            torch.randint(0, batch, (count, 1), generator=generator),
            torch.randint(0, span, (count, 3), generator=generator),
        ],
        1,
    )
    sites = torch.unique(sites, dim=0).int()
    sites = sites[torch.randperm(len(sites), generator=generator)]
    return SparseTensor(torch.randn(len(sites), planes, generator=generator, dtype=kind).requires_grad_(), sites)


@pytest.mark.parametrize(
    ("layer", "same"),
    [
        (spnn.ReLU(), torch.nn.ReLU()),
        (spnn.ReLU(True), torch.nn.ReLU()),
        (spnn.LeakyReLU(0.3), torch.nn.LeakyReLU(0.3)),
        (spnn.SiLU(), torch.nn.SiLU()),
        (spnn.BatchNorm(4, momentum=0.3), torch.nn.BatchNorm1d(4, momentum=0.3)),
        (spnn.BatchNorm(4, affine=False), torch.nn.BatchNorm1d(4, affine=False)),
        (spnn.BatchNorm(4, momentum=None), torch.nn.BatchNorm1d(4, momentum=None)),
        (spnn.BatchNorm(4, track_running_stats=False), torch.nn.BatchNorm1d(4, track_running_stats=False)),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("is_training", [True, False], ids=["training", "evaluation"])
def test_pointwise_layers_are_those_of_torch(layer, same, kind, is_training):
    layer, same = (copy.deepcopy(each).to(kind).train(is_training) for each in (layer, same))
    for parameter in layer.parameters():
        torch.nn.init.uniform_(parameter, 0.5, 2)
    same.load_state_dict(layer.state_dict())
    for seed in (1, 2):
        x = a_tensor(4, seed=seed, kind=kind)
        leaf = x.feats.detach().clone().requires_grad_()
        y, expected = layer(SparseTensor(x.feats * 1, x.coords)), same(leaf)
        assert isinstance(layer, type(same))
        assert torch.allclose(y.feats, expected, atol=1e-6)
        weights = torch.randn(expected.shape, dtype=kind)
        (y.feats * weights).sum().backward()
        (expected * weights).sum().backward()
        assert torch.allclose(x.feats.grad, leaf.grad, atol=1e-5)
    for mine, other in zip(layer.state_dict().values(), same.state_dict().values()):
        assert torch.allclose(mine, other, atol=1e-6)
    for mine, other in zip(layer.parameters(), same.parameters()):
        assert torch.allclose(mine.grad, other.grad, atol=1e-4)


def test_a_relu_in_place_after_a_batch_norm_has_the_right_gradients():
    x = a_tensor(3, kind=torch.float32)
    net = torch.nn.Sequential(spnn.Conv3d(3, 3, 3), spnn.BatchNorm(3), spnn.ReLU(True))
    exact = copy.deepcopy(net).double()
    net(x).feats.square().sum().backward()
    leaf = x.feats.detach().double().requires_grad_()
    exact(SparseTensor(leaf, x.coords)).feats.square().sum().backward()
    assert torch.allclose(x.feats.grad.double(), leaf.grad, atol=1e-4)


def test_batch_norm_of_one_site_is_an_error_in_training_as_in_torch():
    one = SparseTensor(torch.ones(1, 3), torch.zeros(1, 4).int())
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        spnn.BatchNorm(3)(one)
    assert spnn.BatchNorm(3).eval()(one).feats.shape == (1, 3)
    norm = spnn.BatchNorm(3)
    none = norm(SparseTensor(torch.ones(0, 3), torch.zeros(0, 4).int()))
    assert none.feats.shape == (0, 3)
    assert torch.equal(norm.running_mean, torch.zeros(3))


@pytest.mark.parametrize("form", ["2.1", "1.4"])
@pytest.mark.parametrize("kind", ["group", "instance"])
def test_norms_of_samples_see_only_their_sample(kind, form):
    x = a_tensor(6)
    layer, same = (
        (spnn.GroupNorm(3, 6), torch.nn.GroupNorm(3, 6))
        if kind == "group"
        else (
            spnn.InstanceNorm(6, affine=True),
            torch.nn.InstanceNorm1d(6, affine=True),
        )
    )
    layer, same = layer.double(), same.double()
    for parameter in layer.parameters():
        torch.nn.init.uniform_(parameter, 0.5, 2)
    same.load_state_dict(layer.state_dict())
    given = x if form == "2.1" else v1.SparseTensor(x.feats, x.coords.roll(-1, 1))
    y = layer(given).feats
    leaf = x.feats.detach().clone().requires_grad_()
    expected = torch.empty_like(leaf)
    for sample in range(3):
        rows = x.coords[:, 0] == sample
        expected[rows] = same(leaf[rows].t()[None])[0].t()
    assert torch.allclose(y, expected)
    weights = torch.randn(y.shape, dtype=torch.float64)
    (y * weights).sum().backward()
    (expected * weights).sum().backward()
    assert torch.allclose(x.feats.grad, leaf.grad)
    assert torch.allclose(layer.weight.grad, same.weight.grad)


@pytest.mark.parametrize("form", ["2.1", "1.4"])
def test_pooling_over_samples(form):
    x = a_tensor(4)
    given = x if form == "2.1" else v1.SparseTensor(x.feats, x.coords.roll(-1, 1))
    rows = [x.feats[x.coords[:, 0] == sample] for sample in range(3)]
    assert torch.allclose(spnn.GlobalAvgPool()(given), torch.stack([part.mean(0) for part in rows]))
    assert torch.allclose(spnn.GlobalMaxPool()(given), torch.stack([part.max(0)[0] for part in rows]))
    apart = SparseTensor(torch.ones(2, 4), torch.tensor([[0, 1, 1, 1], [2, 1, 1, 1]]).int())
    assert F.global_avg_pool(apart)[:, 0].tolist() == [1, 0, 1]
    assert F.global_max_pool(SparseTensor(torch.ones(0, 4), torch.zeros(0, 4).int())).shape == (0, 4)


def test_activations_as_functions():
    x = a_tensor(3)
    for function, same in ((F.relu, torch.relu), (F.silu, torch.nn.functional.silu)):
        assert torch.equal(function(x, inplace=False).feats, same(x.feats))
    assert torch.equal(F.leaky_relu(x, 0.2, False).feats, torch.nn.functional.leaky_relu(x.feats, 0.2))
    y = spnn.Conv3d(3, 3, 3).double()(x)
    z = fapply(y, lambda features, factor: features * factor, 2)
    assert torch.equal(z.feats, y.feats * 2)
    assert z._caches is x._caches


@pytest.mark.parametrize("form", ["2.1", "1.4"])
def test_a_crop_keeps_what_is_inside(form):
    x = a_tensor(3)
    given = x if form == "2.1" else v1.SparseTensor(x.feats, x.coords.roll(-1, 1))
    y = spnn.SparseCrop((1, 0, 2), (4, 5, 6))(given)
    where = x.coords[:, 1:]
    inside = ((where >= torch.tensor([1, 0, 2])) & (where < torch.tensor([4, 5, 6]))).all(1)
    assert torch.equal(y.feats, x.feats[inside])
    assert torch.equal(y.coords, given.coords[inside])
    assert len(spnn.SparseCrop(coords_max=(0, 9, 9))(given).feats) == 0
    assert torch.equal(spnn.SparseCrop()(given).feats, x.feats)


def test_tensors_of_the_same_sites_add_and_join():
    x = a_tensor(3)
    y = spnn.Conv3d(3, 2, 3).double()(x)
    z = spnn.BatchNorm(2).double()(y)
    joined = torchsparse.cat([y, z, x])
    assert torch.equal(joined.feats, torch.cat([y.feats, z.feats, x.feats], 1))
    assert torch.equal((y + z).feats, y.feats + z.feats)
    assert torch.equal((x + x).feats, 2 * x.feats)
    assert joined._caches is x._caches
    with pytest.raises(ValueError, match="inputs"):
        torchsparse.cat([])


def test_a_generative_sum_is_on_the_sites_of_both():
    a = SparseTensor(torch.tensor([[1.0], [2.0]]), torch.tensor([[0, 0, 0, 1], [0, 0, 0, 2]]).int(), 2)
    b = SparseTensor(torch.tensor([[10.0]]), torch.tensor([[0, 0, 0, 2]]).int(), 2)
    both = torchsparse.generative_add(b, a)
    assert both.coords.tolist() == [[0, 0, 0, 1], [0, 0, 0, 2]]
    assert both.feats.tolist() == [[1], [12]]
    assert both.stride == (2, 2, 2)


def test_maps_of_the_ground():
    x = a_tensor(2, span=4)
    dense = spnn.ToBEVHeightCompression(2, (4, 5, 6), dim=2).double()(x)
    assert dense.shape == (3, 12, 4, 5)
    for row, (b, i, j, k) in enumerate(x.coords.tolist()):
        assert torch.equal(dense[b, 2 * k : 2 * k + 2, i, j], x.feats[row])
    layer = spnn.ToDenseBEVConvolution(2, 3, (4, 4, 4), dim=1, bias=True).double()
    torch.nn.init.ones_(layer.bias)
    expected = torch.zeros(3, 3, 4, 4, dtype=torch.float64)
    for row, (b, i, j, k) in enumerate(x.coords.tolist()):
        expected[b, :, i, k] += x.feats[row].detach() @ layer.kernel[j] + 1
    assert torch.allclose(layer(x), expected)
    sparse = spnn.ToBEVConvolution(2, 3, 4, stride=2, dim=1, bias=True).double()
    sparse.load_state_dict({"kernel": layer.kernel.data, "bias": layer.bias.data})
    y = sparse(x)
    assert y.stride == (2, 2, 2)
    halved = {}
    for row, (b, i, j, k) in enumerate(x.coords.tolist()):
        halved[b, i // 2, 0, k // 2] = halved.get((b, i // 2, 0, k // 2), 0) + x.feats[row] @ layer.kernel[j] + 1
    assert sorted(halved) == list(map(tuple, y.coords.tolist()))
    assert torch.allclose(y.feats, torch.stack([halved[site] for site in sorted(halved)]))
    mean = spnn.ToBEVReduction(0)(x)
    flat = x.coords.clone()
    flat[:, 1] = 0
    assert torch.equal(mean.coords, flat.unique(dim=0))
    assert torch.allclose(mean.feats[0], x.feats[(flat == mean.coords[0]).all(1)].mean(0))
    mean.feats.sum().backward()
    with pytest.raises(CoordinateError, match="the layer has 2 kernels"):
        spnn.ToBEVConvolution(2, 3, 2).double()(x)
    with pytest.raises(CoordinateError, match="beyond the map"):
        spnn.ToBEVHeightCompression(2, (2, 4, 4), dim=2)(x)
    with pytest.raises(ValueError, match="dim"):
        spnn.ToBEVReduction(3)


def test_maps_of_the_ground_in_units_of_the_finest_level():
    x = a_tensor(2, span=4)
    fine = x.coords.roll(-1, 1)
    fine[:, :3] *= 2
    old, new = v1.SparseTensor(x.feats, fine, 2), SparseTensor(x.feats, x.coords, 2)
    for make in (
        lambda: spnn.ToDenseBEVConvolution(2, 3, (5, 5, 5), offset=(-2, 0, -2)),
        lambda: spnn.ToBEVHeightCompression(2, (5, 5, 5), offset=(-2, 0, -2)),
    ):
        layer = make().double()
        assert torch.allclose(layer(old), layer(new))
    layer = spnn.ToBEVConvolution(2, 3, 4, stride=2).double()
    moved = layer(new).coords.roll(-1, 1)
    moved[:, :3] *= 4
    assert sorted(layer(old).coords.tolist()) == sorted(moved.tolist())


def test_collating():
    parts = [SparseTensor(np.ones((n, 2), np.float32) * n, torch.arange(3 * n).reshape(n, 3).int()) for n in (2, 1, 3)]
    whole = sparse_collate(parts)
    assert whole.coords.tolist() == [
        [0, 0, 1, 2],
        [0, 3, 4, 5],
        [1, 0, 1, 2],
        *([2, i, i + 1, i + 2] for i in (0, 3, 6)),
    ]
    assert whole.feats[:, 0].tolist() == [2, 2, 1, 3, 3, 3]
    samples = [
        {"x": part, "more": {"y": np.array([n])}, "t": torch.tensor(n), "name": str(n)} for n, part in enumerate(parts)
    ]
    batch = sparse_collate_fn(samples)
    assert torch.equal(batch["x"].coords, whole.coords)
    assert batch["more"]["y"].tolist() == [[0], [1], [2]]
    assert batch["t"].tolist() == [0, 1, 2]
    assert batch["name"] == ["0", "1", "2"]
    assert sparse_collate_fn([1, 2]) == [1, 2]
    parts[1].stride = (2, 2, 2)
    with pytest.raises(ValueError, match=r"inputs\[1\].stride"):
        sparse_collate(parts)
    with pytest.raises(TypeError, match=r"inputs\[0\].feats"):
        sparse_collate([SparseTensor([1], torch.zeros(1, 3))])


def test_backbones_have_the_planes_and_strides_of_their_stages():
    x = a_tensor(4, count=300, span=20, batch=1, kind=torch.float32)
    unet = SparseResUNet42(in_channels=4, width_multiplier=0.25)
    outputs = unet(x)
    assert [y.feats.shape[1] for y in outputs] == [8, 8, 16, 32, 64, 64, 32, 24, 24]
    assert [y.stride[0] for y in outputs] == [1, 2, 4, 8, 16, 8, 4, 2, 1]
    assert torch.equal(outputs[-1].coords, x.coords)
    sum(y.feats.square().sum() for y in outputs).backward()
    assert all(parameter.grad is not None for parameter in unet.parameters())
    assert "decoders.0.upsample.0.kernel" in unet.state_dict()
    outputs = SparseResNet21D(in_channels=4, width_multiplier=0.5).eval()(x)
    assert [y.stride for y in outputs] == [(s,) * 3 for s in (1, 2, 4, 8)] + [(8, 16, 8)]


def test_maps_as_functions():
    x = a_tensor(2)
    table = F.build_kernel_map(x.coords, len(x.coords), 3, 1)["out_in_map"]
    assert table.shape == (128, 27)
    assert torch.equal(table[: len(x.coords), 13], torch.arange(len(x.coords)).int())
    found = F.build_kernel_map(x.coords, len(x.coords), 2, 2)
    assert found["sizes"] == (len(x.coords), len(found["coords"]))
    assert found["nbsizes"].sum() == len(x.coords)
    assert found["nbmaps"].shape == (len(x.coords), 2)
    assert torch.equal(found["coords"], F.spdownsample(x.coords, 2, 2))
    turned = F.convert_transposed_out_in_map(found["out_in_map"], 128)
    assert torch.equal(turned, F.transpose_kernel_map(found)["out_in_map_t"])
    assert "coords" in found
    assert len(found) == len(dict(found))
    assert F.spdownsample(x.coords, 2, 3, 1, (3, 2, 2, 2)).max() < 3
    assert len(F.spupsample_generative(x.coords[:1], 2, 3)) == 27
    with pytest.raises(UnsupportedError, match="generative"):
        F.build_kernel_map(x.coords, len(x.coords), generative=True)


def test_modes_are_remembered_and_refused():
    F.set_conv_mode(1)
    assert F.get_conv_mode() is F.ConvMode.mode1
    F.set_conv_mode(F.ConvMode.mode0)
    F.set_kmap_mode("hashmap")
    assert F.get_kmap_mode() == "hashmap"
    F.set_kmap_mode("hashmap_on_the_fly")
    for function, value in ((F.set_conv_mode, 3), (F.set_kmap_mode, "grid"), (F.set_downsample_mode, "none")):
        with pytest.raises(ValueError, match="expected"):
            function(value)
    config = F.conv_config.get_default_conv_config()
    assert config.dataflow is F.Dataflow.ImplicitGEMM
    assert config.ifsort is False
    F.set_global_conv_config({"ifsort": True})
    assert F.get_global_conv_config()["kmap_mode"] == "hashmap_on_the_fly"
    assert spnn.Conv3d(2, 2, 3).double()(a_tensor(2)).feats.shape[1] == 2
    F.clear_global_conv_config()
    own = AttributeDict([*F.conv_config._default_conv_config.items(), ("downsample_mode", "minkowski")])
    assert own.copy().downsample_mode == "minkowski"
    del own.ifsort
    assert "ifsort" not in own
    assert config.downsample_mode == "spconv"
    with pytest.raises(AttributeError, match="nothing"):
        _ = config.nothing
    assert torchsparse.tune(spnn.Conv3d(1, 1), []) is None
    assert torchsparse.backends.benchmark is False


def test_batch_norm_of_no_sites_is_counted_and_has_gradients():
    layer = spnn.BatchNorm(2)
    features = torch.zeros(0, 2, requires_grad=True)
    layer(SparseTensor(features, torch.zeros(0, 4, dtype=torch.int32))).feats.sum().backward()
    assert int(layer.num_batches_tracked) == 1 and layer.running_mean.tolist() == [0, 0]
    assert layer.weight.grad.tolist() == [0, 0] and layer.bias.grad.tolist() == [0, 0]
    assert features.grad.shape == (0, 2)


def test_ground_plans_take_shapes_with_the_samples_behind():
    layer = spnn.ToDenseBEVConvolution(2, 3, np.array([8, 6, 4, 1]))
    assert layer.shape.tolist() == [8, 6, 4, 1] and layer.n_kernels == 6
    y = layer(SparseTensor(torch.ones(2, 2), torch.tensor([[0, 1, 1, 1], [1, 3, 3, 3]], dtype=torch.int32)))
    assert y.shape == (2, 3, 8, 4)
    with pytest.raises(ValueError, match=r"has shape \[2\]"):
        spnn.ToDenseBEVConvolution(2, 3, [8, 8])
