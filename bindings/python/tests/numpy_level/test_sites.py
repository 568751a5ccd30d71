"""Where sites come from, and which of them stay: padded samples, dense arrays, builders, voxels, sparsify, lattices."""

import copy
import pickle

import numpy as np
import pytest

import scn


def test_padded_samples(random):
    coords = random.integers(0, 4, (3, 9, 2))
    coords[random.random((3, 9)) < 0.3] = -1
    features = scn.tensor(random.standard_normal((3, 9, 2)), requires_grad=True)
    present = coords[..., 0] >= 0
    rows = np.concatenate([coords, np.broadcast_to(np.arange(3)[:, None, None], (3, 9, 1))], axis=2)[present]
    x = scn.BLInputLayer(2, 4, 4)([coords, features])
    plain = scn.InputLayer(2, 4, 4)([rows, features[present], 3])
    assert np.array_equal(x.get_spatial_locations(), plain.get_spatial_locations())
    assert np.array_equal(x.numpy(), plain.numpy()) and x.batch_size() == 3
    y = scn.BLOutputLayer(2)(x)
    assert y.shape == (3, 9, 2) and not y[~present].any()
    assert np.array_equal(y[present], scn.OutputLayer(2)(plain))
    y.sum().backward()
    assert not features.grad[~present].any() and np.allclose(features.grad[present], 1)
    empty = scn.BLInputLayer(2, 4)([np.zeros((2, 0, 2)), np.zeros((2, 0, 5))])
    assert empty.batch_size() == 2 and scn.BLOutputLayer(2)(empty).shape == (2, 0, 5)


def test_bad_padded_samples(points):
    layer = scn.BLInputLayer(2, 4)
    with pytest.raises(scn.CoordinateError, match="row 1 of sample 0"):
        layer([np.array([[[0, 0], [4, 0]]]), np.zeros((1, 2, 1))])
    with pytest.raises(scn.CoordinateError, match="same site"):
        scn.BLInputLayer(2, 4, 0)([np.array([[[1, 1], [1, 1]]]), np.zeros((1, 2, 1))])
    for bad in ([points[0]], [points[0], points[1]], [np.zeros((1, 2, 3)), np.zeros((1, 2, 1))]):
        with pytest.raises(scn.ShapeError):
            layer(bad)
    with pytest.raises(scn.ShapeError, match="features"):
        layer([np.zeros((1, 2, 2)), np.zeros((1, 3, 1))])
    with pytest.raises(scn.StateError):
        scn.BLOutputLayer(2)(scn.InputLayer(2, 15)(list(points)))


def test_dense_to_sparse_is_the_way_back(sparse):
    dense = scn.SparseToDense(2, 3)(sparse)
    back = scn.DenseToSparse(2)(dense)
    assert np.array_equal(back.get_spatial_locations(), sparse.get_spatial_locations())
    assert np.array_equal(back.numpy(), sparse.numpy()) and back.spatial_size.tolist() == [15, 15]
    leaf = scn.tensor(dense.numpy(), requires_grad=True)
    scn.DenseToSparse(2)(leaf).sum().backward()
    assert np.array_equal(leaf.grad, np.broadcast_to((dense.numpy() != 0).any(1, keepdims=True), leaf.shape))
    assert scn.DenseToSparse(2)(np.zeros((2, 3, 4, 5))).numpy().shape == (0, 3)
    with pytest.raises(scn.ShapeError, match="rank"):
        scn.DenseToSparse(2)(np.zeros((2, 3, 4)))


