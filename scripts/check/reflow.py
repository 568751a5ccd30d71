#!/usr/bin/env python3
"""Break comments and prose with lines that are too long anew: reflow.py FILE ...

A paragraph in which no line is too long stays as it is, and so do code, tables, headings and what stands behind code on
its line. `make format` runs this over what git knows.
"""

import ast
import os
import re
import sys

from lint import COLUMNS as WIDTH
from lint import PROSE, files

# Beyond this a line was full; one that is shorter, though the next word had room, was ended on purpose.
FULL = 105
LINE_COMMENT = re.compile(r"(\s*)(///|//!|//|#)( +)(\S.*)")
BLOCK_COMMENT = re.compile(r"(\s*)(/\*\*|/\*|\*)( +)(\S.*)")
MARKDOWN = re.compile(r"( *)((?:[-*] |\d+\. )?)(\S.*)")
# The last is a table of a docstring: a word, a gap, and what it means.
NOT_PROSE = re.compile(r"\s*(\||#|>|<!--|```|\[\w+\]: |.*\S {2,}\S)")
ITEM = re.compile(r"- |\d+\. ")
RULE = re.compile(r"(\s*(?://|/\*|#) )(={20,})( .*)")
# At the beginning of a line these would be something else.
NEVER_FIRST = re.compile(r"([-+*#>|=]|\d+[.)]$|//|\*/)")


def words_of(text):
    """The words of a text; what is in backticks, and a link, is one, and so is a word with one after it that may not
    begin a line."""
    whole = re.sub(r"`[^`]+`|\[[^\]]+\]\([^)]*\)", lambda found: found[0].replace(" ", "\0"), text)
    words = []
    for word in whole.split():
        if words and NEVER_FIRST.match(word):
            words[-1] += "\0" + word
        else:
            words.append(word)
    return [part for word in words for part in ([word] if len(word) < WIDTH - 20 else word.split("\0"))]


def filled(text, first, then):
    lines, line = [], first
    for word in words_of(text):
        if line not in (first, then) and len(line) + (line[-1] != " ") + len(word) > WIDTH:
            lines.append(line)
            line = then
        line += word if line in (first, then) else " " + word
    return [line.replace("\0", " ") for line in [*lines, line]]


def shortened(rule):
    """A heading behind a rule of `=`, with as many of these as there is room for."""
    before, signs, after = rule.groups()
    return before + signs[: max(3, WIDTH - len(before) - len(after))] + after


class Paragraph:
    """Lines that belong together, their text, and what comes before it on the first line and on the others."""

    def __init__(self, number, first, then, text):
        self.number, self.first, self.then, self.texts = number, first, then, [text]


def comment_paragraphs(lines, skipped):
    current, previous = None, ""
    for number, line in enumerate(lines):
        found = number not in skipped and (LINE_COMMENT.fullmatch(line) or BLOCK_COMMENT.fullmatch(line))
        if not found:
            if current:
                yield current
            current = None
            continue
        indent, marker, gap, text = found.groups()
        begins_block = marker.startswith("/*")
        column = len(indent) + len(marker) + len(gap)
        then = indent + (" *" if begins_block else marker)
        then += " " * (column - len(then))
        ended = len(previous) + 1 + len(text.split()[0]) <= FULL
        continues = current and not begins_block and not ITEM.match(text) and not ended
        if continues and len(current.texts) == 1 and column > len(current.then) and not previous.endswith(":"):
            current.then = then
            label = current.texts[0][: column - len(current.first)]
            if label.endswith("  "):
                current.first, current.texts[0] = current.first + label, current.texts[0][len(label) :]
        if continues and then == current.then and not current.texts[-1].endswith("*/"):
            current.texts.append(text)
        else:
            if current:
                yield current
            current = Paragraph(number, line[:column], then + ("  " if ITEM.match(text) else ""), text)
        previous = line
    if current:
        yield current


def docstring_lines(text):
    """The numbers of the lines of docstrings."""
    numbers = set()
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            numbers.update(range(first.lineno - 1, first.end_lineno))
    return numbers


def text_paragraphs(lines, chosen):
    """Paragraphs of Markdown or of docstrings: lines of one indentation, those of a list after their first line."""
    current, is_code = None, False
    for number, line in enumerate(lines):
        if line.lstrip().startswith("```"):
            is_code = not is_code
        found = number in chosen and not is_code and not NOT_PROSE.match(line) and MARKDOWN.fullmatch(line)
        if not found:
            if current:
                yield current
            current = None
            continue
        indent, item, text = found.groups()
        begins = '"""' if text.startswith('"""') else ""
        if current and not item and not begins and indent == current.then:
            current.texts.append(text)
            continue
        if current:
            yield current
        current = Paragraph(number, indent + item + begins, indent + " " * len(item), text[len(begins) :])
    if current:
        yield current


def paragraphs_of(name, lines):
    if name.endswith(".md"):
        return list(text_paragraphs(lines, range(len(lines))))
    if name.endswith(".py"):
        doc = docstring_lines("\n".join(lines))
        return [*comment_paragraphs(lines, doc), *text_paragraphs(lines, doc)]
    return list(comment_paragraphs(lines, ()))


def reflowed(name, text):
    lines = [RULE.sub(shortened, line) for line in text.split("\n")]
    result = list(lines)
    for paragraph in paragraphs_of(name, lines):
        places = range(paragraph.number, paragraph.number + len(paragraph.texts))
        if all(len(lines[place]) <= WIDTH for place in places):
            continue
        new = filled(" ".join(paragraph.texts), paragraph.first, paragraph.then)
        for place in places:
            result[place] = None
        result[paragraph.number] = "\n".join(new)
    return "\n".join(line for line in result if line is not None)


def main():
    os.chdir(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    for name in sys.argv[1:] or [name for name in files() if name.endswith(PROSE)]:
        with open(name, encoding="utf-8") as file:
            text = file.read()
        new = reflowed(name, text)
        if new != text:
            with open(name, "w", encoding="utf-8") as file:
                file.write(new)
            print(f"reflowed {name}")


if __name__ == "__main__":
    main()
