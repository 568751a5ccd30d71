"""Sparse tensors and their caches in the language of torchsparse."""

import copy
import io
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from scn.errors import CoordinateError, StateError
from scn.torchsparse import PointTensor, SparseTensor, cat, set_coordinate_units
from scn.torchsparse import nn as spnn
from scn.torchsparse.utils import make_divisible, make_ntuple, make_tensor, tensor_cache, to_dense
from scn.torchsparse.utils.tensor_cache import TensorCache, TensorCacheMode


def a_tensor(planes=2, count=50, span=6, kind=torch.float32):
    generator = torch.Generator().manual_seed(0)
    sites = torch.randint(0, span, (count, 4), generator=generator) // torch.tensor([3, 1, 1, 1])
    sites = torch.unique(sites, dim=0).int()
    sites = sites[torch.randperm(len(sites), generator=generator)]
    return SparseTensor(torch.randn(len(sites), planes, generator=generator, dtype=kind), sites)


def test_names_and_what_may_be_assigned():
    feats, coords = torch.ones(3, 2), torch.zeros(3, 4)
    x = SparseTensor(feats, coords, 2, (1, 5, 5, 5))
    assert x.F is x.feats is feats
    assert x.C is x.coords is coords
    assert x.s == x.stride == (2, 2, 2)
    assert x.spatial_range == (1, 5, 5, 5)
    x.F, x.C, x.s, x.spatial_range = feats + 1, coords + 1, 4, [1, 2, 3, 4]
    assert x.feats[0, 0] == 2
    assert x.coords[0, 0] == 1
    assert x.stride == (4, 4, 4)
    assert SparseTensor(coords=coords, feats=np.ones(3), stride=[1, 2, 3]).stride == (1, 2, 3)
    assert "SparseTensor(feats=[3, 2], stride=(4, 4, 4))" in repr(x)


def test_moving_changes_the_tensor_itself():
    x = a_tensor()
    x.feats.requires_grad_()
    assert x.half() is x
    assert x.feats.dtype is torch.float16
    assert x.detach() is x
    assert not x.feats.requires_grad
    assert x.to("cpu") is x.cpu() is x
    assert x.to("meta").feats.device.type == "meta"
    points = PointTensor(torch.ones(2, 2), torch.ones(2, 4))
    assert points.to("cpu") is points.detach() is points


def test_features_come_in_the_order_of_the_program_also_without_gradients():
    x = a_tensor(kind=torch.float64)
    x.feats.requires_grad_()
    net = torch.nn.Sequential(spnn.Conv3d(2, 3, 3), spnn.BatchNorm(3), spnn.ReLU(True), spnn.Conv3d(3, 2, 1)).double()
    expected = net(x).feats
    y = net(x)
    with torch.no_grad():
        assert torch.equal(y.feats, expected)
    with torch.inference_mode():
        z = net(x)
        assert torch.equal(z.feats, expected)
    y.feats.sum().backward()
    assert x.feats.grad is not None
    y = net(x)
    with torch.inference_mode():
        _ = y.feats
    y.feats.sum().backward()


def test_rows_that_are_read_and_rows_that_are_not_add_up():
    x = a_tensor(kind=torch.float64)
    layer = spnn.Conv3d(2, 2, 3).double()
    a, b = layer(x), layer(x)
    read = a.feats
    assert torch.equal((a + b).feats, read * 2)
    b.feats = read + 1
    assert torch.allclose((layer(x) + b).feats, read * 2 + 1)
    y = layer(x)
    y.coords = y.coords.flip(0)
    assert torch.equal(y.feats, read)


def test_dense_arrays_have_planes_last():
    x = a_tensor()
    with pytest.raises(StateError, match="spatial_range"):
        x.dense()
    x.spatial_range = (2, 6, 7, 8)
    dense = x.dense()
    assert dense.shape == (2, 6, 7, 8, 2)
    assert torch.equal(dense[tuple(x.coords.long().T)], x.feats)
    assert dense.abs().sum() == pytest.approx(float(x.feats.abs().sum()), rel=1e-5)
    double = x.feats.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda f: to_dense(f, x.coords, (2, 6, 6, 6)), (double,))
    with pytest.raises(CoordinateError, match="expected sites below"):
        to_dense(x.feats, x.coords, (2, 2, 2, 2))
    assert to_dense(x.feats[:0], x.coords[:0], (1, 2, 2, 2)).shape == (1, 2, 2, 2, 2)


def test_dense_arrays_of_strided_tensors_have_their_range():
    x = a_tensor()
    x.spatial_range = (2, 6, 7, 8)
    for layer in (spnn.Conv3d(2, 2, 2, 2), spnn.Conv3d(2, 2, 3, 2, 1), spnn.Conv3d(2, 2, 3)):
        y = layer(x)
        dense = y.dense()
        assert dense.shape == (*y.spatial_range, 2)
        assert torch.equal(dense[tuple(y.coords.long().T)], y.feats)