@pytest.mark.parametrize("activation", [None, "sigmoid", "fakeGradHardSigmoid"])
def test_sparsify(sparse, random, activation):
    layer = scn.Sparsify(2, 3, activation)
    layer.load_state_dict({name: random.standard_normal(value.shape) for name, value in layer.state_dict().items()})
    prefix = "net" if activation is None else "net.0"
    assert list(layer.state_dict()) == [f"{prefix}.weight", f"{prefix}.bias"]
    x = sparse.detach().requires_grad_()
    y = layer(x)
    scores = x.numpy() @ layer.weight.numpy() + layer.bias.numpy()
    keep = scores[:, 0] > 0
    assert 0 < keep.sum() < len(keep)
    assert np.array_equal(y.get_spatial_locations(), x.get_spatial_locations()[keep])
    assert np.array_equal(y.numpy(), x.numpy()[keep]) and y.spatial_size.tolist() == [15, 15]
    after = {None: scores, "sigmoid": 1 / (1 + np.exp(-scores)), "fakeGradHardSigmoid": scores > 0}[activation]
    assert np.allclose(y.mask, after[:, 0], atol=1e-5) and y.mask.shape == (len(scores),)
    assert sparse.mask is None and scn.ReLU()(y).mask is None
    y.mask.sum().backward()
    slope = after * (1 - after) if activation == "sigmoid" else np.ones_like(scores)
    assert np.allclose(layer.weight.grad, x.numpy().T @ slope, atol=1e-4)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert np.array_equal(twin(x).mask, y.mask)
    down = scn.Convolution(2, 3, 4, 3, 2, False)(y)
    back = scn.Deconvolution(2, 4, 2, 3, 2, False)(down)
    assert np.array_equal(back.get_spatial_locations(), y.get_spatial_locations())


def test_sparsify_by_the_first_plane(sparse):
    y = scn.SparsifyFCS(2)(sparse)
    assert np.array_equal(y.numpy(), sparse.numpy()[sparse.numpy()[:, 0] > 0]) and y.mask is None
    with pytest.raises(scn.InvalidArgumentError, match="activation"):
        scn.Sparsify(2, 3, "tanh")
    with pytest.raises(scn.ShapeError, match="planes"):
        scn.Sparsify(2, 4)(sparse)


def test_networks_of_these_layers_come_back(sparse, tmp_path):
    net = scn.Sequential(
        scn.PermutohedralSubmanifoldConvolution(2, 3, 4, True),
        scn.ShapeContext(2, 4, [3, 1]),
        scn.Sparsify(2, 12, "sigmoid"),
        scn.SparsifyFCS(2),
    )
    scn.save(net, tmp_path / "net.safetensors")
    loaded = scn.load(tmp_path / "net.safetensors")
    assert repr(loaded) == repr(net)
    assert np.array_equal(loaded(sparse).numpy(), net(sparse).numpy())
    for layer in (scn.BLInputLayer(2, 4, 1), scn.BLOutputLayer(2), scn.DenseToSparse(3)):
        assert repr(pickle.loads(pickle.dumps(layer))) == repr(layer)
        assert layer.input_spatial_size([5] * layer.dimension).tolist() == [5] * layer.dimension


def test_shape_context(sparse):
    layer = scn.ShapeContext(2, 3, [3, 2])
    y = layer(sparse).numpy()
    assert layer.nOut == 18 and y.shape == (40, 18)
    dense = np.pad(scn.SparseToDense(2, 3)(sparse), ((0, 0), (0, 0), (1, 1), (1, 1)))
    for row, (i, j, sample) in enumerate(sparse.get_spatial_locations()):
        window = dense[sample, :, i : i + 3, j : j + 2]
        assert np.array_equal(y[row], window.transpose(1, 2, 0).ravel())


def test_multiscale_shape_context():
    net = scn.MultiscaleShapeContext(2, 3, bn=False)
    coords = np.argwhere(np.ones((8, 8)))
    x = scn.InputLayer(2, 8)([coords, np.ones((64, 3))])
    y = net(x).numpy().reshape(64, 3, 9, 3)
    assert np.array_equal(y[27, :2], np.ones((2, 9, 3)))
    # The coarsest level has only four cells, and as many are near the corner at every level.
    assert y[27, 2].sum() == 12
    assert np.array_equal(y[0].sum((1, 2)), [12, 12, 12])
    assert scn.MultiscaleShapeContext(2)[2].nPlanes == 27
    with pytest.raises(scn.InvalidArgumentError, match="layers"):
        scn.MultiscaleShapeContext(2, 1, 0)


