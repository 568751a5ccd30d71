#!/usr/bin/env python3
"""Run the code blocks of the documentation, and check its links and the names that it mentions.

usage: test_docs.py [PAGE ...]

Without arguments: README.md, CONTRIBUTING.md, SECURITY.md, docs/*.md, the README.md of each binding and example
and of packaging, and the pages of the Swift library. A page's blocks run in their order, in a folder of the page's own,
by their language:

    python    one process for a page: later blocks know what earlier ones made; one that speaks of torch needs PyTorch
    c, cpp    compiled as C99 or C++17 with -Wall -Wextra -pedantic -Werror against the installed library, and run
    swift     a program in the package build/swift-consumer, which depends on this one, with warnings as errors, and
              run; a block that imports nothing goes on where the one before ended
    cmake     made part of a project around the page's last program in C or C++, which is configured, built and run
    sh        run by bash beside program.c and program.cpp, the page's last programs; `make` only checks that there is
              the target, except for what it installs below $HOME; a line of NOT_RUN is left out
    text      what the block before printed

A block that is a fragment stands behind the line `<!-- within: FILE -->`: it is put where docs/tools/fragments/FILE
says BLOCK. A block in any other language, or without one, or indented instead of fenced, fails. Last line: N passed, N
failed.
"""

import glob
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from run_tests import PYTHON, ROOT, swift_consumer

PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/*.md",
    "bindings/*/README.md",
    "examples/*/README.md",
    "packaging/README.md",
    "Sources/*/*.docc/*.md",
)
LANGUAGES = ("python", "c", "cpp", "swift", "cmake", "sh", "text")
NOT_RUN = {
    "pip install dist/scn_engine-*.whl torch": "needs a package index",
    "pip install dist/scn_engine-*.whl": "scripts/check/test_packages.sh installs the wheel",
    "mpirun -n 8 --hostfile hosts python examples/mpi/train.py": "needs machines; the tests run it with two processes",
    "conan create packaging/conan": "make check-from-source runs it",
    "vcpkg install scn --overlay-ports=packaging/vcpkg": "make check-from-source runs it where there is vcpkg",
    "swift run -c release": "the page's program in Swift is built and run",
    "python3 scripts/check/run_tests.py swift c": "would run the tests within a test",
}
SECONDS = 300  # the most that a block may take
BETWEEN_BLOCKS = "---- the next block\n"  # what a program in Swift prints between its blocks
STRICT = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-O1"]
# scn_x that are no functions of scn.h, and attributes that scn.x is not.
OTHER_C_NAMES = re.compile(r"scn_(engine|cpp_examples|x|x_y|bench|\w*_)$")
OTHER_PYTHON_NAMES = {"h", "hpp", "pc", "git", "pth"}
MAKE = """make() {
    unset MAKEFLAGS MAKELEVEL
    case "$*" in
    *install*PREFIX=$HOME/*) command make -C "$ROOT" "$@" >/dev/null ;;
    *) command make --dry-run -C "$ROOT" "$@" >/dev/null ;;
    esac
}
"""


class Failure(Exception):
    """A block or a page that is not as it should be."""


class Skip(Exception):
    """A block that cannot run here."""


class Block:
    def __init__(self, page, line, language, text, within):
        self.page, self.line, self.language, self.text, self.within = page, line, language, text, within
        self.target = None  # of a Swift program: its name in the package
        self.part = 0  # of a Swift program: which of its blocks this is

    def __str__(self):
        return f"{self.page}:{self.line} {self.language or 'without a language'}"

    def program(self):
        """The text with its set-up around it."""
        if not self.within:
            return self.text
        with open(os.path.join("docs/tools/fragments", self.within), encoding="utf-8") as file:
            outside = file.read()
        if not re.search(r"^ *BLOCK$", outside, re.M):
            raise Failure(f"docs/tools/fragments/{self.within} has no line BLOCK")
        return re.sub(r"^ *BLOCK\n", lambda _: self.text, outside, flags=re.M)


def blocks_of(page):
    """The fenced blocks of a page, and its lines outside of them with their numbers."""
    blocks, prose, within, fence = [], [], None, None
    with open(page, encoding="utf-8") as file:
        lines = file.read().split("\n")
    for number, line in enumerate(lines, 1):
        if fence:
            if line.strip() == "```":
                blocks.append(Block(page, fence[0], fence[1], "".join(f"{text}\n" for text in fence[2]), within))
                fence = within = None
            else:
                fence[2].append(line)
        elif line.startswith("```"):
            fence = (number, line[3:].strip(), [])
        elif line.startswith("<!-- within: "):
            within = line[len("<!-- within: ") :].removesuffix(" -->").strip()
        else:
            prose.append((number, line))
            if line.startswith("    ") and line.strip() and not lines[number - 2].strip():
                blocks.append(Block(page, number, "", line, None))
    if fence:
        raise Failure(f"{page}:{fence[0]}: a fence without an end")
    return blocks, prose


