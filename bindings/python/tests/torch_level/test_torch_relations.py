"""What flows along rulebooks between any two sets of sites, with torch's gradients; fields in any place."""

import copy
import pickle

import numpy as np
import pytest
import torch

import scn.torch
from scn.torch import functional


def drawn(random, count, dimension=2, low=-4, high=5):
    where = np.concatenate([random.integers(low, high, (count, dimension)), random.integers(0, 2, (count, 1))], 1)
    return np.unique(where, axis=0)


def related_pair(seed=0):
    random = np.random.default_rng(seed)
    inputs = scn.torch.Sites(2, drawn(random, 14))
    return random, inputs.related(inputs.taken(drawn(random, 9)), random.integers(-2, 3, (5, 2)))


def gathered(features, rulebook, k):
    """Return the input rows of offset k, and the output rows that they meet."""
    part = slice(*rulebook.offsets[k : k + 2].tolist())
    return features[torch.from_numpy(rulebook.inputs[part].astype(np.int64))], torch.from_numpy(
        rulebook.outputs[part].astype(np.int64)
    )


def reference_convolution(features, rulebook, weight, bias):
    result = bias.repeat(rulebook.output_count, 1)
    for k in range(rulebook.volume):
        rows, outputs = gathered(features, rulebook, k)
        product = torch.cat([part @ weight[k, g] for g, part in enumerate(rows.chunk(weight.shape[1], 1))], 1)
        result = result.index_add(0, outputs, product)
    return result


