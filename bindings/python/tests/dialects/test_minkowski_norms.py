"""Batch norms of scn.minkowski over several processes, and within checkpoints."""

import copy
import os

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from test_minkowski_oracle import tensor
from torch import nn
from torch.utils.checkpoint import checkpoint

import scn.minkowski as ME


def test_batch_norms_are_converted_to_synchronized_ones(random):
    net = nn.Sequential(
        ME.MinkowskiBatchNorm(3), nn.Sequential(ME.MinkowskiBatchNorm(3, affine=False), ME.MinkowskiReLU())
    )
    weight = net[0].bn.weight
    x = tensor(random).to(torch.float32)
    wanted = copy.deepcopy(net)(x).F
    made = ME.MinkowskiSyncBatchNorm.convert_sync_batchnorm(net)
    assert isinstance(made[0], ME.MinkowskiSyncBatchNorm)
    assert isinstance(made[1][0].bn, nn.BatchNorm1d) and made[1][0].bn.process_group is None
    # DistributedDataParallel refuses these on a CPU.
    assert not any(isinstance(module, nn.SyncBatchNorm) for module in made.modules())
    assert made[0].bn.weight is weight
    result = made(x).F
    torch.testing.assert_close(result, wanted, rtol=1e-4, atol=1e-5)
    assert int(made[0].bn.num_batches_tracked) == 1
    made.eval()(x)


def synchronized(rank, path, queue, first):
    """Normalize the rows of a process; first: how many the first of the two has."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{path}", rank=rank, world_size=2)
    torch.manual_seed(0)
    rows = torch.randn(30, 3)
    mine = (rows[:first] if rank == 0 else rows[first:]).clone().requires_grad_()
    coordinates = torch.arange(2 * len(mine)).reshape(-1, 2).int()
    layer = ME.MinkowskiSyncBatchNorm(3)
    result = layer(ME.SparseTensor(mine, coordinates=coordinates)).F
    (result**3).sum().backward()
    queue.put((rank, result.detach().numpy(), mine.grad.numpy(), layer.bn.running_var.numpy()))
    torch.distributed.destroy_process_group()


@pytest.mark.skipif(os.name == "nt" or not torch.distributed.is_available(), reason="gloo is not there")
@pytest.mark.parametrize("first", [10, 0])
def test_two_processes_normalize_together(tmp_path, first):
    context = torch.multiprocessing.get_context("spawn")
    queue = context.Queue()
    workers = [context.Process(target=synchronized, args=(rank, tmp_path / "meet", queue, first)) for rank in range(2)]
    for worker in workers:
        worker.start()
    found = sorted([queue.get(timeout=60) for _ in workers], key=lambda part: part[0])
    for worker in workers:
        worker.join()
    assert len(found[0][1]) == first
    torch.manual_seed(0)
    rows = torch.randn(30, 3).requires_grad_()
    norm = nn.BatchNorm1d(3)
    wanted = norm(rows)
    (wanted**3).sum().backward()
    for place, expected in ((1, wanted.detach()), (2, rows.grad)):
        made = torch.cat([torch.from_numpy(part[place]) for part in found])
        torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-5)
    for part in found:
        torch.testing.assert_close(torch.from_numpy(part[3]), norm.running_var)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("with_relu", [True, False])
def test_norms_within_checkpoints_have_the_gradients_that_they_have_without(random, training, with_relu):
    layers = [ME.MinkowskiBatchNorm(3), ME.MinkowskiReLU(inplace=True)][: 1 + with_relu]
    net = nn.Sequential(*layers).train(training)
    found = []
    for run in (net, lambda x: checkpoint(net, x, use_reentrant=False)):
        features = torch.arange(30.0).sin().view(10, 3).requires_grad_()
        x = ME.SparseTensor(features, torch.tensor([[0, i, i % 3] for i in range(10)]).int())
        net.zero_grad()
        run(x).F.cos().sum().backward()
        found.append([features.grad, layers[0].bn.weight.grad, layers[0].bn.bias.grad])
    for plain, checkpointed in zip(*found):
        assert torch.equal(plain, checkpointed) and plain.abs().sum() > 0


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize("pack", [lambda values: values.double(), lambda values: torch.stack([values, values], -1)])
def test_saved_tensors_may_come_back_in_other_memory(random, is_training, pack):
    x = tensor(random)
    layer = ME.MinkowskiBatchNorm(x.F.shape[1]).train(is_training)
    features = x.F.detach().float().requires_grad_()

    def result():
        return layer(
            ME.SparseTensor(features, coordinate_map_key=x.coordinate_map_key, coordinate_manager=x._manager)
        ).F

    upstream = torch.randn_like(features)
    (wanted,) = torch.autograd.grad(result(), features, upstream)
    back = (lambda values: values) if pack(features).ndim == 2 else (lambda values: values[..., 0])
    with torch.autograd.graph.saved_tensors_hooks(lambda values: back(pack(values)), lambda values: values):
        made = result()
    torch.testing.assert_close(torch.autograd.grad(made, features, upstream)[0], wanted)
