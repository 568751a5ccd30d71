#!/usr/bin/env python3
"""Compare scn with other libraries of sparse convolutions on a CPU: two U-Nets and single layers on the same sites.

usage: compare.py [--data DIR] [--quick] [--rounds N] [--json FILE] [--markdown FILE] [--plots DIR] [--write FILE ...]
       compare.py --from FILE [--markdown FILE] [--plots DIR] [--write FILE ...]

`make bench-peers` builds the environment that it needs, and runs it there. Each library has a process of its own for
each number of threads; they take turns, one step each, and begin each round with another library. docs/performance.md
says what the figures mean.
"""

import argparse
import datetime
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import report
import subject

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BENCH = os.path.join(ROOT, "build", "scn-bench")
# By library: the module that it is, where it may be absent. The first is what others must agree with.
LIBRARIES = {
    "scn": None,
    "scn.torch": None,
    "SparseConvNet": "sparseconvnet",
    "MinkowskiEngine": "MinkowskiEngine",
    "spconv": "spconv",
}
NOT_TRIED = {
    "torchsparse": "2.1 has no convolution for a CPU; the package index has no build of any version",
}
REFERENCE, LIKE_FOR_LIKE = "scn", "scn.torch"
THREADS = (1, 2)
# The largest difference from scn's results over their largest value.
TOLERANCES = {"logits": 1e-5, "gradients": 1e-3}
# Libraries whose kernels race on several threads: their results are reported there, and need not agree.
RACING = ("spconv",)
# Settings of the caller that would decide for OpenBLAS how fast it is.
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
# By name, how the threads of OpenMP and OpenBLAS wait for work: actively at first, or not at all. Which is faster
# depends on how many pools of threads a process has; each library gets the better of the two.
WAITING = {"default": {}, "passive": {"OMP_WAIT_POLICY": "passive", "OPENBLAS_THREAD_TIMEOUT": "4"}}
TRIALS = 3  # training steps to find that out
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "SCN_NUM_THREADS")
# Threads of OpenMP and OpenBLAS wait actively for some milliseconds; what follows should find the cores free.
PAUSE = 0.05
QUANTITIES = ("train", "infer", "rulebooks", "infer_optimized")
ROUNDS, QUICK_ROUNDS = 9, 3
# About how long a round of one library takes, for the time left: seconds on one thread.
COST = {
    ("larger", "train"): 4,
    ("larger", "infer"): 1.3,
    ("smaller", "train"): 1.6,
    ("smaller", "infer"): 0.6,
    "rulebooks": 0.3,
    "layer": 0.8,
    "results": 12,
    "memory": 14,
    "waiting": 20,
}


class Progress:
    """What is done on the standard error, with a rate and the time left."""

    def __init__(self):
        self.started, self.total, self.done, self.steps = time.monotonic(), 0.0, 0.0, 0

    def advance(self, cost, text, steps=1):
        self.done += cost
        self.steps += steps
        elapsed = time.monotonic() - self.started
        left = elapsed / self.done * max(0.0, self.total - self.done)
        percent = min(100, 100 * self.done / self.total)
        print(
            f"\r\033[K[{percent:3.0f} %] {text}, {self.steps / elapsed:.1f} calls/s, {left / 60:.1f} min left",
            end="",
            file=sys.stderr,
            flush=True,
        )

    def clear(self):
        print("\r\033[K", end="", file=sys.stderr, flush=True)


class Failure(Exception):
    """A library could not do what it was asked to."""


