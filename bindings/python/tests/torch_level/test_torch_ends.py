"""What follows a sparse network in scn.torch: linear layers and losses, compared with torch's."""

import copy
import io
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import torch.nn.functional as F

import scn
import scn.torch as st

ROOT = Path(__file__).resolve().parents[4]


def twins(planes_in, planes_out, bias=True):
    theirs, ours = torch.nn.Linear(planes_in, planes_out, bias), st.Linear(planes_in, planes_out, bias)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def gradients(module, *inputs):
    given = [values.detach().clone().requires_grad_() for values in inputs]
    result = module(*given)
    (result * torch.linspace(-1, 1, result.numel()).view(result.shape)).sum().backward()
    parameters = module.parameters() if isinstance(module, torch.nn.Module) else []
    return [result.detach(), *(values.grad for values in (*given, *parameters))]


@pytest.mark.parametrize("shape", [(7, 5), (0, 5), (1, 5), (5,), (3, 4, 5), (2, 0, 5), (3000, 5)])
@pytest.mark.parametrize("planes_out, bias", [(1, True), (4, False), (33, True)])
def test_linear_is_that_of_torch(shape, planes_out, bias):
    torch.manual_seed(1)
    ours, theirs = twins(5, planes_out, bias)
    values = torch.randn(shape)
    for one, other in zip(gradients(ours, values), gradients(theirs.double(), values.double()), strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=1e-3 if shape[0] == 3000 else 1e-5)


