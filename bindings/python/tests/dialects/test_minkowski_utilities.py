"""Utilities of scn.minkowski: points to sites, samples to batches, hashes, sparse products, summaries."""

import logging
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from test_minkowski_oracle import tensor

import scn.minkowski as ME
from scn.errors import CoordinateError, InvalidArgumentError, ShapeError
from scn.minkowski.utils.collation import SparseCollation
from scn.minkowski.utils.coords import get_coords_map
from scn.minkowski.utils.gradcheck import gradcheck


@pytest.fixture
def points(random):
    """Points of which several share a cell, and for each its cell, in both kinds of arrays."""
    where = (random.random((60, 3)) - 0.5) * 2
    return where, np.floor(where / 0.5).astype(np.int32)


def different(cells):
    """The different rows in the order in which they come, where they come first, and which each row is."""
    rows = [tuple(row) for row in cells.tolist()]
    order = list(dict.fromkeys(rows))
    return order, [rows.index(row) for row in order], [order.index(row) for row in rows]


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_points_are_quantized_each_cell_once(points, kind):
    where, cells = points
    order, first, inverse = different(cells)
    given = kind(where)
    features = kind(np.arange(120.0).reshape(60, 2))
    quantize = ME.utils.sparse_quantize
    assert quantize(given, quantization_size=0.5).tolist() == [list(row) for row in order]
    assert quantize(given, quantization_size=0.5).dtype is torch.int32
    sites, chosen = quantize(given, features, quantization_size=[0.5, 0.5, 0.5])
    assert chosen.tolist() == features[first].tolist()
    assert isinstance(chosen, type(features))
    sites, index, back = quantize(given, quantization_size=0.5, return_index=True, return_inverse=True)
    assert (index.tolist(), back.tolist()) == (first, inverse)
    assert quantize(given, quantization_size=0.5, return_maps_only=True).tolist() == first
    index, back = quantize(given, quantization_size=0.5, return_maps_only=True, return_inverse=True)
    assert (index.tolist(), back.tolist()) == (first, inverse)
    assert quantize(kind(cells)).tolist() == [list(row) for row in order]
    assert len(quantize(given[:0], quantization_size=0.5)) == 0


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
@pytest.mark.parametrize("is_column", [False, True])
def test_labels_that_disagree_are_ignored(random, points, kind, is_column):
    where, cells = points
    order, first, inverse = different(cells)
    labels = random.integers(0, 2, 60)
    wanted = [
        part.pop() if len(part) == 1 else 255
        for part in ({int(labels[row]) for row in range(60) if inverse[row] == site} for site in range(len(order)))
    ]
    assert 255 in wanted
    given = kind(labels[:, None] if is_column else labels)
    sites, features, merged = ME.utils.sparse_quantize(
        kind(where), kind(where), labels=given, ignore_label=255, quantization_size=0.5
    )
    assert sites.tolist() == [list(row) for row in order]
    assert features.tolist() == where[first].tolist()
    assert merged.tolist() == wanted
    *_, merged, index, back = ME.utils.sparse_quantize(
        kind(where), labels=given, ignore_label=255, quantization_size=0.5, return_index=True, return_inverse=True
    )
    assert (merged.tolist(), index.tolist(), back.tolist()) == (wanted, first, inverse)


def test_quantization_refuses_what_it_cannot_do(points):
    where, _ = points
    quantize = ME.utils.sparse_quantize
    for call, kind, message in (
        (lambda: quantize(where.tolist()), TypeError, "coordinates: is a list"),
        (lambda: quantize(where[0]), ShapeError, r"expected \[n, dimension\]"),
        (lambda: quantize(where, where[:3]), ShapeError, "features"),
        (lambda: quantize(where, labels=np.zeros(3, int)), ShapeError, "labels"),
        (lambda: quantize(where, quantization_size=[1, 1]), ShapeError, "quantization_size"),
        (lambda: quantize(where, quantization_size=0), ValueError, "positive"),
        (lambda: quantize(where, return_inverse=True), ValueError, "return_index"),
        (lambda: quantize(where * 1e12), CoordinateError, "32 bits"),
        (lambda: quantize(torch.from_numpy(where * 1e12)), CoordinateError, "coordinates"),
    ):
        with pytest.raises(kind, match=message):
            call()


def test_unique_coordinates_and_low_level_functions(points):
    _, cells = points
    _, first, inverse = different(cells)
    index, back = ME.utils.unique_coordinate_map(torch.from_numpy(cells))
    assert (index.tolist(), back.tolist()) == (first, inverse)
    quantization = ME.utils.quantization
    assert quantization.quantize(cells)[0].dtype == np.int32
    with pytest.raises(AssertionError, match="coords"):
        quantization.quantize(cells.astype(float))


