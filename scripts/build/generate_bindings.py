#!/usr/bin/env python3
"""Make what Python repeats of include/scn.h: bindings/python/src/scn/_native/generated.py.

usage: generate_bindings.py

`make check-abi` fails where that file is not what this makes of the header.
"""

from __future__ import annotations

import os
import re

from scn_header import Header, NotUnderstood, Struct, Type, parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEADER = os.path.join(ROOT, "include/scn.h")
GENERATED = os.path.join(ROOT, "bindings/python/src/scn/_native/generated.py")
WIDTH = 120

BEGIN = '''\
"""Made of scn.h by scripts/build/generate_bindings.py: functions, structs and numbers, for ctypes. Not to be edited."""

# Long because: it has the whole of scn.h.

from __future__ import annotations

{imports}
from typing import Any
'''
CTYPES = (
    "CFUNCTYPE",
    "POINTER",
    "Structure",
    "c_char",
    "c_char_p",
    "c_double",
    "c_float",
    "c_int",
    "c_int32",
    "c_int64",
    "c_size_t",
    "c_uint64",
    "c_void_p",
    "sizeof",
)
SCALARS = {
    "int32_t": "c_int32",
    "int64_t": "c_int64",
    "uint64_t": "c_uint64",
    "size_t": "c_size_t",
    "float": "c_float",
    "double": "c_double",
}
ARRAYS = {
    "int32_t": "Int32s",
    "int64_t": "Int64s",
    "uint8_t": "UInt8s",
    "uint64_t": "UInt64s",
    "float": "Floats",
    "double": "Doubles",
}


def python_name(name: str) -> str:
    """scn_batch_norm_options -> BatchNormOptions"""
    if not name.startswith("scn_"):
        raise NotUnderstood(f"{name} does not begin with scn_")
    return "".join(word.capitalize() for word in name[4:].split("_"))


class Generator:
    def __init__(self, header: Header) -> None:
        self.header = header

    def text(self) -> str:
        parts = [self.constants(), *map(self.enum, self.header.enums), self.names()]
        parts += [f"\n{self.struct(struct)}" for struct in self.header.structs.values()]
        text = "\n".join([*parts, "\n" + self.functions()])
        used = [name for name in CTYPES if re.search(rf"\b{name}\b", text)]
        return BEGIN.format(imports="\n".join(wrapped("", "from ctypes import (", used, ")"))) + "\n" + text

    def constants(self) -> str:
        """The numbers of macros, but for the version, of which the library tells."""
        constants = self.header.constants.items()
        return "".join(f"{name} = {value}\n" for name, value in constants if "_VERSION_" not in name)

    def enum(self, name: str) -> str:
        return f"# {name}\n" + "".join(f"{key} = {value}\n" for key, value in self.header.enums[name].items())

    def names(self) -> str:
        lines = ["# Handles."]
        lines += [f"{python_name(name)} = c_void_p" for name in self.header.handles]
        lines += ["", "# Enumerations."]
        lines += [f"{python_name(name)} = c_int" for name in self.header.enums if name != "scn_status"]
        lines += ["", "# Numbers in memory: an address, an array or a reference of ctypes, None for NULL."]
        lines += [f"{name} = c_void_p" for name in ARRAYS.values()]
        lines += ["", "# Callbacks."]
        lines += [f"{python_name(name)} = CFUNCTYPE(None, c_void_p)" for name in self.header.callbacks]
        lines += ["", "", "class Status(c_int):", '    """The result of a function that can fail: scn_status."""', ""]
        return "\n".join(lines)

    def type(self, type: Type) -> str:
        """The ctypes type of a parameter or result."""
        base, pointers = type.base, type.pointers
        if base in self.header.enums or base in self.header.callbacks:
            name = python_name(base)
        elif base in self.header.handles:
            name, pointers = python_name(base), pointers - 1
        elif base == "char":
            # A text that is read; else a buffer that is written.
            name, pointers = ("c_char_p", pointers - 1) if type.is_const else ("c_char", pointers)
        elif base == "void":
            name, pointers = "c_void_p" if pointers else "None", max(pointers - 1, 0)
        elif base in self.header.structs:
            name = python_name(base)
        elif pointers and base in ARRAYS:
            name, pointers = ARRAYS[base], pointers - 1
        elif base in SCALARS:
            name = SCALARS[base]
        else:
            raise NotUnderstood(f"{type} has no counterpart in ctypes")
        if pointers < 0 or (pointers == 0 and (base in self.header.structs or name == "c_char")):
            raise NotUnderstood(f"{type} is passed by value")
        return "POINTER(" * pointers + name + ")" * pointers

    def field_type(self, type: Type) -> str:
        """The ctypes type of a field. The struct keeps arrays that it points to; features are given as addresses."""
        if type.pointers == 1 and type.base in SCALARS and type.base != "float":
            return f"POINTER({SCALARS[type.base]})"
        return self.type(type)

    def struct(self, struct: Struct) -> str:
        name = python_name(struct.name)
        lines = [f"class {name}(Structure):", f'    """{struct.name}"""', "", "    _fields_ = ["]
        lines += [f'        ("{field.name}", {self.field_type(field.type)}),' for field in struct.fields]
        lines.append("    ]")
        if struct.defaults is not None:
            arguments = [self.argument(field, struct.defaults[field.name]) for field in struct.fields[1:]]
            lines += ["", *wrapped("    ", "def __init__(", ["self", "*", *arguments], ") -> None:")]
            given = [f"sizeof({name})", *(field.name for field in struct.fields[1:])]
            lines += wrapped("        ", "super().__init__(", given, ")")
        return "\n".join(lines) + "\n"

    def argument(self, field, default: str) -> str:
        if field.type.pointers:
            return f"{field.name}: Any = None"
        if field.type.base == "double":
            return f"{field.name}: float = {float(default)!r}"
        return f"{field.name}: int = {default}"

    def functions(self) -> str:
        lines, section = ["FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {"], ""
        for function in self.header.functions.values():
            if function.section != section:
                section = function.section
                lines.append(f"    # {section}")
            result = self.type(function.result)
            types = [self.type(parameter.type) for parameter in function.parameters]
            line = f'    "{function.name}": ({result}, [{", ".join(types)}]),'
            if len(line) <= WIDTH:
                lines.append(line)
                continue
            lines += [f'    "{function.name}": (', f"        {result},", *wrapped("        ", "[", types, "],")]
            lines.append("    ),")
        return "\n".join([*lines, "}"]) + "\n"


def wrapped(indent: str, before: str, parts: list[str], behind: str) -> list[str]:
    """Lines of a list: one, or one with the parts, or one for each part."""
    line = f"{indent}{before}{', '.join(parts)}{behind}"
    if len(line) <= WIDTH:
        return [line]
    inner = f"{indent}    {', '.join(parts)}"
    if before != "[" and len(inner) <= WIDTH:
        return [indent + before, inner, indent + behind]
    return [indent + before, *(f"{indent}    {part}," for part in parts), indent + behind]


def generated_text(header_text: str) -> str:
    return Generator(parse(header_text)).text()


def main() -> None:
    with open(HEADER, encoding="utf-8") as file:
        text = generated_text(file.read())
    with open(GENERATED, "w", encoding="utf-8") as file:
        file.write(text)
    print(f"{os.path.relpath(GENERATED, ROOT)}: {len(re.findall('^    .scn_', text, re.M))} functions")


if __name__ == "__main__":
    main()
