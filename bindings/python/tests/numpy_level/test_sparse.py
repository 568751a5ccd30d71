"""Sparse tensors, their sites, and input and output layers."""

import copy
import itertools
import pickle

import numpy as np
import pytest

import scn


def sorted_rows(coords):
    """The order of rows in a sparse tensor: by sample, then by coordinates."""
    return np.lexsort([*coords.T[:-1][::-1], coords[:, -1]])


def test_rows_are_sorted_by_sample_and_coordinates(points, sparse):
    coords, features = points
    order = sorted_rows(coords)
    assert np.array_equal(sparse.get_spatial_locations(), coords[order])
    assert sparse.get_spatial_locations().dtype == np.int64
    assert np.array_equal(sparse.features, features[order]) and np.array_equal(sparse.numpy(), features[order])
    assert isinstance(sparse.features, scn.Tensor) and sparse.features is sparse.features
    assert sparse.batch_size() == 2 and sparse.metadata.dimension == 2
    assert list(map(int, sparse.spatial_size)) == [15, 15] and (sparse.spatial_size == [15, 15]).all()
    assert sparse.spatial_size.dtype == np.int64 and sparse.spatial_size.shape == (2,)


@pytest.mark.parametrize("kind", [np.int32, np.uint8, np.float64, list])
def test_coordinates_of_any_kind(points, sparse, kind):
    coords, features = points
    given = coords.tolist() if kind is list else coords.astype(kind)
    x = scn.InputLayer(2, [15, 15], 0)([given, features.tolist()])
    assert np.array_equal(x.get_spatial_locations(), sparse.get_spatial_locations())
    assert np.array_equal(x.numpy(), sparse.numpy())


def test_coordinates_that_are_not_contiguous(points, sparse):
    coords, features = points
    x = scn.InputLayer(2, 15)([np.asfortranarray(coords), np.asfortranarray(features)])
    assert np.array_equal(x.numpy(), sparse.numpy())


@pytest.mark.parametrize(
    "mode, combine",
    [
        (1, lambda rows: rows[-1]),
        (2, lambda rows: rows[0]),
        (3, lambda rows: rows.sum(0)),
        (4, lambda rows: rows.mean(0)),
    ],
)
def test_modes(random, mode, combine):
    coords = random.integers(0, 3, (60, 3))
    features = scn.tensor(random.standard_normal((60, 2)), requires_grad=True)
    x = scn.InputLayer(2, 3, mode)([coords, features])
    sites = x.get_spatial_locations()
    members = [np.flatnonzero((coords == site).all(1)) for site in sites]
    assert len(sites) == len({tuple(row) for row in coords.tolist()})
    assert np.allclose(x.numpy(), [combine(features[rows]) for rows in members], atol=1e-5)
    rows = scn.OutputLayer(2)(x)
    assert rows.shape == (60, 2)
    gradient = random.standard_normal(x.numpy().shape)
    x.backward(gradient)
    for site, own in enumerate(members):
        share = {1: own[-1:], 2: own[:1]}.get(mode, own)
        by_row = np.zeros((len(own), 2))
        by_row[np.isin(own, share)] = gradient[site] / (len(own) if mode == 4 else 1)
        assert np.allclose(features.grad[own], by_row, atol=1e-5)
        by_row[:] = 0
        by_row[np.isin(own, share)] = x.numpy()[site]
        assert np.allclose(rows[own], by_row)


def test_batch_size_is_a_lower_bound(points):
    coords, features = points
    assert scn.InputLayer(2, 15)([coords, features, 5]).batch_size() == 5
    assert scn.InputLayer(2, 15)((coords, features, 1)).batch_size() == 2
    assert scn.InputLayer(2, 15)(scn.InputLayerInput(coords, features)).batch_size() == 2
    assert scn.InputLayer(2, 15)([coords[:, :2], features]).batch_size() == 1
    empty = scn.InputLayer(2, 15)([np.zeros((0, 3), np.int64), np.zeros((0, 3)), 4])
    assert empty.batch_size() == 4 and empty.numpy().shape == (0, 3) and empty.get_spatial_locations().shape == (0, 3)
    assert np.array_equal(scn.SparseToDense(2, 3)(empty), np.zeros((4, 3, 15, 15)))


