"""Voxel generators of scn.spconv, and cumm's tensors that they take."""

import math
import pickle

import numpy as np
import pytest
import torch

import scn.spconv.utils as utils
from scn.spconv._cumm import tensorview as tv
from scn.spconv.pytorch.cppcore import get_arch, get_current_stream, torch_tensor_to_tv, torch_tensors_to_tv
from scn.spconv.pytorch.utils import PointToVoxel, gather_features_by_pc_voxel_id

SIZE, EXTENT = [0.5, 0.25, 1.0], [-2.0, -1.0, -1.0, 2.0, 1.0, 3.0]


def by_loops(points, max_voxels, max_points, with_mean=False):
    """What spconv's loop over points does."""
    number, kept, of_point = {}, [], []
    for point in points:
        cell = tuple(math.floor((point[a] - np.float32(EXTENT[a])) / np.float32(SIZE[a])) for a in (2, 1, 0))
        if not all(0 <= c < n for c, n in zip(cell, (4, 8, 8))):
            of_point.append(-1)
            continue
        if cell not in number:
            if len(number) == max_voxels:
                of_point.append(-1)
                continue
            number[cell] = len(number)
            kept.append([])
        of_point.append(number[cell])
        if len(kept[number[cell]]) < max_points:
            kept[number[cell]].append(point)
    voxels = np.zeros((len(kept), max_points, points.shape[1]), np.float32)
    for voxel, some in zip(voxels, kept):
        voxel[: len(some)] = some
        if with_mean:
            voxel[len(some) :] = np.mean(some, 0)
    cells = np.array(list(number), np.int32).reshape(-1, 3)
    return voxels, cells, np.array([len(some) for some in kept], np.int32), np.array(of_point, np.int64)


def cloud(random, count=200, dtype=np.float32):
    low, high = np.array(EXTENT[:3]), np.array(EXTENT[3:])
    points = random.random((count, 4))
    points[:, :3] = low - 0.2 + points[:, :3] * (high - low + 0.4)
    on_edges = random.random(count) < 0.3
    points[on_edges, :3] = np.round(points[on_edges, :3] * 4) / 4
    return points.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("with_mean", [False, True])
def test_points_are_kept_in_the_order_in_which_they_come(random, dtype, with_mean):
    points = cloud(random, dtype=dtype)
    expected = by_loops(points, 60, 3, with_mean)
    generate = PointToVoxel(SIZE, EXTENT, 4, 60, 3)
    found = generate.generate_voxel_with_id(torch.from_numpy(points), empty_mean=with_mean)
    for ours, theirs in zip(found, expected):
        assert ours.numpy().dtype == theirs.dtype
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-6, atol=1e-6)
    assert (expected[3] == -1).any() and len(expected[0]) == 60
    assert len(generate(torch.from_numpy(points))) == 3
    generator = utils.Point2VoxelCPU3d(
        vsize_xyz=SIZE, coors_range_xyz=EXTENT, num_point_features=4, max_num_points_per_voxel=3, max_num_voxels=60
    )
    call = generator.point_to_voxel_empty_mean if with_mean else generator.point_to_voxel
    for ours, theirs in zip(call(tv.from_numpy(points)), expected):
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-6, atol=1e-6)


def test_properties_are_in_z_y_x():
    generate = PointToVoxel(SIZE, EXTENT, 4, 60, 3)
    assert generate.grid_size == [4, 8, 8] and generate.grid_stride == [64, 8, 1] and generate.ndim == 3
    assert generate.vsize == [1.0, 0.25, 0.5] and generate.coors_range == [-1, -1, -2, 3, 1, 2]
    assert (generate.max_num_voxels, generate.max_num_points_per_voxel, generate.num_point_features) == (60, 3, 4)
    assert generate.device.type == "cpu"
    assert utils.Point2VoxelCPU3d(SIZE, EXTENT, 4, 60, 3).grid_size == [4, 8, 8]


