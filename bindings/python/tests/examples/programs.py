"""The examples' programs, for their tests: as modules, and run in processes of their own."""

import importlib.util
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[4] / "examples"
sys.path.insert(0, str(EXAMPLES / "common"))


def program(name):
    """examples/NAME/train.py as a module; other examples have files of the same name."""
    specification = importlib.util.spec_from_file_location(f"{name}_train", EXAMPLES / name / "train.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def ending(name, environment, *arguments):
    """Run the program with these arguments; return how it ended."""
    command = [sys.executable, str(EXAMPLES / name / "train.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
