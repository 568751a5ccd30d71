#!/usr/bin/env python3
"""Hold the public names of each language against those that were accepted last: public_names.py [--accept] LANGUAGE ...

    python    Tests/frozen/scn.txt           names of scn, its signatures, the state of its layers
    torch     Tests/frozen/scn.torch.txt     the same of scn.torch
    cpp       Tests/frozen/scn.hpp.txt       declarations of scn.hpp, outside of scn::detail
    swift     Tests/frozen/SparseConvNet.txt declarations of the module SparseConvNet

Shows what differs, and fails. --accept writes the names as they are now, for a change that is meant.
"""

import argparse
import difflib
import json
import os
import re
import subprocess
import sys

import docc

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PYTHON = ".venv/bin/python"
# What every type of Swift conforms to unless it says otherwise, or for the compiler alone.
IMPLIED = {"Copyable", "Escapable", "SendableMetatype"}


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def names_of_python():
    return output_of(PYTHON, "Tests/frozen/names_of_python.py", "scn").splitlines()


def names_of_torch():
    return output_of(PYTHON, "Tests/frozen/names_of_python.py", "scn.torch").splitlines()


class CppDeclarations:
    """The public declarations of a header in a namespace: found by clang, their text taken from the header.

    lines: one for each, `path: text`. found: the path, the text, and where in the header it begins."""

    def __init__(self, header, tree):
        with open(header, "rb") as file:
            self.text = file.read()
        self.lines, self.found = [], []
        for node in tree:
            if node["kind"] == "NamespaceDecl" and node["name"] == "scn":
                self.add_all(node, "scn", "public")

    def add_all(self, parent, path, access):
        field = 0
        for node in parent.get("inner", ()):
            if node["kind"] == "AccessSpecDecl":
                access = node["access"]
            elif access != "private" and node["kind"].endswith("Decl") and not node.get("isImplicit"):
                # Structs are filled in by position, too.
                field += node["kind"] == "FieldDecl"
                self.add(node, f"{path} [{field}]" if node["kind"] == "FieldDecl" else path, access)

    def add(self, node, path, access):
        name = node.get("name", "")
        if node["kind"] == "NamespaceDecl":
            if name != "detail":
                self.add_all(node, f"{path}::{name}", "public")
            return
        declared = node["inner"][0] if node["kind"] == "FriendDecl" else node
        if node["kind"] in ("ClassTemplateDecl", "FunctionTemplateDecl"):
            declared = next(
                part
                for part in node["inner"]
                if part.get("name") == name and "Decl" in part["kind"] and not part["kind"].startswith("Template")
            )
        start, end = self.bounds(node)
        prefix = f"{path}: " + ("protected " if access == "protected" else "")
        if declared["kind"] == "CXXRecordDecl" and declared.get("completeDefinition"):
            self.keep(path, prefix, self.spelled(start, self.text.index(b"{", declared["loc"]["offset"])), start)
            self.add_all(declared, f"{path}::{name}", "private" if declared["tagUsed"] == "class" else "public")
            return
        bodies = [part for part in declared.get("inner", ()) if part["kind"] == "CompoundStmt"]
        if bodies:
            end = self.bounds(bodies[0])[0]
        text = self.spelled(start, end)
        if declared["kind"] == "CXXConstructorDecl":
            text = without_initializers(text)
        self.keep(path, prefix, text, start)

    def keep(self, path, prefix, text, start):
        self.lines.append(prefix + text)
        self.found.append((path, text, start))

    def bounds(self, node):
        begin, end = node["range"]["begin"], node["range"]["end"]
        if "offset" not in begin or "offset" not in end:
            raise SystemExit(f"public_names: {node.get('name')} in scn.hpp comes out of a macro")
        return begin["offset"], end["offset"] + end["tokLen"]

    def spelled(self, start, end):
        text = re.sub(r"//[^\n]*|/\*.*?\*/", " ", self.text[start:end].decode(), flags=re.S)
        return " ".join(text.split())


def without_initializers(text):
    """A constructor without what stands behind the colon after its parameters."""
    depth = 0
    for index, character in enumerate(text):
        depth += (character in "(<{[") - (character in ")>}]")
        if character == ":" and depth == 0 and ":" not in text[index - 1] + text[index + 1 : index + 2]:
            return text[:index].rstrip()
    return text


def declarations_of_cpp():
    header = "bindings/cpp/scn.hpp"
    clang = output_of("scripts/build/toolchain.sh", "clang++").strip()
    dumped = output_of(
        clang,
        "-x",
        "c++",
        "-std=c++17",
        "-Iinclude",
        "-fsyntax-only",
        "-Xclang",
        "-ast-dump=json",
        "-Xclang",
        "-ast-dump-filter=scn",
        header,
    )
    decoder, tree, place = json.JSONDecoder(), [], 0
    while dumped[place:].strip():
        node, place = decoder.raw_decode(dumped, re.compile(r"\s*").match(dumped, place).end())
        tree.append(node)
    return CppDeclarations(header, tree)


def names_of_cpp():
    return declarations_of_cpp().lines


def names_of_swift():
    docc.build_library()
    graph = docc.symbol_graph()
    paths = {symbol["identifier"]["precise"]: ".".join(symbol["pathComponents"]) for symbol in graph["symbols"]}
    for symbol in graph["symbols"]:
        # What has no place in a source file, the compiler made.
        if "location" in symbol:
            text = "".join(part["spelling"] for part in symbol["declarationFragments"])
            yield f"{'.'.join(symbol['pathComponents'])}: {symbol['accessLevel']} {' '.join(text.split())}"
    verbs = {"conformsTo": "conforms to", "inheritsFrom": "inherits from"}
    for relation in graph["relationships"]:
        target = relation.get("targetFallback", "").rpartition(".")[2] or paths.get(relation["target"], "")
        if relation["kind"] in verbs and relation["source"] in paths and target not in IMPLIED:
            yield f"{paths[relation['source']]}: {verbs[relation['kind']]} {target}"


LANGUAGES = {
    "python": (names_of_python, "Tests/frozen/scn.txt"),
    "torch": (names_of_torch, "Tests/frozen/scn.torch.txt"),
    "cpp": (names_of_cpp, "Tests/frozen/scn.hpp.txt"),
    "swift": (names_of_swift, "Tests/frozen/SparseConvNet.txt"),
}


def check(language):
    """Whether the names of a language are the accepted ones; shows the difference."""
    names, path = LANGUAGES[language]
    found = sorted(names())
    with open(path, encoding="utf-8") as file:
        accepted = file.read().splitlines()
    if found == accepted:
        print(f"public names: {path}: {len(found)}, as accepted")
        return True
    for line in difflib.unified_diff(accepted, found, path, "now", n=0, lineterm=""):
        print(line)
    print(
        f"public names: programs may depend on what {path} lists. If the change is meant, accept it:\n"
        f"    python3 {os.path.relpath(__file__, ROOT)} --accept {language}"
    )
    return False


def accept(language):
    names, path = LANGUAGES[language]
    found = sorted(names())
    if not found:
        raise SystemExit(f"public_names: {language} has no public names")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in found)
    print(f"public names: {path}: {len(found)} accepted")
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accept", action="store_true")
    parser.add_argument("languages", nargs="+", choices=LANGUAGES, metavar="LANGUAGE")
    options = parser.parse_args()
    os.chdir(ROOT)
    good = [(accept if options.accept else check)(language) for language in options.languages]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode or 1)
