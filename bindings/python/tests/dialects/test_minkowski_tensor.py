"""Sparse tensors of scn.minkowski: sites and rows, arithmetic, other forms, and copies."""

import copy
import io
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from test_minkowski_oracle import check, drawn, leaf, tensor

import scn.minkowski as ME
from scn.errors import CoordinateError, InvalidArgumentError, ShapeError, StateError

Mode = ME.SparseTensorQuantizationMode


@pytest.fixture(autouse=True)
def separate_managers():
    yield
    ME.set_sparse_tensor_operation_mode(ME.SparseTensorOperationMode.SEPARATE_COORDINATE_MANAGER)
    ME.clear_global_coordinate_manager()


def test_a_tensor_shows_what_it_was_made_of(random):
    coordinates = drawn(random, 30)
    features = torch.from_numpy(random.standard_normal((len(coordinates), 3))).float()
    x = ME.SparseTensor(features, coordinates=coordinates)
    assert torch.equal(x.F, features)
    assert torch.equal(x.features, features)
    assert torch.equal(x.C, coordinates)
    assert torch.equal(x.coordinates, coordinates)
    assert x.C.dtype is torch.int32
    assert (x.D, x.dimension, len(x)) == (3, 3, len(coordinates))
    assert x.shape == x.size() == features.shape
    assert (x.size(1), x.dtype, x.device, x.get_device()) == (3, torch.float32, torch.device("cpu"), -1)
    assert x.tensor_stride == [1, 1, 1]
    assert x.coordinate_key is x.coordinate_map_key
    assert x.coordinate_map_key.get_tensor_stride() == [1, 1, 1]
    assert isinstance(x.coordinate_manager, ME.CoordinateManager)
    assert x.quantization_mode is Mode.RANDOM_SUBSAMPLE
    assert x.unique_index.tolist() == x.inverse_mapping.tolist() == list(range(len(x)))
    assert not x.requires_grad
    assert "features=tensor" in repr(x)
    with pytest.raises(AttributeError):
        x.tensor_stride = 2


REPEATED = torch.tensor([[1, 5], [0, 2], [1, 5], [0, -3], [1, 5], [0, 2]]).int()
VALUES = torch.tensor([[1.0, -1], [2, -2], [4, -4], [8, -8], [16, -16], [32, -32]], dtype=torch.float64)


@pytest.mark.parametrize(
    "mode, wanted, gradient",
    [
        (Mode.UNWEIGHTED_SUM, [[21, -21], [34, -34], [8, -8]], [1, 1, 1, 1, 1, 1]),
        (Mode.UNWEIGHTED_AVERAGE, [[7, -7], [17, -17], [8, -8]], [1 / 3, 1 / 2, 1 / 3, 1, 1 / 3, 1 / 2]),
        (Mode.RANDOM_SUBSAMPLE, [[1, -1], [2, -2], [8, -8]], [1, 1, 0, 1, 0, 0]),
    ],
)
def test_rows_that_share_a_site_become_one_in_the_order_in_which_they_come(mode, wanted, gradient):
    features = VALUES.clone().requires_grad_()
    x = ME.SparseTensor(features, coordinates=REPEATED, quantization_mode=mode)
    assert x.C.tolist() == [[1, 5], [0, 2], [0, -3]]
    torch.testing.assert_close(x.F, torch.tensor(wanted).double())
    assert x.inverse_mapping.tolist() == [0, 1, 0, 2, 0, 1]
    assert x.unique_index.tolist() == [0, 1, 3]
    x.F[:, 0].sum().backward()
    torch.testing.assert_close(features.grad[:, 0], torch.tensor(gradient).double())


def test_the_largest_of_rows_that_share_a_site_is_taken_by_plane():
    features = VALUES.clone().requires_grad_()
    x = ME.SparseTensor(features, coordinates=REPEATED, quantization_mode=Mode.MAX_POOL)
    assert x.F.tolist() == [[16, -1], [32, -2], [8, -8]]
    x.F.sum().backward()
    assert features.grad.tolist() == [[0, 1], [0, 1], [0, 0], [1, 1], [1, 0], [1, 0]]