def test_hashes_tell_rows_apart(random):
    rows = random.integers(-50, 50, (500, 3))
    different_rows = len(np.unique(rows, axis=0))
    for function in (ME.utils.fnv_hash_vec, ME.utils.ravel_hash_vec):
        keys = function(rows)
        assert keys.dtype == np.uint64
        assert len(np.unique(keys)) == different_rows
        assert len(function(rows[:0])) == 0
    assert ME.utils.ravel_hash_vec(np.array([[0, 0], [1, 2], [0, 1]])).tolist() == [0, 5, 1]
    assert int(ME.utils.fnv_hash_vec(np.array([[7]]))[0]) == (14695981039346656037 * 1099511628211 % 2**64) ^ 7
    with pytest.raises(AssertionError, match="columns"):
        ME.utils.ravel_hash_vec(rows[0])


def test_samples_become_a_batch(points):
    where, cells = points
    parts = [cells[:10], cells[10:10], cells[10:]]
    wanted = np.concatenate([np.repeat([0, 2], [10, 50])[:, None], cells], 1)
    for kind in (np.asarray, torch.as_tensor):
        assert ME.utils.batched_coordinates([kind(part) for part in parts]).tolist() == wanted.tolist()
    floats = ME.utils.batched_coordinates([where[:10], where[10:]], dtype=torch.float32)
    assert floats.dtype is torch.float32
    assert np.allclose(floats[:, 1:], where)
    rounded = ME.utils.batched_coordinates([where[:10] - 5, where[10:] - 5])
    assert rounded[:, 1:].tolist() == np.floor(where - 5).tolist()
    features = [torch.rand(len(part), 2) for part in parts]
    labels = [np.full(len(part), index) for index, part in enumerate(parts)]
    coordinates, rows, marks = ME.utils.sparse_collate(parts, features, labels)
    assert coordinates.tolist() == wanted.tolist()
    assert torch.equal(rows, torch.cat(features))
    assert marks.tolist() == [0] * 10 + [2] * 50
    assert len(ME.utils.sparse_collate(parts, features)) == 2
    assert ME.utils.sparse_collate(parts, features, ["a", "b", "c"])[2] == ["a", "b", "c"]
    samples = list(zip(parts, features, labels))
    assert torch.equal(ME.utils.batch_sparse_collate(samples)[0], coordinates)
    assert torch.equal(ME.utils.batch_sparse_collate(list(zip(parts, features)))[1], rows)
    for call, kind, message in (
        (lambda: ME.utils.batched_coordinates(3), TypeError, "coords: is an int"),
        (lambda: ME.utils.batched_coordinates([]), ValueError, "at least one sample"),
        (lambda: ME.utils.batched_coordinates([cells, cells[:, :2]]), ShapeError, r"coords\[1\]"),
        (lambda: ME.utils.batched_coordinates([cells], dtype=torch.int64), ValueError, "dtype"),
        (lambda: ME.utils.sparse_collate([cells], [features[0]]), ShapeError, "feats"),
    ):
        with pytest.raises(kind, match=message):
            call()


def test_a_data_loader_collates_samples_up_to_a_limit(points, caplog):
    _, cells = points
    samples = [(cells[:20], torch.rand(20, 1), torch.zeros(20)), (cells[20:], torch.rand(40, 1), torch.ones(40))]
    collate = SparseCollation(limit_numpoints=30)
    with caplog.at_level(logging.WARNING):
        coordinates, rows, labels = pickle.loads(pickle.dumps(collate))(samples)
    assert "60 rows are over the limit of 30" in caplog.text
    assert (len(coordinates), len(rows), labels.sum()) == (20, 20, 0)
    loader = torch.utils.data.DataLoader(samples, batch_size=2, collate_fn=ME.utils.SparseCollation())
    ((coordinates, rows, labels),) = list(loader)
    assert coordinates[:, 0].tolist() == [0] * 20 + [1] * 40
    assert labels.tolist() == [0] * 20 + [1] * 40


def test_kernels_are_drawn_with_the_gain_of_their_fan():
    kernel = torch.empty(27, 32, 64)
    for mode, fan in (("fan_in", 27 * 32), ("fan_out", 27 * 64)):
        assert ME.utils.kaiming_normal_(kernel, mode=mode, nonlinearity="relu") is kernel
        assert abs(kernel.std() / (2 / fan) ** 0.5 - 1) < 0.05
    layer = ME.MinkowskiConvolution(32, 64, 3, dimension=3)
    ME.utils.kaiming_normal_(layer.kernel, mode="fan_out")
    assert layer.kernel.requires_grad
    for call, kind, message in (
        (lambda: ME.utils.kaiming_normal_(kernel, mode="sum"), ValueError, "mode: is 'sum'"),
        (lambda: ME.utils.kaiming_normal_(kernel[0, 0]), ShapeError, "tensor"),
    ):
        with pytest.raises(kind, match=message):
            call()


