"""Random networks on random sites, and what must hold for each of them.

usage: random_networks.py [--seconds 60] [--first-seed 0] [--seed N]

Draws networks of 1 to 6 dimensions over all kinds of layers, each from a seed, and checks that
- 1, 2 and 3 threads give the same bits, in results, gradients and state,
- a run that a checkpoint was opened in the middle of gives the bits of the uninterrupted one,
- a network that was saved and opened gives the bits of the one kept, and the optimized one its results within rounding,
- scn.torch gives the results and gradients of scn within rounding,
- the cpu's instruction sets give the same results within rounding (networks in batches, a process each).
Where something does not, prints the seed, the network and what differs; --seed checks one alone. The last lines are the
networks checked and `N passed, N failed`.
"""

from __future__ import annotations

import argparse
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import scn

MOST_DIMENSIONS = 6
STEPS = 2
INSTRUCTION_SETS = ("generic", "avx2", "avx512")
# Fractions of the largest number; gradients of maxima and of ReLUs jump where two numbers change their order.
FORWARD_TOLERANCE, GRADIENT_TOLERANCE = 1e-3, 2e-2


class Drawn:
    """A network drawn from a seed, the way to build it anew, and the inputs of its steps."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        rng = random.Random(seed)
        self.dimension = rng.randint(1, MOST_DIMENSIONS)
        self.planes = rng.randint(1, 4)
        self.is_random = False  # draws numbers in training
        self.changes_sites = False  # by scores: rounding may move a site across the threshold
        self.on_input_sites = True
        even = [2, 4, 6, 8, 12] if self.dimension > 3 else [4, 8, 12, 16, 24]
        self.size = [rng.choice(even) for _ in range(self.dimension)]
        if rng.random() < 0.3:
            self.size = [size + 1 for size in self.size]
        self.entry = rng.choices(["points", "batched", "dense"], [8, 1, 1])[0]
        if self.entry == "dense" and math.prod(self.size) > 2000:
            self.entry = "points"
        self.mode = rng.randint(1, 4)
        self.source = self._body(rng)
        self.optimizer = rng.choice(["scn.SGD(p, 0.01, 0.9, weight_decay=1e-3)", "scn.Adam(p, 0.01)", "scn.AdamW(p, 0.01)"])

    def build(self) -> scn.Sequential:
        """Return the network, its weights drawn from the seed."""
        scn.manual_seed(self.seed)
        return eval(self.source)

    def inputs(self, step: int) -> list[Any] | np.ndarray:
        """Return the input of a training step: some sites twice, and one sample without points in some steps."""
        rng = np.random.default_rng([self.seed, step])
        if self.entry == "dense":
            picture = rng.standard_normal((2, self.planes, *self.size)).astype(np.float32)
            return picture * (rng.random((2, 1, *self.size)) < 0.3)
        if self.entry == "batched":
            where = rng.integers(0, self.size, (2, 12, self.dimension))
            where[1, 9:] = -1
            return [where, rng.standard_normal((2, 12, self.planes)).astype(np.float32)]
        rows = int(rng.integers(1, 60))
        near = np.minimum(rng.integers(0, 5, (rows, self.dimension)), np.array(self.size) - 1)
        anywhere = rng.integers(0, self.size, (rows, self.dimension))
        where = np.where(rng.random((rows, 1)) < 0.7, near, anywhere)
        batch = rng.choice([0, 2], (rows, 1)) if step % 2 else rng.integers(0, 2, (rows, 1))
        return [np.hstack([where, batch]), rng.standard_normal((rows, self.planes)).astype(np.float32)]

    def __str__(self) -> str:
        return f"seed {self.seed}: entry {self.entry}, {self.planes} planes, {self.optimizer}\n  {self.source}"

    # The network's source. `planes` and `size` are those at the place that was come to.

    def _body(self, rng: random.Random) -> str:
        entries = {
            "points": f"scn.InputLayer({self.dimension}, {self.size}, {self.mode})",
            "batched": f"scn.BLInputLayer({self.dimension}, {self.size}, {self.mode})",
            "dense": f"scn.DenseToSparse({self.dimension})",
        }
        layers, planes = [entries[self.entry]], self.planes
        size = list(self.size)
        for _ in range(rng.randint(1, 4)):
            more, planes, size = self._stage(rng, planes, size, 2)
            layers += more
        layers += self._end(rng, planes, size)
        return f"scn.Sequential({', '.join(layers)})"

    def _stage(self, rng: random.Random, planes: int, size: list[int], depth: int) -> tuple[list[str], int, list[int]]:
        """Return layers, and the planes and size behind them."""
        kind = rng.choices(["same", "down", "there and back", "network", "full", "scores"], [8, 3, 3, 2, 1, 1])[0]
        if kind == "down":
            down = self._down(rng, planes, size)
            if down:
                self.on_input_sites = False
                return [down[0]], down[2], down[3]
        if kind == "there and back" and depth > 0:
            layers = self._there_and_back(rng, planes, size, depth)
            if layers:
                return layers, planes, size
        if kind == "network":
            network = self._network(rng, planes, size)
            if network:
                return [network[0]], network[1], size
        if kind == "full" and max(size) <= 12 and self.dimension <= 4:
            out = rng.randint(1, 4)
            filter_size, stride = rng.choice([(2, 2), (3, 1), (2, 1)])
            self.on_input_sites = False
            layer = f"scn.FullConvolution({self.dimension}, {planes}, {out}, {filter_size}, {stride}, {rng.random() < 0.5})"
            return [layer], out, [(n - 1) * stride + filter_size for n in size]
        if kind == "scores" and depth == 2:
            self.changes_sites, self.on_input_sites = True, False
            if rng.random() < 0.3:
                return [f"scn.SparsifyFCS({self.dimension})"], planes, size
            activation = rng.choice([None, "sigmoid", "fakeGradHardSigmoid"])
            return [f"scn.Sparsify({self.dimension}, {planes}, {activation!r})"], planes, size
        layers, planes = self._same(rng, planes, depth)
        return layers, planes, size

    def _same(self, rng: random.Random, planes: int, depth: int) -> tuple[list[str], int]:
        """Return layers that keep the sites."""
        d, out = self.dimension, rng.randint(1, 4)
        bias = rng.random() < 0.5
        kinds = ["submanifold", "submanifold", "product", "norm", "norm", "activation", "dropout", "coordinates", "context", "lattice"]
        if depth > 0:
            kinds += ["add", "join", "again"]
        kind = rng.choice(kinds)
        if kind == "submanifold":
            filter_size: Any = rng.choice([1, 2, 3] if d > 3 else [1, 2, 3, 3, 5])
            if d <= 4 and rng.random() < 0.3:
                filter_size = [rng.randint(1, 3) for _ in range(d)]
            groups = 2 if planes % 2 == 0 and out % 2 == 0 and rng.random() < 0.5 else 1
            layer = f"scn.SubmanifoldConvolution({d}, {planes}, {out}, {filter_size}, {bias}, {groups}, dilation={rng.choice([1, 1, 2])})"
            return [self._perhaps_spectral(rng, layer)], out
        if kind == "product":
            return [self._perhaps_spectral(rng, f"scn.NetworkInNetwork({planes}, {out}, {bias})")], out
        if kind == "norm":
            return [
                rng.choice(
                    [
                        f"scn.BatchNormReLU({planes})",
                        f"scn.BatchNormalization({planes}, momentum=0.5, affine={bias})",
                        f"scn.BatchNormLeakyReLU({planes}, leakiness=0.2)",
                        f"scn.BatchNormELU({planes})",
                        f"scn.MeanOnlyBNLeakyReLU({planes}, {bias}, 0.3)",
                        f"scn.SparseGroupNorm({rng.choice([g for g in range(1, planes + 1) if planes % g == 0])}, {planes})",
                    ]
                )
            ], planes
        if kind == "activation":
            return [f"scn.{rng.choice(['ReLU', 'ELU', 'SELU', 'Tanh', 'Sigmoid', 'Identity'])}()"], planes
        if kind == "dropout":
            self.is_random = True
            return [f"scn.{rng.choice(['Dropout', 'BatchwiseDropout'])}({rng.choice([0.0, 0.2, 0.5])})"], planes
        if kind == "coordinates":
            return [f"scn.AddCoords(), scn.NetworkInNetwork({planes + d}, {out}, {bias})"], out
        if kind == "context" and planes * 3**d <= 800:
            return [f"scn.ShapeContext({d}, {planes}), scn.NetworkInNetwork({planes * 3**d}, {out}, {bias})"], out
        if kind == "lattice":
            return [f"scn.PermutohedralSubmanifoldConvolution({d}, {planes}, {out}, {bias})"], out
        if kind == "add":
            one, one_planes = self._same(rng, planes, depth - 1)
            other = "scn.Identity()" if one_planes == planes else f"scn.NetworkInNetwork({planes}, {one_planes}, False)"
            return [f"scn.ConcatTable({other}, scn.Sequential({', '.join(one)})), scn.AddTable()"], one_planes
        if kind == "join":
            one, one_planes = self._same(rng, planes, depth - 1)
            return [
                f"scn.ConcatTable(scn.Identity(), scn.Sequential({', '.join(one)})), scn.JoinTable()",
                f"scn.NetworkInNetwork({planes + one_planes}, {out}, {bias})",
            ], out
        if kind == "again":
            one, one_planes = self._same(rng, planes, depth - 1)
            return [f"scn.CheckpointedSequential({', '.join(one)})"], one_planes
        return [f"scn.LeakyReLU({rng.choice([0.1, 0.333, 1.0])})"], planes

    def _perhaps_spectral(self, rng: random.Random, layer: str) -> str:
        return f"scn.spectral_norm({layer}, n_power_iterations={rng.randint(1, 2)})" if rng.random() < 0.15 else layer

    def _windows(self, rng: random.Random, size: list[int]) -> tuple[int, int, list[int]] | None:
        """Return a size and stride of windows that fit, and the size behind them."""
        fitting = [
            (filter_size, stride)
            for filter_size, stride in [(2, 2), (3, 2), (3, 1), (2, 1), (3, 3), (1, 2)]
            if all(n >= filter_size and (n - filter_size) % stride == 0 for n in size)
        ]
        if not fitting:
            return None
        filter_size, stride = rng.choice(fitting)
        return filter_size, stride, [(n - filter_size) // stride + 1 for n in size]

    def _down(self, rng: random.Random, planes: int, size: list[int]) -> tuple[str, str, int, list[int]] | None:
        """Return a layer to coarser sites, its window as arguments, and the planes and size behind it."""
        d, out = self.dimension, rng.randint(1, 4)
        if rng.random() < 0.1 and min(size) >= 4:
            self.is_random = True
            sequence = rng.choice(["random", "pseudorandom"])
            windows = [max(1, int(n / 1.5)) for n in size]
            return f"scn.FractionalMaxPooling({d}, 1.5, sequence={sequence!r})", "", planes, windows
        fit = self._windows(rng, size)
        if fit is None:
            return None
        filter_size, stride, behind = fit
        window = f"{filter_size}, {stride}"
        kind = rng.choice(["Convolution", "Convolution", "MaxPooling", "AveragePooling", "random", "random", "padded"])
        if kind == "Convolution":
            return f"scn.Convolution({d}, {planes}, {out}, {window}, {rng.random() < 0.5})", window, out, behind
        if kind == "padded":
            behind = [(n + 2 - 2 * (filter_size - 1) - 1) // stride + 1 for n in size]
            if min(behind) < 1:
                return None
            layer = f"scn.Convolution({d}, {planes}, {out}, {window}, False, padding=1, dilation=2)"
            return layer, "", out, behind
        if kind == "random" and stride > 1:
            self.is_random = True
            if rng.random() < 0.5:
                return f"scn.RandomizedStrideMaxPooling({d}, {window})", "", planes, behind
            return f"scn.RandomizedStrideConvolution({d}, {planes}, {out}, {window}, True)", "", out, behind
        pooling = kind if kind.endswith("Pooling") else "MaxPooling"
        return f"scn.{pooling}({d}, {window})", window, planes, behind

    def _there_and_back(self, rng: random.Random, planes: int, size: list[int], depth: int) -> list[str]:
        """Return a way to coarser sites and back, joined with what there was."""
        down = self._down(rng, planes, size)
        if not down or not down[1]:
            return []
        layer, window, coarse_planes, coarse_size = down
        inner, inner_planes = self._same(rng, coarse_planes, depth - 1)
        up_planes = rng.randint(1, 4)
        if rng.random() < 0.5:
            up = f"scn.Deconvolution({self.dimension}, {inner_planes}, {up_planes}, {window}, {rng.random() < 0.5})"
        else:
            up, up_planes = f"scn.UnPooling({self.dimension}, {window})", inner_planes
        way = f"scn.Sequential({', '.join([layer, *inner, up])})"
        return [
            f"scn.ConcatTable(scn.Identity(), {way}), scn.JoinTable()",
            f"scn.NetworkInNetwork({planes + up_planes}, {planes}, True)",
        ]

    def _network(self, rng: random.Random, planes: int, size: list[int]) -> tuple[str, int] | None:
        """Return one of SparseConvNet's networks that keeps the sites."""
        if self.dimension > 4:
            return None
        out = rng.randint(1, 3)
        if any(n % 2 for n in size):
            kind, text = rng.choice([("SparseVggNet", f"C{out}"), ("SparseResNet", f"b{out}x2"), ("SparseDenseNet", f"B2x{out}")])
            return f"scn.{kind}({self.dimension}, {planes}, {text!r})", planes + 2 * out if kind == "SparseDenseNet" else out
        levels = [rng.randint(1, 3), rng.randint(1, 3)]
        d, residual = self.dimension, rng.random() < 0.5
        kind = rng.choice(["UNet", "fully", "linear", "context"])
        if kind == "UNet":
            return f"scn.NetworkInNetwork({planes}, {levels[0]}, False), scn.UNet({d}, 1, {levels}, residual_blocks={residual})", levels[0]
        if kind == "fully":
            network = f"scn.FullyConvolutionalNet({d}, 1, {levels}, residual_blocks={residual})"
            return f"scn.NetworkInNetwork({planes}, {levels[0]}, False), {network}", sum(levels)
        if kind == "linear":
            network = f"scn.FullConvolutionalNetIntegratedLinear({d}, 1, {levels}, residual={residual})"
            return f"scn.NetworkInNetwork({planes}, {levels[0]}, False), {network}", levels[0]
        if 2 * planes * 3**d > 800:
            return None
        network = f"scn.MultiscaleShapeContext({d}, {planes}, n_layers=2)"
        return f"{network}, scn.NetworkInNetwork({2 * planes * 3**d}, 2, False)", 2

    def _end(self, rng: random.Random, planes: int, size: list[int]) -> list[str]:
        d = self.dimension
        kinds = ["sparse", "pooled"]
        if self.on_input_sites and self.entry != "dense":
            kinds += ["rows", "rows"]
        if math.prod(size) * planes <= 3000:
            kinds.append("dense")
        kind = rng.choice(kinds)
        if kind == "rows":
            return [f"scn.{'BLOutputLayer' if self.entry == 'batched' else 'OutputLayer'}({d})"]
        if kind == "pooled":
            pooling = rng.choice(["Sum", "Average", "Max"])
            return [f"scn.Global{pooling}Pooling({d})", f"scn.Linear({planes}, 3, True)"]
        if kind == "dense":
            return [f"scn.SparseToDense({d}, {planes})", "scn.Flatten()", f"scn.Linear({math.prod(size) * planes}, 2, False)"]
        return []