def test_without_quantization_sites_that_repeat_are_an_error():
    x = ME.SparseTensor(VALUES[:2], coordinates=REPEATED[:2], quantization_mode=Mode.NO_QUANTIZATION)
    assert torch.equal(x.F, VALUES[:2])
    with pytest.raises(ValueError, match="expected each site once"):
        ME.SparseTensor(VALUES, coordinates=REPEATED, quantization_mode=Mode.NO_QUANTIZATION)


def test_slices_give_each_given_row_its_site(random):
    features = VALUES.clone().requires_grad_()
    x = ME.SparseTensor(features, coordinates=REPEATED, quantization_mode=Mode.UNWEIGHTED_AVERAGE)
    field = x.slice(x)
    assert isinstance(field, ME.TensorField)
    assert torch.equal(field.F, x.F[x.inverse_mapping])
    assert torch.equal(field.C, REPEATED)
    both = x.cat_slice(x)
    assert torch.equal(both.F, torch.cat([x.F, x.F], 1)[x.inverse_mapping])
    field.F.sum().backward()
    assert features.grad.tolist() == [[1, 1]] * len(features)
    with pytest.raises(AssertionError, match="coordinate_map_key: differs"):
        tensor(random).slice(x)


def test_coordinates_that_are_not_whole_are_rounded_down_with_a_warning():
    with pytest.warns(UserWarning, match="int32"):
        x = ME.SparseTensor(torch.ones(3, 1), coordinates=torch.tensor([[0, 1.9], [0, -0.1], [1, -2]]))
    assert x.C.tolist() == [[0, 1], [0, -1], [1, -2]]
    with pytest.warns(UserWarning, match="int32"):
        assert ME.SparseTensor(torch.ones(1, 1), torch.tensor([[0, 7]])).C.dtype is torch.int32


def test_tensors_of_a_manager_share_its_maps(random):
    x = tensor(random)
    same = ME.SparseTensor(x.F * 2, coordinate_map_key=x.coordinate_map_key, coordinate_manager=x.coordinate_manager)
    assert torch.equal(same.C, x.C)
    assert torch.equal(same.F, x.F * 2)
    other = ME.SparseTensor(torch.ones(len(x), 1), coordinates=x.C, coordinate_manager=x.coordinate_manager)
    assert other.coordinate_map_key != x.coordinate_map_key
    assert other.coordinate_manager is x.coordinate_manager
    assert tensor(random).coordinate_manager is not x.coordinate_manager
    ME.set_sparse_tensor_operation_mode(ME.SparseTensorOperationMode.SHARE_COORDINATE_MANAGER)
    assert ME.sparse_tensor_operation_mode() is ME.SparseTensorOperationMode.SHARE_COORDINATE_MANAGER
    first, second = tensor(random), tensor(random)
    assert first.coordinate_manager is second.coordinate_manager is ME.global_coordinate_manager()
    ME.clear_global_coordinate_manager()
    assert ME.global_coordinate_manager() is None
    assert tensor(random).coordinate_manager is not first.coordinate_manager
    ME.set_global_coordinate_manager(x.coordinate_manager)
    assert tensor(random).coordinate_manager is x.coordinate_manager
    with pytest.raises(AssertionError, match="operation_mode: is an int"):
        ME.set_sparse_tensor_operation_mode(1)


