"""The results recorded from the reference implementation, through the checker that is the contract of this package."""

import os
import pathlib
import subprocess
import sys

import pytest


def checker(repository):
    chosen = os.environ.get("SCN_GOLDEN")
    return pathlib.Path(chosen) if chosen else repository / "Tests" / "golden" / "check_golden.py"


def test_recorded_results(repository, subprocess_environment):
    script = checker(repository)
    if not script.exists():
        pytest.skip(f"there is no {script}")
    folder = script.parent if (script.parent / "README.md").exists() else script.parent / "golden"
    command = [sys.executable, str(script), str(folder)]
    result = subprocess.run(command, env=subprocess_environment, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr
    cases = len(list(folder.glob("*.safetensors")))
    assert cases >= 50
    assert result.stdout.splitlines()[-1] == f"{cases} passed, 0 failed"
