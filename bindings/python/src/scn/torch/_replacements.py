"""What to use in place of names that package scn has and scn.torch lacks."""

from __future__ import annotations

from typing import NoReturn

import scn

_INSTEAD = {
    "Adam": "use torch.optim.Adam",
    "AdamW": "use torch.optim.AdamW",
    "CosineSchedule": "use torch.optim.lr_scheduler",
    "ExponentialSchedule": "use torch.optim.lr_scheduler",
    "Module": "modules are torch.nn.Module here",
    "Optimizer": "use torch.optim",
    "Parameter": "use torch.nn.Parameter",
    "SGD": "use torch.optim.SGD",
    "StepSchedule": "use torch.optim.lr_scheduler",
    "Tensor": "tensors are torch.Tensor here",
    "clip_grad_norm_": "use torch.nn.utils.clip_grad_norm_",
    "enable_grad": "use torch.enable_grad",
    "from_numpy": "use torch.from_numpy",
    "is_grad_enabled": "use torch.is_grad_enabled",
    "load": "use scn.torch.from_module(scn.load(path)), or torch.load for what torch.save wrote",
    "manual_seed": "use torch.manual_seed",
    "no_grad": "use torch.no_grad",
    "optim": "use torch.optim",
    "optimize_for_inference": "use scn.optimize_for_inference(scn.torch.to_module(module))",
    "restore": "use module.load_state_dict(torch.load(path))",
    "save": "save state_dict() by torch.save, or the network by scn.save(scn.torch.to_module(module), path)",
    "summary": "use scn.summary(scn.torch.to_module(module), input)",
    "tensor": "use torch.tensor",
    "voxelize": "use scn.voxelize, which takes and returns numpy arrays",
}


def refuse(name: str) -> NoReturn:
    """Raise the error for a name that scn.torch lacks, saying what to use in its place if package scn has it."""
    hint = _INSTEAD.get(name, f"package scn has it: scn.{name}") if name in scn.__all__ else ""
    raise AttributeError(f"module 'scn.torch' has no attribute {name!r}{'; ' if hint else ''}{hint}")