def test_arithmetic_of_tensors_on_the_same_sites(random):
    x = tensor(random)
    y = ME.SparseTensor(
        leaf(random, len(x), 3), coordinate_map_key=x.coordinate_map_key, coordinate_manager=x.coordinate_manager
    )
    for result, wanted in (
        (x + y, x.F + y.F),
        (x - y, x.F - y.F),
        (x * y, x.F * y.F),
        (x / y, x.F / y.F),
        (x**2, x.F**2),
        (x + y.F, x.F + y.F),
        (x * torch.tensor(3.0), x.F * 3),
        (x - y.F[0], x.F - y.F[0]),
        (ME.cat(x, y), torch.cat([x.F, y.F], 1)),
        (ME.cat([x, y, x]), torch.cat([x.F, y.F, x.F], 1)),
        (ME.sum(x, y, x), x.F + y.F + x.F),
        (ME.mean(x, y), (x.F + y.F) / 2),
        (ME.var(x, y), torch.stack([x.F, y.F]).var(0, unbiased=False)),
    ):
        assert result.coordinate_map_key == x.coordinate_map_key
        check(result, x.C, wanted, [x.F, y.F])
    assert torch.equal((x + y).F, x.F + y.F), "rows keep their order"


def test_arithmetic_in_place_changes_the_tensor_and_not_what_it_was_made_of(random):
    coordinates = drawn(random, 30)
    given, more = (torch.from_numpy(random.standard_normal((len(coordinates), 2))).float() for _ in range(2))
    kept = given.clone()
    x = ME.SparseTensor(given, coordinates=coordinates)
    y = ME.SparseTensor(more, coordinate_map_key=x.coordinate_map_key, coordinate_manager=x.coordinate_manager)
    same = x
    x += y
    x -= y
    x *= y
    x += y
    assert x is same
    torch.testing.assert_close(x.F, kept * more + more)
    assert torch.equal(given, kept)
    assert torch.equal(y.F, more)
    other = ME.SparseTensor(torch.ones(1, 2), torch.zeros(1, 4).int(), coordinate_manager=x.coordinate_manager)
    with pytest.raises(AssertionError, match="coordinate_map_key: differs"):
        x += other
    with pytest.raises(AssertionError, match="coordinate_manager: differs"):
        x += tensor(random, planes=2)


def test_tensors_on_other_sites_meet_on_the_sites_of_both(random):
    x = tensor(random, 30, batch=1)
    where = drawn(random, 30, batch=2)
    y = ME.SparseTensor(leaf(random, len(where), 3), coordinates=where, coordinate_manager=x.coordinate_manager)
    union = torch.unique(torch.cat([x.C, where]), dim=0)

    def spread(part):
        rows = {tuple(place): row for row, place in enumerate(union.tolist())}
        return (
            torch.zeros(len(union), 3)
            .double()
            .index_add(0, torch.tensor([rows[tuple(p)] for p in part.C.tolist()]), part.F)
        )

    met = spread(y)
    has_second = torch.tensor([row in where.tolist() for row in union.tolist()])[:, None]
    for result, wanted in (
        (x + y, spread(x) + met),
        (x - y, spread(x) - met),
        (x * y, torch.where(has_second, spread(x) * met, spread(x))),
        (ME.MinkowskiUnion()(x, y), spread(x) + met),
        (ME.MinkowskiUnion()(x, y, x), 2 * spread(x) + met),
    ):
        check(result, union, wanted, [x.F, y.F])
        assert result.coordinate_manager is x.coordinate_manager
    with pytest.raises(AssertionError, match="coordinate_manager: differs"):
        x + tensor(random)
    with pytest.raises(AssertionError, match="coordinate_map_key: differs"):
        ME.cat(x, y)


def test_tensors_of_other_strides_have_a_union_too(random):
    x = tensor(random, step=1)
    y = ME.MinkowskiSumPooling(2, 2, dimension=3)(x)
    union = x + y
    assert union.tensor_stride == [1, 1, 1]
    assert len(union) == len(torch.unique(torch.cat([x.C, y.C]), dim=0))


