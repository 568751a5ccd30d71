"""scn.torch with data loaders' workers, several threads and several processes."""

import multiprocessing
import subprocess
import sys
import textwrap
import threading

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import scn.torch as scn


class Scenes(torch.utils.data.Dataset):
    """Batches that are built entirely in the workers."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        where = torch.randint(0, 16, (60, 3), generator=generator)
        features = torch.randn(60, 2, generator=generator)
        whole = scn.InputLayer(3, 16)([where, features])
        batch = scn.InputBatch(3, 16)
        batch.add_sample()
        batch.set_locations(where, features)
        batch.precompute_metadata(2)
        # Layers run in the workers too.
        pooled = scn.AveragePooling(3, 2, 2)(scn.SubmanifoldConvolution(3, 2, 2, 3, False).requires_grad_(False)(whole))
        return {"points": [where, features], "sparse": whole, "batch": batch, "pooled": pooled.features.shape[1]}


def first(samples):
    return samples[0]


def net():
    torch.manual_seed(0)
    return scn.Sequential(scn.SubmanifoldConvolution(3, 2, 4, 3, True), scn.BatchNormReLU(4), scn.MaxPooling(3, 2, 2))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_build_batches(method):
    model, enter, leave = net(), scn.InputLayer(3, 16), scn.OutputLayer(3)
    # The engine has run, with threads of its own, before the workers start.
    model(enter(Scenes(1)[0]["points"])).features.sum().backward()
    loader = torch.utils.data.DataLoader(
        Scenes(4), batch_size=1, num_workers=2, collate_fn=first, multiprocessing_context=method
    )
    count = 0
    for index, loaded in enumerate(loader):
        expected = Scenes(4)[index]
        x = enter(loaded["points"])
        assert torch.equal(x.features, expected["sparse"].features)
        assert torch.equal(loaded["sparse"].features, x.features)
        assert torch.equal(loaded["sparse"].get_spatial_locations(), x.get_spatial_locations())
        assert torch.equal(leave(loaded["sparse"]), leave(x))
        assert torch.equal(loaded["batch"].features, expected["batch"].features)
        model.eval()
        assert torch.equal(model(loaded["sparse"]).features, model(x).features)
        model(loaded["batch"]).features.sum().backward()
        count += loaded["pooled"]
    assert count == 8


class Counts(torch.utils.data.Dataset):
    """How many threads a worker has, asked for or found by computing first."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        if index == 1:
            scn.ReLU()(torch.ones(3, 2))
        return scn.get_num_threads()


def take_three_threads(worker):
    scn.set_num_threads(3)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_have_one_thread_unless_told_otherwise(method, monkeypatch):
    def counts(**options):
        return list(
            torch.utils.data.DataLoader(
                Counts(), batch_size=None, num_workers=2, multiprocessing_context=method, **options
            )
        )

    before = scn.get_num_threads()
    try:
        scn.set_num_threads(4)
        # The parent's number does not count, nor does torch's.
        assert counts() == [1, 1]
        assert counts(worker_init_fn=take_three_threads) == [3, 3]
        monkeypatch.setenv("SCN_NUM_THREADS", "5")
        assert counts() == ([4, 4] if method == "fork" else [5, 5])
        monkeypatch.delenv("SCN_NUM_THREADS")
        # Other child processes keep theirs.
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert pool.apply(scn.get_num_threads) == (4 if method == "fork" else before)
        assert scn.get_num_threads() == 4
    finally:
        scn.set_num_threads(before)


def test_threads_run_networks_at_once():
    model = net().eval()
    inputs = [Scenes(8)[index]["points"] for index in range(8)]
    enter = scn.InputLayer(3, 16)
    want = [model(enter(points)).features.detach() for points in inputs]
    shared = model(enter(inputs[0]))
    problems = []

    def work(number):
        try:
            own = net()
            for repetition in range(10):
                index = (number + repetition) % 8
                y = model(enter(inputs[index]))
                assert torch.equal(y.features, want[index])
                assert torch.equal(scn.MaxPooling(3, 2, 2)(shared).features, scn.MaxPooling(3, 2, 2)(shared).features)
                own(enter(inputs[index])).features.square().sum().backward()
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems


