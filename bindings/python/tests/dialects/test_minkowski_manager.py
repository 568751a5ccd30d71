"""Coordinate managers of scn.minkowski: maps, keys, and the rows that meet."""

import copy
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from test_minkowski_oracle import drawn, pairs, rounded_down, taps_of, tensor

import scn.minkowski as ME
from scn.errors import CoordinateError, InvalidArgumentError, ShapeError, StateError


def managed(random, count=40, **settings):
    manager = ME.CoordinateManager(D=3)
    coordinates = drawn(random, count, **settings)
    key, maps = manager.insert_and_map(coordinates)
    return manager, coordinates, key, maps


def test_maps_are_made_of_coordinates_each_site_once():
    manager = ME.CoordinateManager(D=2)
    coordinates = torch.tensor([[1, 5, 5], [0, 2, -2], [1, 5, 5], [0, -7, 0]]).int()
    key, (kept, inverse) = manager.insert_and_map(coordinates, [2, 4], "mine")
    assert key.get_key() == ([2, 4], "mine")
    assert kept.tolist() == [0, 1, 3]
    assert inverse.tolist() == [0, 1, 0, 2]
    assert torch.equal(manager.get_coordinates(key), coordinates[kept])
    assert manager.size(key) == 3
    assert torch.equal(manager.get_coordinates([2, 4]), coordinates[kept])
    second, _ = manager.insert_and_map(coordinates, [2, 4], "mine")
    assert second != key
    assert second.get_tensor_stride() == [2, 4]
    assert manager.number_of_unique_batch_indices() == 2
    assert manager.get_batch_indices() == [0, 1]
    assert "3 rows" in repr(manager)
    unique = manager.get_unique_coordinate_map_key([2, 4])
    assert unique.get_tensor_stride() == [2, 4]
    with pytest.raises(InvalidArgumentError, match="expected that of a map of"):
        manager.size(unique)


def test_keys_name_maps():
    key = ME.CoordinateMapKey([1, 2, 3], "name")
    assert key.is_key_set()
    assert key.get_coordinate_size() == 4
    assert key.get_key() == ([1, 2, 3], "name")
    assert key.get_tensor_stride() == [1, 2, 3]
    same = ME.CoordinateMapKey(4)
    assert same != key
    assert same != ME.CoordinateMapKey(4)
    with pytest.raises(StateError, match="is not set"):
        same.get_key()
    same.set_key([1, 2, 3], "name")
    assert same == key
    assert hash(same) == hash(key)
    other = ME.CoordinateMapKey(4)
    other.set_key(([1, 2, 3], ""))
    assert other != key
    assert copy.deepcopy(key) == pickle.loads(pickle.dumps(key)) == key
    assert str(key) == "coordinate map key:[1, 2, 3]:name"
    with pytest.raises(ShapeError, match="has 2 entries, expected 3"):
        other.set_key([1, 2], "")


@pytest.mark.parametrize("stride", [1, 2, 3, [1, 2, 4]])
def test_strided_maps_are_rounded_down_and_made_once(random, stride):
    manager, coordinates, key, _ = managed(random)
    strided = manager.stride(key, stride)
    steps = [stride] * 3 if isinstance(stride, int) else stride
    assert strided.get_tensor_stride() == steps
    found = manager.get_coordinates(strided)
    assert sorted(found.tolist()) == sorted(rounded_down(coordinates, stride).tolist())
    assert manager.stride(key, stride) == strided
    assert manager.stride(key, stride, "other") != strided
    inputs, outputs = manager.stride_map(key, strided)
    assert sorted(inputs.tolist()) == list(range(len(coordinates)))
    rounded = coordinates[inputs, 1:] // torch.tensor(steps) * torch.tensor(steps)
    assert torch.equal(found[outputs, 1:], rounded.int())
    with pytest.raises(ValueError, match="multiple of"):
        manager.stride_map(manager.stride(key, 5), manager.stride(key, 7))


