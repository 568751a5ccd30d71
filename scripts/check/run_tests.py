#!/usr/bin/env python3
"""Run every test of the repository, show what they say as they say it, and add up their results.

usage: run_tests.py [PART ...]      parts, in their order: library lint abi swift kernels c python golden
                                    dialects examples docs packages fuzz; all without arguments

The last line is 'N passed, N failed': Swift tests, C programs, pytest's tests, recorded reference cases, fuzzers. A
part that could not run, ended with an error or counted nothing adds one failure of its own.
"""

import contextlib
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RESULTS = "build/test-results"
PYTHON = ".venv/bin/python"
SHOWS_QUICKSTARTS = "docs/getting-started.md"
MAKE = ["make", "--no-print-directory"]
SWIFT = ["-c", "release", "-Xswiftc", "-enable-testing", "--scratch-path", ".build/release"]


def run(command, **environment):
    """Run a command with its output passed through; return its exit status and that output."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **environment}
    )
    text = []
    for line in process.stdout:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
        text.append(line.decode(errors="replace"))
    return process.wait(), "".join(text)


def counts_in_last_line(text):
    lines = text.strip().splitlines()
    match = re.fullmatch(r"(\d+) passed, (\d+) failed", lines[-1].strip()) if lines else None
    return (int(match.group(1)), int(match.group(2))) if match else (0, 0)


def result_files(part):
    """The JUnit files of a part; some versions of SwiftPM add to the name that they are given."""
    return glob.glob(os.path.join(RESULTS, part + "*.xml"))


def new_result_file(part):
    for path in result_files(part):
        os.remove(path)
    return os.path.join(RESULTS, part + ".xml")


def counts_in_xml(part):
    """Passed and failed tests in a part's JUnit files. A crash leaves half a file: none.

    Skipped tests are neither, or failed where the environment variable SCN_NO_SKIPS is set.
    """
    passed = failed = 0
    for path in result_files(part):
        try:
            cases = list(ElementTree.parse(path).getroot().iter("testcase"))
        except ElementTree.ParseError:
            continue
        for case in cases:
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
            elif case.find("skipped") is None:
                passed += 1
            elif os.environ.get("SCN_NO_SKIPS"):
                print(f"{case.get('classname')}.{case.get('name')} was skipped")
                failed += 1
    return passed, failed


def library():
    return run(MAKE + ["lib"])[0], None


def lint():
    return run(MAKE + ["lint"])[0], None


def abi():
    return run(MAKE + ["check-abi"])[0], None


def swift():
    status, _ = run(["swift", "build", "--build-tests"] + SWIFT)
    if status:
        return status, (0, 0)
    path = new_result_file("swift")
    # One at a time: some tests measure the memory of the process, and nearly all use every core anyway.
    test = ["swift", "test", "--skip-build", "--disable-xctest", "--no-parallel", "--xunit-output", path]
    status, _ = run(test + SWIFT)
    return status, counts_in_xml("swift")


def kernels():
    status, text = run(["scripts/check/test_kernels.sh"])
    return status, counts_in_last_line(text)


def c():
    status, text = run(["scripts/check/test_c.sh"])
    return status, counts_in_last_line(text)


def python():
    path = new_result_file("python")
    status, _ = run(
        [
            PYTHON,
            "-m",
            "pytest",
            "-q",
            "-rs",
            "-p",
            "no:cacheprovider",
            "--junitxml",
            path,
            "-c",
            "bindings/python/pyproject.toml",
            "--rootdir",
            "bindings/python",
            "bindings/python/tests",
        ]
    )
    return status, counts_in_xml("python")


def golden():
    status, text = run([PYTHON, "Tests/golden/check_golden.py", "Tests/golden"])
    return status, counts_in_last_line(text)


def dialects():
    status, text = run([PYTHON, "Tests/dialects/replay.py"])
    return status, counts_in_last_line(text)


def swift_consumer():
    """Make build/swift-consumer: examples/hello-swift, which depends on a version of this package as a program
    elsewhere would, in a repository with a tag. SwiftPM's arguments for it; what it built before stays while the
    sources do."""
    repository, consumer = os.path.join(ROOT, "build/swift-package/scn"), "build/swift-consumer"
    shutil.rmtree(repository, ignore_errors=True)
    for folder in ("Sources", "Tests", "include"):
        shutil.copytree(folder, os.path.join(repository, folder), ignore=shutil.ignore_patterns("golden", "dialects"))
    shutil.copy("Package.swift", repository)
    moment = {"GIT_AUTHOR_DATE": "2000-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2000-01-01T00:00:00Z"}
    git = [
        "git",
        "-C",
        repository,
        "-c",
        "user.name=scn",
        "-c",
        "user.email=scn@localhost",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "tag.gpgsign=false",
    ]
    version = subprocess.check_output(["scripts/build/version.sh"], text=True).strip()
    for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", version], ["tag", version]):
        subprocess.run(git + arguments, check=True, env={**os.environ, **moment})
    commit = subprocess.check_output(git + ["rev-parse", "HEAD"], text=True)
    record = os.path.join(consumer, "commit")
    if not os.path.exists(record) or Path(record).read_text(encoding="utf-8") != commit:
        shutil.rmtree(consumer, ignore_errors=True)
    shutil.copytree("examples/hello-swift", consumer, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".build"))
    manifest = os.path.join(consumer, "Package.swift")
    with open(manifest, encoding="utf-8") as file:
        text = file.read()
    by_path = '.package(name: "scn", path: "../..")'
    if by_path not in text:
        raise OSError(f"examples/hello-swift/Package.swift has no {by_path}")
    with open(manifest, "w", encoding="utf-8") as file:
        file.write(text.replace(by_path, f'.package(url: "file://{repository}", from: "{version}")'))
    with open(record, "w", encoding="utf-8") as file:
        file.write(commit)
    own = [
        word
        for name in ("cache", "config", "security")
        for word in (f"--{name}-path", os.path.join(ROOT, consumer, ".build", name))
    ]
    return ["-c", "release", "--package-path", consumer] + own


def examples():
    """The C, the Python and the Swift form of each example print the same, and a page shows the quickstarts as they
    are."""
    package = swift_consumer()
    status, _ = run(["swift", "build"] + package)
    if status:
        return status, (0, 1)
    passed = failed = 0
    for name, target, last in (
        ("hello_world", "HelloSwift", "maximum: "),
        ("quickstart", "Quickstart", "step 9: loss "),
    ):
        program = os.path.join(RESULTS, name)
        compiler = [
            os.environ.get("CC", "cc"),
            "-std=c99",
            "-Iinclude",
            f"bindings/c/examples/{name}.c",
            "-Lbuild/lib",
            "-lscn",
            "-lm",
            "-Wl,-rpath," + os.path.join(ROOT, "build/lib"),
            "-o",
            program,
        ]
        commands = [
            [program],
            [PYTHON, f"bindings/python/examples/{name}.py"],
            ["swift", "run", "--skip-build", "--quiet"] + package + [target],
        ]
        outcomes = [run(compiler)] + [run(command) for command in commands]
        texts = [text for _, text in outcomes[1:]]
        good = not any(status for status, _ in outcomes) and len(set(texts)) == 1 and last in texts[0]
        passed, failed = passed + good, failed + (not good)
    with open(SHOWS_QUICKSTARTS, encoding="utf-8") as file:
        page = file.read()
    for path, language in (
        ("bindings/c/examples/quickstart.c", "c"),
        ("bindings/python/examples/quickstart.py", "python"),
        ("examples/hello-swift/Sources/Quickstart/main.swift", "swift"),
    ):
        with open(path, encoding="utf-8") as file:
            shown = f"```{language}\n{file.read().rstrip()}\n```" in page
        if not shown:
            print(f"{SHOWS_QUICKSTARTS} does not show {path} as it is")
        passed, failed = passed + shown, failed + (not shown)
    return 0, (passed, failed)


def docs():
    status, text = run([sys.executable, "scripts/check/test_docs.py"])
    return status, counts_in_last_line(text)


def packages():
    status, text = run(["scripts/check/test_packages.sh"])
    return status, counts_in_last_line(text)


def build_ahead(parts):
    """Build what late parts need while earlier ones leave cores idle; they build again, and say so, what fails here."""

    def quietly(*command):
        subprocess.run(["nice", "-n", "19", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        if "fuzz" in parts:
            quietly("scripts/build/build_sanitized.sh", "address")
        if "examples" in parts:
            quietly("swift", "build", *swift_consumer())


def fuzz():
    status, text = run([sys.executable, "scripts/check/fuzz.py", "--seconds", "10", "--fresh"])
    return status, counts_in_last_line(text)


# Name, heading, function, and whether it can run without the library.
PARTS = [
    ("library", "Library", library, True),
    ("lint", "Formatting and rules of the house", lint, True),
    ("abi", "Header, library, Python's part of it and C++ header agree", abi, False),
    ("swift", "Swift tests", swift, True),
    ("kernels", "The library's C parts, each instruction set", kernels, True),
    ("c", "C and C++ programs against the installed library", c, False),
    ("python", "Python tests", python, False),
    ("golden", "Recorded results of the reference implementation", golden, False),
    ("dialects", "Recorded results of spconv, MinkowskiEngine and torchsparse", dialects, False),
    ("examples", "C, Python and Swift print the same", examples, False),
    ("docs", "Code, links and names of the documentation", docs, False),
    ("packages", "Tarball, wheel and source archive", packages, False),
    ("fuzz", "Fuzzers, ten seconds each", fuzz, True),
]


def outcome(status, counts):
    """Passed, failed and a remark, for a part that ended with `status`; parts that only check have no counts."""
    if counts is None:
        return 0, int(status != 0), "" if status == 0 else "failed"
    passed, failed = counts
    if status and not failed:
        name = signal.Signals(-status).name if status < 0 else f"status {status}"
        return passed, 1, f"ended with {name}"
    if not passed and not failed:
        return 0, 1, "counted nothing"
    return passed, failed, ""


def main():
    os.chdir(ROOT)
    os.makedirs(RESULTS, exist_ok=True)
    wanted = sys.argv[1:] or [name for name, *_ in PARTS]
    unknown = sorted(set(wanted) - {name for name, *_ in PARTS})
    if unknown:
        sys.exit(f"unknown part {unknown[0]}; parts: {' '.join(name for name, *_ in PARTS)}")

    rows, have_library = [], True
    ahead = threading.Thread(target=build_ahead, args=(wanted,), daemon=True)
    for name, heading, function, stands_alone in PARTS:
        if name not in wanted:
            continue
        print(f"\n== {heading}", flush=True)
        start = time.monotonic()
        if name in ("examples", "fuzz") and ahead.ident:
            ahead.join()
        if have_library or stands_alone:
            try:
                row = outcome(*function())
            except (OSError, subprocess.CalledProcessError) as error:
                row = (0, 1, str(error))
        else:
            row = (0, 1, "not run: no library")
        if name == "library":
            have_library = not row[1]
            if have_library:
                ahead.start()
        rows.append((heading, *row, time.monotonic() - start))

    width = max(len(row[0]) for row in rows)
    print(f"\n{'':{width}}  passed  failed  seconds")
    for heading, passed, failed, remark, seconds in rows:
        print(f"{heading:{width}}  {passed:6}  {failed:6}  {seconds:7.1f}  {remark}".rstrip())
    passed, failed = sum(row[1] for row in rows), sum(row[2] for row in rows)
    if not passed and not failed:
        failed = 1
    print(f"\n{passed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