def test_rows_of_a_finer_tensor_lie_in_those_of_a_coarser_one(random):
    x = tensor(random)
    y = ME.MinkowskiSumPooling(2, 2, dimension=3)(x)
    rows, places = get_coords_map(x, y)
    assert torch.equal(y.C[places, 1:], torch.div(x.C[rows, 1:], 2, rounding_mode="floor") * 2)


def test_sparse_products_are_those_of_dense_matrices(random):
    rows, cols = torch.tensor([0, 2, 2, 0, 2]), torch.tensor([1, 0, 3, 1, 2])
    values = torch.rand(5).double().requires_grad_()
    matrix = torch.rand(4, 3).double().requires_grad_()
    dense = torch.zeros(4, 4).double().index_put((rows, cols), values, accumulate=True)
    torch.testing.assert_close(ME.spmm(rows, cols, values, (4, 4), matrix), dense @ matrix)
    made = ME.MinkowskiSPMMFunction().apply(rows, cols, values, (4, 4), matrix)
    torch.testing.assert_close(made, dense @ matrix)
    assert torch.autograd.gradcheck(lambda *given: ME.spmm(rows, cols, given[0], (4, 4), given[1]), (values, matrix))
    assert gradcheck(ME.MinkowskiSPMMFunction, (rows, cols, values, (4, 4), matrix))
    means = ME.MinkowskiSPMMAverageFunction.apply(rows, cols, (4, 4), matrix)
    torch.testing.assert_close(means[0], matrix[1])
    torch.testing.assert_close(means[2], (matrix[0] + matrix[3] + matrix[2]) / 3)
    assert (means[[1, 3]] == 0).all()
    with pytest.raises(AssertionError, match="mat"):
        ME.spmm(rows, cols, values, (4, 5), matrix)
    with pytest.raises(AssertionError, match="vals"):
        ME.spmm(rows, cols, values.float(), (4, 4), matrix)


def test_arguments_are_one_number_or_one_for_each_axis():
    for given in (2, np.int64(2), torch.tensor(2), [2, 2, 2], (2, 2, 2), np.array([2, 2, 2]), torch.tensor([2, 2, 2])):
        assert ME.convert_to_int_list(given, 3) == [2, 2, 2]
    assert ME.convert_to_int_tensor([1, 2], 2).tolist() == [1, 2]
    for given, kind in (([1, 2], ShapeError), ("2", (TypeError, InvalidArgumentError)), (None, InvalidArgumentError)):
        with pytest.raises(kind):
            ME.convert_to_int_list(given, 3)
    assert ME.get_kernel_volume(ME.RegionType.HYPER_CUBE, [3, 1, 5], None, None, 3) == 15
    assert ME.get_kernel_volume(ME.RegionType.HYPER_CROSS, 3, None, None, 4) == 9
    kind, offsets, volume = ME.convert_region_type(ME.RegionType.HYPER_CUBE, 1, 3, 1, 1, None, None, 3)
    assert (kind, offsets.numel(), volume) == (ME.RegionType.HYPER_CUBE, 0, 27)


def test_a_summary_names_layers_and_counts_parameters(random, capsys):
    class Net(ME.MinkowskiNetwork):
        def __init__(self):
            super().__init__(3)
            self.conv = ME.MinkowskiConvolution(3, 4, 3, dimension=3).double()
            self.norm = ME.MinkowskiBatchNorm(4).double()
            self.norm.bn.bias.requires_grad_(False)

        def forward(self, x):
            return self.norm(self.conv(x))

    net = Net()
    assert net.D == 3
    assert ME.utils.summary(net, tensor(random)) == (27 * 12 + 8, 27 * 12 + 4)
    shown = capsys.readouterr().out
    assert "MinkowskiConvolution-1" in shown
    assert "Total params: 332" in shown
    assert not net.conv._forward_hooks
    ME.print_diagnostics()
    assert "MinkowskiEngine 0.5.4" in capsys.readouterr().out


def test_labels_of_other_kinds_than_coordinates():
    coordinates, labels = np.array([[0, 0], [0, 0], [3, 4]], np.int32), [7, 7, 5]
    for given in (labels, torch.tensor(labels), np.array(labels)):
        found, kept = ME.utils.sparse_quantize(coordinates, labels=given, ignore_label=-1)
        assert sorted(zip(found.tolist(), kept.tolist())) == [([0, 0], 7), ([3, 4], 5)] and kept.dtype == np.int32
    with pytest.raises(AssertionError, match="labels: has elements of type float64"):
        ME.utils.sparse_quantize(coordinates, labels=[0.5, 1, 2])
