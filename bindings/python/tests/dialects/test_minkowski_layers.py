"""Layers of scn.minkowski on single rows and samples: torch's modules, whatever computes them."""

import copy
import io

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from test_minkowski_oracle import check, drawn, leaf, tensor
from torch import nn
from torch.nn import functional as F

import scn.minkowski as ME
import scn.minkowski.MinkowskiFunctional as MF
from scn.errors import ShapeError

ACTIVATIONS = {
    "ReLU": {},
    "ReLU6": {},
    "LeakyReLU": {"negative_slope": 0.2},
    "ELU": {"alpha": 0.7},
    "SELU": {},
    "CELU": {"alpha": 1.3},
    "GELU": {},
    "SiLU": {},
    "Sigmoid": {},
    "LogSigmoid": {},
    "Tanh": {},
    "Tanhshrink": {},
    "Hardshrink": {"lambd": 0.3},
    "Hardsigmoid": {},
    "Hardswish": {},
    "Hardtanh": {"min_val": -0.5},
    "Softplus": {"beta": 2},
    "Softshrink": {"lambd": 0.3},
    "Softsign": {},
    "Softmin": {"dim": 1},
    "Softmax": {"dim": 1},
    "LogSoftmax": {"dim": 1},
    "Threshold": {"threshold": 0.1, "value": -7},
    "PReLU": {"num_parameters": 3},
}


def seen_and_unseen(random, **settings):
    """A tensor whose features are in the program's order, one of a layer in another, and one whose rows are sorted."""
    x = tensor(random, **settings)
    yield x
    layer = ME.MinkowskiConvolution(3, 3, 3, dimension=3).double()
    yield layer(x)
    yield ME.MinkowskiConvolution(3, 3, 2, 2, dimension=3).double()(x)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_those_of_torch(random, name):
    layer = getattr(ME, f"Minkowski{name}")(**ACTIVATIONS[name]).double()
    module = getattr(nn, name)(**ACTIVATIONS[name]).double()
    assert type(layer.module) is type(module)
    for x in seen_and_unseen(random):
        features = x.F
        result = layer(x)
        assert result.coordinate_map_key == x.coordinate_map_key
        check(result, x.C, module(features), [features])
    if name != "PReLU":
        function = getattr(MF, {"LeakyReLU": "leaky_relu", "LogSoftmax": "log_softmax"}.get(name, name.lower()))
        torch.testing.assert_close(function(x, **ACTIVATIONS[name]).F, module(x.F))


@pytest.mark.parametrize("is_in_place", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_relu_in_place_changes_its_input(random, is_in_place, dtype):
    for x in seen_and_unseen(random):
        x = x.to(dtype)
        kept = x.F.detach().clone()
        with torch.no_grad():
            y = ME.MinkowskiReLU(inplace=is_in_place)(x)
            torch.testing.assert_close(y.F, kept.relu())
            torch.testing.assert_close(x.F, kept.relu() if is_in_place else kept)


def networks(width=5):
    """Networks of batch norms and activations in all ways in which they meet."""
    yield [ME.MinkowskiBatchNorm(width)]
    yield [ME.MinkowskiBatchNorm(width), ME.MinkowskiReLU()]
    yield [ME.MinkowskiBatchNorm(width), ME.MinkowskiReLU(inplace=True)]
    yield [ME.MinkowskiBatchNorm(width, eps=1e-3, momentum=0.3), ME.MinkowskiReLU(), ME.MinkowskiReLU()]
    yield [ME.MinkowskiBatchNorm(width, affine=False), ME.MinkowskiReLU()]
    yield [ME.MinkowskiBatchNorm(width, track_running_stats=False), ME.MinkowskiReLU()]
    yield [ME.MinkowskiBatchNorm(width, momentum=None), ME.MinkowskiReLU()]
    yield [ME.MinkowskiBatchNorm(width), ME.MinkowskiBatchNorm(width), ME.MinkowskiReLU(inplace=True)]
    yield [ME.MinkowskiReLU(), ME.MinkowskiBatchNorm(width), ME.MinkowskiLeakyReLU()]


def of_torch(layer):
    return copy.deepcopy(layer.bn if hasattr(layer, "bn") else layer.module).double()


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize("number", range(9))
def test_batch_norms_and_relus_compute_what_torch_does(random, number, is_training):
    net = nn.Sequential(*list(networks())[number]).train(is_training)
    for layer in net:
        for parameter in layer.parameters():
            nn.init.uniform_(parameter, 0.5, 1.5)
        if hasattr(layer, "bn") and layer.bn.running_mean is not None:
            nn.init.uniform_(layer.bn.running_mean)
            nn.init.uniform_(layer.bn.running_var, 0.5, 2)
    other = nn.Sequential(*[of_torch(layer) for layer in net]).train(is_training)
    coordinates = drawn(random, 60)
    given = leaf(random, len(coordinates), 5)
    narrow = given.detach().float().requires_grad_()
    x = ME.MinkowskiSumPooling(1, 1, dimension=3)(ME.SparseTensor(narrow, coordinates=coordinates))
    # Weighted by rows, so that no gradient of a batch norm vanishes.
    scale = torch.linspace(-1, 2, len(coordinates)).double()[:, None]
    for _ in range(2):
        ours, theirs = net(x).F, other(given)
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-5)
        for result, weight in ((ours, scale.float()), (theirs, scale)):
            (result.square() * weight).sum().backward(retain_graph=True)
    torch.testing.assert_close(narrow.grad.double(), given.grad, rtol=1e-3, atol=1e-3)
    for mine, wanted in zip(net.parameters(), other.parameters()):
        torch.testing.assert_close(mine.grad.double(), wanted.grad, rtol=1e-3, atol=1e-3)
    for mine, wanted in zip(net.buffers(), other.buffers()):
        torch.testing.assert_close(mine.double(), wanted.double(), rtol=1e-4, atol=1e-5)


