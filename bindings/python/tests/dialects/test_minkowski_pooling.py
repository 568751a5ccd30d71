"""Poolings of scn.minkowski, of windows and of samples, and broadcasts, against loops over taps and samples."""

import copy
import pickle

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from test_minkowski_oracle import check, drawn, leaf, pairs, rounded_down, taps_of, tensor, turned

import scn.minkowski as ME
from scn.errors import CoordinateError, InvalidArgumentError

WINDOWS = [(2, 2, 1), (3, 2, 1), (3, 1, 1), (2, 1, 2), ([3, 2, 1], [2, 2, 1], 1)]


def cells(size):
    """The taps of a pooling whose stride is its size: 0 ... size - 1, also for odd sizes."""
    return torch.cartesian_prod(*(torch.arange(size),) * 3).tolist()


def pooled(kind, features, meeting, rows):
    """Each output row's sum, mean or maximum of the input rows that it meets; 0 where there are none."""
    reads, writes = (torch.cat(parts) for parts in zip(*meeting))
    made = []
    for row in range(rows):
        mine = features[reads[writes == row]]
        if not len(mine):
            made.append(features.new_zeros(features.shape[1]))
        else:
            made.append({"Sum": mine.sum(0), "Avg": mine.mean(0), "Max": mine.max(0).values}[kind])
    return torch.stack(made)


@pytest.mark.parametrize("kind", ["Sum", "Avg", "Max"])
@pytest.mark.parametrize("size, stride, dilation", WINDOWS)
def test_windows_are_pooled(random, kind, size, stride, dilation):
    x = tensor(random)
    layer = getattr(ME, f"Minkowski{kind}Pooling")(size, stride, dilation, dimension=3)
    outputs = rounded_down(x.C, stride)
    wanted = pooled(kind, x.F, pairs(x.C, outputs, taps_of(size, dilation, 3), [1] * 3), len(outputs))
    check(layer(x), outputs, wanted, [x.F])


@pytest.mark.parametrize("kind", ["Sum", "Avg", "Max"])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_a_window_as_large_as_its_stride_is_a_cell(random, kind, size):
    x = tensor(random)
    layer = getattr(ME, f"Minkowski{kind}Pooling")(size, size, dimension=3)
    outputs = rounded_down(x.C, size)
    wanted = pooled(kind, x.F, pairs(x.C, outputs, cells(size), [1] * 3), len(outputs))
    check(layer(x), outputs, wanted, [x.F])


@pytest.mark.parametrize("kind", ["Sum", "Avg", "Max"])
def test_windows_without_inputs_give_zero(random, kind):
    x = tensor(random, 10)
    where = drawn(random, 30, low=-6, span=12)
    layer = getattr(ME, f"Minkowski{kind}Pooling")(3, dimension=3)
    wanted = pooled(kind, x.F, pairs(x.C, where, taps_of(3, 1, 3), [1] * 3), len(where))
    assert (wanted == 0).all(1).any()
    result = layer(x, where)
    assert torch.equal(result.C, where)
    check(result, where, wanted, [x.F])


def test_of_equal_values_one_gets_the_gradient():
    x = ME.SparseTensor(
        torch.full((2, 1), -2.0, dtype=torch.float64, requires_grad=True), torch.tensor([[0, 0], [0, 1]]).int()
    )
    result = ME.MinkowskiMaxPooling(2, 2, dimension=1)(x)
    assert result.F.tolist() == [[-2]]
    (gradient,) = torch.autograd.grad(result.F.sum(), x.F)
    assert sorted(gradient.flatten().tolist()) == [0, 1]


@pytest.mark.parametrize("size, stride", [(2, 2), (3, 2), (3, 3)])
def test_unpooling_leads_back_and_adds_up(random, size, stride):
    x = tensor(random)
    y = ME.MinkowskiAvgPooling(size, stride, dimension=3)(x)
    z = ME.MinkowskiPoolingTranspose(size, stride, dimension=3)(y)
    assert z.coordinate_map_key == x.coordinate_map_key
    taps = cells(size) if size == stride else taps_of(size, 1, 3)
    meeting = turned(pairs(x.C, y.C, taps, [1] * 3))
    check(z, x.C, pooled("Sum", y.F, meeting, len(x)), [x.F])


