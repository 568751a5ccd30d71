"""Containers, and dense modules that also take sparse tensors."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any, Optional

import torch
from torch import nn

from ..._messages import wrong_type, wrong_value
from ...dialects.watching import is_watched
from ._normalization import engine_norm
from ._torch_functions import called_for_layer, called_for_program
from .core import SparseConvTensor

__all__ = [
    "PrintCurrentTime",
    "PrintTensorMeta",
    "SparseBatchNorm",
    "SparseIdentity",
    "SparseModule",
    "SparseReLU",
    "SparseSequential",
    "SparseSyncBatchNorm",
    "assign_name_for_sparse_modules",
    "is_sparse_conv",
    "is_spconv_module",
]

DIFFERS = {"PrintCurrentTime": "waits for no GPU"}

# Modules that treat all rows alike, so that it does not matter to them, nor to what they return, in which order rows
# are: exactly these, since a derived class may look at rows.
_ALIKE = frozenset(
    {
        nn.BatchNorm1d, nn.CELU, nn.ELU, nn.GELU, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.Identity, nn.LayerNorm,
        nn.LeakyReLU, nn.Linear, nn.LogSigmoid, nn.Mish, nn.PReLU, nn.ReLU, nn.ReLU6, nn.SELU, nn.SiLU, nn.Sigmoid,
        nn.Softplus, nn.Softsign, nn.SyncBatchNorm, nn.Tanh, nn.Tanhshrink,
    }
)  # fmt: skip


def is_spconv_module(module: Any) -> bool:
    """Return whether a module in a `SparseSequential` gets the sparse tensor, not its features."""
    return isinstance(module, (SparseModule, SparseBatchNorm, SparseReLU))


def is_sparse_conv(module: Any) -> bool:
    """Return whether a module is a sparse convolution."""
    from .conv import SparseConvolution

    return isinstance(module, SparseConvolution)


def shown_if_watched(module: nn.Module, output: Any) -> Any:
    """Return the output of a module, with features that are what a hook will see and take gradients of."""
    if isinstance(output, SparseConvTensor) and is_watched(module):
        output._settle()
    return output


def _applied(function: Any, module: nn.Module, input: SparseConvTensor) -> SparseConvTensor:
    """Return a tensor with what a function, which stands for a module, makes of the features."""
    if type(module) in _ALIKE and not is_watched(module):
        return input._mapped(function)
    return input.replace_feature(function(input.features))


def _engine_norm(norm: nn.BatchNorm1d, input: SparseConvTensor, has_relu: bool) -> Any:
    """Return what computes a norm, and a ReLU behind it, faster than torch, if nobody can tell."""
    return None if is_watched(norm) else engine_norm(norm, input._values(), has_relu)


class SparseModule(nn.Module):
    """The base class of modules that take and return `SparseConvTensor`s.

    While a program's module runs, the engine also computes the batch norms, ReLUs, sums and joins of features that the
    module asks torch for; torch's tensors and autograd see no difference.

    name: what `benchmark_record` calls it.
    """

    def __init__(self, name: Optional[str] = None) -> None:
        super().__init__()
        self.name = name
        self._sparse_unique_name = ""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return what `forward` does, after and before hooks."""
        is_layer = str(getattr(type(self).forward, "__module__", "")).startswith("scn.")
        return (called_for_layer if is_layer else called_for_program)(super().__call__, args, kwargs)


