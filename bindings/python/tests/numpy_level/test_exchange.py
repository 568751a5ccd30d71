"""Memory shared with other libraries, both ways: DLPack, the array interface, the buffer protocol."""

import array
import gc
import weakref

import numpy as np
import pytest

import scn


class Lender:
    """An object of another library that has only one protocol."""

    def __init__(self, values, device=None):
        self.values, self.device = values, device


class DLPack(Lender):
    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device or self.values.__dlpack_device__()


class ArrayInterface(Lender):
    @property
    def __array_interface__(self):
        return self.values.__array_interface__


def buffer_of(values):
    return memoryview(values)


LENDERS = [DLPack, ArrayInterface, buffer_of]


def numbers(*shape):
    return np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape) + 1


EXPORTS = [np.from_dlpack, np.asarray, lambda tensor: np.asarray(Lent(tensor))]


class Lent:
    """What a library sees that knows only the array interface."""

    def __init__(self, tensor):
        self.__array_interface__ = tensor.__array_interface__


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("shape", [(3, 2), (4,), ()])
def test_a_tensor_lends_its_memory_writable(export, shape):
    tensor = scn.tensor(numbers(*shape))
    lent = export(tensor)
    assert lent.dtype == np.float32 and lent.shape == shape and lent.flags.writeable
    assert np.shares_memory(lent, tensor.numpy())
    lent[...] = 7
    assert (tensor.numpy() == 7).all()


@pytest.mark.parametrize("export", EXPORTS)
def test_what_was_lent_outlives_the_tensor(export):
    tensor = scn.tensor(numbers(1000, 10))
    lent = export(tensor)
    del tensor
    gc.collect()
    other = [scn.tensor(np.zeros((1000, 10), np.float32)) for _ in range(4)]
    assert np.array_equal(lent, numbers(1000, 10))
    lent += 1
    del lent, other


@pytest.mark.parametrize("export", EXPORTS)
def test_features_of_a_sparse_tensor_outlive_their_assignment(export, sparse):
    before = sparse.numpy().copy()
    lent = export(sparse)
    assert np.shares_memory(lent, sparse.numpy())
    sparse.features = np.zeros_like(before)
    gc.collect()
    other = scn.tensor(np.ones_like(before))
    assert np.array_equal(lent, before) and not sparse.numpy().any()
    del lent, other


def test_no_elements_and_gradients():
    assert np.from_dlpack(scn.tensor(np.zeros((0, 3)))).shape == (0, 3)
    assert np.asarray(Lent(scn.tensor(np.zeros((0, 3))))).shape == (0, 3)
    weight = scn.Parameter(numbers(2))
    lent = np.from_dlpack(weight)
    (weight * weight).sum().backward()
    assert lent.tolist() == [1, 2] and weight.grad.tolist() == [2, 4]
    assert weight.__dlpack_device__() == (1, 0)


