"""What forward passes count, summaries, trees with shapes, and learning-rate schedules."""

import ctypes
import math
import threading

import numpy as np
import pytest

import scn
from scn._native.handles import ModuleHandle
from scn._native.library import library


class Net(scn.Module):
    """A network as a user writes it."""

    def __init__(self):
        self.body = scn.Sequential(
            scn.InputLayer(2, 15, mode=4),
            scn.SubmanifoldConvolution(2, 3, 4, 3, True, groups=1),
            scn.BatchNormReLU(4),
            scn.Dropout(),
            scn.ConcatTable(scn.Identity(), scn.SparseResNet(2, 4, "b4")),
            scn.JoinTable(),
            scn.Convolution(2, 8, 6, 3, 2, False, groups=2),
            scn.SparseToDense(2, 6),
            scn.Flatten(),
        )
        self.head = scn.Linear(6 * 49, 5)

    def forward(self, points):
        return self.head(self.body(points))


def neighbors(coords):
    """Pairs of sites that a filter of size 3 joins, found one by one."""
    return sum(
        bool(a[-1] == b[-1] and np.abs(a[:-1] - b[:-1]).max() <= 1)
        for a in np.asarray(coords)
        for b in np.asarray(coords)
    )


def test_the_counters_of_sparseconvnet(points):
    scn.forward_pass_multiplyAdd_count = 0
    scn.forward_pass_hidden_states = 0
    x = scn.InputLayer(2, 15, mode=0)(list(points))
    rules = neighbors(points[0])
    y = scn.SubmanifoldConvolution(2, 3, 8, 3, False)(x)
    assert scn.forward_pass_multiplyAdd_count == rules * 3 * 8
    assert scn.forward_pass_hidden_states == 40 * 8
    scn.NetworkInNetwork(8, 6, False)(y)
    assert scn.forward_pass_multiplyAdd_count == rules * 24 + 40 * 48
    assert scn.forward_pass_hidden_states == 40 * 14
    y.backward(np.ones((40, 8)))
    scn.MaxPooling(2, 3, 2)(y)
    scn.BatchNormReLU(8)(y)
    assert scn.forward_pass_multiplyAdd_count == rules * 24 + 40 * 48
    scn.forward_pass_multiplyAdd_count += 5
    assert scn.forward_pass_multiplyAdd_count == rules * 24 + 40 * 48 + 5
    scn.forward_pass_multiplyAdd_count = 0
    assert scn.forward_pass_multiplyAdd_count == 0 and scn.forward_pass_hidden_states == 40 * 14
    scn.set_forward_counts(scn.ForwardCounts(1, 2, 3))
    assert scn.get_forward_counts() == (1, 2, 3)
    with pytest.raises(scn.InvalidArgumentError, match="multiply_adds"):
        scn.forward_pass_multiplyAdd_count = -1
    with pytest.raises(scn.InvalidArgumentError, match="hidden_states"):
        scn.forward_pass_hidden_states = "many"
    assert scn.get_forward_counts() == (1, 2, 3)