def kinds_of(source: str) -> set[str]:
    """Return the names of scn's that a network's source has."""
    return {word.split("(")[0] for word in source.split("scn.")[1:]}


def values_of(output: Any) -> np.ndarray:
    """Return the numbers of a result."""
    return np.asarray(output.features if hasattr(output, "spatial_size") else output)


def entry_of(drawn: Drawn, step: int) -> tuple[Any, scn.Tensor]:
    """Return what a network gets in a step, and the tensor that the gradient flows into."""
    given = drawn.inputs(step)
    features = scn.tensor(given if isinstance(given, np.ndarray) else given[1], requires_grad=True)
    return (features if isinstance(given, np.ndarray) else [given[0], features]), features


def step_of(drawn: Drawn, net: Any, optimizer: Any, step: int) -> list[np.ndarray]:
    """Take a training step; return the result and the gradients."""
    net.zero_grad()
    given, features = entry_of(drawn, step)
    output = net(given)
    values = output.features if hasattr(output, "spatial_size") else output
    result = np.array(values)
    weights = np.random.default_rng([drawn.seed, step, 1]).standard_normal(result.shape).astype(np.float32)
    (values * weights).sum().backward()
    gradients = [features.grad, *(p.grad for p in net.parameters())]
    found = [result] + [np.zeros(1, np.float32) if g is None else np.array(g) for g in gradients]
    if optimizer is not None:
        optimizer.step()
    return found


