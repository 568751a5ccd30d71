"""Sites in a program's order."""

import numpy as np
import pytest
import torch

from scn.dialects.rows import Rows, coordinate_array
from scn.errors import UnsupportedError
from scn.torch.functions import permute


def test_sites_that_another_set_has_in_another_order_keep_theirs():
    where = np.array([[3, 1, 0], [0, 2, 0], [5, 5, 1], [1, 1, 0]])
    first = Rows.made(where, "coordinates")
    second = Rows.made(where[::-1].copy(), "coordinates", beside=first.sites)
    for rows, given in ((first, where), (second, where[::-1])):
        assert rows.coordinates("last").tolist() == given.tolist()
        features = torch.arange(4.0)[:, None]
        assert torch.equal(rows.shown(rows.sorted(features)), features)
    assert second.find(where).tolist() == [3, 2, 1, 0]


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.int16])
@pytest.mark.parametrize("batch", ["first", "last"])
def test_coordinates_are_brought_into_one_layout(dtype, batch):
    where = np.arange(24, dtype=dtype).reshape(6, 4)
    expected = np.roll(where, -1, 1) if batch == "first" else where
    for given in (
        where,
        torch.from_numpy(where),
        np.asfortranarray(where),
        where[::-1][::-1],
        np.repeat(where, 2, 0)[::2],
    ):
        found = coordinate_array(given, "coordinates", 3, batch)
        assert found.dtype == np.int64 and found.flags.c_contiguous
        assert np.array_equal(found, expected)


def test_coordinates_come_back_in_the_order_of_the_rows(random):
    where = random.permutation(np.unique(random.integers(-9, 9, (200, 4)), axis=0))
    where[:, -1] = abs(where[:, -1])
    where = np.unique(where, axis=0)[::-1].copy()
    rows = Rows.made(where, "coordinates")
    assert np.array_equal(rows.coordinates("last").numpy(), where)
    assert np.array_equal(rows.coordinates().numpy(), np.roll(where, 1, 1))
    assert np.array_equal(rows.find(where), np.arange(len(where)))


def layouts(values):
    """The same matrix in memory of different kinds."""
    count, planes = values.shape
    yield values
    yield torch.cat([values, values + 1], 1)[:, :planes]
    yield torch.cat([values + 1, values, values], 1)[:, planes : 2 * planes]
    yield torch.cat([values, values[:, :1]], 1)[:, :planes]
    yield values.T.contiguous().T
    yield values.repeat_interleave(2, 0)[::2]
    yield values[:1].expand(count, planes)
    yield torch.view_as_complex(torch.stack([values, -values], -1)).conj().imag


@pytest.mark.parametrize("planes", [1, 3, 16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_rows_are_put_in_order_wherever_they_lie(random, planes, dtype):
    order = torch.from_numpy(random.permutation(50))
    inverse = torch.argsort(order)
    plain = torch.from_numpy(random.standard_normal((50, planes)))
    for values in layouts(plain):
        given = values.to(dtype) if dtype is not torch.float64 else values
        assert torch.equal(permute(given, order, inverse), given[order])
    for given in layouts(plain.float()):
        leaf = given.detach().requires_grad_()
        weights = torch.from_numpy(random.standard_normal((50, 2 * planes))).float()
        # A gradient in two halves of one matrix.
        result = torch.cat([permute(leaf, order, inverse), permute(leaf, inverse, order)], 1)
        assert torch.equal(result.detach(), torch.cat([given[order], given[inverse]], 1))
        (gradient,) = torch.autograd.grad((result * weights).sum(), leaf)
        torch.testing.assert_close(gradient, weights[inverse, :planes] + weights[order, planes:])


def test_no_rows_and_other_devices_are_put_in_order():
    none = torch.empty(0, dtype=torch.int64)
    assert permute(torch.empty(0, 3), none, none).shape == (0, 3)
    assert permute(torch.empty(2, 0), torch.tensor([1, 0]), torch.tensor([1, 0])).shape == (2, 0)
    order = torch.tensor([1, 0], device="meta")
    assert permute(torch.empty(2, 3, device="meta"), order, order).device.type == "meta"
    with torch.inference_mode():
        swapped = permute(torch.tensor([[1.0], [2.0]]), torch.tensor([1, 0]), torch.tensor([1, 0]))
    assert swapped.tolist() == [[2.0], [1.0]]


def test_coordinates_without_values_are_an_error_that_says_so():
    fake = pytest.importorskip("torch._subclasses.fake_tensor")
    where = torch.zeros(3, 4, dtype=torch.int32)
    with fake.FakeTensorMode(allow_non_fake_inputs=True), pytest.raises(UnsupportedError, match="indices: is a Fake"):
        coordinate_array(where.clone(), "indices")
    with pytest.raises(UnsupportedError, match="indices: is on meta, which has no values"):
        coordinate_array(where.to("meta"), "indices")
