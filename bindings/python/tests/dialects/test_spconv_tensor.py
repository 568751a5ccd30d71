"""scn.spconv's SparseConvTensor: what it carries, the order of its features, dense tensors, copies."""

import copy
import io

import numpy as np
import pytest
import torch
from test_spconv_oracle import dense_of, drawn

import scn.spconv.pytorch as spconv
from scn.spconv.pytorch import conv
from scn.spconv.pytorch.core import ThrustSortAllocator, expand_nd, scatter_nd


def plain(count=3, shape=(4, 5)):
    cells = torch.arange(count)
    sites = torch.stack([torch.zeros_like(cells), cells // shape[1], cells % shape[1]], 1).int()
    return spconv.SparseConvTensor(torch.arange(2.0 * count).view(count, 2), sites, list(shape), 1)


def test_it_carries_what_programs_copy_one_by_one():
    x = plain()
    for name, value in (
        ("benchmark", False), ("benchmark_record", {}), ("thrust_allocator", None), ("force_algo", None),
        ("int8_scale", None), ("voxel_num", None), ("indice_dict", {}), ("spatial_shape", [4, 5]), ("batch_size", 1),
    ):  # fmt: skip
        assert getattr(x, name) == value
        setattr(x, name, value)
    assert x.grid.numel() == 0 and x._timer.enable is False
    assert x.spatial_size == 20 and "replace_feature" in x.__dir__()
    assert repr(x) == "SparseConvTensor[shape=torch.Size([3, 2])]"
    grid, known = torch.zeros(2), {"key": 1}
    y = spconv.SparseConvTensor(x.features, x.indices, [4, 5], 1, grid, 7, known, permanent_thrust_allocator=True)
    assert y.grid is grid and y.voxel_num == 7 and y.indice_dict is known
    assert isinstance(y.thrust_allocator, ThrustSortAllocator)
    for z in (y.replace_feature(y.features + 1), y.shadow_copy()):
        assert z.grid is grid and z.indice_dict is known and z.thrust_allocator is y.thrust_allocator
        assert z.indices is y.indices


@pytest.mark.parametrize(
    "shape", [[4, 5], (4, 5), np.array([4, 5]), torch.Size([4, 5]), list(torch.tensor([4, 5])), torch.tensor([4, 5])]
)
def test_spatial_shapes_of_any_kind_become_lists_of_numbers(shape):
    x = spconv.SparseConvTensor(torch.ones(1, 2), torch.tensor([[0, 3, 4]]).int(), shape, 1)
    assert x.spatial_shape == [4, 5] and all(type(places) is int for places in x.spatial_shape)
    assert spconv.SubMConv2d(2, 2, 3)(x).spatial_shape == [4, 5]


def test_features_are_replaced_not_set():
    x = plain()
    with pytest.raises(ValueError, match="replace_feature"):
        x.features = torch.zeros(3, 2)
    with pytest.raises(AssertionError, match=r"feature: has shape \[3\]"):
        x.replace_feature(torch.zeros(3))
    assert x.replace_feature(torch.zeros(7, 9)).features.shape == (7, 9)  # rows may come before their indices
    x._features = torch.zeros(3, 2, 2)
    assert x.features.shape == (3, 2, 2)
    with pytest.raises(ValueError, match="features: has shape"):
        spconv.SubMConv2d(2, 2, 3)(x)


def test_bad_arguments_are_named():
    features, indices = torch.zeros(2, 3), torch.zeros(2, 3).int()
    for arguments, message in (
        ((features[0], indices, [4, 4], 1), "features: has shape"),
        ((features, indices[0], [4, 4], 1), "indices: has shape"),
        ((features, indices.long(), [4, 4], 1), "indices: has elements of type torch.int64"),
        ((features, indices, [4, 4, 4], 1), "spatial_shape: has 3 numbers, expected 2"),
        ((features, indices, [4, 4], 0), "batch_size: is 0"),
    ):
        for kind in (AssertionError, ValueError):
            with pytest.raises(kind, match=message):
                spconv.SparseConvTensor(*arguments)
    with pytest.raises(TypeError, match="features: is a numpy.ndarray"):
        spconv.SparseConvTensor(features.numpy(), indices, [4, 4], 1)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_dense_has_the_features_at_their_places(random, dimension):
    shape = [4, 3, 5][:dimension]
    x = drawn(random, shape, 7, 3)
    expected = dense_of(x.features, x.indices, shape, 2)
    first, last = x.dense(), x.dense(channels_first=False)
    torch.testing.assert_close(first, expected)
    torch.testing.assert_close(last, expected.movedim(1, -1))
    assert first.is_contiguous() and last.is_contiguous()
    assert torch.equal(spconv.ToDense()(x), first)
    assert torch.autograd.gradcheck(lambda f: x.replace_feature(f).dense(), x.features)
    assert torch.autograd.gradgradcheck(lambda f: x.replace_feature(f).dense(False), x.features)
    again = spconv.SparseConvTensor.from_dense(last)
    assert again.indices.tolist() == sorted(x.indices.tolist()) and again.spatial_shape == shape
    torch.testing.assert_close(again.dense(), expected)


def test_dense_refuses_places_outside():
    x = plain()
    x.spatial_shape = [1, 2]
    with pytest.raises(ValueError, match=r"indices: row 2 is \[0, 0, 2\]"):
        x.dense()


def test_from_dense_has_gradients_and_may_be_empty():
    dense = torch.zeros(2, 4, 4, 3, requires_grad=True)
    empty = spconv.SparseConvTensor.from_dense(dense)
    assert empty.features.shape == (0, 3) and empty.indices.shape == (0, 3) and empty.batch_size == 2
    with torch.no_grad():
        dense[1, 2, 3, 1] = 5
    x = spconv.SparseConvTensor.from_dense(dense)
    assert x.indices.tolist() == [[1, 2, 3]]
    x.features.sum().backward()
    assert dense.grad.nonzero()[:, :3].unique(dim=0).tolist() == [[1, 2, 3]]
    with pytest.raises(ValueError, match="x: has shape"):
        spconv.SparseConvTensor.from_dense(torch.zeros(3, 3))


def test_sums_differences_and_parts(random):
    x = drawn(random, [6, 6], 12, 3)
    y = x.replace_feature(x.features * 2)
    torch.testing.assert_close((x + y).features, x.features * 3)
    torch.testing.assert_close((x + y.features).features, x.features * 3)
    torch.testing.assert_close((y.features.detach() * 0 + x.features), x.features)
    torch.testing.assert_close(x.minus().features, -x.features)
    z = x
    z += y
    torch.testing.assert_close(z.features, x.features * 3)
    with pytest.raises(AssertionError, match="other: is an int"):
        x + 1
    keep = x.features[:, 0] > 0
    for chosen in (keep, keep.nonzero()[:, 0]):
        part = x.select_by_index(chosen)
        assert torch.equal(part.indices, x.indices[keep]) and torch.equal(part.features, x.features[keep])
        assert part.indice_dict == {}


def test_features_of_layers_are_in_the_order_of_indices_whoever_looks_first(random):
    x = drawn(random, [9, 9], 40, 3)
    layer = spconv.SubMConv2d(3, 3, 3).double()
    y, z = layer(x), layer(x)
    through = layer(y)  # before anyone looked at y
    z.features
    torch.testing.assert_close(through.features, layer(z).features)
    torch.testing.assert_close(y.features, z.features)
    row = {tuple(site): number for number, site in enumerate(x.indices.tolist())}
    alone = spconv.SparseConvTensor(x.features[:1], x.indices[:1], [9, 9], 2)
    y = spconv.SubMConv2d(3, 2, 1).double()(x)
    assert row[tuple(alone.indices[0].tolist())] == 0
    assert y.features.shape == (40, 2)


def test_looking_without_gradients_does_not_cut_them(random):
    x = drawn(random, [9, 9], 40, 3, dtype=torch.float32)
    layer = spconv.SubMConv2d(3, 3, 3)
    for mode in (torch.no_grad, torch.inference_mode):
        y = layer(x)
        with mode():
            assert y.features.mean().isfinite()
        (gradient,) = torch.autograd.grad(y.features.sum(), x.features)
        (expected,) = torch.autograd.grad(layer(x).features.sum(), x.features)
        torch.testing.assert_close(gradient, expected)


def test_features_that_were_looked_at_are_what_the_next_layer_reads(random):
    x = drawn(random, [9, 9], 40, 3)
    layer = spconv.SubMConv2d(3, 3, 3).double()
    y = layer(x)
    seen = y.features
    result = layer(y).features.square().sum()
    (gradient,) = torch.autograd.grad(result, seen, retain_graph=True)
    copied = seen.detach().clone().requires_grad_()
    (expected,) = torch.autograd.grad(layer(y.replace_feature(copied)).features.square().sum(), copied)
    torch.testing.assert_close(gradient, expected)
    with torch.no_grad():
        seen.zero_()
    assert torch.equal(layer(y).features, layer.bias.expand(40, 3))


@pytest.mark.parametrize("how", ["copy", "pickle"])
def test_copies_are_equal_and_their_own(random, how):
    x = drawn(random, [9, 9], 40, 3)
    x = x.replace_feature(x.features.detach())
    with torch.no_grad():
        y = spconv.SubMConv2d(3, 3, 3, indice_key="s").double()(x)
    if how == "copy":
        other = copy.deepcopy(y)
    else:
        file = io.BytesIO()
        torch.save(y, file)
        file.seek(0)
        other = torch.load(file, weights_only=False)
    assert torch.equal(other.features, y.features) and torch.equal(other.indices, y.indices)
    assert other.spatial_shape == y.spatial_shape and other.batch_size == 2
    other.features.zero_()
    assert y.features.abs().sum() > 0


def test_layers_note_times_for_a_tensor_that_wants_them(random):
    x = drawn(random, [9, 9], 40, 3)
    timed = spconv.SparseConvTensor(x.features, x.indices, [9, 9], 2, benchmark=True, enable_timer=True)
    with pytest.raises(ValueError, match="name: is None"):
        spconv.SubMConv2d(3, 3, 3).double()(timed)
    layer = spconv.SparseConv2d(3, 3, 2, 2, name="down").double()
    net = spconv.SparseSequential(layer, spconv.SparseMaxPool2d(2, 2, name="pool"))
    spconv.assign_name_for_sparse_modules(net)
    y = net(timed)
    net(timed)
    record = y.benchmark_record["down"]
    assert record["type"] == "SparseConvolution" and record["num_points"] == [40, 40]
    assert len(record["time"]) == len(record["indice_gen_time"]) == 2 and record["params"]["stride"] == [2, 2]
    assert y.benchmark_record["pool"]["num_out_points"] == [len(y.indices)] * 2
    times = y._timer.get_all_pair_time()
    assert set(times) == {"0", "1"} and y._timer.collect_by_name("1", times) == {"1": times["1"]}


def test_small_helpers():
    assert expand_nd(3, 2) == [2, 2, 2] and expand_nd(2, (1, 2)) == [1, 2] and expand_nd(2, np.array([3, 4])) == [3, 4]
    with pytest.raises(AssertionError):
        expand_nd(3, [1, 2])
    updates = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    placed = scatter_nd(torch.tensor([[0, 1], [1, 0]]), updates, [2, 2, 2])
    assert placed.tolist() == [[[0, 0], [1, 2]], [[3, 4], [0, 0]]]
    x = plain()
    assert spconv.RemoveGrid()(x).grid is None
    assert not x.is_quantized
    with pytest.raises(ValueError, match="features"):
        x.q_scale()


def test_indices_of_a_dense_tensor_are_contiguous():
    x = spconv.SparseConvTensor.from_dense(torch.tensor([[[0.0], [1]], [[2], [0]]]))
    assert x.indices.is_contiguous() and x.indices.view(-1).tolist() == [0, 1, 1, 0]


def test_a_shape_belongs_to_one_tensor():
    x = spconv.SparseConvTensor(torch.ones(2, 2), torch.tensor([[0, 1, 1], [0, 2, 3]], dtype=torch.int32), [5, 5], 1)
    for made in (x.replace_feature(x.features * 2), spconv.SparseReLU()(x), spconv.SubMConv2d(2, 2, 1)(x)):
        made.spatial_shape[0] = 9
        assert x.spatial_shape == [5, 5]


def test_filters_of_size_1_have_their_padding_of_results_and_count_rows():
    where = torch.tensor([[0, 1, 1], [0, 2, 3]], dtype=torch.int32)
    layer = conv.SparseConvolution(2, 4, 3, 1, 1, 0, output_padding=1, transposed=True)
    assert layer(spconv.SparseConvTensor(torch.ones(2, 4), where, [5, 5], 1)).spatial_shape == [6, 6]
    with pytest.raises(ValueError, match=r"features: has shape \[1, 2\], expected \[2, planes\]"):
        spconv.SubMConv2d(2, 2, 1)(spconv.SparseConvTensor(torch.ones(1, 2), where, [5, 5], 1))
