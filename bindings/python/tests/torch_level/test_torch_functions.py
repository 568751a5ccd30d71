"""Each function of scn.torch against finite differences, and its behavior as a function of torch's autograd."""
# Long because: every property is tested for every function, and they share what makes their inputs.

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import scn
import scn.torch as st

COORDS = torch.tensor(
    [[5, 2, 0], [1, 1, 0], [5, 3, 0], [4, 2, 1], [0, 0, 1], [5, 3, 1], [1, 2, 0], [6, 6, 1], [5, 1, 0]]
)
SIZE = 7


def entered(planes=3, mode=0, coords=COORDS):
    """Well separated values, so that a small step crosses no kink."""
    count = len(coords) * planes
    order = torch.randperm(count, generator=torch.Generator().manual_seed(3))
    features = ((order - count / 2 + 0.25) / count * 8).reshape(len(coords), planes).requires_grad_()
    return features, st.InputLayer(2, SIZE, mode)([coords, features])


def agrees(function, *inputs, step=1e-2, tolerance=2e-2):
    """Compare the gradients of a randomly weighted sum to central differences, along random directions."""
    generator = torch.Generator().manual_seed(5)
    output = function(*inputs)
    weights = torch.randn(output.shape, generator=generator)
    gradients = torch.autograd.grad((output * weights).sum(), inputs)
    for position, (given, gradient) in enumerate(zip(inputs, gradients)):
        for _ in range(3):
            direction = torch.randn(given.shape, generator=generator)
            values = []
            for sign in (1, -1):
                moved = [part.detach() for part in inputs]
                moved[position] = moved[position] + sign * step * direction
                with torch.no_grad():
                    values.append((function(*moved).double() * weights).sum().item())
            slope, expected = (values[0] - values[1]) / (2 * step), (gradient.double() * direction).sum().item()
            scale = gradient.norm().item() * direction.norm().item() + 1e-3
            assert abs(slope - expected) <= tolerance * max(abs(expected), 0.1 * scale), (position, slope, expected)


def of_layer(layer, x):
    """A function of features and parameters that applies a layer to the sites of x."""
    names = [name for name, _ in layer.named_parameters()]

    def function(features, *parameters):
        place = st.SparseConvNetTensor(features, x.metadata, x.spatial_size)
        result = torch.func.functional_call(layer, dict(zip(names, parameters)), (place,))
        return result if isinstance(result, torch.Tensor) else result.features

    return function, [x.features.detach().requires_grad_(), *layer.parameters()]


