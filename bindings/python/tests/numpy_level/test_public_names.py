"""What programs use keeps its name, its arguments and its state: Tests/frozen has what was accepted last."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("package", ["python", "torch"])
def test_public_names(package, repository, subprocess_environment):
    if package == "torch":
        pytest.importorskip("torch", reason="PyTorch is not installed")
    command = [sys.executable, "scripts/check/public_names.py", package]
    done = subprocess.run(command, cwd=repository, env=subprocess_environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