def test_programs_put_things_of_their_own_into_caches():
    class MyCache(TensorCache):
        def __init__(self):
            super().__init__()
            self.idx_query = {}

    class MyTensor(SparseTensor):
        def __init__(self, feats, coords, stride=1):
            super().__init__(feats=feats, coords=coords, stride=stride)
            self._caches = MyCache()

    x = a_tensor()
    mine = MyTensor(x.feats, x.coords)
    y = spnn.Conv3d(2, 2, 2, 2)(mine)
    assert y._caches is mine._caches
    assert y._caches.cmaps[2, 2, 2][0] is y.coords
    assert type(y) is SparseTensor
    other = SparseTensor(y.feats * 2, y.coords, y.stride)
    other._caches = y._caches
    assert spnn.Conv3d(2, 2, 2, 2, transposed=True)(other).coords is x.coords


def test_one_cache_for_all_tensors_if_a_program_wants_it():
    tensor_cache.set_tensor_cache_mode(TensorCacheMode.GLOBAL_TENSOR_CACHE)
    try:
        x, y = a_tensor(), a_tensor()
        assert x._caches is y._caches is tensor_cache.get_global_tensor_cache()
        tensor_cache.clear_global_tensor_cache()
        assert a_tensor()._caches is not x._caches
    finally:
        tensor_cache.set_tensor_cache_mode(TensorCacheMode.SEPARATE_TENSOR_CACHE)
        tensor_cache.clear_global_tensor_cache()
    assert tensor_cache.get_tensor_cache_mode() is TensorCacheMode.SEPARATE_TENSOR_CACHE
    assert a_tensor()._caches is not a_tensor()._caches
    with pytest.raises(TypeError, match="mode"):
        tensor_cache.set_tensor_cache_mode(1)


def test_copies_and_pickles_go_on_where_the_tensor_was():
    x = a_tensor()
    y = spnn.Conv3d(2, 3, 2, 2)(x).detach()
    up = spnn.Conv3d(3, 2, 2, 2, transposed=True)
    expected = up(y).feats
    buffer = io.BytesIO()
    torch.save(y, buffer)
    buffer.seek(0)
    for other in (copy.deepcopy(y), pickle.loads(pickle.dumps(y)), torch.load(buffer, weights_only=False)):
        z = up(other)
        assert torch.equal(z.feats, expected)
        assert torch.equal(z.coords, x.coords)
        assert z.coords is other._caches.kmaps[next(iter(other._caches.kmaps))].fine


def test_modules_are_saved_by_state_and_as_a_whole():
    net = torch.nn.Sequential(
        spnn.Conv3d(2, 3, 3, bias=True), spnn.BatchNorm(3), spnn.Conv3d(3, 2, 2, 2, transposed=False)
    )
    state = net.state_dict()
    assert state["0.kernel"].shape == (27, 2, 3)
    assert state["0.bias"].shape == (3,)
    assert state["2.kernel"].shape == (8, 3, 2)
    assert spnn.Conv3d(2, 3, 1).kernel.shape == (2, 3)
    buffer = io.BytesIO()
    torch.save(net, buffer)
    buffer.seek(0)
    again = torch.load(buffer, weights_only=False)
    x = a_tensor()
    for other in (again, copy.deepcopy(net)):
        assert torch.equal(other.eval()(x).feats, net.eval()(x).feats)
    assert repr(net[2]) == "Conv3d(3, 2, kernel_size=(2, 2, 2), stride=(2, 2, 2), bias=False)"
    layer = spnn.Conv3d(2, 3, 3, dilation=2, bias=True, transposed=True, generative=True)
    assert repr(layer) == "Conv3d(2, 3, kernel_size=(3, 3, 3), dilation=2, transposed=True, generative=True)"
    assert layer.kernel.abs().max() <= 1 / (3 * 27) ** 0.5


def test_sizes_of_all_kinds_become_tuples():
    assert make_ntuple(3, 2) == (3, 3)
    assert make_ntuple([1, 2], 2) == (1, 2)
    assert make_ntuple(torch.tensor([4, 5]), 2) == (4, 5)
    assert make_ntuple(np.int64(2), 3) == (2, 2, 2)
    assert make_ntuple(np.array([1, 2]), 2) == (1, 2)
    assert make_ntuple(torch.tensor(7), 2) == (7, 7)
    with pytest.raises(ValueError, match=r"x: has shape \[2\], expected \[3\]"):
        make_ntuple((1, 2), 3)
    with pytest.raises(ValueError, match="a number or a sequence"):
        make_ntuple("ab", 2)
    assert make_tensor((1, 2), torch.int, "cpu").tolist() == [1, 2]
    assert make_divisible(130, 128) == 256