def optimizer_of(drawn: Drawn, net: Any) -> Any:
    parameters = list(net.parameters())
    return eval(drawn.optimizer, {"scn": scn, "p": parameters}) if parameters else None


def state_of(net: Any) -> list[np.ndarray]:
    return [np.array(values) for values in net.state_dict().values()]


def same_bits(found: list[np.ndarray], wanted: list[np.ndarray], what: str) -> Iterator[str]:
    for place, (a, b) in enumerate(zip(found, wanted)):
        if a.shape != b.shape or a.tobytes() != b.tobytes():
            yield f"{what}: array {place} of {len(wanted)} differs in bits"


def near(found: np.ndarray, wanted: np.ndarray, tolerance: float, what: str) -> Iterator[str]:
    if found.shape != wanted.shape:
        yield f"{what}: shape {found.shape}, expected {wanted.shape}"
    elif found.size and not (np.isfinite(found) == np.isfinite(wanted)).all():
        yield f"{what}: numbers that are not finite"
    elif found.size:
        finite = np.isfinite(wanted)
        off = np.abs(found[finite].astype(np.float64) - wanted[finite]).max(initial=0)
        scale = max(1.0, float(np.abs(wanted[finite]).max(initial=0)))
        if off > tolerance * scale:
            yield f"{what}: off by {off:.3g} at scale {scale:.3g}"


