#!/usr/bin/env python3
"""Make the pages of the C interface for the site, of include/scn.h: its sections in its order, a heading for each name.

usage: generate_c_reference.py [--check | FOLDER]

--check: write nothing; fail where a name of the header has no heading, more than one, or no words about it.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import NamedTuple, Optional

from reference_text import arranged, cell, code, fenced, inline, markdown, write_pages
from scn_header import Field, Function, Header, Struct, parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEADER = os.path.join(ROOT, "include/scn.h")
NAMES = re.compile(r"\b(?:scn|SCN)_\w*[A-Za-z0-9]\b(?!\.\.\.)")
_COMMENT = re.compile(r"^/\*(.*?)\*/", re.S | re.M)
_SECTION = re.compile(r"\s*=+ (.+)")
_OF_FIELD = re.compile(r"(\w+)(?:\[\d+\])?(?: = \d+)?[;,]?\s*/\*\*<(.*?)\*/", re.S)


class Entry(NamedTuple):
    """A declaration, or a comment between declarations, which is a heading."""

    line: int
    name: str
    comment: str


class Page(NamedTuple):
    """A section of the header."""

    path: str
    title: str
    introduction: str
    entries: list[Entry]


class Reference:
    """What the pages are made of."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.source = text.split("\n")
        self.header: Header = parse(text)
        self.begin, self.pages = self._divide()
        self.page_of = {entry.name: page.path for page in self.pages for entry in page.entries if entry.comment}
        self.owner_of = {value: enum for enum, values in self.header.enums.items() for value in values}

    def names(self) -> list[str]:
        """The names that need a heading, in the header's order."""
        values = {value for values in self.header.enums.values() for value in values}
        return sorted(set(self.header.lines) - values, key=lambda name: self.header.lines[name])

    def _divide(self) -> tuple[str, list[Page]]:
        """The comment at the header's beginning, and its sections."""
        begin, pages = "", list[Page]()
        documented = {self.header.lines[name][0]: name for name in self.names()}
        for match in _COMMENT.finditer(self.text):
            comment = match[1]
            behind = self.text.count("\n", 0, match.end()) + 2
            if section := _SECTION.match(comment):
                title = section[1].strip()
                pages.append(Page(f"{_slug(title)}.md", title, _plain(comment[section.end() :]), []))
            elif not begin:
                begin = _plain(comment)
            elif comment.startswith("*") and behind in documented:
                pages[-1].entries.append(Entry(behind, documented.pop(behind), _plain(comment[1:])))
            elif not comment.startswith("*") and pages:
                pages[-1].entries.append(Entry(behind, _plain(comment), ""))
        for name in documented.values():
            # The forms of SCN_MATRIX for C and C++ are one; everything else without a comment is found by --check.
            pages[-1].entries.append(Entry(self.header.lines[name][0], name, ""))
        return begin, pages

    def link_from(self, page: str):
        """How a page links a name: by its heading, an enumerator by its enum's."""

        def link(name: str) -> Optional[str]:
            target = self.owner_of.get(name, name)
            path = self.page_of.get(target)
            if path is None or name in self.owner_of:
                return None
            return f"#{target}" if path == page else f"{path}#{target}"

        return link

    def page(self, page: Page) -> str:
        """A section as Markdown."""
        link = self.link_from(page.path)
        parts = [f"# C: {page.title}", markdown(page.introduction, link, names=NAMES)]
        for entry in page.entries:
            if entry.name not in self.header.lines:
                title, _, rest = entry.name.partition(". ")
                parts += [f"## {inline(title.rstrip('.'), link)}", markdown(rest, link, names=NAMES)]
            else:
                parts += [
                    f"### `{entry.name}` {{ #{entry.name} }}",
                    self._declaration(entry.name),
                    markdown(entry.comment, link, "c", NAMES),
                    self._table(entry, link),
                ]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _declaration(self, name: str) -> str:
        header = self.header
        if name in header.functions:
            return fenced(_prototype(header.functions[name]), "c")
        if name in header.structs:
            fields = "".join(f"    {_spelled(field)};\n" for field in header.structs[name].fields)
            return fenced(f"typedef struct {name} {{\n{fields}}} {name};", "c")
        if name in header.enums:
            return fenced(f"typedef enum {name} {{ ... }} {name};", "c")
        first, last = header.lines[name]
        return fenced(re.sub(r" +\\$", " \\\\", "\n".join(self.source[first - 1 : last]), flags=re.M), "c")

    def _table(self, entry: Entry, link) -> str:
        """The values of an enum, or the fields of a struct with their defaults."""
        first, last = self.header.lines[entry.name]
        body = "\n".join(self.source[first - 1 : last])
        notes = {match[1]: _plain(match[2]) for match in _OF_FIELD.finditer(body)}
        rows: list[list[str]] = []
        if entry.name in self.header.enums:
            rows = [["value", "", "meaning"]]
            for value, number in self.header.enums[entry.name].items():
                rows.append([code(value), str(number), _note(notes, value, link)])
        elif entry.name in self.header.structs:
            struct: Struct = self.header.structs[entry.name]
            defaults = struct.defaults or {}
            rows = [["field", "default", "meaning"] if defaults else ["field", "meaning"]]
            for field in struct.fields:
                default = [code(defaults[field.name]) if field.name in defaults else ""] if defaults else []
                rows.append([code(field.name), *default, _note(notes, field.name, link)])
        if not rows:
            return ""
        rows.insert(1, ["---"] * len(rows[0]))
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)

    def index(self) -> str:
        """The first page: the program and the conventions at the header's beginning, and the sections."""
        link = self.link_from("README.md")
        beginning, conventions = self.begin.split("CONVENTIONS\n", 1)
        parts = ["# The C interface", markdown(beginning, link, "c", NAMES)]
        parts.append("| section | |\n| --- | --- |\n" + "\n".join(self._row(page) for page in self.pages))
        parts.append("## Conventions")
        for match in re.finditer(r"^(\w+)\. +(.*(?:\n +.*)*)", conventions, re.M):
            parts += [f"### {match[1]}", inline(" ".join(match[2].split()), link, NAMES)]
        return "\n\n".join(parts) + "\n"

    def _row(self, page: Page) -> str:
        names = [entry.name for entry in page.entries if entry.comment]
        return f"| [{page.title}]({page.path}) | {cell(', '.join(code(name) for name in names[:4]))} and others |"

    def problems(self, made: dict[str, str]) -> list[str]:
        """What is wrong with the pages that were made: each name has one heading, with words under it."""
        text = "\n".join(made.values())
        found = re.findall(r"^### `\w+` \{ #(\w+) \}$", text, re.M)
        commented = {entry.name for page in self.pages for entry in page.entries if entry.comment.strip()}
        problems = [
            f"{name}: has {found.count(name)} headings, expected 1" for name in self.names() if found.count(name) != 1
        ]
        problems += [f"{name}: has no comment in scn.h" for name in self.names() if name not in commented]
        problems += [f"{name}: has a heading, and is not in scn.h" for name in found if name not in self.header.lines]
        # Counted without the parser, so that a function that it missed is found.
        exported = set(re.findall(r"^SCN_API [\w *]*?(scn_\w+)\(", self.text, re.M))
        problems += [f"{name}: is exported, and has no heading" for name in sorted(exported - set(found))]
        return problems


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _plain(comment: str) -> str:
    """The text of a comment without the asterisks before its lines."""
    return "\n".join(re.sub(r"^ \* {0,2}| +$", "", line) for line in comment.split("\n")).strip("\n").strip(" ")