def test_lattice():
    basis, inverse = scn.permutohedral_basis(3)
    assert np.allclose(basis @ basis.T, np.full((3, 3), 0.5) + np.eye(3) / 2, atol=1e-6)
    assert np.allclose(basis @ inverse, np.eye(3), atol=1e-6) and basis.dtype == np.float32
    offsets = scn.permutohedral_offsets(3)
    assert offsets.shape == (13, 3) and np.allclose(np.linalg.norm(offsets @ basis, axis=1)[1:], 1)
    assert scn.permutohedral_offsets(2).tolist() == [[0, -1], [1, -1], [-1, 0], [0, 0], [1, 0], [-1, 1], [0, 1]]
    layer = scn.PermutohedralSubmanifoldConvolution(3, 2, 5, False)
    assert layer.weight.shape == (13, 1, 2, 5) and layer.bias is None and layer.filter_volume == 13
    with pytest.raises(scn.InvalidArgumentError, match="dimension"):
        scn.permutohedral_basis(11)


def test_input_batch():
    batch = scn.InputBatch(2, [6, 8])
    assert batch.numpy().shape == (0, 0) and batch.batch_size() == 0
    with pytest.raises(scn.StateError, match="add_sample"):
        batch.set_location([1, 1], [1.0])
    batch.add_sample()
    batch.set_location(np.array([4, 5]), [1, 2])
    batch.set_locations([[4, 5], [0, 0]], [[3, 4], [5, 6]])
    assert batch.numpy().tolist() == [[5, 6], [1, 2]] and batch.features.shape == (2, 2)
    batch.set_location([4, 5], [7, 8], overwrite=True)
    batch.set_location([4, 5], [9, 9])
    assert batch.numpy().tolist() == [[5, 6], [7, 8]]
    batch.set_location([1, 1, 2], [1, 1])
    batch.add_sample_from_tensor(np.array([[[-2, 0], [0, 0], [0, 3]]]), [5, 6], threshold=1)
    assert batch.get_spatial_locations().tolist() == [[0, 0, 0], [4, 5, 0], [1, 1, 2], [5, 6, 3]]
    assert batch.batch_size() == 4 and batch.spatial_size.tolist() == [6, 8]
    batch.precompute_metadata(2)
    y = scn.Convolution(2, 2, 3, 2, 2, False)(scn.SubmanifoldConvolution(2, 2, 2, 3, False)(batch))
    assert y.spatial_size.tolist() == [3, 4]
    assert isinstance(pickle.loads(pickle.dumps(batch)), scn.SparseConvNetTensor)
    before = batch.numpy().copy()
    for location, vector, error in (
        ([6, 0], [1, 1], scn.CoordinateError),
        ([0, 0, -1], [1, 1], scn.CoordinateError),
        ([0, 0], [1], scn.ShapeError),
        ([0], [1, 1], scn.ShapeError),
        ([[0, 0]], [1, 1], scn.ShapeError),
    ):
        with pytest.raises(error):
            batch.set_location(location, vector)
    with pytest.raises(scn.InvalidArgumentError, match="size"):
        batch.precompute_metadata(4)
    with pytest.raises(scn.ShapeError):
        batch.add_sample_from_tensor(np.zeros((2, 2)), 0)
    assert np.array_equal(batch.numpy(), before)


@pytest.mark.parametrize("reduction", ["sum", "mean", "first", "last", "random"])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_voxelize(random, reduction, kind):
    points = random.uniform(-3, 3, (700, 3)).astype(kind)
    features = random.standard_normal((700, 2)).astype(np.float32)
    batch = random.integers(0, 3, 700)
    size = [0.5, 0.7, 1.1]
    voxels = scn.voxelize(points, size, features, reduction, batch=batch, seed=1)
    least = points.min(0).astype(np.float64)
    sites = np.floor((points.astype(np.float64) - least) / size).astype(np.int64)
    expected, members, counts = np.unique(np.c_[batch, sites], axis=0, return_inverse=True, return_counts=True)
    assert np.array_equal(voxels.coords, np.roll(expected, -1, axis=1)) and np.array_equal(voxels.counts, counts)
    assert np.array_equal(voxels.voxel_of_point, members.ravel()) and np.array_equal(voxels.origin, least)
    for voxel in range(0, len(counts), 7):
        rows = features[members.ravel() == voxel]
        found = voxels.features[voxel]
        if reduction == "random":
            assert (found == rows).all(1).any()
        else:
            combine = {"sum": np.sum, "mean": np.mean}.get(reduction)
            wanted = combine(rows, 0) if combine else rows[0 if reduction == "first" else -1]
            assert np.allclose(found, wanted, atol=1e-5)
    shape = (int(voxels.coords[:, axis].max()) + 1 for axis in range(3))
    x = scn.InputLayer(3, list(shape), mode=0)([voxels.coords, voxels.features])
    assert np.array_equal(x.numpy(), voxels.features)


