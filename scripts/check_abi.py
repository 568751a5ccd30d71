#!/usr/bin/env python3
"""Hold the statements of the C interface together: header, library, Python table, C++ header.

usage: check_abi.py [--header include/scn.h] [--library build/lib/libscn.so]
                    [--table bindings/python/src/scn/_native/library.py] [--cpp bindings/cpp/scn.hpp]

Fails, with a list, where
- the functions that the header declares are not exactly those that the library exports,
- the Python table names other functions, or another number of parameters,
- a function, type or macro of the header has no comment before it,
- the C++ header leaves out a function of another section than that over the caller's buffers,
- the fuzzer of calls makes no call of a function (scripts/fuzz.py checks that each succeeds once),
- the header does not compile alone as C99, C11 and C++17 without a warning,
- the soname, the version of the symbols or the Python table has another number than SCN_ABI_VERSION,
- the library needs anything but the C and C++ libraries and OpenBLAS, at worst a Swift library.
"""
import argparse
import ast
import glob
import os
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ALLOWED_LIBRARIES = re.compile(r"(libc|libm|libstdc\+\+|libgcc_s|libopenblas|ld-linux[\w-]*)\.so(\.\d+)*$")
DIALECTS = [("CC", "cc", "c", "c99"), ("CC", "cc", "c", "c11"), ("CXX", "c++", "c++", "c++17")]


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout


