"""Combining and comparing sparse tensors, and helpers for points, rotations and checkpoints."""

import warnings

import numpy as np
import pytest

import scn


def make(coords, features, size=6):
    return scn.InputLayer(2, size)([np.array(coords), scn.tensor(features, requires_grad=True)])


def test_append_tensors(points):
    features = [scn.tensor(points[1], requires_grad=True) for _ in range(2)]
    a, b = (scn.InputLayer(2, 15)([points[0], f]) for f in features)
    both = scn.append_tensors([a, b])
    assert both.batch_size() == 4
    shifted = b.get_spatial_locations() + [0, 0, 2]
    assert np.array_equal(both.get_spatial_locations(), np.concatenate([a.get_spatial_locations(), shifted]))
    assert np.array_equal(both, np.concatenate([a.numpy(), b.numpy()]))
    (both * 2).sum().backward()
    assert (features[0].grad == 2).all() and (features[1].grad == 2).all()
    with pytest.raises(scn.ShapeError, match=r"tensors\[1\]: has spatial size"):
        scn.append_tensors([a, scn.InputLayer(2, 9)([np.zeros((1, 2)), np.ones((1, 3))])])
    with pytest.raises(ValueError, match="at least one"):
        scn.append_tensors([])
    with pytest.raises(TypeError, match="SparseConvNetTensor"):
        scn.append_tensors([a, np.ones(3)])


def test_add_coords(sparse):
    y = scn.AddCoords()(sparse)
    assert np.array_equal(y.numpy()[:, :3], sparse)
    assert np.allclose(y.numpy()[:, 3:], sparse.get_spatial_locations()[:, :2] / 7 - 1, atol=1e-6)


def test_feature_planes(sparse):
    assert np.array_equal(scn.add_feature_planes([sparse, sparse, sparse]), 3 * sparse.numpy())
    joined = scn.concatenate_feature_planes((sparse, sparse))
    assert np.array_equal(joined, np.tile(sparse.numpy(), 2)) and joined.requires_grad == sparse.requires_grad


