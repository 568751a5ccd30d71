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
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import scn
from drawn_networks import Drawn

STEPS = 2
INSTRUCTION_SETS = ("generic", "avx2", "avx512")
# Fractions of the largest number; gradients of maxima and of ReLUs jump when two numbers change their order.
FORWARD_TOLERANCE, GRADIENT_TOLERANCE = 1e-3, 2e-2


def values_of(output: Any) -> np.ndarray:
    """Return the numbers of a result."""
    return np.asarray(output.features if hasattr(output, "spatial_size") else output)


def entry_of(drawn: Drawn, step: int) -> tuple[Any, scn.Tensor]:
    """Return a network's input in a step, and the tensor that the gradient flows into."""
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
            runs.append(
                [array for step in range(STEPS) for array in step_of(drawn, net, optimizer, step)] + state_of(net)
            )
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
        wanted = [array for step in range(STEPS) for array in step_of(drawn, net, optimizer, STEPS + step)] + state_of(
            net
        )
        other = drawn.build()
        resumed = optimizer_of(drawn, other)
        scn.manual_seed(drawn.seed + 1)
        scn.restore(path, other, resumed)
        found = [array for step in range(STEPS) for array in step_of(drawn, other, resumed, STEPS + step)] + state_of(
            other
        )
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
        half = scn.optimize_for_inference(net, "bfloat16")
        found = np.array(values_of(half(given)))
        scn.save(half, path)
        yield from same_bits([np.array(values_of(scn.load(path)(given)))], [found], "bfloat16, opened against kept")


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
        return  # scn.torch has torch's own, which cannot become a module of scn
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
    # A norm over few rows may divide by very little; then the gradients of both packages are only rounding.
    names = ["input", *(name for name, _ in net.named_parameters())]
    for name, ours, parameter in zip(names, found[1:], [features, *theirs.parameters()]):
        gradient = np.zeros(1, np.float32) if parameter.grad is None else parameter.grad.numpy()
        yield from near(gradient, ours, GRADIENT_TOLERANCE, f"gradient by {name}, scn.torch against scn")


CHECKS: list[Callable[[Drawn], Iterator[str]]] = [check_threads, check_resumed, check_evaluation, check_torch]


def problems_of(seed: int) -> list[str]:
    """Return what does not hold for a seed's network, including errors."""
    drawn = Drawn(seed)
    problems: list[str] = []
    for check in CHECKS:
        try:
            problems += check(drawn)
        except Exception as error:
            problems.append(f"{check.__name__}: {type(error).__name__}: {error}")
    return [*problems, str(drawn)] if problems else []


# Instruction sets: each in a process of its own, which has the environment variable from its start.


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
