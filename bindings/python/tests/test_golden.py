"""The results recorded from the reference implementation, through the checker that is the contract of this package."""

import os
import pathlib
import subprocess
import sys

import pytest

PREFIXES = [
    "submanifold", "convolution_", "deconvolution", "max_pooling", "average_pooling",
    "unpooling", "full_convolution", "batchnorm", "network_in_network", "sparse_to_dense", "permutohedral",
    "activation", "input_layer", "net_",
]  # fmt: skip


def checker(repository):
    chosen = os.environ.get("SCN_GOLDEN")
    return pathlib.Path(chosen) if chosen else repository / "Tests" / "golden" / "check_golden.py"


@pytest.mark.parametrize("prefix", PREFIXES)
def test_recorded_results(prefix, repository, subprocess_environment):
    script = checker(repository)
    if not script.exists():
        pytest.skip(f"there is no {script}")
    folder = script.parent if (script.parent / "README.md").exists() else script.parent / "golden"
    command = [sys.executable, str(script), str(folder), "-k", prefix]
    result = subprocess.run(command, env=subprocess_environment, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines()[-1].endswith(" passed, 0 failed")