def test_samples_are_taken_apart(random):
    coordinates = drawn(random, 40, batch=4)
    coordinates = coordinates[coordinates[:, 0] != 2]
    x = ME.SparseTensor(leaf(random, len(coordinates), 2), coordinates=coordinates)
    for sample, rows in enumerate(x.decomposition_permutations):
        mask = coordinates[:, 0] == sample
        assert torch.equal(x.coordinates_at(sample), coordinates[mask, 1:])
        assert torch.equal(x.features_at(sample), x.F[mask])
        assert torch.equal(rows, mask.nonzero()[:, 0])
        where, features = x.coordinates_and_features_at(sample)
        assert torch.equal(where, x.decomposed_coordinates[sample])
        assert torch.equal(features, x.decomposed_features[sample])
    assert [len(part) for part in x.decomposed_coordinates_and_features[0]] == torch.bincount(
        coordinates[:, 0]
    ).tolist()


@pytest.mark.parametrize("contract", [True, False])
def test_dense_and_torch_sparse_forms(random, contract):
    coordinates = drawn(random, 30, dimension=2, low=-3, span=8) * torch.tensor([1, 2, 2])
    x = ME.SparseTensor(leaf(random, len(coordinates), 3), coordinates=coordinates.int(), tensor_stride=2)
    low = torch.tensor([-6, -6], dtype=torch.int32)
    made, least, stride = x.dense(min_coordinate=low, contract_stride=contract)
    assert least.tolist() == [[-6, -6]]
    assert stride.tolist() == [2, 2]
    step = 2 if contract else 1
    places = (x.C[:, 1:] + 6) // step
    wanted = torch.zeros(2, *(places.amax(0) + 1).tolist(), 3).double()
    wanted = wanted.index_put((x.C[:, 0].long(), *places.long().unbind(1)), x.F)
    torch.testing.assert_close(made, wanted.movedim(-1, 1))
    larger = x.dense(shape=torch.Size([4, 1, 30, 30]), min_coordinate=low, contract_stride=contract)[0]
    assert larger.shape == (4, 3, 30, 30)
    torch.testing.assert_close(larger.sum(), made.sum())
    sparse, first, _ = x.sparse(contract_coords=contract)
    torch.testing.assert_close(sparse.to_dense().sum(), made.sum())
    assert first.shape == (1, 2)
    assert x.sparse(low, torch.tensor([20, 20]), contract)[0].shape[1:] == ((14, 14, 3) if contract else (27, 27, 3))
    (gradient,) = torch.autograd.grad((made**2).sum(), x.F)
    torch.testing.assert_close(gradient, 2 * x.F)
    with pytest.raises(CoordinateError, match="expected one that holds row"):
        x.dense(shape=torch.Size([2, 3, 1, 1]), min_coordinate=low)
    with pytest.raises(ValueError, match="negative"):
        x.dense()
    with pytest.raises(AssertionError, match="multiples of the tensor stride"):
        x.dense(min_coordinate=low - 1)


def test_dense_tensors_become_sparse_ones_and_come_back(random):
    dense = torch.from_numpy(random.standard_normal((2, 3, 4, 5))) * (
        torch.from_numpy(random.random((2, 1, 4, 5))) < 0.4
    )
    dense.requires_grad_()
    x = ME.to_sparse(dense)
    assert len(x) == int((dense != 0).any(1).sum())
    torch.testing.assert_close(x.dense(shape=dense.shape)[0], dense)
    torch.testing.assert_close(ME.MinkowskiToDenseTensor(dense.shape)(ME.MinkowskiToSparseTensor()(dense)), dense)
    assert torch.equal(ME.to_sparse(dense.movedim(1, -1), format="BXXC").F, x.F)
    every = ME.to_sparse_all(dense)
    assert len(every) == len(ME.MinkowskiToSparseTensor(remove_zeros=False)(dense)) == 40
    torch.testing.assert_close(ME.MinkowskiToDenseTensor()(every), dense)
    places = ME.dense_coordinates(dense.shape)
    assert torch.equal(ME.to_sparse_all(dense, places).C, places)
    assert torch.equal(ME.MinkowskiToFeature()(x), x.F)
    x.F.sum().backward()
    assert torch.equal(dense.grad, (dense != 0).any(1, keepdim=True).expand_as(dense).double())
    with pytest.raises(AssertionError, match="format: is 'XBC'"):
        ME.to_sparse(dense[0], format="XBC")


