#!/usr/bin/env python3
"""Fuzz the library: build it and the targets of Tests/fuzz under AddressSanitizer, and run each for a while.

usage: fuzz.py [--seconds 60] [--jobs N] [--targets calls,geometry] [--no-strict] [--fresh]
       fuzz.py --reproduce build/fuzz/calls-crash-...
       fuzz.py --distill calls

targets: architecture (any text as a module), calls (any sequence of calls over the whole of scn.h), checkpoint (any
file), geometry (any sites, with rulebooks of all kinds). The inputs that reached something new stay in
build/fuzz/TARGET, so that the next run goes on from there; Tests/fuzz/seeds has those that every run begins with. The
seeds of `calls` must call every function that scn.h declares, each at least once with success. --no-strict: failed
calls may change the generator and values. --fresh: begin with the seeds alone, and keep nothing. --reproduce: run one
input again. --distill: make the seeds Tests/fuzz/seeds/TARGET.zip of what build/fuzz/TARGET has.

Prints a line for each target: executions, executions a second, edges reached of those there are, inputs kept, the
largest memory. Where an input crashed, leaks, takes over two minutes or too much memory, says how to run it again, and
goes on. The last line is 'N passed, N failed': the targets, and the check of the seeds.
"""

import argparse
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "build"))

from scn_header import parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TARGETS = ("architecture", "calls", "checkpoint", "geometry")
BUILD, CORPUS, SEEDS = ".build/address", "build/fuzz", "Tests/fuzz/seeds"
MOST_CRASHES, MOST_SEEDS = 10, 300
LIMITS = [
    "-timeout=120",
    "-rss_limit_mb=4096",
    "-detect_leaks=1",
    "-close_fd_mask=1",
    "-len_control=0",
    "-dict=Tests/fuzz/dictionary.txt",
]
LONGEST = {"architecture": 2048, "calls": 1024, "checkpoint": 4096, "geometry": 512}
# No single block above 32 MB: a text of a few bytes may ask for layers of any size, and drawing weights takes time.
ASAN = "detect_leaks=1:allocator_may_return_null=1:max_allocation_size_mb=32:detect_stack_use_after_return=1"


def program(target):
    return os.path.join(BUILD, "fuzz_" + target)


def build(targets):
    subprocess.run(["scripts/build/build_sanitized.sh", "address"], check=True)
    clang = subprocess.check_output(["scripts/build/toolchain.sh", "clang"], text=True).strip()
    for target in targets:
        subprocess.run(
            [
                clang,
                "-fsanitize=fuzzer,address,undefined",
                "-fuse-ld=lld",
                "-g",
                "-O1",
                "-std=c11",
                "-D_GNU_SOURCE",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-Iinclude",
                f"Tests/fuzz/fuzz_{target}.c",
                "-o",
                program(target),
                f"-L{BUILD}/release",
                "-lscn",
                "-lm",
                f"-Wl,-rpath,{os.path.join(ROOT, BUILD, 'release')}",
            ],
            check=True,
        )


