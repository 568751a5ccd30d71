#!/usr/bin/env python3
"""Hold the statements of the C interface together: header, library, C++ header.

usage: check_abi.py [--header include/scn.h] [--library build/lib/libscn.so] [--cpp bindings/cpp/scn.hpp]

(What Python and C++ repeat of the header, scripts/check/check_bindings.py checks.) Fails, with a list, where
- the header has something that its parser, scripts/build/scn_header.py, does not understand,
- the functions that the header declares are not exactly those that the library exports,
- a function, type or macro of the header has no comment before it,
- the C++ header leaves out a function of another section than that over the caller's buffers,
- the Python package leaves out a function over the caller's buffers,
- the fuzzer of calls makes no call of a function (scripts/check/fuzz.py checks that each succeeds once),
- the header does not compile alone as C99, C11 and C++17 without a warning,
- the soname or the version of the symbols has another number than SCN_ABI_VERSION,
- the library needs anything but the C and C++ libraries and OpenBLAS, at worst a Swift library.
"""

import argparse
import glob
import os
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts/build"))

from scn_header import NotUnderstood, parse

BUFFERS = "The functional level: buffers to buffers"
ALLOWED_LIBRARIES = re.compile(r"(libc|libm|libstdc\+\+|libgcc_s|libopenblas|ld-linux[\w-]*)\.so(\.\d+)*$")
DIALECTS = [("CC", "cc", "c", "c99"), ("CC", "cc", "c", "c11"), ("CXX", "c++", "c++", "c++17")]


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def exported_symbols(library):
    """What the library exports: names with their kinds, the symbol-version node left out."""
    symbols = {}
    for line in output_of("nm", "-D", "--defined-only", library).splitlines():
        kind, name = line.split()[-2:]
        if kind != "A":
            symbols[name.split("@")[0]] = kind
    return symbols


def compare_names(problems, have, have_name, want, want_name):
    for name in sorted(set(want) - set(have)):
        problems.append(f"{name}: in the {want_name}, not in the {have_name}")
    for name in sorted(set(have) - set(want)):
        problems.append(f"{name}: in the {have_name}, not in the {want_name}")


def check_cpp(cpp_text, header, problems):
    """Each function is used in scn.hpp but those over buffers, which C++ programs call as C programs do."""
    if not any(function.section == BUFFERS for function in header.functions.values()):
        problems.append("header: has no section on buffers")
    used = set(re.findall(r"\bscn_\w+", cpp_text))
    for name, function in sorted(header.functions.items()):
        if function.section != BUFFERS and name not in used:
            problems.append(f"{name}: in the header, not in the C++ header")


def check_comments(header_text, problems):
    """A documentation comment ends above each name that begins a line, as Doxygen wants it."""
    lines = header_text.split("\n")
    for number, line in enumerate(lines):
        name = re.match(r"(?:SCN_API [\w *]*?|typedef (?:struct|enum) |typedef void \(\*|#define )(\w+)", line)
        if not name or name.group(1) in ("SCN_H", "SCN_API"):
            continue
        above = lines[number - 1]
        first = next((text for text in reversed(lines[:number]) if text.lstrip().startswith("/*")), "")
        if not above.rstrip().endswith("*/") or not first.startswith("/**"):
            problems.append(f"header: line {number + 1}: {name.group(1)} has no comment that begins with /** above it")


def check_header_compiles(header, problems):
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "alone.c")
        with open(source, "w", encoding="utf-8") as file:
            file.write(f'#include "{os.path.abspath(header)}"\n')
        for variable, default, language, standard in DIALECTS:
            command = shlex.split(os.environ.get(variable) or default) + [
                "-x",
                language,
                f"-std={standard}",
                "-Wall",
                "-Wextra",
                "-pedantic",
                "-Werror",
                "-fsyntax-only",
                source,
            ]
            result = subprocess.run(command, stderr=subprocess.PIPE, text=True)
            if result.returncode:
                problems.append(f"header: does not compile alone as {standard}:\n{result.stderr.rstrip()}")


