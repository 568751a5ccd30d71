"""Batch norms, ReLUs, sums and joins that a program's sparse module asks torch for: computed by the engine, as torch
would compute them."""

import copy
import threading
import warnings

import pytest
import torch
from test_spconv_oracle import drawn
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils.checkpoint import checkpoint

import scn.spconv.pytorch as spconv
from scn.dialects import elementwise
from scn.spconv.pytorch import _torch_functions

PLANES = 6


def relu_module(norm, features):
    return nn.ReLU()(norm(features))


def relu_module_in_place(norm, features):
    return nn.ReLU(inplace=True)(norm(features))


def relu_result_is_ignored(norm, features):
    y = norm(features)
    z = F.relu(y, inplace=True)
    assert z is y
    return y


def relu_of_many_names(norm, features):
    return (
        torch.relu(norm(features))
        + F.relu(features)
        + features.relu()
        + torch.relu_(features * 2)
        + (features * 3).relu_()
    )


def relu_and_its_input(norm, features):
    y = norm(features)
    return F.relu(y) + y


def relu_after_a_change(norm, features):
    y = norm(features)
    y.mul_(2)
    return F.relu(y)


def relu_of_an_older_norm(norm, features):
    first = norm(features)
    second = norm(features * 2)
    return F.relu(first, inplace=True) + F.relu(second)


def views_before_a_relu(norm, features):
    y = norm(features)
    half = y[:, :2]
    F.relu_(y)
    return torch.cat([y, half], 1)


def sums(norm, features):
    y = features + norm(features)
    y += features
    y.add_(norm(features))
    return torch.add(y, features, alpha=0.5).add(features) + 1


def joins(norm, features):
    y = norm(features)
    return torch.concat((torch.cat([y, features], dim=1), torch.cat((y, y), -1)), axis=1)


def results_into_given_memory(norm, features):
    rows = features.detach()
    wide, sums = torch.empty(len(rows), 2 * PLANES), torch.empty_like(rows)
    torch.cat([rows, rows], 1, out=wide)
    torch.cat(tensors=[rows[:30], rows[30:]], out=sums)
    torch.add(rows, rows, out=sums)
    return torch.cat(tensors=(norm(features), wide, sums), dim=-1)


def factors_by_position(norm, features):
    """A signature that torch has kept for older programs: the factor before what it multiplies."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.add(norm(features), 2, features).add_(0.5, features)


def other_layouts(norm, features):
    turned = features.t().contiguous().t()
    return norm(turned) + F.relu(turned) + torch.cat([features, turned])[: len(features)]


def functional_norm(norm, features):
    return F.batch_norm(features, norm.running_mean, norm.running_var, training=False)


BODIES = [
    relu_module,
    relu_module_in_place,
    relu_result_is_ignored,
    relu_of_many_names,
    relu_and_its_input,
    relu_after_a_change,
    relu_of_an_older_norm,
    views_before_a_relu,
    sums,
    joins,
    results_into_given_memory,
    factors_by_position,
    other_layouts,
    functional_norm,
]


def forward(self, x):
    """What a module of a program does with a sparse tensor; the layer puts rows into the program's order."""
    x = self.before(x)
    return x.replace_feature(self.body(self.norm, x.features))


class Block(spconv.SparseModule):
    def __init__(self, body, norm=None):
        super().__init__()
        self.body = body
        self.before = spconv.SubMConv2d(3, PLANES, 3, bias=False)
        self.norm = norm or nn.BatchNorm1d(PLANES)
        with torch.no_grad():
            if self.norm.affine:
                self.norm.weight.uniform_(0.5, 2), self.norm.bias.normal_()
            if self.norm.track_running_stats:
                self.norm.running_mean.normal_(), self.norm.running_var.uniform_(1, 2)

    forward = forward


def by_torch(block):
    """The same module, with the same state, which torch computes."""
    plain = nn.Module()
    plain.__dict__.update(copy.deepcopy(block).__dict__)
    return lambda x: forward(plain, x), plain


def found(apply, module, x, training):
    module.train(training)
    leaf = x.features.detach().requires_grad_()
    y = apply(x.replace_feature(leaf)).features
    leaves = [leaf, *(parameter for parameter in module.parameters() if parameter.requires_grad)]
    gradients = torch.autograd.grad(y.pow(3).sum(), leaves, allow_unused=True)
    return [y, *gradients, *module.buffers()]