@pytest.mark.parametrize("lender", LENDERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_values_of_any_lender_are_copied(lender, dtype):
    values = numbers(2, 3).astype(dtype)
    tensor = scn.tensor(lender(values))
    assert np.array_equal(tensor.numpy(), values) and not np.shares_memory(tensor.numpy(), values)
    turned = scn.tensor(lender(numbers(2, 3)[:, ::2]))
    assert turned.numpy().tolist() == [[1, 3], [4, 6]]


@pytest.mark.parametrize("lender", LENDERS)
def test_a_network_takes_any_lender(lender, points):
    coords, features = points
    net = scn.Sequential(
        scn.InputLayer(2, 15, mode=0), scn.SubmanifoldConvolution(2, 3, 4, 3, True), scn.OutputLayer(2)
    )
    want = net([coords, features])
    assert np.array_equal(net([lender(coords), lender(features)]).numpy(), want.numpy())
    labels = np.zeros(len(coords), np.int64)
    assert scn.cross_entropy(want, lender(labels)).item() == scn.cross_entropy(want, labels).item()
    net[1].weight.copy_(lender(net[1].weight.numpy().copy()))
    net.load_state_dict({name: lender(values.copy()) for name, values in net.state_dict().items()})


@pytest.mark.parametrize("lender", LENDERS)
def test_from_numpy_shares_and_keeps_any_lender(lender):
    values = numbers(3, 2)
    tensor = scn.from_numpy(lender(values))
    values[1] = 9
    assert tensor.numpy()[1].tolist() == [9, 9]
    where = weakref.ref(values)
    del values
    gc.collect()
    assert where() is not None and tensor.numpy()[2].tolist() == [5, 6]
    del tensor
    gc.collect()
    assert where() is None


def test_the_way_out_and_in_again_is_one_memory():
    tensor = scn.tensor(numbers(2, 2))
    again = scn.from_numpy(tensor)
    again.copy_(np.zeros((2, 2)))
    assert not tensor.numpy().any()


def read_only(values):
    values = values.copy()
    values.flags.writeable = False
    return values


@pytest.mark.parametrize("lender", LENDERS)
@pytest.mark.parametrize(
    "values", [numbers(3, 2).T, numbers(4)[::2], numbers(3).astype(np.float64), read_only(numbers(3))]
)
def test_from_numpy_refuses_what_cannot_be_shared(lender, values):
    with pytest.raises(scn.InvalidArgumentError, match="scn.tensor copies"):
        scn.from_numpy(lender(values))


def test_from_numpy_refuses_what_lends_nothing():
    for value in ([1.0, 2.0], 3.0, b"", object()):
        with pytest.raises(scn.InvalidArgumentError, match="scn.tensor copies"):
            scn.from_numpy(value)
    assert scn.from_numpy(array.array("f", [1, 2])).numpy().tolist() == [1, 2]


@pytest.mark.parametrize("device", [(2, 0), (8, 1), (10, 0)])
def test_memory_of_another_device_is_refused(device, points):
    coords, features = points
    for use in (
        scn.tensor,
        scn.from_numpy,
        lambda values: scn.InputLayer(2, 15)([coords, values]),
        lambda values: scn.tensor(features).copy_(values),
        lambda values: scn.Linear(3, 2)(scn.tensor(features)).backward(values),
    ):
        with pytest.raises(
            scn.InvalidArgumentError, match="^(array|values|gradient): is on device .* of DLPack, expected the CPU"
        ):
            use(DLPack(features, device))
    with pytest.raises(scn.InvalidArgumentError, match="^coords: is on device"):
        scn.InputLayer(2, 15)([DLPack(coords, device), features])


@pytest.mark.parametrize("values", [np.array(["a"]), np.array([1j]), np.array([None])])
def test_values_that_are_not_numbers_are_refused(values):
    with pytest.raises(TypeError, match="expected real numbers"):
        scn.tensor(ArrayInterface(values))


def test_with_torch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    tensor = scn.tensor(numbers(2, 3))
    theirs = torch.from_dlpack(tensor)
    theirs[0] = -1
    assert tensor.numpy()[0].tolist() == [-1, -1, -1]
    del tensor
    gc.collect()
    assert theirs[1].tolist() == [4, 5, 6]
    own = scn.from_numpy(theirs)
    theirs[1] = 0
    assert own.numpy()[1].tolist() == [0, 0, 0]
    del theirs
    gc.collect()
    own.copy_(numbers(2, 3))
    weight = torch.nn.Parameter(torch.ones(2, 2))
    shared = scn.from_numpy(weight)
    shared.copy_(numbers(2, 2))
    assert weight.detach().tolist() == [[1, 2], [3, 4]]
    assert scn.tensor(weight).numpy().tolist() == [[1, 2], [3, 4]]
    with pytest.raises(scn.InvalidArgumentError, match="scn.tensor copies"):
        scn.from_numpy(weight.t())
    for use in (scn.tensor, scn.from_numpy):
        with pytest.raises(scn.InvalidArgumentError, match="in memory that the CPU cannot read"):
            use(torch.empty(2, device="meta"))
