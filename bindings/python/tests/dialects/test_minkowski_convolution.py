"""Convolutions of scn.minkowski: sites, kernels, results and gradients against loops over taps."""

import copy
import io

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from test_minkowski_oracle import (
    check,
    convolved,
    cross_of,
    drawn,
    each_axis,
    leaf,
    pairs,
    rounded_down,
    taps_of,
    tensor,
    turned,
)

import scn.minkowski as ME
from scn.errors import CoordinateError, InvalidArgumentError, ShapeError


def expected(x, layer, outputs, taps, scale=None):
    """The oracle's result of a convolution on some sites."""
    kernel = layer.kernel if layer.kernel.ndim == 3 else layer.kernel[None]
    meeting = pairs(x.C, outputs, taps, x.tensor_stride if scale is None else scale)
    result = convolved(x.F, meeting, kernel, len(outputs))
    return result if layer.bias is None else result + layer.bias


# In four dimensions a kernel of more taps adds nothing.
KERNELS = [(1, 1), (3, 1), (2, 1), (3, 2), (2, 3)]


@pytest.mark.parametrize(
    "dimension, size, dilation",
    [(d, *kernel) for d in (1, 2, 3) for kernel in [*KERNELS, (5, 1), (4, 1)]] + [(4, *kernel) for kernel in KERNELS],
)
def test_a_convolution_of_stride_1_keeps_sites_and_rows(random, dimension, size, dilation):
    x = tensor(random, dimension=dimension, span=6)
    layer = ME.MinkowskiConvolution(3, 4, size, dilation=dilation, bias=True, dimension=dimension).double()
    result = layer(x)
    assert torch.equal(result.C, x.C)
    assert result.coordinate_map_key == x.coordinate_map_key
    check(result, x.C, expected(x, layer, x.C, taps_of(size, dilation, dimension)), [x.F, *layer.parameters()])


@pytest.mark.parametrize("size, dilation", [([3, 1, 5], 1), ([2, 3, 1], [1, 2, 1]), ([3, 3, 3], [2, 1, 3])])
def test_sizes_and_dilations_may_differ_by_axis(random, size, dilation):
    x = tensor(random)
    layer = ME.MinkowskiConvolution(3, 2, size, dilation=dilation, dimension=3).double()
    check(layer(x), x.C, expected(x, layer, x.C, taps_of(size, dilation, 3)), [x.F, layer.kernel])


@pytest.mark.parametrize(
    "size, stride, dilation", [(2, 2, 1), (3, 2, 1), (1, 2, 1), (3, 3, 2), ([3, 2, 1], [2, 1, 3], 1)]
)
def test_a_stride_rounds_sites_down_also_below_zero(random, size, stride, dilation):
    x = tensor(random)
    layer = ME.MinkowskiConvolution(3, 4, size, stride, dilation, bias=True, dimension=3).double()
    result = layer(x)
    outputs = rounded_down(x.C, stride)
    assert result.tensor_stride == each_axis(stride, 3)
    check(result, outputs, expected(x, layer, outputs, taps_of(size, dilation, 3)), [x.F, *layer.parameters()])


def test_strides_multiply_and_taps_are_counted_in_tensor_strides(random):
    x = tensor(random, 60, low=-9, span=18)
    first = ME.MinkowskiConvolution(3, 3, 3, 2, dimension=3).double()
    second = ME.MinkowskiConvolution(3, 3, 3, 3, dimension=3).double()
    third = ME.MinkowskiConvolution(3, 2, 3, dimension=3).double()
    a = first(x)
    b = second(a)
    c = third(b)
    assert (a.tensor_stride, b.tensor_stride, c.tensor_stride) == ([2] * 3, [6] * 3, [6] * 3)
    outputs = rounded_down(a.C, 6)
    check(b, outputs, expected(a, second, outputs, taps_of(3, 1, 3)), [x.F, first.kernel, second.kernel])
    check(c, b.C, expected(b, third, b.C, taps_of(3, 1, 3)), [x.F, third.kernel])