def test_features_between_sites_are_linear(random):
    places = ME.dense_coordinates([1, 1, 6, 6])
    values = (places[:, 1:].double() @ torch.tensor([[2.0], [-3.0]]).double()).requires_grad_()
    x = ME.SparseTensor(values, coordinates=places)
    points = torch.from_numpy(random.random((20, 3)) * 5).requires_grad_()
    with torch.no_grad():
        points[:, 0] = 0
    found = x.features_at_coordinates(points)
    torch.testing.assert_close(found[:, 0], 2 * points[:, 1] - 3 * points[:, 2])
    gradients = torch.autograd.grad(found.sum(), [values, points])
    torch.testing.assert_close(gradients[0].sum(), torch.tensor(20.0).double())
    torch.testing.assert_close(gradients[1][:, 1:], torch.tensor([[2.0, -3]]).double().expand(20, 2))
    outside = x.features_at_coordinates(torch.tensor([[0, -0.5, 0.0], [1, 2, 2], [0, 5.25, 0]]).double())
    torch.testing.assert_close(outside[:, 0], torch.tensor([0, 0, 7.5]).double())
    layer = ME.MinkowskiInterpolation(return_kernel_map=True, return_weights=True)
    result, (rows, which), weights = layer(x, points)
    torch.testing.assert_close(result, found)
    torch.testing.assert_close(
        torch.zeros(20, 1).double().index_add(0, which.long(), x.F[rows.long()] * weights.detach()[:, None]), found
    )


def test_a_coarse_tensor_is_read_between_its_sites():
    x = ME.SparseTensor(torch.tensor([[1.0], [3]]), torch.tensor([[0, 0], [0, 4]]).int(), tensor_stride=4)
    assert x.features_at_coordinates(torch.tensor([[0, 1.0], [0, 3], [0, -2]]))[:, 0].tolist() == [1.5, 2.5, 0.5]


def test_rows_are_left_out_in_their_order(random):
    x = tensor(random)
    for of in (x, ME.MinkowskiConvolution(3, 3, 3, dimension=3).double()(x)):
        for keep in (torch.from_numpy(random.random(len(x)) < 0.5), torch.zeros(len(x), dtype=torch.bool)):
            pruned = ME.MinkowskiPruning()(of, keep)
            assert torch.equal(pruned.C, x.C[keep])
            assert torch.equal(pruned.F, of.F[keep])
            assert pruned.tensor_stride == x.tensor_stride
            if len(pruned):
                check(pruned, x.C[keep], of.F[keep], [x.F])
    with pytest.raises(ShapeError, match="mask"):
        ME.MinkowskiPruning()(x, torch.ones(1, dtype=torch.bool))
    with pytest.raises(TypeError, match="mask"):
        ME.MinkowskiPruning()(x, torch.ones(len(x)))


def test_types_change_with_and_without_copies(random):
    x = tensor(random)
    y = x.to(torch.float32)
    assert (x.dtype, y.dtype) == (torch.float64, torch.float32)
    assert y.coordinate_map_key == x.coordinate_map_key
    assert y.cpu().dtype is torch.float32
    assert y.double() is y
    assert y.dtype is torch.float64
    assert y.half().float().dtype is torch.float32
    assert y.requires_grad
    assert y.detach() is y
    assert not y.requires_grad
    assert y.requires_grad_() is y
    assert y.F.requires_grad
    assert ME.SparseTensor(torch.ones(1, 1), torch.zeros(1, 2).int(), requires_grad=True).F.requires_grad