def test_pooling_functions_compute_what_layers_do(random):
    x = tensor(random)
    manager = x.coordinate_manager
    layer = ME.MinkowskiMaxPooling(2, 2, dimension=3)
    y = layer(x)
    key = ME.CoordinateMapKey(4)
    function = ME.MinkowskiLocalPoolingFunction()
    mode = ME.PoolingMode.LOCAL_MAX_POOLING
    made = function.apply(x.F, mode, layer.kernel_generator, x.coordinate_map_key, key, manager)
    assert key == y.coordinate_map_key
    torch.testing.assert_close(made, y.F)
    inputs = torch.tensor([0, 2, 1, 2])
    outputs = torch.tensor([1, 1, 0, 0])
    rows = torch.tensor([[1.0, -5], [3, -2], [2, -7]], requires_grad=True)
    largest = ME.MinkowskiDirectMaxPoolingFunction.apply(inputs, outputs, rows, 3)
    assert largest.tolist() == [[3, -2], [2, -5], [0, 0]]
    largest.sum().backward()
    assert rows.grad.tolist() == [[0, 1], [1, 1], [1, 0]]


def of_samples(kind, x, count):
    """The sum, mean or maximum of each sample's rows, 0 for one without rows."""
    return pooled(kind, x.F, [(torch.arange(len(x)), x.C[:, 0].long())], count)


@pytest.mark.parametrize("kind", ["Sum", "Avg", "Max"])
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_samples_are_pooled_also_of_features_below_zero(random, kind, batch):
    x = tensor(random, 60, batch=batch)
    x = ME.SparseTensor(x.F - 5, coordinate_map_key=x.coordinate_map_key, coordinate_manager=x.coordinate_manager)
    result = getattr(ME, f"MinkowskiGlobal{kind}Pooling")()(x)
    assert result.C.tolist() == [[sample, 0, 0, 0] for sample in range(batch)]
    assert result.tensor_stride == [0, 0, 0]
    torch.testing.assert_close(result.F, of_samples(kind, x, batch))
    check(result, result.C, of_samples(kind, x, batch), [x.F])


def test_all_modes_of_a_global_pooling_are_known(random):
    x = tensor(random)
    for mode in ME.PoolingMode:
        if "GLOBAL" not in mode.name:
            with pytest.raises(AssertionError, match="expected a global pooling mode"):
                ME.MinkowskiGlobalPooling(mode)
            continue
        kind = {"SUM": "Sum", "AVG": "Avg", "MAX": "Max"}[mode.name.split("_")[1]]
        torch.testing.assert_close(ME.MinkowskiGlobalPooling(mode)(x).F, of_samples(kind, x, 2))


@pytest.mark.parametrize("kind", ["Sum", "Avg", "Max"])
def test_a_sample_that_has_lost_its_rows_gives_zero(random, kind):
    x = tensor(random, batch=3)
    kept = ME.MinkowskiPruning()(x, x.C[:, 0] != 1)
    result = getattr(ME, f"MinkowskiGlobal{kind}Pooling")()(kept)
    assert result.C[:, 0].tolist() == [0, 1, 2]
    assert result.F[1].tolist() == [0, 0, 0]
    check(result, result.C, of_samples(kind, kept, 3), [x.F])


def test_fields_are_pooled_by_sample(random):
    points = torch.from_numpy(random.standard_normal((30, 3)))
    points[:, 0] = torch.from_numpy(random.integers(0, 3, 30))
    field = ME.TensorField(leaf(random, 30, 2), coordinates=points)
    result = ME.MinkowskiGlobalMaxPooling()(field)
    assert isinstance(result, ME.SparseTensor)
    torch.testing.assert_close(result.F, of_samples("Max", field, 3))


@pytest.mark.parametrize("is_unsorted_input", [True, False])
def test_vectors_of_samples_meet_all_their_rows(random, is_unsorted_input):
    x = tensor(random, 50, batch=3)
    if not is_unsorted_input:
        x = ME.MinkowskiSumPooling(2, 2, dimension=3)(x)
    glob = ME.MinkowskiGlobalAvgPooling()(x)
    spread = glob.F[x.C[:, 0].long()]
    leaves = [x.F]
    for layer, wanted in (
        (ME.MinkowskiBroadcast(), spread),
        (ME.MinkowskiBroadcastAddition(), x.F + spread),
        (ME.MinkowskiBroadcastMultiplication(), x.F * spread),
        (ME.MinkowskiBroadcastConcatenation(), torch.cat([x.F, spread], 1)),
    ):
        result = layer(x, glob)
        assert result.coordinate_map_key == x.coordinate_map_key
        check(result, x.C, wanted, leaves)
        assert repr(layer) == type(layer).__name__
    made = ME.MinkowskiBroadcastFunction().apply(
        x.F,
        glob.F,
        ME.BroadcastMode.ELEMENTWISE_MULTIPLICATION,
        x.coordinate_map_key,
        glob.coordinate_map_key,
        x.coordinate_manager,
    )
    torch.testing.assert_close(made, x.F * spread)


