#!/usr/bin/env python3
"""The process of one library: it does what it is told on its standard input and answers, a line of JSON each.

usage: worker.py LIBRARY FOLDER THREADS
"""

import json
import os
import sys
import time
import traceback

REPEATS = 4  # applications of a network that are compared with the first one


def resident(field):
    """Return VmRSS or VmHWM of this process in bytes."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(field))


def make_program(library):
    """Return the class of a library's programs; the import is what takes time and memory."""
    from subject import STAND_INS

    if library == "scn":
        from networks_scn import Program
    elif library == "scn.torch":
        import scn.torch  # noqa: F401
        from networks_sparseconvnet import ScnTorch as Program
    elif library == "SparseConvNet":
        import sparseconvnet  # noqa: F401

        from networks_sparseconvnet import SparseConvNet as Program
    elif library == "spconv":
        from networks_spconv import Spconv as Program
    elif library == "MinkowskiEngine":
        from networks_minkowski import MinkowskiEngine as Program
    elif library == "torchsparse":
        from networks_torchsparse import Torchsparse as Program
    elif library in STAND_INS.values():
        from networks_stand_in import stand_in_for

        Program = stand_in_for(next(name for name, place in STAND_INS.items() if place == library))
    else:
        known = ["scn", "scn.torch", *STAND_INS.values(), "SparseConvNet", "spconv", "MinkowskiEngine", "torchsparse"]
        sys.exit(f"worker: LIBRARY: is {library!r}, expected one of {', '.join(known)}")
    return Program


class Clock:
    """Seconds since it was made: of the clock on the wall, and of all threads of this process on their cores."""

    def __init__(self):
        self.begin = time.perf_counter(), time.process_time()

    def read(self):
        return [time.perf_counter() - self.begin[0], time.process_time() - self.begin[1]]


class Worker:
    def __init__(self, library, folder, threads):
        program_class = make_program(library)
        self.after_import = resident("VmRSS")
        from subject import Subject

        self.program = program_class(Subject(folder), threads)
        self.layers = {}

    def about(self):
        """Versions, and what decides how fast products are."""
        answer = {"versions": self.program.versions(), "openblas": openblas_kernels()}
        if "torch" in sys.modules:
            import torch

            answer["torch_threads"] = torch.get_num_threads()
            answer["torch_blas"] = "MKL" if torch.backends.mkl.is_available() else "other"
        return answer

    def open(self, network):
        self.program.open(network)

    def close(self):
        self.program.close()

    def train(self):
        clock = Clock()
        loss = self.program.train()
        return {"seconds": clock.read(), "loss": loss}

    def infer(self):
        return self._timed(self.program.infer)

    def infer_optimized(self):
        return self._timed(self.program.infer_optimized)

    def rulebooks(self):
        return self._timed(self.program.rulebooks)

    def _timed(self, run):
        clock = Clock()
        run()
        return {"seconds": clock.read()}

    def open_layer(self, kind, planes):
        self.layer = self.program.layer(kind, planes)

    def layer_step(self):
        """The forward pass of the open layer, then the gradients with respect to its input and its weight."""
        forward, backward = self.layer
        clock = Clock()
        result = forward()
        middle = clock.read()
        clock = Clock()
        backward(result)
        return {"forward": middle, "backward": clock.read()}

    def close_layer(self):
        self.layer = None

    def results(self, network, file):
        """Write what is compared between libraries: the logits in evaluation, and the gradients of a training step of
        the network with biases that keep activations off their kinks. Also say how much the same call differs from run
        to run: the largest difference over the largest value, and the rows beyond 1e-3 of it. No network stays open."""
        import numpy as np

        self.program.open(network)

        def infer():
            return self.program.in_order(self.program.infer())

        logits = infer().copy()
        scale = float(np.abs(logits).max())
        differences, rows = [], 0
        for _ in range(REPEATS):
            difference = np.abs(infer() - logits)
            differences.append(float(difference.max()) / scale)
            rows = max(rows, int((difference.max(1) > 1e-3 * scale).sum()))
        self.program.open(network, is_smooth=True)
        loss, gradients = self.program.gradients()
        again = self.program.gradients()[1]
        moved = max(float(np.abs(a - b).max() / np.abs(a).max()) for a, b in zip(gradients, again))
        self.program.close()
        np.savez(file, logits=logits, **{f"{number:04}": value for number, value in enumerate(gradients)})
        return {
            "loss": loss,
            "run_to_run": {"logits": max(differences), "rows": rows, "of_rows": len(logits), "gradients": moved},
        }

    def memory(self, network):
        """The highest resident size of two training steps above that after the import, in bytes."""
        self.program.open(network)
        self.program.train()
        self.program.train()
        return {"bytes": resident("VmHWM") - self.after_import}


def openblas_kernels():
    """Return which kernels the system's OpenBLAS uses in this process; None where it is not loaded."""
    import ctypes

    with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
        places = {line.split()[-1] for line in file if "/libopenblas" in line and ".libs/" not in line}
    for place in sorted(places):
        core_name = ctypes.CDLL(place).openblas_get_corename
        core_name.restype = ctypes.c_char_p
        return core_name().decode()
    return None


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__.strip())
    # Whatever a library prints goes to the standard error; answers have the standard output to themselves.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(value):
        print(json.dumps(value), file=answers, flush=True)

    try:
        worker = Worker(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    except Exception as error:
        traceback.print_exc()
        answer({"error": f"{type(error).__name__}: {error}"})
        return
    answer({})
    for line in sys.stdin:
        request, *arguments = json.loads(line)
        try:
            answer(getattr(worker, request)(*arguments) or {})
        except Exception as error:
            traceback.print_exc()
            answer({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
