"""Networks of other libraries' layers become modules of the package scn that compute the same."""

import numpy as np
import pytest
import torch
from torch import nn

import scn
import scn.minkowski as ME
import scn.spconv.pytorch as spconv
import scn.torch as st
import scn.torchsparse as torchsparse
import scn.torchsparse.nn as spnn
from scn.errors import UnsupportedError
from scn.torchsparse import v1

SHAPE = [15, 12, 13]


def drawn(low=0, count=150, dimension=3, seed=0):
    random = np.random.default_rng(seed)
    where = np.unique(random.integers(0, 11, (count, dimension)), axis=0) + low
    samples = random.integers(0, 2, (len(where), 1))
    where = np.concatenate([samples, where], 1)
    return where[random.permutation(len(where))]


def by_site(where, rows):
    order = np.lexsort(np.asarray(where).T)
    return np.asarray(where)[order], np.asarray(rows)[order]


def prepared(net, x):
    """Run a network in training, so that it has statistics of its own, and return it for evaluation."""
    torch.manual_seed(0)
    for parameter in net.parameters():
        if parameter.ndim == 1:
            parameter.data.uniform_(0.5, 1.5)
    for _ in range(3):
        net(x)
    return net.eval()


def package_result(module, where, features, size):
    """Return what the package computes of the same points: the batch index is last there."""
    net = scn.Sequential(scn.InputLayer(where.shape[1] - 1, size), module).eval()
    return net([np.roll(where, -1, 1), features.numpy()])


def test_a_lidar_backbone_of_spconv_computes_the_same_and_is_saved_with_its_architecture(tmp_path):
    def block(planes_in, planes_out, key, conv, **options):
        norm = nn.BatchNorm1d(planes_out, eps=1e-3, momentum=0.01)
        return spconv.SparseSequential(
            conv(planes_in, planes_out, 3, bias=False, indice_key=key, **options), norm, nn.ReLU()
        )

    net = spconv.SparseSequential(
        block(4, 8, "subm1", spconv.SubMConv3d),
        block(8, 12, "down2", spconv.SparseConv3d, stride=2, padding=1),
        block(12, 12, "subm2", spconv.SubMConv3d, dilation=2),
        block(12, 16, "down3", spconv.SparseConv3d, stride=2, padding=(0, 1, 1)),
        spconv.SparseConv3d(16, 16, (3, 1, 1), (2, 1, 1), bias=True),
        spconv.ToDense(),
    )
    where = drawn()
    features = torch.randn(len(where), 4)
    x = spconv.SparseConvTensor(features, torch.from_numpy(where).int(), SHAPE, 2)
    expected = prepared(net, x)(x)
    module = st.to_module(net)
    found = package_result(module, where, features, SHAPE)
    np.testing.assert_allclose(found.numpy(), expected.detach(), rtol=1e-4, atol=1e-5)
    scn.save(scn.Sequential(scn.InputLayer(3, SHAPE), module), tmp_path / "lidar.safetensors")
    fast = scn.optimize_for_inference(scn.load(tmp_path / "lidar.safetensors"))
    again = fast([np.roll(where, -1, 1), features.numpy()])
    np.testing.assert_allclose(again.numpy(), expected.detach(), rtol=1e-4, atol=1e-5)


def test_the_way_back_through_an_indice_key_groups_size_one_transposes_and_pooling_of_spconv():
    net = spconv.SparseSequential(
        spconv.SubMConv3d(4, 8, 1),
        spconv.SparseConv3d(8, 6, 2, 2, indice_key="down", groups=2),
        spconv.SubMConv3d(6, 6, 3, groups=3, bias=False),
        spconv.SubMConv3d(6, 6, 1, groups=2),
        spconv.SparseInverseConv3d(6, 5, 2, indice_key="down"),
        nn.LeakyReLU(0.2),
        spconv.SparseMaxPool3d(3, 2, 1),
        nn.Linear(5, 3),
        spconv.SparseConvTranspose3d(3, 2, 2, 2),
        # One of size 1 leads nowhere: spconv takes it for a product.
        spconv.SparseConv3d(2, 4, 1, 2, indice_key="size 1"),
        spconv.SparseInverseConv3d(4, 2, 1, indice_key="size 1"),
    )
    where = drawn(seed=1)
    features = torch.randn(len(where), 4)
    x = spconv.SparseConvTensor(features, torch.from_numpy(where).int(), SHAPE, 2)
    expected = prepared(net, x)(x)
    module = st.to_module(net)
    assert all(entry.requires_grad for entry in module.parameters())
    found = package_result(module, where, features, SHAPE)
    ours = by_site(np.roll(found.get_spatial_locations(), 1, 1), found.numpy())
    theirs = by_site(expected.indices, expected.features.detach())
    np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-4, atol=1e-5)


