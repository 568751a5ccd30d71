"""Spectral normalization."""

from __future__ import annotations

from typing import TypeVar

from .._messages import wrong_type
from .._native.arrays import integer, positive
from .._native.library import library
from .layer import Layer

__all__ = ["spectral_norm"]

L = TypeVar("L", bound=Layer)


def spectral_norm(module: L, n_power_iterations: int = 1, eps: float = 1e-12, norm: float = 1) -> L:
    """Make a convolution or product divide its weight by its largest singular value, times `norm`; return the module.

    (Miyato et al., 2018.) The last axis of the weight is taken as the columns of a matrix. The state then has
    weight_orig (the parameter: the very tensor that was weight), and the buffers weight and weight_u. Each forward pass
    in training makes n_power_iterations steps of the power iteration; evaluation uses the weight of the last such pass,
    and its gradients do not reach weight_orig. eps: the least length that a vector is divided by. Raises `StateError`
    if the module already has a spectral norm.
    """
    if not isinstance(module, Layer):
        raise wrong_type("module", module, "a convolution or a product with a weight")
    original = module._parameters.get("weight")
    library.scn_module_add_spectral_norm(
        module._handle, integer(n_power_iterations, "n_power_iterations"), positive(eps, "eps"), norm
    )
    assert original is not None, "the library normalized no weight"
    module._parameters.clear()
    module._buffers.clear()
    module._own(module._handle)
    # Optimizers and programs that hold the parameter keep it.
    module._parameters["weight_orig"] = original
    return module
