"""Recomputing running statistics, for weights that training did not produce: averages of several states."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from .normalization import BatchNormalization, MeanOnlyBNLeakyReLU

__all__ = ["update_bn"]


@torch.no_grad()
def update_bn(inputs: Iterable[Any], model: nn.Module) -> None:
    """Recompute the running statistics of all batch normalizations for the model as it is now, over some inputs.

        scn.update_bn((batch["x"] for batch in loader), averaged)

    Each input is what the model is called with; all count equally. This is what `torch.optim.swa_utils.update_bn` does,
    which knows only torch's normalizations; those are updated too. The model computes as in training and returns to its
    mode afterward. Nothing changes if there is no input, or if it raises.
    """
    ours = [module for module in model.modules() if isinstance(module, (BatchNormalization, MeanOnlyBNLeakyReLU))]
    norms: list[Any] = ours + [module for module in model.modules() if isinstance(module, _BatchNorm)]
    momenta = [module.momentum for module in norms]
    modes = [(module, module.training) for module in model.modules()]
    before = {name: values.clone() for name, values in model.state_dict().items()}
    model.train()
    count = 0
    try:
        for input in inputs:
            for module in ours:
                # The fraction that is kept makes the result the mean over the inputs so far.
                module.momentum = count / (count + 1)
            if not count:
                for module in norms[len(ours) :]:
                    module.reset_running_stats()
                    module.momentum = None
            model(input)
            count += 1
    except BaseException:
        model.load_state_dict(before)
        raise
    finally:
        for module, momentum in zip(norms, momenta):
            module.momentum = momentum
        for each, training in modes:
            each.training = training