@pytest.mark.parametrize("size, dilation", [(3, 1), (2, 1), (3, 2), ([3, 1, 2], 1)])
@pytest.mark.parametrize("stride", [1, 2])
def test_kernel_maps_tell_which_rows_meet(random, size, dilation, stride):
    manager, coordinates, key, _ = managed(random)
    target = manager.stride(key, stride) if stride > 1 else key
    outputs = manager.get_coordinates(target)
    found = manager.kernel_map(key, target, stride, size, dilation)
    wanted = pairs(coordinates, outputs, taps_of(size, dilation, 3), [1] * 3)
    for tap, (reads, writes) in enumerate(wanted):
        mine = sorted(zip(*found[tap].tolist())) if tap in found else []
        assert mine == sorted(zip(reads.tolist(), writes.tolist()))
        if tap in found:
            assert found[tap].dtype is torch.int32
    back = manager.kernel_map(target, key, stride, size, dilation, is_transpose=True)
    for tap, rows in found.items():
        assert sorted(zip(*back[tap].flip(0).tolist())) == sorted(zip(*rows.tolist()))
    by_stride = manager.kernel_map([1, 1, 1], [stride] * 3, stride, size, dilation)
    assert by_stride.keys() == found.keys()
    with pytest.warns(UserWarning, match="deprecated"):
        assert manager.get_kernel_map(key, target, stride, size, dilation).keys() == found.keys()


def test_kernel_maps_of_crosses_custom_taps_and_cells(random):
    manager, coordinates, key, _ = managed(random)
    cross = manager.kernel_map(key, key, region_type=ME.RegionType.HYPER_CROSS)
    assert set(cross) <= set(range(7))
    assert torch.equal(cross[0][0], cross[0][1])
    custom = manager.kernel_map(
        key, key, region_type=ME.RegionType.CUSTOM, region_offset=torch.tensor([[0, 0, 1], [0, 0, 0]])
    )
    assert torch.equal(custom[1][0], custom[1][1])
    reads, writes = custom[0].long()
    assert torch.equal(coordinates[reads] - coordinates[writes], torch.tensor([0, 0, 0, 1]).expand(len(reads), 4).int())
    strided = manager.stride(key, 3)
    cells = manager.kernel_map(key, strided, 3, 3, is_pool=True)
    assert list(cells) == [0]
    assert sorted(cells[0][0].tolist()) == list(range(len(coordinates)))


def test_origins_have_a_row_for_each_sample(random):
    manager, coordinates, key, _ = managed(random, 60, batch=4)
    origin = manager.origin()
    assert origin.get_tensor_stride() == [0, 0, 0]
    assert manager.get_coordinates(origin).tolist() == [[sample, 0, 0, 0] for sample in range(4)]
    assert manager.origin() == manager.origin_field() == origin
    samples, rows = manager.origin_map(key)
    assert samples.tolist() == [0, 1, 2, 3]
    for sample, part in enumerate(rows):
        assert torch.equal(part, (coordinates[:, 0] == sample).nonzero()[:, 0])
    with pytest.raises(StateError, match="expected one"):
        ME.CoordinateManager(D=3).origin()


def test_unions_tell_where_rows_go(random):
    manager, first, key, _ = managed(random, 30)
    second = drawn(random, 30)
    other, _ = manager.insert_and_map(second)
    union = ME.CoordinateMapKey(4)
    places = manager.union_map([key, other], union)
    coordinates = manager.get_coordinates(union)
    assert sorted(coordinates.tolist()) == sorted(torch.unique(torch.cat([first, second]), dim=0).tolist())
    for (rows, there), part in zip(places, (first, second)):
        assert torch.equal(coordinates[there], part[rows])
    with pytest.raises(ValueError, match="not set"):
        manager.union_map([key, other], union)
    with pytest.raises(ValueError, match="at least 2"):
        manager.union_map([key], ME.CoordinateMapKey(4))
    features = [torch.ones(len(first), 1), torch.ones(len(second), 1)]
    made = ME.MinkowskiUnionFunction.apply([key, other], ME.CoordinateMapKey(4), manager, *features)
    assert made.sum() == len(first) + len(second)


