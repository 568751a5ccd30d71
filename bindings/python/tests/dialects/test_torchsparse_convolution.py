"""Convolutions in the language of torchsparse 2.1, against dense convolutions of torch."""

import copy
import math

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from scn.errors import StateError
from scn.torchsparse import SparseTensor, cat
from scn.torchsparse import nn as spnn
from scn.torchsparse.nn import functional as F
from scn.torchsparse.tensor import set_allow_negative_coordinates


def triple(value):
    return (value,) * 3 if isinstance(value, int) else value


def some_sites(count, span, batch=2, low=0, seed=0):
    """Different sites [n, 4], batch, x, y, z, in no order."""
    generator = torch.Generator().manual_seed(seed)
    where = torch.randint(0, span, (count, 3), generator=generator) + torch.tensor(low)
    sites = torch.cat([torch.randint(0, batch, (count, 1), generator=generator), where], 1)
    sites = torch.unique(sites, dim=0).int()
    return sites[torch.randperm(len(sites), generator=generator)]


def some_features(sites, planes, seed=1):
    return torch.randn(len(sites), planes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dense_kernel(kernel, size):
    """A kernel [volume, in, out] as torch's conv3d wants it."""
    if kernel.ndim == 2:
        kernel = kernel[None]
    if math.prod(size) % 2:
        return kernel.view(*size[::-1], *kernel.shape[1:]).permute(4, 3, 2, 1, 0)
    return kernel.view(*size, *kernel.shape[1:]).permute(4, 3, 0, 1, 2)


def dense_result(sites, features, kernel, size, stride, dilation, first, outputs):
    """What a dense convolution gives at outputs [n, 4], where tap 0 reads output * stride + first."""
    size, stride, dilation, first = map(triple, (size, stride, dilation, first))
    if not len(outputs) or not len(sites):
        return features.new_zeros(len(outputs), kernel.shape[-1])
    low = outputs[:, 1:].min(0)[0].long()
    high = outputs[:, 1:].max(0)[0].long()
    begin = low * torch.tensor(stride) + torch.tensor(first)
    extent = (high - low) * torch.tensor(stride) + (torch.tensor(size) - 1) * torch.tensor(dilation) + 1
    samples = int(max(sites[:, 0].max(), outputs[:, 0].max())) + 1
    dense = features.new_zeros(samples, *extent.tolist(), features.shape[1])
    where = sites[:, 1:].long() - begin
    inside = ((where >= 0) & (where < extent)).all(1)
    index = (sites[inside, 0].long(), *where[inside].T)
    dense = dense.index_put(index, features[inside]).permute(0, 4, 1, 2, 3)
    result = torch.nn.functional.conv3d(dense, dense_kernel(kernel, size), stride=stride, dilation=dilation)
    at = outputs[:, 1:].long() - low
    return result.permute(0, 2, 3, 4, 1)[(outputs[:, 0].long(), *at.T)]


def covered(sites, size, stride, padding, dilation, upper, lower=(0, 0, 0)):
    """The sites o with o * stride - padding + t * dilation = a site for some tap t, lower <= o < upper."""
    found = set()
    axes = [range(k) for k in size]
    for sample, *where in sites.tolist():
        for tap in ((a, b, c) for a in axes[0] for b in axes[1] for c in axes[2]):
            place = [w + p - t * d for w, p, t, d in zip(where, padding, tap, dilation)]
            if all(w % s == 0 for w, s in zip(place, stride)):
                output = [w // s for w, s in zip(place, stride)]
                if all(low <= o < up for o, low, up in zip(output, lower, upper)):
                    found.add((sample, *output))
    return torch.tensor(sorted(found), dtype=torch.int32).reshape(-1, 4)


def agree(layer, tensor, outputs, first):
    """Compare a layer's sites, results and gradients with those of a dense convolution in float64."""
    layer = layer.double()
    features = tensor.feats.detach().requires_grad_()
    y = layer(SparseTensor(features, tensor.coords, tensor.stride, tensor.spatial_range))
    assert sorted(y.coords.tolist()) == sorted(outputs.tolist())
    same = features.detach().clone().requires_grad_()
    kernel = layer.kernel.detach().clone().requires_grad_()
    expected = dense_result(
        tensor.coords, same, kernel, layer.kernel_size, layer.stride, layer.dilation, first, y.coords
    )
    if layer.bias is not None:
        expected = expected + layer.bias.detach()
    assert torch.allclose(y.feats, expected, atol=1e-9)
    weights = torch.randn(expected.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    (y.feats * weights).sum().backward()
    (expected * weights).sum().backward()
    assert torch.allclose(features.grad, same.grad, atol=1e-9)
    assert torch.allclose(layer.kernel.grad, kernel.grad, atol=1e-9)
    if layer.bias is not None:
        assert torch.allclose(layer.bias.grad, weights.sum(0), atol=1e-9)
    return y


@pytest.mark.parametrize("low", [0, -6], ids=["positive", "negative"])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("size", [3, 5, 2, 4, (3, 1, 3), (1, 2, 3), (1, 1, 1)], ids=str)
def test_stride_1_keeps_the_sites_and_centers_odd_volumes(size, dilation, low):
    sites = some_sites(70, 6, low=low)
    layer = spnn.Conv3d(3, 4, size, dilation=dilation, bias=True)
    is_odd = math.prod(triple(size)) % 2
    first = tuple(-(k - 1) // 2 * dilation if is_odd else 0 for k in triple(size))
    y = agree(layer, SparseTensor(some_features(sites, 3), sites), sites, first)
    assert y.coords is sites
    assert y.stride == (1, 1, 1)


@pytest.mark.parametrize("low", [0, -7], ids=["positive", "negative"])
@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 3), ((2, 1, 2), (2, 1, 2)), ((3, 1, 3), (3, 1, 3)), (4, 4)])
def test_sites_are_rounded_down_where_size_and_stride_agree(size, stride, low):
    sites = some_sites(60, 8, low=low)
    strides = torch.tensor(triple(stride))
    outputs = sites.clone()
    outputs[:, 1:] = torch.div(sites[:, 1:], strides, rounding_mode="floor")
    first = tuple(-((k - 1) // 2) if math.prod(triple(size)) % 2 else 0 for k in triple(size))
    y = agree(
        spnn.Conv3d(2, 3, size, stride=stride),
        SparseTensor(some_features(sites, 2), sites),
        outputs.unique(dim=0),
        first,
    )
    assert y.stride == triple(stride)


@pytest.mark.parametrize("has_range", [True, False])
@pytest.mark.parametrize(
    ("size", "stride", "padding", "dilation"),
    [
        (3, 2, 1, 1),
        (3, 2, 0, 1),
        (3, 2, 1, 2),
        (2, 2, 1, 1),
        (5, 3, 2, 1),
        (3, 4, 1, 1),
        (1, 2, 0, 1),
        ((3, 1, 1), (2, 1, 1), 0, 1),
        ((3, 3, 3), (2, 1, 2), (0, 1, 1), 1),
        ((3, 3, 1), (3, 1, 1), 0, 1),
        ((5, 2, 2), (1, 2, 2), 0, 1),
        ((2, 2, 3), (2, 2, 1), 0, 1),
        (4, 3, (1, 0, 2), 1),
    ],
    ids=str,
)
def test_other_strides_lead_to_the_windows_that_see_a_site(size, stride, padding, dilation, has_range):
    sites = some_sites(40, 9, seed=3)
    layer = spnn.Conv3d(2, 3, size, stride, padding, dilation)
    field = (2, 9, 10, 12) if has_range else (2, *(sites[:, 1:].max(0)[0] + 1).tolist())
    ends = zip(field[1:], layer.padding, triple(size), triple(stride))
    upper = [(n + 2 * p - dilation * (k - 1) - 1) // s + 1 for n, p, k, s in ends]
    outputs = covered(sites, triple(size), triple(stride), layer.padding, triple(dilation), upper)
    tensor = SparseTensor(some_features(sites, 2), sites, spatial_range=field if has_range else None)
    y = agree(layer, tensor, outputs, tuple(-p for p in layer.padding))
    assert y.spatial_range == ((2, *upper) if has_range else None)


def test_padding_of_odd_axes_with_stride_1_is_what_centers_them():
    assert spnn.Conv3d(2, 2, (3, 5, 3), (1, 1, 2), (7, 7, 0)).padding == (1, 2, 0)


def test_sites_below_zero_have_windows_there():
    sites = some_sites(30, 9, low=-5)
    first = sites[:, 1:].min(0)[0] - 4
    upper = [(int(n) + 2 - 2) // 2 + 1 for n in sites[:, 1:].max(0)[0]]
    outputs = covered(sites, (3,) * 3, (2,) * 3, (1,) * 3, (1,) * 3, upper, first.tolist())
    agree(spnn.Conv3d(2, 2, 3, 2, 1), SparseTensor(some_features(sites, 2), sites), outputs, -1)


def test_windows_below_zero_count_if_they_may():
    sites = torch.tensor([[0, 0, 0, 0], [0, 4, 4, 4]], dtype=torch.int32)
    layer = spnn.Conv3d(1, 1, 5, 2, 2)
    fewer = layer(SparseTensor(torch.ones(2, 1), sites)).coords
    set_allow_negative_coordinates(True)
    try:
        more = layer(SparseTensor(torch.ones(2, 1), sites)).coords
    finally:
        set_allow_negative_coordinates(False)
    assert fewer.min() == 0
    assert more.min() == -1


def test_minkowski_mode_rounds_all_sites_down():
    sites = some_sites(40, 9, low=-4)
    outputs = sites.clone()
    outputs[:, 1:] = torch.div(sites[:, 1:], 2, rounding_mode="floor")
    tensor = SparseTensor(some_features(sites, 2), sites)
    F.set_downsample_mode("minkowski")
    try:
        agree(spnn.Conv3d(2, 2, 3, 2), tensor, outputs.unique(dim=0), -1)
    finally:
        F.set_downsample_mode("spconv")
    config = F.get_default_conv_config().copy()
    config.downsample_mode = "minkowski"
    agree(spnn.Conv3d(2, 2, 3, 2, config=config), tensor, outputs.unique(dim=0), -1)


@pytest.mark.parametrize(("size", "stride", "padding"), [(2, 2, 0), (3, 2, 1), (3, 3, 0), ((3, 1, 3), (2, 1, 2), 0)])
def test_a_transposed_layer_is_the_transpose_on_the_sites_of_before(size, stride, padding):
    sites = some_sites(80, 7)
    down = spnn.Conv3d(3, 4, size, stride, padding).double()
    up = spnn.Conv3d(4, 3, size, stride, padding, transposed=True).double()
    with torch.no_grad():
        up.kernel.copy_(down.kernel.transpose(1, 2))
    x = some_features(sites, 3).requires_grad_()
    y = down(SparseTensor(x, sites, spatial_range=(2, 7, 7, 7)))
    z = up(y)
    assert z.coords is sites
    assert z.stride == (1, 1, 1)
    assert z.spatial_range == (2, 7, 7, 7)
    (adjoint,) = torch.autograd.grad(y.feats, x, y.feats.detach())
    assert torch.allclose(z.feats, adjoint, atol=1e-10)


def test_a_transposed_layer_of_another_size_returns_to_the_sites_that_are_known():
    sites = some_sites(80, 7)
    stem = spnn.Conv3d(2, 2, 3).double()
    y = spnn.Conv3d(2, 3, 2, 2).double()(stem(SparseTensor(some_features(sites, 2), sites)))
    up = spnn.Conv3d(3, 2, 3, 2, 1, transposed=True).double()
    z = up(y)
    assert z.coords is sites
    # Transposed, a dense convolution of size 3 with stride 2 and padding 1 reads the same.
    dense = torch.zeros(2, 4, 4, 4, 3, dtype=torch.float64)
    dense[tuple(y.coords.long().T)] = y.feats.detach()
    weight = dense_kernel(up.kernel.transpose(1, 2), (3, 3, 3))
    full = torch.nn.functional.conv_transpose3d(dense.permute(0, 4, 1, 2, 3), weight, stride=2, padding=1)
    assert torch.allclose(z.feats, full.permute(0, 2, 3, 4, 1)[tuple(sites.long().T)], atol=1e-10)


def test_a_transposed_layer_without_sites_to_return_to_is_an_error():
    sites = some_sites(20, 6)
    layer = spnn.Conv3d(2, 2, 2, 2, transposed=True)
    with pytest.raises(StateError, match="no layer led from stride"):
        layer(SparseTensor(torch.ones(len(sites), 2), sites, 2))
    with pytest.raises(ValueError, match="a multiple of the transposed layer's stride"):
        layer(SparseTensor(torch.ones(len(sites), 2), sites, 3))


@pytest.mark.parametrize("field", [None, (2, 4, 5, 6)])
@pytest.mark.parametrize(("size", "stride"), [(3, 1), (3, 2), (5, 2), (2, 2)])
def test_a_generative_layer_makes_all_sites_that_it_reaches(size, stride, field):
    sites = some_sites(12, 4)
    layer = spnn.Conv3d(3, 2, size, stride, transposed=True, generative=True, bias=True).double()
    x = some_features(sites, 3).requires_grad_()
    y = layer(SparseTensor(x, sites, stride, field))
    is_odd = size % 2 == 1
    expected = {}
    for row, (sample, *where) in enumerate(sites.tolist()):
        for tap, offset in enumerate(spnn.utils.get_kernel_offsets(size).tolist()):
            moved = [w * stride + (-o if is_odd else o) for w, o in zip(where, offset)]
            if field is None or all(0 <= m < n * stride for m, n in zip(moved, field[1:])):
                expected.setdefault((sample, *moved), []).append((row, tap))
    assert sorted(map(tuple, y.coords.tolist())) == sorted(expected)
    for row, site in enumerate(y.coords.tolist()):
        value = layer.bias + sum(x[i] @ layer.kernel[k] for i, k in expected[tuple(site)])
        assert torch.allclose(y.feats[row], value, atol=1e-10)
    assert y.spatial_range == (None if field is None else (2, *(n * stride for n in field[1:])))
    assert y.stride == (1, 1, 1)
    assert not y._caches.kmaps
    assert spnn.Conv3d(2, 2, 3).double()(y).coords is y.coords


def test_gradients_are_those_of_finite_differences():
    sites = some_sites(6, 3, batch=1)
    down = spnn.Conv3d(2, 1, (3, 1, 3), (2, 1, 2), (1, 0, 1)).double()
    up = spnn.Conv3d(1, 2, (3, 1, 3), (2, 1, 2), transposed=True, bias=True).double()
    filter = {"kernel_size": (3, 1, 3), "stride": (2, 1, 2), "padding": (1, 0, 1)}

    def function(x, kernel, back, bias):
        y = F.conv3d(SparseTensor(x, sites), kernel, **filter)
        return F.conv3d(y, back, bias=bias, transposed=True, **filter).feats

    inputs = (some_features(sites, 2).requires_grad_(), down.kernel, up.kernel, up.bias)
    assert torch.autograd.gradcheck(function, inputs)
    assert torch.autograd.gradgradcheck(function, inputs, fast_mode=True)


def test_layers_of_one_size_share_their_map_and_padding_tells_them_apart():
    sites = some_sites(50, 8)
    x = SparseTensor(some_features(sites, 2), sites)
    a, b = (spnn.Conv3d(2, 2, 3, 2, padding).double() for padding in (0, 1))
    first, other, again = a(x), b(x), a(x)
    assert len(first.coords) != len(other.coords)
    assert torch.equal(first.coords, again.coords)
    c = spnn.Conv3d(2, 2, 3).double()
    y = c(x)
    known = y._caches.kmaps[(1, 1, 1), (3, 3, 3), (1, 1, 1), (1, 1, 1)]
    c(y)
    assert y._caches.kmaps[(1, 1, 1), (3, 3, 3), (1, 1, 1), (1, 1, 1)] is known


def test_the_field_is_that_of_the_map_where_a_join_forgot_it():
    sites = some_sites(50, 8)
    x = SparseTensor(some_features(sites, 2), sites, spatial_range=(3, 9, 9, 9))
    y, down = spnn.Conv3d(2, 2, 3).double()(x), spnn.Conv3d(2, 2, 3, 2, 1).double()(x)
    joined = cat([y, y])
    assert joined.spatial_range is None
    z = spnn.Conv3d(4, 2, 3).double()(joined)
    assert z.spatial_range == (3, 9, 9, 9)
    assert z.dense().shape == (3, 9, 9, 9, 2)
    again = spnn.Conv3d(4, 2, 3, 2, 1).double()(joined)
    assert again.spatial_range == down.spatial_range
    assert torch.equal(again.coords, down.coords)


def test_coordinates_that_a_program_changes_are_read_again():
    sites = some_sites(40, 6)
    layer = spnn.Conv3d(2, 2, 3).double()
    x = SparseTensor(some_features(sites, 2), sites)
    layer(x)
    sites[:, 1] *= 2
    y = layer(x)
    first = dense_result(sites, x.feats, layer.kernel, (3, 3, 3), 1, 1, -1, sites)
    assert torch.allclose(y.feats, first, atol=1e-10)
    x.coords = sites[torch.randperm(len(sites))]
    assert torch.allclose(
        layer(x).feats, dense_result(x.coords, x.feats, layer.kernel, (3, 3, 3), 1, 1, -1, x.coords), atol=1e-10
    )


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16])
def test_types_other_than_float64_agree_with_it(kind):
    sites = some_sites(60, 6)
    net = torch.nn.Sequential(spnn.Conv3d(4, 4, 3), spnn.Conv3d(4, 4, 1, bias=True), spnn.Conv3d(4, 4, 2, 2))
    x = some_features(sites, 4)
    exact = copy.deepcopy(net).double()(SparseTensor(x, sites))
    found = net.to(kind)(SparseTensor(x.to(kind), sites))
    assert found.feats.dtype is kind
    assert torch.allclose(found.feats.double(), exact.feats, atol=1e-5 if kind is torch.float32 else 0.1)
    mixed = net.float()(SparseTensor(x.to(kind), sites))
    assert mixed.feats.dtype is kind
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.allclose(net(SparseTensor(x.float(), sites)).feats.double(), exact.feats, atol=0.1)


def test_no_sites_one_site_and_far_sites():
    net = torch.nn.Sequential(
        spnn.Conv3d(2, 3, 3),
        spnn.Conv3d(3, 3, 2, 2),
        spnn.Conv3d(3, 3, 3, 2, 1),
        spnn.Conv3d(3, 2, 2, 2, transposed=True),
    )
    x = torch.zeros(0, 2, requires_grad=True)
    y = net[:3](SparseTensor(x, torch.zeros(0, 4, dtype=torch.int32)))
    assert y.feats.shape == (0, 3)
    y.feats.sum().backward()
    assert x.grad.shape == (0, 2)
    one = net[:2](SparseTensor(torch.ones(1, 2), torch.tensor([[3, 5, 6, 7]], dtype=torch.int32)))
    assert one.coords.tolist() == [[3, 2, 3, 3]]
    far = torch.tensor([[0, 10**9, -(10**9), 5], [0, 10**9 + 1, -(10**9), 5]], dtype=torch.int32)
    y = net[1](net[0](SparseTensor(torch.ones(2, 2), far)))
    assert y.coords.tolist() == [[0, 5 * 10**8, -5 * 10**8, 2]]


def test_bad_calls_say_what_was_expected():
    sites = some_sites(20, 5)
    good = torch.ones(len(sites), 2)
    layer = spnn.Conv3d(2, 2, 3)
    twice = torch.cat([sites, sites[:1]])
    with pytest.raises(ValueError, match="coords: rows 0 and .* are the same site"):
        layer(SparseTensor(torch.ones(len(twice), 2), twice))
    with pytest.raises(ValueError, match="feats: has shape"):
        layer(SparseTensor(torch.ones(len(sites), 3), sites))
    with pytest.raises(ValueError, match="feats: has shape"):
        layer(SparseTensor(torch.ones(len(sites) + 1, 2), sites))
    with pytest.raises(ValueError, match="coords: has shape"):
        layer(SparseTensor(good, sites[:, 1:]))
    with pytest.raises(TypeError, match="coords"):
        layer(SparseTensor(good, sites.numpy()))
    with pytest.raises(TypeError, match="input"):
        layer(good)
    with pytest.raises(ValueError, match="weight: has shape"):
        F.conv3d(SparseTensor(good, sites), torch.ones(9, 2, 2), 3)
    with pytest.raises(ValueError, match="kernel_size"):
        spnn.Conv3d(2, 2, 0)
    with pytest.raises(ValueError, match="x: has shape"):
        spnn.Conv3d(2, 2, (3, 3))
    with pytest.raises(ValueError, match="in_channels"):
        spnn.Conv3d(0, 2)
    with pytest.raises(ValueError, match="transposed"):
        spnn.Conv3d(2, 2, generative=True)
    with pytest.raises(ValueError, match="dilation: is False.*torchsparse==1.4"):
        spnn.Conv3d(2, 2, 3, 1, 1, False)