@pytest.mark.parametrize(
    "coords, features, error, text",
    [
        ([[0, 15]], [[1]], scn.CoordinateError, "row 0"),
        ([[0, 0], [-1, 0]], [[1], [1]], scn.CoordinateError, "row 1"),
        ([[0, 0, -1]], [[1]], scn.CoordinateError, "row 0"),
        ([[1, 2], [3, 3], [1, 2]], [[1]] * 3, scn.CoordinateError, "row"),
        ([[0.5, 1]], [[1]], scn.CoordinateError, "whole"),
        ([[np.nan, 1]], [[1]], scn.CoordinateError, "whole"),
        ([[1e30, 1]], [[1]], scn.SizeOverflowError, "64 bits"),
        (np.full((1, 2), 2**64 - 1, np.uint64), [[1]], scn.SizeOverflowError, "64 bits"),
        ([[2**62, 1]], [[1]], scn.CoordinateError, "row 0"),
        ([[1, 2, 3, 4]], [[1]], scn.ShapeError, "columns"),
        ([1, 2], [[1]], scn.ShapeError, "rows"),
        ([[1]], [[1]], scn.ShapeError, "has 1 column, expected 2"),
        (np.zeros((0, 50)), np.zeros((0, 1)), scn.ShapeError, "rows"),
        ([[1, 2]], [[1], [2]], scn.ShapeError, "expected"),
        ([[1, 2]], [1], scn.ShapeError, "expected"),
        ([["a", "b"]], [[1]], TypeError, "integers"),
    ],
)
def test_bad_points(coords, features, error, text):
    with pytest.raises(error, match=text):
        scn.InputLayer(2, 15, mode=0)([coords, features])


def test_bad_calls_of_input_layers(points, sparse):
    coords, features = points
    layer = scn.InputLayer(2, 15)
    for bad in (coords, [coords], [coords, features, 1, 1], sparse):
        with pytest.raises(scn.ShapeError, match=r"\[coords, features\]"):
            layer(bad)
    with pytest.raises(ValueError, match="batch_size"):
        layer([coords, features, -1])
    with pytest.raises(ValueError, match="batch_size"):
        layer([coords, features, 2.5])
    with pytest.raises(ValueError, match="mode"):
        scn.InputLayer(2, 15, 5)
    with pytest.raises(ValueError, match="spatial_size"):
        scn.InputLayer(2, 0)
    with pytest.raises(ValueError, match="spatial_size"):
        scn.InputLayer(2, [15, 15, 15])
    for dimension in (0, 11, 2**40):
        with pytest.raises(ValueError, match="dimension"):
            scn.InputLayer(dimension, 15)


@pytest.mark.parametrize("dimension", range(1, 11))
def test_every_dimension(dimension):
    corners = np.array(list(itertools.product([0, 3], repeat=dimension)))[:64]
    x = scn.InputLayer(dimension, 4)([corners, np.arange(len(corners))[:, None]])
    y = scn.SubmanifoldConvolution(dimension, 1, 2, 1 if dimension > 6 else 3, False)(x)
    assert y.numpy().shape == (len(corners), 2)
    assert np.array_equal(y.get_spatial_locations()[:, :-1], corners)


def test_sparse_to_dense(points, sparse):
    coords, features = points
    dense = scn.SparseToDense(2, 3)(sparse)
    expected = np.zeros((2, 3, 15, 15), np.float32)
    expected[coords[:, 2], :, coords[:, 0], coords[:, 1]] = features
    assert np.array_equal(dense, expected)


def test_gradients_reach_the_features(points, random):
    coords, features = points
    leaf = scn.tensor(features, requires_grad=True)
    x = scn.InputLayer(2, 15)([coords, leaf])
    assert x.requires_grad
    gradient = random.standard_normal((40, 3)).astype(np.float32)
    x.backward(gradient)
    assert np.array_equal(leaf.grad[sorted_rows(coords)], gradient)
    with pytest.raises(ValueError, match="shape"):
        scn.InputLayer(2, 15)([coords, leaf]).backward(gradient[1:])


def test_detach_makes_a_leaf(sparse):
    y = scn.ReLU()(sparse).detach().requires_grad_(True)
    assert y.requires_grad and y.grad is None
    (y * 2).backward(np.ones((40, 3)))
    assert np.array_equal(y.grad, np.full((40, 3), 2)) and np.array_equal(y.features.grad, y.grad)
    y.zero_grad()
    assert y.grad is None


