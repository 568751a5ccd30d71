#!/usr/bin/env python3
"""How long a training step of the larger U-Net takes through scn.torch, next to the same step through C.

usage: torch_step.py [--data DIR] [--rounds N] [--quick] [--compare]

Processes that each have the same network, points and labels take turns, one step each: scn-bench through the module
level of C, the others through scn.torch. A figure is the median of the ratios of a step to the mean of the two steps of
C around it. Each loss must be that of C's step of the same number, or the program fails.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

BENCH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "build", "scn-bench")
# PyTorch's threads wait actively for some milliseconds; what follows should find the cores free.
PAUSE = 0.05
VARIANTS = {
    "scn.torch with its Linear and cross_entropy": ([], {}),
    "the same, OMP_WAIT_POLICY=passive": ([], {"OMP_WAIT_POLICY": "passive"}),
    "with torch's nn.Linear and cross_entropy": (["--torch-ends"], {}),
    "the same, OMP_WAIT_POLICY=passive, and SGD(fused=True)": (
        ["--torch-ends", "--fused"],
        {"OMP_WAIT_POLICY": "passive"},
    ),
}


class Worker:
    """A process that takes a step for each number of threads that it is told."""

    def __init__(self, command, environment):
        inherited = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**inherited, **environment}
        )
        self.losses = []
        self.program = command[0]

    def wait(self):
        """Return when the process is ready."""
        if self.process.stdout.readline() != "ready\n":
            sys.exit(f"torch_step: {self.program} did not start")

    def step(self, threads):
        time.sleep(PAUSE)
        try:
            self.process.stdin.write(f"{threads}\n")
            self.process.stdin.flush()
            seconds, loss = map(float, self.process.stdout.readline().split())
        except (OSError, ValueError):
            sys.exit("torch_step: a process ended early")
        self.losses.append(loss)
        return seconds

    def stop(self):
        self.process.stdin.close()
        if self.process.wait():
            sys.exit("torch_step: a process failed")


def answer_steps(folder, has_torch_ends, is_fused):
    """Do what `scn-bench --answer-steps` does, through scn.torch, with what it wrote into the folder."""
    import numpy as np
    import torch

    import scn
    import scn.torch

    def read(name, kind):
        return torch.from_numpy(np.fromfile(os.path.join(folder, f"{name}.{np.dtype(kind)}"), kind))

    network = scn.torch.from_module(scn.load(os.path.join(folder, "net.safetensors"))).train()
    labels, cross_entropy = read("labels", np.int64), scn.torch.cross_entropy
    coordinates = read("coordinates", np.int64).view(len(labels), -1)
    features = read("features", np.float32).view(len(labels), -1)
    if has_torch_ends:
        ours = network[-1]
        theirs = torch.nn.Linear(ours.in_features, ours.out_features)
        theirs.load_state_dict(ours.state_dict())
        network[len(network) - 1] = theirs
        cross_entropy = torch.nn.functional.cross_entropy
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True, fused=is_fused or None)
    print("ready", flush=True)
    for line in sys.stdin:
        threads = int(line)
        scn.torch.set_num_threads(threads)
        torch.set_num_threads(threads)
        clock = time.thread_time if threads == 1 else time.perf_counter
        begin = clock()
        loss = cross_entropy(network([coordinates, features]), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        value = loss.item()
        del loss
        print(f"{clock() - begin:.9f} {value:.9g}", flush=True)


def measure(workers, threads, rounds, begun, total, started):
    """Return the seconds of C's steps, and of each variant the seconds and the ratios to C's."""
    by_c, found = [], {name: ([], []) for name in VARIANTS}
    c = workers["C"]
    for number in range(rounds):
        before = c.step(threads)
        by_c.append(before)
        for name in VARIANTS:
            seconds = workers[name].step(threads)
            after = c.step(threads)
            by_c.append(after)
            found[name][0].append(seconds)
            found[name][1].append(2 * seconds / (before + after))
            before = after
        done, elapsed = begun + number + 1, time.monotonic() - started
        left = elapsed / done * (total - done)
        print(
            f"\r\033[K[{done}/{total}] {threads} thread(s), {elapsed / done:.1f} s a round, {left:.0f} s left",
            end="",
            file=sys.stderr,
            flush=True,
        )
    return by_c, found


def compare_losses(workers):
    """Fail if a loss is not that of C's step of the same number; rounding errors add up from step to step."""
    for name, worker in workers.items():
        for number, (loss, expected) in enumerate(zip(worker.losses, workers["C"].losses)):
            if not abs(loss - expected) <= 1e-6 * (number + 2) * abs(expected):
                sys.exit(f"torch_step: step {number} of {name!r} has the loss {loss}, that of C {expected}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", help="measure on the first four scenes of DIR/tabletop/train, not made-up surfaces")
    parser.add_argument("--rounds", type=int, help="steps of each variant at each number of threads, at least 2 (20)")
    parser.add_argument("--quick", action="store_true", help="one scene; three rounds where nothing else is said")
    parser.add_argument("--compare", action="store_true", help="compare the losses of two steps, and measure nothing")
    parser.add_argument("--answer-steps", help=argparse.SUPPRESS)
    parser.add_argument("--torch-ends", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--fused", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer_steps:
        return answer_steps(options.answer_steps, options.torch_ends, options.fused)
    rounds = options.rounds or (3 if options.quick else 20)
    if rounds < 2:
        parser.error("--rounds must be at least 2")
    points = (["--quick"] if options.quick else []) + (["--data", options.data] if options.data else [])
    with tempfile.TemporaryDirectory() as folder:
        workers = {"C": Worker([BENCH, *points, "--answer-steps", folder], {})}
        # It writes what the others read.
        workers["C"].wait()
        for name, (more, environment) in VARIANTS.items():
            workers[name] = Worker([sys.executable, __file__, "--answer-steps", folder, *more], environment)
        for name in VARIANTS:
            workers[name].wait()
        # Caches, threads and memory settle first.
        for threads in (2, 1):
            for worker in workers.values():
                worker.step(threads)
        compare_losses(workers)
        if options.compare:
            for worker in workers.values():
                worker.stop()
            print(f"the losses of {len(VARIANTS)} programs for scn.torch are those of C, on 2 threads and on 1")
            return None
        started, results = time.monotonic(), {}
        for index, threads in enumerate((1, 2)):
            results[threads] = measure(workers, threads, rounds, index * rounds, 2 * rounds, started)
        print("\r\033[K", end="", file=sys.stderr)
        compare_losses(workers)
        for worker in workers.values():
            worker.stop()
    print("A training step of the U-Net of 32 ... 160 planes: seconds, and times the step through C (quartiles)")
    print("One thread: its time on a core. Two: the clock on the wall.")
    for threads, (by_c, found) in results.items():
        print(f"\n{threads} thread(s)\n  {'C':56s} {statistics.median(by_c):.3f} s")
        for name, (seconds, ratios) in found.items():
            low, middle, high = statistics.quantiles(ratios, n=4)
            print(f"  {name:56s} {statistics.median(seconds):.3f} s   {middle:.3f}  ({low:.3f} ... {high:.3f})")


if __name__ == "__main__":
    main()