def check(function, reference, *tensors):
    """Hold a function and its gradients to a reference that torch differentiates in double precision."""
    ours = [tensor.clone().float().requires_grad_() for tensor in tensors]
    theirs = [tensor.clone().double().requires_grad_() for tensor in tensors]
    found, expected = function(*ours), reference(*theirs)
    torch.testing.assert_close(found, expected.float(), rtol=1e-4, atol=1e-5)
    direction = torch.randn(found.shape, generator=torch.Generator().manual_seed(1))
    (found * direction).sum().backward()
    (expected * direction.double()).sum().backward()
    for our, their in zip(ours, theirs):
        torch.testing.assert_close(our.grad, their.grad.float(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("groups", [1, 2])
def test_convolution(groups):
    _, rulebook = related_pair()
    features, weight, bias = (
        torch.randn(rulebook.input_count, 4),
        torch.randn(5, groups, 4 // groups, 6 // groups),
        (torch.randn(6)),
    )
    check(
        lambda x, w, b: functional.convolve(x, rulebook, w, b),
        lambda x, w, b: reference_convolution(x, rulebook, w, b),
        features,
        weight,
        bias,
    )


@pytest.mark.parametrize("pooling", ["sum", "mean", "volume_mean", "max", "max_with_zero"])
def test_pooling(pooling):
    _, rulebook = related_pair(1)

    def reference(features):
        rows = []
        for row in range(rulebook.output_count):
            met = [f[o == row] for f, o in (gathered(features, rulebook, k) for k in range(rulebook.volume))]
            all_met = torch.cat(met)
            if pooling == "max_with_zero":
                all_met = torch.cat([all_met, all_met.new_zeros(1, features.shape[1])])
            if not len(all_met):
                rows.append(features.new_zeros(features.shape[1]))
            elif pooling in ("max", "max_with_zero"):
                rows.append(all_met.max(0).values)
            else:
                counts = {"sum": 1, "mean": len(all_met), "volume_mean": rulebook.volume}
                rows.append(all_met.sum(0) / counts[pooling])
        return torch.stack(rows)

    check(lambda x: functional.pool(x, rulebook, pooling), reference, torch.randn(rulebook.input_count, 3) - 0.5)


@pytest.mark.parametrize("rescaled", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_interpolation(rescaled, dtype):
    random = np.random.default_rng(4)
    sites = scn.torch.Sites(2, drawn(random, 30))
    points = torch.from_numpy(random.uniform(-5, 5, (60, 2))).to(dtype)
    batch = torch.from_numpy(random.integers(0, 2, 60))
    row_of = {tuple(site): row for row, site in enumerate(sites.coordinates.tolist())}

    def reference(features, where):
        rows = []
        for point, sample in zip(where, batch.tolist()):
            low, total = point.detach().floor(), 0
            value = features.new_zeros(features.shape[1])
            for corner in ((0, 0), (0, 1), (1, 0), (1, 1)):
                place = low + torch.tensor(corner)
                row = row_of.get((*map(int, place.tolist()), sample))
                if row is not None:
                    share = (1 - (point - place).abs()).prod()
                    value, total = value + share * features[row], total + share
            rows.append(value / total if rescaled and float(total) > 0 else value)
        return torch.stack(rows)

    def ours(features, where):
        return functional.interpolate(features, sites, where.to(dtype), batch, rescaled=rescaled)

    check(ours, reference, torch.randn(len(sites), 3), points)


def test_sparse_tensors_lead_to_sites_and_back():
    layer = scn.torch.InputLayer(2, None, 3)
    where = torch.tensor([[5, -2, 0], [-1, 7, 0], [5, -2, 1]])
    x = layer([where, torch.arange(3.0)[:, None]])
    sites = scn.torch.Sites.of(x)
    assert sites.coordinates.tolist() == [[-1, 7, 0], [5, -2, 0], [5, -2, 1]]
    assert functional.sorted_features(x).tolist() == [[1], [0], [2]]
    assert x.features.tolist() == [[0], [1], [2]]
    back = functional.on_sites(functional.sorted_features(x), sites)
    assert functional.sorted_features(back).tolist() == [[1], [0], [2]]
    doubled = scn.torch.add_feature_planes([x, x])
    assert doubled.features.tolist() == [[0], [2], [4]]


def test_fields_without_bounds_pass_through_networks():
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    where = drawn(random, 200, 3, 0, 12)
    features = torch.randn(len(where), 2)
    body = scn.torch.Sequential(
        scn.torch.SubmanifoldConvolution(3, 2, 4, 3, False),
        scn.torch.Convolution(3, 4, 4, 2, 2, False),
        scn.torch.Deconvolution(3, 4, 4, 2, 2, False),
    )
    at_zero = scn.torch.OutputLayer(3)(body(scn.torch.InputLayer(3, 12)([where, features])))
    # Moved by a multiple of the stride, nothing changes.
    moved = where + np.array([-(10**9), 2_000_000, -8, 0])
    free = scn.torch.OutputLayer(3)(body(scn.torch.InputLayer(3, None)([moved, features])))
    torch.testing.assert_close(free, at_zero)
    bounded = scn.torch.InputLayer(3, 12, lower=[-(10**9), 2_000_000, -8])
    torch.testing.assert_close(scn.torch.OutputLayer(3)(body(bounded([moved, features]))), at_zero)
    assert "lower" in repr(bounded)


def test_metadata_keeps_its_field_in_copies_and_pickles():
    x = scn.torch.InputLayer(2, None)([torch.tensor([[-3, 4], [7, -9]]), torch.ones(2, 1)])
    for again in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        sites = scn.torch.Sites.of(again)
        assert sites.is_unbounded
        assert sites.coordinates.tolist() == [[-3, 4, 0], [7, -9, 0]]


def test_rounding_down():
    x = scn.torch.InputLayer(1, 5)([torch.tensor([[0], [4]]), torch.ones(2, 1)])
    with pytest.raises(scn.torch.ShapeError, match="no multiple of 2"):
        scn.torch.Convolution(1, 1, 1, 2, 2, True)(x)
    down = scn.torch.Convolution(1, 1, 1, 2, 2, True, round_down=True)
    assert down.round_down
    coarse = down(x)
    assert coarse.spatial_size.tolist() == [2]
    up = scn.torch.Deconvolution(1, 1, 1, 2, 2, True)
    with torch.no_grad():
        up.bias.fill_(3)
    # The last place lay under no window: it has the bias alone.
    assert up(coarse).features[1].tolist() == [3]
    for pooling in (scn.torch.MaxPooling, scn.torch.AveragePooling):
        assert pooling(1, 2, 2, round_down=True)(x).spatial_size.tolist() == [2]


def test_refusals():
    _, rulebook = related_pair()
    with pytest.raises(scn.torch.ShapeError, match="features"):
        functional.pool(torch.ones(3, 1), rulebook, "sum")
    with pytest.raises(scn.torch.ShapeError, match="weight"):
        functional.convolve(torch.ones(rulebook.input_count, 1), rulebook, torch.ones(4, 1, 1, 1))
    with pytest.raises(scn.torch.ShapeError, match="bias"):
        functional.convolve(torch.ones(rulebook.input_count, 1), rulebook, torch.ones(5, 1, 1, 1), torch.ones(2))
    with pytest.raises(TypeError, match="points"):
        functional.interpolate(torch.ones(1, 1), scn.torch.Sites(1, [[0]]), torch.tensor([[1]]))
    with pytest.raises(scn.torch.ShapeError, match=r"features: has shape \[2, 1\], expected \[1, planes\]"):
        functional.on_sites(torch.ones(2, 1), scn.torch.Sites(1, [[0]]))
    with pytest.raises(TypeError, match="rulebook"):
        functional.pool(torch.ones(1, 1), None, "sum")
