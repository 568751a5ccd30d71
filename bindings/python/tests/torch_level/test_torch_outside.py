"""Points outside of the spatial size, and fractional coordinates, as SparseConvNet takes them.

Its arithmetic: input layers and submanifold filters look up coordinates as they are; a window's outputs are cut to
0 ... size - 1, which leaves out inputs beyond the field; a deconvolution gives zeros (and the bias) to inputs that no
window has; coordinates go through `.long()`.
"""

import copy
import pickle

import numpy as np
import pytest
import torch

import scn
import scn.torch

SITES = np.array(
    [[-7, 3, 0], [-1, -1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, 0], [1, 0, 0], [7, 7, 0], [7, 8, 0], [8, 7, 1], [2, 2, 1]]
)
INSIDE = ((SITES[:, :2] >= 0) & (SITES[:, :2] < 8)).all(1)


def entered(sites, features, **options):
    return scn.torch.InputLayer(2, 8, **options)([torch.from_numpy(sites), features])


def both(planes=2):
    """Return sparse tensors of all sites, those outside kept, and of those inside alone, and their features."""
    values = torch.from_numpy(np.random.default_rng(3).standard_normal((len(SITES), planes)).astype(np.float32))
    leaves = [values.clone().requires_grad_(), values[torch.from_numpy(INSIDE)].clone().requires_grad_()]
    return (
        entered(SITES, leaves[0], keep_outside=True),
        entered(SITES[INSIDE], leaves[1]),
        *leaves,
    )


def test_submanifold_filters_read_neighbors_on_either_side_of_the_edge():
    torch.manual_seed(1)
    kept, _, features, _ = both()
    layer = scn.torch.SubmanifoldConvolution(2, 2, 3, 3, True)
    free = scn.torch.InputLayer(2, None)([torch.from_numpy(SITES), features])
    rows = scn.torch.Sequential(layer, scn.torch.OutputLayer(2))
    assert torch.equal(rows(kept), rows(free))
    assert layer(kept).spatial_size.tolist() == [8, 8]
    assert np.array_equal(kept.get_spatial_locations().numpy(), SITES)


@pytest.mark.parametrize(
    "make",
    [
        lambda: scn.torch.Convolution(2, 2, 3, 2, 2, False),
        lambda: scn.torch.Convolution(2, 2, 3, 4, 2, True),
        lambda: scn.torch.MaxPooling(2, 2, 2),
        lambda: scn.torch.AveragePooling(2, 4, 2),
        lambda: scn.torch.SparseToDense(2, 2),
    ],
)
def test_layers_with_strides_leave_them_out(make):
    layer = make()
    kept, alone, features, own = both()
    results = [layer(kept), layer(alone)]
    if not isinstance(results[0], torch.Tensor):
        assert torch.equal(results[0].get_spatial_locations(), results[1].get_spatial_locations())
        assert torch.equal(results[0].spatial_size, results[1].spatial_size)
        results = [result.features for result in results]
    assert torch.equal(*results)
    gradient = torch.randn_like(results[0])
    for result in results:
        result.backward(gradient)
    expected = torch.zeros_like(features)
    expected[torch.from_numpy(INSIDE)] = own.grad
    assert torch.equal(features.grad, expected)


def test_ways_back_bring_them_back_as_zeros():
    kept, alone, _, _ = both()
    down, up = scn.torch.Convolution(2, 2, 3, 2, 2, False), scn.torch.Deconvolution(2, 3, 1, 2, 2, True)
    with torch.no_grad():
        up.bias.fill_(0.5)
    result, expected = (scn.torch.OutputLayer(2)(up(down(x))) for x in (kept, alone))
    assert torch.equal(result[torch.from_numpy(INSIDE)], expected)
    assert (result[torch.from_numpy(~INSIDE)] == 0.5).all()
    pooled = scn.torch.UnPooling(2, 2, 2)(scn.torch.MaxPooling(2, 2, 2)(kept))
    assert not scn.torch.OutputLayer(2)(pooled)[torch.from_numpy(~INSIDE)].any()


def test_a_u_net_trains_with_them_and_passes_through_files(tmp_path):
    layer = scn.torch.InputLayer(2, 8, keep_outside=True, truncate=True)
    net = scn.torch.Sequential(
        layer,
        scn.torch.SubmanifoldConvolution(2, 2, 4, 3, False),
        scn.torch.FullyConvolutionalNet(2, 1, [4, 4], False, [2, 2]),
        scn.torch.OutputLayer(2),
    )
    features = torch.randn(len(SITES), 2)
    where = torch.from_numpy(SITES).float()
    result = net([where, features])
    assert result.shape == (len(SITES), 8)
    result.sum().backward()
    for copied in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(copied([where, features]), result)
    module = scn.torch.to_module(net)
    assert module[0].keep_outside is True
    assert np.allclose(module([SITES, features.numpy()]).numpy(), result.detach().numpy(), atol=1e-5)


def test_sparse_tensors_with_them_are_pickled():
    kept, _, _, _ = both()
    copied = pickle.loads(pickle.dumps(kept))
    assert torch.equal(copied.get_spatial_locations(), kept.get_spatial_locations())
    assert copied.spatial_size.tolist() == [8, 8]
    assert len(scn.torch.MaxPooling(2, 2, 2)(copied).features) == len(scn.torch.MaxPooling(2, 2, 2)(kept).features)


def test_the_numpy_level_keeps_them_too():
    layer = scn.InputLayer(2, 8, keep_outside=True)
    assert "keep_outside=True" in repr(layer)
    x = layer([SITES, np.ones((len(SITES), 1), np.float32)])
    assert x.spatial_size.tolist() == [8, 8] and len(x.get_spatial_locations()) == len(SITES)
    assert len(scn.MaxPooling(2, 2, 2)(x).features) == 3
    sites = scn.Sites.of(x)
    assert not sites.is_unbounded and sites.lower.tolist() == [0, 0]
    other = scn.Sites(2, [[0, 0]], 8)
    assert len(other.union(sites)) == 9 + 1


def test_without_keep_outside_they_are_errors():
    with pytest.raises(scn.CoordinateError, match="row 0 has -7"):
        entered(SITES, torch.ones(len(SITES), 1))
    with pytest.raises(scn.InvalidArgumentError, match="keep_outside: is 2"):
        scn.torch.InputLayer(2, 8, keep_outside=2)


@pytest.mark.parametrize("kind", [torch.float16, torch.float32, torch.float64])
def test_fractions_are_truncated_toward_zero_where_told(kind):
    where = torch.tensor([[-0.6, 0.9, 0.0], [3.0, 2.5, 1.0], [3.99, 2.0, 1.9]], dtype=kind)
    features = torch.eye(3)
    x = scn.torch.InputLayer(2, 8, truncate=True)([where, features])
    assert x.get_spatial_locations().tolist() == [[0, 0, 0], [3, 2, 1]]
    y = scn.torch.InputLayer(2, 8)([where.long(), features])
    assert torch.equal(x.get_spatial_locations(), y.get_spatial_locations()) and torch.equal(x.features, y.features)
    with pytest.raises(scn.CoordinateError, match="coords"):
        scn.torch.InputLayer(2, 8)([where, features])
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(scn.CoordinateError, match="coords"):
            scn.torch.InputLayer(2, 8, truncate=True)([torch.full((1, 2), wrong, dtype=kind), features[:1]])
    assert "truncate=True" in repr(scn.torch.InputLayer(2, 8, truncate=True))
