"""Spectral normalization."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn import functional as F

from ..._messages import wrong_type, wrong_value
from ..._native.arrays import integer, positive
from ...errors import StateError
from ..autograd.recomputing import is_recomputing, once

__all__ = ["spectral_norm"]

M = TypeVar("M", bound=nn.Module)


class _SpectralNorm:
    """Divides a module's weight by its largest singular value before each forward pass."""

    def __init__(self, iterations: int, eps: float, norm: float) -> None:
        self.iterations, self.eps, self.norm = iterations, eps, norm
        self.weight_before: Any = None

    def before(self, module: nn.Module, input: Any) -> None:
        """Set the weight of this forward pass, through which gradients flow to weight_orig."""
        if not module.training:
            return
        original: Any = module.weight_orig
        # Autocast would make the state bfloat16.
        with torch.autocast(original.device.type, enabled=False):
            matrix = original.reshape(-1, original.shape[-1])
            u, v = once(lambda: self._iterate(module, matrix))
            self.weight_before = module._buffers["weight"]
            module._buffers["weight"] = original * (self.norm / torch.dot(v, matrix @ u).clamp(min=self.eps))

    @torch.no_grad()
    def _iterate(self, module: nn.Module, matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Take steps of the power iteration; return the singular vectors, of the columns and of the rows."""
        u: Any = module.weight_u
        for _ in range(self.iterations):
            v = F.normalize(matrix @ u, dim=0, eps=self.eps)
            u = F.normalize(matrix.t() @ v, dim=0, eps=self.eps)
        module._buffers["weight_u"] = u
        return u, v

    def after(self, module: nn.Module, input: Any, output: Any) -> None:
        """Keep the weight without its history; that of the newest pass if this one repeats an older one."""
        weight, before, self.weight_before = module._buffers["weight"], self.weight_before, None
        if before is not None and is_recomputing():
            module._buffers["weight"] = before
        elif weight is not None:
            module._buffers["weight"] = weight.detach()


def spectral_norm(module: M, n_power_iterations: int = 1, eps: float = 1e-12, norm: float = 1) -> M:
    """Make a convolution or product divide its weight by its largest singular value, times `norm`; return the module.

    (Miyato et al., 2018.) The last axis of the weight is taken as the columns of a matrix. The state then has
    weight_orig (the parameter: the very tensor that was weight), and the buffers weight and weight_u. Each forward pass
    in training makes n_power_iterations steps of the power iteration; evaluation uses the weight of the last such pass.
    eps: the least length that a vector is divided by. Raises `StateError` if the module already has a spectral norm.
    """
    if "weight_orig" in module._parameters:
        raise StateError("module: has a spectral norm already, expected none")
    weight = module._parameters.get("weight")
    if weight is None or weight.ndim < 2:
        raise wrong_type("module", module, "a convolution or a product with a weight")
    if (iterations := integer(n_power_iterations, "n_power_iterations")) < 1:
        raise wrong_value("n_power_iterations", iterations, "at least 1")
    normalizer = _SpectralNorm(iterations, positive(eps, "eps"), positive(norm, "norm"))
    del module._parameters["weight"]
    module.register_parameter("weight_orig", weight)
    module.register_buffer("weight", weight.detach().clone())
    module.register_buffer("weight_u", F.normalize(torch.randn(weight.shape[-1]), dim=0, eps=normalizer.eps))
    module.register_forward_pre_hook(normalizer.before)
    module.register_forward_hook(normalizer.after, always_call=True)
    return module