def compare(block, x, training):
    apply, plain = by_torch(block)
    for ours, theirs in zip(found(block, block, x, training), found(apply, plain, x, training)):
        assert (ours is None) is (theirs is None)
        if ours is not None:
            torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("small", [0, elementwise.SMALL])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_results_gradients_and_statistics_are_those_of_torch(random, monkeypatch, body, training, small):
    monkeypatch.setattr(elementwise, "SMALL", small)
    torch.manual_seed(0)
    compare(Block(body), drawn(random, [9, 9], 60, 3, dtype=torch.float32), training)


@pytest.mark.parametrize(
    "norm",
    [
        nn.BatchNorm1d(PLANES, affine=False),
        nn.BatchNorm1d(PLANES, momentum=None),
        nn.BatchNorm1d(PLANES, momentum=0.0, eps=1e-2),
        nn.BatchNorm1d(PLANES, track_running_stats=False),
        nn.BatchNorm1d(PLANES).requires_grad_(False),
    ],
    ids=str,
)
@pytest.mark.parametrize("training", [True, False])
def test_norms_of_all_settings_are_those_of_torch(random, norm, training):
    torch.manual_seed(0)
    compare(
        Block(relu_result_is_ignored, copy.deepcopy(norm)), drawn(random, [9, 9], 60, 3, dtype=torch.float32), training
    )


def makers(y):
    """The names of the functions that made a tensor and what it came from."""
    names, due = set(), [y.grad_fn]
    while due:
        node = due.pop()
        if node is not None:
            names.add(type(node).__name__)
            due.extend(following for following, _ in node.next_functions)
    return names


def test_the_engine_computes_in_modules_of_a_program_and_only_there(random):
    x = drawn(random, [9, 9], 60, 3, dtype=torch.float32)
    block = Block(relu_module_in_place)
    assert "_NormReLUBackward" in makers(block(x).features)
    within = spconv.SparseSequential(block)(x)
    assert "_NormReLUBackward" in makers(within.features)
    assert "NativeBatchNormBackward0" in makers(by_torch(block)[0](x).features)
    # Other types are torch's.
    assert "NativeBatchNormBackward0" in makers(block.double()(x.replace_feature(x.features.double())).features)


@pytest.mark.parametrize("dimension", [1, -1])
def test_joins_of_arrays_of_other_ranks_are_torchs(random, dimension):
    """A head on the ground plan, say, within a sparse module."""
    parts = [torch.from_numpy(random.standard_normal((2, 3, 5, 3))).float() for _ in range(2)]

    class Head(spconv.SparseModule):
        def forward(self, x):
            return torch.cat(parts, dimension), torch.cat([part[0, 0, 0] for part in parts], -1)

    for found, wanted in zip(Head()(None), (torch.cat(parts, dimension), torch.cat([part[0, 0, 0] for part in parts]))):
        assert torch.equal(found, wanted)


def test_sums_joins_and_relus_of_small_matrices_are_left_to_torch(random, monkeypatch):
    monkeypatch.setattr(elementwise, "SMALL", 61 * PLANES)

    def body(norm, features):
        y = F.relu(norm(features), inplace=True)
        return torch.cat([y + features, features], 1)[:, :PLANES].contiguous()

    small = {"AddBackward0", "CatBackward0", "ReluBackward0"}
    x = drawn(random, [9, 9], 60, 3, dtype=torch.float32)
    found = makers(Block(body)(x).features)
    assert small <= found and "_NormBackward" in found, "norms do not depend on the number of threads"
    x = drawn(random, [9, 9], 61, 3, dtype=torch.float32)
    found = makers(Block(body)(x).features)
    assert not small & found and {"_AddBackward", "_JoinBackward", "_NormReLUBackward"} <= found


def test_an_in_place_relu_takes_the_backward_pass_over(random):
    """The norm itself is then passed by: its backward pass costs nothing, and adds nothing."""
    x = drawn(random, [9, 9], 60, 3, dtype=torch.float32)
    seen = []

    def body(norm, features):
        y = norm(features)
        before = y.grad_fn
        before.register_hook(lambda inputs, outputs: seen.append(outputs))
        result = F.relu(y, inplace=True)
        assert result is y and type(y.grad_fn).__name__ == "_NormReLUBackward" and y.grad_fn is not before
        return result

    Block(body)(x).features.sum().backward()
    assert all(gradient is None for outputs in seen for gradient in outputs)


