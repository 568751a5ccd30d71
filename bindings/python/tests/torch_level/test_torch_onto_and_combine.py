"""scn.torch's convolution onto any sites, normalized convolution and arithmetic, held to package scn and to double."""

import numpy as np
import pytest
import torch

import scn
import scn.torch as st
from scn.torch import functional


def drawn(seed, count, low=-4, high=5):
    random = np.random.default_rng(seed)
    where = np.concatenate([random.integers(low, high, (count, 2)), random.integers(0, 2, (count, 1))], 1)
    return np.unique(where, axis=0)


def tensor_at(where, planes=3, seed=1, dtype=torch.float32):
    torch.manual_seed(seed)
    sites = st.Sites(2, where, batch_size=2)
    return functional.on_sites(torch.randn(len(where), planes, dtype=dtype).requires_grad_(), sites)


def as_numpy(tensor):
    return scn.SparseConvNetTensor(
        functional.sorted_features(tensor).detach().float().numpy(), st.Sites.of(tensor).metadata
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"shape": "cross", "normalized": True},
        {"output_stride": 2},
        {"input_stride": 2, "shape": "corner", "normalized": True},
        {"dilation": [1, 2], "groups": 1},
    ],
)
def test_layers_compute_what_those_of_package_scn_do_and_go_there_and_back(arguments):
    torch.manual_seed(0)
    layer = st.ConvolutionOnto(2, 3, 4, 3, True, **arguments)
    layer.bias.data.normal_()
    x = tensor_at(drawn(0, 25))
    theirs = st.to_module(layer)
    y = layer(x)
    np.testing.assert_allclose(
        functional.sorted_features(y).detach(), theirs(as_numpy(x)).numpy(), rtol=1e-5, atol=1e-5
    )
    again = st.from_module(theirs)
    np.testing.assert_array_equal(again(x).features.detach(), y.features.detach())
    assert repr(again) == repr(layer)


@pytest.mark.parametrize("is_normalized", [False, True])
def test_a_layer_onto_the_sites_of_another_tensor_has_these(is_normalized):
    layer = st.ConvolutionOnto(2, 3, 4, 3, False, normalized=is_normalized)
    x, where = tensor_at(drawn(1, 20)), tensor_at(drawn(2, 12), 2)
    y = layer([x, where])
    np.testing.assert_array_equal(y.get_spatial_locations(), where.get_spatial_locations())
    theirs = st.to_module(layer)([as_numpy(x), as_numpy(where)])
    np.testing.assert_allclose(y.features.detach(), theirs.numpy(), rtol=1e-5, atol=1e-5)
    with pytest.raises(scn.ShapeError, match="^input: is a table of 3"):
        layer([x, where, x])


@pytest.mark.parametrize("kind", ["SubmanifoldConvolution", "Convolution", "PermutohedralSubmanifoldConvolution"])
def test_normalized_layers_are_those_of_package_scn(kind):
    sizes = {"SubmanifoldConvolution": (3,), "Convolution": (3, 2), "PermutohedralSubmanifoldConvolution": ()}[kind]
    options = {"padding": 1} if kind == "Convolution" else {}
    layer = getattr(st, kind)(2, 3, 4, *sizes, True, normalized=True, **options)
    layer.bias.data.normal_()
    x = tensor_at(drawn(3, 25))
    y = layer(x)
    theirs = st.to_module(layer)(as_numpy(x))
    np.testing.assert_allclose(functional.sorted_features(y).detach(), theirs.numpy(), rtol=1e-5, atol=1e-5)
    y.features.square().sum().backward()
    assert layer.weight.grad.abs().sum() > 0


def test_normalized_convolution_has_gradients_by_all_that_it_takes():
    sites = st.Sites(2, drawn(4, 12))
    rulebook = sites.related(sites.taken(drawn(5, 9, low=-5)), st.filter_offsets(2, 3))
    torch.manual_seed(1)
    values = [
        torch.randn(len(sites), 2),
        torch.randn(9, 1, 2, 3),
        torch.randn(3),
        torch.rand(len(sites)) + 0.5,
    ]
    double = [value.double().requires_grad_() for value in values]

    def run(features, weight, bias, site_weights):
        return functional.convolve_normalized(features, rulebook, weight, bias, site_weights)

    assert torch.autograd.gradcheck(run, double)
    assert torch.autograd.gradgradcheck(run, double)
    single = [value.clone().requires_grad_() for value in values]
    expected, found = run(*double), run(*single)
    torch.testing.assert_close(found, expected.float(), rtol=1e-4, atol=1e-5)
    direction = torch.randn(found.shape)
    found.backward(direction)
    expected.backward(direction.double())
    for ours, theirs in zip(single, double):
        torch.testing.assert_close(ours.grad, theirs.grad.float(), rtol=1e-4, atol=1e-5)
    with pytest.raises(scn.ShapeError, match="^site_weights: has shape"):
        run(single[0], single[1], None, single[3][1:])


@pytest.mark.parametrize("operation", ["add", "subtract", "multiply", "divide"])
@pytest.mark.parametrize("sites", ["union", "intersection"])
def test_tensors_on_different_sites_combine_as_in_package_scn(operation, sites):
    a, b = tensor_at(drawn(6, 20)), tensor_at(drawn(7, 25), seed=2)
    y = functional.combine(a, b, operation, sites)
    theirs = scn.functional.combine(as_numpy(a), as_numpy(b), operation, sites)
    np.testing.assert_array_equal(y.get_spatial_locations(), theirs.get_spatial_locations())
    np.testing.assert_allclose(functional.sorted_features(y).detach(), theirs.numpy(), rtol=1e-6)


def test_operators_have_gradients_in_double():
    where = drawn(8, 10), drawn(9, 12)

    def run(first, second):
        a, b = (functional.on_sites(rows, st.Sites(2, sites)) for rows, sites in zip((first, second), where))
        return (((a + b) * (a - b)) * 0.5 - 1).features

    rows = [torch.randn(len(sites), 2, dtype=torch.float64, requires_grad=True) for sites in where]
    assert torch.autograd.gradcheck(run, rows)


def test_numbers_meet_every_value():
    x = tensor_at(drawn(10, 8))
    for y, expected in (
        (2 * x, 2 * x.features),
        (x / 2, x.features / 2),
        (1 - x, 1 - x.features),
        (1 + x, x.features + 1),
    ):
        torch.testing.assert_close(y.features, expected)
    with pytest.raises(TypeError):
        x + torch.ones(3)
    with pytest.raises(TypeError, match="^b: is a"):
        functional.combine(x, x.features)