def _note(notes: dict[str, str], name: str, link) -> str:
    return cell(inline(" ".join(notes.get(name, "").split()), link, NAMES))


def _spelled(field: Field) -> str:
    return f"{_type(field)}{field.name}"


def _type(field: Field) -> str:
    const = "const " if field.type.is_const else ""
    return f"{const}{field.type.base} {'*' * field.type.pointers}"


def _prototype(function: Function) -> str:
    parameters = [_spelled(field) for field in function.parameters] or ["void"]
    return arranged(_type(Field("", function.result)) + function.name, parameters, ";")


def made_pages() -> tuple[dict[str, str], list[str]]:
    """The pages by their paths, in the order of the navigation, and what is wrong with them."""
    reference = Reference(Path(HEADER).read_text(encoding="utf-8"))
    made = {"README.md": reference.index(), **{page.path: reference.page(page) for page in reference.pages}}
    return made, reference.problems(made)


def links_from(folder: str):
    """How a page beside the folder of these pages links a name."""
    reference = Reference(Path(HEADER).read_text(encoding="utf-8"))
    link = reference.link_from("")

    def from_outside(name: str) -> Optional[str]:
        address = link(name)
        return address and folder + address

    return from_outside


def main() -> None:
    """Make the pages, or check them."""
    if len(sys.argv) != 2:
        sys.exit("usage: generate_c_reference.py [--check | FOLDER]")
    made, problems = made_pages()
    if problems:
        sys.exit("\n".join(f"generate_c_reference: {problem}" for problem in problems))
    if sys.argv[1] == "--check":
        print(
            f"generate_c_reference: {sum(text.count('### `') for text in made.values())} names of scn.h have a heading"
        )
        return
    write_pages(Path(sys.argv[1]), made)


if __name__ == "__main__":
    main()
