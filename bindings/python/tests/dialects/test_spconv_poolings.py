"""Poolings of scn.spconv, tables, sums of tensors on other sites."""

import numpy as np
import pytest
import torch
from test_spconv_oracle import dense_of, drawn, mask_of, sorted_rows
from torch.nn import functional as F

import scn.spconv.pytorch as spconv
from scn.spconv.core import ConvAlgo
from scn.spconv.pytorch.functional import sparse_add, sparse_add_hash_based
from scn.spconv.pytorch.pool import ALL_POOL_LAYERS, SparseMaxPool
from scn.spconv.pytorch.spatial import RemoveDuplicate

MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
SHAPES = {1: [19], 2: [9, 8], 3: [6, 7, 5]}


def windows(x, layer):
    """For each window, the rows of the sites under it: {output site: [rows]}."""
    row = {tuple(site): number for number, site in enumerate(x.indices.tolist())}
    found = {}
    for (sample, *where), number in row.items():
        for tap in np.ndindex(*layer.kernel_size):
            start = [w + p - t * d for w, p, t, d in zip(where, layer.padding, tap, layer.dilation)]
            output = [s // step for s, step in zip(start, layer.stride)]
            if all(s % step == 0 for s, step in zip(start, layer.stride)):
                found.setdefault((sample, *output), []).append(number)
    return found


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("size, stride, padding, dilation", [(2, 2, 0, 1), (3, 2, 1, 1), (3, 1, 0, 2), (2, 3, 0, 1)])
@pytest.mark.parametrize("kind", ["Max", "Avg"])
def test_pooling_of_the_active_sites_under_a_window(random, dimension, size, stride, padding, dilation, kind):
    x = drawn(random, SHAPES[dimension], 25, 3)
    layer = getattr(spconv, f"Sparse{kind}Pool{dimension}d")(size, stride, padding, dilation)
    y = layer(x)
    found = windows(x, layer)
    expected = []
    for site in map(tuple, y.indices.tolist()):
        rows = x.features[found[site]]
        expected.append(rows.mean(0) if kind == "Avg" else rows.max(0).values.clamp(min=0))
    torch.testing.assert_close(y.features, torch.stack(expected))
    inside = {site for site in found if all(0 <= p < s for p, s in zip(site[1:], y.spatial_shape))}
    assert set(map(tuple, y.indices.tolist())) == inside
    (gradient,) = torch.autograd.grad(y.features.pow(2).sum(), x.features, retain_graph=True)
    (wanted,) = torch.autograd.grad(torch.stack(expected).pow(2).sum(), x.features)
    torch.testing.assert_close(gradient, wanted)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_positive_features_are_pooled_as_by_torch(random, dimension):
    x = drawn(random, SHAPES[dimension], 25, 3)
    x = x.replace_feature(x.features.abs() + 0.1)
    y = getattr(spconv, f"SparseMaxPool{dimension}d")(2)(x)
    dense = dense_of(x.features, x.indices, x.spatial_shape, 2)
    torch.testing.assert_close(y.dense(), MAX_POOL[dimension](dense, 2))


def test_a_maximum_starts_at_zero_where_nobody_gets_a_gradient():
    features = torch.tensor([[-1.0, 2.0], [-3.0, 2.0]], requires_grad=True)
    x = spconv.SparseConvTensor(features, torch.tensor([[0, 0], [0, 1]]).int(), [2], 1)
    y = spconv.SparseMaxPool1d(2, 2)(x)
    assert y.features.tolist() == [[0, 2]]
    y.features.sum().backward()
    assert features.grad.tolist() == [[0, 1], [0, 1]]  # all that have the maximum


def test_a_submanifold_maximum_keeps_sites_and_rows(random):
    x = drawn(random, [9, 9], 40, 3)
    y = spconv.SparseMaxPool2d(3, 1, 1, subm=True, algo=ConvAlgo.Native, indice_key="m")(x)
    assert y.indices is x.indices and y.indice_dict["m"].is_subm
    dense = F.max_pool2d(dense_of(x.features, x.indices, [9, 9], 2), 3, 1, 1)
    expected = dense.movedim(1, -1)[tuple(x.indices.long().T)].clamp(min=0)
    torch.testing.assert_close(y.features, expected)
    assert SparseMaxPool(2, 3, 1, 1, subm=True)(x).indices is x.indices


def test_pooling_records_counts_and_knows_its_classes(random):
    layer = spconv.SparseMaxPool2d(2, record_voxel_count=True)
    y = layer(drawn(random, [9, 9], 40, 3))
    assert layer.get_max_num_voxels().tolist() == [len(y.indices)] and layer.stride == [2, 2]
    assert spconv.SparseAvgPool3d(2).get_max_num_voxels() is None
    assert spconv.SparseMaxPool3d in ALL_POOL_LAYERS and SparseMaxPool(2).stride == [1, 1]
    assert spconv.SparseMaxPool4d(2)(drawn(random, [4, 4, 4, 4], 9, 2)).spatial_shape == [2, 2, 2, 2]


@pytest.mark.parametrize("kind", ["Max", "Avg"])
def test_global_pooling_gives_each_sample_a_row(random, kind):
    x = drawn(random, [9, 9], 40, 3, batch=2)
    x.batch_size = 3  # the last sample has no site
    y = getattr(spconv, f"SparseGlobal{kind}Pool")()(x)
    rows = [x.features[x.indices[:, 0] == sample] for sample in range(2)]
    expected = [part.mean(0) if kind == "Avg" else part.max(0).values for part in rows]
    torch.testing.assert_close(y, torch.stack([*expected, torch.zeros(3, dtype=torch.float64)]))
    assert torch.autograd.grad(y.sum(), x.features)[0].abs().sum() > 0
    x.batch_size = 1
    with pytest.raises(ValueError, match="indices: name sample 1"):
        spconv.SparseGlobalMaxPool()(x)


@pytest.mark.parametrize("add", [sparse_add, sparse_add_hash_based, lambda *t: spconv.AddTableMisaligned()(t)])
def test_sums_on_other_sites_have_the_sites_of_all_in_row_major_order(random, add):
    tensors = [drawn(random, [5, 6], count, 3) for count in (20, 9, 1)]
    y = add(*tensors)
    dense = sum(dense_of(x.features, x.indices, [5, 6], 2) for x in tensors)
    torch.testing.assert_close(y.dense(), dense)
    mask = sum(mask_of(x) for x in tensors)[:, 0]
    assert y.indices.tolist() == mask.nonzero().tolist() and y.indices.dtype is torch.int32
    gradients = torch.autograd.grad(y.features.pow(2).sum(), [x.features for x in tensors])
    wanted = torch.autograd.grad(dense.pow(2).sum(), [x.features for x in tensors])
    for ours, theirs in zip(gradients, wanted):
        torch.testing.assert_close(ours, theirs)


def test_a_sum_keeps_the_rules_of_a_tensor_that_has_all_its_sites(random):
    x = drawn(random, [8, 8], 30, 3)
    down = spconv.SparseConv2d(3, 4, 3, 2, 1, indice_key="d").double()
    y = down(x)
    part = y.select_by_index(torch.arange(3))
    total = sparse_add(part, y)
    up = spconv.SparseInverseConv2d(4, 3, 3, "d").double()
    z = up(total)
    assert z.indices is x.indices
    order = sorted_rows(y.indices)
    expected = y.features[order].clone()
    for row in range(3):
        expected[[tuple(site) for site in y.indices[order].tolist()].index(tuple(y.indices[row].tolist()))] += (
            y.features[row]
        )
    torch.testing.assert_close(total.features, expected)
    assert sparse_add(part, drawn(random, [4, 4], 20, 4)).indice_dict == {}


def test_sums_of_other_fields_are_refused(random):
    x = drawn(random, [5, 6], 9, 3)
    for other in (drawn(random, [6, 6], 9, 3), drawn(random, [5, 6], 9, 3, batch=1), drawn(random, [5, 6], 9, 2)):
        with pytest.raises(AssertionError, match="that of the first tensor"):
            sparse_add(x, other)
    with pytest.raises(ValueError):
        sparse_add()
    with pytest.raises(TypeError, match="tens"):
        sparse_add(x, x.features)


def test_tables_branch_and_join(random):
    x = drawn(random, [6, 6], 20, 3)
    left, right = (spconv.SubMConv2d(3, 4, 3, indice_key="a").double() for _ in range(2))
    branches = spconv.ConcatTable().add(left).add(right)
    both = branches(x)
    expected = [left(x).features, right(x).features]
    torch.testing.assert_close(spconv.JoinTable()(both).features, torch.cat(expected, 1))
    torch.testing.assert_close(spconv.AddTable()(both).features, sum(expected))
    assert len(list(branches.parameters())) == 4 and spconv.AddTable().input_spatial_size(4) == 4
    elsewhere = drawn(random, [6, 6], 20, 4)
    for table in (spconv.JoinTable(), spconv.AddTable()):
        with pytest.raises(AssertionError, match="indices: are not those"):
            table([both[0], elsewhere])
        with pytest.raises(AssertionError):
            table([])
    with pytest.raises(AssertionError, match="planes"):
        spconv.AddTable()([both[0], x])


def test_duplicates_are_removed_but_for_the_first():
    sites = torch.tensor([[0, 3, 1], [0, 1, 1], [0, 3, 1], [0, 0, 5]]).int()
    x = spconv.SparseConvTensor(torch.arange(4.0)[:, None], sites, [6, 6], 1)
    y = RemoveDuplicate()(x)
    assert y.indices.tolist() == [[0, 0, 5], [0, 1, 1], [0, 3, 1]] and y.features[:, 0].tolist() == [3, 1, 0]
    assert torch.equal(x.indices, sites)
