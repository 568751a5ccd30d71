"""Runs a program written for spconv, MinkowskiEngine, torchsparse or SparseConvNet with scn in their place."""

from __future__ import annotations

import argparse
import os
import runpy
import sys

from . import LIBRARIES, VERSIONS, stand_in
from .spawned import hand_on


def main() -> None:
    """Run the program that the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m scn.stand_in",
        description="Run a program written for other sparse-convolution libraries with scn in their place.",
    )
    parser.add_argument("--ignore-cuda", action="store_true", help="let .cuda() and device='cuda' mean the CPU")
    parser.add_argument(
        "--libraries",
        metavar="NAME,NAME",
        help=f"those to stand in for, default: {', '.join(LIBRARIES)}; also: {', '.join(VERSIONS)}",
    )
    parser.add_argument("-m", dest="module", metavar="MODULE", help="run a module instead of a program's file")
    parser.add_argument("program", nargs=argparse.REMAINDER, help="the program's file, and its arguments")
    options = parser.parse_args()
    if not options.module and not options.program:
        parser.error("the following arguments are required: program")
    libraries = list(LIBRARIES) if options.libraries is None else options.libraries.split(",")
    try:
        stand_in(*libraries, ignore_cuda=options.ignore_cuda)
    except ValueError as error:
        parser.error(str(error))
    hand_on(libraries, options.ignore_cuda)
    if options.module:
        sys.argv = [options.module, *options.program]
        sys.path.insert(0, "")
        runpy.run_module(options.module, run_name="__main__", alter_sys=True)
        return
    sys.argv = options.program
    program = sys.argv[0]
    if not os.path.exists(program):
        parser.error(f"program: {program} does not exist")
    # As python itself does for a program's file.
    sys.path.insert(0, os.path.dirname(os.path.abspath(program)))
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
