"""Gradients, optimizers, and what must hold over many steps and any number of threads."""

import concurrent.futures
import gc
import pathlib

import numpy as np
import pytest

import scn


def network(dropout=0.0):
    return scn.Sequential(
        scn.InputLayer(2, 15),
        scn.SubmanifoldConvolution(2, 3, 8, 3, True),
        scn.BatchNormLeakyReLU(8),
        scn.MaxPooling(2, 3, 2),
        scn.Convolution(2, 8, 6, 3, 2, False),
        scn.Dropout(dropout),
        scn.Deconvolution(2, 6, 4, 3, 2, True),
        scn.SparseToDense(2, 4),
        scn.Flatten(),
        scn.Linear(4 * 7 * 7, 5),
    )


def step(net, optimizer, points, labels=(1, 3)):
    optimizer.zero_grad()
    loss = scn.cross_entropy(net(list(points)), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


def test_finite_differences(points, random):
    coords, features = points
    # Smooth layers only, so that a difference of losses is a derivative.
    net = scn.Sequential(
        scn.InputLayer(2, 15, mode=4),
        scn.SubmanifoldConvolution(2, 3, 6, 3, True),
        scn.Tanh(),
        scn.Convolution(2, 6, 4, 3, 2, True, 2),
        scn.BatchNormalization(4),
        scn.ConcatTable(scn.Sigmoid(), scn.SubmanifoldConvolution(2, 4, 4, 3, False)),
        scn.JoinTable(),
        scn.Deconvolution(2, 8, 3, 3, 2, True),
        scn.NetworkInNetwork(3, 5, True),
        scn.OutputLayer(2),
    )
    leaf = scn.tensor(features, requires_grad=True)
    labels = random.integers(0, 5, 40)

    def loss():
        return scn.cross_entropy(net([coords, leaf]), labels)

    loss().backward()
    for name, value in [("features", leaf), *net.named_parameters()]:
        direction = random.standard_normal(value.shape).astype(np.float32)
        direction /= np.linalg.norm(direction)
        start, epsilon, sides = value.numpy().copy(), 3e-2, []
        with scn.no_grad():
            for sign in (1, -1):
                value.copy_(start + sign * epsilon * direction)
                sides.append(loss().item())
        value.copy_(start)
        measured = (sides[0] - sides[1]) / (2 * epsilon)
        assert np.isclose(measured, (value.grad * direction).sum(), rtol=2e-2, atol=2e-4), name


def sgd(p, g, v, first, lr=0.1, momentum=0.9, dampening=0.0, decay=0.01, nesterov=False):
    g = g + decay * p
    v = g if first else momentum * v + (1 - dampening) * g
    return p - lr * (g + momentum * v if nesterov else v), v


@pytest.mark.parametrize("options", [{}, {"dampening": 0.3}, {"nesterov": True}])
def test_sgd(options):
    x = scn.Parameter([1.0, -2.0, 3.0])
    optimizer = scn.SGD([x], 0.1, 0.9, weight_decay=0.01, **options)
    p, v = x.numpy().copy(), np.zeros(3)
    for count in range(4):
        optimizer.zero_grad()
        (x * x).sum().backward()
        optimizer.step()
        p, v = sgd(p, 2 * p, v, count == 0, **options)
        assert np.allclose(x, p, atol=1e-5)


@pytest.mark.parametrize("kind, decay", [(scn.Adam, 0.1), (scn.AdamW, 0.1), (scn.Adam, 0.0)])
def test_adam(kind, decay):
    x = scn.Parameter([1.0, -2.0, 3.0])
    optimizer = kind([x], lr=0.05, betas=(0.8, 0.9), eps=1e-6, weight_decay=decay)
    p, m, v = x.numpy().astype(np.float64), 0, 0
    for count in range(1, 5):
        optimizer.zero_grad()
        (x * x).sum().backward()
        optimizer.step()
        g = 2 * p + (decay * p if kind is scn.Adam else 0)
        p = p - (0.05 * decay * p if kind is scn.AdamW else 0)
        m, v = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g * g
        p = p - 0.05 * (m / (1 - 0.8**count)) / (np.sqrt(v / (1 - 0.9**count)) + 1e-6)
        assert np.allclose(x, p, atol=1e-4)


def test_optimizers_say_what_is_wrong():
    x = scn.Parameter([1.0])
    optimizer = scn.SGD([x], lr=0.5)
    assert optimizer.lr == 0.5 and repr(optimizer) == "SGD(1 parameters, lr=0.5)"
    optimizer.lr = 0.25
    assert optimizer.lr == 0.25
    optimizer.step()
    assert x[0] == 1
    for rate in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError):
            optimizer.lr = rate
        with pytest.raises(ValueError):
            scn.Adam([x], rate)
    for bad in ({"momentum": -1}, {"nesterov": True}, {"weight_decay": -1}):
        with pytest.raises(ValueError):
            scn.SGD([x], **bad)
    with pytest.raises(ValueError):
        scn.SGD([x, x])
    with pytest.raises(ValueError):
        scn.Adam([x], betas=(1.0, 0.9))
    with pytest.raises(ValueError):
        scn.Adam([x], betas=(0.9,))
    with pytest.raises(TypeError, match=r"^params\[0\]: is a numpy.ndarray, expected a Tensor"):
        scn.SGD([np.ones(3)])
    with pytest.raises(TypeError, match=r"^params\[0\]: is a str, expected a Tensor"):
        scn.SGD(["0.weight"])
    with pytest.raises(TypeError, match=r"^params: is a scn.Linear, expected tensors, such as module.parameters\(\)"):
        scn.SGD(scn.Linear(2, 2))
    for kind in (scn.SGD, scn.Adam):
        with pytest.raises(ValueError, match="params: none given"):
            kind([])
    with pytest.raises(ValueError, match=r"^betas: is 0.9, expected \(beta1, beta2\)"):
        scn.AdamW([x], betas=0.9)
    with pytest.raises(ValueError, match="^eps: is -1"):
        scn.Adam([x], eps=-1)
    with pytest.raises(AttributeError, match="set optimizer.lr"):
        optimizer.param_groups
    with pytest.raises(AttributeError, match=r"scn.save\(module, path, optimizer\) .* scn.restore\("):
        optimizer.state_dict()
    with pytest.raises(AttributeError, match="^SGD has no attribute 'learning_rate'$"):
        optimizer.learning_rate