def output_of(command, folder, text=None, **environment):
    """What a command prints; its error output belongs to the failure."""
    done = subprocess.run(
        command,
        cwd=folder,
        input=text,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=SECONDS,
    )
    if done.returncode:
        raise Failure(f"{shlex.join(command)[:200]} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


# What a page's Python process does: read a block a line, run it, answer with a line. Its own output goes into the
# answer.
SERVE = """
import contextlib, io, json, linecache, sys, traceback, types
page, answers = types.ModuleType("__main__"), sys.stdout
sys.modules["__main__"] = page
for line in sys.stdin:
    place, text = json.loads(line)
    linecache.cache[place] = (len(text), None, text.splitlines(True), place)
    said, problem = io.StringIO(), ""
    with contextlib.redirect_stdout(said):
        try:
            exec(compile(text, place, "exec"), vars(page))
        except BaseException:
            problem = traceback.format_exc()
    print(json.dumps([said.getvalue(), problem]), file=answers, flush=True)
"""


class Page:
    """Runs the blocks of one page in its folder."""

    def __init__(self, name, folder, prefix):
        self.name, self.folder, self.prefix = name, folder, prefix
        self.process, self.printed, self.last_program = None, None, None
        self.skipped = self.skipped_last = False
        self.swift_parts = []  # what the blocks of the page's last program in Swift printed
        os.makedirs(folder)

    def run(self, block):
        if block.language not in LANGUAGES:
            known = ", ".join(LANGUAGES)
            raise Failure(
                f"a block {'in ' + block.language if block.language else 'without a fence or a language'}; "
                f"known are {known}"
            )
        printed, self.printed = self.printed, None
        if block.language == "text" and self.skipped_last:
            raise Skip("the block before was skipped")
        self.skipped_last = False
        if block.language == "text" and printed is None:
            raise Failure("no block before it that printed this")
        if block.language == "text":
            if printed.strip() != block.text.strip():
                raise Failure(f"the block before printed\n{printed}")
        else:
            self.printed = getattr(self, block.language)(block)

    def python(self, block):
        if self.skipped or (re.search(r"\btorch\b", block.program()) and not have_torch()):
            self.skipped = self.skipped_last = True
            raise Skip("PyTorch is not installed")
        if not self.process:
            self.process = subprocess.Popen(
                [os.path.join(ROOT, PYTHON), "-c", SERVE],
                cwd=self.folder,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        self.process.stdin.write(json.dumps([str(block), block.program()]) + "\n")
        self.process.stdin.flush()
        limit = threading.Timer(SECONDS, self.process.kill)
        limit.start()
        answer = self.process.stdout.readline()
        limit.cancel()
        if not answer:
            ended, self.process = self.process.wait(), None
            raise Failure(f"Python ended with {ended}")
        said, problem = json.loads(answer)
        if problem:
            raise Failure(said + problem)
        return said

    def compiled(self, block, compiler, ending):
        source, program = os.path.join(self.folder, "program" + ending), os.path.join(self.folder, "program")
        with open(source, "w", encoding="utf-8") as file:
            file.write(block.program())
        flags = shlex.split(output_of(["pkg-config", "--cflags", "--libs", "scn"], self.folder, **self.environment()))
        output_of(
            compiler + STRICT + [source, "-o", program] + flags + ["-lm", f"-Wl,-rpath,{self.prefix}/lib"], self.folder
        )
        self.last_program = source
        return output_of([program], self.folder)

    def c(self, block):
        return self.compiled(block, shlex.split(os.environ.get("CC", "cc")) + ["-std=c99"], ".c")

    def cpp(self, block):
        return self.compiled(block, shlex.split(os.environ.get("CXX", "c++")) + ["-std=c++17"], ".cpp")

    def swift(self, block):
        if block.within == "Package.swift":
            with open(os.path.join(self.folder, "Package.swift"), "w", encoding="utf-8") as file:
                file.write(block.program())
            output_of(["swift", "package", "dump-package"], self.folder)
            return ""
        if block.part == 0:
            self.swift_parts = []
            program = os.path.join(ROOT, "build/swift-consumer/.build/release", block.target)
            self.swift_parts = output_of([program], self.folder).split(BETWEEN_BLOCKS)
        if block.part >= len(self.swift_parts):
            raise Failure("the program that it is part of did not come so far")
        return self.swift_parts[block.part]

    def cmake(self, block):
        if not self.last_program:
            raise Failure("no program in C or C++ before it")
        project = os.path.join(self.folder, "cmake")
        shutil.rmtree(project, ignore_errors=True)
        os.makedirs(project)
        with open(os.path.join(project, "CMakeLists.txt"), "w", encoding="utf-8") as file:
            file.write(
                "cmake_minimum_required(VERSION 3.16)\nproject(page C CXX)\nset(CMAKE_CXX_STANDARD 17)\n"
                f"add_executable(program {self.last_program})\n{block.text}"
            )
        # What is fetched is this folder, with the library that is installed.
        fetched = [f"-DFETCHCONTENT_SOURCE_DIR_SCN={ROOT}", f"-DSCN_LIBRARY={self.prefix}/lib/libscn.so"]
        output_of(["cmake", "-S", ".", "-B", "build", f"-DCMAKE_PREFIX_PATH={self.prefix}", *fetched], project)
        output_of(["cmake", "--build", "build"], project)
        return output_of([os.path.join(project, "build/program")], self.folder)

    def sh(self, block):
        left_out = [line for line in block.text.splitlines() if line.split("  #")[0].strip() in NOT_RUN]
        NOT_RUN_SEEN.update(line.split("  #")[0].strip() for line in left_out)
        text = "\n".join(line for line in block.text.splitlines() if line not in left_out)
        return output_of(["bash", "-euo", "pipefail", "-c", MAKE + text], self.folder, **self.environment())

    def environment(self):
        path = os.pathsep.join([os.path.join(ROOT, ".venv/bin"), os.environ["PATH"]])
        return {"HOME": self.folder, "ROOT": ROOT, "PATH": path, "PKG_CONFIG_PATH": f"{self.prefix}/lib/pkgconfig"}

    def close(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()


NOT_RUN_SEEN = set()
_torch = []


def have_torch():
    if not _torch:
        _torch.append(subprocess.run([PYTHON, "-c", "import torch"], stderr=subprocess.DEVNULL).returncode == 0)
    return _torch[0]


def swift_programs(blocks):
    """The programs in Swift, each a list of its blocks: one that imports nothing goes on where the block before
    ended."""
    programs = []
    for block in blocks:
        if re.search(r"^import ", block.program(), re.M):
            programs.append([block])
        elif programs and programs[-1][0].page == block.page:
            programs[-1].append(block)
        else:
            raise Failure(f"{block}: imports nothing, and goes on from no block before it")
    return programs


def build_swift(blocks):
    """Make each program in Swift an executable of build/swift-consumer, and build them together."""
    programs = swift_programs(
        block for block in blocks if block.language == "swift" and block.within != "Package.swift"
    )
    if not programs:
        return
    arguments = swift_consumer()
    manifest, targets = "build/swift-consumer/Package.swift", ""
    for number, program in enumerate(programs):
        for part, block in enumerate(program):
            block.target, block.part = f"Documentation{number}", part
        text = f'print("{BETWEEN_BLOCKS.strip()}")\n'.join(block.program() for block in program)
        source = f"build/swift-consumer/Sources/Documentation{number}/main.swift"
        os.makedirs(os.path.dirname(source), exist_ok=True)
        before = None
        if os.path.exists(source):
            with open(source, encoding="utf-8") as file:
                before = file.read()
        if before != text:
            with open(source, "w", encoding="utf-8") as file:
                file.write(text)
        targets += (
            f'.executableTarget(name: "Documentation{number}", '
            'dependencies: [.product(name: "SparseConvNet", package: "scn")], '
            "swiftSettings: [.treatAllWarnings(as: .error)]),\n"
        )
    with open(manifest, encoding="utf-8") as file:
        text = file.read()
    with open(manifest, "w", encoding="utf-8") as file:
        file.write(text.replace("targets: [", "targets: [\n" + targets, 1))
    output_of(["swift", "build"] + arguments, ROOT)


def anchors_of(page):
    _, prose = blocks_of(page)
    headings = [line.lstrip("#").strip() for _, line in prose if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def check_links(page, prose, known):
    """Files and headings that links name are there, and so are the make targets and functions that the text names."""
    problems = []
    text = "\n".join(line for _, line in prose)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        path = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
        if not os.path.exists(path):
            problems.append(f"links to {target}, which is not there")
        elif anchor and anchor not in anchors_of(path):
            problems.append(f"links to {target}: no such heading")
    for target in set(re.findall(r"`make ([a-z][a-z-]*)", text)) - known["make"]:
        problems.append(f"speaks of `make {target}`, which is no target")
    for name in set(re.findall(r"(?<![\w/.-])scn_\w+", text)):
        if name not in known["c"] and not OTHER_C_NAMES.fullmatch(name):
            problems.append(f"speaks of {name}, which is not in scn.h")
    for name in set(re.findall(r"(?<![\w./])scn\.((?:torch\.)?[A-Za-z]\w*)", text)):
        if name not in known["python"] and name not in OTHER_PYTHON_NAMES:
            problems.append(f"speaks of scn.{name}, which is not in the Python package")
    if problems:
        raise Failure("\n".join(problems))


def known_names():
    with open("Makefile", encoding="utf-8") as file:
        makefile = file.read()
    with open("include/scn.h", encoding="utf-8") as file:
        header = file.read()
    # PyTorch may be missing: the names of scn.torch are those that were accepted.
    with open("Tests/frozen/scn.torch.txt", encoding="utf-8") as file:
        torch_names = set(re.findall(r"^\w+", file.read(), re.M))
    known = set(output_of([PYTHON, "-c", "import scn; print(*dir(scn), *dir(type(scn)))"], ROOT).split())
    known |= torch_names | {"torch"} | {f"torch.{name}" for name in torch_names}
    known |= {"spconv", "minkowski", "torchsparse"}
    examples = re.search(r"^EXAMPLES := (.*)$", makefile, re.M).group(1).split()
    return {
        "make": set(re.findall(r"^([a-z][a-z-]*):", makefile, re.M)) | {f"example-{name}" for name in examples},
        "c": set(re.findall(r"\bscn_\w+", header)),
        "python": known,
    }


def indexes_all_pages():
    """docs/README.md links each page beside it, and README.md links the index."""
    with open("docs/README.md", encoding="utf-8") as file:
        index = file.read()
    missing = [
        page
        for page in sorted(os.listdir("docs"))
        if page.endswith(".md") and page != "README.md" and f"]({page}" not in index
    ]
    with open("README.md", encoding="utf-8") as file:
        if "](docs/README.md)" not in file.read():
            missing.append("docs/README.md itself, in README.md")
    if missing:
        raise Failure(f"docs/README.md does not link {', '.join(missing)}")


class Count:
    def __init__(self):
        self.passed = self.failed = 0

    def attempt(self, name, function, *arguments):
        try:
            function(*arguments)
        except Skip as reason:
            strict = bool(os.environ.get("SCN_NO_SKIPS"))
            self.failed += strict
            print(f"{'FAIL' if strict else 'skip'}  {name}: {reason}", flush=True)
        except Failure as problem:
            self.failed += 1
            print(f"FAIL  {name}\n      " + str(problem).strip().replace("\n", "\n      "), flush=True)
        except Exception:  # a test must count whatever happens
            self.failed += 1
            print(f"FAIL  {name}\n{traceback.format_exc()}", flush=True)
        else:
            self.passed += 1
            print(f"ok    {name}", flush=True)


def main():
    os.chdir(ROOT)
    pages = sys.argv[1:] or [page for pattern in PAGES for page in sorted(glob.glob(pattern))]
    count, known = Count(), known_names()
    contents = {page: blocks_of(page) for page in pages}
    with tempfile.TemporaryDirectory() as work:
        prefix = os.path.join(work, "prefix")
        output_of(["make", "--no-print-directory", "install", f"PREFIX={prefix}"], ROOT)
        count.attempt(
            "programs in Swift: build", build_swift, [block for blocks, _ in contents.values() for block in blocks]
        )
        for number, (name, (blocks, prose)) in enumerate(contents.items()):
            page = Page(name, os.path.join(work, str(number)), prefix)
            count.attempt(f"{name}: links and names", check_links, name, prose, known)
            for block in blocks:
                count.attempt(str(block), page.run, block)
            page.close()
        if not sys.argv[1:]:
            count.attempt("docs/tools/pictures.py", output_of, [PYTHON, "docs/tools/pictures.py", work], ROOT)
            count.attempt("Swift library through docc", output_of, [sys.executable, "scripts/check/docc.py"], ROOT)
            count.attempt(
                "public names of the Swift library",
                output_of,
                [sys.executable, "scripts/check/public_names.py", "swift"],
                ROOT,
            )
            # With what it needs doxygen is over 200 MB, so nobody is asked to install it; check_abi.py sees to the
            # comments.
            if shutil.which("doxygen"):
                count.attempt("scn.h through doxygen", output_of, ["make", "--no-print-directory", "doxygen"], ROOT)
            else:
                print("      doxygen is not installed: scripts/check/check_abi.py alone looks at the comments of scn.h")
    if not sys.argv[1:]:
        count.attempt("docs/README.md: index", indexes_all_pages)
        for line in sorted(set(NOT_RUN) - NOT_RUN_SEEN):
            print(f"FAIL  NOT_RUN has a line that no page has: {line}")
            count.failed += 1
    print(f"{count.passed} passed, {count.failed} failed")
    sys.exit(1 if count.failed else 0)


if __name__ == "__main__":
    main()