PROGRAM = """
import os
import sys
import torch
from torch import distributed, nn
from torch.nn import functional as F
import scn.torch as scn

rank, world, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=world)
distributed.barrier()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.sparse = scn.Sequential(
            scn.InputLayer(3, 16, 4),
            scn.SubmanifoldConvolution(3, 2, 4, 3, False),
            scn.UNet(3, 1, [4, 6], leakiness=0.1),
            scn.BatchNormReLU(4),
            scn.GlobalAveragePooling(3),
        )
        self.norm = scn.BatchNormalization(4, affine=False)
        self.linear = nn.Linear(4, 3)

    def forward(self, points):
        return self.linear(self.norm(self.sparse(points)))


def batch(samples):
    where, features = [], []
    for place, sample in enumerate(samples):
        generator = torch.Generator().manual_seed(sample)
        count = 30 + 10 * sample
        places = torch.randint(0, 16, (count, 3), generator=generator)
        where.append(torch.cat([places, torch.full((count, 1), place)], 1))
        features.append(torch.randn(count, 2, generator=generator) + sample % 3)
    return [torch.cat(where), torch.cat(features), len(samples)], torch.tensor(samples) % 3


torch.manual_seed(1)
model = Net()
if world > 1:
    # Every process takes every second sample.
    model = nn.parallel.DistributedDataParallel(scn.convert_sync_batchnorm(model))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
points, target = batch(list(range(8))[rank::world])
losses = []
for _ in range(8):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(points), target)
    loss.backward()
    optimizer.step()
    total = loss.detach().clone()
    distributed.all_reduce(total)
    losses.append(total / world)
state = {name.removeprefix("module."): values for name, values in model.state_dict().items()}
torch.save({"losses": torch.stack(losses), "state": state}, f"{folder}/{world}-{rank}.pth")

# A process without rows takes part too; one without a group computes alone.
if world > 1:
    norm = scn.SyncBatchNormalization(2, leakiness=0)
    rows = torch.randn(5 * rank, 2, requires_grad=True)
    norm(rows).square().sum().backward()
    assert torch.isfinite(norm.weight.grad).all() and torch.isfinite(norm.running_var).all()

# Far from zero, against torch in double precision over the rows of all processes.
if world > 1:
    generator = torch.Generator().manual_seed(4)
    rows = torch.randn(40, 3, generator=generator) + 1e5
    gradient = torch.randn(40, 3, generator=generator)
    everything = rows.double().requires_grad_()
    F.batch_norm(everything, None, None, training=True, eps=1e-4).backward(gradient.double())
    own = rows[rank::world].clone().requires_grad_()
    scn.SyncBatchNormalization(3)(own).backward(gradient[rank::world])
    torch.testing.assert_close(own.grad.double(), everything.grad[rank::world], rtol=1e-4, atol=1e-5)
distributed.destroy_process_group()
# Threads of gloo that are still there while the interpreter takes its objects apart end the process now and then.
os._exit(0)
"""


def test_two_processes_train_as_one_with_the_joined_batch(tmp_path, subprocess_environment):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    for world in (1, 2):
        (tmp_path / "meeting").unlink(missing_ok=True)
        commands = [[sys.executable, str(program), str(rank), str(world), str(tmp_path)] for rank in range(world)]
        processes = [
            subprocess.Popen(
                command, env=subprocess_environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            for command in commands
        ]
        for process in processes:
            output, _ = process.communicate(timeout=300)
            assert process.returncode == 0, output
    one, *two = (torch.load(tmp_path / f"{name}.pth", weights_only=True) for name in ("1-0", "2-0", "2-1"))
    assert one["losses"][-1] < one["losses"][0]
    for outcome in two:
        torch.testing.assert_close(outcome["losses"], one["losses"], rtol=1e-3, atol=1e-4)
        assert list(outcome["state"]) == list(one["state"])
        for name, values in one["state"].items():
            torch.testing.assert_close(outcome["state"][name], values, rtol=5e-3, atol=1e-3, msg=name)
    for name in one["state"]:
        assert torch.equal(two[0]["state"][name], two[1]["state"][name]), name


def test_a_synchronized_batch_norm_alone_is_a_batch_norm():
    plain = scn.Sequential(scn.BatchNormReLU(3), scn.ConcatTable(scn.BatchNormalization(3, affine=False)))
    rows = torch.randn(20, 3)
    with torch.no_grad():
        plain[0].weight.normal_()
    want = plain(rows)[0]
    weight = plain[0].weight
    converted = scn.convert_sync_batchnorm(plain)
    assert type(converted[0]) is scn.SyncBatchNormalization and converted[0].weight is weight
    assert torch.equal(converted(rows)[0], want) and converted[0].leakiness == 0
