#!/usr/bin/env python3
"""Write into the pages on porting which names of the other library there are, and whether they work, as the code says.

usage: generate_dialect_names.py [--check] [LIBRARY ...]      needs .venv/bin/python with PyTorch

LIBRARY: spconv, MinkowskiEngine, torchsparse; default: all. Between the lines <!-- names: begin --> and <!-- names:
end --> of a page stand a table of all public modules, and why names differ or raise an error; see
bindings/python/src/scn/dialects/names.py. --check: write nothing; fail where a page is old.
"""

from __future__ import annotations

import os
import sys

from scn.dialects.names import Module, modules_of

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BEGIN, END = "<!-- names: begin -->", "<!-- names: end -->"
Package = tuple[str, str, tuple[str, ...], str]
# The page of each library; its packages, how programs import them, what is left out inside of them, and what is said
# before their table.
PAGES: dict[str, tuple[str, list[Package]]] = {
    "spconv": ("porting-spconv.md", [("scn.spconv", "spconv", (), ""), ("scn.spconv._cumm", "cumm", (), "")]),
    "MinkowskiEngine": ("porting-minkowski.md", [("scn.minkowski", "MinkowskiEngine", (), "")]),
    "torchsparse": (
        "porting-torchsparse.md",
        [
            ("scn.torchsparse", "torchsparse", ("scn.torchsparse.v1",), "All public names, in the form of 2.1:"),
            ("scn.torchsparse.v1", "torchsparse", (), "In the form of 1.4 and 2.0:"),
        ],
    ),
}
STATUSES = ("works", "differs", "raises")


def table(titles: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [titles, ["---"] * len(titles), *rows]) + "\n"


def code(names: list[str]) -> str:
    """Names as code, separated by commas."""
    return ", ".join(f"`{name}`" for name in names)


def modules_table(modules: list[Module]) -> str:
    """All modules, and their names by what becomes of them."""
    rows = []
    for module in modules:
        columns = [code([name.name for name in module.names if name.status == status]) for status in STATUSES]
        rows.append([f"`{module.name}`", *columns])
    return table(["module", "works", "works differently", "raises an error"], rows)


def reasons_table(modules: list[Module], status: str, title: str) -> str:
    """Why names of a status have it, names of the same reason together; nothing if there are none."""
    names_of: dict[str, dict[str, None]] = {}
    for module in modules:
        for name in module.names:
            if name.status == status:
                names_of.setdefault(name.reason, {})[name.name] = None
    if not names_of:
        return ""
    return table(["name", title], [[code(list(names)), reason] for reason, names in names_of.items()])


def section(packages: list[Package]) -> str:
    """What stands between the marks."""
    parts = []
    for package, shown, without, title in packages:
        modules = modules_of(package, shown, without)
        parts.append(f"{title}\n\n{modules_table(modules)}".lstrip())
        parts += [
            reasons_table(modules, "differs", "what differs"),
            reasons_table(modules, "raises", "why it raises an error"),
        ]
    return "\n".join(part for part in parts if part)


def page_of(text: str, packages: list[Package], name: str) -> str:
    """The page with its section made anew."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"generate_dialect_names: docs/{name} lacks the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{section(packages)}\n{END}{after}"


def main() -> None:
    """Make the pages, or compare."""
    is_check = "--check" in sys.argv[1:]
    libraries = [argument for argument in sys.argv[1:] if argument != "--check"] or list(PAGES)
    for library in libraries:
        if library not in PAGES:
            sys.exit(f"generate_dialect_names: there is no page on {library}, but on {', '.join(PAGES)}")
        name, packages = PAGES[library]
        path = os.path.join(ROOT, "docs", name)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        made = page_of(text, packages, name)
        if not is_check:
            with open(path, "w", encoding="utf-8") as file:
                file.write(made)
        elif made != text:
            sys.exit(f"docs/{name} is old; make it anew: .venv/bin/python scripts/build/generate_dialect_names.py")
        else:
            print(f"docs/{name} has the names that the code has")


if __name__ == "__main__":
    main()