def test_a_program_may_look_between_batch_norm_and_relu(random):
    x = tensor(random).to(torch.float32)
    norm = ME.MinkowskiBatchNorm(3)
    y = norm(x)
    kept = y.F.detach().clone()
    torch.testing.assert_close(ME.MinkowskiReLU()(y).F, kept.relu())
    z = norm(x)
    w = ME.MinkowskiReLU(inplace=True)(z)
    torch.testing.assert_close(z.F, kept.relu())
    torch.testing.assert_close(w.F, kept.relu())
    a = norm(x)
    b = ME.MinkowskiReLU()(a)
    torch.testing.assert_close((a + b).F, kept + kept.relu())
    c = norm(x)
    c += c
    torch.testing.assert_close(ME.MinkowskiReLU()(c).F, 2 * kept.relu())


def evaluating(planes=5):
    """A convolution, and a batch norm in evaluation with statistics of its own."""
    norm = ME.MinkowskiBatchNorm(planes).eval()
    for values in (norm.bn.weight, norm.bn.bias, norm.bn.running_mean, norm.bn.running_var):
        nn.init.uniform_(values, 0.5, 1.5)
    return ME.MinkowskiConvolution(3, planes, 3, dimension=3), norm


@pytest.mark.parametrize("stride", [1, 2])
def test_a_batch_norm_that_waits_is_that_of_when_it_was_called(random, stride):
    first, norm = evaluating()
    x = ME.MinkowskiConvolution(3, 3, stride, stride, dimension=3)(tensor(random).float())
    act, in_place = ME.MinkowskiReLU(), ME.MinkowskiReLU(inplace=True)
    with torch.no_grad():
        wanted = norm.bn(first(x).F)
        other = norm(first(x))
        y = first(x)
        z = norm(y)
        # What it reads may be changed, and what is changed in place is not what it was made of.
        y.F.add_(1)
        norm.bn.weight.zero_()
        norm.bn.running_mean.add_(3)
        torch.testing.assert_close(z.F, wanted)
        torch.testing.assert_close(act(other).F, wanted.relu())
        torch.testing.assert_close(other.F, wanted)
        _, norm = evaluating()
        wanted = norm.bn(first(x).F)
        for look in (
            lambda y: y.F.add_(1),
            lambda y: y.features.zero_(),
            lambda y: in_place(y),
            lambda y: y.__iadd__(y),
            lambda y: y.float().F.zero_(),
            lambda y: ME.MinkowskiLinear(5, 5)(y),
            lambda y: ME.cat(y, y).F.zero_(),
            lambda y: ME.MinkowskiDropout(0.0)(y).F.zero_(),
            lambda y: norm(y).F.zero_(),
        ):
            y = first(x)
            z = norm(y)
            look(y)
            torch.testing.assert_close(z.F, wanted)
            y = first(x)
            z = norm(y)
            w = in_place(z)
            look(y)
            torch.testing.assert_close(w.F, wanted.relu())
            torch.testing.assert_close(z.F, wanted.relu())
        z = norm(first(x))
        assert z._held._due is not None
        assert (z.shape, len(z), z.dtype) == (wanted.shape, len(wanted), torch.float32)
        joined = ME.cat(norm(first(x)), first(x))
        torch.testing.assert_close(joined.F[:, :5], wanted)
        torch.testing.assert_close(copy.deepcopy(norm(first(x))).F, wanted)
        torch.testing.assert_close((norm(first(x)) + norm(first(x))).F, 2 * wanted)