def test_interpolation_maps_weigh_the_sites_around_points(random):
    manager, coordinates, key, _ = managed(random)
    points = coordinates[:5].double()
    points[:, 1:] += 0.25
    rows, which, weights = manager.interpolation_map_weight(key, points)
    distance = (coordinates[rows.long(), 1:] - points[which.long(), 1:]).abs()
    torch.testing.assert_close(weights, (1 - distance).prod(1).to(weights.dtype))
    assert torch.equal(coordinates[rows.long(), 0], points[which.long(), 0].int())


def test_fields_are_kept_and_lead_to_sites(random):
    manager = ME.CoordinateManager(D=2)
    points = torch.tensor([[0, 0.5, 0.5], [0, -0.5, 0.0], [1, 3.9, 2.1], [0, 0.9, 0.1]])
    field = manager.insert_field(points, 1)
    assert torch.equal(manager.get_coordinate_field(field), points)
    assert manager.size(field) == 4
    key, (first, rows) = manager.field_to_sparse_insert_and_map(field, 2)
    assert key.get_tensor_stride() == [2, 2]
    assert manager.get_coordinates(key).tolist() == [[0, 0, 0], [0, -2, 0], [1, 2, 2]]
    assert first.tolist() == [0, 1, 2]
    assert rows.tolist() == [0, 1, 2, 0]
    assert manager.exists_field_to_sparse(field, key)
    assert manager.field_to_sparse_keys(field) == [key]
    assert torch.equal(manager.get_field_to_sparse_map(field, key)[1], rows)
    other, _ = manager.insert_and_map(torch.tensor([[0, 0, 0], [1, 9, 9]]).int())
    assert not manager.exists_field_to_sparse(field, other)
    with pytest.raises(StateError, match="expected a map whose rows"):
        manager.get_field_to_sparse_map(field, other)
    sites, points = manager.field_to_sparse_map(field, other)
    assert (sites.tolist(), points.tolist()) == ([0, 0], [0, 3])
    assert manager.origin_field_map(field)[0].tolist() == [0, 1]


def test_layers_of_one_kernel_share_their_rules(random):
    x = tensor(random)
    manager = x.coordinate_manager
    layers = [ME.MinkowskiConvolution(3, 3, 3, dimension=3).double() for _ in range(3)]
    for layer in layers:
        x = layer(x)
    assert len(manager._rulebooks) == 1
    down = ME.MinkowskiConvolution(3, 3, 2, 2, dimension=3).double()
    up = ME.MinkowskiConvolutionTranspose(3, 3, 2, 2, dimension=3).double()
    for _ in range(2):
        x = up(down(x))
    assert len(manager._maps) == 2
    assert len(manager._rulebooks) == 3


@pytest.mark.parametrize("size", [2, (2, 4, 2), 3, (1, 2, 2)])
@pytest.mark.parametrize("step", [1, 2])
def test_cells_have_the_rules_that_any_kernel_has(random, size, step):
    where = drawn(random, 60, low=-9, span=18, step=step)
    features = torch.from_numpy(random.standard_normal((len(where), 3)))
    down = ME.MinkowskiConvolution(3, 3, size, size, dimension=3).double()
    x = ME.SparseTensor(features, coordinates=where, tensor_stride=step)
    other = ME.SparseTensor(features, coordinates=where, tensor_stride=step)
    # In two passes: first the map, then the rules.
    other.coordinate_manager.stride(other.coordinate_map_key, size)
    for _ in range(2):
        mine, theirs = down(x), down(other)
        assert torch.equal(mine.C, theirs.C)
        assert torch.equal(mine.F, theirs.F)
        maps = [
            part.coordinate_manager.kernel_map(
                part.coordinate_map_key, to.coordinate_map_key, kernel_size=size, stride=size
            )
            for part, to in ((x, mine), (other, theirs))
        ]
        assert maps[0].keys() == maps[1].keys()
        assert all(torch.equal(maps[0][k], maps[1][k]) for k in maps[0])
        x, other = mine, theirs


