"""Convolutions of scn.spconv: results and gradients against dense ones, sites, rows, layouts, arguments."""

import copy
import math

import numpy as np
import pytest
import torch
from test_spconv_oracle import (
    drawn,
    expected_by_loops,
    expected_strided,
    expected_submanifold,
    expected_transposed,
    mask_of,
    sorted_rows,
    taps_of,
)

import scn.spconv.pytorch as spconv
from scn.spconv._cumm.tensorview.gemm import Activation
from scn.spconv.core import ConvAlgo
from scn.spconv.pytorch.conv import SparseConvolution

SHAPES = {1: [23], 2: [9, 8], 3: [6, 7, 5], 4: [4, 3, 4, 5]}


def check(layer, x, expected):
    """Compare a layer's sites, features and gradients with those that a function makes of the same numbers."""
    result = layer(x)
    sites, features, shape = expected(layer, x, layer.weight, layer.bias)
    order = sorted_rows(result.indices)
    expected_order = sorted_rows(sites)
    assert result.indices[order].tolist() == sites[expected_order].tolist()
    assert result.spatial_shape == shape
    torch.testing.assert_close(result.features[order], features[expected_order])
    leaves = [x.features, *layer.parameters()]
    weights = torch.from_numpy(np.random.default_rng(5).standard_normal(tuple(features.shape)))
    found = torch.autograd.grad((result.features[order] * weights).sum(), leaves)
    wanted = torch.autograd.grad((features[expected_order] * weights).sum(), leaves)
    for ours, theirs in zip(found, wanted):
        torch.testing.assert_close(ours, theirs)
    return result


def layer_of(kind, dimension, *arguments, **named):
    return getattr(spconv, f"{kind}{dimension}d")(*arguments, **named).double()


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("size, dilation", [(1, 1), (3, 1), (5, 1), (3, 2)])
def test_submanifold_convolution_sums_neighbors_and_keeps_rows(random, dimension, size, dilation):
    x = drawn(random, SHAPES[dimension], 25, 3)
    layer = layer_of("SubMConv", dimension, 3, 4, size, 1, 7, dilation)  # padding has no effect
    if size == 1:
        layer.weight.data = layer.weight.data.reshape(3, 4).t().reshape(layer.weight.shape).contiguous()
        reference = layer.weight.detach().reshape(3, 4)
        torch.testing.assert_close(layer(x).features, x.features @ reference + layer.bias)
        return
    result = check(layer, x, expected_submanifold)
    assert result.indices is x.indices


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize(
    "size, stride, padding, dilation",
    [(3, 2, 1, 1), (2, 2, 0, 1), (3, 1, 0, 1), (3, 3, 2, 1), (3, 1, 2, 2), (1, 2, 0, 1), (4, 2, 3, 1)],
)
def test_strided_convolution_is_active_where_its_window_meets_a_site(
    random, dimension, size, stride, padding, dilation
):
    x = drawn(random, SHAPES[dimension], 20, 3)
    check(layer_of("SparseConv", dimension, 3, 4, size, stride, padding, dilation), x, expected_strided)


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("size, stride, padding", [(2, 2, 0), (3, 2, 1), (3, 3, 0), (4, 2, 1), (3, 1, 1)])
def test_transposed_convolution_reaches_all_places_of_its_filter(random, dimension, size, stride, padding):
    x = drawn(random, SHAPES[dimension], 12, 3)
    check(layer_of("SparseConvTranspose", dimension, 3, 4, size, stride, padding, bias=False), x, expected_transposed)


@pytest.mark.parametrize("size, stride, padding", [([3, 1, 1], [2, 1, 1], 0), ([1, 3, 2], [1, 2, 2], [0, 1, 0])])
def test_axes_may_have_their_own_sizes(random, size, stride, padding):
    check(layer_of("SparseConv", 3, 3, 4, size, stride, padding), drawn(random, [6, 7, 8], 40, 3), expected_strided)