def test_all_threads_count(points):
    x, layer = scn.InputLayer(2, 15, mode=0)(list(points)), scn.NetworkInNetwork(3, 5, False)
    scn.forward_pass_hidden_states = 0
    threads = [threading.Thread(target=lambda: [layer(x) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert scn.forward_pass_hidden_states == 80 * 200


def test_groups_divide_the_multiply_adds(points):
    x = scn.InputLayer(2, 15, mode=0)([points[0], np.ones((40, 4))])
    scn.forward_pass_multiplyAdd_count = 0
    scn.SubmanifoldConvolution(2, 4, 6, 3, False, 2)(x)
    assert scn.forward_pass_multiplyAdd_count == neighbors(points[0]) * 12


def test_summary_agrees_with_the_counters(points):
    net = Net().eval()
    table = scn.summary(net, list(points))
    before = scn.get_forward_counts()
    net(list(points))
    counted = [after - start for after, start in zip(scn.get_forward_counts(), before)]
    assert counted == [table.multiply_adds, table.hidden_states, table.rules]
    assert table.parameters == sum(p.numel() for p in net.parameters())
    assert table.memory == sum(row.memory for row in table.rows)
    rows = {row.path: row for row in table.rows}
    assert list(rows)[:4] == ["body.0", "body.1", "body.2", "body.3"] and list(rows)[-1] == "head"
    assert "body.4" not in rows and "" not in rows
    rules = neighbors(points[0])
    layer = f"SubmanifoldConvolution({net.body[1].extra_repr()})"
    assert rows["body.1"] == ("body.1", layer, 40, (40, 4), rules, 112, rules * 12, 160, 640)
    assert rows["body.4.0"].memory == 0 and rows["body.8"].memory == 0
    assert rows["body.7"].sites is None and rows["body.7"].shape == (2, 6, 7, 7)
    lines = str(table).splitlines()
    assert lines[0].split() == ["layer", "sites", "planes", "rules", "parameters", "multiply-adds", "memory"]
    assert lines[-1].startswith("total") and f"{table.multiply_adds:,}" in lines[-1]
    assert len(lines) == len(table.rows) + 4 and len({len(line) for line in lines}) == 1


def test_summary_changes_nothing(points):
    net = Net()
    net.body[2].eval()
    state, before = {name: array.copy() for name, array in net.state_dict().items()}, scn.get_forward_counts()
    scn.summary(net, list(points))
    with pytest.raises(scn.ShapeError):
        scn.summary(net, [points[0], points[1][:, :2]])
    assert scn.get_forward_counts() == before and scn.is_grad_enabled()
    assert all(np.array_equal(array, state[name]) for name, array in net.state_dict().items())
    assert net.training and net.body[1].training and not net.body[2].training and not net.body[2].training


def test_summary_of_a_module_with_operations_of_its_own(points):
    class Twice(scn.Module):
        def __init__(self):
            self.scale = scn.Parameter(np.ones(()))
            self.inner = scn.NetworkInNetwork(3, 3, False)

        def forward(self, x):
            return self.inner(self.inner(x))

    x = scn.InputLayer(2, 15, mode=0)(list(points))
    table = scn.summary(Twice(), x)
    assert [(row.path, row.parameters, row.multiply_adds, row.memory) for row in table.rows] == [
        ("", 1, 0, 0), ("inner", 9, 360, 480), ("inner", 0, 360, 480),
    ]  # fmt: skip
    assert scn.summary(scn.Sequential(), x).rows == []


def test_summary_of_what_is_not_a_module(points):
    with pytest.raises(TypeError, match="^model: is a list, expected a Module of package scn"):
        scn.summary([scn.ReLU()], points)


def test_the_library_says_the_same(points):
    net = Net()
    body = scn.Sequential(*net.body[1:], net.head)
    x = net.body[0](list(points))
    text = ctypes.c_char_p()
    handle = body._native_handle()
    assert isinstance(handle, ModuleHandle)
    library.scn_module_summary(handle, x._native_handle(), ctypes.byref(text))
    ours, theirs = str(scn.summary(body, x)).splitlines(), text.value.decode().splitlines()
    assert [row.path for row in scn.summary(body, x).rows] == [line.split()[0] for line in theirs[2:-2]]
    assert ours[-1].split() == theirs[-1].split()
    for our, their in zip(ours[2:-2], theirs[2:-2]):
        assert our.split()[-4:] == their.split()[-4:]


def test_trees_show_shapes_and_parameters():
    net = scn.Sequential(scn.NetworkInNetwork(30, 40, True), scn.Identity(), scn.BatchNormReLU(40))
    assert str(net).splitlines() == [
        "Sequential(",
        "  (0): NetworkInNetwork(30 -> 40, bias=True): weight [30, 40], bias [40], 1,240 parameters",
        "  (1): Identity()",
        "  (2): BatchNormReLU(40, eps=0.0001, momentum=0.99): weight [40], bias [40], 80 parameters",
        "): 1,320 parameters",
    ]
    assert "parameters" not in repr(net)


def test_schedules():
    exponential = scn.ExponentialSchedule(0.1, 0.04)
    assert [exponential(epoch) for epoch in (0, 9)] == pytest.approx([0.1, 0.1 * math.exp(-0.36)])
    step = scn.StepSchedule(1, 30)
    assert [step(epoch) for epoch in (0, 29, 30, 60)] == pytest.approx([1, 1, 0.1, 0.01])
    cosine = scn.CosineSchedule(1, steps=10, warm_up=4, final=0.2)
    assert [cosine(epoch) for epoch in (0, 3, 4, 7, 10, 99)] == pytest.approx([0.2, 0.8, 1, 0.6, 0.2, 0.2])
    assert repr(step) == "StepSchedule(initial=1, step_size=30, factor=0.1)"
    optimizer = scn.SGD(scn.Linear(1, 1).parameters(), lr=0)
    optimizer.lr = cosine(4)
    assert optimizer.lr == 1
    for bad, at in ((scn.StepSchedule(1, 0), 0), (scn.CosineSchedule(1, 3, 3), 0), (scn.CosineSchedule(-1, 3), 0)):
        with pytest.raises(scn.InvalidArgumentError):
            bad(at)
    for at in (-1, 0.5, "x"):
        with pytest.raises(scn.InvalidArgumentError, match="step"):
            exponential(at)