@pytest.mark.parametrize("axes", [1, 2, 4])
def test_other_dimensions(axes):
    generator = getattr(utils, f"Point2VoxelCPU{axes}d")([1.0] * axes, [0.0] * axes + [4.0] * axes, axes, 5, 2)
    points = np.array([[0.5] * axes, [3.5] * axes, [0.2] * axes, [9.0] * axes], np.float32)
    voxels, indices, counts = (part.numpy() for part in generator.point_to_voxel(tv.from_numpy(points)))
    assert indices.tolist() == [[0] * axes, [3] * axes] and counts.tolist() == [2, 1]
    assert voxels[0, 1].tolist() == points[2].tolist()


def test_points_that_are_nowhere_and_clouds_without_points():
    generate = PointToVoxel(SIZE, EXTENT, 3, 60, 3)
    points = torch.tensor([[math.nan, 0, 0], [math.inf, 0, 0], [-1e30, 0, 0], [1e30, 0, 0]])
    voxels, indices, counts, of_point = generate.generate_voxel_with_id(points)
    assert voxels.shape == (0, 3, 3) and indices.shape == (0, 3) and counts.shape == (0,)
    assert of_point.tolist() == [-1] * 4
    assert generate(torch.zeros(0, 3), empty_mean=True)[0].shape == (0, 3, 3)


def test_results_are_new_memory(random):
    generator = utils.Point2VoxelCPU3d(SIZE, EXTENT, 4, 60, 3)
    points = cloud(random)
    first = generator.point_to_voxel(tv.from_numpy(points))[0].numpy_view()
    before = first.copy()
    generator.point_to_voxel(tv.from_numpy(points[::-1].copy()))
    assert np.array_equal(first, before)
    assert pickle.loads(pickle.dumps(generator)).grid_size == generator.grid_size  # for the workers of a data loader


def test_features_are_gathered_for_points():
    features = torch.arange(6.0, requires_grad=True).view(3, 2)
    points = gather_features_by_pc_voxel_id(features, torch.tensor([2, -1, 0, 2]))
    assert points.tolist() == [[4, 5], [0, 0], [0, 1], [4, 5]]
    (gradient,) = torch.autograd.grad(points.sum(), features)
    assert gradient.tolist() == [[1, 1], [0, 0], [2, 2]]
    assert gather_features_by_pc_voxel_id(features, torch.tensor([-1]), 7).tolist() == [[7, 7]]
    with pytest.raises(ValueError, match="pc_voxel_id"):
        gather_features_by_pc_voxel_id(features, torch.tensor([[0]]))


def test_bad_grids_and_points_are_named(random):
    for arguments, message in (
        (([0.5, 0, 1], EXTENT, 4, 60, 3), "vsize_xyz: is"),
        ((SIZE, EXTENT[:5], 4, 60, 3), "coors_range_xyz: has shape"),
        ((SIZE, [*EXTENT[3:], *EXTENT[:3]], 4, 60, 3), "coors_range_xyz: spans"),
        ((SIZE, EXTENT, 2, 60, 3), "num_point_features: is 2"),
        ((SIZE, EXTENT, 4, 0, 3), "max_num_voxels: is 0"),
    ):
        with pytest.raises(ValueError, match=message):
            PointToVoxel(*arguments)
    with pytest.raises(ValueError, match=r"vsize_xyz: has shape \[3\], expected \[2\]"):
        utils.Point2VoxelCPU2d(SIZE, EXTENT, 4, 60, 3)
    generate = PointToVoxel(SIZE, EXTENT, 4, 60, 3)
    with pytest.raises(ValueError, match=r"points: has shape \[5, 3\], expected \[n, 4\]"):
        generate(torch.zeros(5, 3))
    with pytest.raises(TypeError, match="pc: has elements"):
        generate(torch.zeros(5, 4).long())
    with pytest.raises(TypeError, match="from_numpy"):
        utils.Point2VoxelCPU3d(SIZE, EXTENT, 4, 60, 3).point_to_voxel(cloud(random))
    with pytest.raises(RuntimeError, match="device: is cuda"):
        PointToVoxel(SIZE, EXTENT, 4, 60, 3, device=torch.device("cuda:0"))


