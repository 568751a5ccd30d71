"""Comments and docstrings, which are plain text, as Markdown for the site.

A paragraph stays one, an indented block becomes code, lines that begin with "- " behind a blank line become a list.
Everything else that Markdown would take for markup is escaped, and names that the site explains become links.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Optional

Linker = Callable[[str], Optional[str]]
"""From a name to the address of its explanation; None where there is none."""

_MARKUP = re.compile(r"([\\*_\[\]#|{}!~^])")
_CODE = re.compile(r"(`[^`]+`)")


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return _MARKUP.sub(r"\\\1", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """Return a span of code."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def cell(text: str) -> str:
    """Return Markdown for a cell of a table: on one line; a bar would end the cell, even within code."""
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))


def fenced(text: str, language: str) -> str:
    """Return a block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def linked(name: str, link: Linker) -> str:
    """Return a name as code, a link where the site explains it."""
    address = link(name)
    return f"[{code(name)}]({address})" if address else code(name)


def inline(text: str, link: Linker, names: Optional[re.Pattern[str]] = None) -> str:
    """Return a line of plain text as Markdown. names: what is a name even outside of backticks."""
    parts = []
    for part in _CODE.split(text):
        if part.startswith("`") and len(part) > 2:
            parts.append(linked(part[1:-1], link))
        elif names is None:
            parts.append(escaped(part))
        else:
            end = 0
            for match in names.finditer(part):
                parts += [escaped(part[end : match.start()]), linked(match.group(), link)]
                end = match.end()
            parts.append(escaped(part[end:]))
    return "".join(parts)


def markdown(text: str, link: Linker, language: str = "text", names: Optional[re.Pattern[str]] = None) -> str:
    """Return plain text as Markdown. language: that of indented blocks."""
    blocks: list[str] = []
    lines: list[str] = []
    kind = ""

    def close() -> None:
        nonlocal lines
        if kind == "code":
            blocks.append(fenced(textwrap.dedent("\n".join(lines)), language))
        elif lines:
            prefix = "- " if kind == "item" else ""
            blocks.append(prefix + inline(" ".join(line.strip() for line in lines), link, names))
        lines = []

    for line in text.rstrip().split("\n"):
        is_item = line.startswith("- ") and (kind in ("item", "") or not lines)
        if not line.strip():
            if kind == "code":
                lines.append("")
            else:
                close()
                kind = ""
        elif is_item:
            close()
            kind, lines = "item", [line[2:]]
        elif line.startswith("  ") and kind != "item":
            if kind != "code":
                close()
                kind = "code"
            lines.append(line)
        else:
            if kind == "code" or (kind == "item" and not line.startswith("  ")) or kind == "":
                close()
                kind = "text"
            lines.append(line)
    close()
    return "\n\n".join(blocks)


def arranged(head: str, parts: list[str], tail: str, columns: int = 84) -> str:
    """Return head(parts)tail on one line where it fits, else with a line for each part."""
    line = f"{head}({', '.join(parts)}){tail}"
    if len(line) <= columns or not parts:
        return line
    return f"{head}(\n" + "".join(f"    {part},\n" for part in parts[:-1]) + f"    {parts[-1]}\n){tail}"


def write_pages(folder: Path, pages: Mapping[str, str]) -> None:
    """Write pages, by their names, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