def test_batch_norms_of_one_input_wait_for_one_another(random):
    first, norm = evaluating()
    _, other = evaluating()
    x = tensor(random).float()
    with torch.no_grad():
        plain = first(x).F
        y = first(x)
        results = [norm(y), other(y), norm(y)]
        results += [ME.MinkowskiReLU()(result) for result in results]
        expected = [norm.bn(plain), other.bn(plain), norm.bn(plain)]
        for result, wanted in zip(results, [*expected, *(part.relu() for part in expected)]):
            torch.testing.assert_close(result.F, wanted)
        torch.testing.assert_close(y.F, plain)


def test_a_batch_norm_in_evaluation_has_gradients_where_they_are_recorded(random):
    first, norm = evaluating()
    x = tensor(random).float()
    result = ME.MinkowskiReLU(inplace=True)(norm(first(x))).F
    assert result.requires_grad
    expected = torch.autograd.grad(norm.bn(first(x).F).relu().square().sum(), first.kernel)
    torch.testing.assert_close(torch.autograd.grad(result.square().sum(), first.kernel), expected)


def test_hooks_of_inner_modules_are_called(random):
    x = tensor(random).to(torch.float32)
    norm, line, act = ME.MinkowskiBatchNorm(3), ME.MinkowskiLinear(3, 4), ME.MinkowskiReLU()
    calls = []
    for module in (norm.bn, line.linear, act.module):
        module.register_forward_hook(lambda module, inputs, output: calls.append(type(module).__name__))
    act(line(norm(x)))
    assert calls[:2] == ["BatchNorm1d", "Linear"]


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_rows_pass(rows):
    features = torch.ones(rows, 2, requires_grad=True)
    coordinates = torch.arange(rows)[:, None].repeat(1, 3).int()
    x = ME.SparseTensor(features, coordinates=coordinates)
    norm = ME.MinkowskiBatchNorm(2)
    layers = [
        norm.eval(),
        ME.MinkowskiInstanceNorm(2),
        ME.MinkowskiReLU(),
        ME.MinkowskiLinear(2, 3),
        ME.MinkowskiDropout(),
    ]
    results = [layer(x).F for layer in layers]
    if rows != 1:
        results.append(ME.MinkowskiReLU(True)(norm.train()(x)).F)
    else:
        with pytest.raises(ValueError, match="more than 1 value"):
            norm.train()(x)
    sum(result.sum() for result in results).backward()
    assert features.grad.shape == (rows, 2)


@pytest.mark.parametrize("kind", ["MinkowskiInstanceNorm", "MinkowskiStableInstanceNorm"])
def test_instance_norms_normalize_samples(random, kind):
    layer = getattr(ME, kind)(3).double()
    assert {name: tuple(value.shape) for name, value in layer.state_dict().items()} == {
        "weight": (1, 3),
        "bias": (1, 3),
    }
    with torch.no_grad():
        layer.weight.uniform_(0.5, 2)
        layer.bias.uniform_(-1, 1)
    epsilon = {"MinkowskiInstanceNorm": 1e-8, "MinkowskiStableInstanceNorm": 1e-6}[kind]
    x = tensor(random, 60, batch=3)
    wanted = torch.zeros_like(x.F)
    for sample in range(3):
        rows = (x.C[:, 0] == sample).nonzero()[:, 0]
        part = x.F[rows]
        normal = (part - part.mean(0)) / (part.var(0, unbiased=False) + epsilon).sqrt()
        wanted = wanted.index_copy(0, rows, normal * layer.weight + layer.bias)
    check(layer(x), x.C, wanted, [x.F, *layer.parameters()])
    layer.reset_parameters()
    assert (layer.weight == 1).all()
    with pytest.raises(ShapeError, match=r"expected \[sites, 3\]"):
        layer(tensor(random, planes=2))


def test_an_instance_norm_is_that_of_torch_where_every_place_is_a_site(random):
    dense = torch.from_numpy(random.standard_normal((2, 3, 4, 5)))
    x = ME.to_sparse_all(dense)
    made = ME.MinkowskiInstanceNorm(3).double()(x).dense()[0]
    torch.testing.assert_close(made, F.instance_norm(dense, eps=1e-8))
    function = ME.MinkowskiInstanceNormFunction()
    rows = function.apply(x.F, x.coordinate_map_key, None, x.coordinate_manager)
    torch.testing.assert_close(rows, ME.MinkowskiInstanceNorm(3).double()(x).F)


