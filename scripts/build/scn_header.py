"""What scn.h declares, read by a parser that knows the header's few forms and refuses every other.

parse(text) returns a `Header`; `NotUnderstood` names the line of what it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, Optional

NUMBERS = ("int32_t", "int64_t", "uint8_t", "uint64_t", "size_t", "float", "double")


class NotUnderstood(Exception):
    """Something in the header that is none of its forms."""


class Type(NamedTuple):
    """A type: what it is called at its base, const or not, and how many pointers lead there."""

    base: str
    pointers: int = 0
    is_const: bool = False


class Field(NamedTuple):
    """A parameter of a function, or a field of a struct."""

    name: str
    type: Type


class Function(NamedTuple):
    name: str
    result: Type
    parameters: list[Field]
    section: str


class Struct(NamedTuple):
    """defaults: what the _INIT macro says of each field, as C writes it; None where there is no such macro."""

    name: str
    fields: list[Field]
    defaults: Optional[dict[str, str]]


class Header(NamedTuple):
    """lines: of each name, and each macro that is none of the constants, the first and the last line of its
    declaration, counted from 1."""

    constants: dict[str, int]
    enums: dict[str, dict[str, int]]
    handles: list[str]
    callbacks: list[str]
    structs: dict[str, Struct]
    functions: dict[str, Function]
    lines: dict[str, tuple[int, int]]


# Lines of the preprocessor that declare nothing.
_FRAME = """\
#ifndef SCN_H
#define SCN_H
#include <stddef.h>
#include <stdint.h>
#if defined(__GNUC__)
#define SCN_API __attribute__((visibility("default")))
#else
#define SCN_API
#endif
#ifdef __cplusplus
extern "C" {
#endif
#ifdef __cplusplus
#else
#endif
#ifdef __cplusplus
}
#endif
#endif
""".splitlines()

_NAME = r"[A-Za-z_]\w*"
_SECTION = re.compile(r"/\* =+ (.+?)(?: \*/)?$", re.M)
_CONSTANT = re.compile(rf"#define ({_NAME}) (\d+)")
_INITIAL = re.compile(r"#define (\w+)_INIT {sizeof\((\w+)\), (.+)}")
# An expression for a struct, which C and C++ alone can use.
_EXPRESSION = re.compile(r"#define (\w+)\([\w, ]+\) \(.*\b(\w+)\)?{sizeof\((\w+)\), .+}\)")
_CALLBACK = re.compile(rf"typedef void \(\*({_NAME})\)\(void \*\w+\)")
_HANDLE = re.compile(rf"typedef struct ({_NAME}) ({_NAME})")
_ENUM = re.compile(rf"typedef enum ({_NAME}) {{ ?(.*?) ?}} ({_NAME})")
_STRUCT = re.compile(rf"typedef struct ({_NAME}) {{ ?(.*?) ?}} ({_NAME})")
_FUNCTION = re.compile(rf"SCN_API (.*?)({_NAME}) ?\((.*)\)")
_ENUMERATOR = re.compile(rf"({_NAME}) = (\d+)")
_DECLARED = re.compile(rf"(const )?({_NAME}) ?((?:\*(?: ?const\b)? ?)*)({_NAME})((?:\[\d+\])?)")


def parse(text: str) -> Header:
    """Read a header. Raises `NotUnderstood`."""
    parser = _Parser()
    for line, last, statement in _statements(text):
        parser.place = (line, last)
        try:
            parser.take(statement)
        except NotUnderstood as error:
            raise NotUnderstood(f"line {line}: {error}") from None
    return parser.finished()


def _statements(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield statements with the numbers of their first and last lines; what begins with # is a line of the preprocessor
    or the name of a section."""
    sections = {text.count("\n", 0, match.start()) + 1: match.group(1) for match in _SECTION.finditer(text)}
    text = re.sub(r"/\*.*?\*/", _blank, text, flags=re.S)
    text = re.sub(r"//[^\n]*", _blank, text)
    frame, pending, begin, joined, joined_from = list(_FRAME), "", 0, "", 0
    for number, line in enumerate(text.split("\n"), 1):
        if number in sections:
            yield number, number, "#" + sections[number]
        joined_from = joined_from if joined else number
        joined += line.rstrip()
        if joined.endswith("\\"):
            joined = joined[:-1]
            continue
        line, joined = " ".join(joined.split()), ""
        if not line:
            continue
        if not pending and frame and line == frame[0]:
            del frame[0]
            continue
        if line.startswith("#"):
            if pending:
                raise NotUnderstood(f"line {number}: {line!r} stands within a declaration")
            yield joined_from, number, line
            continue
        if not pending:
            begin = number
        pending = f"{pending} {line}".strip()
        while (end := _end_of_statement(pending)) is not None:
            yield begin, number, pending[:end]
            pending = pending[end + 1 :].strip()
            begin = number
    if pending or joined:
        raise NotUnderstood(f"line {begin}: {pending or joined!r} does not end")
    if frame:
        raise NotUnderstood(f"the line {frame[0]!r} is missing, or stands elsewhere")


def _blank(comment: re.Match[str]) -> str:
    """Return blanks for a comment, on as many lines."""
    return re.sub(r"[^\n]", " ", comment.group())


def _end_of_statement(text: str) -> int | None:
    depth = 0
    for index, character in enumerate(text):
        depth += (character in "{(") - (character in "})")
        if character == ";" and depth == 0:
            return index
    return None