class Worker:
    """The process of a library on a number of threads."""

    def __init__(self, library, folder, threads, log, waiting="default"):
        self.library = library
        command = [sys.executable, os.path.join(HERE, "worker.py"), library, folder, str(threads)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment(library, threads, waiting),
        )
        self._answer()

    def ask(self, request, *arguments):
        time.sleep(PAUSE)
        try:
            self.process.stdin.write(json.dumps([request, *arguments]) + "\n")
            self.process.stdin.flush()
        except OSError:
            pass
        return self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failure(f"{self.library}: its process ended with status {self.process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise Failure(f"{self.library}: {answer['error']}")
        return answer

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def environment(library, threads, waiting):
    """Return the environment variables of a library's process."""
    decided = (*UNSET, *WAITING["passive"])
    result = {name: value for name, value in os.environ.items() if name not in decided}
    result.update(WAITING[waiting])
    result.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    kernels = better_kernels() if library == "MinkowskiEngine" else None
    if kernels:
        result["OPENBLAS_CORETYPE"] = kernels
    return result


def better_kernels():
    """Return the kernels that OpenBLAS should use where it does not know this cpu, None where it does.

    Benchmarks/main.c does the same. An OpenBLAS that is older than the cpu takes it for one without AVX, whose kernels
    run at a sixth of the speed; MinkowskiEngine's products are OpenBLAS's, so that would flatter scn.
    """
    sound = ("haswell", "zen", "skylakex", "cooperlake", "sapphirerapids")
    code = "import ctypes; f = ctypes.CDLL('libopenblas.so.0').openblas_get_corename; f.restype = ctypes.c_char_p"
    without = {name: value for name, value in os.environ.items() if name not in UNSET}
    found = subprocess.run(
        [sys.executable, "-c", f"{code}; print(f().decode())"], env=without, capture_output=True, text=True
    )
    if found.returncode or found.stdout.strip().lower() in sound:
        return None
    flags = cpu_field("flags").split()
    if "avx512f" in flags and "avx512vl" in flags:
        return "SkylakeX"
    return "Haswell" if "avx2" in flags and "fma" in flags else None


def cpu_field(name):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return next((line.split(":", 1)[1].strip() for line in file if line.split(":")[0].strip() == name), "")


def available():
    """Return the libraries that are there, and by name why others are not."""
    found, absent = [], dict(NOT_TRIED)
    for library, module in LIBRARIES.items():
        if module is None or importlib.util.find_spec(module):
            found.append(library)
            continue
        reason = os.path.join(sys.prefix, f"{module}.absent")
        absent[library] = "it is not in the environment"
        if os.path.exists(reason):
            with open(reason, encoding="utf-8") as file:
                absent[library] = file.read().strip()
    return found, absent


def spread(values):
    """The median and the quartiles."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": middle, "low": low, "high": high}


def chosen(seconds, threads):
    """Of the wall's seconds and those on cores, those that count."""
    return seconds[1] if threads == 1 else seconds[0]


class Comparison:
    def __init__(self, options, folder, log):
        self.options, self.folder, self.log = options, folder, log
        self.rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
        self.libraries, self.left_out = available()
        self.about, self.figures, self.agreement, self.memory = {}, [], [], []
        self.waiting = {}
        self.progress = Progress()
        self.progress.total = self._total()

    def _total(self):
        a_thread = 2 * COST["results"] + self.rounds * len(subject.LAYERS) * COST["layer"]
        for network in subject.NETWORKS:
            a_round = COST[network, "train"] + 1.2 * COST[network, "infer"] + COST["rulebooks"]
            a_thread += (self.rounds + 1) * a_round
        threads = sum(1 if count == 1 else 0.65 for count in THREADS)
        once = COST["waiting"] + len(subject.NETWORKS) * COST["memory"]
        return len(self.libraries) * (a_thread * threads + once)

    def _advance(self, threads, cost, text):
        self.progress.advance(cost * (1 if threads == 1 else 0.65), f"{report.threads_text(threads)}, {text}")

    def drop(self, workers, failure):
        """Leave out a library that failed; scn must not."""
        name = str(failure).split(":", 1)[0]
        self.progress.clear()
        print(f"bench-peers: {failure}; its messages are in {self.log.name}", file=sys.stderr)
        if name in (REFERENCE, LIKE_FOR_LIKE):
            sys.exit(1)
        self.left_out[name] = "it failed: " + str(failure).split(":", 1)[1].strip()
        self.libraries.remove(name)
        if name in workers:
            workers.pop(name).stop()

    def turns(self, workers, begin, *request):
        """Ask all workers, beginning with another one in each round; return the answers by library."""
        names, answers = list(workers), {}
        for name in names[begin % len(names) :] + names[: begin % len(names)]:
            try:
                answers[name] = workers[name].ask(*request)
            except Failure as failure:
                self.drop(workers, failure)
        return answers

    def run(self):
        for threads in THREADS:
            workers = {}
            for name in list(self.libraries):
                try:
                    self.waiting[name] = self.find_waiting(name, threads) if threads > 1 else "default"
                    workers[name] = Worker(name, self.folder, threads, self.log, self.waiting[name])
                except Failure as failure:
                    self.drop(workers, failure)
            for name, about in self.turns(workers, 0, "about").items():
                self.about[name] = about
            for network in subject.NETWORKS:
                self.compare_results(workers, threads, network)
            for network in subject.NETWORKS:
                self.measure_network(workers, threads, network)
            for layer, arguments in subject.LAYERS.items():
                self.measure_layer(workers, threads, layer, arguments)
            for worker in workers.values():
                worker.stop()
        for network in subject.NETWORKS:
            for name in list(self.libraries):
                self.measure_memory(name, network)
        self.progress.clear()

    def find_waiting(self, name, threads):
        """Return how the library's threads should wait, by trial."""
        seconds = {}
        for waiting in WAITING:
            worker = Worker(name, self.folder, threads, self.log, waiting)
            worker.ask("open", "smaller")
            steps = [worker.ask("train")["seconds"] for _ in range(TRIALS + 1)]
            worker.stop()
            seconds[waiting] = statistics.median([chosen(step, threads) for step in steps[1:]])
            self.progress.advance(COST["waiting"] / len(WAITING), f"how threads of {name} wait best")
        return min(seconds, key=lambda waiting: seconds[waiting])

    def compare_results(self, workers, threads, network):
        import numpy as np

        arrays = {}
        for name in list(workers):
            path = os.path.join(self.folder, f"results-{name}.npz")
            answers = self.turns({name: workers[name]}, 0, "results", network, path)
            if name not in answers:
                workers.pop(name)
                continue
            with np.load(path) as file:
                arrays[name] = {key: file[key] for key in file.files}
            line = {"threads": threads, "network": network, "library": name, **answers[name], "worst": {}}
            for key, value in arrays[name].items():
                ours = arrays[REFERENCE][key]
                theirs = subject.from_format(value, subject.format_of(name)).reshape(ours.shape)
                kind = "logits" if key == "logits" else "gradients"
                difference = float(np.abs(theirs - ours).max() / np.abs(ours).max())
                line["worst"][kind] = max(difference, line["worst"].get(kind, 0.0))
            line["agrees"] = all(line["worst"][kind] <= most for kind, most in TOLERANCES.items())
            self.agreement.append(line)
            self._advance(threads, COST["results"], f"{name}: do the numbers agree")

    def measure_network(self, workers, threads, network):
        self.turns(workers, 0, "open", network)
        found = {(name, quantity): [] for name in workers for quantity in QUANTITIES}
        for number in range(self.rounds + 1):
            for quantity in QUANTITIES:
                asked = workers
                if quantity == "infer_optimized":
                    asked = {REFERENCE: workers[REFERENCE]}
                for name, answer in self.turns(asked, number, quantity).items():
                    found[name, quantity].append(answer["seconds"])
            text = f"{network} U-Net, round {number} of {self.rounds}"
            a_round = COST[network, "train"] + 1.2 * COST[network, "infer"] + COST["rulebooks"]
            self._advance(threads, len(workers) * a_round, text)
        self.turns(workers, 0, "close")
        for (name, quantity), seconds in found.items():
            if name in workers and seconds:
                # The first round warms up caches, threads and memory.
                self.add(threads, network, quantity, name, seconds[1:])

    def measure_layer(self, workers, threads, layer, arguments):
        self.turns(workers, 0, "open_layer", *arguments)
        found = {(name, part): [] for name in workers for part in ("forward", "backward")}
        for number in range(self.rounds + 1):
            for name, answer in self.turns(workers, number, "layer_step").items():
                for part, seconds in answer.items():
                    found[name, part].append(seconds)
            text = f"{layer} planes, round {number} of {self.rounds}"
            self._advance(threads, len(workers) * COST["layer"] * self.rounds / (self.rounds + 1), text)
        self.turns(workers, 0, "close_layer")
        for (name, part), seconds in found.items():
            if name in workers:
                self.add(threads, layer, part, name, seconds[1:])

    def add(self, threads, what, quantity, name, seconds):
        line = {"threads": threads, "subject": what, "quantity": quantity, "library": name}
        line["wall"], line["cpu"] = [value[0] for value in seconds], [value[1] for value in seconds]
        line["seconds"] = spread([chosen(value, threads) for value in seconds])
        self.figures.append(line)

    def measure_memory(self, name, network):
        threads = THREADS[-1]
        try:
            worker = Worker(name, self.folder, threads, self.log, self.waiting[name])
            size = worker.ask("memory", network)["bytes"]
            worker.stop()
        except Failure as failure:
            self.drop({}, failure)
            return
        self.memory.append({"threads": threads, "subject": network, "library": name, "bytes": size})
        self.progress.advance(COST["memory"], f"memory of {name}, {network} U-Net")

    def add_ratios(self):
        """Add how many times as long as the like-for-like program each took, round by round."""
        by_key = {(f["threads"], f["subject"], f["quantity"], f["library"]): f for f in self.figures}
        for (threads, what, quantity, _), line in by_key.items():
            base = by_key.get((threads, what, quantity, LIKE_FOR_LIKE))
            if base:
                clock = "cpu" if threads == 1 else "wall"
                line["times_like_for_like"] = spread([a / b for a, b in zip(line[clock], base[clock])])

    def result(self):
        self.add_ratios()
        with open(os.path.join(self.folder, "about.json"), encoding="utf-8") as file:
            scenes = json.load(file)
        on_one = [figure for figure in self.figures if figure["threads"] == 1]
        import scn

        return {
            "date": datetime.date.today().isoformat(),
            "cpu": cpu_field("model name"),
            "cpu_family_model": f"{cpu_field('cpu family')}/{cpu_field('model')}",
            "cpus": len(os.sched_getaffinity(0)),
            "scn_cpu": scn.cpu_description(),
            "system": platform.platform(),
            "python": platform.python_version(),
            "quick": self.options.quick,
            "rounds": self.rounds,
            **scenes,
            "networks": subject.NETWORKS,
            "cpu_share_at_1_thread": sum(sum(f["cpu"]) for f in on_one) / sum(sum(f["wall"]) for f in on_one),
            "environment": {
                "unset_because_they_were_set": {name: os.environ[name] for name in UNSET if name in os.environ},
                "set_to_the_number_of_threads": THREAD_VARIABLES,
                "OPENBLAS_CORETYPE_of_MinkowskiEngine": better_kernels(),
                "waiting": {"is": WAITING, "of_several_threads": self.waiting},
            },
            "libraries": {name: {**self.about[name], "source": source_of(name)} for name in self.libraries},
            "left_out": self.left_out,
            "tolerances": TOLERANCES,
            "agreement": self.agreement,
            "figures": self.figures,
            "memory": self.memory,
        }


def source_of(name):
    """Return what was built, where it came from a folder with its source."""
    path = os.path.join(sys.prefix, f"{LIBRARIES[name]}.source")
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def disagreements(figures):
    """Return what makes the comparison worthless: libraries that do not compute the same, known races aside."""
    return [
        f"{line['library']}: results of the {line['network']} U-Net on {report.threads_text(line['threads'])} differ "
        f"from those of scn by {line['worst']}, expected at most {figures['tolerances']}"
        for line in figures["agreement"]
        if not line["agrees"] and not (line["library"] in RACING and line["threads"] > 1)
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", help="measure on the first four scenes of DIR/tabletop/train, not made-up surfaces")
    parser.add_argument(
        "--quick", action="store_true", help="one scene, three rounds: a quick look, not for the record"
    )
    parser.add_argument("--rounds", type=int, help=f"calls of each kind, at least 2 ({ROUNDS})")
    parser.add_argument("--from", dest="measured", metavar="FILE", help="measure nothing: show the figures of FILE")
    parser.add_argument("--json", default=os.path.join(ROOT, "build", "peers.json"), help="where the figures go")
    parser.add_argument("--markdown", default=os.path.join(ROOT, "build", "peers.md"), help="where the tables go")
    parser.add_argument("--plots", default=os.path.join(ROOT, "build"), help="the folder for the picture")
    parser.add_argument("--write", nargs="+", default=[], metavar="FILE", help="put the tables between FILE's markers")
    options = parser.parse_args()
    if options.rounds is not None and options.rounds < 2:
        parser.error(f"--rounds: is {options.rounds}, expected at least 2")
    for path in options.write:
        report.check_markers(path)
    if options.measured:
        with open(options.measured, encoding="utf-8") as file:
            figures = json.load(file)
    else:
        figures = measure(options)
    tables = report.tables(figures)
    print(tables["peers"] + "\n\n" + tables["peers layers"])
    with open(options.markdown, "w", encoding="utf-8") as file:
        file.write(tables["peers"] + "\n\n" + tables["peers layers"] + "\n")
    for path in options.write:
        report.write_between_markers(path, tables)
    report.draw(figures, options.plots)
    problems = disagreements(figures)
    if problems:
        sys.exit("bench-peers: " + "\nbench-peers: ".join(problems))


def measure(options):
    if not os.path.exists(BENCH):
        sys.exit(f"bench-peers: {BENCH} is missing; `make bench-peers` builds it")
    folder = tempfile.mkdtemp(prefix="scn-peers-")
    log_path = os.path.splitext(os.path.abspath(options.json))[0] + ".log"
    os.makedirs(os.path.dirname(log_path), exist_ok=True)
    try:
        subject.prepare(folder, BENCH, options.data, options.quick)
        with open(log_path, "w", encoding="utf-8") as log:
            comparison = Comparison(options, folder, log)
            comparison.run()
            figures = comparison.result()
    finally:
        shutil.rmtree(folder)
    with open(options.json, "w", encoding="utf-8") as file:
        json.dump(figures, file, indent=1)
        file.write("\n")
    return figures


if __name__ == "__main__":
    main()