def test_arithmetic(points, sparse):
    coords, features = points
    leaf = scn.tensor(features, requires_grad=True)
    x = scn.InputLayer(2, 15)([coords, leaf])
    y = x * 2 + sparse - x / 2 + 1
    assert isinstance(y, scn.SparseConvNetTensor)
    assert np.allclose(y.numpy(), 2.5 * sparse.numpy() + 1, atol=1e-6)
    (y * x).sum().backward()
    assert np.allclose(leaf.grad, 4 * features + 1, atol=1e-5)
    other = scn.InputLayer(2, 15)([coords[:39], features[:39]])
    # A site of one alone keeps its value.
    assert np.isclose((x + other).sum().item(), x.sum().item() + other.sum().item(), rtol=1e-4)
    with pytest.raises(ValueError, match="site"):
        scn.AddTable()([x, other])
    with pytest.raises(ValueError):
        x + leaf


def test_parts_can_be_assigned(sparse, random):
    x = scn.SparseConvNetTensor()
    assert x.features is None and x.metadata is None and x.spatial_size is None
    assert repr(x) == "SparseConvNetTensor(features=None, metadata=None)"
    for use in (x.numpy, x.batch_size, x.get_spatial_locations):
        with pytest.raises(scn.StateError, match="^(features|metadata): is None"):
            use()
    x.metadata = sparse.metadata
    x.spatial_size = sparse.spatial_size
    x.features = random.standard_normal((40, 5))
    assert x.numpy().shape == (40, 5) and x.batch_size() == 2
    assert np.array_equal(x.get_spatial_locations(), sparse.get_spatial_locations())
    y = scn.SubmanifoldConvolution(2, 5, 2, 3, False)(x)
    assert y.numpy().shape == (40, 2)
    leaf = scn.tensor(random.standard_normal((40, 2)), requires_grad=True)
    y.features = leaf
    assert y.features is leaf and np.array_equal(y.numpy(), leaf.numpy())
    (y * 3).backward(np.ones((40, 2)))
    assert np.array_equal(leaf.grad, np.full((40, 2), 3))
    with pytest.raises(ValueError, match="row|features"):
        y.features = np.ones((39, 2))
    assert y.features is leaf
    with pytest.raises(TypeError, match="Metadata"):
        y.metadata = 3


def test_sites_of_another_spatial_size(sparse):
    down = scn.Convolution(2, 3, 4, 3, 2, False)(sparse)
    assert down.spatial_size.tolist() == [7, 7]
    fine = down.get_spatial_locations([15, 15])
    assert np.array_equal(fine, sparse.get_spatial_locations())
    assert np.array_equal(sparse.get_spatial_locations(7), down.get_spatial_locations())
    assert np.array_equal(down.metadata.get_spatial_locations(15), fine)
    with pytest.raises(scn.StateError):
        down.get_spatial_locations(3)
    parts = scn.SparseConvNetTensor(down.features, sparse.metadata, [7, 7])
    assert np.array_equal(parts.get_spatial_locations(), down.get_spatial_locations())
    back = scn.Deconvolution(2, 4, 3, 3, 2, False)(parts)
    assert np.array_equal(back.get_spatial_locations(), fine)
    down.spatial_size = [7, 7]
    assert down.numpy().shape[1] == 4
    down.spatial_size = [15, 15]
    if len(fine) != len(down.features):
        with pytest.raises(ValueError):
            down.numpy()


def test_metadata_by_hand(points):
    coords, features = points
    sites = scn.Metadata(2, [15, 15], coords, batch_size=3)
    assert sites.batch_size() == 3 and sites.dimension == 2
    assert repr(sites) == "Metadata(2, spatial_size=[15, 15], sites=40, batch_size=3)"
    x = scn.SparseConvNetTensor(features[sorted_rows(coords)], sites)
    assert x.spatial_size.tolist() == [15, 15] and np.array_equal(
        x.get_spatial_locations(), coords[sorted_rows(coords)]
    )
    with pytest.raises(scn.CoordinateError):
        scn.Metadata(2, 3, coords)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies(sparse, duplicate):
    x = scn.Convolution(2, 3, 4, 3, 2, False)(sparse).detach().requires_grad_()
    y = duplicate(x)
    assert np.array_equal(x.numpy(), y.numpy()) and not np.shares_memory(x.numpy(), y.numpy())
    assert np.array_equal(x.get_spatial_locations(), y.get_spatial_locations())
    assert y.spatial_size.tolist() == [7, 7] and y.batch_size() == 2 and y.requires_grad
    metadata = duplicate(sparse.metadata)
    assert np.array_equal(metadata.get_spatial_locations(15), sparse.get_spatial_locations())


def test_repr(sparse):
    assert repr(sparse) == "SparseConvNetTensor(sites=40, planes=3, spatial_size=[15, 15], batch_size=2)"
    sparse.requires_grad = True
    assert repr(sparse).endswith("requires_grad=True)")