@pytest.mark.parametrize("step, stride", [(4, 4), (1, 2), (2, 4)])
def test_given_tensor_strides_hold_for_coordinates_on_and_off_the_grid(random, step, stride):
    x = tensor(random, step=step, tensor_stride=stride)
    same = ME.MinkowskiConvolution(3, 2, 3, dimension=3).double()
    check(same(x), x.C, expected(x, same, x.C, taps_of(3, 1, 3)), [x.F, same.kernel])
    down = ME.MinkowskiConvolution(3, 2, 3, 2, dimension=3).double()
    outputs = rounded_down(x.C, 2 * stride)
    result = down(x)
    assert result.tensor_stride == [2 * stride] * 3
    check(result, outputs, expected(x, down, outputs, taps_of(3, 1, 3)), [x.F, down.kernel])


@pytest.mark.parametrize("size", [3, 5, [5, 3, 1]])
def test_a_cross_reads_its_arms(random, size):
    generator = ME.KernelGenerator(size, region_type=ME.RegionType.HYPER_CROSS, dimension=3)
    x = tensor(random)
    layer = ME.MinkowskiConvolution(3, 4, kernel_generator=generator, dimension=3).double()
    taps = cross_of(size, 3)
    assert generator.kernel_volume == len(taps) == len(layer.kernel)
    check(layer(x), x.C, expected(x, layer, x.C, taps), [x.F, layer.kernel])


def test_custom_taps_are_read_in_their_order(random):
    taps = [[0, 0], [2, -1], [-3, 0], [1, 1]]
    generator = ME.KernelGenerator(
        region_type=ME.RegionType.CUSTOM, region_offsets=torch.tensor(taps), stride=2, dilation=2, dimension=2
    )
    x = tensor(random, dimension=2)
    layer = ME.MinkowskiConvolution(3, 4, kernel_generator=generator, dimension=2).double()
    outputs = rounded_down(x.C, 2)
    doubled = [[2 * place for place in tap] for tap in taps]
    check(layer(x), outputs, expected(x, layer, outputs, doubled), [x.F, layer.kernel])


def test_axis_types_make_a_box_with_arms(random):
    box, cross = ME.RegionType.HYPER_CUBE, ME.RegionType.HYPER_CROSS
    generator = ME.KernelGenerator([3, 3, 3], axis_types=[box, box, cross], dimension=3)
    assert generator.kernel_volume == 9 + 2
    taps = [tuple(tap) for tap in generator._region().taps[:, ::-1].tolist()]
    assert taps[0] == (0, 0, 0)
    assert set(taps) == {(a, b, 0) for a in (-1, 0, 1) for b in (-1, 0, 1)} | {(0, 0, -1), (0, 0, 1)}
    assert set(map(tuple, generator.get_kernel([2, 2, 2], False)[1].tolist())) == {
        tuple(2 * t for t in tap) for tap in taps
    }
    assert ME.KernelGenerator([3, 3], axis_types=[box, box], dimension=2).kernel_volume == 9


@pytest.mark.parametrize("size, stride", [(2, 2), (3, 2), (3, 3), ([2, 3, 2], [2, 3, 1])])
def test_a_transposed_convolution_leads_back_to_the_sites_and_rows_that_were_there(random, size, stride):
    x = tensor(random)
    down = ME.MinkowskiConvolution(3, 4, size, stride, dimension=3).double()
    up = ME.MinkowskiConvolutionTranspose(4, 2, size, stride, bias=True, dimension=3).double()
    y = down(x)
    z = up(y)
    assert z.coordinate_map_key == x.coordinate_map_key
    assert torch.equal(z.C, x.C)
    meeting = turned(pairs(x.C, y.C, taps_of(size, 1, 3), [1] * 3))
    check(z, x.C, convolved(y.F, meeting, up.kernel, len(x)) + up.bias, [x.F, *up.parameters()])


def test_another_kernel_leads_back_as_well(random):
    x = tensor(random)
    y = ME.MinkowskiConvolution(3, 4, 2, 2, dimension=3).double()(x)
    up = ME.MinkowskiConvolutionTranspose(4, 2, 3, 2, dilation=2, dimension=3).double()
    meeting = turned(pairs(x.C, y.C, taps_of(3, 2, 3), [1] * 3))
    check(up(y), x.C, convolved(y.F, meeting, up.kernel, len(x)), [x.F, up.kernel])


def covered(x, taps, scale):
    """All places at a tap from a site."""
    places = [
        [sample, *(a + t * s for a, t, s in zip(place, tap, scale))] for sample, *place in x.C.tolist() for tap in taps
    ]
    return torch.unique(torch.tensor(places), dim=0)


