#!/usr/bin/env python3
"""Build the documentation of the Swift library with the toolchain's own docc: docc.py. Result:
build/docc/SparseConvNet.doccarchive.

A warning is an error, and so is a public name without a documentation comment. No plugin is needed: the symbols come
from the compiled modules. The modules are those of the Swift tests, which `make test` has built.
"""

import glob
import json
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = ["swift", "build", "-c", "release", "-Xswiftc", "-enable-testing", "--scratch-path", ".build/release"]
REEXPORTED = "SCNCore,SCNGeometry,SCNNN,SCNOps"
SYMBOLS, ARCHIVE = "build/docc/symbols", "build/docc/SparseConvNet.doccarchive"
INHERITS = ("overrides", "defaultImplementationOf", "requirementOf")


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def build_library():
    subprocess.run([*BUILD, "--target", "SparseConvNet"], check=True)


def symbol_graph():
    """What the library offers, under one module: that which a program imports. Stays in SYMBOLS, too."""
    shutil.rmtree(SYMBOLS, ignore_errors=True)
    os.makedirs(SYMBOLS)
    triple = json.loads(output_of("swift", "-print-target-info"))["target"]["triple"]
    built = output_of(*BUILD, "--show-bin-path").strip()
    maps = [
        word
        for path in glob.glob(os.path.join(built, "CSCN*.build/module.modulemap"))
        for word in ("-Xcc", f"-fmodule-map-file={path}")
    ]
    subprocess.run(
        [
            "swift",
            "symbolgraph-extract",
            "-module-name",
            "SparseConvNet",
            "-I",
            os.path.join(built, "Modules"),
            *maps,
            "-target",
            triple,
            "-minimum-access-level",
            "public",
            "-skip-inherited-docs",
            "-skip-synthesized-members",
            f"-experimental-allowed-reexported-modules={REEXPORTED}",
            "-output-dir",
            SYMBOLS,
        ],
        check=True,
    )
    with open(os.path.join(SYMBOLS, "SparseConvNet.symbols.json"), encoding="utf-8") as file:
        return json.load(file)


def undocumented(graph):
    """The public names without a comment, but for those that inherit one and those that the compiler made."""
    inheriting = {relation["source"] for relation in graph["relationships"] if relation["kind"] in INHERITS}
    if not graph["symbols"]:
        yield "the library has no public names"
    for symbol in graph["symbols"]:
        if "docComment" not in symbol and "location" in symbol and symbol["identifier"]["precise"] not in inheriting:
            yield f"{symbol['location']['uri']}: {'.'.join(symbol['pathComponents'])} has no documentation comment"


def main():
    os.chdir(ROOT)
    if not shutil.which("docc"):
        sys.exit("docc: the Swift toolchain has no docc; one of swift.org has")
    build_library()
    problems = list(undocumented(symbol_graph()))
    for problem in problems:
        print(problem)
    if problems:
        sys.exit(1)
    subprocess.run(
        [
            "docc",
            "convert",
            "Sources/SparseConvNet/SparseConvNet.docc",
            "--additional-symbol-graph-dir",
            SYMBOLS,
            "--fallback-display-name",
            "SparseConvNet",
            "--fallback-bundle-identifier",
            "SparseConvNet",
            "--warnings-as-errors",
            "--output-path",
            ARCHIVE,
        ],
        check=True,
    )
    print(
        f"docc: {ARCHIVE}; look at it with: python3 -m http.server --directory {ARCHIVE} 8000, "
        "at http://localhost:8000/documentation/sparseconvnet/"
    )


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode or 1)