def test_what_package_scn_has_no_module_for_is_refused_by_name():
    with pytest.raises(
        UnsupportedError, match="SparseInverseConv3d, expected one with the indice_key 'a' of a strided"
    ):
        st.to_module(spconv.SparseInverseConv3d(3, 4, 2, indice_key="a"))
    with pytest.raises(UnsupportedError, match="SparseAvgPool3d"):
        st.to_module(spconv.SparseSequential(spconv.SparseAvgPool3d(2, 2)))
    with pytest.raises(UnsupportedError, match="MinkowskiMaxPooling"):
        st.to_module(ME.MinkowskiMaxPooling(2, 2, dimension=3))
    with pytest.raises(UnsupportedError, match="MinkowskiConvolutionTranspose, expected one whose kernel is as large"):
        st.to_module(ME.MinkowskiConvolutionTranspose(3, 4, 3, 2, dimension=3))
    with pytest.raises(UnsupportedError, match="all odd or all even"):
        st.to_module(ME.MinkowskiConvolution(3, 4, [2, 3, 3], dimension=3))
    with pytest.raises(UnsupportedError, match="Conv3d, expected one whose kernel is as large"):
        st.to_module(spnn.Conv3d(3, 4, 3, 2, transposed=True))
    with pytest.raises(UnsupportedError, match="not generative"):
        st.to_module(spnn.Conv3d(3, 4, 2, 2, transposed=True, generative=True))
    with pytest.raises(UnsupportedError, match="one without dilation and output_padding"):
        st.to_module(spconv.SparseConvTranspose3d(2, 3, 2, 2, dilation=2))
    with pytest.raises(UnsupportedError, match="one of stride 1, or whose size is its stride and odd"):
        st.to_module(v1.nn.Conv3d(2, 3, 4, 4))
    for dropout in (ME.MinkowskiDropout(0.5), spconv.SparseSequential(spconv.SubMConv3d(2, 2, 3), nn.Dropout(0.5))):
        with pytest.raises(UnsupportedError, match="Dropout, expected one in evaluation"):
            st.to_module(dropout)
    with pytest.raises(UnsupportedError, match="LayerNorm, expected one with weight and bias"):
        st.to_module(spconv.SparseSequential(spconv.SubMConv3d(2, 2, 3), nn.LayerNorm(2, bias=False)))
    joined = st.ConcatTable(st.Identity(), spconv.SubMConv3d(2, 2, 3))
    with pytest.raises(UnsupportedError, match="ToDense, expected one behind a layer that says how many planes"):
        st.to_module(st.Sequential(joined, st.JoinTable(), spconv.ToDense()))