def test_linear_takes_what_torch_s_takes():
    torch.manual_seed(1)
    ours, theirs = twins(4, 3)
    assert repr(ours) == repr(theirs) and (ours.nIn, ours.nOut) == (4, 3)
    torch.manual_seed(2)
    first = torch.nn.Linear(4, 3).weight
    torch.manual_seed(2)
    assert torch.equal(st.Linear(4, 3).weight, first)
    wide = torch.randn(6, 8)
    torch.testing.assert_close(ours(wide[:, ::2]), theirs(wide[:, ::2]))
    torch.testing.assert_close(ours(wide.t()[:4].t()), theirs(wide[:, :4]))
    for dtype, tolerance in ((torch.float64, 1e-5), (torch.bfloat16, 5e-2)):
        values = torch.randn(6, 4)
        result = ours(values.to(dtype))
        assert result.dtype is dtype
        torch.testing.assert_close(result.float(), theirs(values), rtol=tolerance, atol=tolerance)
    for copied in (copy.deepcopy(ours), torch.load(saved(ours), weights_only=False)):
        assert torch.equal(copied(wide[:, :4]), ours(wide[:, :4]))
    for sizes in ((4, 0), (0, 4)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nothing = st.Linear(*sizes)
        assert nothing(torch.ones(3, sizes[0])).shape == (3, sizes[1])
    with pytest.raises(scn.ShapeError, match=r"^input: has shape \[6, 8\], expected \[..., 4\] for Linear$"):
        ours(wide)
    with pytest.raises(scn.ShapeError, match=r"expected \[..., 4\]"):
        ours(torch.tensor(1.0))
    with pytest.raises(
        TypeError, match="^input: is a list, expected a torch.Tensor or a SparseConvNetTensor for Linear$"
    ):
        ours([1.0, 2.0, 3.0, 4.0])
    with pytest.raises(scn.UnsupportedError, match="^weight: is on cpu, expected meta as input"):
        ours(torch.empty(2, 4, device="meta"))
    with pytest.raises(TypeError, match="floating-point"):
        ours(torch.ones(2, 4, dtype=torch.int64))


def saved(module):
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    return file


def points(seed=3):
    generator = torch.Generator().manual_seed(seed)
    where = torch.randint(0, 9, (60, 2), generator=generator).unique(dim=0)
    where = where[torch.randperm(len(where), generator=generator)]
    return [where, torch.randn(len(where), 3, generator=generator)]


def test_linear_maps_the_planes_of_sparse_tensors():
    x = st.InputLayer(2, 9)(points())
    ours, theirs = twins(3, 2)
    y = ours(x)
    assert torch.equal(y.get_spatial_locations(), x.get_spatial_locations())
    torch.testing.assert_close(y.features, theirs(x.features))


def test_linear_takes_part_in_data_dependent_initialization():
    torch.manual_seed(1)
    net = st.Sequential(
        st.InputLayer(2, 9), st.SubmanifoldConvolution(2, 3, 4, 3, True), st.OutputLayer(2), st.Linear(4, 5)
    )
    with torch.no_grad():
        scores = net.reweight(points())
    torch.testing.assert_close(scores.mean(0), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(scores.std(0), torch.ones(5), atol=1e-4, rtol=0)
    where = torch.tensor([[[1, 2], [3, 4], [-1, -1]], [[0, 0], [5, 5], [6, 6]]])
    batched = st.Sequential(st.BLInputLayer(2, 9), st.BLOutputLayer(2), st.Linear(3, 5))
    scores = batched.reweight([where, torch.randn(2, 3, 3)]).reshape(6, 5)
    torch.testing.assert_close(scores.std(0), torch.ones(5), atol=1e-4, rtol=0)
    scores = net.rebias(points(4))
    torch.testing.assert_close(scores.mean(0), torch.zeros(5), atol=1e-5, rtol=0)


@pytest.mark.parametrize("rows, classes", [(50, 8), (1, 1), (1, 3), (4000, 20)])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_is_that_of_torch(rows, classes, weighted):
    torch.manual_seed(1)
    logits, labels = 5 * torch.randn(rows, classes), torch.randint(0, classes, (rows,))
    weight = torch.rand(classes) + 0.1 if weighted else None
    if rows > 1:
        labels[::3] = -100
    for ours, theirs in zip(
        gradients(lambda values: st.cross_entropy(values, labels, weight), logits),
        gradients(lambda values: F.cross_entropy(values, labels, weight), logits),
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["bool", "uint8", "int16", "int32", "int64", "float16", "float32", "float64"])
def test_labels_are_whole_numbers_of_any_type(kind):
    labels = torch.tensor([0, 1]).to(getattr(torch, kind))
    logits = torch.tensor([[1.0, 2.0, 3.0], [3.0, 0.0, 1.0]])
    want = F.cross_entropy(logits, labels.long()).item()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for loss in (scn.cross_entropy(logits, labels), st.cross_entropy(logits, labels)):
            assert loss.item() == pytest.approx(want, rel=1e-6)
    if kind.startswith("float"):
        for level in (scn, st):
            with pytest.raises(scn.InvalidArgumentError, match="whole numbers"):
                level.cross_entropy(logits, labels + 0.5)


def test_cross_entropy_as_a_function_of_autograd():
    torch.manual_seed(1)
    logits, labels = torch.randn(6, 4).requires_grad_(), torch.randint(0, 4, (6,))
    before = logits.detach().clone()
    loss = st.cross_entropy(logits, labels)
    (once,) = torch.autograd.grad(loss, logits, retain_graph=True)
    (thrice,) = torch.autograd.grad(3 * loss, logits, retain_graph=True)
    torch.testing.assert_close(thrice, 3 * once)
    loss.backward(retain_graph=True)
    loss.backward()
    torch.testing.assert_close(logits.grad, 2 * once)
    assert torch.equal(logits.detach(), before)
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()
    (gradient,) = torch.autograd.grad(st.cross_entropy(logits, labels), logits, create_graph=True)
    (twice,) = torch.autograd.grad(gradient.square().sum(), logits)
    wide = logits.detach().double().requires_grad_()
    (slope,) = torch.autograd.grad(torch.nn.functional.cross_entropy(wide, labels), wide, create_graph=True)
    torch.testing.assert_close(twice, torch.autograd.grad(slope.square().sum(), wide)[0].float())
    # Derivatives are those of the labels at the call.
    loss, labels_then = st.cross_entropy(logits, labels), labels.clone()
    labels.zero_()
    (gradient,) = torch.autograd.grad(loss, logits, create_graph=True)
    torch.testing.assert_close(gradient.detach(), once)
    labels.copy_(labels_then)
    with torch.no_grad():
        assert not st.cross_entropy(logits, labels).requires_grad
    assert st.cross_entropy(logits.bfloat16(), labels).dtype is torch.float32
    assert st.cross_entropy(logits.double(), labels).dtype is torch.float64
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss_of_half = st.cross_entropy(torch.nn.Linear(4, 4)(logits), labels)
    assert loss_of_half.dtype is torch.float32
    for kind in (labels.tolist(), labels.numpy(), labels.int(), labels.numpy().astype(np.uint8)):
        assert st.cross_entropy(logits, kind) == loss
    assert st.cross_entropy(logits, torch.full((6,), 9), ignore_index=9) == 0
    assert st.cross_entropy(torch.empty(0, 4), torch.empty(0, dtype=torch.int64)) == 0
    assert st.cross_entropy(logits.detach().numpy(), labels) == loss


def test_gradients_of_losses_belong_to_the_program():
    torch.manual_seed(1)
    logits, labels = torch.randn(6, 4).requires_grad_(), torch.randint(0, 4, (6,))
    loss = st.cross_entropy(logits, labels)
    (gradient,) = torch.autograd.grad(loss, logits, retain_graph=True)
    kept = gradient.clone()
    gradient.numpy()[:] = 7
    logits.register_hook(lambda g: g.mul_(2))
    for times in (2, 4):
        loss.backward(retain_graph=True)
        torch.testing.assert_close(logits.grad, times * kept)
    logits.grad.zero_()
    loss.backward()
    torch.testing.assert_close(logits.grad, 2 * kept)
    scores, targets = torch.randn(5, 2).requires_grad_(), torch.rand(5, 2)
    loss = st.binary_cross_entropy(scores, targets)
    for _ in range(3):
        loss.backward(retain_graph=True)
    torch.testing.assert_close(scores.grad, 3 * (scores.detach().sigmoid() - targets) / 10)


def test_losses_read_sparse_tensors_in_the_order_of_their_features():
    where, features = points()
    x = st.InputLayer(2, 9)([where, features.requires_grad_()])
    labels = torch.arange(len(where)) % 3
    assert torch.equal(st.cross_entropy(x, labels), st.cross_entropy(x.features, labels))
    torch.testing.assert_close(st.cross_entropy(x, labels), F.cross_entropy(features, labels))
    targets = torch.rand(len(where), 3)
    torch.testing.assert_close(
        st.binary_cross_entropy(x, targets), F.binary_cross_entropy_with_logits(features, targets)
    )
    st.cross_entropy(x, labels).backward()
    assert features.grad.abs().sum() > 0


def test_constants_of_losses_may_have_other_types():
    logits, labels, weight = torch.randn(6, 4), torch.arange(6) % 4, torch.tensor([1.0, 2.0, 0.5, 0.0])
    want = st.cross_entropy(logits, labels, weight)
    for given in (
        weight.bfloat16(),
        weight.double(),
        weight.tolist(),
        torch._neg_view(-weight),
        torch.tensor([2, 4, 1, 0]),
    ):
        torch.testing.assert_close(st.cross_entropy(logits, labels, given), want)
    targets = (logits > 0).float()
    for given in (targets.bfloat16(), targets.bool(), targets.int(), torch._neg_view(-targets)):
        assert st.binary_cross_entropy(logits, given) == st.binary_cross_entropy(logits, targets)


@pytest.mark.parametrize("shape", [(40, 3), (7,), (2, 3, 4), (), (0, 3)])
def test_binary_cross_entropy_is_that_of_torch(shape):
    torch.manual_seed(1)
    logits, targets = 5 * torch.randn(shape), torch.rand(shape)
    ours = gradients(lambda values: st.binary_cross_entropy(values, targets), logits)
    if 0 in shape:
        assert ours[0] == 0 and ours[1].shape == shape
        return
    theirs = gradients(lambda values: F.binary_cross_entropy_with_logits(values, targets), logits)
    for one, other in zip(ours, theirs):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_what_losses_cannot_take_is_refused():
    logits = torch.zeros(6, 4)
    for bad, message in (
        (torch.zeros(5, dtype=torch.int64), r"^labels: has shape \[5\], expected \[6\]"),
        (torch.zeros(6, 1, dtype=torch.int64), r"^labels: has shape \[6, 1\], expected \[6\]"),
        (torch.full((6,), 4), "row 0 has 4"),
        (torch.full((6,), -1), "row 0 has -1"),
        (torch.full((6,), 0.5), "^labels: has 0.5, expected whole numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            st.cross_entropy(logits, bad)
    labels = torch.zeros(6, dtype=torch.int64)
    with pytest.raises(scn.ShapeError, match=r"expected \[4\], one for each class$"):
        st.cross_entropy(logits, labels, torch.ones(3))
    with pytest.raises(scn.InvalidArgumentError, match="expected a finite number"):
        st.cross_entropy(logits, labels, torch.tensor([1.0, 1.0, 1.0, -1.0]))
    with pytest.raises(scn.ShapeError, match=r"^logits: has shape \[4\], expected \[n, classes\]"):
        st.cross_entropy(logits[0], labels)
    wrong = torch.full((6,), 4)
    for kind in (torch.float32, torch.float64):
        with pytest.raises(scn.InvalidArgumentError, match="^labels: row 0 has 4, expected 0 ... 3 or -100"):
            st.cross_entropy(logits.to(kind), wrong)
    with pytest.raises(scn.UnsupportedError, match="^weight: requires a gradient"):
        st.cross_entropy(logits, labels, torch.ones(4, requires_grad=True))
    with pytest.raises(scn.UnsupportedError, match="give targets.detach"):
        st.binary_cross_entropy(logits, torch.ones(6, 4, requires_grad=True))
    with pytest.raises(scn.StateError, match="^features: is None"):
        st.cross_entropy(st.SparseConvNetTensor(), labels)
    with pytest.raises(scn.ShapeError, match="^targets: has shape"):
        st.binary_cross_entropy(logits, torch.zeros(6))
    for bad in (2.0, -0.1, float("nan")):
        with pytest.raises(scn.InvalidArgumentError, match="targets"):
            st.binary_cross_entropy(logits, torch.full((6, 4), bad))


def test_linear_and_loss_do_not_depend_on_the_number_of_threads():
    torch.manual_seed(1)
    values, labels, layer = torch.randn(30_000, 32), torch.randint(0, 8, (30_000,)), st.Linear(32, 8)

    def found(threads):
        st.set_num_threads(threads)
        return gradients(lambda rows: st.cross_entropy(layer(rows), labels).view(1), values) + [
            values.grad for values in layer.parameters()
        ]

    before = st.get_num_threads()
    try:
        first = found(1)
        layer.zero_grad()
        second = found(2)
    finally:
        st.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def test_the_benchmark_s_step_is_that_of_c():
    """The program fails if a loss of scn.torch differs from that of C's step of the same number."""
    subprocess.run(["make", "--no-print-directory", "build/scn-bench"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    program = [sys.executable, "Benchmarks/torch_step.py", "--quick", "--compare"]
    result = subprocess.run(program, cwd=ROOT, check=True, capture_output=True, text=True, timeout=300)
    assert result.stdout == "the losses of 4 programs for scn.torch are those of C, on 2 threads and on 1\n"