def declarations(text):
    """The statements of a header, without comments, preprocessor lines and the bodies of types."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    text = re.sub(r"//[^\n]*", " ", text).replace("\\\n", " ")
    text = re.sub(r"^\s*#.*$", " ", text, flags=re.M)
    text = re.sub(r'extern\s*"C"\s*\{', " ", text)
    text = re.sub(r"\{[^{}]*\}", " ", text)
    return [" ".join(statement.split()) for statement in text.split(";")]


def parameter_count(parameters):
    """How many parameters a list `a, void (*b)(int, int)` has: commas outside of parentheses, plus one."""
    if parameters.strip() in ("", "void"):
        return 0
    depth, count = 0, 1
    for character in parameters:
        depth += (character == "(") - (character == ")")
        count += character == "," and depth == 0
    return count


def header_functions(text, problems):
    """Name -> number of parameters of each function that the header declares."""
    functions = {}
    for statement in declarations(text):
        if statement.startswith("typedef"):
            continue
        match = re.search(r"\b(\w+) ?\((.*)\)$", statement)
        if not match:
            if "SCN_API" in statement:
                problems.append(f"header: not understood: {statement}")
            continue
        name, parameters = match.group(1), match.group(2)
        if not statement.startswith("SCN_API "):
            problems.append(f"header: {name} is not marked SCN_API")
        if name in functions:
            problems.append(f"header: {name} is declared twice")
        functions[name] = parameter_count(parameters)
    if not functions:
        problems.append("header: declares no function")
    return functions


def exported_symbols(library):
    """What the library exports: names with their kinds, the symbol-version node left out."""
    symbols = {}
    for line in output_of("nm", "-D", "--defined-only", library).splitlines():
        kind, name = line.split()[-2:]
        if kind != "A":
            symbols[name.split("@")[0]] = kind
    return symbols


def table_functions(path, problems):
    """Name -> number of parameters, from the dict literal FUNCTIONS: {name: (result type, [argument types])}."""
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read(), path)
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if not any(isinstance(target, ast.Name) and target.id == "FUNCTIONS" for target in targets):
            continue
        if not isinstance(node.value, ast.Dict):
            break
        functions = {}
        for key, value in zip(node.value.keys, node.value.values):
            sound = isinstance(key, ast.Constant) and isinstance(value, ast.Tuple) and len(value.elts) == 2
            if not sound or not isinstance(value.elts[1], (ast.List, ast.Tuple)):
                problems.append(f"Python table: line {value.lineno} is not name: (result, [arguments])")
                continue
            if key.value in functions:
                problems.append(f"Python table: {key.value} appears twice")
            functions[key.value] = sum(width(argument, problems) for argument in value.elts[1].elts)
        return functions
    problems.append(f"Python table: no dict literal FUNCTIONS in {path}")
    return {}


def width(argument, problems):
    if isinstance(argument, ast.Starred):
        problems.append(f"Python table: line {argument.lineno}: arguments cannot be counted through a '*'")
    return 1


def compare_names(problems, have, have_name, want, want_name):
    for name in sorted(set(want) - set(have)):
        problems.append(f"{name}: in the {want_name}, not in the {have_name}")
    for name in sorted(set(have) - set(want)):
        problems.append(f"{name}: in the {have_name}, not in the {want_name}")


def check_cpp(cpp_text, header_text, problems):
    """Each function before the section over buffers, which C++ programs call as C programs do, is used in scn.hpp."""
    before, heading, _ = header_text.partition("The functional level: buffers to buffers")
    if not heading:
        problems.append("header: has no section on buffers")
    used = set(re.findall(r"\bscn_\w+", cpp_text))
    for name in sorted(set(header_functions(before, problems)) - used):
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
                "-x", language, f"-std={standard}", "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only", source]
            result = subprocess.run(command, stderr=subprocess.PIPE, universal_newlines=True)
            if result.returncode:
                problems.append(f"header: does not compile alone as {standard}:\n{result.stderr.rstrip()}")


def check_number(header_text, library, table, problems):
    """SCN_ABI_VERSION is the number in the soname, in the version of each symbol, and in the Python table."""
    number = re.search(r"^#define SCN_ABI_VERSION (\d+)$", header_text, re.M)
    if not number:
        problems.append("header: does not say SCN_ABI_VERSION")
        return
    soname = re.findall(r"SONAME\s+(\S+)", output_of("objdump", "-p", library))
    if soname != [f"libscn.so.{number[1]}"]:
        problems.append(f"library: the soname is {soname}, SCN_ABI_VERSION {number[1]}")
    symbols = output_of("nm", "-D", "--defined-only", "--with-symbol-versions", library)
    versions = set(re.findall(r" T \w+(\S*)$", symbols, re.M))
    if versions != {f"@@SCN_{number[1]}"}:
        problems.append(f"library: symbols have the versions {sorted(versions)}, SCN_ABI_VERSION is {number[1]}")
    with open(table, encoding="utf-8") as file:
        in_python = re.findall(r"^ABI_VERSION = (\d+)$", file.read(), re.M)
    if in_python != [number[1]]:
        problems.append(f"Python table: ABI_VERSION is {in_python}, the header's {number[1]}")


def check_fuzzer(header, problems):
    """The fuzzer of calls knows every function of the header."""
    text = ""
    for path in glob.glob(os.path.join(ROOT, "Tests/fuzz/calls_*.h")):
        with open(path, encoding="utf-8") as file:
            text += file.read()
    called = set(re.findall(r"\b(scn_\w+)\b", text))
    problems += [f"Tests/fuzz/calls_*.h: {name} is never called" for name in sorted(set(header) - called)]


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
    parser.add_argument("--table", default=os.path.join(ROOT, "bindings/python/src/scn/_native/library.py"))
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
    header = header_functions(header_text, problems)
    exports = exported_symbols(options.library)
    table = table_functions(options.table, problems)

    for name, kind in exports.items():
        if kind != "T":
            problems.append(f"library: exports {name}, which is no function")
    compare_names(problems, exports, "library", header, "header")
    compare_names(problems, table, "Python table", header, "header")
    for name in sorted(set(table) & set(header)):
        if table[name] != header[name]:
            problems.append(f"{name}: {header[name]} parameters in the header, {table[name]} in the Python table")
    check_cpp(cpp_text, header_text, problems)
    check_comments(header_text, problems)
    check_header_compiles(options.header, problems)
    check_number(header_text, options.library, options.table, problems)
    check_dependencies(options.library, problems)
    check_fuzzer(header, problems)

    for problem in problems:
        print(f"check-abi: {problem}")
    if problems:
        sys.exit(1)
    print(f"check-abi: {len(header)} functions agree in header, library, Python table and C++ header")


if __name__ == "__main__":
    main()