def check_threads(drawn: Drawn) -> Iterator[str]:
    runs = []
    before = scn.get_num_threads()
    try:
        for threads in (1, 2, 3):
            scn.set_num_threads(threads)
            net = drawn.build()
            optimizer = optimizer_of(drawn, net)
            runs.append([array for step in range(STEPS) for array in step_of(drawn, net, optimizer, step)] + state_of(net))
    finally:
        scn.set_num_threads(before)
    for threads, run in zip((2, 3), runs[1:]):
        yield from same_bits(run, runs[0], f"{threads} threads against 1")


def check_resumed(drawn: Drawn) -> Iterator[str]:
    net = drawn.build()
    optimizer = optimizer_of(drawn, net)
    if optimizer is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "run.safetensors"
        for step in range(STEPS):
            step_of(drawn, net, optimizer, step)
        scn.save(net, path, optimizer)
        wanted = [array for step in range(STEPS) for array in step_of(drawn, net, optimizer, STEPS + step)] + state_of(net)
        other = drawn.build()
        resumed = optimizer_of(drawn, other)
        scn.manual_seed(drawn.seed + 1)
        scn.restore(path, other, resumed)
        found = [array for step in range(STEPS) for array in step_of(drawn, other, resumed, STEPS + step)] + state_of(other)
    yield from same_bits(found, wanted, "resumed against uninterrupted")


