#!/usr/bin/env python3
"""Make the page of the C++ interface for the site, of bindings/cpp/scn.hpp: its sections, in its order, a heading for
each class, and its public declarations with the comments above them.

usage: generate_cpp_reference.py FILE
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

from reference_text import Linker, escaped, fenced, inline, markdown

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts/check"))

from public_names import declarations_of_cpp

_SECTION = re.compile(r"^// =+ (.+)$", re.M)
_TYPE = re.compile(r"(?:template <.*> )?(?:class|struct|enum(?: class)?) (?:\[\[\w+\]\] )?(\w+)(?!.*[(;])")


class Declaration(NamedTuple):
    scope: str
    text: str
    comment: str
    section: str


def declarations() -> tuple[str, list[Declaration]]:
    """The comment at the header's beginning, and its public declarations in its order."""
    found = declarations_of_cpp()
    source = found.text.decode()
    sections = [(match.start(), match[1].strip()) for match in _SECTION.finditer(source)]
    result = []
    for path, text, offset in sorted(found.found, key=lambda entry: entry[2]):
        begin = source.rfind("\n", 0, offset) + 1
        section = next((title for start, title in reversed(sections) if start < begin), "")
        result.append(Declaration(path.partition(" ")[0], text, _comment(source[:begin]), section))
    first = re.match(r"(?:^///.*\n)+", source, re.M)
    return _plain(first.group() if first else ""), result


def _comment(before: str) -> str:
    """The documentation comment that ends where a declaration begins."""
    lines = before.split("\n")[:-1]
    count = next((n for n, line in enumerate(reversed(lines)) if not line.strip().startswith("///")), len(lines))
    return _plain("\n".join(lines[len(lines) - count :]))


def _plain(comment: str) -> str:
    return re.sub(r"^ */// ?", "", comment, flags=re.M).strip("\n")


def _type_of(declaration: Declaration) -> str:
    match = _TYPE.match(declaration.text)
    return match[1] if match else ""


def made_page(link: Linker, names: re.Pattern[str]) -> str:
    """The page. link, names: how it links functions of scn.h."""
    beginning, found = declarations()
    introduction, _, rules = beginning.partition("\nNames. ")
    parts = ["# The C++ interface", markdown(introduction, link, "cpp", names)]
    for match in re.finditer(r"^(\w+)\. +(.*(?:\n +.*|\n(?=$))*)", "Names. " + rules, re.M):
        parts.append(f"**{match[1]}.** {inline(' '.join(match[2].split()), link, names)}")
    section = ""
    for declaration in found:
        if declaration.scope != "scn":
            continue
        if declaration.section != section:
            section = declaration.section
            parts.append(f"## {escaped(section)}")
        name = _type_of(declaration)
        if not name:
            parts += [
                fenced(declaration.text.rstrip(";") + ";", "cpp"),
                markdown(declaration.comment, link, "cpp", names),
            ]
            continue
        parts += [
            f"### `scn::{name}` {{ #scn::{name} }}",
            fenced(declaration.text, "cpp"),
            markdown(declaration.comment, link, "cpp", names),
        ]
        inside = [d for d in found if d.scope == f"scn::{name}"]
        if inside:
            parts.append(fenced("".join(_member(d) for d in inside).lstrip(), "cpp"))
    return "\n\n".join(part for part in parts if part) + "\n"


def _member(declaration: Declaration) -> str:
    comment = "".join(f"// {line}\n" for line in declaration.comment.split("\n") if line)
    return ("\n" + comment if comment else "") + declaration.text.rstrip(";") + ";\n"


def main() -> None:
    """Make the page."""
    if len(sys.argv) != 2:
        sys.exit("usage: generate_cpp_reference.py FILE")
    Path(sys.argv[1]).write_text(made_page(lambda name: None, re.compile(r"\bscn_\w+")), encoding="utf-8")


if __name__ == "__main__":
    main()