class SparseSequential(SparseModule):
    """Modules one after the other, sparse and dense: a module that is not a `SparseModule` gets the features of a
    sparse tensor, unless that has no sites.

    Modules are given in order, as one `OrderedDict`, or by keyword.
    """

    def __init__(self, *args: Any, **kwargs: nn.Module) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            given = list(args[0].items())
        else:
            given = [(str(number), module) for number, module in enumerate(args)]
        for key, module in given:
            self.add_module(key, module)
        for key, module in kwargs.items():
            if key in self._modules:
                raise wrong_value("name", key, "one that no other module has")
            self.add_module(key, module)

    def __getitem__(self, idx: int) -> nn.Module:
        if not -len(self) <= idx < len(self):
            raise IndexError(f"idx: is {idx}, expected a number of one of {len(self)} modules")
        return list(self._modules.values())[idx]  # type: ignore[return-value]

    def __len__(self) -> int:
        return len(self._modules)

    def add(self, module: nn.Module, name: Optional[str] = None) -> None:
        """Append a module. name: None for its number."""
        if name is None:
            name = str(len(self._modules))
            if name in self._modules:
                raise KeyError("name exists")
        self.add_module(name, module)

    def forward(self, input: Any) -> Any:
        """Return what the last module returns. input: a sparse tensor, a list of them, or a dense one."""
        modules: list[Any] = list(self._modules.values())
        while modules:
            module = modules.pop(0)
            if is_spconv_module(module) or not isinstance(input, SparseConvTensor):
                input = module(input)
            elif input.indices.shape[0] != 0:
                function: Any = module
                if type(module) is nn.BatchNorm1d:
                    has_relu = bool(modules) and type(modules[0]) is nn.ReLU and not is_watched(modules[0])
                    known = _engine_norm(module, input, has_relu)
                    if known is not None:
                        function = known
                        del modules[: int(has_relu)]
                input = _applied(function, module, input)
        return shown_if_watched(self, input)


def assign_name_for_sparse_modules(module: nn.Module) -> None:
    """Tell each sparse module within another its full name."""
    for name, found in module.named_modules():
        if isinstance(found, SparseModule):
            found._sparse_unique_name = name


class SparseBatchNorm(nn.BatchNorm1d):
    """`torch.nn.BatchNorm1d` that also takes sparse tensors."""

    def forward(self, input: Any) -> Any:
        """Return the normalized tensor, of the kind of the input."""
        return input._mapped(super().forward) if isinstance(input, SparseConvTensor) else super().forward(input)


class SparseSyncBatchNorm(nn.SyncBatchNorm):
    """`torch.nn.SyncBatchNorm` that also takes sparse tensors."""

    def forward(self, input: Any) -> Any:
        """Return the normalized tensor, of the kind of the input."""
        return input._mapped(super().forward) if isinstance(input, SparseConvTensor) else super().forward(input)


class SparseReLU(nn.ReLU):
    """`torch.nn.ReLU` that also takes sparse tensors."""

    def forward(self, input: Any) -> Any:
        """Return the tensor with 0 in place of negative numbers, of the kind of the input."""
        return input._mapped(super().forward) if isinstance(input, SparseConvTensor) else super().forward(input)


class SparseIdentity(nn.Identity):
    """`torch.nn.Identity` that also takes sparse tensors."""

    def forward(self, input: Any) -> Any:
        """Return a tensor like the input."""
        return input._mapped(super().forward) if isinstance(input, SparseConvTensor) else super().forward(input)


class PrintTensorMeta(nn.Module):
    """Prints the least, the largest and the mean feature, and returns its input."""

    def forward(self, x: Any) -> Any:
        """Return the input, a sparse tensor or a dense one."""
        features = x.features if isinstance(x, SparseConvTensor) else x
        if not isinstance(features, torch.Tensor):
            raise wrong_type("x", x, "a SparseConvTensor or a torch.Tensor")
        print(features.min(), features.max(), features.mean())
        return x


class PrintCurrentTime(nn.Module):
    """Prints the seconds since it was made, and returns its input."""

    def __init__(self) -> None:
        super().__init__()
        self.first_time = time.time()

    def forward(self, x: Any, msg: str = "", reset: bool = False) -> Any:
        """Return the input. msg: printed before the time. reset: whether to count from now."""
        if reset:
            self.first_time = time.time()
        print(msg, time.time() - self.first_time)
        return x