def test_four_dimensions_are_those_that_loops_compute(random):
    x = drawn(random, SHAPES[4], 30, 2)
    layer = layer_of("SparseConv", 4, 2, 3, [3, 1, 2, 3], [2, 1, 2, 1], [1, 0, 0, 1])
    result = layer(x)
    features = expected_by_loops(x, taps_of(layer, layer.weight), layer.weight, layer.bias, result.indices.tolist())
    torch.testing.assert_close(result.features, features)
    assert result.spatial_shape == [2, 3, 2, 5]
    layer = layer_of("SubMConv", 4, 2, 3, 3, padding=1)
    taps = taps_of(layer, layer.weight)
    expected = expected_by_loops(x, taps, layer.weight, layer.bias, x.indices.tolist())
    torch.testing.assert_close(layer(x).features, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("planes", [3, 20])
def test_float32_and_float64_agree(random, dtype, planes):
    x = drawn(random, [9, 9], 60, planes, dtype=dtype)
    layer = spconv.SubMConv2d(planes, 18, 3).to(dtype)
    features = layer(x).features
    assert features.dtype is dtype
    precise = layer.double()(x.replace_feature(x.features.double())).features
    torch.testing.assert_close(features.double(), precise, atol=1e-5, rtol=1e-5)
    (gradient,) = torch.autograd.grad(features.square().sum(), x.features)
    (expected,) = torch.autograd.grad(precise.square().sum(), x.features)
    torch.testing.assert_close(gradient, expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("kind", ["SubMConv", "SparseConv", "SparseConvTranspose"])
@pytest.mark.parametrize("planes", [2, 16])
def test_first_and_second_derivatives_are_those_of_differences(random, kind, planes):
    x = drawn(random, [5], 4, planes)
    layer = layer_of(kind, 1, planes, 2, 3)

    def apply(features, weight, bias):
        return layer._conv_forward(True, x.replace_feature(features), weight, bias).features

    inputs = (x.features.detach().requires_grad_(), layer.weight, layer.bias)
    # Along one random direction where there are many numbers: whatever is wrong shows there, too.
    assert torch.autograd.gradcheck(apply, inputs, fast_mode=planes > 2)
    assert torch.autograd.gradgradcheck(apply, inputs, fast_mode=True)


def test_weight_is_out_size_in_and_one_element_is_one_tap():
    layer = spconv.SparseConv2d(2, 3, [3, 4], padding=[2, 3], bias=False)
    assert list(layer.weight.shape) == [3, 3, 4, 2]
    with torch.no_grad():
        layer.weight.zero_()[1, 0, 3, 1] = 1
    x = spconv.SparseConvTensor(torch.tensor([[5.0, 7.0]]), torch.tensor([[0, 4, 4]]).int(), [9, 9], 1)
    y = layer(x)
    # Output o reads o - padding + tap, so tap (0, 3) reads the input at 4, 4 from the output at 6, 4.
    row = y.indices.tolist().index([0, 6, 4])
    assert y.features[row].tolist() == [0, 7, 0]
    assert y.features.abs().sum() == 7


@pytest.mark.parametrize("kind", ["SubMConv3d", "SparseConv3d", "SparseConvTranspose3d"])
def test_size_and_stride_1_read_the_weight_as_a_matrix_from_in_to_out(random, kind):
    x = drawn(random, [4, 4, 4], 10, 3)
    layer = getattr(spconv, kind)(3, 5, 1).double()
    y = layer(x)
    torch.testing.assert_close(y.features, x.features @ layer.weight.reshape(3, 5) + layer.bias)
    assert y.indices is x.indices
    strided = spconv.SparseConv3d(3, 5, 1, 2).double()
    origin = torch.tensor([[0, 0, 0, 0]]).int()
    y = strided(spconv.SparseConvTensor(x.features[:1], origin, [4, 4, 4], 1))
    torch.testing.assert_close(y.features, x.features[:1] @ strided.weight.reshape(5, 3).t() + strided.bias)


@pytest.mark.parametrize("kind, size", [("SubMConv2d", 3), ("SparseConv2d", 2), ("SubMConv2d", 1)])
def test_groups_see_their_own_planes(random, kind, size):
    x = drawn(random, [6, 6], 20, 4)
    layer = getattr(spconv, kind)(4, 6, size, groups=2).double()
    assert list(layer.weight.shape) == [6, size, size, 2]
    assert layer.reset_parameters() is None and layer.weight.abs().max() <= 1 / math.sqrt(2 * size * size)
    y = layer(x)
    for group in range(2):
        part = getattr(spconv, kind)(2, 3, size).double()
        weight = layer.weight.data[3 * group : 3 * group + 3]
        if size == 1:  # without groups, it is read the other way around
            weight = weight.reshape(3, 2).t().reshape(weight.shape)
        part.weight.data, part.bias.data = weight, layer.bias.data[3 * group : 3 * group + 3]
        expected = part(x.replace_feature(x.features[:, 2 * group : 2 * group + 2])).features
        torch.testing.assert_close(y.features[:, 3 * group : 3 * group + 3], expected)
    y.features.sum().backward()
    assert layer.weight.grad.shape == layer.weight.shape


def test_inverse_restores_sites_rows_and_shape(random):
    x = drawn(random, [7, 8, 9], 60, 3)
    down = layer_of("SparseConv", 3, 3, 4, 3, 2, 0, indice_key="down")
    up = layer_of("SparseInverseConv", 3, 4, 2, 3, "down")
    y = down(x)
    z = up(y)
    assert z.indices is x.indices and z.spatial_shape == [7, 8, 9]
    # By the definition: each pair of the layer before, read backward.
    row = {tuple(site): number for number, site in enumerate(y.indices.tolist())}
    expected = up.bias.repeat(60, 1)
    for number, (sample, *where) in enumerate(x.indices.tolist()):
        for tap in np.ndindex(3, 3, 3):
            rest = [place - step for place, step in zip(where, tap)]
            source = row.get((sample, *(value // 2 for value in rest))) if all(v % 2 == 0 for v in rest) else None
            if source is not None:
                expected = expected.index_add(
                    0, torch.tensor([number]), (up.weight[(slice(None), *tap)] @ y.features[source])[None]
                )
    torch.testing.assert_close(z.features, expected)
    assert torch.autograd.grad(z.features.sum(), x.features)[0].abs().sum() > 0


def test_sites_that_no_window_covers_get_the_bias_alone():
    sites = torch.tensor([[0, 6], [0, 1], [0, 0]]).int()
    x = spconv.SparseConvTensor(torch.ones(3, 1), sites, [7], 1)
    y = spconv.SparseConv1d(1, 2, 2, 2, indice_key="k")(x)
    assert y.spatial_shape == [3] and y.indices.tolist() == [[0, 0]]
    up = spconv.SparseInverseConv1d(2, 3, 2, indice_key="k")
    assert torch.equal(up(y).features[0], up.bias)


def test_shapes_round_down_without_padding(random):
    x = drawn(random, [7, 8, 9], 100, 2)
    y = spconv.SparseConv3d(2, 2, 2, 2).double()(x)
    assert y.spatial_shape == [3, 4, 4]
    assert (y.indices[:, 1:] < torch.tensor([3, 4, 4])).all()


@pytest.mark.parametrize("kind", ["SubMConv2d", "SparseConv2d", "SparseConvTranspose2d", "SparseMaxPool2d"])
def test_tensors_without_sites_flow_through(kind):
    features = torch.zeros(0, 3, requires_grad=True)
    x = spconv.SparseConvTensor(features, torch.zeros(0, 3).int(), [8, 8], 2)
    layer = getattr(spconv, kind)(2, 2) if "Pool" in kind else getattr(spconv, kind)(3, 3, 3)
    y = layer(x)
    assert y.features.shape == (0, 3) and y.indices.shape == (0, 3) and y.indices.dtype is torch.int32
    y.features.sum().backward()
    assert features.grad.shape == (0, 3)
    assert y.dense().shape == (2, 3, *y.spatial_shape)


def test_samples_without_sites_and_far_coordinates_are_fine(random):
    where = torch.tensor([[2, 10**9, 3], [0, 0, 5], [2, 10**9 + 1, 3]]).int()
    x = spconv.SparseConvTensor(torch.eye(3), where, [2 * 10**9, 8], 4)
    layer = spconv.SubMConv2d(3, 3, 3, bias=False)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[:, 2, 1] = torch.eye(3)  # reads the next place of the first axis
    assert layer(x).features.tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
    y = spconv.SparseConv2d(3, 1, 2, 2)(x)
    assert y.indices.tolist() == [[0, 0, 2], [2, 5 * 10**8, 1]]


@pytest.mark.parametrize("bias", [True, False])
def test_activation_is_applied_in_evaluation_and_refused_in_training(random, bias):
    x = drawn(random, [6, 6], 20, 3)
    for kind, function in (
        (Activation.ReLU, torch.relu),
        (Activation.Sigmoid, torch.sigmoid),
        (Activation.LeakyReLU, lambda v: torch.nn.functional.leaky_relu(v, 0.2)),
    ):
        layer = SparseConvolution(2, 3, 4, 3, subm=True, bias=bias, act_type=kind, act_alpha=0.2).double()
        with pytest.raises(AssertionError, match="act_type"):
            layer(x)
        layer.eval()
        plain = SparseConvolution(2, 3, 4, 3, subm=True, bias=bias).double()
        plain.load_state_dict(layer.state_dict())
        torch.testing.assert_close(layer(x).features, function(plain(x).features))
        other = plain(x)
        torch.testing.assert_close(layer(x, other).features, function(function(other.features) + other.features))


def test_added_features_come_after_the_sums(random):
    x = drawn(random, [6, 6], 20, 3)
    layer = spconv.SubMConv2d(3, 3, 3).double()
    torch.testing.assert_close(layer(x, x).features, layer(x).features + x.features)


def test_arguments_of_gpus_are_taken_without_effect(random):
    x = drawn(random, [6, 6], 20, 3)
    plain = spconv.SparseConv2d(3, 4, 3, 2, 1).double()
    for algo in ConvAlgo:
        layer = spconv.SparseConv2d(
            3, 4, 3, 2, 1, algo=algo, fp32_accum=True, large_kernel_fast_algo=True, name="down"
        ).double()
        layer.load_state_dict(plain.state_dict())
        assert torch.equal(layer(x).features, plain(x).features)
        assert layer.algo is algo and layer.name == "down"
    assert plain.algo is ConvAlgo.Native


def test_voxel_counts_are_recorded_and_missing_ones_loaded_as_zero(random):
    layer = spconv.SparseConv2d(3, 4, 3, 2, 1, record_voxel_count=True).double()
    counts = [len(layer(drawn(random, [8, 8], count, 3)).indices) for count in (10, 40, 5)]
    assert layer.get_max_num_voxels().tolist() == [max(counts)]
    assert "max_num_voxels_during_training" in layer.state_dict()
    layer.load_state_dict(spconv.SparseConv2d(3, 4, 3, 2, 1).state_dict())
    assert layer.get_max_num_voxels().tolist() == [0]
    assert spconv.SubMConv2d(3, 4, 3).get_max_num_voxels() is None


def test_new_weights_are_drawn_as_torch_draws_them():
    torch.manual_seed(3)
    layer = spconv.SubMConv3d(4, 5, 3)
    torch.manual_seed(3)
    bound = 1 / math.sqrt(4 * 27)
    assert torch.equal(layer.weight, torch.empty(5, 3, 3, 3, 4).uniform_(-bound, bound))
    assert torch.equal(layer.bias, torch.empty(5).uniform_(-bound, bound))


def test_bad_calls_say_what_is_wrong(random):
    x = drawn(random, [6, 6], 20, 3)
    with pytest.raises(AssertionError, match="features: have 3 planes, expected 4"):
        spconv.SubMConv2d(4, 4, 3).double()(x)
    with pytest.raises(ValueError, match=r"kernel_size: is \[2, 2\], expected odd"):
        spconv.SubMConv2d(3, 4, 2).double()(x)
    with pytest.raises(AssertionError, match="padding"):
        spconv.SparseConv2d(3, 4, 1, padding=1)
    with pytest.raises(AssertionError, match="expected 2, one for each axis"):
        spconv.SparseConv2d(3, 4, [3])
    with pytest.raises(ValueError, match="stride: is .*, expected at least 1"):
        spconv.SparseConv2d(3, 4, 3, 0)
    with pytest.raises(AssertionError, match="groups"):
        spconv.SparseConv2d(3, 4, 3, groups=2)
    with pytest.raises(AssertionError, match="act_type"):
        SparseConvolution(2, 3, 4, 1, act_type=Activation.ReLU)
    with pytest.raises(RuntimeError, match=r"spatial_shape: is \[6, 6\], of which this layer makes \[0, 4\]"):
        spconv.SparseConv2d(3, 4, [7, 3]).double()(x)
    with pytest.raises(TypeError, match="input: is a torch.Tensor, expected a SparseConvTensor"):
        spconv.SparseConv2d(3, 4, 3)(x.features)


def test_bad_sites_are_named_and_change_nothing(random):
    layer = spconv.SubMConv2d(1, 1, 3)

    def tensor(sites, shape=(4, 4)):
        return spconv.SparseConvTensor(torch.ones(len(sites), 1), torch.tensor(sites).int(), list(shape), 1)

    with pytest.raises(ValueError, match="rows 0 and 2 are the same site"):
        layer(tensor([[0, 1, 1], [0, 2, 2], [0, 1, 1]]))
    for bad in ([0, -1, 0], [0, 4, 0], [-1, 0, 0]):
        with pytest.raises(ValueError):
            layer(tensor([[0, 1, 1], bad]))
    short = tensor([[0, 1, 1], [0, 2, 2]])._derived()
    short._features = torch.ones(3, 1)
    with pytest.raises(ValueError, match=r"features: has shape \[3, 1\], expected \[2, planes\]"):
        layer(short)


def test_a_filter_of_ones_counts_the_sites_under_its_window(random):
    x = drawn(random, [6, 6], 20, 1)
    layer = spconv.SparseConv2d(1, 1, 3, 2, 1, bias=False).double()
    with torch.no_grad():
        layer.weight.fill_(1)
    counts = layer(x.replace_feature(torch.ones(20, 1).double()))
    expected = torch.nn.functional.conv2d(mask_of(x), torch.ones(1, 1, 3, 3).double(), None, 2, 1)
    torch.testing.assert_close(counts.dense(), expected)


@pytest.mark.parametrize("layer", [spconv.SparseConv3d, spconv.SparseMaxPool3d])
def test_an_axis_shorter_than_its_window_keeps_a_place(layer):
    """As in spconv, which rounds toward zero: a U-Net goes down and up again, though the size says that nothing is
    left."""
    where = torch.tensor([[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 3, 2]], dtype=torch.int32)
    rows = torch.tensor([[1.0, 2], [3, 5], [7, 11]])
    x = spconv.SparseConvTensor(rows, where, [1, 4, 4], 1)
    planes = () if layer is spconv.SparseMaxPool3d else (2, 3)
    named = {} if layer is spconv.SparseMaxPool3d else {"bias": False}
    down = layer(*planes, 2, 2, indice_key="down", **named)
    y = down(x)
    assert y.spatial_shape == [0, 2, 2] and y.indices.tolist() == [[0, 0, 0, 0], [0, 0, 1, 1]]
    if layer is spconv.SparseMaxPool3d:
        assert y.features.tolist() == [[3, 5], [7, 11]]
        return
    weight = down.weight[:, 0]
    expected = torch.stack([weight[:, 0, 0] @ rows[0] + weight[:, 1, 1] @ rows[1], weight[:, 1, 0] @ rows[2]])
    assert torch.allclose(y.features, expected)
    again = copy.deepcopy(y.replace_feature(y.features.detach()))
    assert torch.equal(spconv.SubMConv3d(3, 3, 1)(again).indices, y.indices)
    center = spconv.SubMConv3d(3, 3, 3, bias=False)
    assert torch.allclose(center(again).features, center(y).features)
    up = spconv.SparseInverseConv3d(3, 2, 2, indice_key="down", bias=False)
    z = up(y)
    assert z.spatial_shape == [1, 4, 4] and torch.equal(z.indices, where)
    weight = up.weight[:, 0]
    above = [weight[:, 0, 0] @ y.features[0], weight[:, 1, 1] @ y.features[0], weight[:, 1, 0] @ y.features[1]]
    assert torch.allclose(z.features, torch.stack(above))
