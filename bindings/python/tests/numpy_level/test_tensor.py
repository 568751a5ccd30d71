"""Dense tensors: values, memory, gradients, arithmetic."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import scn


def test_values_and_shape(random):
    array = random.standard_normal((3, 4))
    tensor = scn.tensor(array)
    assert tensor.shape == (3, 4) and tensor.ndim == 2 and len(tensor) == 3 and tensor.numel() == 12
    assert tensor.dtype == np.float32 and tensor.numpy().dtype == np.float32
    assert np.array_equal(tensor, array.astype(np.float32))
    assert np.array_equal(tensor[1:, 2], array[1:, 2].astype(np.float32))
    assert isinstance(tensor[0], np.ndarray) and isinstance(tensor[0, 0], np.float32)
    assert [row.shape for row in tensor] == [(4,)] * 3
    assert not tensor.requires_grad and tensor.grad is None


@pytest.mark.parametrize(
    "value, shape",
    [(3, ()), ([1, 2], (2,)), ([[]], (1, 0)), (np.zeros((0, 5)), (0, 5)), (np.arange(6).reshape(2, 3).T, (3, 2)),
     (np.ones((1,) * 16), (1,) * 16), (np.array([True, False]), (2,)), (np.arange(3, dtype=">f4"), (3,))],
)  # fmt: skip
def test_what_becomes_a_tensor(value, shape):
    tensor = scn.tensor(value)
    assert tensor.shape == shape and np.array_equal(tensor.numpy(), np.asarray(value, np.float32))


def test_what_does_not_become_a_tensor():
    with pytest.raises(TypeError, match="complex"):
        scn.tensor([1j])
    with pytest.raises(TypeError):
        scn.tensor(["a"])
    with pytest.raises(TypeError):
        scn.tensor(None)
    with pytest.raises(ValueError, match="rank"):
        scn.tensor(np.ones((1,) * 17))


def test_misaligned_values_are_read():
    raw = np.frombuffer(b"\0" + np.arange(5, dtype=np.float32).tobytes(), np.uint8)[1:].view(np.float32)
    assert np.array_equal(scn.tensor(raw), np.arange(5))


def test_numpy_is_the_memory_itself():
    tensor = scn.tensor([1, 2, 3])
    view = tensor.numpy()
    assert np.shares_memory(view, tensor.numpy()) and np.shares_memory(view, np.asarray(tensor))
    view[1] = 20
    assert tensor[1] == 20 and view.flags.writeable
    assert not np.shares_memory(view, np.array(tensor)) and not np.shares_memory(view, tensor.__array__(copy=True))
    assert np.asarray(tensor, np.float64).dtype == np.float64
    with pytest.raises(ValueError):
        tensor.__array__(np.float64, copy=False)


def test_a_view_keeps_its_memory():
    view = scn.tensor(np.arange(1000)).numpy()
    gc.collect()
    others = [scn.tensor(np.full(1000, 7)) for _ in range(50)]
    assert np.array_equal(view, np.arange(1000)) and len(others) == 50


def test_from_numpy_shares_memory():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    tensor = scn.from_numpy(array)
    assert np.shares_memory(array, tensor.numpy()) and tensor.shape == (2, 3)
    array[0, 0] = 9
    assert tensor[0, 0] == 9
    tensor.copy_(np.zeros((2, 3)))
    assert not array.any()
    assert scn.from_numpy(array, requires_grad=True).requires_grad
    assert scn.from_numpy(np.zeros((0, 2), np.float32)).shape == (0, 2)


class Watched(np.ndarray):
    """An array whose deletion can be observed."""


def test_from_numpy_keeps_the_array_as_long_as_anything_needs_it():
    array = np.ones((4, 2), np.float32).view(Watched)
    alive = weakref.ref(array)
    tensor = scn.from_numpy(array, requires_grad=True)
    doubled = tensor * scn.tensor(np.full((4, 2), 2.0), requires_grad=True)
    del array, tensor
    gc.collect()
    assert alive() is not None
    doubled.backward(np.ones((4, 2)))
    del doubled
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize(
    "array",
    [np.zeros(3), np.zeros((4, 4), np.float32)[:, 1], np.zeros((2, 3), np.float32).T, [1.0], np.zeros(3, ">f4"),
     np.frombuffer(bytes(12), np.float32)],
)  # fmt: skip
def test_from_numpy_refuses_what_cannot_be_shared(array):
    with pytest.raises(scn.InvalidArgumentError, match="scn.tensor copies"):
        scn.from_numpy(array)


def test_arithmetic_and_its_gradients(random):
    a, b = random.standard_normal((2, 3, 4)).astype(np.float32)
    x, y = scn.tensor(a, requires_grad=True), scn.tensor(b, requires_grad=True)
    z = (x * y + 2 * x - y / 4 + 1 - (-x)) * b + b - 3
    assert np.allclose(z, (a * b + 2 * a - b / 4 + 1 + a) * b + b - 3, atol=1e-5)
    z.sum().backward()
    assert np.allclose(x.grad, (b + 3) * b, atol=1e-5) and np.allclose(y.grad, (a - 0.25) * b, atol=1e-5)


def test_arithmetic_with_numpy_on_the_left_keeps_the_gradient():
    x = scn.tensor([1.0, 2.0], requires_grad=True)
    results = [np.ones(2) + x, np.ones(2) - x, np.ones(2) * x, np.float32(3) * x, np.float64(3) - x, 5 - x]
    expected = [[2, 3], [0, -1], [1, 2], [3, 6], [2, 1], [4, 3]]
    for result, values in zip(results, expected):
        assert isinstance(result, scn.Tensor) and result.requires_grad and np.allclose(result, values)


def test_arithmetic_that_makes_no_sense():
    x = scn.tensor([1.0, 2.0])
    with pytest.raises(ValueError, match="shape"):
        x + scn.tensor([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="shape"):
        x * np.ones(3)
    with pytest.raises(TypeError):
        x + "a"
    with pytest.raises(TypeError):
        x / x
    assert np.array_equal(np.abs(-x), [1, 2])


def test_comparisons_are_numpys():
    x, y = scn.tensor([1.0, 2.0]), scn.tensor([1.0, 3.0])
    pairs = [(x == y, [1, 0]), (x != y, [0, 1]), (x < y, [0, 1]), (x >= y, [1, 0]), (x > 1, [0, 1]), (x <= 1, [1, 0])]
    for result, expected in pairs:
        assert isinstance(result, np.ndarray) and result.tolist() == expected
    assert len({x, y, x}) == 2


def test_sum_mean_reshape(random):
    array = random.standard_normal((4, 6)).astype(np.float32)
    x = scn.tensor(array, requires_grad=True)
    assert x.sum().shape == () and np.isclose(x.sum().item(), array.sum(), atol=1e-5)
    assert np.isclose(x.mean().item(), array.mean(), atol=1e-6)
    assert x.reshape(3, -1).shape == (3, 8) and x.view((2, 2, 6)).shape == (2, 2, 6) and x.reshape([24]).shape == (24,)
    (x.reshape(-1) * np.arange(24)).sum().backward()
    assert np.array_equal(x.grad, np.arange(24).reshape(4, 6))
    for shape in [(5, 5), (-1, -1), (5, -1), (-2, 12)]:
        with pytest.raises(ValueError):
            x.reshape(*shape)
    with pytest.raises(ValueError, match="integer"):
        x.reshape(2.5, 2)
    with pytest.raises(ValueError, match="mean"):
        scn.tensor(np.zeros((0, 3))).mean()


def test_item():
    assert scn.tensor([[4.5]]).item() == 4.5 and float(scn.tensor(2)) == 2 and bool(scn.tensor(1))
    with pytest.raises(ValueError, match="^item: the tensor has .* elements, expected 1$"):
        scn.tensor([1, 2]).item()
    with pytest.raises(TypeError):
        len(scn.tensor(1))


def test_gradients_add_up_until_they_are_forgotten():
    x = scn.tensor([1.0, 2.0], requires_grad=True)
    (x * 3).backward(np.array([1, 1]))
    (x * 3).backward([1, 2])
    assert np.array_equal(x.grad, [6, 9]) and np.shares_memory(x.grad, x.grad)
    kept = x.grad
    x.zero_grad()
    assert x.grad is None and np.array_equal(kept, [6, 9])
    (x * 1).backward(scn.tensor([5, 5]))
    x.grad = None
    assert x.grad is None
    with pytest.raises(TypeError, match="None"):
        x.grad = np.ones(2)


def test_backward_says_what_is_wrong():
    x = scn.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    with pytest.raises(ValueError, match="shape"):
        y.backward(np.ones(3))
    with pytest.raises(ValueError, match="shape"):
        y.backward(np.ones((2, 1)))
    with pytest.raises(ValueError, match="gradient"):
        y.backward()
    y.backward(np.ones(2))
    with pytest.raises(scn.StateError, match="used up"):
        y.backward(np.ones(2))
    with pytest.raises(scn.StateError):
        (scn.tensor([1.0]) * 2).backward()
    with pytest.raises(scn.StateError):
        y.requires_grad_(False)


def test_detach_shares_values_and_stops_gradients():
    x = scn.tensor([1.0, 2.0], requires_grad=True)
    y = (x * 2).detach()
    assert not y.requires_grad and y.requires_grad_() is y and y.requires_grad
    (y * 3).sum().backward()
    assert np.array_equal(y.grad, [3, 3]) and x.grad is None
    assert np.shares_memory(x.detach().numpy(), x.numpy())
    x.requires_grad = False
    assert not x.requires_grad


def test_copy_():
    x = scn.Parameter([1.0, 2.0])
    assert x.copy_([3, 4]) is x and np.array_equal(x, [3, 4])
    with pytest.raises(ValueError, match="shape"):
        x.copy_([1, 2, 3])


@pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize("kind", [scn.Tensor, scn.Parameter])
def test_copies(duplicate, kind):
    x = kind([[1.0, 2.0]], requires_grad=True)
    y = duplicate(x)
    assert type(y) is kind and np.array_equal(x, y) and y.requires_grad and not np.shares_memory(x.numpy(), y.numpy())
    pair = duplicate([x, x])
    assert pair[0] is pair[1]


def test_formats_are_those_of_a_number():
    loss = scn.tensor([1.0, 2.5]).mean()
    assert f"{loss:.3f} {loss:8.2e}" == "1.750 1.75e+00"
    assert f"{loss}" == str(loss) == "tensor(1.75)"
    for values in ([1.0], [[1.0, 2.0]]):
        assert f"{scn.tensor(values)}" == repr(scn.tensor(values))
        with pytest.raises(TypeError, match=r"^format '.3f': the tensor has shape \[1.*\], expected rank 0"):
            f"{scn.tensor(values):.3f}"


def test_repr():
    assert repr(scn.tensor([1.5, 2])) == "tensor([1.5, 2. ])"
    assert repr(scn.Parameter([1.0])) == "Parameter([1.], requires_grad=True)"
    assert len(repr(scn.tensor(np.zeros((1000, 1000))))) < 2000
