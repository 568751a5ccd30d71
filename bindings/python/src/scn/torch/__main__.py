"""Run a program that imports sparseconvnet: python -m scn.torch program.py [argument ...]"""

from __future__ import annotations

import os
import runpy
import sys

from . import install

if len(sys.argv) < 2:
    sys.exit("usage: python -m scn.torch program.py [argument ...]")
del sys.argv[0]
install()
# As Python itself does: a program finds the modules beside it.
sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