LAYERS = {
    "submanifold": lambda: st.SubmanifoldConvolution(2, 3, 4, 3, True),
    "submanifold, groups, dilation": lambda: st.SubmanifoldConvolution(2, 3, 6, (3, 2), True, 3, dilation=2),
    "convolution": lambda: st.Convolution(2, 3, 4, 3, 2, True),
    "convolution, padding": lambda: st.Convolution(2, 3, 4, 3, 2, False, padding=1),
    "full convolution": lambda: st.FullConvolution(2, 3, 2, 2, 2, True),
    "down and up": lambda: st.Sequential(st.Convolution(2, 3, 4, 3, 2, False), st.Deconvolution(2, 4, 2, 3, 2, True)),
    "permutohedral": lambda: st.PermutohedralSubmanifoldConvolution(2, 3, 2, True),
    "network in network": lambda: st.NetworkInNetwork(3, 5, True),
    "linear": lambda: st.Linear(3, 5),
    "shape context": lambda: st.ShapeContext(2, 3, 3),
    "max pooling": lambda: st.MaxPooling(2, 3, 2, 1),
    "average pooling": lambda: st.AveragePooling(2, 3, 2),
    "average pooling and un-pooling": lambda: st.Sequential(st.AveragePooling(2, 3, 2, 1), st.UnPooling(2, 3, 2, 1)),
    "fractional max pooling": lambda: st.FractionalMaxPooling(2, 1.5).eval(),
    "global sum": lambda: st.GlobalSumPooling(2),
    "global average": lambda: st.GlobalAveragePooling(2),
    "global maximum": lambda: st.GlobalMaxPooling(2),
    "batch norm": lambda: st.BatchNormalization(3),
    "batch norm, leaky": lambda: st.BatchNormLeakyReLU(3),
    "batch norm, evaluation": lambda: st.BatchNormReLU(3).eval(),
    "batch norm, ELU": lambda: st.BatchNormELU(3),
    "mean-only norm": lambda: st.MeanOnlyBNLeakyReLU(3, leakiness=0.5),
    "group norm": lambda: st.SparseGroupNorm(3, 3),
    "ReLU": lambda: st.ReLU(),
    "leaky ReLU": lambda: st.LeakyReLU(),
    "SELU": lambda: st.SELU(),
    "tanh": lambda: st.Tanh(),
    "sigmoid": lambda: st.Sigmoid(),
    "GELU": lambda: st.GELU(),
    "SiLU": lambda: st.SiLU(),
    "hard swish": lambda: st.Hardswish(),
    "softplus": lambda: st.Softplus(),
    "PReLU": lambda: st.PReLU(),
    "PReLU, a leak for each plane": lambda: st.PReLU(3, 0.5),
    "instance norm": lambda: st.InstanceNorm(3, 0.1),
    "instance norm, plain": lambda: st.InstanceNorm(3, 0.1, affine=False),
    "layer norm": lambda: st.LayerNorm(3),
    "layer norm, plain": lambda: st.LayerNorm(3, affine=False),
    "sparse to dense": lambda: st.SparseToDense(2, 3),
    "output layer": lambda: st.OutputLayer(2),
    "add coordinates": lambda: st.AddCoords(),
    "sparsify by the first plane": lambda: st.SparsifyFCS(2),
    "join and add": lambda: st.Sequential(
        st.ConcatTable(st.Identity(), st.SubmanifoldConvolution(2, 3, 2, 3, False)),
        st.JoinTable(),
        st.ConcatTable(st.Tanh(), st.Identity()),
        st.AddTable(),
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_agree_with_finite_differences(name):
    torch.manual_seed(1)
    _, x = entered()
    function, inputs = of_layer(LAYERS[name](), x)
    agrees(function, *inputs)


@pytest.mark.parametrize("mode", [1, 2, 3, 4])
@pytest.mark.filterwarnings("ignore::scn.torch.InputModeWarning")
def test_gradients_of_input_layers(mode):
    coords = torch.cat([COORDS, COORDS[:3], COORDS[2:5]])
    features, _ = entered(2, mode, coords)
    enter, leave = st.InputLayer(2, SIZE, mode), st.OutputLayer(2)
    agrees(lambda values: enter([coords, values]).features, features)
    agrees(lambda values: leave(enter([coords, values])), features)


def test_gradients_of_batched_input_and_of_dense_input():
    coords = torch.tensor([[[1, 2], [3, 4], [-1, -1]], [[0, 0], [-1, -1], [6, 6]]])
    enter, leave = st.BLInputLayer(2, SIZE), st.BLOutputLayer(2)
    values = torch.randn(2, 3, 4).requires_grad_()
    agrees(lambda features: leave(enter([coords, features])), values)
    dense = torch.randn(2, 3, 4, 5).requires_grad_()
    agrees(lambda cells: st.DenseToSparse(2)(cells).features, dense)


def test_gradients_of_combined_tensors():
    _, x = entered()
    _, y = entered(3, 0, COORDS.flip(0)[2:] + torch.tensor([0, 0, 0]))
    a, b = x.features.detach().requires_grad_(), y.features.detach().requires_grad_()

    def on(features, place):
        return st.SparseConvNetTensor(features, place.metadata, place.spatial_size)

    agrees(lambda p, q: st.compare_sparse(on(p, x), on(q, y)), a, b)
    agrees(lambda p, q: st.append_tensors([on(p, x), on(q, y)]).features, a, b)

    # A second derivative, like that of torch's own operations.
    loss = st.compare_sparse(on(a, x), on(b, y))
    slopes = torch.autograd.grad(loss, (a, b), create_graph=True)
    plain = torch.autograd.grad(st.compare_sparse(on(a, x), on(b, y)), (a, b))
    for slope, known in zip(slopes, plain):
        assert torch.allclose(slope, known)
    twice = torch.autograd.grad(slopes[0].square().sum(), (a, b))
    union = len({tuple(site) for site in torch.cat([x.get_spatial_locations(), y.get_spatial_locations()]).tolist()})
    assert torch.allclose(twice[0], slopes[0] * 4 / union)
    assert twice[1].abs().sum() > 0
    assert st.compare_sparse(on(a.detach().double(), x), on(b.detach(), y)).dtype is torch.float64


@pytest.mark.parametrize("activation", [None, "sigmoid", "fakeGradHardSigmoid"])
def test_sparsify_keeps_the_order_and_its_scores_train(activation):
    features, x = entered()
    layer = st.Sparsify(2, 3, activation)
    y = layer(x)
    with pytest.raises(scn.StateError, match="^input: has other sites, expected those of the InputLayer"):
        st.OutputLayer(2)(y)
    keep = (x.features @ (layer.net if activation is None else layer.net[0]).weight).view(-1) > 0
    assert 0 < len(y.features) < len(x.features)
    assert torch.equal(y.get_spatial_locations(), COORDS[keep])
    assert torch.equal(y.features, features[keep])
    assert y.mask.shape == (len(COORDS),)
    (y.mask.sum() + y.features.sum()).backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())


def network(planes=3):
    return st.Sequential(st.SubmanifoldConvolution(2, planes, 4, 3, True), st.BatchNormReLU(4), st.MaxPooling(2, 3, 2))


def test_gradients_accumulate_and_graphs_can_be_retained():
    features, x = entered()
    net = network()
    loss = net(x).features.square().sum()
    loss.backward(retain_graph=True)
    once = [parameter.grad.clone() for parameter in (features, *net.parameters())]
    loss.backward()
    for first, parameter in zip(once, (features, *net.parameters())):
        assert torch.allclose(parameter.grad, 2 * first)
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_look_at_features_in_between_leaves_gradients_alone(mode):
    def gradient(looks):
        features, x = entered()
        torch.manual_seed(0)
        layers = [st.SubmanifoldConvolution(2, 3, 3, 3, True), st.Tanh(), st.SubmanifoldConvolution(2, 3, 3, 3, True)]
        for layer in layers:
            x = layer(x)
            if looks:
                with mode():
                    assert x.features.isfinite().all()
        x.features.square().sum().backward()
        return features.grad

    assert torch.equal(gradient(False), gradient(True))


def test_what_needs_no_gradient_gets_none():
    features, x = entered()
    net = network()
    with torch.no_grad():
        assert not net(x).features.requires_grad
    with torch.inference_mode():
        assert not net(x).features.requires_grad
    net[0].weight.requires_grad_(False)
    net(x).features.sum().backward()
    assert net[0].weight.grad is None and net[0].bias.grad is not None and features.grad is not None
    net.zero_grad()
    net(x.detach()).features.sum().backward()
    assert net[0].bias.grad is not None
    net.requires_grad_(False)
    assert not net(x.detach()).features.requires_grad


def penalty(net, features, x):
    """Return the gradients of a penalty on a gradient: those of the features and of the parameters."""
    output = net(x)
    rows = output if isinstance(output, torch.Tensor) else output.features
    (gradient,) = torch.autograd.grad((rows.square() * 0.1).sum(), features, create_graph=True)
    given = [values for values in (features, *net.parameters()) if values.requires_grad]
    return torch.autograd.grad(gradient.square().sum(), given, allow_unused=True)


def entered_in_double():
    features, _ = entered()
    wide = features.detach().double().requires_grad_()
    return wide, st.InputLayer(2, SIZE)([COORDS, wide])


SMOOTH = [name for name in LAYERS if "max" not in name]


@pytest.mark.parametrize("name", LAYERS)
def test_second_derivatives_are_those_in_double_precision(name):
    torch.manual_seed(1)
    net = LAYERS[name]()
    wide = copy.deepcopy(net).double()
    for found, expected in zip(penalty(net, *entered()), penalty(wide, *entered_in_double())):
        if expected is None:
            assert found is None or not found.any()
        else:
            assert found.dtype is torch.float32 and expected.dtype is torch.float64
            torch.testing.assert_close(found, expected.float(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", LAYERS)
def test_in_double_precision_derivatives_of_both_orders_are_exact(name):
    torch.manual_seed(1)
    net = LAYERS[name]().double()

    def run(features):
        output = net(st.InputLayer(2, SIZE)([COORDS, features]))
        return output if isinstance(output, torch.Tensor) else output.features

    values = entered_in_double()[0]
    before = {key: state.clone() for key, state in net.state_dict().items()}
    assert run(values).dtype is torch.float64
    net.load_state_dict(before)
    # Running statistics move with each call, and do not take part.
    assert torch.autograd.gradcheck(run, (values,))
    if name in SMOOTH:
        # Along one random direction, where whatever is wrong shows, too: element by element it takes minutes.
        assert torch.autograd.gradgradcheck(run, (values,), fast_mode=True)


def test_networks_in_double_precision_agree_with_those_in_single():
    torch.manual_seed(2)
    net = st.Sequential(network(), st.SparseGroupNorm(2, 4), st.InstanceNorm(4), st.GlobalAveragePooling(2))
    wide = copy.deepcopy(net).double()
    torch.testing.assert_close(net(entered()[1]), wide(entered_in_double()[1]).float(), rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(net.buffers(), wide.buffers()):
        torch.testing.assert_close(ours, theirs.float(), rtol=1e-4, atol=1e-6)
    net.eval(), wide.eval()
    torch.testing.assert_close(net(entered()[1]), wide(entered_in_double()[1]).float(), rtol=1e-4, atol=1e-5)


def test_values_changed_before_the_backward_pass_are_an_error():
    _, x = entered()
    net = network()
    loss = net(x).features.sum()
    with torch.no_grad():
        net[0].weight.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
    evaluated = net.eval()(entered()[1]).features.sum()
    evaluated.backward()


def test_memory_is_shared_and_gaps_are_handled():
    features = torch.randn(len(COORDS), 8)
    x = st.InputLayer(2, SIZE, 0)([COORDS, features])
    y = st.SparseConvNetTensor(features, x.metadata, x.spatial_size)
    assert y.features is features
    # Where the rows are sorted, layers read the program's own memory.
    order = np.lexsort(COORDS.numpy()[:, [1, 0, 2]].T)
    z = st.InputLayer(2, SIZE, 0)([COORDS[order], features])
    assert z.features.data_ptr() == z._sorted().data_ptr()
    layer = st.SubmanifoldConvolution(2, 4, 3, 3, True)
    gaps = features[:, ::2]
    assert not gaps.is_contiguous()
    whole, given = gaps.contiguous().requires_grad_(), features.clone().requires_grad_()
    enter = st.InputLayer(2, SIZE, 0)
    results = [layer(enter([COORDS, part])) for part in (whole, given[:, ::2])]
    assert torch.equal(results[0].features, results[1].features)
    for result in results:
        # The gradient of a sum has strides of 0.
        result.features.sum().backward()
    assert torch.equal(whole.grad, given.grad[:, ::2])
    transposed = st.BatchNormalization(4)(gaps.t().contiguous().t())
    assert torch.equal(transposed, st.BatchNormalization(4)(gaps.contiguous()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_results_have_the_type_of_what_goes_in(dtype):
    features, x = entered()
    net = network()
    given = features.detach().to(dtype).requires_grad_()
    y = net(st.InputLayer(2, SIZE, 0)([COORDS, given]))
    assert y.features.dtype is dtype
    want = net(st.InputLayer(2, SIZE, 0)([COORDS, given.detach().float()]))
    tolerance = {torch.float16: 5e-3, torch.bfloat16: 5e-2}.get(dtype, 1e-5)
    assert torch.allclose(y.features.float(), want.features, rtol=tolerance, atol=tolerance)
    y.features.sum().backward()
    assert given.grad.dtype is dtype and net[0].weight.grad.dtype is torch.float32
    whole = network().to(dtype)
    y = whole(st.InputLayer(2, SIZE, 0)([COORDS, given]))
    assert y.features.dtype is dtype
    y.features.sum().backward()
    assert whole[0].weight.grad.dtype is dtype
    assert (whole[1].running_mean != 0).any()


def test_autocast_gives_bfloat16():
    features, x = entered()
    net, head = network(), torch.nn.Linear(3, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        x.features = head(x.features)
        assert x.features.dtype is torch.bfloat16
        y = net(x)
        assert y.features.dtype is torch.bfloat16
        assert net(entered()[1]).features.dtype is torch.bfloat16
    with torch.autocast("cpu", dtype=torch.float16):
        assert net(entered()[1]).features.dtype is torch.float32
    y.features.sum().backward()
    assert head.weight.grad.dtype is torch.float32 and torch.isfinite(head.weight.grad).all()


def test_autocast_leaves_the_state_of_a_spectral_norm_as_it_is():
    layers = [st.spectral_norm(st.NetworkInNetwork(3, 4, False)) for _ in range(2)]
    layers[1].load_state_dict(layers[0].state_dict())
    layers[0](torch.ones(2, 3))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        layers[1](torch.ones(2, 3))
    for one, other in zip(*(layer.state_dict().values() for layer in layers)):
        assert one.dtype is torch.float32 and torch.equal(one, other)


def test_the_default_type_changes_nothing_but_the_type():
    def gradients(dtype):
        torch.set_default_dtype(dtype)
        net = st.Sequential(
            st.SubmanifoldConvolution(2, 3, 4, 3, True), st.BatchNormReLU(4), st.NetworkInNetwork(4, 4, True),
            st.SparseGroupNorm(2, 4), st.MeanOnlyBNLeakyReLU(4),
        )  # fmt: skip
        generator = torch.Generator().manual_seed(0)
        for values in net.parameters():
            values.data.copy_(torch.rand(values.shape, generator=generator, dtype=torch.float32))
        net(entered()[1]).features.square().sum().backward()
        assert all(values.grad.dtype is dtype for values in net.parameters())
        return [values.grad.float() for values in net.parameters()]

    try:
        wide = gradients(torch.float64)
    finally:
        torch.set_default_dtype(torch.float32)
    for one, other in zip(wide, gradients(torch.float32)):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-5)


def test_tensors_stored_with_the_other_sign_are_read_as_they_are():
    layer = st.NetworkInNetwork(3, 2, False)
    assert torch.equal(layer(torch._neg_view(torch.ones(4, 3))), layer(-torch.ones(4, 3)))


def test_other_devices_compute_where_tensors_are():
    _, x = entered()
    elsewhere = torch.empty(len(COORDS), 3, device="meta")
    with pytest.raises(scn.UnsupportedError, match="^coords: is on meta"):
        st.InputLayer(2, SIZE)([COORDS.to("meta"), torch.zeros(len(COORDS), 3)])
    net = st.Sequential(network(), st.SparseToDense(2, 4))
    expected = net(x).shape
    y = copy.deepcopy(net).to("meta")(st.InputLayer(2, SIZE)([COORDS, elsewhere]))
    assert y.device.type == "meta" and y.shape == expected
    y.sum().backward()
    norms = st.Sequential(st.InstanceNorm(3), st.SparseGroupNorm(3, 3), st.LayerNorm(3)).to("meta")
    assert norms(st.InputLayer(2, SIZE)([COORDS, elsewhere])).features.shape == (len(x.features), 3)
    layer = st.InputLayer(2, SIZE).to("meta")
    assert layer([COORDS, torch.zeros(len(COORDS), 3)]).features.device.type == "meta"
    with pytest.raises(scn.UnsupportedError, match="^weight: is on meta, expected cpu as features"):
        network().to("meta")(x)
    with pytest.raises(scn.UnsupportedError, match="^weight: is on cpu, expected meta as features"):
        network()(st.SparseConvNetTensor(elsewhere, x.metadata))
    for moved in (x, st.InputLayerInput(COORDS, x.features)):
        assert moved.cpu() is moved
        if not torch.cuda.is_available():
            with pytest.raises((AssertionError, RuntimeError)):
                moved.cuda()
    with pytest.raises(scn.UnsupportedError, match="^features: is a torch.sparse_coo tensor, .* use .to_dense"):
        st.InputLayer(2, SIZE)([COORDS, torch.ones(len(COORDS), 3).to_sparse()])


def test_what_does_not_fit_is_refused_and_changes_nothing():
    features, x = entered()
    with pytest.raises(
        scn.ShapeError, match=r"^input: has shape \[9, 3\], expected \[n, 4\] for SubmanifoldConvolution$"
    ):
        st.SubmanifoldConvolution(2, 4, 4, 3, False)(x)
    layer = st.SubmanifoldConvolution(2, 3, 4, 3, False)
    layer.weight = torch.nn.Parameter(torch.zeros(9, 1, 3, 5))
    with pytest.raises(scn.ShapeError, match=r"^weight: has shape .* expected \[9, 1, 3, 4\]"):
        layer(x)
    with pytest.raises(TypeError, match="expected a SparseConvNetTensor"):
        layer(features)
    with pytest.raises(scn.ShapeError, match="a row for each site"):
        st.ReLU(), layer(st.SparseConvNetTensor(features[:4], x.metadata))
    with pytest.raises(scn.CoordinateError):
        st.InputLayer(2, 3)([COORDS, features])
    with pytest.raises(scn.ShapeError, match=r"expected \[9, planes\]"):
        st.InputLayer(2, SIZE)([COORDS, features[:4]])
    with pytest.raises(TypeError, match="floating-point"):
        st.SubmanifoldConvolution(2, 3, 4, 3, False)(st.SparseConvNetTensor(features.long(), x.metadata))
    for wrong in (
        lambda: st.SubmanifoldConvolution(2, 3, 4, 0, False),
        lambda: st.SubmanifoldConvolution(2, 3, 4, 3, False, 2),
        lambda: st.Convolution(11, 3, 4, 3, 2, False),
        lambda: st.Convolution(2, 3, 4, 3, 0, False),
        lambda: st.MaxPooling(2, -1, 2),
        lambda: st.BatchNormalization(0),
        lambda: st.BatchNormalization(3, eps=0),
        lambda: st.BatchNormalization(3, eps=float("inf")),
        lambda: st.SparseGroupNorm(1, 3, eps=-1),
        lambda: st.MeanOnlyBNLeakyReLU(3, momentum=7),
        lambda: st.MeanOnlyBNLeakyReLU(3, leakiness=float("nan")),
        lambda: st.LeakyReLU(float("nan")),
        lambda: st.Dropout(2),
        lambda: st.InputLayer(2, 5, 7),
        lambda: st.Sparsify(2, 3, "relu"),
        lambda: st.NetworkInNetwork(0, 3, True),
        lambda: st.UNet(3, 0, [4, 6]),
    ):
        with pytest.raises(ValueError):
            wrong()


def test_sites_of_another_dimension_are_refused():
    _, x = entered()
    for layer in (
        st.PermutohedralSubmanifoldConvolution(1, 3, 2, True),
        st.SubmanifoldConvolution(3, 3, 2, 3, True),
        st.OutputLayer(3),
        st.SparseToDense(3, 3),
        st.GlobalMaxPooling(1),
        st.Sparsify(3, 3),
        st.SparsifyFCS(5),
        st.FractionalMaxPooling(3, 1.5),
        st.MaxPooling(3, 2, 2),
        st.ShapeContext(3, 3),
    ):
        with pytest.raises(scn.ShapeError, match="^input: has dimension 2, expected"):
            layer(x)


def test_gradients_and_saved_tensors_in_other_memory():
    layer = st.Linear(1, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(1)
    values = torch.ones(1, 1, requires_grad=True)
    (gradient,) = torch.autograd.grad(layer(values), values, torch._neg_view(torch.ones(1, 1)))
    assert gradient.item() == -1
    torch.manual_seed(1)
    net = network()

    def gaps(tensor):
        return torch.stack([tensor.double(), tensor.double()], -1)

    def gradients():
        features, x = entered()
        net.zero_grad()
        net(x).features.square().sum().backward()
        return [features.grad, *(values.grad for values in net.parameters())]

    plain = gradients()
    with torch.autograd.graph.saved_tensors_hooks(gaps, lambda packed: packed[..., 0]):
        hooked = gradients()
    for one, other in zip(plain, hooked):
        torch.testing.assert_close(one, other)


def test_a_group_of_one_value_and_a_group_norm_without_sites():
    layer = st.SparseGroupNorm(4, 4)
    one = st.InputLayer(2, SIZE)([COORDS[:1], torch.randn(1, 4)])
    torch.testing.assert_close(layer(one).features, torch.zeros(1, 4), atol=1e-4, rtol=0)
    nothing = st.InputLayer(2, SIZE)([COORDS[:0], torch.zeros(0, 4)])
    layer(nothing).features.sum().backward()
    assert not layer.weight.grad.any() and not layer.bias.grad.any()


def test_empty_tensors_flow_through():
    net = st.Sequential(
        st.InputLayer(2, 8),
        st.SubmanifoldConvolution(2, 3, 4, 3, True),
        st.BatchNormReLU(4),
        st.SparseGroupNorm(2, 4),
        st.MeanOnlyBNLeakyReLU(4),
        st.Convolution(2, 4, 4, 2, 2, False),
        st.MaxPooling(2, 2, 2),
        st.SparseToDense(2, 4),
    )
    features = torch.empty(0, 3, requires_grad=True)
    dense = net([torch.empty(0, 3, dtype=torch.int64), features, 2])
    assert dense.shape == (2, 4, 2, 2) and not dense.any()
    dense.sum().backward()
    assert features.grad.shape == (0, 3) and not net[1].weight.grad.any()
