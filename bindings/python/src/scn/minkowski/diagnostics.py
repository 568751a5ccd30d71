"""What a report of an error should say about the machine."""

from __future__ import annotations

import platform
import subprocess
import sys

import torch

from ..settings import version

__all__ = ["parse_nvidia_smi", "print_diagnostics"]

DIFFERS = {"print_diagnostics": "names scn, and no compilers"}


def parse_nvidia_smi() -> dict[str, str]:
    """Return what nvidia-smi says, by name; nothing where there is no such program."""
    try:
        done = subprocess.run(["nvidia-smi", "-q"], capture_output=True, text=True, check=False)
    except OSError:
        return {}
    pairs = (line.split(":") for line in done.stdout.splitlines() if line.count(":") == 1)
    return {name.strip(): value.strip() for name, value in pairs}


def print_diagnostics() -> None:
    """Print the system, and the versions of Python, PyTorch and scn."""
    print("==========System==========")
    print(platform.platform())
    print(sys.version)
    print("==========PyTorch==========")
    print(torch.__version__)
    print(f"torch.cuda.is_available(): {torch.cuda.is_available()}")
    print("==========NVIDIA-SMI==========")
    for name, value in parse_nvidia_smi().items():
        if "version" in name.lower():
            print(name, value)
    print("==========MinkowskiEngine==========")
    print(f"scn.minkowski of scn {version()}, in place of MinkowskiEngine 0.5.4")


if __name__ == "__main__":
    print_diagnostics()
