"""Activations: torch's own modules, on sparse tensors."""

from ....nn.modules.activation import LeakyReLU, ReLU, SiLU

__all__ = ["LeakyReLU", "ReLU", "SiLU"]
