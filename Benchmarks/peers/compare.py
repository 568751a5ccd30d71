#!/usr/bin/env python3
"""Compare scn with other libraries of sparse convolutions on a CPU: networks and single layers on the same sites.

usage: compare.py [--data DIR] [--quick] [--rounds N] [--threads N] [--instructions avx2]
                  [--libraries NAME ...] [--json FILE] [--markdown FILE] [--plots DIR] [--write FILE ...]
                  [--tables NAME]
       compare.py --from FILE [--markdown FILE] [--plots DIR] [--write FILE ...] [--tables NAME]

`make bench-peers` builds the environment that it needs, and runs it there. Each library has a process of its own for
each number of threads; they take turns, one step each, and begin each round with another library. docs/performance.md
says what the figures mean.
"""

import argparse
import datetime
import json
import os
import platform
import shutil
import sys
import tempfile

import measuring
import processes
import report
import subject

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCH = os.path.join(ROOT, "build", "scn-bench")
# Libraries whose kernels race on several threads: their results are reported there, and need not agree.
RACING = ("spconv",)


def disagreements(figures):
    """Return what makes the comparison worthless: libraries that do not compute the same, known races aside."""
    return [
        f"{line['library']}: results of the {report.network_text(line['network'])} on "
        f"{report.threads_text(line['threads'])} differ from those of scn by {line['worst']}, expected at most "
        f"{figures['deep_tolerances' if line['network'] in figures.get('models', ()) else 'tolerances']}"
        for line in figures["agreement"]
        if not line["agrees"] and not (line["library"] in RACING and line["threads"] > 1)
    ]


def everything(comparison):
    """Return all that is known of a comparison, for the JSON."""
    comparison.add_ratios()
    with open(os.path.join(comparison.folder, "about.json"), encoding="utf-8") as file:
        scenes = json.load(file)
    on_one = [figure for figure in comparison.figures if figure["threads"] == 1]
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": processes.cpu_field("model name"),
        "cpu_family_model": f"{processes.cpu_field('cpu family')}/{processes.cpu_field('model')}",
        "cpus": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "instructions": comparison.options.instructions,
        "quick": comparison.options.quick,
        "rounds": comparison.rounds,
        **scenes,
        "networks": subject.NETWORKS,
        "models": subject.MODELS,
        "cpu_share_at_1_thread": sum(sum(f["cpu"]) for f in on_one) / sum(sum(f["wall"]) for f in on_one),
        "environment": {
            "unset_because_they_were_set": {name: os.environ[name] for name in processes.UNSET if name in os.environ},
            "set_to_the_number_of_threads": processes.THREAD_VARIABLES,
            "OPENBLAS_CORETYPE_of_MinkowskiEngine": processes.better_kernels(),
            "waiting": {"is": processes.WAITING, "of_several_threads": comparison.waiting},
        },
        "libraries": {
            name: {**comparison.about[name], "source": processes.source_of(name)} for name in comparison.libraries
        },
        "left_out": comparison.left_out,
        "tolerances": measuring.TOLERANCES,
        "deep_tolerances": measuring.DEEP_TOLERANCES,
        "agreement": comparison.agreement,
        "run_to_run": comparison.run_to_run,
        "figures": comparison.figures,
        "memory": comparison.memory,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", help="measure on the first four scenes of DIR/tabletop/train, not made-up surfaces")
    parser.add_argument(
        "--quick", action="store_true", help="one scene, three rounds: a quick look, not for the record"
    )
    parser.add_argument("--rounds", type=int, help=f"calls of each kind, at least 2 ({measuring.ROUNDS})")
    parser.add_argument("--threads", type=int, default=2, help="the number of threads besides 1 (2)")
    parser.add_argument(
        "--libraries",
        nargs="+",
        choices=list(processes.LIBRARIES),
        metavar="NAME",
        help=f"compare these, scn and scn.torch alone: {', '.join(processes.LIBRARIES)}",
    )
    parser.add_argument(
        "--instructions",
        choices=sorted(processes.INSTRUCTIONS),
        help="use none beyond these, as on cpus without AVX-512; the tables are those of `peers avx2`",
    )
    parser.add_argument("--from", dest="measured", metavar="FILE", help="measure nothing: show the figures of FILE")
    parser.add_argument("--json", default=os.path.join(ROOT, "build", "peers.json"), help="where the figures go")
    parser.add_argument("--markdown", default=os.path.join(ROOT, "build", "peers.md"), help="where the tables go")
    parser.add_argument("--plots", default=os.path.join(ROOT, "build"), help="the folder for the picture")
    parser.add_argument("--write", nargs="+", default=[], metavar="FILE", help="put the tables between FILE's markers")
    parser.add_argument(
        "--tables",
        metavar="NAME",
        help="write the tables of networks between the markers `peers NAME`: for another machine than that of the page",
    )
    options = parser.parse_args()
    if options.rounds is not None and options.rounds < 2:
        parser.error(f"--rounds: is {options.rounds}, expected at least 2")
    if options.threads < 1:
        parser.error(f"--threads: is {options.threads}, expected at least 1")
    figures = None
    if options.measured:
        with open(options.measured, encoding="utf-8") as file:
            figures = json.load(file)
    name = options.tables or (figures.get("instructions") if figures else options.instructions)
    for path in options.write:
        report.check_markers(path, name)
    figures = figures or measure(options)
    tables = report.tables(figures, name)
    text = "\n\n".join(tables.values())
    print(text)
    with open(options.markdown, "w", encoding="utf-8") as file:
        file.write(text + "\n")
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
            comparison = measuring.Comparison(options, folder, log)
            comparison.run()
            figures = everything(comparison)
    finally:
        shutil.rmtree(folder)
    with open(options.json, "w", encoding="utf-8") as file:
        json.dump(figures, file, indent=1)
        file.write("\n")
    return figures


if __name__ == "__main__":
    main()