def test_copies_have_the_same_maps(random):
    manager, coordinates, key, _ = managed(random)
    strided = manager.stride(key, 2)
    field = manager.insert_field(torch.tensor([[0, 0.5, 1, 2]]), 1)
    for other in (copy.deepcopy(manager), pickle.loads(pickle.dumps(manager))):
        assert torch.equal(other.get_coordinates(key), coordinates)
        assert torch.equal(other.get_coordinates(strided), manager.get_coordinates(strided))
        assert torch.equal(other.get_coordinate_field(field), manager.get_coordinate_field(field))
        assert other.stride(key, 2) == strided
        assert other.kernel_map(key, strided, 2, 2).keys() == manager.kernel_map(key, strided, 2, 2).keys()


def test_names_and_settings_of_the_library_are_accepted(random):
    manager = ME.CoordinateManager(
        D=3,
        num_threads=4,
        coordinate_map_type=ME.CoordinateMapType.CPU,
        minkowski_algorithm=ME.MinkowskiAlgorithm.SPEED_OPTIMIZED,
    )
    assert manager.D == 3
    assert manager.minkowski_algorithm is ME.MinkowskiAlgorithm.SPEED_OPTIMIZED
    ME.set_gpu_allocator(ME.GPUMemoryAllocatorType.PYTORCH)
    with pytest.warns(UserWarning, match="deprecated"):
        ME.set_memory_manager_backend(ME.GPUMemoryAllocatorType.CUDA)
    with pytest.raises(DeprecationWarning, match="CoordinateManager"):
        ME.CoordsManager(D=3)
    with pytest.raises(TypeError, match="backend: is an int"):
        ME.set_gpu_allocator(3)


def test_bad_calls_say_what_they_expect_and_change_nothing(random):
    manager, coordinates, key, _ = managed(random)
    other = ME.CoordinateMapKey([9, 9, 9])
    before = repr(manager)
    for call, kind, message in (
        (lambda: ME.CoordinateManager(), InvalidArgumentError, "D: is 0, expected 1 ... 10"),
        (lambda: manager.insert_and_map(coordinates[:, :3]), ShapeError, "coordinates"),
        (lambda: manager.insert_and_map(coordinates.long() * 2**31), CoordinateError, "coordinates"),
        (lambda: manager.insert_and_map(coordinates, [1, 1]), ShapeError, "has 2 entries, expected 3"),
        (lambda: manager.stride(key, 0), InvalidArgumentError, "stride: is .* positive"),
        (lambda: manager.stride(other, 2), InvalidArgumentError, "expected that of a map of"),
        (lambda: manager.stride("key", 2), TypeError, "key: is a str"),
        (lambda: manager.get_coordinates([5, 5, 5]), InvalidArgumentError, r"tensor stride: is \[5, 5, 5\]"),
        (lambda: manager.get_coordinates(object()), TypeError, "a CoordinateMapKey or a tensor stride"),
        (lambda: manager.get_coordinate_field(key), InvalidArgumentError, "expected that of a field of"),
        (lambda: manager.insert_field(torch.ones(2, 3), 1), ShapeError, "coordinates"),
        (lambda: manager.kernel_map(key, other), InvalidArgumentError, "expected that of a map of"),
    ):
        with pytest.raises(kind, match=message):
            call()
    assert repr(manager) == before


def test_far_coordinates_are_told_apart():
    far = 2**31 - 1
    manager = ME.CoordinateManager(D=3)
    coordinates = torch.tensor([[0, far, 0, -far], [0, -far, 0, far], [1, far, 0, -far], [0, far, 0, -far]]).int()
    key, (kept, inverse) = manager.insert_and_map(coordinates)
    assert kept.tolist() == [0, 1, 2]
    assert inverse.tolist() == [0, 1, 2, 0]
    strided = manager.get_coordinates(manager.stride(key, 1024)).numpy()
    wanted = coordinates[kept].numpy().astype(np.int64)
    wanted[:, 1:] = wanted[:, 1:] // 1024 * 1024
    assert sorted(strided.tolist()) == sorted(wanted.tolist())
