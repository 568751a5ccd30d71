"""Convolution onto any sites, normalized convolution, and arithmetic of tensors on different sites."""

import itertools

import numpy as np
import pytest

import scn
from scn import functional


def drawn(seed, count, dimension=2, low=-4, high=5, samples=2):
    random = np.random.default_rng(seed)
    where = random.integers(low, high, (count, dimension))
    return np.unique(np.concatenate([where, random.integers(0, samples, (count, 1))], 1), axis=0)


def tensor_at(where, planes=3, seed=1, requires_grad=True):
    features = np.random.default_rng(seed).normal(size=(len(where), planes)).astype(np.float32)
    sites = scn.Sites(where.shape[1] - 1, where, batch_size=2)
    result = scn.SparseConvNetTensor(scn.Tensor(features), sites.metadata)
    return result.requires_grad_(requires_grad)


def by_site(tensor):
    rows = tensor.numpy()
    return {tuple(where): rows[i].astype(np.float64) for i, where in enumerate(tensor.get_spatial_locations().tolist())}


def oracle(inputs, outputs, offsets, weight, bias, strides, groups=1, normalized=False):
    """The convolution of a dictionary of rows by site, site by site."""
    result = {}
    per_group = weight.shape[2]
    for site in outputs:
        total, seen = np.zeros(groups * weight.shape[3]), 0
        for k, offset in enumerate(offsets):
            place = [site[a] * strides[1][a] + offset[a] for a in range(len(offset))]
            if any(place[a] % strides[0][a] for a in range(len(offset))):
                continue
            row = inputs.get((*(place[a] // strides[0][a] for a in range(len(offset))), site[-1]))
            if row is None:
                continue
            seen += 1
            for g in range(groups):
                part = row[g * per_group : (g + 1) * per_group] @ weight[k, g]
                total[g * weight.shape[3] : (g + 1) * weight.shape[3]] += part
        if normalized:
            total = total / seen if seen else total
        result[site] = total + bias
    return result


def same(tensor, expected):
    found = by_site(tensor)
    assert found.keys() == expected.keys()
    for site, row in expected.items():
        np.testing.assert_allclose(found[site], row, rtol=1e-4, atol=1e-5)


CASES = [
    ("centered", 3, 1, 1, 1),
    ("cross", 3, 1, 1, 1),
    ("cross", [3, 5], 2, 1, 1),
    ("corner", 2, 1, 1, 2),
    ("centered", 3, 1, 1, 2),
    ("centered", [2, 3], 1, 1, [2, 3]),
    ("corner", 2, 1, 2, 1),
    ("centered", 3, 1, [2, 1], 1),
]


@pytest.mark.parametrize("is_normalized", [False, True])
@pytest.mark.parametrize("shape, size, dilation, input_stride, output_stride", CASES)
def test_a_convolution_onto_its_own_sites_their_floor_or_all_that_it_covers(
    shape, size, dilation, input_stride, output_stride, is_normalized
):
    x = tensor_at(drawn(0, 30), 4)
    layer = scn.ConvolutionOnto(
        2, 4, 6, size, True, 2, shape=shape, dilation=dilation, input_stride=input_stride,
        output_stride=output_stride, normalized=is_normalized,
    )  # fmt: skip
    layer.bias.copy_(np.arange(6, dtype=np.float32))
    y = layer(x)
    strides = [np.broadcast_to(step, 2).tolist() for step in (input_stride, output_stride)]
    offsets = scn.filter_offsets(2, size, shape, dilation=dilation)
    assert layer.filter_volume == len(offsets)
    inputs = by_site(x)
    if strides[0] == [1, 1] and strides[1] == [1, 1]:
        outputs = inputs.keys()
    elif strides[0] == [1, 1]:
        outputs = {(*(np.array(site[:2]) // strides[1]).tolist(), site[2]) for site in inputs}
    else:
        outputs = {
            (*((np.array(site[:2]) * strides[0] - offset) // strides[1]).tolist(), site[2])
            for site in inputs
            for offset in offsets.tolist()
            if not ((np.array(site[:2]) * strides[0] - offset) % strides[1]).any()
        }
    weight, bias = layer.weight.numpy().astype(np.float64), layer.bias.numpy()
    same(y, oracle(inputs, outputs, offsets.tolist(), weight, bias, strides, 2, is_normalized))


@pytest.mark.parametrize("is_normalized", [False, True])
def test_a_convolution_onto_the_sites_of_another_tensor(is_normalized):
    x, where = tensor_at(drawn(3, 25)), tensor_at(drawn(4, 12, low=-6), 1)
    layer = scn.ConvolutionOnto(2, 3, 4, 3, False, normalized=is_normalized)
    y = layer([x, where])
    offsets = scn.filter_offsets(2, 3).tolist()
    weight = layer.weight.numpy().astype(np.float64)
    same(y, oracle(by_site(x), by_site(where).keys(), offsets, weight, np.zeros(4), [[1, 1], [1, 1]], 1, is_normalized))
    # The result is on the sites that it was asked for.
    assert scn.AddTable()([y, y]).numpy().shape == (12 if len(where.numpy()) == 12 else len(where.numpy()), 4)
    for wrong in ([x], [x, where, x]):
        with pytest.raises(scn.ShapeError, match="^input: is a table of"):
            layer(wrong)
    with pytest.raises(scn.ShapeError, match="^input: has 1 plane"):
        layer([where, x])


@pytest.mark.parametrize(
    "make",
    [
        lambda normalized: scn.SubmanifoldConvolution(2, 3, 4, 3, True, normalized=normalized),
        lambda normalized: scn.Convolution(2, 3, 4, 3, 2, True, padding=1, normalized=normalized),
        lambda normalized: scn.FullConvolution(2, 3, 4, 2, 2, True, normalized=normalized),
        lambda normalized: scn.PermutohedralSubmanifoldConvolution(2, 3, 4, True, normalized=normalized),
        lambda normalized: scn.ConvolutionOnto(2, 3, 4, 3, True, shape="cross", normalized=normalized),
    ],
)
def test_a_normalized_layer_divides_by_what_its_filter_meets(make):
    x = tensor_at(drawn(5, 20), 3)
    plain, normalized = make(False), make(True)
    plain.bias.copy_(np.array([1, 2, 3, 4], np.float32))
    normalized.load_state_dict(plain.state_dict())
    counting = make(False)
    counting.weight.copy_(np.ones(counting.weight.shape, np.float32) / 3)
    counting.bias.copy_(np.zeros(4, np.float32))
    ones = scn.SparseConvNetTensor(np.ones_like(x.numpy()), x.metadata)
    seen, bias = counting(ones).numpy(), plain.bias.numpy()
    assert seen.min() >= 1 - 1e-5
    np.testing.assert_allclose(normalized(x).numpy(), (plain(x).numpy() - bias) / seen + bias, rtol=1e-4, atol=1e-5)


def numeric(function, values, index, step=1e-2):
    plus, minus = values.copy(), values.copy()
    plus.flat[index] += step
    minus.flat[index] -= step
    return (function(plus) - function(minus)) / (2 * step)


def test_gradients_of_a_normalized_convolution_by_features_weights_bias_and_site_weights():
    random = np.random.default_rng(7)
    sites = scn.Sites(2, drawn(8, 14))
    rulebook = sites.related(sites.taken(drawn(9, 9, low=-5)), scn.filter_offsets(2, 3))
    values = {
        "features": random.normal(size=(len(sites), 2)),
        "weight": random.normal(size=(9, 1, 2, 3)),
        "bias": random.normal(size=3),
        "site_weights": random.uniform(0.5, 2, len(sites)),
    }
    direction = random.normal(size=(rulebook.output_count, 3)).astype(np.float32)

    def run(given):
        tensors = {name: scn.Tensor(array.astype(np.float32)).requires_grad_() for name, array in given.items()}
        y = functional.convolve_normalized(
            tensors["features"], rulebook, tensors["weight"], tensors["bias"], tensors["site_weights"]
        )
        return tensors, y

    # In double, rule by rule.
    def loss(given):
        y, seen = np.zeros((rulebook.output_count, 3)), np.zeros(rulebook.output_count)
        for k in range(9):
            for r in range(*rulebook.offsets[k : k + 2]):
                i, o = rulebook.inputs[r], rulebook.outputs[r]
                y[o] += given["features"][i] @ given["weight"][k, 0]
                seen[o] += given["site_weights"][i]
        y = np.where(seen[:, None] == 0, 0, y / np.where(seen == 0, 1, seen)[:, None]) + given["bias"]
        return float((y * direction).sum()), y

    tensors, y = run(values)
    np.testing.assert_allclose(y.numpy(), loss(values)[1], rtol=1e-4, atol=1e-5)
    (y * direction).sum().backward()
    for name, array in values.items():
        for index in random.choice(array.size, min(array.size, 12), replace=False):
            expected = numeric(lambda changed, name=name: loss({**values, name: changed})[0], array, index, 1e-5)
            np.testing.assert_allclose(tensors[name].grad.flat[index], expected, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("operation, compute", [
    ("add", np.add), ("subtract", np.subtract), ("multiply", np.multiply), ("divide", np.divide),
])  # fmt: skip
@pytest.mark.parametrize("sites", ["union", "intersection"])
def test_tensors_on_different_sites_meet_on_the_sites_of_either_or_both(operation, compute, sites):
    a, b = tensor_at(drawn(10, 20), seed=2), tensor_at(drawn(11, 25), seed=3)
    first, second = by_site(a), by_site(b)
    both = first.keys() | second.keys() if sites == "union" else first.keys() & second.keys()
    assert len(first.keys() & second.keys()) > 3 and len(both) not in (len(first), len(second))
    y = functional.combine(a, b, operation, sites)
    zero = np.zeros(3)
    with np.errstate(divide="ignore", invalid="ignore"):
        same(y, {site: compute(first.get(site, zero), second.get(site, zero)) for site in both})


def test_operators_meet_on_the_union_and_pass_gradients():
    a, b = tensor_at(drawn(12, 20), seed=2), tensor_at(drawn(13, 25), seed=3)
    y = (a + b) * (a - b)
    direction = np.random.default_rng(1).normal(size=y.numpy().shape).astype(np.float32)
    y.features.backward(direction)
    where = [tuple(site) for site in y.get_spatial_locations().tolist()]
    for tensor, factor in ((a, 2), (b, -2)):
        rows = by_site(tensor)
        expected = np.array([direction[where.index(site)] * factor * row for site, row in rows.items()])
        np.testing.assert_allclose(tensor.features.grad, expected, rtol=1e-4, atol=1e-5)
    c = tensor_at(drawn(13, 25), seed=5)
    quotient = b / c
    quotient.sum().backward()
    np.testing.assert_allclose(c.features.grad, -b.numpy() / c.numpy() ** 2, rtol=1e-3, atol=1e-4)


def test_empty_tensors_combine():
    a, empty = tensor_at(drawn(14, 10)), tensor_at(np.empty((0, 3), np.int64))
    assert (a + empty).numpy().shape == a.numpy().shape
    assert functional.combine(empty, a, "multiply", "intersection").numpy().shape == (0, 3)
    assert (empty + empty).numpy().shape == (0, 3)


def test_what_cannot_be_combined_is_an_error():
    a, b = tensor_at(drawn(15, 10)), tensor_at(drawn(16, 10), planes=2)
    with pytest.raises(scn.ShapeError, match="^b: has 2 planes, expected 3 as a has"):
        functional.combine(a, b)
    with pytest.raises(ValueError, match="^operation: is 'power', expected 'add', 'subtract', 'multiply' or 'divide'"):
        functional.combine(a, a, "power")
    with pytest.raises(ValueError, match="^sites: is 'difference', expected 'union' or 'intersection'"):
        functional.combine(a, a, sites="difference")
    with pytest.raises(TypeError, match="^b: is a "):
        functional.combine(a, a.features)
    with pytest.raises(scn.ShapeError, match="^b: has dimension 3, expected 2"):
        functional.combine(a, tensor_at(drawn(17, 5, dimension=3)))


def test_a_convolution_onto_sites_is_saved_summed_up_and_made_fast(tmp_path):
    net = scn.Sequential(
        scn.ConvolutionOnto(2, 3, 8, 3, False, shape="cross", normalized=True),
        scn.BatchNormReLU(8),
        scn.ConvolutionOnto(2, 8, 4, 2, True, shape="corner", output_stride=2),
    )
    x = tensor_at(drawn(18, 30), requires_grad=False)
    for _ in range(3):
        net(x)
    net.eval()
    expected = net(x).numpy()
    scn.save(net, tmp_path / "net.safetensors")
    np.testing.assert_array_equal(scn.load(tmp_path / "net.safetensors")(x).numpy(), expected)
    fast = scn.optimize_for_inference(net)
    np.testing.assert_allclose(fast(x).numpy(), expected, rtol=1e-4, atol=1e-5)
    text = str(scn.summary(net, x))
    assert "shape='cross'" in text and "normalized=True" in text and "output_stride=2" in text


def test_a_convolution_onto_sites_in_three_dimensions_far_from_the_origin():
    where = np.array(list(itertools.product(range(3), repeat=3)))
    where = np.concatenate([where + 10**9, np.zeros((27, 1), np.int64)], 1)
    x = tensor_at(where)
    layer = scn.ConvolutionOnto(3, 3, 2, 3, False, output_stride=2)
    y = layer(x)
    assert y.get_spatial_locations().min(0).tolist() == [500000000] * 3 + [0]
    offsets = scn.filter_offsets(3, 3).tolist()
    outputs = {(*(np.array(site[:3]) // 2).tolist(), site[3]) for site in by_site(x)}
    same(y, oracle(by_site(x), outputs, offsets, layer.weight.numpy(), np.zeros(2), [[1] * 3, [2] * 3]))


def test_a_filter_without_offsets_reads_nothing_and_has_gradients():
    sites = scn.Sites(2, drawn(19, 10))
    rulebook = sites.related(sites, np.empty((0, 2), np.int64))
    features, weight = scn.Tensor(np.ones((len(sites), 3))), scn.Tensor(np.empty((0, 1, 3, 4)))
    bias = scn.Tensor(np.arange(4))
    for values in (features, weight, bias):
        values.requires_grad_()
    for convolve in (functional.convolve, functional.convolve_normalized):
        y = convolve(features, rulebook, weight, bias)
        np.testing.assert_array_equal(y.numpy(), np.tile(np.arange(4, dtype=np.float32), (len(sites), 1)))
        y.sum().backward()
    assert weight.grad.shape == (0, 1, 3, 4) and not features.grad.any()
    np.testing.assert_array_equal(bias.grad, 2 * len(sites))


def test_the_size_of_the_input_of_a_convolution_onto_sites():
    layer = scn.ConvolutionOnto(2, 1, 1, 3, False, input_stride=[2, 3], output_stride=[3, 1])
    assert layer.input_spatial_size([5, 7]).tolist() == [8, 3]
    huge = scn.ConvolutionOnto(2, 1, 1, 1, False, input_stride=2**62, output_stride=2**62)
    assert huge.input_spatial_size(7).tolist() == [7, 7]
    far = scn.ConvolutionOnto(2, 1, 1, 1, False, output_stride=2**62)
    with pytest.raises(
        scn.SizeOverflowError, match="^(out_size|spatial_size): is 7 on axis 0, with stride 4611686018427387904"
    ):
        far.input_spatial_size(7)
    for wrong in (0, -1, -(2**63)):
        with pytest.raises(ValueError):
            layer.input_spatial_size(wrong)