def test_meta_tensors_have_shapes(random):
    x = tensor(random)
    y = ME.SparseTensor(
        torch.empty(len(x), 3, device="meta"),
        coordinate_map_key=x.coordinate_map_key,
        coordinate_manager=x.coordinate_manager,
    )
    layer = ME.MinkowskiConvolution(3, 5, 3, 2, dimension=3).to("meta")
    assert layer(y).shape == (len(ME.MinkowskiSumPooling(2, 2, dimension=3)(x)), 5)


def test_features_that_a_program_has_seen_are_those_that_count(random):
    """Changed in place, or asked for their gradient: what comes later starts from them."""
    coordinates = drawn(random, 30)
    layer = ME.MinkowskiConvolution(3, 3, 3, dimension=3)
    x = ME.SparseTensor(torch.ones(len(coordinates), 3), coordinates=coordinates)
    first = layer(x).F.detach().clone()
    x.F.mul_(2)
    torch.testing.assert_close(layer(x).F, 2 * first)
    x.F[:, 0] = 0
    assert not torch.allclose(layer(x).F, 2 * first)
    y = layer(x)
    seen = y.F
    seen.retain_grad()
    layer(y).F.square().sum().backward()
    assert seen.grad is not None
    assert seen.grad.abs().sum() > 0
    given = torch.ones(len(coordinates), 3, requires_grad=True)
    z = ME.SparseTensor(given, coordinates=coordinates)
    result = layer(z).F.sum()
    for asked in (given, z.F):
        (gradient,) = torch.autograd.grad(result, asked, retain_graph=True)
        assert gradient.abs().sum() > 0


def test_copies_keep_sites_rows_and_sharing(random):
    x = tensor(random)
    y = ME.MinkowskiConvolution(3, 4, 2, 2, dimension=3).double()(x)
    with torch.no_grad():
        x, y = x + torch.zeros(1, 3), y + torch.zeros(1, 4)
    file = io.BytesIO()
    torch.save([x, y], file)
    file.seek(0)
    up = ME.MinkowskiConvolutionTranspose(4, 3, 2, 2, dimension=3).double()
    for a, b in (copy.deepcopy((x, y)), pickle.loads(pickle.dumps((x, y))), torch.load(file, weights_only=False)):
        assert a.coordinate_manager is b.coordinate_manager is not x.coordinate_manager
        assert torch.equal(a.C, x.C)
        assert torch.equal(a.F, x.F)
        assert torch.equal(b.C, y.C)
        assert torch.equal(b.F, y.F)
        assert b.tensor_stride == [2, 2, 2]
        torch.testing.assert_close((up(b) + a).F, (up(y) + x).F)


def test_no_site_is_a_tensor(random):
    features = torch.zeros(0, 3, requires_grad=True)
    x = ME.SparseTensor(features, coordinates=torch.zeros(0, 3, dtype=torch.int32))
    y = ME.SparseTensor(
        torch.ones(2, 3), torch.tensor([[0, 1, 2], [1, 1, 2]]).int(), coordinate_manager=x.coordinate_manager
    )
    assert len(x) == 0
    assert x.C.shape == (0, 3)
    assert [len(part) for part in x.decomposed_features] == [0, 0]
    assert (x + x).shape == ME.cat(x, x).F[:, :3].shape == (0, 3)
    assert torch.equal((y + x).F, y.F)
    assert torch.equal((x + y).F, y.F)
    assert x.dense(shape=torch.Size([1, 3, 4, 4]))[0].sum() == 0
    assert x.features_at_coordinates(torch.tensor([[0, 1.0, 2]])).tolist() == [[0, 0, 0]]
    (x + y).F.sum().backward()
    assert features.grad.shape == (0, 3)
    assert len(pickle.loads(pickle.dumps(x.detach()))) == 0


