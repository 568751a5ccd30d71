"""Hashing, counting, voxels and the way back to points, in the language of torchsparse."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from scn.errors import CoordinateError, UnsupportedError
from scn.torchsparse import backend
from scn.torchsparse.nn import functional as F
from scn.torchsparse.nn.utils import get_kernel_offsets
from scn.torchsparse.utils.quantize import ravel_hash, sparse_quantize


def test_hashes_tell_rows_apart():
    where = torch.stack(torch.meshgrid(*[torch.arange(-12, 12)] * 4, indexing="ij"), -1).reshape(-1, 4).int()
    keys = F.sphash(where)
    assert keys.dtype is torch.int64
    assert len(torch.unique(keys)) == len(where)
    assert torch.equal(F.sphash(where.long()), keys)
    assert keys.min() >= 0
    far = torch.tensor([[2**31 - 1, -(2**31), 0, 5]], dtype=torch.int32)
    assert F.sphash(far) == F.sphash(far.clone())


@pytest.mark.parametrize("low", [-(2**31), -9, 0])
def test_hashes_have_the_numbers_that_programs_order_sites_by(low):
    """FNV-1a with words of 32 bits, the upper four bits folded into the lower ones."""
    rows = torch.randint(low, low + 2**31 if low < -9 else 9, (50, 4), generator=torch.Generator().manual_seed(1))

    def number(row):
        result = 14695981039346656037
        for word in row:
            result = (result ^ word % 2**32) * 1099511628211 % 2**64
        return (result >> 60) ^ (result % 2**60)

    assert F.sphash(rows.int()).tolist() == [number(row) for row in rows.tolist()]
    # What torchsparse has no number for still tells rows apart.
    assert len(torch.unique(F.sphash(torch.tensor([[1, 2, 3, 4], [1 + 2**32, 2, 3, 4], [1 - 2**32, 2, 3, 4]])))) == 3


def test_hashes_of_neighbors_are_those_of_the_moved_rows():
    where = torch.randint(-50, 50, (20, 4)).int()
    offsets = get_kernel_offsets(3, 2)
    keys = F.sphash(where, offsets)
    assert keys.shape == (27, 20)
    for k in (0, 13, 26):
        moved = where.clone()
        moved[:, :3] += offsets[k]
        assert torch.equal(keys[k], F.sphash(moved))


def test_queries_find_the_first_of_the_same_numbers():
    references = torch.tensor([7, 3, 7, -(2**62), 5])
    queries = torch.tensor([[3, 7, 4], [5, -(2**62), 2**62]])
    assert F.sphashquery(queries, references).tolist() == [[1, 0, -1], [4, 3, -1]]
    assert F.sphashquery(queries, references[:0]).tolist() == [[-1] * 3] * 2
    assert F.sphashquery(queries[:, :0], references).shape == (2, 0)


def test_counts_leave_negative_numbers_out():
    assert F.spcount(torch.tensor([0, 2, -1, 2], dtype=torch.int32), 4).tolist() == [1, 0, 2, 0]
    assert F.spcount(torch.tensor([0]), 1).dtype is torch.int32
    with pytest.raises(ValueError, match="coords: is 4, expected rows below 4"):
        F.spcount(torch.tensor([4]), 4)


def test_taps_of_an_odd_volume_begin_with_the_first_axis():
    assert get_kernel_offsets(3)[:3].tolist() == [[-1, -1, -1], [0, -1, -1], [1, -1, -1]]
    assert get_kernel_offsets(2).tolist()[:3] == [[0, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert get_kernel_offsets((4, 1, 1), 2, 3)[:, 0].tolist() == [-6, 0, 6, 12]
    assert get_kernel_offsets((1, 3, 1)).dtype is torch.int32


@pytest.mark.parametrize("rows", [0, 1, 60])
def test_voxels_get_the_mean_of_their_points(rows):
    of_point = torch.randint(-1, 9, (rows,), generator=torch.Generator().manual_seed(0))
    counts = F.spcount(of_point.int(), 10)
    x = torch.randn(rows, 3, dtype=torch.float64, requires_grad=True)
    means = F.spvoxelize(x, of_point, counts)
    for voxel in range(10):
        inside = x[of_point == voxel]
        assert torch.allclose(means[voxel], inside.mean(0) if len(inside) else torch.zeros(3, dtype=torch.float64))
    if rows:
        assert torch.autograd.gradcheck(lambda x: F.spvoxelize(x, of_point, counts), (x,))
        assert torch.autograd.gradgradcheck(lambda x: F.spvoxelize(x, of_point, counts), (x,))
    assert torch.allclose(F.spvoxelize(x.float(), of_point, counts).double(), means, atol=1e-6)
    assert F.spvoxelize(x.half(), of_point, counts).dtype is torch.float16


def test_voxels_are_divided_by_the_counts_that_are_given():
    x = torch.ones(4, 1)
    of_point = torch.tensor([0, 0, 1, 2])
    assert F.spvoxelize(x, of_point, torch.tensor([4, 1, 0])).tolist() == [[0.5], [1], [0]]


@pytest.mark.parametrize("rows", [1, 30])
def test_points_get_the_weighted_sum_of_their_rows(rows):
    generator = torch.Generator().manual_seed(1)
    index = torch.randint(-1, rows, (40, 8), generator=generator)
    x = torch.randn(rows, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    weights = torch.rand(40, 8, generator=generator, dtype=torch.float64, requires_grad=True)
    found = F.spdevoxelize(x, index.int(), weights)
    padded = torch.cat([x, torch.zeros(1, 2, dtype=torch.float64)])
    expected = (padded[index] * weights[:, :, None]).sum(1)
    assert torch.allclose(found, expected)
    given = torch.randn(40, 2, generator=generator, dtype=torch.float64)
    for mine, other in zip(*(torch.autograd.grad(y, (x, weights), given) for y in (found, expected))):
        assert torch.allclose(mine, other)
    small = (x[: min(rows, 4)].detach().requires_grad_(), weights[:5].detach().requires_grad_())
    few = index[:5].clamp(max=len(small[0]) - 1)
    assert torch.autograd.gradcheck(lambda x, w: F.spdevoxelize(x, few, w), small)
    assert torch.autograd.gradgradcheck(lambda x, w: F.spdevoxelize(x, few, w), small)
    assert F.spdevoxelize(x, index[:0], weights[:0]).shape == (0, 2)


def test_rows_that_nobody_reads_may_hold_anything():
    x = torch.tensor([[float("nan")], [1.0]])
    assert F.spdevoxelize(x, torch.tensor([[-1, 1]]), torch.ones(1, 2)).tolist() == [[1.0]]


@pytest.mark.parametrize("scale", [1, 2, 0.5])
def test_weights_are_trilinear_and_add_up_to_one(scale):
    points = torch.rand(30, 3, dtype=torch.float64) * 6 - 3
    index = torch.randint(-1, 5, (30, 8))
    weights = F.calc_ti_weights(points, index, scale)
    place = points / scale
    base = place.floor()
    for corner, (i, j, k) in enumerate((i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)):
        alone = torch.prod(1 - (place - base - torch.tensor([i, j, k])).abs(), 1)
        shown = torch.where(index[:, corner] >= 0, alone, 0)
        assert torch.allclose(weights[:, corner] * (weights[:, corner] != 0), shown / _shares(place, base, index))
    with pytest.raises(ValueError, match="idx_query"):
        F.calc_ti_weights(points, index.t())


def _shares(place, base, index):
    corners = [(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    each = [
        torch.prod(1 - (place - base - torch.tensor(c)).abs(), 1) * (index[:, n] >= 0) for n, c in enumerate(corners)
    ]
    return sum(each) + 1e-8


def test_tables_over_the_same_memory_are_one():
    sites = torch.randint(-9, 9, (50, 4)).unique(dim=0).int()
    keys, vals = torch.zeros(100, dtype=torch.int64), torch.zeros(100, dtype=torch.int32)
    backend.GPUHashTable(keys, vals).insert_coords(sites)
    table = backend.GPUHashTable(keys, vals)
    found = table.lookup_coords(sites, torch.tensor([2, 2, 2]), torch.tensor([1, 1, 1]), np.int64(8))
    assert found.shape == (128, 8)
    assert found.dtype is torch.int32
    assert torch.equal(found[: len(sites), 0], torch.arange(1, len(sites) + 1, dtype=torch.int32))
    assert not found[len(sites) :].any()
    row_of = {tuple(site): row + 1 for row, site in enumerate(sites.tolist())}
    for row, (x, y, z, b) in enumerate(sites.tolist()):
        assert found[row, 3] == row_of.get((x, y + 1, z + 1, b), 0)
    odd = table.lookup_coords(sites, (3, 3, 3), (2, 2, 2), 27)
    x, y, z, b = sites[5].tolist()
    assert odd[5, 0] == row_of.get((2 * x - 1, 2 * y - 1, 2 * z - 1, b), 0)
    alone = backend.GPUHashTable(16)
    assert not alone.lookup_vals(torch.tensor([4])).any()
    alone.insert_vals(torch.tensor([9, 4]))
    assert alone.lookup_vals(torch.tensor([4, 5, 9])).tolist()[:3] == [2, 0, 1]
    with pytest.raises(ValueError, match="kernel_volume"):
        table.lookup_coords(sites, (3, 3, 3), (1, 1, 1), 8)


def test_compiled_functions_work_or_say_that_they_are_not_there():
    where = torch.randint(0, 9, (6, 4)).int()
    assert torch.equal(backend.hash_cpu(where), F.sphash(where))
    assert torch.equal(backend.kernel_hash_cpu(where, get_kernel_offsets(2)), F.sphash(where, get_kernel_offsets(2)))
    found = backend.hash_query_cpu(torch.tensor([5, 6]), torch.tensor([6, 7]), torch.tensor([0, 1]))
    assert found.tolist() == [0, 1]
    with pytest.raises(UnsupportedError, match="conv_forward_implicit_gemm_cuda"):
        backend.conv_forward_implicit_gemm_cuda(1, 2)


@pytest.mark.parametrize("size", [0.25, (0.1, 0.2, 3), 1])
def test_quantizing_keeps_the_first_point_of_each_site_in_order(size, random):
    points = random.standard_normal((200, 3)).astype(np.float32)
    coords, index, inverse = sparse_quantize(points, size, return_index=True, return_inverse=True)
    places = np.floor(points / np.array(size if isinstance(size, tuple) else [size] * 3)).astype(np.int32)
    assert coords.dtype == np.int32
    assert coords.tolist() == np.unique(places, axis=0).tolist()
    assert (places[index] == coords).all()
    assert all(not (places[:first] == site).all(1).any() for first, site in zip(index[:20], coords[:20]))
    assert (coords[inverse] == places).all()
    assert sparse_quantize(points, size).tolist() == coords.tolist()
    assert (np.argsort(ravel_hash(coords)) == np.arange(len(coords))).all()


def test_quantizing_refuses_what_are_no_points():
    with pytest.raises(ValueError, match="coords: has shape"):
        sparse_quantize(np.ones((3, 2)))
    with pytest.raises(ValueError, match="voxel_size"):
        sparse_quantize(np.ones((3, 3)), (1, 2))
    with pytest.raises(CoordinateError, match="not finite"):
        sparse_quantize(np.full((1, 3), np.nan))
    assert sparse_quantize(np.ones((0, 3))).shape == (0, 3)


def test_bad_calls_say_what_was_expected():
    where = torch.zeros(3, 4).int()
    with pytest.raises(ValueError, match="coords: has shape"):
        F.sphash(where[:, :3])
    with pytest.raises(TypeError, match="coords: has elements of type"):
        F.sphash(where.float())
    with pytest.raises(ValueError, match="offsets: has shape"):
        F.sphash(where, where)
    with pytest.raises(ValueError, match="weights: has shape"):
        F.spdevoxelize(torch.ones(3, 2), where, torch.ones(3, 3))
    with pytest.raises(ValueError, match="expected rows below 2"):
        F.spdevoxelize(torch.ones(2, 2), where + 2, torch.ones(3, 4))
    with pytest.raises(ValueError, match="coords: has shape"):
        F.spvoxelize(torch.ones(2, 2), torch.zeros(3).int(), torch.ones(1))
