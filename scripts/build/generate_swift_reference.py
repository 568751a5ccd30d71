#!/usr/bin/env python3
"""Make the overview of the Swift library for the site, of the pages that docc made: what the site's own search finds.

usage: generate_swift_reference.py FILE      after `make docc`

Each public name stands under its topic with its declaration and the first sentence of its comment, and links its page.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reference_text import escaped

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ARCHIVE = os.path.join(ROOT, "build/docc/SparseConvNet.doccarchive")
SYMBOLS = os.path.join(ROOT, "build/docc/symbols/SparseConvNet.symbols.json")
BEGINNING = "/documentation/sparseconvnet"


def page_of(address: str) -> dict[str, Any]:
    """A page of the archive by its address, /documentation/sparseconvnet/tensor."""
    return json.loads(Path(f"{ARCHIVE}/data{address}.json").read_text(encoding="utf-8"))


def written(pieces: list[dict[str, Any]], references: dict[str, Any]) -> str:
    """Text in pieces, as docc has it, as Markdown."""
    parts = []
    for piece in pieces:
        if piece["type"] == "codeVoice":
            parts.append(f"`{piece['code']}`")
        elif piece["type"] == "reference":
            parts.append(f"`{references.get(piece['identifier'], {}).get('title', '')}`")
        elif "inlineContent" in piece:
            parts.append(written(piece["inlineContent"], references))
        else:
            parts.append(escaped(piece.get("text", "")))
    return "".join(parts)


def declared(reference: dict[str, Any]) -> str:
    """A declaration as docc shortens it, or the title of what is none."""
    return "".join(part["text"] for part in reference.get("fragments", ())) or reference["title"]


def line(reference: dict[str, Any], references: dict[str, Any], folder: str) -> str:
    text = written(reference.get("abstract", []), references)
    name = f"`{declared(reference)}`" if "fragments" in reference else escaped(reference["title"])
    return f"[{name}]({folder}{quote(reference['url'])}/index.html)" + (f": {text}" if text else "")


def made_page(folder: str) -> str:
    """The overview. folder: where docc's pages are, seen from it."""
    root = page_of(BEGINNING)
    references = root["references"]
    parts = [
        "# The Swift library",
        written(root["abstract"], references),
        f"[All pages of the library]({folder}{BEGINNING}/index.html) were made by docc of the sources: they have the"
        " whole comments, and a search of their own. They need a web server, and do not open from a folder.",
    ]
    for topic in root["topicSections"]:
        parts.append(f"## {escaped(topic['title'])}")
        for identifier in topic["identifiers"]:
            reference = references[identifier]
            if reference.get("kind") != "symbol":
                parts.append(line(reference, references, folder))
                continue
            parts.append(f"### `{reference['title']}` {{ #{reference['title']} }}")
            parts.append(line(reference, references, folder))
            page = page_of(reference["url"])
            rows = [
                f"- {line(page['references'][member], page['references'], folder)}"
                for section in page.get("topicSections", ())
                for member in section["identifiers"]
            ]
            parts.append("\n".join(rows))
    return "\n\n".join(part for part in parts if part) + "\n"


def problems(text: str) -> list[str]:
    """The public types that the page leaves out."""
    symbols = json.loads(Path(SYMBOLS).read_text(encoding="utf-8"))["symbols"]
    types = {
        s["pathComponents"][0]
        for s in symbols
        if "location" in s
        and s["kind"]["identifier"].endswith((".class", ".struct", ".enum", ".protocol"))
        and len(s["pathComponents"]) == 1
    }
    found = set(re.findall(r"^### `(\w+)`", text, re.M))
    return [f"{name}: is public, and under no topic of SparseConvNet.md" for name in sorted(types - found)]


def main() -> None:
    """Make the page."""
    if len(sys.argv) != 2:
        sys.exit("usage: generate_swift_reference.py FILE")
    Path(sys.argv[1]).write_text(made_page("swift"), encoding="utf-8")


if __name__ == "__main__":
    main()
