"""scn.torch in forked processes, threads and checkpointed parts."""

import multiprocessing
import pickle
import threading

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import scn
import scn.torch as st

WHERE = torch.tensor([[3, 4], [1, 2], [3, 5], [2, 2]])


def entered():
    features = (torch.arange(8.0).reshape(4, 2) / 8).requires_grad_()
    return features, st.InputLayer(2, 9)([WHERE, features])


class Scaling(torch.nn.Module):
    """Assigns the features of what it gets."""

    def forward(self, x):
        x.features = x.features * 2
        return x


def gradient(container):
    torch.manual_seed(0)
    net = container(Scaling(), st.SubmanifoldConvolution(2, 2, 1, 3, False), st.Tanh())
    features, x = entered()
    net(x).features.sum().backward()
    return [features.grad, net[1].weight.grad]


def test_a_checkpointed_part_may_assign_what_it_gets():
    for one, other in zip(gradient(st.Sequential), gradient(st.CheckpointedSequential)):
        assert torch.equal(one, other)


def test_an_input_changed_before_the_backward_pass_is_an_error():
    net = st.CheckpointedSequential(st.SubmanifoldConvolution(2, 2, 1, 3, False))
    x = st.InputLayer(2, 9)([WHERE, torch.ones(4, 2)])
    features = x.features
    result = net(x).features.sum()
    features.mul_(10)
    with pytest.raises(RuntimeError, match="CheckpointedSequential was modified by an inplace operation"):
        result.backward()


def make_layer(_):
    return st.SubmanifoldConvolution(2, 2, 1, 3, False).weight.shape[0]


def test_a_child_makes_layers_while_a_thread_of_the_parent_does():
    stop = threading.Event()

    def work():
        # Not one of scn.torch, which draws its weights from torch: a child of fork() may find that generator locked
        # forever.
        while not stop.is_set():
            scn.SubmanifoldConvolution(2, 2, 1, 3, False)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(10):
            with multiprocessing.get_context("fork").Pool(1) as pool:
                assert pool.map_async(make_layer, [0]).get(timeout=60) == [9]
    finally:
        stop.set()
        thread.join()


def test_threads_pickle_one_module():
    net = scn.Sequential(scn.SubmanifoldConvolution(2, 2, 3, 3, True), scn.UNet(2, 1, [3, 4]))
    failures = []

    def work():
        try:
            for _ in range(40):
                assert len(pickle.loads(pickle.dumps(net))) == 2
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_samples_of_length_zero():
    x = st.BLInputLayer(2, 9)([torch.zeros(3, 0, 2, dtype=torch.int64), torch.zeros(3, 0, 4)])
    for each in (x, pickle.loads(pickle.dumps(x))):
        assert st.BLOutputLayer(2)(each).shape == (3, 0, 4)
