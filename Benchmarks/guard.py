#!/usr/bin/env python3
"""Compare what scn-bench measures with what was recorded for this kind of cpu, and say what has become slower.

usage: guard.py --check [--quick] [--runs N] [--record-file FILE]
       guard.py --record [--quick] [--runs N] [--record-file FILE]

  --check   measure 3 times (--quick: once) and compare the medians; what seems slower is measured up to three times
            more
  --record  measure 5 times (--quick: 3 times) and keep the values of this kind of cpu in Benchmarks/recorded.json

Only ratios are compared: shares of the speed of sgemm and memcpy and rates over that of a convolution without groups,
which take turns with the work, and costs in operations of sgemm. docs/performance.md says how. Status 0: nothing is
slower; 1: something is; 2: could not be measured; 3: nothing is recorded for this kind of cpu, so nothing was compared.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.path.join(ROOT, "build", "scn-bench")
RECORD_FILE = os.path.join(ROOT, "Benchmarks", "recorded.json")
FORMAT = 1

AS_RECORDED, SLOWER, CANNOT, NOTHING_RECORDED = range(4)

# The parts of scn-bench that have ratios, and about how many seconds each takes on an idle machine.
PARTS = {"convolutions": 11, "groups": 6, "bfloat16": 7, "unets": 12, "geometry": 2, "elements": 3, "networks": 2}
# The units that are compared, and whether more is faster.
MORE_IS_FASTER = {"share of sgemm": True, "share of memcpy": True, "times the rate": True, "operations": False}
# One section has figures of several parts, so that a part is found by section and name.
ALL = "all together"
LEAST_TOGETHER = 3

# The smallest margin, and the largest one that still says something.
LEAST_MARGIN, MOST_MARGIN = 0.10, 0.40
# Several threads are timed by the clock on the wall: they mean something where this process had a core all the time.
IDLE = 0.95
ATTEMPTS = 3


class CannotMeasure(Exception):
    pass


class Run:
    """What one run of scn-bench found: a value for each figure, (section, name, threads, unit)."""

    def __init__(self):
        self.values, self.parts, self.shares, self.headings = {}, {}, [], None

    def add(self, part, figures):
        for line in figures["lines"]:
            if line["unit"] not in MORE_IS_FASTER:
                continue
            for result in line["results"]:
                key = (line["section"], line["name"], result["threads"], line["unit"])
                self.values[key] = result["median"]
                self.parts[key] = part
        self.shares.append(figures["cpu_share_at_1_thread"])
        self.headings = figures
        self.add_sections(part)

    def add_sections(self, part):
        """The figures of a section together: their geometric mean wanders less than each, and shows what slows all."""
        sections = {}
        for (section, name, threads, unit), value in self.values.items():
            if self.parts[section, name, threads, unit] == part and name != ALL:
                sections.setdefault((section, threads, unit), []).append(value)
        for (section, threads, unit), values in sections.items():
            if len(values) >= LEAST_TOGETHER and unit != "operations":
                key = (section, ALL, threads, unit)
                self.values[key] = math.exp(statistics.fmean(math.log(value) for value in values))
                self.parts[key] = part

    @property
    def share(self):
        return min(self.shares)


def cpu_of(cpuinfo):
    """The maker and the model of a cpu, of the text of /proc/cpuinfo: virtual machines hide its name."""
    fields = {}
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    if "vendor_id" in fields:
        # Some machines of one model hide these units.
        amx = " with amx" if "amx_bf16" in fields.get("flags", "").split() else ""
        return f"{fields['vendor_id']} family {fields.get('cpu family')} model {fields.get('model')}{amx}"
    if "CPU implementer" in fields:
        return f"implementer {fields['CPU implementer']} part {fields.get('CPU part')}"
    return "unknown cpu"


def kind_of(figures, cpuinfo):
    """What figures depend on besides the library: the cpu, the instruction set in use, and what sgemm runs."""
    version = figures["openblas"].split()[1:2]
    openblas = " ".join(["OpenBLAS", *version, figures["openblas_kernels"]])
    return f"{cpu_of(cpuinfo)}, {figures['instruction_set']}, {openblas}"


def title(key):
    section, name, threads, _ = key
    return f"{section}, {name}, {threads} thread{'' if threads == 1 else 's'}"


def slowdown(unit, recorded, measured):
    """How many times as slow as recorded."""
    return recorded / measured if MORE_IS_FASTER[unit] else measured / recorded


def margin_of(values):
    """How much slower a figure may seem: as far as its recorded values lie apart, and at least LEAST_MARGIN."""
    return max(LEAST_MARGIN, (max(values) - min(values)) / statistics.median(values))


class Comparison:
    """One figure: what was recorded, and what was measured since."""

    def __init__(self, key, recorded, measured):
        self.key, self.recorded = key, recorded
        self.margin = margin_of(recorded)
        self.change, self.value = math.inf, None
        self.take(measured)

    def take(self, measured):
        """Measured once more: the fastest of all medians counts."""
        value = statistics.median(measured)
        change = slowdown(self.key[3], statistics.median(self.recorded), value)
        if change < self.change:
            self.change, self.value = change, value

    @property
    def is_slower(self):
        return self.change > 1 + self.margin

    @property
    def is_faster(self):
        return self.change < 1 / (1 + self.margin)

    def __str__(self):
        low, middle, high = min(self.recorded), statistics.median(self.recorded), max(self.recorded)
        change = f"{self.change:.2f} times the time" if self.change >= 1 else f"{1 / self.change:.2f} times as fast"
        return (
            f"{title(self.key)}: {change}, {self.value:.3g} {self.key[3]}, "
            f"recorded {middle:.3g} ({low:.3g} to {high:.3g}), margin {100 * self.margin:.0f}%"
        )


def compare(recorded, runs):
    """The comparisons, and what is left out and why. `recorded`: values by figure, `runs`: what was measured now."""
    comparisons, left_out = [], []
    is_idle = min(run.share for run in runs) >= IDLE
    busy = 0
    for key, values in recorded.items():
        measured = [run.values[key] for run in runs if key in run.values]
        if not measured:
            left_out.append(f"{title(key)}: recorded, but not measured any more")
        elif key[2] > 1 and not is_idle:
            busy += 1
        elif margin_of(values) > MOST_MARGIN:
            left_out.append(f"{title(key)}: its recorded values are {100 * margin_of(values):.0f}% apart")
        else:
            comparisons.append(Comparison(key, values, measured))
    new = [key for key in runs[0].values if key not in recorded and (key[2] == 1 or is_idle)]
    left_out += [f"{title(key)}: measured, but not recorded" for key in new]
    if busy:
        left_out.append(f"{busy} figures of several threads: the machine was busy")
    return comparisons, left_out


def check(recorded, runs, measure_again):
    """Compare, and measure again what seems slower: `measure_again(parts)` gives further runs of these parts."""
    comparisons, left_out = compare(recorded, runs)
    parts = {key: part for run in runs for key, part in run.parts.items()}
    for _ in range(ATTEMPTS):
        suspects = [comparison for comparison in comparisons if comparison.is_slower]
        if not suspects:
            break
        again = measure_again(sorted({parts[suspect.key] for suspect in suspects}))
        for suspect in suspects:
            suspect.take([run.values[suspect.key] for run in again])
    return comparisons, left_out


def report(comparisons, left_out):
    """Print what was found, and return the status."""
    slower = sorted((c for c in comparisons if c.is_slower), key=lambda c: -c.change)
    faster = sorted((c for c in comparisons if c.is_faster), key=lambda c: c.change)
    lists = [
        ("slower than recorded, each time that it was measured:", slower),
        ("faster than recorded; if that shall stay so, `make bench ARGS=--record`:", faster),
        ("not compared:", left_out),
    ]
    for heading, entries in lists:
        if entries:
            print(heading, *(f"  {entry}" for entry in entries), "", sep="\n")
    within = len(comparisons) - len(slower) - len(faster)
    print(f"{len(comparisons)} figures compared: {within} as recorded, {len(faster)} faster, {len(slower)} slower")
    if not comparisons:
        return NOTHING_RECORDED
    return SLOWER if slower else AS_RECORDED


# The record.


def read_record(path):
    """All kinds of cpu in a file, {} where there is no file."""
    try:
        with open(path, encoding="utf-8") as file:
            record = json.load(file)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise CannotMeasure(f"{path}: {error}") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise CannotMeasure(
            f"{path}: format: is {record.get('format') if isinstance(record, dict) else record}, expected {FORMAT}"
        )
    return record["kinds"]


def values_of(entry):
    return {(f["section"], f["name"], f["threads"], f["unit"]): f["values"] for f in entry["figures"]}


def entry_of(runs, date):
    """What is kept of runs. Figures of several threads are kept where the machine was idle in each run."""
    is_idle = min(run.share for run in runs) >= IDLE
    figures = []
    for key in runs[0].values:
        values = [run.values[key] for run in runs if key in run.values]
        if len(values) == len(runs) and (key[2] == 1 or is_idle):
            section, name, threads, unit = key
            rounded = [float(f"{value:.4g}") for value in values]
            figures.append({"section": section, "name": name, "threads": threads, "unit": unit, "values": rounded})
    return {
        "date": date,
        "version": runs[0].headings["version"],
        "cpu": runs[0].headings["cpu"],
        "runs": len(runs),
        "idle": is_idle,
        "figures": figures,
    }


def write_record(path, kinds):
    """One line a figure, so that a difference shows what changed."""
    blocks = []
    for kind in sorted(kinds):
        entry = dict(kinds[kind])
        figures = ",\n".join(f"        {json.dumps(figure)}" for figure in entry.pop("figures"))
        heading = json.dumps(entry)[1:-1]
        blocks.append(f'    {json.dumps(kind)}: {{\n      {heading},\n      "figures": [\n{figures}\n      ]\n    }}')
    text = f'{{\n  "format": {FORMAT},\n  "kinds": {{\n' + ",\n".join(blocks) + "\n  }\n}\n"
    assert json.loads(text)["kinds"] == kinds
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".new", path)


# Measuring.


class Progress:
    """What is measured now, and about how long it all takes, on the standard error."""

    def __init__(self):
        self.started, self.done, self.expected = time.monotonic(), 0.0, 0.0

    def expect(self, parts, runs):
        self.expected += runs * sum(PARTS[part] for part in parts)

    def show(self, what):
        elapsed = time.monotonic() - self.started
        pace = elapsed / self.done if self.done else 1
        left = pace * (self.expected - self.done)
        is_terminal = sys.stderr.isatty()
        print(
            f"{chr(13) + chr(27) + '[K' if is_terminal else ''}{what}, {left:.0f} s left",
            end="" if is_terminal else "\n",
            file=sys.stderr,
            flush=True,
        )

    def finish(self):
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr)


def measure_part(part):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "figures.json")
        done = subprocess.run(
            [PROGRAM, "--quick", "--only", part, "--json", path], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CannotMeasure(f"scn-bench --only {part} ended with status {done.returncode}\n{done.stderr.strip()}")
        with open(path, encoding="utf-8") as file:
            return json.load(file)


def measure(parts, count, progress, what):
    """So many runs; each part is a process of its own, and the runs of a part lie apart in time."""
    progress.expect(parts, count)
    runs = []
    for number in range(count):
        run = Run()
        for part in parts:
            progress.show(f"{what} {number + 1} of {count}: {part}")
            run.add(part, measure_part(part))
            progress.done += PARTS[part]
        runs.append(run)
    progress.finish()
    return runs


def local_kind(figures):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return kind_of(figures, file.read())


def record_here(path, count):
    kinds = read_record(path)
    runs = measure(list(PARTS), count, Progress(), "run")
    kind = local_kind(runs[0].headings)
    entry = entry_of(runs, time.strftime("%Y-%m-%d"))
    what = "replaced" if kind in kinds else "added"
    write_record(path, {**kinds, kind: entry})
    print(f"{what} in {os.path.relpath(path)}: {kind}\n{len(entry['figures'])} figures of {count} runs")
    margins = sorted(margin_of(figure["values"]) for figure in entry["figures"])
    print(f"margins: {100 * statistics.median(margins):.0f}% for half of them, {100 * margins[-1]:.0f}% at most")
    if not entry["idle"]:
        print("the machine was busy: figures of several threads were not kept, and the others' margins are wide")
    return AS_RECORDED


def check_here(path, count):
    kinds = read_record(path)
    progress = Progress()
    first = Run()
    first.add("geometry", measure_part("geometry"))
    kind = local_kind(first.headings)
    if kind not in kinds:
        print(f"nothing is recorded for this kind of cpu, so nothing was compared: {kind}")
        print("recorded are:", *(f"  {known}" for known in sorted(kinds) or ["none"]), sep="\n")
        print("`make bench ARGS=--record` on an idle machine adds this one")
        return NOTHING_RECORDED
    entry = kinds[kind]
    print(f"{kind}: recorded on {entry['date']} in {entry['runs']} runs of scn {entry['version']}")
    if not entry["idle"]:
        print("the machine was busy when that was recorded: margins are wide, and several threads are not compared")
    runs = measure(list(PARTS), count, progress, "run")
    share = min(run.share for run in runs)
    if share < IDLE:
        print(f"the machine is busy: one thread had a core for {100 * share:.0f}% of the time")
    again = lambda parts: measure(parts, count, progress, "what seems slower once more, run")  # noqa: E731
    return report(*check(values_of(entry), runs, again))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", action="store_true", help="compare with what is recorded")
    action.add_argument("--record", action="store_true", help="record for this kind of cpu")
    parser.add_argument("--quick", action="store_true", help="fewer runs")
    parser.add_argument("--runs", type=int, help="so many runs: 3 to check (--quick: 1), 5 to record (--quick: 3)")
    parser.add_argument("--record-file", default=RECORD_FILE, help="instead of Benchmarks/recorded.json")
    arguments = parser.parse_args()
    usual = (1 if arguments.quick else 3) if arguments.check else (3 if arguments.quick else 5)
    count = usual if arguments.runs is None else arguments.runs
    least = 1 if arguments.check else 2
    if count < least:
        parser.error(f"--runs: is {count}, expected at least {least}")
    try:
        return (check_here if arguments.check else record_here)(arguments.record_file, count)
    except (CannotMeasure, OSError) as error:
        print(f"guard: {error}", file=sys.stderr)
        return CANNOT


if __name__ == "__main__":
    sys.exit(main())