def test_voxelize_other_ways(random):
    points = random.uniform(0, 1, (50, 2))
    one = scn.voxelize(points, 0.25, origin=0, spatial_size=4)
    assert one.features is None and one.coords.shape[1] == 2 and one.origin.tolist() == [0, 0]
    assert np.array_equal(one.coords[one.voxel_of_point], np.floor(points / 0.25))
    assert np.array_equal(scn.voxelize(points.tolist(), [0.25, 0.25], origin=[0, 0]).coords, one.coords)
    assert np.array_equal(scn.voxelize(np.asfortranarray(points), 0.25, origin=0).coords, one.coords)
    assert np.array_equal(scn.voxelize((points * 100).astype(int), 25, origin=0).coords, one.coords)
    empty = scn.voxelize(np.zeros((0, 3)), 1, np.zeros((0, 4)))
    assert empty.coords.shape == (0, 3) and empty.features.shape == (0, 4) and empty.origin.tolist() == [0, 0, 0]
    scn.manual_seed(1)
    draw = [scn.voxelize(points, 0.5, points, "random").features for _ in range(2)]
    scn.manual_seed(1)
    assert np.array_equal(scn.voxelize(points, 0.5, points, "random").features, draw[0])
    assert not np.array_equal(draw[0], draw[1])
    threads = scn.get_num_threads()
    many = random.uniform(0, 1, (30_000, 3))
    results = []
    for count in (1, 3):
        scn.set_num_threads(count)
        results.append(scn.voxelize(many, 0.05, many, "random", seed=4))
    scn.set_num_threads(threads)
    assert all(np.array_equal(a, b) for a, b in zip(*results))


@pytest.mark.parametrize(
    "points, size, options, error, text",
    [
        ([[0, np.nan]], 1, {}, scn.CoordinateError, "row 0"),
        ([[0, 0], [np.inf, 0]], 1, {}, scn.CoordinateError, "row 1"),
        ([[0, 0], [1e300, 0]], 1, {}, scn.SizeOverflowError, "row 1"),
        ([[0, -1]], 1, {"origin": 0}, scn.CoordinateError, "below the origin"),
        ([[0, 5]], 1, {"origin": 0, "spatial_size": 5}, scn.CoordinateError, "row 0"),
        ([[0, 0]], 0, {}, scn.InvalidArgumentError, "voxel_size"),
        ([[0, 0]], np.nan, {}, scn.InvalidArgumentError, "voxel_size"),
        ([[0, 0]], [1, 1, 1], {}, scn.ShapeError, "size"),
        ([[0, 0]], "a", {}, TypeError, "size"),
        ([[0, 0]], 1, {"origin": [0]}, scn.ShapeError, "origin"),
        ([[0, 0]], 1, {"batch": [0, 1]}, scn.ShapeError, "batch"),
        ([[0, 0]], 1, {"batch": [-1]}, scn.CoordinateError, "row 0"),
        ([[0, 0]], 1, {"features": [[1], [2]]}, scn.ShapeError, "features"),
        ([[0, 0]], 1, {"reduction": "max"}, scn.InvalidArgumentError, "reduction"),
        ([0, 0], 1, {}, scn.ShapeError, "points"),
        ([["a"]], 1, {}, TypeError, "points"),
        ([[0, 0]], 1, {"seed": 2**65}, scn.SizeOverflowError, "seed"),
    ],
)
def test_bad_voxels(points, size, options, error, text):
    with pytest.raises(error, match=text):
        scn.voxelize(points, size, **options)