def test_what_needs_a_gpu_or_boxes_says_so():
    for name in ("Point2VoxelGPU1d", "Point2VoxelGPU2d", "Point2VoxelGPU3d", "Point2VoxelGPU4d"):
        with pytest.raises(NotImplementedError, match="use Point2VoxelCPU"):
            getattr(utils, name)(SIZE, EXTENT, 4, 60, 3)
    for name in ("rbbox_iou", "rbbox_intersection", "rbbox_iou_loss", "non_max_suppression_cpu"):
        with pytest.raises(NotImplementedError, match=name):
            getattr(utils, name)(None)
    with pytest.raises(NotImplementedError):
        utils.rotate_non_max_suppression_cpu(None)
    assert not hasattr(utils, "VoxelGenerator") and not hasattr(utils, "VoxelGeneratorV2")


def test_tensors_of_cumm_share_memory_and_copy():
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    tensor = tv.from_numpy(array)
    array[0, 0] = 99
    copied = tensor.numpy()
    assert copied[0, 0] == 99 and tensor.numpy_view() is array
    copied[0, 0] = 1
    assert array[0, 0] == 99
    assert (tensor.shape, tensor.stride, tensor.dtype, tensor.device) == ([3, 4], [4, 1], tv.float32, -1)
    assert (tensor.ndim, tensor.size, tensor.itemsize, tensor.dim(1), len(tensor)) == (2, 12, 4, 4, 3)
    assert tensor.is_contiguous() and not tv.from_numpy(array.T).is_contiguous() and not tensor.empty()
    assert tensor.view([4, 3]).shape == [4, 3] and tensor.slice_first_axis(1, 3).shape == [2, 4]
    assert tensor[1].numpy().tolist() == [4, 5, 6, 7] and np.asarray(tensor).shape == (3, 4)
    assert np.array(tensor, copy=True) is not array and "float32" in repr(tensor)
    assert tensor.clone().zero_().numpy().sum() == 0 and tensor.cpu().shape == [3, 4]
    assert tv.Tensor().empty() and tv.zeros([2], tv.int32).dtype == tv.int32
    assert tv.full([2], 3, tv.float64).numpy().tolist() == [3, 3] and tv.empty([2, 1]).shape == [2, 1]
    assert tv.is_cpu_only() and tv.gemm.Activation.ReLU.value == 1
    with pytest.raises(NotImplementedError):
        tensor.cuda()
    with pytest.raises(NotImplementedError):
        tv.zeros([2], tv.int32, 0)
    with pytest.raises(TypeError):
        tv.from_numpy([1, 2])
    with pytest.raises(ValueError):
        tv.from_numpy(np.array(["a"]))
    with pytest.raises(ValueError):
        tv.zeros([2], 77)


def test_torch_tensors_become_those_of_cumm():
    tensor = torch.arange(6, dtype=torch.int32).view(2, 3)
    shared = torch_tensor_to_tv(tensor)
    tensor[0, 0] = 9
    assert shared.numpy().tolist() == [[9, 1, 2], [3, 4, 5]] and shared.dtype == tv.int32
    assert torch_tensor_to_tv(tensor, dtype=tv.uint32, shape=[6]).shape == [6]
    assert len(list(torch_tensors_to_tv(tensor, tensor))) == 2
    assert get_current_stream() == 0 and get_arch() == (0, 0)
    with pytest.raises(TypeError):
        torch_tensor_to_tv([1])
    with pytest.raises(NotImplementedError):
        torch_tensor_to_tv(tensor, stride=[1, 1])