class _Parser:
    def __init__(self) -> None:
        self.constants: dict[str, int] = {}
        self.enums: dict[str, dict[str, int]] = {}
        self.handles: list[str] = []
        self.callbacks: list[str] = []
        self.structs: dict[str, Struct] = {}
        self.functions: dict[str, Function] = {}
        self.lines: dict[str, tuple[int, int]] = {}
        self.section, self.place = "", (0, 0)
        self.names: set[str] = set()

    def finished(self) -> Header:
        for struct in self.structs.values():
            if struct.fields[0].name == "struct_size" and struct.defaults is None:
                raise NotUnderstood(f"{struct.name} begins with its size, and has no _INIT macro")
        if not self.functions:
            raise NotUnderstood("no function is declared")
        declared = (self.constants, self.enums, self.handles, self.callbacks, self.structs, self.functions)
        return Header(*declared, self.lines)

    def take(self, statement: str) -> None:
        """Take a statement without its semicolon, a line of the preprocessor, or the name of a section after a #."""
        if statement.startswith("#define "):
            self._macro(statement)
        elif statement.startswith("#") and statement[1:2].isupper():
            self.section = statement[1:]
        elif match := _FUNCTION.fullmatch(statement):
            self._function(*match.groups())
        elif match := _ENUM.fullmatch(statement):
            self._enum(*match.groups())
        elif match := _STRUCT.fullmatch(statement):
            self._struct(*match.groups())
        elif match := _HANDLE.fullmatch(statement):
            self._same(*match.groups())
            self._claim(match[1])
            self.handles.append(match[1])
        elif match := _CALLBACK.fullmatch(statement):
            self._claim(match[1])
            self.callbacks.append(match[1])
        else:
            raise NotUnderstood(f"{statement!r} is no form that a declaration has here")

    def _macro(self, line: str) -> None:
        if match := _CONSTANT.fullmatch(line):
            self._claim(match[1])
            self.constants[match[1]] = int(match[2])
        elif match := _INITIAL.fullmatch(line):
            struct = self.structs.get(match[2])
            if struct is None or match[1] != struct.name.upper():
                raise NotUnderstood(f"{line!r} is of no struct before it")
            values, names = match[3].split(", "), [field.name for field in struct.fields]
            if names[0] != "struct_size" or len(values) != len(names) - 1:
                raise NotUnderstood(f"{line!r} has {len(values)} values behind the size; {struct.name} has {names}")
            for field, value in zip(struct.fields[1:], values):
                self._check_default(field, value)
            self.structs[struct.name] = struct._replace(defaults=dict(zip(names[1:], values)))
            self.lines[f"{match[1]}_INIT"] = self.place
        elif match := _EXPRESSION.fullmatch(line):
            if match[2] not in self.structs or match[2] != match[3] or match[1] != match[2].upper():
                raise NotUnderstood(f"{line!r} is of no struct before it")
            self.lines[match[1]] = self.place
        else:
            raise NotUnderstood(f"{line!r} is no form that a macro has here")

    def _check_default(self, field: Field, value: str) -> None:
        if field.type.pointers:
            fits = value == "NULL"
        elif field.type.base in self.enums:
            fits = value in self.enums[field.type.base]
        elif field.type.base == "double":
            fits = re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", value) is not None
        else:
            fits = re.fullmatch(r"-?\d+", value) is not None
        if not fits:
            raise NotUnderstood(f"{value!r} is no initial value for {field.name}")

    def _function(self, result: str, name: str, parameters: str) -> None:
        self._claim(name)
        # As if the function's name were that of a variable.
        returned = self._declared(f"{result}{name}").type
        fields = [] if parameters == "void" else [self._declared(part) for part in parameters.split(", ")]
        if len({field.name for field in fields}) != len(fields):
            raise NotUnderstood(f"{name} has two parameters of one name")
        self.functions[name] = Function(name, returned, fields, self.section)

    def _enum(self, name: str, body: str, again: str) -> None:
        self._same(name, again)
        self._claim(name)
        values: dict[str, int] = {}
        for part in body.split(", "):
            match = _ENUMERATOR.fullmatch(part)
            if not match:
                raise NotUnderstood(f"{part!r} is no enumerator with its number")
            self._claim(match[1])
            values[match[1]] = int(match[2])
        self.enums[name] = values

    def _struct(self, name: str, body: str, again: str) -> None:
        self._same(name, again)
        self._claim(name)
        if not body.endswith(";"):
            raise NotUnderstood(f"{body!r} does not end in a semicolon")
        self.structs[name] = Struct(name, [self._declared(part) for part in body[:-1].split("; ")], None)

    def _declared(self, text: str) -> Field:
        """Return the name and the type of a parameter, a field or (by its name) a function."""
        match = _DECLARED.fullmatch(text)
        if not match:
            raise NotUnderstood(f"{text!r} is no type with a name")
        const, base, pointers, name, array = match.groups()
        known = (*NUMBERS, "char", "void", *self.enums, *self.handles, *self.callbacks, *self.structs)
        if base not in known:
            raise NotUnderstood(f"{base!r} in {text!r} is no type that is known before")
        return Field(name, Type(base, pointers.count("*") + bool(array), bool(const)))

    def _same(self, name: str, again: str) -> None:
        if name != again:
            raise NotUnderstood(f"{name} is called {again}, too")

    def _claim(self, name: str) -> None:
        if name in self.names:
            raise NotUnderstood(f"{name} is declared twice")
        self.names.add(name)
        self.lines[name] = self.place