def test_compare_sparse():
    x = make([[0, 0, 0], [1, 2, 0], [3, 3, 1]], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    y = make([[1, 2, 0], [5, 5, 2]], [[1.0, 1.0], [2.0, 2.0]])
    loss = scn.compare_sparse(x, y)
    assert np.isclose(loss.item(), (1 + 4 + 4 + 9 + 25 + 36 + 8) / 4)
    assert scn.compare_sparse(x, x).item() == 0
    nothing = scn.InputLayer(2, 6)([np.zeros((0, 3), np.int64), np.zeros((0, 2))])
    assert scn.compare_sparse(nothing, nothing).item() == 0
    assert np.isclose(scn.compare_sparse(nothing, y).item(), 5)
    a, b = scn.tensor(x.numpy(), requires_grad=True), scn.tensor(y.numpy(), requires_grad=True)
    x.features, y.features = a, b
    scn.compare_sparse(x, y).backward()
    assert np.allclose(a.grad, np.array([[1, 2], [2, 3], [5, 6]]) / 2) and np.allclose(b.grad, [[-1, -1.5], [1, 1]])
    with pytest.raises(scn.ShapeError, match="^y: has spatial size"):
        scn.compare_sparse(x, make([[0, 0, 0]], [[1.0, 1.0]], 7))


def test_batches():
    assert [n for n in range(-3, 20) if scn.is_power2(n)] == [1, 2, 4, 8, 16]
    assert np.array_equal(scn.pad_with_batch_idx([[1, 2]], 3), [[1, 2, 3]])
    assert np.array_equal(
        scn.batch_location_tensors([[[1, 2], [3, 4]], np.zeros((0, 2)), [[5, 6]]]), [[1, 2, 0], [3, 4, 0], [5, 6, 2]]
    )
    assert np.array_equal(scn.batch_location_tensors([[], [[1, 2]]]), [[1, 2, 1]])
    for bad in ([[[1, 2]], [[1, 2, 3]]], [[]], []):
        with pytest.raises(scn.ShapeError):
            scn.batch_location_tensors(bad)
    coords, features = scn.prepare_BLInput([([[1, 2]], [[1.0]]), ([[3, 4], [5, 6]], [[2.0], [3.0]])])
    assert np.array_equal(coords, [[[1, 2], [-1, -1]], [[3, 4], [5, 6]]]) and coords.dtype == np.int64
    assert np.array_equal(features, [[[1], [0]], [[2], [3]]]) and features.dtype == np.float32
    with pytest.raises(scn.ShapeError, match=r"batch\[0\]\[1\]"):
        scn.prepare_BLInput([([[1, 2]], [[1.0], [2.0]])])
    with pytest.raises(ValueError, match="empty"):
        scn.prepare_BLInput([])


def test_rotations():
    rng = np.random.default_rng(2)
    for dimension in (1, 2, 3, 6):
        r = scn.random_rotation(dimension, rng=rng)
        assert np.allclose(r @ r.T, np.eye(dimension), atol=1e-5) and np.linalg.det(r) > 0
    signs = {np.sign(np.linalg.det(scn.random_rotation(3, True, rng))) for _ in range(50)}
    assert signs == {-1, 1}
    np.random.seed(1)
    first = scn.random_rotation()
    np.random.seed(1)
    assert np.array_equal(scn.random_rotation(), first)
    flips = [np.eye(3), np.diag([1, -1, -1]), np.diag([-1, -1, 1]), np.diag([-1, 1, -1])]
    for r in [*(scn.random_rotation(rng=rng) for _ in range(50)), *flips]:
        half = scn.squareroot_rotation(r)
        assert np.allclose(half @ half, r, atol=1e-5) and np.linalg.det(half) > 0
        # Half of an angle of at most 180 degrees.
        assert np.trace(half) >= 1 - 1e-5
    for bad in (np.ones((3, 3)), -np.eye(3), np.eye(2)):
        with pytest.raises(ValueError):
            scn.squareroot_rotation(bad)


def test_voxelize_pointcloud():
    xyz, rgb = [[3, 1], [0, 5], [3, 1]], [[1.0, 2.0], [5.0, 6.0], [3.0, 4.0]]
    for options, last in (((), [2, 3]), ((False, True), [4, 6]), ((False,), [1, 2])):
        sites, features = scn.voxelize_pointcloud(xyz, rgb, *options)
        assert np.array_equal(sites, [[0, 5], [3, 1]]) and np.array_equal(features, [[5, 6], last])
    assert len(scn.voxelize_pointcloud(np.zeros((0, 3)), np.zeros((0, 1)))[0]) == 0


def test_checkpoints_of_epochs(tmp_path):
    net, name = scn.Linear(2, 3), str(tmp_path / "run[1]")
    optimizer = scn.Adam(net.parameters(), 0.1)
    assert scn.checkpoint_restore(net, name, "net") == 1
    weights = {}
    for epoch in range(1, 7):
        net(np.ones((1, 2))).sum().backward()
        optimizer.step()
        weights[epoch] = net.weight.numpy().copy()
        scn.checkpoint_save(net, name, "net", epoch, optimizer=optimizer)
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == [f"run[1]-{epoch:09d}-net.safetensors" for epoch in (1, 2, 4, 6)]
    twin = scn.Linear(2, 3)
    other = scn.Adam(twin.parameters(), 0.5)
    assert scn.checkpoint_restore(twin, name, "net", optimizer=other) == 7
    assert np.array_equal(twin.weight, weights[6]) and other.lr == 0.1
    for model, training in ((net, optimizer), (twin, other)):
        model.zero_grad()
        model(np.ones((1, 2))).sum().backward()
        training.step()
    assert np.array_equal(twin.weight, net.weight)
    assert scn.checkpoint_restore(twin, name, "net", epoch=2) == 3 and np.array_equal(twin.weight, weights[2])
    with pytest.raises(scn.FileError):
        scn.checkpoint_restore(twin, name, "net", epoch=3)
    scn.checkpoint_save(net, name, "net", 6)
    with pytest.raises(scn.FormatError, match="optimizer"):
        scn.checkpoint_restore(twin, name, "net", optimizer=other)
    with pytest.raises(ValueError, match="epoch"):
        scn.checkpoint_save(net, name, "net", 0)


def test_checkpoints_of_modules_written_in_python(tmp_path):
    class Net(scn.Module):
        def __init__(self):
            super().__init__()
            self.layer = scn.Linear(2, 2)

        def forward(self, x):
            return self.layer(x)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scn.checkpoint_save(Net(), str(tmp_path / "a"), "b", 3)
    assert scn.checkpoint_restore(Net(), str(tmp_path / "a"), "b") == 4