CROSS = ME.KernelGenerator(3, region_type=ME.RegionType.HYPER_CROSS, dimension=3)


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [ME.MinkowskiConvolution(3, 4, 3, bias=True, dimension=3)],
        lambda: [
            ME.MinkowskiConvolution(3, 4, 2, stride=2, dimension=3),
            ME.MinkowskiConvolution(4, 4, 2, dimension=3),
        ],
        lambda: [ME.MinkowskiConvolution(3, 4, 3, stride=2, dilation=2, dimension=3)],
        lambda: [ME.MinkowskiConvolution(3, 4, [3, 1, 5], dimension=3), ME.MinkowskiLinear(4, 5)],
        lambda: [ME.MinkowskiConvolution(3, 4, kernel_generator=CROSS, dimension=3), ME.MinkowskiGELU()],
        lambda: [
            ME.MinkowskiConvolution(3, 4, 3, stride=2, dimension=3),
            ME.MinkowskiGenerativeConvolutionTranspose(4, 3, 2, stride=2, bias=True, dimension=3),
        ],
        lambda: [
            ME.MinkowskiConvolution(3, 4, 3, stride=2, dimension=3),
            ME.MinkowskiGenerativeConvolutionTranspose(4, 3, [3, 1, 2], stride=2, dimension=3),
        ],
        lambda: [
            ME.MinkowskiConvolution(3, 4, 1, bias=True, dimension=3),
            ME.MinkowskiBatchNorm(4, momentum=0.05),
            ME.MinkowskiReLU(True),
        ],
        lambda: [
            ME.MinkowskiChannelwiseConvolution(3, 3, bias=True, dimension=3),
            ME.MinkowskiInstanceNorm(3),
            ME.MinkowskiPReLU(),
            ME.MinkowskiDropout(0.5),
            ME.MinkowskiChannelwiseConvolution(3, [2, 1, 2], stride=2, dimension=3),
            ME.MinkowskiHardswish(),
        ],
    ],
)
def test_layers_of_minkowski_engine_compute_the_same(layers):
    net = nn.Sequential(*layers())
    where = drawn(low=-5, seed=2)
    features = torch.randn(len(where), 3)

    def tensor():
        return ME.SparseTensor(features, torch.from_numpy(where).int())

    expected = prepared(net, tensor())(tensor())
    found = package_result(st.to_module(net), where, features, None)
    raw = found.get_spatial_locations()
    raw[:, :-1] *= expected.tensor_stride[0]
    ours = by_site(np.roll(raw, 1, 1), found.numpy())
    theirs = by_site(expected.C, expected.F.detach())
    np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [2, [2, 2, 1]])
def test_a_unet_of_minkowski_engine_is_saved_in_parts_and_computes_the_same(size, tmp_path):
    first = ME.MinkowskiConvolution(3, 4, 3, dimension=3)
    down = [ME.MinkowskiConvolution(a, b, size, stride=size, bias=True, dimension=3) for a, b in ((4, 6), (6, 8))]
    up = [ME.MinkowskiConvolutionTranspose(a, b, size, stride=size, dimension=3) for a, b in ((8, 5), (11, 4))]
    norms = [ME.MinkowskiBatchNorm(planes) for planes in (6, 5)]
    last = ME.MinkowskiLinear(8, 2)
    net = nn.ModuleList([first, *down, *up, *norms, last])

    def forward(x):
        x0 = first(x)
        x1 = norms[0](down[0](x0))
        return last(ME.cat(x0, up[1](ME.cat(x1, norms[1](up[0](down[1](x1)))))))

    inner = st.Sequential(
        down[0], norms[0], st.ConcatTable(st.Identity(), st.Sequential(down[1], up[0], norms[1])), st.JoinTable(), up[1]
    )
    parts = st.Sequential(first, st.ConcatTable(st.Identity(), inner), st.JoinTable(), last)
    where = drawn(low=-5, seed=6)
    features = torch.randn(len(where), 3)
    x = ME.SparseTensor(features, torch.from_numpy(where).int())
    net.train()
    for _ in range(2):
        forward(ME.SparseTensor(features, torch.from_numpy(where).int()))
    net.eval()
    expected = forward(x)
    module = st.to_module(parts)
    scn.save(scn.Sequential(scn.InputLayer(3, None), module), tmp_path / "unet.safetensors")
    for network in (module, scn.optimize_for_inference(scn.load(tmp_path / "unet.safetensors")[1])):
        found = package_result(network, where, features, None)
        ours = by_site(np.roll(found.get_spatial_locations(), 1, 1), found.numpy())
        theirs = by_site(expected.C, expected.F.detach())
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-4, atol=1e-5)


