"""What programs ask of SparseConvNet's extension module; the functions that its layers compute with are absent."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch

from .metadata import Metadata

__all__ = [f"Metadata_{dimension}" for dimension in range(1, 11)] + ["is_cuda_build", "n_rulebook_bits"]

globals().update({f"Metadata_{dimension}": partial(Metadata, dimension) for dimension in range(1, 11)})


def is_cuda_build() -> bool:
    """Return whether there is a GPU for PyTorch, where layers then compute features that are there."""
    return torch.cuda.is_available()


def n_rulebook_bits() -> int:
    """Return the number of bits of a row number in a rulebook."""
    return 32


if not TYPE_CHECKING:  # Checkers should keep rejecting what does not exist.

    def __getattr__(name):
        if name.startswith("__"):
            raise AttributeError(f"module 'scn.torch.SCN' has no attribute {name!r}")
        raise AttributeError(
            f"scn.torch has no SCN.{name}: SparseConvNet's extension module does not exist here. Use the layers, the classes such as "
            "scn.torch.convolution.ConvolutionFunction, or scn.torch.functions, and torch.autograd.grad for backward passes"
        )
