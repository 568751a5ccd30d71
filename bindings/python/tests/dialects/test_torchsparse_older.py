"""The form of torchsparse 1.4 and 2.0: the batch index last, coordinates in the units of the finest level."""

import copy
import io

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from scn import torchsparse as newer
from scn.torchsparse import backbones as newer_backbones
from scn.torchsparse import v1
from scn.torchsparse.v1 import PointTensor, SparseTensor
from scn.torchsparse.v1 import nn as spnn
from scn.torchsparse.v1.backbones import SparseResNet21D, SparseResUNet42
from scn.torchsparse.v1.backbones.resnet import SparseResNet
from scn.torchsparse.v1.backbones.unet import SparseResUNet
from scn.torchsparse.v1.nn import functional as F
from scn.torchsparse.v1.utils.collate import sparse_collate, sparse_collate_fn
from scn.torchsparse.v1.utils.quantize import sparse_quantize


def some_sites(count, span, low=0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    where = torch.randint(0, span, (count, 3), generator=generator) + low
    sites = torch.unique(torch.cat([where, torch.randint(0, 2, (count, 1), generator=generator)], 1), dim=0).int()
    return sites[torch.randperm(len(sites), generator=generator)]


def by_hand(sites, features, kernel, offsets, outputs):
    """The sum over taps of kernel[k] times the features at output + offsets[k], one row at a time."""
    row_of = {tuple(site): row for row, site in enumerate(sites.tolist())}
    result = features.new_zeros(len(outputs), kernel.shape[-1])
    for o, (x, y, z, b) in enumerate(outputs.tolist()):
        for k, (dx, dy, dz) in enumerate(offsets.tolist()):
            row = row_of.get((x + dx, y + dy, z + dz, b))
            if row is not None:
                result[o] += features[row] @ kernel[k]
    return result


def sorted_rows(coords, features):
    order = np.lexsort(coords.numpy().T[::-1])
    return coords[order.copy()], features[order.copy()]


@pytest.mark.parametrize("low", [0, -9], ids=["positive", "negative"])
@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 3), (3, 2), (4, 2), ((1, 3, 1), (1, 2, 1)), (1, 2)], ids=str)
def test_down_along_and_back_up(size, stride, low):
    sites = some_sites(60, 9, low)
    x = torch.randn(len(sites), 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    down, along = spnn.Conv3d(2, 3, size, stride).double(), spnn.Conv3d(3, 3, 3, bias=True).double()
    up = spnn.Conv3d(3, 2, size, stride, transposed=True).double()
    tensor = SparseTensor(x, sites)
    y = down(tensor)
    strides = torch.tensor((stride,) * 3 if isinstance(stride, int) else stride)
    assert y.s == tuple(strides.tolist())
    assert not (y.C[:, :3] % strides).any()
    offsets = v1.nn.utils.get_kernel_offsets(size)
    kernel = down.kernel if down.kernel.ndim == 3 else down.kernel[None]
    assert torch.allclose(y.F, by_hand(sites, x, kernel, offsets, y.C), atol=1e-10)
    if size == stride:
        rounded = sites.clone()
        rounded[:, :3] = sites[:, :3].div(strides, rounding_mode="floor") * strides
        assert sorted(y.C.tolist()) == rounded.unique(dim=0).tolist()
    z = along(y)
    steps = v1.nn.utils.get_kernel_offsets(3, y.s)
    assert torch.allclose(z.F, by_hand(y.C, y.F, along.kernel, steps, z.C) + along.bias, atol=1e-10)
    assert z.C is y.C
    with torch.no_grad():
        up.kernel.copy_(down.kernel.transpose(-1, -2))
    back = up(y)
    assert back.C is sites
    assert back.s == (1, 1, 1)
    leaf = x.clone().requires_grad_()
    (adjoint,) = torch.autograd.grad(down(SparseTensor(leaf, sites)).F, leaf, y.F)
    assert torch.allclose(back.F, adjoint, atol=1e-10)


def test_both_forms_compute_the_same():
    sites = some_sites(80, 8)
    x = torch.randn(len(sites), 3)
    nets = []
    for nn in (spnn, newer.nn):
        torch.manual_seed(0)
        nets.append(torch.nn.Sequential(nn.Conv3d(3, 4, 3), nn.BatchNorm(4), nn.ReLU(True), nn.Conv3d(4, 4, 2, 2)))
    old = nets[0](SparseTensor(x, sites))
    new = nets[1](newer.SparseTensor(x, sites.roll(1, 1).contiguous()))
    assert torch.equal(old.C[:, :3], new.C[:, 1:] * 2)
    assert torch.equal(old.F, new.F)


def test_coordinates_need_not_be_multiples_of_the_stride():
    sites = torch.tensor([[0, 0, 0, 0], [1, 0, 0, 0], [3, 0, 0, 0]], dtype=torch.int32)
    x = torch.eye(3, dtype=torch.float64)
    layer = spnn.Conv3d(3, 1, 3).double()
    y = layer(SparseTensor(x, sites, 2))
    offsets = v1.nn.utils.get_kernel_offsets(3, 2)
    assert torch.allclose(y.F, by_hand(sites, x, layer.kernel, offsets, sites))
    down = spnn.Conv3d(3, 2, 2, 2).double()
    z = down(SparseTensor(x, sites, 2))
    assert z.C.tolist() == [[0, 0, 0, 0]]
    assert torch.allclose(z.F, by_hand(sites, x, down.kernel, v1.nn.utils.get_kernel_offsets(2, 2), z.C))


def test_programs_set_the_caches():
    sites = some_sites(50, 6)
    x = SparseTensor(torch.randn(len(sites), 2), sites, 1)
    x.cmaps.setdefault(x.stride, x.coords)
    y = spnn.Conv3d(2, 4, 2, 2)(x)
    assert y.cmaps is x.cmaps
    assert set(y.cmaps) == {(1, 1, 1), (2, 2, 2)}
    assert y.kmaps is x.kmaps
    other = SparseTensor(torch.randn(len(y.C), 4), y.C, y.s)
    other.cmaps, other.kmaps = y.cmaps, y.kmaps
    z = spnn.Conv3d(4, 2, 2, 2, transposed=True)(other)
    assert z.C is sites
    both = v1.cat([z, x])
    assert both.F.shape == (len(sites), 4)
    assert both.cmaps is x.cmaps
    assert (x + x).kmaps is x.kmaps


def test_weights_of_points_have_the_corner_first():
    points = torch.rand(10, 4) * 4
    index = torch.randint(-1, 5, (8, 10))
    old = F.calc_ti_weights(points, index, scale=2)
    new = newer.nn.functional.calc_ti_weights(points, index.t(), scale=2)
    assert torch.equal(old, new.t())


def test_points_to_voxels_and_back_as_programs_write_it():
    generator = torch.Generator().manual_seed(4)
    points = torch.cat([torch.rand(200, 3, generator=generator) * 6 - 3, torch.randint(0, 2, (200, 1)).float()], 1)
    features = torch.randn(200, 3, generator=generator, requires_grad=True)
    keys = F.sphash(torch.floor(points).int())
    unique = torch.unique(keys)
    of_point = F.sphashquery(keys, unique)
    counts = F.spcount(of_point.int(), len(unique))
    coords = torch.round(F.spvoxelize(torch.floor(points), of_point, counts)).int()
    x = SparseTensor(F.spvoxelize(features, of_point, counts), coords)
    y = spnn.Conv3d(3, 3, 2, 2)(x)
    offsets = v1.nn.utils.get_kernel_offsets(2, y.s, 1)
    corners = F.sphash(torch.cat([torch.floor(points[:, :3] / 2).int() * 2, points[:, -1:].int()], 1), offsets)
    index = F.sphashquery(corners, F.sphash(y.C))
    weights = F.calc_ti_weights(points, index, scale=2).t().contiguous()
    back = F.spdevoxelize(y.F, index.t().contiguous(), weights)
    row_of = {tuple(site): row for row, site in enumerate(y.C.tolist())}
    for point in (0, 7, 150):
        place = points[point, :3] / 2
        base, total, value = place.floor(), 0.0, 0
        for corner in [(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)]:
            row = row_of.get((*((base + torch.tensor(corner)) * 2).int().tolist(), int(points[point, 3])))
            if row is not None:
                weight = torch.prod(1 - (place - base - torch.tensor(corner)).abs()).item()
                total, value = total + weight, value + weight * y.F[row]
        assert torch.allclose(back[point], value / total, atol=1e-4)
    back.square().sum().backward()
    assert features.grad.abs().sum() > 0


def test_point_tensors_carry_what_programs_found():
    z = PointTensor(torch.ones(3, 2), torch.zeros(3, 4))
    assert z.additional_features == {"idx_query": {}, "counts": {}}
    z.idx_query[1] = "here"
    total = z + z
    assert torch.equal(total.F, torch.full((3, 2), 2.0))
    assert total.idx_query is z.idx_query
    assert total.additional_features is z.additional_features
    assert z.to("cpu").detach() is z


def test_collating_puts_the_batch_index_last():
    parts = [SparseTensor(np.ones((n, 2), np.float32), np.arange(3 * n, dtype=np.int32).reshape(n, 3)) for n in (2, 3)]
    whole = sparse_collate(parts)
    assert whole.C.tolist()[-1] == [6, 7, 8, 1]
    assert isinstance(sparse_collate_fn([{"a": part} for part in parts])["a"], SparseTensor)


def test_maps_and_sites_as_functions():
    sites = some_sites(30, 6)
    pairs, sizes, coords = F.build_kernel_map(sites, 2, 2)
    assert int(sizes.sum()) == len(pairs) == len(sites)
    assert torch.equal(coords, F.spdownsample(sites, 2, 2))
    assert torch.equal(coords[pairs[:, 1]][:, :3], sites[pairs[:, 0]][:, :3] // 2 * 2)
    assert len(F.build_kernel_map(sites, 3, 1)) == 2


def test_size_1_has_a_matrix_whatever_the_stride():
    assert spnn.Conv3d(2, 3, 1, 2).kernel.shape == (2, 3)
    assert newer.nn.Conv3d(2, 3, 1, 2).kernel.shape == (1, 2, 3)
    assert spnn.Conv3d(2, 3, 3, 1, 1, True).bias.shape == (3,)


def test_copies_and_pickles_do_without_the_rules():
    sites = some_sites(40, 6)
    y = spnn.Conv3d(2, 4, 2, 2)(SparseTensor(torch.randn(len(sites), 2), sites))
    up = spnn.Conv3d(4, 2, 2, 2, transposed=True)
    buffer = io.BytesIO()
    torch.save(y, buffer)
    buffer.seek(0)
    for copied in (copy.deepcopy(y.detach()), torch.load(buffer, weights_only=False)):
        assert torch.equal(up(copied).F, up(y).F)
    assert v1.__version__ == "1.4.0"


def test_backbones_are_made_of_the_layers_of_this_form():
    sites = some_sites(200, 30)
    for network, planes in ((SparseResNet21D, [16, 32, 64, 128, 128]), (SparseResUNet42, [32, 32, 64, 128, 256])):
        net = network(in_channels=2)
        assert {type(layer) for layer in net.modules() if "kernel" in layer._parameters} == {spnn.Conv3d}
        y = net(SparseTensor(torch.randn(len(sites), 2), sites))
        assert [part.F.shape[1] for part in y[:5]] == planes
        assert isinstance(net, (SparseResNet, SparseResUNet))
        assert net.state_dict().keys() == getattr(newer_backbones, network.__name__)(in_channels=2).state_dict().keys()


def test_maps_are_lists_too():
    sites = some_sites(40, 6)
    x = SparseTensor(torch.randn(len(sites), 2), sites)
    spnn.Conv3d(2, 4, 2, 2)(x)
    (known,) = x.kmaps.values()
    assert torch.equal(known[0], known["nbmaps"]) and torch.equal(known[1], known["nbsizes"])
    assert known[2] == known["sizes"] and known[2][0] == len(sites)
    with pytest.raises(KeyError):
        known[3]


@pytest.mark.parametrize(("version", "first"), [("1.4.0", [0, 0, 0]), ("2.0.0b", [-3, 2, 5])])
def test_sites_of_points_begin_at_zero_in_1_4_alone(version, first, monkeypatch):
    monkeypatch.setattr(v1.version, "__version__", version)
    points = np.array([[4.2, 7, 9], [-3, 2, 5], [4.9, 7.5, 9]])
    sites, rows, inverse = sparse_quantize(points, return_index=True, return_inverse=True)
    assert (sites + np.array([-3, 2, 5]) - first).tolist() == [[-3, 2, 5], [4, 7, 9]]
    assert rows.tolist() == [1, 0]
    assert inverse.tolist() == [1, 0, 1]
    assert sparse_quantize(points).tolist() == sites.tolist()
    assert sparse_quantize(np.ones((0, 3))).shape == (0, 3)
