#!/usr/bin/env python3
"""Check the rules of the house that no compiler checks, in every file that git knows or would add; where there is no
git (an unpacked archive), in every file outside of hidden folders and build outputs.

- nothing in Sources/ imports Foundation (it would add 50 MB to the library),
- what Swift programs see of it is documented: each declaration that is public or open,
- a file of code over 500 lines says why in a comment that starts with 'Long because:',
- a line of code or prose has at most 120 columns; but for tables, what a program prints, and words and texts that fill
  their line and are not cut,
- Python compiles,
- no path of somebody's machine, no note of work to be done later, nothing left of a merge,
- lines end in one newline, without blanks before it, and without tabs outside of Makefile.
"""

import os
import re
import subprocess
import sys

CODE = (".swift", ".c", ".h", ".cpp", ".hpp", ".inc", ".py", ".sh")
PROSE = (*CODE, ".md")  # what has lines within COLUMNS
TEXT = CODE + (".md", ".txt", ".toml", ".cmake", ".yml", ".in", ".map", "Makefile", ".ci/run")
EXEMPT = re.compile(r"^(Tests/(golden|dialects)/|examples/.*/data/|LICENSE|licenses/.*\.txt|bindings/python/licenses$)")
BUILT = ("build", "dist", "demo-output", "bindings/python/build")
LONGEST, COLUMNS = 500, 120
LONG_BECAUSE = re.compile(r"^\s*(//+|#+|/?\*+)\s*Long because: \S", re.M)
LINE_RULES = [
    (re.compile(r"(?<![\w.~-])/(home|Users|root|work)/\w"), "names a path of one machine"),
    (re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b"), "leaves work for later"),
    (re.compile(r"[ \t]+$"), "ends in blanks"),
    (re.compile(r"(<{7}|>{7}) "), "is left of a merge"),
]
# A text with nothing beside it but what ends it, and a word without a blank.
UNCUT = re.compile(r"""\s*(([\w(]+[ (])?[fFrb]?(".*"|'.*')[,;)\s]*(\\|:)?|([-*] )?\S+)""")
FOUNDATION = re.compile(
    r"^\s*(@\w+\s+)*((public|package|internal|fileprivate|private)\s+)?import\s+(\w+\s+)?Foundation"
)

# SCNABI's functions have their documentation in scn.h.
SWIFT_LIBRARY = re.compile(r"^Sources/(?!SCNABI/)\w+/.*\.swift$")
ATTRIBUTE = re.compile(r"\s*@\w+")
PUBLIC = re.compile(
    r"\s*(@\w+(\([^)]*\))?\s+)*((final|static|mutating|indirect|required|convenience|nonisolated(\(unsafe\))?"
    r"|(package|internal|private)\(set\))\s+)*(public|open)\s+(?!import\b|extension\b|.*\boverride\b)"
)


def undocumented(lines):
    """The numbers of the lines that declare something public without a documentation comment before it."""
    for number, line in enumerate(lines, 1):
        if PUBLIC.match(line):
            before = number - 2
            while before >= 0 and ATTRIBUTE.match(lines[before]):
                before -= 1
            if before < 0 or not lines[before].lstrip().startswith("///"):
                yield number


def too_long(lines, is_markdown):
    """The numbers of the lines that have too many columns."""
    is_printed = False
    for number, line in enumerate(lines, 1):
        if is_markdown and line.startswith("```"):
            is_printed = line == "```text"
        is_kept = is_printed or (is_markdown and line.startswith("|")) or UNCUT.fullmatch(line)
        if len(line) > COLUMNS and not is_kept:
            yield number


def is_ours(folder):
    name = os.path.basename(folder)
    return name in (".ci", ".github") or name[0] != "." and name != "__pycache__" and folder not in BUILT


def files():
    if os.path.exists(".git"):
        names = (
            subprocess.run(
                ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                check=True,
                stdout=subprocess.PIPE,
            )
            .stdout.decode()
            .split("\0")
        )
    else:
        names = []
        for folder, children, found in os.walk("."):
            children[:] = [child for child in children if is_ours(os.path.relpath(os.path.join(folder, child)))]
            names += [os.path.relpath(os.path.join(folder, name)) for name in found]
    return sorted(n for n in set(names) if n.endswith(TEXT) and not EXEMPT.match(n) and os.path.isfile(n))


def problems_of(name, text):
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        for pattern, complaint in LINE_RULES:
            if pattern.search(line):
                yield f"{name}:{number}: {complaint}"
        if name.startswith("Sources/") and FOUNDATION.match(line):
            yield f"{name}:{number}: imports Foundation"
        if "\t" in line and not name.endswith(("Makefile", ".map")):
            yield f"{name}:{number}: has a tab"
    if name.endswith(PROSE):
        for number in too_long(lines, name.endswith(".md")):
            yield f"{name}:{number}: has {len(lines[number - 1])} columns, over {COLUMNS}"
    if SWIFT_LIBRARY.match(name):
        for number in undocumented(lines):
            yield f"{name}:{number}: is public and has no documentation comment"
    if name.endswith(".py"):
        try:
            compile(text, name, "exec")
        except SyntaxError as error:
            yield f"{name}:{error.lineno}: {error.msg}"
    if text and (not text.endswith("\n") or text.endswith("\n\n")):
        yield f"{name}: does not end in exactly one newline"
    if name.endswith(CODE) and len(lines) - 1 > LONGEST and not LONG_BECAUSE.search(text):
        yield f"{name}: {len(lines) - 1} lines, over {LONGEST}, without a 'Long because:' comment"


def main():
    os.chdir(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    checked, problems = files(), []
    for name in checked:
        with open(name, encoding="utf-8") as file:
            problems += problems_of(name, file.read())
    for problem in problems:
        print(f"lint: {problem}")
    if problems or not checked:
        sys.exit(1)
    print(f"lint: {len(checked)} files follow the rules of the house")


if __name__ == "__main__":
    main()