@pytest.mark.filterwarnings("ignore:coordinates")
def test_bad_calls_say_what_they_expect(random):
    x = tensor(random)
    where = torch.zeros(1, 4).int()
    one = torch.ones(1, 2)
    key, manager = x.coordinate_map_key, x.coordinate_manager
    for call, kind, message in (
        (lambda: ME.SparseTensor(np.ones((1, 2)), where), TypeError, "features: is a"),
        (lambda: ME.SparseTensor(torch.ones(1), where), ShapeError, r"features: has shape \[1\]"),
        (lambda: ME.SparseTensor(one), InvalidArgumentError, "coordinates: is None"),
        (lambda: ME.SparseTensor(one, where.numpy()), TypeError, "coordinates: is a"),
        (lambda: ME.SparseTensor(one, where[0]), ShapeError, "coordinates: has shape"),
        (lambda: ME.SparseTensor(torch.ones(2, 2), where), ShapeError, r"expected \[2, 1 \+ dimension\]"),
        (lambda: ME.SparseTensor(one, coordinate_map_key=key), InvalidArgumentError, "coordinate_manager: is None"),
        (lambda: ME.SparseTensor(one, coordinate_map_key="1", coordinate_manager=manager), TypeError, "key: is a str"),
        (
            lambda: ME.SparseTensor(one, coordinate_map_key=key, coordinate_manager=manager),
            ShapeError,
            "a row for each",
        ),
        (
            lambda: ME.SparseTensor(one, where, coordinate_map_key=key, coordinate_manager=manager),
            ValueError,
            "None where",
        ),
        (
            lambda: ME.SparseTensor(one, coordinate_map_key=ME.CoordinateMapKey(4), coordinate_manager=manager),
            StateError,
            "is not set",
        ),
        (lambda: ME.SparseTensor(one, where, quantization_mode="sum"), TypeError, "quantization_mode: is a str"),
        (lambda: ME.SparseTensor(one, where, quantization_mode=Mode.SPLAT_LINEAR_INTERPOLATION), ValueError, "splat"),
        (lambda: ME.SparseTensor(one, where[:, :3], coordinate_manager=manager), ShapeError, "coordinates"),
        (lambda: ME.SparseTensor(one, where + float("nan")), CoordinateError, "coordinates"),
        (lambda: x + 1, TypeError, "other: is an int"),
        (lambda: ME.cat(x), InvalidArgumentError, "at least 2"),
        (lambda: ME.cat(x.F, x.F), TypeError, "sparse_tensors"),
        (lambda: ME.MinkowskiUnion()(x), InvalidArgumentError, "at least 2"),
        (lambda: x.features_at_coordinates([[0, 0, 0, 0]]), TypeError, "points: is a list"),
    ):
        with pytest.raises(kind, match=message):
            call()
    assert manager.size(key) == len(x)


@pytest.mark.parametrize("way", ["numpy", "data"])
@pytest.mark.parametrize("of_layer", [False, True])
def test_what_a_program_writes_past_torch_counts(random, way, of_layer):
    layer = ME.MinkowskiConvolution(3, 3, kernel_size=3, dimension=3)
    x = tensor(random).to(torch.float32).detach()
    with torch.no_grad():
        x = layer(x) if of_layer else x
        before = layer(x).F
        if way == "numpy":
            x.F.numpy()[:] = 0
        else:
            x.F.data.zero_()
        assert before.any() and not layer(x).F.any() and not ME.cat(x, x).F.any()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_look_without_gradients_leaves_them_to_others(random, mode):
    first, second = (ME.MinkowskiConvolution(3, 3, kernel_size=3, dimension=3) for _ in range(2))
    x = tensor(random).to(torch.float32).detach()
    found = []
    for is_looked_at in (False, True):
        y = first(x)
        if is_looked_at:
            with mode():
                assert str(y) and y.F.isfinite().all()
        loss = second(y).F.sum() + y.F.square().sum()
        found.append(torch.autograd.grad(loss, [first.kernel, second.kernel]))
    for one, other in zip(*found):
        assert one.any() and torch.allclose(one, other, rtol=1e-4, atol=1e-5)