@pytest.mark.parametrize("size, stride", [(2, 2), (3, 2), (2, 1), ([3, 2, 1], [4, 2, 1])])
def test_a_generative_convolution_makes_all_sites_that_it_reaches(random, size, stride):
    x = tensor(random, 20, step=4, tensor_stride=4)
    layer = ME.MinkowskiGenerativeConvolutionTranspose(3, 2, size, stride, bias=True, dimension=3).double()
    scale = [4 // step for step in each_axis(stride, 3)]
    taps = taps_of(size, 1, 3)
    outputs = covered(x, taps, scale)
    result = layer(x)
    assert result.tensor_stride == scale
    meeting = turned(pairs(outputs, x.C, taps, scale))
    check(result, outputs, convolved(x.F, meeting, layer.kernel, len(outputs)) + layer.bias, [x.F, *layer.parameters()])


@pytest.mark.parametrize("size, stride", [(2, 2), (3, 2), ([3, 2, 1], [4, 2, 1]), (4, 2)])
@pytest.mark.parametrize("kind", ["generative", "expanded", "pooling"])
def test_children_of_a_site_come_together_tap_by_tap(random, size, stride, kind):
    x = tensor(random, 20, step=4, tensor_stride=4)
    arguments = {"kernel_size": size, "stride": stride, "dimension": 3}
    if kind == "generative":
        layer = ME.MinkowskiGenerativeConvolutionTranspose(3, 2, **arguments).double()
    elif kind == "expanded":
        layer = ME.MinkowskiConvolutionTranspose(3, 2, expand_coordinates=True, **arguments).double()
    else:
        layer = ME.MinkowskiPoolingTranspose(expand_coordinates=True, **arguments)
    scale = [4 // step for step in each_axis(stride, 3)]
    # The first axis runs fastest.
    taps = sorted(map(tuple, taps_of(size, 1, 3)), key=lambda tap: tap[::-1])
    seen = {}
    for sample, *place in x.C.tolist():
        for tap in taps:
            seen.setdefault((sample, *(a + t * s for a, t, s in zip(place, tap, scale))), len(seen))
    assert [tuple(row) for row in layer(x).C.tolist()] == list(seen)


def test_a_transposed_convolution_generates_where_no_map_has_its_stride(random):
    x = tensor(random, 15, dimension=2, step=2, tensor_stride=2)
    layer = ME.MinkowskiConvolutionTranspose(3, 2, 3, 2, dimension=2).double()
    outputs = covered(x, taps_of(3, 1, 2), [1, 1])
    meeting = turned(pairs(outputs, x.C, taps_of(3, 1, 2), [1, 1]))
    check(layer(x), outputs, convolved(x.F, meeting, layer.kernel, len(outputs)), [x.F, layer.kernel])


@pytest.mark.parametrize("size, stride", [(3, 1), (2, 1), (3, 2), (2, 3)])
def test_expanded_coordinates_are_those_at_a_tap(random, size, stride):
    x = tensor(random, 15, dimension=2)
    layer = ME.MinkowskiConvolution(3, 2, size, stride, expand_coordinates=True, dimension=2).double()
    places = covered(x, taps_of(size, 1, 2), [1, 1])
    outputs = places[(places[:, 1:] % stride == 0).all(1)]
    result = layer(x)
    assert result.coordinate_map_key != x.coordinate_map_key
    check(result, outputs, expected(x, layer, outputs, taps_of(size, 1, 2)), [x.F, layer.kernel])


def test_a_result_lives_on_a_tensor_a_key_or_coordinates(random):
    x = tensor(random)
    where = drawn(random, 20)
    other = ME.SparseTensor(torch.zeros(len(where), 1), coordinates=where, coordinate_manager=x.coordinate_manager)
    layer = ME.MinkowskiConvolution(3, 2, 3, dimension=3).double()
    wanted = expected(x, layer, where, taps_of(3, 1, 3))
    for target in (other, other.coordinate_map_key, where, where.clone()):
        result = layer(x, target)
        assert torch.equal(result.C, where)
        check(result, where, wanted, [x.F, layer.kernel])
    assert layer(x, other).coordinate_map_key == other.coordinate_map_key
    assert layer(x, where).tensor_stride == [1, 1, 1]
    strided = ME.MinkowskiConvolution(3, 2, 2, 2, dimension=3).double()(x, where)
    assert strided.tensor_stride == [2, 2, 2]


@pytest.mark.parametrize("size, stride, dilation", [(3, 1, 1), (3, 2, 1), (2, 2, 2)])
def test_a_channelwise_convolution_mixes_no_planes(random, size, stride, dilation):
    x = tensor(random, planes=4)
    layer = ME.MinkowskiChannelwiseConvolution(4, size, stride, dilation, bias=True, dimension=3).double()
    assert layer.kernel.shape == (size**3, 4)
    outputs = rounded_down(x.C, stride) if stride > 1 else x.C
    wanted = convolved(
        x.F, pairs(x.C, outputs, taps_of(size, dilation, 3), [1] * 3), torch.diag_embed(layer.kernel), len(outputs)
    )
    check(layer(x), outputs, wanted + layer.bias, [x.F, *layer.parameters()])


def test_gradients_are_right_and_have_gradients(random):
    coordinates = drawn(random, 8, dimension=2, span=4)
    layer = ME.MinkowskiConvolution(2, 2, 3, 2, bias=True, dimension=2).double()

    def function(features, kernel):
        x = ME.SparseTensor(features, coordinates=coordinates)
        return ME.MinkowskiConvolutionFunction.apply(
            x.F,
            kernel,
            layer.kernel_generator,
            layer.convolution_mode,
            x.coordinate_map_key,
            None,
            x.coordinate_manager,
        )

    inputs = (leaf(random, len(coordinates), 2), layer.kernel)
    assert torch.autograd.gradcheck(function, inputs)
    assert torch.autograd.gradgradcheck(function, inputs)


@pytest.mark.parametrize("layer", [ME.MinkowskiSumPooling, lambda *a, **k: ME.MinkowskiConvolution(1, 1, *a, **k)])
def test_given_coordinates_are_those_of_their_call_alone(layer):
    where = torch.tensor([[0, 0], [0, 3], [0, 6], [0, 9]], dtype=torch.int32)
    x = ME.SparseTensor(torch.ones(4, 1), where)
    given = torch.tensor([[0, 2], [0, 4]], dtype=torch.int32)
    y = layer(3, 2, dimension=1)(x, given)
    assert y.C.tolist() == given.tolist()
    assert sorted(layer(2, 2, dimension=1)(x).C[:, 1].tolist()) == [0, 2, 6, 8]
    assert len(x.coordinate_manager.get_coordinates(x.coordinate_manager.stride(x.coordinate_map_key, 2))) == 4
    # Below them, the way back leads to them.
    for start in (y, layer(3, 1, dimension=1)(x, given)):
        down = ME.MinkowskiConvolution(1, 1, kernel_size=2, stride=2, dimension=1)(start)
        up = ME.MinkowskiConvolutionTranspose(1, 1, kernel_size=2, stride=2, dimension=1)(down)
        assert up.coordinate_map_key == start.coordinate_map_key


def test_a_tensor_that_is_refused_leaves_no_shared_manager():
    where = torch.tensor([[0, 1, 2, 3]], dtype=torch.int32)
    ME.set_sparse_tensor_operation_mode(ME.SparseTensorOperationMode.SHARE_COORDINATE_MANAGER)
    try:
        for stride, kind in (([2, 2, 2], AssertionError), (-2, ValueError)):
            with pytest.raises(kind):
                ME.SparseTensor(torch.ones(1, 1), where[:, :3], tensor_stride=stride)
        assert ME.SparseTensor(torch.ones(1, 1), where).D == 3
    finally:
        ME.clear_global_coordinate_manager()
        ME.set_sparse_tensor_operation_mode(ME.SparseTensorOperationMode.SEPARATE_COORDINATE_MANAGER)


def test_poolings_and_channelwise_layers_do_not_expand():
    x = ME.SparseTensor(torch.ones(2, 1), torch.tensor([[0, 0], [0, 7]], dtype=torch.int32))
    kernel = ME.KernelGenerator(3, 2, expand_coordinates=True, dimension=1)
    assert ME.MinkowskiSumPooling(3, 2, kernel_generator=kernel, dimension=1)(x).C.tolist() == [[0, 0], [0, 6]]
    kernel = ME.KernelGenerator(3, 1, expand_coordinates=True, dimension=1)
    channelwise = ME.MinkowskiChannelwiseConvolution(1, kernel_generator=kernel, dimension=1)
    assert channelwise(x).C.tolist() == [[0, 0], [0, 7]]


def test_functions_compute_what_layers_do_and_set_their_key(random):
    x = tensor(random)
    down = ME.MinkowskiConvolution(3, 4, 3, 2, dimension=3).double()
    up = ME.MinkowskiConvolutionTranspose(4, 2, 3, 2, dimension=3).double()
    key = ME.CoordinateMapKey(4)
    assert not key.is_key_set()
    manager = x.coordinate_manager
    made = down.conv.apply(
        x.F, down.kernel, down.kernel_generator, down.convolution_mode, x.coordinate_map_key, key, manager
    )
    y = down(x)
    assert key == y.coordinate_map_key
    torch.testing.assert_close(made, y.F)
    function = ME.MinkowskiConvolutionTransposeFunction()
    back = function.apply(
        y.F, up.kernel, up.kernel_generator, up.convolution_mode, y.coordinate_map_key, x.coordinate_map_key, manager
    )
    torch.testing.assert_close(back, up(y).F)


def test_float32_agrees_with_float64(random):
    x = tensor(random, 200, 7, span=10)
    layers = [
        ME.MinkowskiConvolution(7, 9, 3, bias=True, dimension=3),
        ME.MinkowskiConvolution(7, 9, 1, bias=True, dimension=3),
        ME.MinkowskiConvolution(7, 9, 2, 2, dimension=3),
        ME.MinkowskiChannelwiseConvolution(7, 3, bias=True, dimension=3),
    ]
    for layer in layers:
        leaf32 = x.F.detach().float().requires_grad_()
        y = layer(ME.SparseTensor(leaf32, coordinates=x.C))
        y.F.square().sum().backward()
        found = [leaf32.grad, *(parameter.grad for parameter in layer.parameters())]
        wide = copy.deepcopy(layer).double()
        wide.zero_grad()
        leaf64 = x.F.detach().clone().requires_grad_()
        z = wide(ME.SparseTensor(leaf64, coordinates=x.C))
        z.F.square().sum().backward()
        torch.testing.assert_close(y.F, z.F.float(), rtol=1e-4, atol=1e-5)
        for mine, other in zip(found, [leaf64.grad, *(parameter.grad for parameter in wide.parameters())]):
            torch.testing.assert_close(mine, other.float(), rtol=1e-3, atol=1e-4)


@pytest.mark.filterwarnings("ignore:coordinates")
def test_coordinates_may_be_far_away(random):
    far = 2**31 - 5
    coordinates = torch.tensor([[0, far, -far], [0, far + 1, -far], [1, -far, far]], dtype=torch.int32)
    x = ME.SparseTensor(torch.ones(3, 1), coordinates=coordinates)
    layer = ME.MinkowskiConvolution(1, 1, 3, dimension=2)
    with torch.no_grad():
        layer.kernel.fill_(1)
    assert layer(x).F[:, 0].tolist() == [2, 2, 1]
    assert len(ME.MinkowskiConvolution(1, 1, 2, 2, dimension=2)(x)) == 3
    with pytest.raises(CoordinateError, match="32 bits"):
        ME.SparseTensor(torch.ones(1, 1), coordinates=torch.tensor([[0, 2**31, 0]]))


@pytest.mark.parametrize("rows", [0, 1])
def test_no_site_and_one_site_pass_every_convolution(rows):
    features = torch.ones(rows, 2, requires_grad=True)
    x = ME.SparseTensor(features, coordinates=torch.tensor([[0, -3, 5]] * rows, dtype=torch.int32).reshape(rows, 3))
    down = ME.MinkowskiConvolution(2, 3, 3, 2, bias=True, dimension=2)
    layers = [
        ME.MinkowskiConvolution(2, 3, 3, bias=True, dimension=2),
        ME.MinkowskiConvolution(2, 3, 1, bias=True, dimension=2),
        ME.MinkowskiConvolution(2, 3, 3, expand_coordinates=True, dimension=2),
        ME.MinkowskiChannelwiseConvolution(2, 3, bias=True, dimension=2),
        down,
    ]
    results = [layer(x) for layer in layers]
    results.append(ME.MinkowskiConvolutionTranspose(3, 2, 3, 2, dimension=2)(results[-1]))
    results.append(ME.MinkowskiGenerativeConvolutionTranspose(3, 2, 2, 2, dimension=2)(results[-2]))
    assert [len(result) for result in results] == [rows, rows, 9 * rows, rows, rows, rows, 4 * rows]
    sum(result.F.sum() for result in results).backward()
    assert features.grad.shape == (rows, 2)
    assert down.kernel.grad is not None


def test_kernels_and_states_have_the_shapes_of_the_library():
    layer = ME.MinkowskiConvolution(3, 4, 3, bias=True, dimension=3)
    assert {name: tuple(value.shape) for name, value in layer.state_dict().items()} == {
        "kernel": (27, 3, 4),
        "bias": (1, 4),
    }
    assert ME.MinkowskiConvolution(3, 4, 1, dimension=3).kernel.shape == (3, 4)
    assert ME.MinkowskiConvolution(3, 4, 1, 2, dimension=3).kernel.shape == (1, 3, 4)
    assert ME.MinkowskiConvolution(3, 4, 1, 2, dimension=1).kernel.shape == (1, 3, 4)
    bound = 1 / 81**0.5
    assert 0.9 * bound < layer.kernel.abs().max() <= bound
    transposed = ME.MinkowskiConvolutionTranspose(3, 100, 2, 2, dimension=3)
    assert transposed.kernel.abs().max() <= 1 / 800**0.5
    assert repr(layer) == (
        "MinkowskiConvolution(in=3, out=4, kernel_size=[3, 3, 3], stride=[1, 1, 1], dilation=[1, 1, 1])"
    )


def test_layers_are_copied_pickled_and_loaded(random):
    x = tensor(random)
    generator = ME.KernelGenerator(3, region_type=ME.RegionType.HYPER_CROSS, dimension=3)
    layer = ME.MinkowskiConvolution(3, 4, kernel_generator=generator, bias=True, dimension=3).double()
    wanted = layer(x).F
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    fresh = ME.MinkowskiConvolution(3, 4, kernel_generator=generator, bias=True, dimension=3).double()
    fresh.load_state_dict(layer.state_dict())
    for other in (copy.deepcopy(layer), torch.load(file, weights_only=False), fresh):
        torch.testing.assert_close(other(x).F, wanted)


def test_bad_calls_say_what_they_expect(random):
    x = tensor(random)
    layer = ME.MinkowskiConvolution(3, 4, 3, dimension=3).double()
    for call, kind, message in (
        (lambda: ME.MinkowskiConvolution(3, 4, 3), InvalidArgumentError, "dimension: is None, expected at least 1"),
        (lambda: ME.MinkowskiConvolution(3, 4, dimension=3), InvalidArgumentError, "kernel_size: is .* positive"),
        (lambda: ME.MinkowskiConvolution(3, 4, [3, 3], dimension=3), ShapeError, "has 2 entries, expected 3"),
        (lambda: ME.MinkowskiConvolution(3, 4, 3, 0, dimension=3), InvalidArgumentError, "stride: is .* positive"),
        (lambda: layer(x.F), TypeError, "input: is a torch.Tensor, expected a SparseTensor"),
        (lambda: ME.MinkowskiConvolution(3, 4, 3, dimension=2)(x), InvalidArgumentError, "a tensor of 3 dimensions"),
        (lambda: ME.MinkowskiConvolution(5, 4, 3, dimension=3)(x), ShapeError, r"expected \[sites, 5\]"),
        (lambda: layer(x, "there"), TypeError, "coordinates: is a str"),
        (lambda: layer(x, tensor(random)), RuntimeError, "coordinate_manager: differs"),
        (lambda: layer(x, ME.CoordinateMapKey([7, 7, 7])), InvalidArgumentError, "expected that of a map of"),
        (lambda: ME.MinkowskiConvolutionTranspose(3, 4, 2, 2, dimension=3)(x), InvalidArgumentError, "divisors"),
        (
            lambda: ME.KernelGenerator(2, region_type=ME.RegionType.HYPER_CROSS, dimension=3),
            InvalidArgumentError,
            "odd integers",
        ),
        (lambda: ME.KernelGenerator(3, region_type=1, dimension=3), TypeError, "region_type: is an int"),
    ):
        with pytest.raises(kind, match=message):
            call()
