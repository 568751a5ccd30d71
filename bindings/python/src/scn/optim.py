"""Optimizers, as `scn.optim.SGD`."""

from .training.optimizers import SGD, Adam, AdamW, Optimizer, clip_grad_norm_

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "clip_grad_norm_"]