def test_linear_dropout_and_sinusoidal(random):
    for x in seen_and_unseen(random):
        line = ME.MinkowskiLinear(3, 4).double()
        assert [name for name, _ in line.named_parameters()] == ["linear.weight", "linear.bias"]
        features = x.F
        check(line(x), x.C, F.linear(features, line.linear.weight, line.linear.bias), [features, *line.parameters()])
        wave = ME.MinkowskiSinusoidal(3, 4).double()
        check(wave(x), x.C, wave.coef * torch.sin(features @ wave.kernel + wave.bias), [features, *wave.parameters()])
    x = ME.SparseTensor(torch.ones(200, 50), coordinates=torch.arange(400).reshape(200, 2).int())
    dropped = ME.MinkowskiDropout(0.25)
    result = dropped(x).F
    assert set(result.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert 0.2 < (result == 0).float().mean() < 0.3
    assert torch.equal(dropped.eval()(x).F, x.F)
    assert torch.equal(ME.MinkowskiAlphaDropout().eval()(x).F, x.F)


def test_functions_are_those_of_torch(random):
    for x in seen_and_unseen(random):
        features = x.F
        other, weight, bias = torch.rand_like(features), torch.rand(2, 3).double(), torch.rand(2).double()
        labels = torch.arange(len(x)) % 3
        for ours, theirs in (
            (MF.linear(x, weight, bias), F.linear(features, weight, bias)),
            (MF.normalize(x), F.normalize(features)),
            (MF.normalize(x, dim=0), F.normalize(features, dim=0)),
            (MF.softmax(x, dim=0), F.softmax(features, dim=0)),
            (MF.batch_norm(x, None, None, training=True), F.batch_norm(features, None, None, training=True)),
            (MF.prelu(x, torch.tensor([0.3]).double()), F.prelu(features, torch.tensor([0.3]).double())),
            (MF.glu(ME.cat(x, x)), features * features.sigmoid()),
            (MF.dropout(x, training=False), features),
            (MF.cross_entropy(x, labels), F.cross_entropy(features, labels)),
            (MF.nll_loss(x, labels), F.nll_loss(features, labels)),
            (MF.mse_loss(x, other), F.mse_loss(features, other)),
            (MF.l1_loss(x, other), F.l1_loss(features, other)),
            (MF.smooth_l1_loss(x, other), F.smooth_l1_loss(features, other)),
            (MF.kl_div(x, other, reduction="sum"), F.kl_div(features, other, reduction="sum")),
            (MF.poisson_nll_loss(x, other), F.poisson_nll_loss(features, other)),
            (
                MF.binary_cross_entropy_with_logits(x, other),
                F.binary_cross_entropy_with_logits(features, other),
            ),
            (MF.binary_cross_entropy(MF.sigmoid(x), other), F.binary_cross_entropy(features.sigmoid(), other)),
            (MF.multi_margin_loss(x, labels), F.multi_margin_loss(features, labels)),
            (MF.soft_margin_loss(x, other.round() * 2 - 1), F.soft_margin_loss(features, other.round() * 2 - 1)),
        ):
            torch.testing.assert_close(ours if isinstance(ours, torch.Tensor) else ours.F, theirs)
    sample = MF.gumbel_softmax(x, hard=True)
    assert (sample.F.sum(1) == 1).all()


def test_stacks_apply_their_modules_and_join_the_results(random):
    x = tensor(random)
    parts = [ME.MinkowskiConvolution(3, 3, size, dimension=3).double() for size in (1, 3)] + [ME.MinkowskiReLU()]
    made = [part(x).F for part in parts]
    stacked = torch.stack(made)
    for layer, wanted in (
        (ME.MinkowskiStackCat(*parts), torch.cat(made, 1)),
        (ME.MinkowskiStackSum(*parts), stacked.sum(0)),
        (ME.MinkowskiStackMean(*parts), stacked.mean(0)),
        (ME.MinkowskiStackVar(*parts), stacked.var(0, unbiased=False)),
    ):
        check(layer(x), x.C, wanted, [x.F, *layer.parameters()])


def test_states_are_named_as_in_the_library_and_are_loaded(random):
    norm = ME.MinkowskiBatchNorm(3)
    names = ["bn.weight", "bn.bias", "bn.running_mean", "bn.running_var", "bn.num_batches_tracked"]
    assert list(norm.state_dict()) == names
    assert isinstance(norm.bn, nn.BatchNorm1d)
    x = tensor(random).to(torch.float32)
    norm(x)
    assert int(norm.bn.num_batches_tracked) == 1
    file = io.BytesIO()
    torch.save(norm, file)
    file.seek(0)
    fresh = ME.MinkowskiBatchNorm(3)
    fresh.load_state_dict(norm.state_dict())
    for other in (copy.deepcopy(norm), torch.load(file, weights_only=False), fresh):
        torch.testing.assert_close(other.eval()(x).F, norm.eval()(x).F)
    assert repr(norm) == "MinkowskiBatchNorm(3, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)"


def test_second_derivatives_pass_batch_norms_and_relus(random):
    coordinates = drawn(random, 12)
    for dtype in (torch.float32, torch.float64):
        net = nn.Sequential(ME.MinkowskiBatchNorm(2), ME.MinkowskiReLU()).to(dtype)
        features = leaf(random, len(coordinates), 2).detach().to(dtype).requires_grad_()
        loss = net(ME.SparseTensor(features, coordinates=coordinates)).F.pow(3).sum()
        (gradient,) = torch.autograd.grad(loss, features, create_graph=True)
        other = F.relu(F.batch_norm(features, None, None, training=True)).pow(3).sum()
        (wanted,) = torch.autograd.grad(other, features, create_graph=True)
        torch.testing.assert_close(gradient, wanted, rtol=1e-3, atol=1e-3)
        second, expected = (torch.autograd.grad(part.square().sum(), features)[0] for part in (gradient, wanted))
        torch.testing.assert_close(second, expected, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_narrow_types_and_autocast_pass(random, dtype):
    x = tensor(random).to(dtype)
    net = nn.Sequential(ME.MinkowskiConvolution(3, 4, 3, dimension=3), ME.MinkowskiBatchNorm(4), ME.MinkowskiReLU())
    wanted = copy.deepcopy(net)(x.to(torch.float32)).F
    result = copy.deepcopy(net).to(dtype)(x)
    assert result.dtype is dtype
    torch.testing.assert_close(result.F.float(), wanted, rtol=0.1, atol=0.1)
    if dtype is torch.bfloat16:
        with torch.autocast("cpu", dtype=dtype):
            torch.testing.assert_close(net(x.to(torch.float32)).F.float(), wanted, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("shape", [(16, 32, 256), (4, 4, 3), (256, 8, 16)])
def test_linear_layers_refuse_another_width_as_torch_does(random, shape):
    inner, outer, planes = shape
    x = tensor(random, planes=planes).to(torch.float32)
    layer = ME.MinkowskiLinear(inner, outer)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        layer(x)
    layer = ME.MinkowskiLinear(planes, outer)
    layer.linear.bias = nn.Parameter(torch.zeros(outer + 1))
    with pytest.raises(RuntimeError):
        layer(x)
    product = ME.MinkowskiConvolution(planes, outer, kernel_size=1, dimension=3)
    product.kernel = nn.Parameter(torch.zeros(planes + 78, outer))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        product(x)


@pytest.mark.filterwarnings("ignore")
def test_a_trace_has_what_the_library_computes(random):
    """Python's functions are recorded as such."""
    x, layer = tensor(random).to(torch.float32).detach(), ME.MinkowskiReLU()

    def rectified(rows):
        return layer(ME.SparseTensor(rows, x.C)).F

    with torch.no_grad():
        traced = torch.jit.trace(rectified, (torch.randn(len(x.C), 3),), check_trace=False)
        rows = torch.randn(len(x.C), 3)
        assert torch.equal(traced(rows), rows.relu())


def test_a_column_takes_the_place_of_a_channelwise_kernel(random):
    layer = ME.MinkowskiChannelwiseConvolution(3, kernel_size=3, dimension=3)
    x = tensor(random).to(torch.float32)
    column = torch.arange(27.0).sin().view(27, 1)
    layer.kernel = nn.Parameter(column.expand(27, 3).clone())
    wanted = layer(x).F
    wanted.cos().sum().backward()
    each = layer.kernel.grad
    layer.kernel = nn.Parameter(column)
    found = layer(x).F
    found.cos().sum().backward()
    assert torch.equal(found, wanted)
    torch.testing.assert_close(layer.kernel.grad, each.sum(1, keepdim=True))


@pytest.mark.parametrize("samples", [1, 2])
def test_global_sums_keep_the_type_of_features(samples):
    coordinates = torch.tensor([[i % samples, i, 0] for i in range(6)]).int()
    x = ME.SparseTensor(torch.arange(12).view(6, 2).int(), coordinates)
    found = ME.MinkowskiGlobalSumPooling()(x).F
    assert found.dtype is torch.int32 and found.sum() == 66