def check_evaluation(drawn: Drawn) -> Iterator[str]:
    net = drawn.build()
    for step in range(STEPS):
        step_of(drawn, net, None, step)
    net.eval()
    given, _ = entry_of(drawn, STEPS)
    with scn.no_grad(), tempfile.TemporaryDirectory() as folder:
        wanted = np.array(values_of(net(given)))
        path = pathlib.Path(folder) / "net.safetensors"
        scn.save(net, path)
        yield from same_bits([np.array(values_of(scn.load(path)(given)))], [wanted], "opened against kept")
        fast = scn.optimize_for_inference(net)
        found = np.array(values_of(fast(given)))
        if not drawn.changes_sites or found.shape == wanted.shape:
            yield from near(found, wanted, FORWARD_TOLERANCE, "optimized against plain")
        scn.save(fast, path)
        yield from same_bits([np.array(values_of(scn.load(path)(given)))], [found], "optimized, opened against kept")


def torch_values(output: Any) -> Any:
    """Return the numbers of a result of scn.torch, rows in the order of scn."""
    if not hasattr(output, "spatial_size"):
        return output
    where = output.get_spatial_locations().numpy()
    columns = where.shape[1] - 1
    return output.features[np.lexsort(where[:, [*range(columns - 1, -1, -1), columns]].T).tolist()]