def environment(folder, is_strict, **more):
    """What a target runs with; its files are in `folder`."""
    symbolizer = subprocess.run(
        ["scripts/build/toolchain.sh", "llvm-symbolizer"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ).stdout.strip()
    variables = {
        **os.environ,
        "ASAN_OPTIONS": ASAN,
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "SCN_FUZZ_FOLDER": folder,
        **more,
    }
    if symbolizer:
        variables["ASAN_SYMBOLIZER_PATH"] = variables["UBSAN_SYMBOLIZER_PATH"] = symbolizer
    if is_strict:
        variables["SCN_FUZZ_STRICT"] = "1"
    return variables


def temporary_folder():
    """A folder for checkpoints, in memory where there is such a place."""
    return tempfile.TemporaryDirectory(prefix="scn-fuzz-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)


def seed_folders(target):
    """The folders of seeds, the distilled ones unpacked into build/fuzz."""
    folders = [folder for folder in [os.path.join(SEEDS, target)] if os.path.isdir(folder)]
    archive = os.path.join(SEEDS, target + ".zip")
    if os.path.exists(archive):
        unpacked = os.path.join(CORPUS, "seeds", target)
        shutil.rmtree(unpacked, ignore_errors=True)
        with zipfile.ZipFile(archive) as file:
            file.extractall(unpacked)
        folders.append(unpacked)
    return folders


def number(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def artifacts(target):
    """The inputs that libFuzzer kept because something went wrong."""
    return {
        path for path in glob.glob(f"{CORPUS}/{target}-*") if re.search(r"-(crash|leak|oom|timeout)-[0-9a-f]+$", path)
    }


def fuzz(target, seconds, is_strict, is_fresh):
    """Run a target for so long, again after each crash; the line about it, and whether all went well."""
    executions = covered = counters = peak = 0
    crashes, problems = [], []
    start = time.monotonic()
    with temporary_folder() as folder, tempfile.TemporaryDirectory() as passing:
        kept = passing if is_fresh else os.path.join(CORPUS, target)
        os.makedirs(kept, exist_ok=True)
        while True:
            left = int(seconds - (time.monotonic() - start))
            if left < 1 or len(crashes) >= MOST_CRASHES:
                break
            before = artifacts(target)
            command = [
                program(target),
                kept,
                *seed_folders(target),
                *LIMITS,
                f"-max_total_time={left}",
                f"-max_len={LONGEST[target]}",
                f"-artifact_prefix={CORPUS}/{target}-",
                "-print_final_stats=1",
            ]
            result = subprocess.run(
                command,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                errors="replace",
                env=environment(folder, is_strict),
            )
            log = result.stderr
            with open(f"{CORPUS}/{target}.log", "w", encoding="utf-8") as file:
                file.write(log)
            executions += number(r"stat::number_of_executed_units: +(\d+)", log)
            peak = max(peak, number(r"stat::peak_rss_mb: +(\d+)", log))
            covered = max(covered, number(r"\bcov: (\d+)", log))
            counters = number(r"INFO: Loaded \d+ modules +\((\d+) inline", log)
            if result.returncode == 0:
                break
            new = sorted(artifacts(target) - before)
            for path in new:  # a kept input that now crashes would end every run at its beginning
                if os.path.exists(os.path.join(kept, path.rsplit("-", 1)[1])):
                    os.remove(os.path.join(kept, path.rsplit("-", 1)[1]))
            why = re.search(r"^(FUZZ: .*|.*SUMMARY: .*|.*[Ff]atal error.*|.*runtime error: .*)$", log, re.M)
            problems.append(
                why.group(1) if why else f"ended with status {result.returncode}, see {CORPUS}/{target}.log"
            )
            crashes += new
            if not new:
                break
        inputs = len(os.listdir(kept))
    took = time.monotonic() - start
    line = (
        f"{target}: {executions} executions in {took:.0f} s ({executions / max(took, 1):.0f}/s), {covered} of {counters} "
        f"edges, {inputs} inputs kept, {peak} MB at most, {len(problems)} problem{'s' * (len(problems) != 1)}"
    )
    for problem, crash in zip(problems, crashes + [""] * len(problems)):
        line += f"\n  {problem}" + (f"\n    make fuzz REPRODUCE={crash}" if crash else "")
    return line, not problems and executions > 0


def check_seeds():
    """Whether the seeds of `calls` call every function of the header, each at least once with success."""
    functions = parse(Path("include/scn.h").read_text(encoding="utf-8")).functions
    with temporary_folder() as folder:
        tally = os.path.join(folder, "tally")
        result = subprocess.run(
            [program("calls"), *seed_folders("calls"), "-runs=0", "-close_fd_mask=1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            errors="replace",
            env=environment(folder, False, SCN_FUZZ_TALLY=tally),
        )
        if result.returncode or not os.path.exists(tally):
            return f"seeds of calls: {result.stderr[-2000:]}", False
        succeeded, failed = {}, {}
        with open(tally, encoding="utf-8") as file:
            for line in file:
                name, good, bad = line.split()
                succeeded[name] = succeeded.get(name, 0) + int(good)
                failed[name] = failed.get(name, 0) + int(bad)
    missing = sorted(set(functions) - set(succeeded))
    never = sorted(name for name in functions if name in succeeded and not succeeded[name])
    lines = [f"seeds of calls: {name} is never called; add it to Tests/fuzz/calls_*.h" for name in missing]
    lines += [f"seeds of calls: {name} never succeeds in {failed[name]} calls" for name in never]
    if not lines:
        lines = [
            f"seeds of calls: {sum(succeeded.values())} calls succeeded and {sum(failed.values())} failed, over all "
            f"{len(functions)} functions of scn.h"
        ]
    return "\n".join(lines), not missing and not never


def distill(target):
    """Make seeds of the kept inputs: of the fewest that reach what all reach, the longest, which do the most."""
    with temporary_folder() as folder:
        small = os.path.join(folder, "small")
        os.makedirs(small)
        sources = [*seed_folders(target), os.path.join(CORPUS, target)]
        subprocess.run(
            [program(target), "-set_cover_merge=1", small, *sources, *LIMITS],
            check=True,
            stderr=subprocess.DEVNULL,
            env=environment(folder, False),
        )
        size = {name: os.path.getsize(os.path.join(small, name)) for name in os.listdir(small)}
        names = sorted(sorted(size, key=lambda name: (-size[name], name))[:MOST_SEEDS])
        with zipfile.ZipFile(os.path.join(SEEDS, target + ".zip"), "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
            for place, name in enumerate(names):
                entry = zipfile.ZipInfo(f"{place:04}", (2000, 1, 1, 0, 0, 0))
                entry.compress_type = zipfile.ZIP_DEFLATED
                with open(os.path.join(small, name), "rb") as content:
                    file.writestr(entry, content.read())
    print(f"{SEEDS}/{target}.zip: {len(names)} inputs, {os.path.getsize(f'{SEEDS}/{target}.zip')} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=min(len(TARGETS), os.cpu_count() or 1))
    parser.add_argument("--targets", default=",".join(TARGETS))
    parser.add_argument("--strict", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--reproduce")
    parser.add_argument("--distill")
    options = parser.parse_args()
    os.chdir(ROOT)
    wanted = options.targets.split(",")
    if options.reproduce:
        wanted = [os.path.basename(options.reproduce).split("-")[0]]
    if options.distill:
        wanted = [options.distill]
    if set(wanted) - set(TARGETS):
        sys.exit(f"fuzz: no target {sorted(set(wanted) - set(TARGETS))[0]}; targets: {' '.join(TARGETS)}")
    os.makedirs(CORPUS, exist_ok=True)
    build(wanted)
    if options.reproduce:
        with temporary_folder() as folder:
            sys.exit(
                subprocess.run(
                    [program(wanted[0]), options.reproduce, *LIMITS[:3]], env=environment(folder, options.strict)
                ).returncode
            )
    if options.distill:
        distill(options.distill)
        return
    outcomes = [check_seeds()] if "calls" in wanted else []
    with concurrent.futures.ThreadPoolExecutor(max(1, options.jobs)) as pool:
        outcomes += pool.map(lambda target: fuzz(target, options.seconds, options.strict, options.fresh), wanted)
    for line, _ in outcomes:
        print(line)
    failed = sum(not good for _, good in outcomes)
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