@pytest.mark.parametrize("rows", [0, 1])
def test_no_site_and_one_site_pass_every_pooling(rows):
    features = torch.full((rows, 2), -3.0, requires_grad=True)
    x = ME.SparseTensor(features, coordinates=torch.tensor([[0, -3, 5]] * rows, dtype=torch.int32).reshape(rows, 3))
    results = [
        getattr(ME, f"Minkowski{kind}Pooling")(size, stride, dimension=2)(x)
        for kind in ("Sum", "Avg", "Max")
        for size, stride in ((2, 2), (3, 1), (3, 2))
    ]
    results.append(ME.MinkowskiPoolingTranspose(2, 2, dimension=2)(results[0]))
    for kind in ("Sum", "Avg", "Max"):
        glob = getattr(ME, f"MinkowskiGlobal{kind}Pooling")()(x)
        results += [glob, ME.MinkowskiBroadcastAddition()(x, glob), ME.MinkowskiBroadcastConcatenation()(x, glob)]
    assert {len(result) for result in results} == {rows}
    sum(result.F.sum() for result in results).backward()
    assert features.grad.shape == (rows, 2)


def test_poolings_are_copied_and_pickled(random):
    x = tensor(random)
    layer = ME.MinkowskiMaxPooling(3, 2, dimension=3)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.testing.assert_close(other(x).F, layer(x).F)
    assert repr(layer) == "MinkowskiMaxPooling(kernel_size=[3, 3, 3], stride=[2, 2, 2], dilation=[1, 1, 1])"


def test_gradients_are_right(random):
    coordinates = drawn(random, 12, dimension=2, span=4)
    layers = [
        ME.MinkowskiAvgPooling(3, 2, dimension=2),
        ME.MinkowskiMaxPooling(2, 2, dimension=2),
        ME.MinkowskiGlobalAvgPooling(),
        lambda x: ME.MinkowskiBroadcastMultiplication()(x, ME.MinkowskiGlobalMaxPooling()(x)),
    ]
    for layer in layers:
        features = leaf(random, len(coordinates), 2)
        assert torch.autograd.gradcheck(
            lambda given, layer=layer: layer(ME.SparseTensor(given, coordinates)).F, features
        )
        assert torch.autograd.gradgradcheck(
            lambda given, layer=layer: layer(ME.SparseTensor(given, coordinates)).F, features, fast_mode=True
        )


@pytest.mark.parametrize("kind", ["Sum", "Avg", "Max"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_windows_without_any_row_have_a_gradient(kind, dtype):
    features = torch.ones(2, 3, dtype=dtype, requires_grad=True)
    x = ME.SparseTensor(features, torch.tensor([[0, 1, 1], [0, 3, 5]], dtype=torch.int32))
    y = getattr(ME, f"Minkowski{kind}Pooling")(1, 2, dimension=2)(x)
    assert y.F.tolist() == [[0.0] * 3] * 2 and y.F.requires_grad
    y.F.sum().backward()
    assert features.grad.tolist() == [[0.0] * 3] * 2


@pytest.mark.filterwarnings("ignore:coordinates")
def test_bad_calls_say_what_they_expect(random):
    x = tensor(random)
    layer = ME.MinkowskiAvgPooling(2, 2, dimension=3)
    glob = ME.MinkowskiGlobalAvgPooling()(x)
    only_sample_0 = torch.zeros(1, 4, dtype=torch.int32)
    for call, kind, message in (
        (lambda: ME.MinkowskiAvgPooling(2, 2), InvalidArgumentError, "dimension: is None"),
        (lambda: layer(x.F), TypeError, "input: is a torch.Tensor, expected a SparseTensor"),
        (lambda: ME.MinkowskiGlobalPooling("mean"), TypeError, "mode: is a str, expected a PoolingMode"),
        (
            lambda: ME.MinkowskiGlobalSumPooling()(x, only_sample_0),
            InvalidArgumentError,
            "no row at the origin for sample 1",
        ),
        (lambda: ME.MinkowskiBroadcastAddition()(x, x.F), TypeError, "input_glob: is a torch.Tensor"),
        (lambda: ME.MinkowskiBroadcastAddition()(x, x), InvalidArgumentError, "no row at the origin"),
        (lambda: ME.MinkowskiBroadcast()(tensor(random), glob), RuntimeError, "coordinate_manager: differs"),
    ):
        with pytest.raises(kind, match=message):
            call()
    with pytest.raises(CoordinateError):
        layer(x, torch.full((1, 4), 2**31))