def check_torch(drawn: Drawn) -> Iterator[str]:
    try:
        import torch
        import scn.torch
    except ImportError:
        return
    if "spectral_norm" in drawn.source:
        return  # scn.torch has torch's own, from which no module of scn is made
    net = drawn.build()
    for step in range(STEPS):
        step_of(drawn, net, None, step)
    if drawn.is_random:
        net.eval()
    theirs = scn.torch.from_module(net)
    found = step_of(drawn, net, None, STEPS)
    given = drawn.inputs(STEPS)
    features = torch.tensor(given if isinstance(given, np.ndarray) else given[1], requires_grad=True)
    entry = features if isinstance(given, np.ndarray) else [torch.tensor(given[0]), features]
    output = torch_values(theirs(entry))
    yield from near(output.detach().numpy(), found[0], FORWARD_TOLERANCE, "scn.torch against scn")
    if tuple(output.shape) != found[0].shape or not output.requires_grad:
        return
    weights = np.random.default_rng([drawn.seed, STEPS, 1]).standard_normal(found[0].shape).astype(np.float32)
    (output * torch.tensor(weights)).sum().backward()
    # A norm over few rows may divide by little; then scn's gradients in either package are of rounding alone.
    names = ["input", *(name for name, _ in net.named_parameters())]
    for name, ours, parameter in zip(names, found[1:], [features, *theirs.parameters()]):
        gradient = np.zeros(1, np.float32) if parameter.grad is None else parameter.grad.numpy()
        yield from near(gradient, ours, GRADIENT_TOLERANCE, f"gradient by {name}, scn.torch against scn")


CHECKS: list[Callable[[Drawn], Iterator[str]]] = [check_threads, check_resumed, check_evaluation, check_torch]


def problems_of(seed: int) -> list[str]:
    """Return what does not hold for a seed's network, an error included."""
    drawn = Drawn(seed)
    problems: list[str] = []
    for check in CHECKS:
        try:
            problems += check(drawn)
        except Exception as error:
            problems.append(f"{check.__name__}: {type(error).__name__}: {error}")
    return [*problems, str(drawn)] if problems else []


# Instruction sets: each in a process of its own, which has the environment variable from its beginning.


def available_instruction_sets() -> list[str]:
    flags = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    needed = {"generic": "", "avx2": " avx2", "avx512": " avx512f"}
    return [name for name in INSTRUCTION_SETS if needed[name] in flags]


def write_results(path: str, first: int, count: int) -> None:
    """Write the results of evaluation and the gradients of a training step of some seeds' networks."""
    arrays = {}
    for seed in range(first, first + count):
        drawn = Drawn(seed)
        try:
            net = drawn.build()
            for place, array in enumerate(step_of(drawn, net, None, 0)):
                arrays[f"{seed} {place}"] = array
            net.eval()
            with scn.no_grad():
                arrays[f"{seed} evaluation"] = values_of(net(entry_of(drawn, 1)[0]))
        except Exception as error:
            arrays[f"{seed} {error}"] = np.zeros(0)
    np.savez(path, **arrays)


def instruction_set_problems(first: int, count: int, environment: dict[str, str] | None = None) -> list[str]:
    """Return what differs between the instruction sets over some seeds' networks."""
    problems, runs = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for name in available_instruction_sets():
            path = os.path.join(folder, name + ".npz")
            command = [sys.executable, __file__, "--write", path, "--first-seed", str(first), "--count", str(count)]
            subprocess.run(command, check=True, env={**(environment or os.environ), "SCN_ISA": name})
            with np.load(path) as file:
                runs[name] = dict(file)
    names = list(runs)
    for name in names[1:]:
        for key, wanted in runs[names[0]].items():
            seed, place = key.split(" ", 1)
            drawn = Drawn(int(seed))
            if key not in runs[name]:
                problems.append(f"{name} has no {key}\n  {drawn}")
                continue
            if drawn.changes_sites and runs[name][key].shape != wanted.shape:
                continue
            tolerance = FORWARD_TOLERANCE if place in ("0", "evaluation") else GRADIENT_TOLERANCE
            for problem in near(runs[name][key], wanted, tolerance, f"{name} against {names[0]}, array {place}"):
                problems.append(f"{problem}\n  {drawn}")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--write", help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, default=20, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write_results(options.write, options.first_seed, options.count)
        return 0
    if options.seed is not None:
        problems = problems_of(options.seed) + instruction_set_problems(options.seed, 1)
        print("\n".join([str(Drawn(options.seed)), *problems]))
        return 1 if problems else 0
    start, seed, failed = time.monotonic(), options.first_seed, 0
    while time.monotonic() - start < options.seconds:
        for one in range(seed, seed + options.count):
            problems = problems_of(one)
            failed += bool(problems)
            for problem in problems:
                print(problem, flush=True)
        across = instruction_set_problems(seed, options.count)
        failed += bool(across)
        for problem in across:
            print(problem, flush=True)
        seed += options.count
    networks = seed - options.first_seed
    print(f"random networks: {networks} networks in {time.monotonic() - start:.0f} s, first seed {options.first_seed}")
    print(f"{networks - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