def test_nothing_stays_behind_after_training():
    x = a_tensor()
    net = torch.nn.Sequential(spnn.Conv3d(2, 3, 2, 2), spnn.BatchNorm(3), spnn.Conv3d(3, 2, 2, 2, transposed=True))
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    losses = []
    for _ in range(5):
        loss = (net(SparseTensor(x.feats, x.coords.clone())).feats - 1).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("stride", [2, 3])
def test_coordinates_are_in_units_of_the_finest_level_if_a_program_wants_it(stride):
    x = a_tensor(kind=torch.float64)
    down = spnn.Conv3d(2, 3, 3, stride, 1).double()
    net = torch.nn.Sequential(down, spnn.Conv3d(3, 3, 3), spnn.Conv3d(3, 2, 3, stride, 1, transposed=True)).double()
    grown = spnn.Conv3d(3, 2, 3, stride, transposed=True, generative=True).double()
    divided, back, more = down(x), net(x), grown(down(SparseTensor(x.feats, x.coords)))
    set_coordinate_units("finest")
    try:
        again = SparseTensor(x.feats, x.coords)
        multiples = down(again)
        assert torch.equal(multiples.coords[:, 1:], divided.coords[:, 1:] * stride)
        assert torch.equal(multiples.feats, divided.feats)
        assert torch.equal(net(again).feats, back.feats)
        also = grown(multiples)
        assert torch.equal(also.coords, more.coords)
        assert torch.equal(also.feats, more.feats)
        odd = SparseTensor(x.feats, x.coords, 7)
        with pytest.raises(ValueError, match="multiples of the stride"):
            spnn.Conv3d(2, 1, 3, 7, transposed=True, generative=True).double()(odd)
    finally:
        set_coordinate_units("level")
    with pytest.raises(ValueError, match="units"):
        set_coordinate_units("voxels")


@pytest.mark.parametrize("way", ["numpy", "data", "inference"])
def test_a_buffer_that_is_filled_anew_for_each_frame_is_noticed(way):
    """Torch does not count what others write into a tensor's memory, nor what is written in inference mode."""
    torch.manual_seed(0)
    conv = spnn.Conv3d(2, 3, 3)
    frames = [a_tensor(), a_tensor(span=9)]
    count = min(len(frame.coords) for frame in frames)
    with torch.inference_mode(way == "inference"), torch.no_grad():
        buffer = frames[0].coords[:count].clone()
        shown = buffer.numpy()
        for frame in frames:
            coords, feats = frame.coords[:count], frame.feats[:count]
            if way == "numpy":
                shown[:] = coords.numpy()
            elif way == "data":
                buffer.data[:] = coords
            else:
                buffer.copy_(coords)
            expected = conv(SparseTensor(feats, coords.clone())).feats
            assert torch.equal(conv(SparseTensor(feats, buffer)).feats, expected)


def test_joined_tensors_have_no_range():
    x = a_tensor()
    x.spatial_range = (2, 99, 99, 99)
    y = cat([x, x])
    assert y.spatial_range is None and x.spatial_range == (2, 99, 99, 99)
    assert torch.equal(y.feats, torch.cat([x.feats, x.feats], 1))


def test_coordinates_alone_in_the_caches_are_sites_to_return_to():
    sites = torch.tensor([[0, 1, 1, 1], [0, 2, 1, 1], [0, 5, 5, 5], [1, 3, 3, 3]], dtype=torch.int32)
    found = []
    down, up = spnn.Conv3d(2, 3, 2, stride=2), spnn.Conv3d(3, 2, 2, stride=2, transposed=True)
    for is_set in (False, True):
        x = SparseTensor(torch.arange(8.0).view(4, 2), sites, 1, (2, 8, 8, 8))
        if is_set:
            x._caches.cmaps.setdefault(x.stride, x.coords)
        y = up(down(x))
        assert y.coords is sites and y.spatial_range == (2, 8, 8, 8)
        found.append(cat([y, x]).feats)
    assert torch.equal(*found)


def test_a_range_may_end_with_the_planes():
    sites = torch.tensor([[0, 1, 1, 1], [1, 3, 3, 3]], dtype=torch.int32)
    x = SparseTensor(torch.ones(2, 2), sites, 1, (2, 8, 8, 8, 2))
    y = spnn.Conv3d(2, 5, 3)(x)
    assert y.spatial_range == (2, 8, 8, 8) and y.dense().shape == (2, 8, 8, 8, 5)
    assert spnn.Conv3d(2, 5, 3, stride=2, padding=1)(x).spatial_range == (2, 4, 4, 4)
    assert spnn.ReLU()(x).dense().shape == (2, 8, 8, 8, 2)
