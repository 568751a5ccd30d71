#!/usr/bin/env python3
"""Check what Python and C++ repeat of include/scn.h: generated.py is what the generator makes, and has the numbers and
layouts that the C compiler sees; the option structs of scn.hpp have the fields and defaults of the _INIT macros.

usage: check_bindings.py

(scn.hpp repeats no enumeration: it uses those of scn.h.)
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts/build"))

from generate_bindings import GENERATED, HEADER, generated_text, python_name
from scn_header import Header, NotUnderstood, Struct, parse

CPP = os.path.join(ROOT, "bindings/cpp/scn.hpp")

# Fields of C's option structs that those of C++ leave to what they are passed to.
NOT_IN_CPP = {
    "scn_filter": {"dimension"},
    "scn_field": {"dimension"},
    "scn_relation": {"dimension", "volume"},
}
# Structs that C++ programs fill in as C programs do, for the functions over buffers.
OF_C_ALONE = {"scn_matrix"}


def text_of(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def as_seen_by_c(header: Header) -> dict[str, float]:
    """The numbers that the C compiler has for constants, enumerators, sizes, offsets and initial values."""
    expressions = {name: name for name in header.constants}
    for name, values in header.enums.items():
        expressions |= {value: value for value in values} | {f"sizeof {name}": f"sizeof({name})"}
    for name, struct in header.structs.items():
        expressions[f"sizeof {name}"] = f"sizeof({name})"
        for field in struct.fields:
            expressions[f"{name}.{field.name}"] = f"offsetof({name}, {field.name})"
            if struct.defaults is not None:
                value = f"initial_{name}.{field.name}"
                expressions[f"{name}.{field.name} at first"] = f"({value} != NULL)" if field.type.pointers else value
    initials = "".join(
        f"    {name} initial_{name} = {name.upper()}_INIT;\n"
        for name, struct in header.structs.items()
        if struct.defaults is not None
    )
    prints = "".join(f'    printf("{name}\\t%.17g\\n", (double){value});\n' for name, value in expressions.items())
    program = f"#include <scn.h>\n#include <stdio.h>\nint main(void) {{\n{initials}{prints}    return 0;\n}}\n"
    with tempfile.TemporaryDirectory() as folder:
        source, binary = os.path.join(folder, "numbers.c"), os.path.join(folder, "numbers")
        with open(source, "w", encoding="utf-8") as file:
            file.write(program)
        compiler = shlex.split(os.environ.get("CC") or "cc")
        subprocess.run([*compiler, "-std=c99", "-I", os.path.join(ROOT, "include"), source, "-o", binary], check=True)
        lines = subprocess.run([binary], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return {name: float(number) for name, number in (line.split("\t") for line in lines)}


def as_seen_by_python(header: Header, generated) -> dict[str, float]:
    """The same of the generated module."""
    numbers = {name: vars(generated)[name] for name in header.constants if name in vars(generated)}
    for name, values in header.enums.items():
        numbers |= {value: vars(generated)[value] for value in values}
        numbers[f"sizeof {name}"] = ctypes.sizeof(vars(generated)[python_name(name)])
    for name, struct in header.structs.items():
        kind = vars(generated)[python_name(name)]
        numbers[f"sizeof {name}"] = ctypes.sizeof(kind)
        numbers |= {f"{name}.{field}": getattr(kind, field).offset for field, _ in kind._fields_}
        if struct.defaults is not None:
            initial = kind()
            for field, _ in kind._fields_:
                value = getattr(initial, field)
                numbers[f"{name}.{field} at first"] = value if isinstance(value, (int, float)) else bool(value)
    return {name: float(number) for name, number in numbers.items()}


def check_generated(header: Header, header_text: str) -> list[str]:
    if text_of(GENERATED) != generated_text(header_text):
        return [f"{os.path.relpath(GENERATED, ROOT)} is not made of this header: run make bindings"]
    specification = importlib.util.spec_from_file_location("generated", GENERATED)
    generated = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(generated)
    in_c, in_python = as_seen_by_c(header), as_seen_by_python(header, generated)
    # The version's numbers alone are left out in Python.
    names = {name for name in in_c if "_VERSION_" not in name} | set(in_python)
    return [
        f"{name}: {in_c.get(name)} in C, {in_python.get(name)} in Python"
        for name in sorted(names)
        if in_c.get(name) != in_python.get(name)
    ]


def cpp_structs(text: str) -> dict[str, dict[str, str]]:
    """Name -> fields with their initial values, of the structs of scn.hpp whose fields all have one."""
    structs = {}
    for name, body in re.findall(r"^struct (\w+) \{\n(.*?)^\};", text, re.M | re.S):
        body = re.sub(r"//[^\n]*", "", body).partition("(")[0]
        declared = re.findall(r"^    [\w:<>, ]+? (\w+)(?: = ([^;]+)|(\{\}));", body, re.M)
        structs[name] = {field: value or braces for field, value, braces in declared}
    return structs


def same_default(of_c: str, of_cpp: str) -> bool:
    if of_c == "NULL" or of_cpp == "{}":
        return of_c == "NULL" and of_cpp == "{}"
    if of_c.startswith("SCN_"):
        return of_c == of_cpp
    number = {"true": "1", "false": "0"}.get(of_cpp, of_cpp)
    return float(number) == float(of_c)


def check_cpp_struct(struct: Struct, structs: dict[str, dict[str, str]], text: str) -> list[str]:
    words = struct.name[4:].replace("_", "")
    names = [name for name in structs if name.lower() == words]
    if not names:
        return [f"scn.hpp: has no struct for {struct.name}"]
    ours, problems = structs[names[0]], []
    left_out = NOT_IN_CPP.get(struct.name, set())
    wanted = {name: value for name, value in struct.defaults.items() if name not in left_out}
    for name in [name for name in wanted if name not in ours] + [name for name in ours if name not in wanted]:
        problems.append(f"scn.hpp: {name} is in {struct.name} or {names[0]} alone, or has no initial value there")
    for name in wanted.keys() & ours.keys():
        if not same_default(wanted[name], ours[name]):
            problems.append(f"scn.hpp: {names[0]}.{name} is {ours[name]}, expected {wanted[name]} as in scn.h")
    # Where the struct of C is filled in, it gets every field.
    variable = re.search(rf"\b{struct.name} (\w+) = {struct.name.upper()}_INIT;(.*?)\n    ?\}}", text, re.S)
    if not variable:
        return [*problems, f"scn.hpp: fills in no {struct.name}"]
    assigned = set(re.findall(rf"\b{variable[1]}\.(\w+) = ", variable[2]))
    problems += [f"scn.hpp: {struct.name}.{name} is never set" for name in struct.defaults if name not in assigned]
    return problems


def main() -> None:
    header_text = text_of(HEADER)
    try:
        header = parse(header_text)
        problems = check_generated(header, header_text)
    except NotUnderstood as error:
        sys.exit(f"check-abi: include/scn.h: {error}")
    cpp = text_of(CPP)
    structs = cpp_structs(cpp)
    options = [struct for struct in header.structs.values() if struct.defaults and struct.name not in OF_C_ALONE]
    for struct in options:
        problems += check_cpp_struct(struct, structs, cpp)
    for problem in problems:
        print(f"check-abi: {problem}")
    if problems:
        sys.exit(1)
    counts = f"{len(header.functions)} functions, {len(header.structs)} structs and {len(header.enums)} enumerations"
    print(f"check-abi: {counts} of Python are the header's; {len(options)} option structs of C++ have its defaults")


if __name__ == "__main__":
    main()
