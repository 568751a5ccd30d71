#!/usr/bin/env python3
"""Make docs/layers.md, the reference of all layers, of what the built library says of them: scn_layer_types.

usage: generate_layers_page.py [--check]

--check: write nothing; fail where the page is old.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIBRARY, PAGE = os.path.join(ROOT, "build/lib/libscn.so"), os.path.join(ROOT, "docs/layers.md")

BEGIN = """\
# Layers

Made by scripts/build/generate_layers_page.py from what the library says of its layers (`scn_layer_types`); not to be
edited.

Every type of module that an architecture can name: `{"type": "Linear", "in_planes": 8, "out_planes": 2}` in a
checkpoint or for `scn_module_create`, `scn.Linear(8, 2)` in Python. Arguments are listed in the order of Python's
constructors. Where Python has another name for one, SparseConvNet's, both are given; architectures are read with
either. Arguments with a default may be left out. Sizes are one number for all axes, or a list of one for each.
"""


def layer_types() -> list[dict]:
    """What the library says of its layers."""
    library, text = ctypes.CDLL(LIBRARY), ctypes.c_char_p()
    if library.scn_layer_types(ctypes.byref(text)) != 0 or text.value is None:
        sys.exit(f"generate_layers_page: {LIBRARY} names no layers")
    return json.loads(text.value)


def values(argument: dict) -> str:
    """What an argument may be."""
    least, most = argument.get("minimum"), argument.get("maximum")
    if argument["kind"] == "choice":
        text = " or ".join(f"`{choice}`" for choice in argument["choices"])
    elif argument["kind"] == "flag":
        text = "true or false"
    elif argument["kind"] == "list":
        text = f"{argument['shortest']} ... {argument['longest']} integers, each {least} ... {most}"
    elif argument["kind"] == "text":
        text = "text"
    elif argument["kind"] in ("integer", "sizes"):
        of = {"integer": "integer", "sizes": "sizes"}[argument["kind"]]
        text = f"{of}, {least} ... {most}" if most is not None else f"{of}, at least {least}"
    else:
        text = f"{'numbers' if argument['kind'] == 'ratios' else 'number'}, {argument['bound']}"
    return text + (" or null" if argument.get("is_nullable") else "")


def table(titles: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [titles, ["---"] * len(titles), *rows]) + "\n"


def section(entry: dict) -> str:
    """A layer."""
    text = f"## {entry['type']}\n\n{entry['documentation']}\n"
    if entry.get("is_network"):
        text += "A `Sequential` of layers is made, which architectures name in its place.\n"
    arguments = []
    for argument in entry["arguments"]:
        name = f"`{argument['name']}`"
        if "sparseconvnet_name" in argument:
            name += f", Python `{argument['sparseconvnet_name']}`"
        default = f"`{json.dumps(argument['default'])}`" if "default" in argument else "needed"
        documentation = argument["documentation"]
        if argument.get("is_taken_over"):
            documentation += " Only networks optimized for inference have another value."
        arguments.append([name, values(argument), default, documentation])
    if entry.get("holds_modules"):
        arguments.append(["`modules`", "list of modules", "needed", "The modules inside, in order."])
    if arguments:
        text += "\n" + table(["argument", "values", "default", "meaning"], arguments)
    state = []
    for part in entry["state"]:
        kind = "parameter" if part["is_parameter"] else "buffer"
        kind += f", where `{part['condition']}`" if "condition" in part else ""
        state.append([f"`{part['name']}`", part["shape"], part["beginning"], kind])
    if state:
        text += "\n" + table(["state", "shape", "at first", "kind"], state)
    return text


def main() -> None:
    """Make the page, or compare."""
    page = "\n".join([BEGIN, *map(section, layer_types())])
    if sys.argv[1:] == ["--check"]:
        with open(PAGE, encoding="utf-8") as file:
            if file.read() != page:
                sys.exit("docs/layers.md is old; make it anew: python3 scripts/build/generate_layers_page.py")
        print("docs/layers.md is what the library says of its layers")
        return
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(page)


if __name__ == "__main__":
    main()
