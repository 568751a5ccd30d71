"""Programs of SparseConvNet find what they call, and docs/porting.md is right about where it is in C and Swift."""

import importlib
import inspect
import pathlib
import re

import pytest

import scn

NAMES = pathlib.Path(__file__).with_name("sparseconvnet_names.txt")
LINES = [line.strip() for line in NAMES.read_text().splitlines()]
LINES = [line for line in LINES if line and not line.startswith("#")]
EMPTY = inspect.Parameter.empty
PLACED = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
ANY_NUMBER = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def arguments(text):
    """The (name, default) of each argument in "a, b=3", and whether more may follow."""
    text = text.strip()
    more = text.endswith("*")
    scope = {}
    exec(f"def f({text.rstrip('*').rstrip(', ')}): pass", scope)
    return [(p.name, p.default) for p in inspect.signature(scope["f"]).parameters.values()], more


def resolved(name, level=scn):
    found = level
    for part in name.split("."):
        found = getattr(found, part)
    return found


def as_written(default):
    return list(default) if isinstance(default, tuple) else default


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("level", ["scn", "scn.torch"])
def test_names_arguments_and_defaults(level, line):
    if level == "scn.torch":
        pytest.importorskip("torch", reason="PyTorch is not installed")
        if line.startswith("Module."):
            return  # modules are torch's there
    name, bracket, rest = line.partition("(")
    found = resolved(name, importlib.import_module(level))
    if not bracket:
        return
    expected, more = arguments(rest.removesuffix(")"))
    parameters = [p for p in inspect.signature(found).parameters.values() if p.kind not in ANY_NUMBER]
    if "." in name:
        assert parameters.pop(0).name == "self"
    given = [(p.name, as_written(p.default)) for p in parameters[: len(expected)] if p.kind in PLACED]
    assert [name for name, _ in given] == [name for name, _ in expected]
    # A default that SparseConvNet lacks is one more way to call it.
    assert all(own == theirs or theirs is EMPTY for (_, own), (_, theirs) in zip(given, expected))
    if not more:
        further = parameters[len(expected) :]
        assert all(p.default is not EMPTY for p in further), f"{further} have no defaults"


def table(repository):
    """The rows of the table of names: name, cell of C, cell of Swift."""
    text = (repository / "docs" / "porting.md").read_text().partition("## Where it is in C and Swift")[2]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:2] == "| "]
    assert rows[0] == ["Python", "C", "Swift"]
    return rows[1:]


def codes(cell):
    return re.findall(r"`([^`]+)`", cell)


def test_the_table_has_every_name(repository):
    listed = [name for row in table(repository) for name in codes(row[0])]
    wanted = [re.split(r"[.(]", line)[0] for line in LINES]
    wanted += [line.partition("(")[0] for line in LINES if line.startswith("Sequential.re")]
    missing = set(wanted) - set(listed) - {"Module"}
    assert not missing
    assert len(listed) == len(set(listed))
    for name in listed:
        resolved(name)


def test_what_the_table_names_exists(repository):
    header = (repository / "include" / "scn.h").read_text()
    sources = "\n".join(path.read_text() for path in sorted((repository / "Sources").rglob("*.swift")))
    functions = set(re.findall(r"\b(scn_\w+)\(", header))
    types = set(re.findall(r"\b(?:public|open) (?:final )?(?:class|struct|enum) (\w+)", sources))
    members = set(re.findall(r"\bpublic (?:static )?(?:func|var) (\w+)", sources))
    for names, c, swift in table(repository):
        assert c and swift, names
        for function in codes(c):
            assert function in functions, f"{names}: {function} is not in scn.h"
        for path in codes(swift):
            first, *rest = path.split(".")
            assert first in types, f"{names}: {first} is no public type of Sources"
            assert all(member in members for member in rest), f"{names}: {path} is not in Sources"
        for cell in (c, swift):
            assert codes(cell) or len(cell) > 10, f"{names}: a cell without a name says why there is none"