def test_windows_of_torchsparse_are_those_of_a_field_up_to_the_last_site():
    where = drawn(seed=9)
    features = torch.randn(len(where), 3)
    for size, stride in ((3, 2), (2, 3), ((3, 2, 2), (2, 1, 2))):
        layer = spnn.Conv3d(3, 4, size, stride)
        expected = layer(torchsparse.SparseTensor(features, torch.from_numpy(where).int()))
        field = (where[:, 1:].max(0) + 1).tolist()
        found = package_result(st.to_module(st.Sequential(layer)), where, features, field)
        ours = by_site(np.roll(found.get_spatial_locations(), 1, 1), found.numpy())
        theirs = by_site(expected.coords, expected.feats.detach())
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", [torchsparse, v1], ids=["2.1", "1.4"])
def test_a_unet_of_torchsparse_computes_the_same(form):
    layer = form.nn.Conv3d
    first, down, up, last = layer(3, 4, 3), layer(4, 6, 2, 2), layer(6, 5, 2, 2, transposed=True), layer(9, 2, 1)
    where = drawn(seed=7)
    features = torch.randn(len(where), 3)
    coords = torch.from_numpy(where if form is torchsparse else np.roll(where, -1, 1)).int()
    x0 = first(form.SparseTensor(features, coords))
    expected = last(form.cat([x0, up(down(x0))]))
    parts = st.Sequential(first, st.ConcatTable(st.Identity(), st.Sequential(down, up)), st.JoinTable(), last)
    found = package_result(st.to_module(parts), where, features, None)
    ours = by_site(np.roll(found.get_spatial_locations(), 1, 1), found.numpy())
    theirs = by_site(where, expected.F.detach())
    np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("end", [lambda: [spconv.ToDense()], lambda: [spconv.SparseGlobalMaxPool(), nn.Linear(10, 2)]])
def test_tables_norms_and_pools_of_spconv_compute_the_same(end):
    branches = spconv.ConcatTable().add(spconv.SubMConv3d(4, 4, 3)).add(spconv.Identity())
    others = spconv.ConcatTable().add(spconv.Identity()).add(spconv.SubMConv3d(4, 6, 3))
    net = spconv.SparseSequential(
        branches, spconv.AddTable(), nn.LayerNorm(4), nn.PReLU(4), others, spconv.JoinTable(), nn.Dropout(0.5), *end()
    ).eval()
    where = drawn(seed=8)
    features = torch.randn(len(where), 4)
    x = spconv.SparseConvTensor(features, torch.from_numpy(where).int(), SHAPE, 2)
    net[2].weight.data.uniform_(0.5, 1.5)
    whole = st.Sequential(spconv.SubMConv3d(4, 4, 1), net)
    expected = whole(x)
    found = package_result(st.to_module(whole), where, features, SHAPE)
    np.testing.assert_allclose(found.numpy(), expected.detach(), rtol=1e-4, atol=1e-5)


def test_a_classifier_of_minkowski_engine_computes_the_same():
    net = nn.Sequential(
        ME.MinkowskiConvolution(3, 6, 3, stride=2, dimension=3), ME.MinkowskiBatchNorm(6), ME.MinkowskiReLU(),
        ME.MinkowskiGlobalAvgPooling(),
    )  # fmt: skip
    where = drawn(low=-5, seed=3)
    features = torch.randn(len(where), 3)
    x = ME.SparseTensor(features, torch.from_numpy(where).int())
    expected = prepared(net, x)(x)
    found = package_result(st.to_module(net), where, features, None)
    np.testing.assert_allclose(found.numpy(), expected.F.detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [spnn.Conv3d(3, 4, 3, bias=True), spnn.BatchNorm(4), spnn.ReLU(True)],
        lambda: [spnn.Conv3d(3, 4, 2, stride=2), spnn.LeakyReLU(0.1), spnn.Conv3d(4, 5, (3, 1, 3))],
        lambda: [spnn.Conv3d(3, 4, 1, bias=True), spnn.Conv3d(4, 5, 2), spnn.SiLU()],
        lambda: [spnn.Conv3d(3, 4, 3), spnn.GroupNorm(2, 4), spnn.Conv3d(4, 6, 1), spnn.InstanceNorm(6, affine=True)],
    ],
)
def test_layers_of_torchsparse_compute_the_same(layers):
    net = nn.Sequential(*layers())
    where = drawn(seed=4)
    features = torch.randn(len(where), 3)

    def tensor():
        return torchsparse.SparseTensor(coords=torch.from_numpy(where).int(), feats=features)

    expected = prepared(net, tensor())(tensor())
    found = package_result(st.to_module(net), where, features, None)
    ours = by_site(np.roll(found.get_spatial_locations(), 1, 1), found.numpy())
    where = np.asarray(expected.coords)
    if ours[0].max() * 2 <= where.max() + 1 and len(net) and net[0].stride != (1, 1, 1):
        ours = (ours[0] * [1, *net[0].stride], ours[1])
    theirs = by_site(where, expected.feats.detach())
    np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-4, atol=1e-5)