def check_number(number, library, problems):
    """SCN_ABI_VERSION is the number in the soname and in the version of each symbol."""
    soname = re.findall(r"SONAME\s+(\S+)", output_of("objdump", "-p", library))
    if soname != [f"libscn.so.{number}"]:
        problems.append(f"library: the soname is {soname}, SCN_ABI_VERSION {number}")
    symbols = output_of("nm", "-D", "--defined-only", "--with-symbol-versions", library)
    versions = set(re.findall(r" T \w+(\S*)$", symbols, re.M))
    if versions != {f"@@SCN_{number}"}:
        problems.append(f"library: symbols have the versions {sorted(versions)}, SCN_ABI_VERSION is {number}")


def check_buffers(header, problems):
    """Each function over buffers has a caller in the Python package."""
    text = ""
    for path in glob.glob(os.path.join(ROOT, "bindings/python/src/scn/**/*.py"), recursive=True):
        if os.path.basename(path) != "generated.py":
            with open(path, encoding="utf-8") as file:
                text += file.read()
    called = set(re.findall(r"\blibrary\.(scn_\w+)\b", text))
    # Those that take a layout do what the others do.
    called |= {name.removesuffix("_in_layout") for name in called}
    for name, function in header.functions.items():
        if function.section == BUFFERS and name not in called:
            problems.append(f"bindings/python: {name} is never called")


def check_fuzzer(functions, problems):
    """The fuzzer of calls knows every function of the header."""
    text = ""
    for path in glob.glob(os.path.join(ROOT, "Tests/fuzz/calls_*.h")):
        with open(path, encoding="utf-8") as file:
            text += file.read()
    called = set(re.findall(r"\b(scn_\w+)\b", text))
    problems += [f"Tests/fuzz/calls_*.h: {name} is never called" for name in sorted(set(functions) - called)]


def check_dependencies(library, problems):
    needed = re.findall(r"NEEDED\s+(\S+)", output_of("objdump", "-p", library))
    for name in needed:
        if not ALLOWED_LIBRARIES.match(name):
            problems.append(f"library: needs {name}")
    for line in output_of("ldd", library).splitlines():
        if "not found" in line or re.search(r"swift|Foundation|dispatch", line.split("=>")[0], re.I):
            problems.append(f"library: ldd says {line.strip()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--header", default=os.path.join(ROOT, "include/scn.h"))
    parser.add_argument("--library", default=os.path.join(ROOT, "build/lib/libscn.so"))
    parser.add_argument("--cpp", default=os.path.join(ROOT, "bindings/cpp/scn.hpp"))
    options = parser.parse_args()
    for path in vars(options).values():
        if not os.path.exists(path):
            sys.exit(f"check-abi: {path} does not exist")

    problems = []
    with open(options.header, encoding="utf-8") as file:
        header_text = file.read()
    with open(options.cpp, encoding="utf-8") as file:
        cpp_text = file.read()
    try:
        header = parse(header_text)
    except NotUnderstood as error:
        sys.exit(f"check-abi: header: {error}")
    exports = exported_symbols(options.library)

    for name, kind in exports.items():
        if kind != "T":
            problems.append(f"library: exports {name}, which is no function")
    compare_names(problems, exports, "library", header.functions, "header")
    check_cpp(cpp_text, header, problems)
    check_comments(header_text, problems)
    check_header_compiles(options.header, problems)
    check_number(header.constants["SCN_ABI_VERSION"], options.library, problems)
    check_dependencies(options.library, problems)
    check_buffers(header, problems)
    check_fuzzer(header.functions, problems)

    for problem in problems:
        print(f"check-abi: {problem}")
    if problems:
        sys.exit(1)
    print(f"check-abi: {len(header.functions)} functions agree in header, library and C++ header")


if __name__ == "__main__":
    main()