@pytest.mark.parametrize("is_in_place", [True, False])
def test_hooks_of_the_tensor_between_get_its_gradient(random, is_in_place):
    x = drawn(random, [9, 9], 60, 3, dtype=torch.float32)
    seen, kept = [], []

    def body(norm, features):
        y = norm(features)
        if is_in_place:
            y.register_hook(seen.append)
        else:
            y.retain_grad()
            kept.append(y)
        return F.relu(y, is_in_place) * 3

    torch.manual_seed(0)
    block = Block(body)
    apply, _ = by_torch(block)
    for run in (block, apply):
        run(x).features.sum().backward()
    first, second = seen or [y.grad for y in kept]
    assert first.abs().sum() > 0
    torch.testing.assert_close(first, second)


def test_second_derivatives_are_those_of_torch(random):
    x = drawn(random, [9, 9], 40, 3, dtype=torch.float32)
    torch.manual_seed(0)
    block = Block(relu_result_is_ignored)
    apply, plain = by_torch(block)
    results = []
    for run, module in ((block, block), (apply, plain)):
        leaf = x.features.detach().requires_grad_()
        y = run(x.replace_feature(leaf)).features
        (slope,) = torch.autograd.grad(y.pow(2).sum(), leaf, create_graph=True)
        results.append(torch.autograd.grad(slope.pow(2).sum(), list(module.parameters()), allow_unused=True))
    for ours, theirs in zip(*results):
        torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("is_reentrant", [True, False])
def test_a_checkpoint_within_a_module_finds_the_same_again(random, is_reentrant):
    """What it recomputes runs outside of the module."""
    x = drawn(random, [9, 9], 60, 3, dtype=torch.float32)

    def body(norm, features):
        return checkpoint(lambda values: relu_module_in_place(norm, values), features, use_reentrant=is_reentrant)

    torch.manual_seed(0)
    block = Block(body)
    apply, plain = by_torch(block)
    for run in (block, apply):
        run(x).features.pow(3).sum().backward()
    for ours, theirs in zip(block.parameters(), plain.parameters()):
        torch.testing.assert_close(ours.grad, theirs.grad, atol=2e-4, rtol=2e-4)


def test_checkpoints_of_modules(random):
    x = drawn(random, [9, 9], 60, 3, dtype=torch.float32)
    torch.manual_seed(0)
    block = Block(relu_module_in_place)
    results = []
    for run in (block, lambda x: checkpoint(block, x, use_reentrant=False)):
        y = run(x).features
        results.append(torch.autograd.grad(y.pow(3).sum(), list(block.parameters())))
    for ours, theirs in zip(*results):
        torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=2e-4)


def test_without_gradients_and_in_inference_mode(random):
    x = drawn(random, [9, 9], 60, 3, dtype=torch.float32)
    block = Block(relu_result_is_ignored).eval()
    wanted = block(x).features.detach()
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            torch.testing.assert_close(block(x).features.clone(), wanted)


class Counting(TorchFunctionMode):
    def __init__(self):
        self.count = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.count += func is F.batch_norm
        return func(*args, **(kwargs or {}))


def test_other_modes_of_torch_work_beside_it(random):
    x = drawn(random, [9, 9], 60, 3, dtype=torch.float32)
    block = Block(relu_module)
    wanted = block(x).features
    with Counting() as counting, torch.device("cpu"):
        result = block(x).features
    torch.testing.assert_close(result, wanted)

    def body(norm, features):
        with counting:
            return relu_module(norm, features)

    block.body = body
    counting.count = 0
    torch.testing.assert_close(block(x).features, wanted)
    assert counting.count == 1


