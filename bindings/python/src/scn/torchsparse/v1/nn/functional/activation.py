"""Activations as functions."""

from ....nn.functional.activation import leaky_relu, relu, silu

__all__ = ["leaky_relu", "relu", "silu"]