def test_clipping():
    x, y = scn.Parameter([3.0]), scn.Parameter([4.0])
    (x * 3 + y * 4).backward()
    assert np.isclose(scn.clip_grad_norm_([x, y], 10), 5) and x.grad[0] == 3
    assert np.isclose(scn.clip_grad_norm_(iter([x, y]), 1), 5)
    assert np.allclose([x.grad[0], y.grad[0]], [0.6, 0.8]) and np.isclose(scn.clip_grad_norm_(x, 1), 0.6)
    x.grad[0] = np.nan
    with pytest.raises(scn.StateError, match="norm"):
        scn.clip_grad_norm_([x, y], 1)
    assert np.isclose(y.grad[0], 0.8)
    with pytest.raises(ValueError):
        scn.clip_grad_norm_([y], -1)


def test_a_network_learns(points):
    net = network()
    optimizer = scn.Adam(net.parameters(), 0.01)
    losses = [step(net, optimizer, points) for _ in range(30)]
    assert losses[-1] < 0.1 * losses[0]


def test_a_module_written_in_python_learns(points):
    class Net(scn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = network()[:9], scn.Linear(196, 5)
            self.gain = scn.Parameter(1.0)

        def forward(self, x):
            return self.head(self.body(x)) * 2

    net = Net()
    optimizer = scn.SGD(net.parameters(), 0.05, 0.9)
    losses = [step(net, optimizer, points) for _ in range(20)]
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("kind", [scn.SGD, scn.Adam])
def test_results_do_not_depend_on_threads(kind, random):
    count, results = 3000, []
    cells = random.choice(63**2, count, replace=False)
    coords = np.stack([cells // 63, cells % 63, np.arange(count) % 2], axis=1)
    features = random.standard_normal((count, 3)).astype(np.float32)
    before = scn.get_num_threads()
    try:
        for threads in (1, 2, 5):
            scn.set_num_threads(threads)
            scn.manual_seed(9)
            net = scn.Sequential(
                scn.InputLayer(2, 63),
                scn.SparseVggNet(2, 3, [["C", 16], ["C", 16, 8], "MP", ["C", 24]]),
                scn.Dropout(0.2),
                scn.SparseToDense(2, 24),
                scn.Flatten(),
                scn.Linear(24 * 31 * 31, 4),
            )
            optimizer = kind(net.parameters(), 0.01)
            losses = [step(net, optimizer, (coords, features)) for _ in range(3)]
            scn.clip_grad_norm_(net.parameters(), 0.1)
            arrays = [*net.state_dict().values(), *(p.grad for p in net.parameters()), np.array(losses)]
            results.append([array.tobytes() for array in arrays])
    finally:
        scn.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_networks_train_in_threads_at_once(points):
    nets = [network() for _ in range(4)]
    for net in nets[1:]:
        net.load_state_dict(nets[0].state_dict())
    optimizers = [scn.SGD(net.parameters(), 0.05, 0.9) for net in nets]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(lambda n, o: [step(n, o, points) for _ in range(20)], *pair) for pair in zip(nets, optimizers)
        ]
        losses = [job.result() for job in jobs]
    assert all(own == losses[0] for own in losses)


def resident():
    """The bytes of memory that the process has."""
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_memory_stays_flat_over_many_steps(points):
    net = network(0.5)
    optimizer = scn.Adam(net.parameters(), 0.001)
    for _ in range(200):
        step(net, optimizer, points)
    gc.collect()
    optimizer.zero_grad()
    handles, memory, start = scn.live_handles(), scn.memory_in_use(), resident()
    for _ in range(1000):
        step(net, optimizer, points)
    optimizer.zero_grad()
    assert scn.live_handles() == handles and scn.memory_in_use() == memory
    assert resident() - start < 2 * 2**20