def test_nothing_is_left_behind_by_an_error(random):
    x = drawn(random, [9, 9], 60, 3, dtype=torch.float32)

    def body(norm, features):
        with pytest.raises(ValueError, match="2D or 3D"):
            norm(features[0])
        raise KeyError("a program's own")

    block = Block(body)
    with pytest.raises(KeyError, match="own"):
        spconv.SparseSequential(block)(x)
    assert _torch_functions._running.mode is None
    leaf = torch.ones(4, 4, requires_grad=True)
    assert type(F.relu(leaf).grad_fn).__name__ == "ReluBackward0"
    block.body = relu_module_in_place
    assert "_NormReLUBackward" in makers(block(x).features)


def test_errors_are_those_of_torch(random):
    x = drawn(random, [9, 9], 60, 3, dtype=torch.float32)
    messages = []
    for body in (
        lambda norm, features: F.relu(None),
        lambda norm, features: features + features[1:],
        lambda norm, features: torch.cat([features, features[1:]], 1),
        lambda norm, features: nn.BatchNorm1d(PLANES + 1)(features),
        lambda norm, features: norm(features[:1]),
        lambda norm, features: F.batch_norm(features, None, None),
        lambda norm, features: F.batch_norm(features, None, None, training=True, eps=0.0),
    ):
        block = Block(body)
        apply, _ = by_torch(block)
        for run in (block, apply):
            with pytest.raises(Exception, match=r".") as error:
                run(x)
            messages.append((type(error.value), str(error.value)))
    assert messages[0::2] == messages[1::2]


def test_threads_do_not_meet(random):
    x = drawn(random, [9, 9], 60, 3, dtype=torch.float32)
    names = []

    def body(norm, features):
        thread = threading.Thread(target=lambda: names.extend(makers(norm(features.detach().clone()))))
        thread.start()
        thread.join()
        return relu_module_in_place(norm, features)

    assert "_NormReLUBackward" in makers(Block(body)(x).features)
    assert "NativeBatchNormBackward0" in names


@pytest.mark.parametrize("is_training", [True, False])
def test_a_program_that_keeps_what_lies_before_a_relu_gets_its_whole_gradient(random, is_training):
    """A class activation map: the output of a norm is kept, and asked for its gradient later."""
    x = drawn(random, [9, 9], 60, 3, dtype=torch.float32)
    kept = []

    def body(norm, features):
        kept.append(norm(features))
        return F.relu(kept[-1]) + 0.5 * torch.sigmoid(kept[-1])

    block = Block(body).train(is_training)
    found = []
    for one in (block, by_torch(block)[0]):
        result, seen = one(x).features.square().sum(), []
        (asked,) = torch.autograd.grad(result, kept[-1], retain_graph=True)
        kept[-1].register_hook(seen.append)
        kept[-1].retain_grad()
        result.backward()
        assert torch.equal(seen[0], kept[-1].grad) and torch.equal(asked, kept[-1].grad)
        found.append(asked)
    assert torch.allclose(*found, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_the_default_type_of_a_program_changes_nothing(random, dtype):
    x = drawn(random, [9, 9], 60, 3, dtype=torch.float32)
    rows = torch.from_numpy(random.standard_normal((60, 4)).astype("float32"))
    x = x.replace_feature(rows.requires_grad_())

    class Rectified(spconv.SparseModule):
        def forward(self, x):
            return torch.relu(x.features)

    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        result = Rectified()(x)
        result.sum().backward()
    finally:
        torch.set_default_dtype(before)
    assert torch.equal(result, rows.detach().clamp_min(0)) and torch.equal(rows.grad, (rows > 0).float())


def test_functions_of_functions_are_torchs(random):
    x = drawn(random, [9, 9], 60, 4, dtype=torch.float32)
    x = x.replace_feature(x.features.detach().requires_grad_())

    class Mapped(spconv.SparseModule):
        def forward(self, x):
            rows = x.features
            each = torch.vmap(lambda row: torch.relu(row) + row)(rows)
            slopes = torch.func.grad(lambda values: torch.relu(values).sum())(rows.detach())
            return torch.relu(rows), each, slopes

    plain, each, slopes = Mapped()(x)
    assert torch.equal(each, plain + x.features) and torch.equal(slopes, (x.features > 0).float())
    directions = torch.eye(3)[:, :, None].expand(3, 3, 4)
    (found,) = torch.autograd.grad(plain[:3], x.features, directions, is_grads_batched=True)
    assert torch.equal(found[:, :3], directions * (x.features[:3] > 0)) and not found[:, 3:].any()
