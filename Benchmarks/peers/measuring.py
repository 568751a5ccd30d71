"""Measuring: the processes of all libraries take turns at networks and layers; what they say becomes figures."""

import os
import statistics
import sys
import time

import numpy as np

import report
import subject
from processes import WAITING, Failure, Worker, available

REFERENCE, LIKE_FOR_LIKE = "scn", report.LIKE_FOR_LIKE
# The largest difference from scn's results over their largest value.
TOLERANCES = {"logits": 1e-5, "gradients": 1e-3}
# A rounding error of a batch norm passes through all those before it; there are up to twenty in a row.
DEEP_TOLERANCES = {"logits": 1e-5, "gradients": 3e-3}
# The share of a gradient that counts there: the errors of the others' batch norms bring some activation over its kink,
# and all that belongs to its plane then differs.
DEEP_SHARE = 0.95
QUANTITIES = ("train", "infer", "rulebooks", "infer_optimized")
MODEL_QUANTITIES = ("train", "infer")
ROUNDS, QUICK_ROUNDS = 7, 3
TRIALS = 3  # training steps to find out how threads wait best
# About how long a round of one library takes, for the time left: seconds on one thread.
COST = {
    ("larger", "train"): 4,
    ("larger", "infer"): 1.3,
    ("smaller", "train"): 1.6,
    ("smaller", "infer"): 0.6,
    "model": 3,
    "rulebooks": 0.3,
    "layer": 0.8,
    "results": 12,
    "memory": 14,
    "waiting": 32,
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
        self.threads = sorted({1, options.threads})
        self.rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
        self.libraries, self.left_out = available(options.libraries)
        # Tables of limited instructions show none.
        self.layers = {} if options.instructions else subject.LAYERS
        self.about, self.figures, self.agreement, self.memory = {}, [], [], []
        self.waiting, self.run_to_run = {}, []
        self.progress = Progress()
        self.progress.total = self._total()

    def _total(self):
        a_thread = 2 * COST["results"] + self.rounds * len(self.layers) * COST["layer"]
        for network in subject.NETWORKS:
            a_round = COST[network, "train"] + 1.2 * COST[network, "infer"] + COST["rulebooks"]
            a_thread += (self.rounds + 1) * a_round
        programs = sum(len(self.libraries_of(model)) for model in subject.MODELS) / len(self.libraries)
        a_thread += programs * (COST["results"] + (self.rounds + 1) * COST["model"])
        threads = sum(1 if count == 1 else 0.65 for count in self.threads)
        once = COST["waiting"] * (len(self.threads) - 1) + len(subject.NETWORKS) * COST["memory"]
        return len(self.libraries) * (a_thread * threads + once)

    def libraries_of(self, model):
        """Return the libraries that have a program for a network of the field."""
        forms = subject.MODELS[model]
        return [name for name in self.libraries if name == LIKE_FOR_LIKE or subject.format_of(name) in forms]

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
        for threads in self.threads:
            workers = {}
            for name in list(self.libraries):
                try:
                    self.waiting[name] = self.find_waiting(name, threads) if threads > 1 else "default"
                    workers[name] = self.worker(name, threads, self.waiting[name])
                except Failure as failure:
                    self.drop(workers, failure)
            for name, about in self.turns(workers, 0, "about").items():
                self.about[name] = about
            for network in subject.NETWORKS:
                self.compare_results(workers, threads, network)
            for network in subject.NETWORKS:
                self.measure_network(workers, threads, network)
            for model in subject.MODELS:
                programs = {name: workers[name] for name in self.libraries_of(model)}
                self.compare_results(programs, threads, model, LIKE_FOR_LIKE, DEEP_TOLERANCES, DEEP_SHARE)
                self.measure_network(programs, threads, model, MODEL_QUANTITIES, COST["model"])
                workers = {name: worker for name, worker in workers.items() if name in self.libraries}
            for layer, arguments in self.layers.items():
                self.measure_layer(workers, threads, layer, arguments)
            for worker in workers.values():
                worker.stop()
        for network in subject.NETWORKS:
            for name in list(self.libraries):
                self.measure_memory(name, network)
        self.progress.clear()

    def worker(self, name, threads, waiting):
        """Start the process of a library."""
        return Worker(name, self.folder, threads, self.log, waiting, self.options.instructions)

    def find_waiting(self, name, threads):
        """Return how the library's threads should wait, by trial; note how its results then differ from run to run."""
        seconds = {}
        path = os.path.join(self.folder, "trial.npz")
        for waiting in WAITING:
            worker = self.worker(name, threads, waiting)
            worker.ask("open", "smaller")
            steps = [worker.ask("train")["seconds"] for _ in range(TRIALS + 1)]
            run_to_run = worker.ask("results", "smaller", path)["run_to_run"]
            worker.stop()
            self.note_run_to_run(name, threads, waiting, run_to_run)
            seconds[waiting] = statistics.median([chosen(step, threads) for step in steps[1:]])
            self.progress.advance(COST["waiting"] / len(WAITING), f"how threads of {name} wait best")
        return min(seconds, key=lambda waiting: seconds[waiting])

    def note_run_to_run(self, name, threads, waiting, run_to_run):
        self.run_to_run.append({"library": name, "threads": threads, "waiting": waiting, **run_to_run})

    def compare_results(self, workers, threads, network, reference=REFERENCE, tolerances=TOLERANCES, share=1.0):
        """Note how much the results of libraries differ from those of one. share: the share of a gradient's elements
        that counts, those that differ least."""
        arrays = {}
        for name in list(workers):
            path = os.path.join(self.folder, f"results-{name}.npz")
            answers = self.turns({name: workers[name]}, 0, "results", network, path)
            if name not in answers:
                workers.pop(name)
                continue
            with np.load(path) as file:
                arrays[name] = {key: file[key] for key in file.files}
            self.note_run_to_run(name, threads, self.waiting[name], answers[name]["run_to_run"])
            line = {"threads": threads, "network": network, "library": name, "loss": answers[name]["loss"], "worst": {}}
            for key, value in arrays[name].items():
                ours = arrays[reference][key]
                theirs = subject.from_format(value, subject.format_of(name)).reshape(ours.shape)
                kind = "logits" if key == "logits" else "gradients"
                differences = np.abs(theirs - ours)
                worst = differences.max() if kind == "logits" else np.quantile(differences, share, method="lower")
                difference = float(worst / np.abs(ours).max())
                line["worst"][kind] = max(difference, line["worst"].get(kind, 0.0))
            line["agrees"] = all(line["worst"][kind] <= most for kind, most in tolerances.items())
            self.agreement.append(line)
            self._advance(threads, COST["results"], f"{name}: do the numbers agree")

    def measure_network(self, workers, threads, network, quantities=QUANTITIES, a_round=None):
        if a_round is None:
            a_round = COST[network, "train"] + 1.2 * COST[network, "infer"] + COST["rulebooks"]
        self.turns(workers, 0, "open", network)
        found = {(name, quantity): [] for name in workers for quantity in quantities}
        for number in range(self.rounds + 1):
            for quantity in quantities:
                asked = workers
                if quantity == "infer_optimized":
                    asked = {REFERENCE: workers[REFERENCE]}
                for name, answer in self.turns(asked, number, quantity).items():
                    found[name, quantity].append(answer["seconds"])
            text = f"{report.network_text(network)}, round {number} of {self.rounds}"
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
        threads = self.threads[-1]
        try:
            worker = self.worker(name, threads, self.waiting[name])
            size = worker.ask("memory", network)["bytes"]
            worker.stop()
        except Failure as failure:
            self.drop({}, failure)
            return
        self.memory.append({"threads": threads, "subject": network, "library": name, "bytes": size})
        self.progress.advance(COST["memory"], f"memory of {name}, {network} U-Net")

    def add_ratios(self):
        """Add how many times as long as the like-for-like program each took, round by round, and how many times as
        long as scn in its place a library itself."""
        by_key = {(f["threads"], f["subject"], f["quantity"], f["library"]): f for f in self.figures}
        for (threads, what, quantity, _), line in by_key.items():
            base = by_key.get((threads, what, quantity, LIKE_FOR_LIKE))
            if base:
                clock = "cpu" if threads == 1 else "wall"
                line["times_like_for_like"] = spread([a / b for a, b in zip(line[clock], base[clock])])
        for (threads, what, quantity, library), line in by_key.items():
            base = by_key.get((threads, what, quantity, subject.STAND_INS.get(library)))
            if base:
                clock = "cpu" if threads == 1 else "wall"
                line["times_stand_in"] = spread([a / b for a, b in zip(line[clock], base[clock])])
