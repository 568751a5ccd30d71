"""Train a network on handwritten digits with several processes that add up their gradients through MPI.

The last line is `test accuracy 9x.xx% with N processes`. Steps are those of one process, whatever N, within rounding.
"""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

import numpy as np
from mpi4py import MPI

import scn

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / folder) for folder in ("common", "pendigits")]
import running
import strokes

BATCH, LEARNING_RATE = 100, 3e-3
comm = MPI.COMM_WORLD


def classifier() -> scn.Sequential:
    """A network without batch statistics: its result for a digit does not depend on the others in the batch."""
    network = scn.Sequential(scn.InputLayer(2, [strokes.FIELD, strokes.FIELD], mode=4))
    planes = 3
    for wider in (16, 32, 48, 64, 96):
        network.add(scn.SubmanifoldConvolution(2, planes, wider, 3, True)).add(scn.ReLU()).add(scn.MaxPooling(2, 3, 2))
        planes = wider
    return network.add(scn.SparseToDense(2, planes)).add(scn.Flatten()).add(scn.Linear(planes, 10))


def scores(network: scn.Sequential, digits: strokes.Characters) -> scn.Tensor:
    return network([*strokes.draw(digits), len(digits)])


def mine(digits: strokes.Characters) -> strokes.Characters:
    """This process's share."""
    return digits.take(np.arange(comm.rank, len(digits), comm.size))


def main() -> None:
    options = running.parse("Train on handwritten digits: mpirun -n 2 python train.py", 3, 1, "demo-output/mpi")
    if not options.threads:
        node = comm.Split_type(MPI.COMM_TYPE_SHARED)
        scn.set_num_threads(max(1, len(os.sched_getaffinity(0)) // node.size))
    data = Path(strokes.__file__).parent / "data"
    names = ("pendigits-orig.train.unipen.gz", "pendigits-orig.test.unipen.gz")
    training, test = (strokes.fit(strokes.read_unipen(data / name)) for name in names)
    if options.quick:
        training, test = training.take(np.arange(401)), test.take(np.arange(100))

    network = classifier()
    for values in network.state_dict().values():  # the module's memory itself
        comm.Bcast(values)
    adam = scn.Adam(network.parameters(), lr=LEARNING_RATE)
    random, distort = np.random.default_rng(options.seed), strokes.Distortion()  # the same numbers in every process
    steps = math.ceil(len(training) / BATCH)
    rate = scn.CosineSchedule(LEARNING_RATE, options.epochs * steps, warm_up=steps // 2)
    losses = []
    with running.progress(options.epochs * len(training), "digits", shown=comm.rank == 0) as bar:
        for step in range(options.epochs * steps):
            if step % steps == 0:
                order = random.permutation(len(training))
            batch = distort(training.take(order[step % steps * BATCH :][:BATCH]), random)
            share = mine(batch)
            adam.lr = rate(step)
            adam.zero_grad()
            # The mean over the share, weighted so that the sum over all processes is the mean over the batch.
            with scn.autocast(options.precision):
                loss = scn.cross_entropy(scores(network, share), share.labels) * (len(share) / len(batch))
            loss.backward()
            gradients = network.gradients()
            comm.Allreduce(MPI.IN_PLACE, gradients)
            network.set_gradients(gradients)
            adam.step()
            losses.append(comm.allreduce(loss.item()))
            bar.set_postfix_str(f"loss {np.mean(losses[-20:]):.4f}", refresh=False)
            bar.update(len(batch))

    network.eval()
    with scn.no_grad():
        share = mine(test)
        correct = comm.allreduce(int((scores(network, share).numpy().argmax(axis=1) == share.labels).sum()))
    if comm.rank == 0:
        np.savetxt(options.output / "losses.txt", losses)
        print(f"test accuracy {correct / len(test):.2%} with {comm.size} processes")


if __name__ == "__main__":
    running.run(main, "train.py", strokes.UnipenError)
