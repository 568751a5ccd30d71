"""Programs written for other libraries, run with scn in their place.

    import scn
    scn.stand_in("spconv", "MinkowskiEngine")
    import spconv.pytorch as spconv         # this is scn.spconv.pytorch

`python -m scn.stand_in program.py arguments...` does it for a whole program.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Optional

from .._messages import one_of, wrong_value
from ..errors import StateError

__all__ = ["LIBRARIES", "VERSIONS", "stand_in"]

# MinkowskiEngine puts its own folder on Python's path: programs may import its modules without its name, by which its
# classes also call themselves.
_OF_MINKOWSKI = (
    "Broadcast", "ChannelwiseConvolution", "Common", "Convolution", "CoordinateManager", "Functional", "Interpolation",
    "KernelGenerator", "Network", "Nonlinearity", "Normalization", "Ops", "Pooling", "Pruning", "SparseTensor",
    "Tensor", "TensorField", "Union",
)  # fmt: skip

LIBRARIES = {
    "spconv": {"spconv": "scn.spconv", "cumm": "scn.spconv._cumm"},
    "MinkowskiEngine": {
        "MinkowskiEngine": "scn.minkowski",
        "MinkowskiEngineBackend": "scn.minkowski._backend",
        **{f"Minkowski{part}": f"scn.minkowski.Minkowski{part}" for part in _OF_MINKOWSKI},
    },
    "torchsparse": {"torchsparse": "scn.torchsparse"},
    "sparseconvnet": {},
}
"""The libraries that can be stood in for, with the packages that a program imports and what it gets in their place.

SparseConvNet's is put there by `scn.torch.install`.
"""
VERSIONS = {
    "torchsparse==2.1": {"torchsparse": "scn.torchsparse"},
    "torchsparse==1.4": {"torchsparse": "scn.torchsparse.v1"},
    "torchsparse==2.0": {"torchsparse": "scn.torchsparse.v1"},
}
"""Versions of them, for programs that need one."""


def stand_in(*libraries: str, ignore_cuda: bool = False) -> None:
    """Let programs import scn in place of other libraries, in this process, from now on.

    libraries: 'spconv', 'MinkowskiEngine', 'torchsparse', 'sparseconvnet'; 'torchsparse==1.4' or 'torchsparse==2.0' for
    programs whose coordinates have the batch index last, 'torchsparse==2.1' for those that count on coordinates which a
    stride divides (without a version, they stay multiples of the tensor's stride). ignore_cuda: whether `.cuda()`,
    `.to("cuda")`, `device="cuda"` and the like are to mean the CPU from now on, for programs that never ask whether
    there is a GPU; PyTorch is changed for that, and there is no way back. Raises `StateError`, and changes nothing,
    where one of the libraries itself, or another version of its stand-in, has been imported.
    """
    known_libraries = {**LIBRARIES, **VERSIONS}
    for library in libraries:
        if library not in known_libraries:
            raise wrong_value("libraries", library, one_of(known_libraries))
    packages = {}
    for library in libraries:
        for name, target in known_libraries[library].items():
            _refuse_imported(name, target, library)
            packages[name] = target
    if "sparseconvnet" in libraries:
        importlib.import_module("scn.torch").install()
    known = _finder()
    known.packages.update(packages)
    for library, units in (("torchsparse", "finest"), ("torchsparse==2.1", "level")):
        if library in libraries:
            importlib.import_module("scn.torchsparse").set_coordinate_units(units)
    for library, version in (("torchsparse==1.4", "1.4.0"), ("torchsparse==2.0", "2.0.0b")):
        if library in libraries:
            older: Any = importlib.import_module("scn.torchsparse.v1")
            older.__version__ = older.version.__version__ = version
    if ignore_cuda:
        importlib.import_module("scn.stand_in.without_cuda").ignore_cuda()


def _refuse_imported(name: str, target: str, library: str) -> None:
    """Raise `StateError` if a package that a program is to find elsewhere has been imported already."""
    known = sys.modules.get(name)
    if known is None or known is sys.modules.get(target):
        return
    where = getattr(known, "__file__", None) or "elsewhere"
    raise StateError(
        f"{name}: is imported from {where} already, expected scn.stand_in({library!r}) before any import of it"
    )


class _Finder:
    """Finds `package.part` as the module `target.part`: one module under two names."""

    def __init__(self) -> None:
        self.packages: dict[str, str] = {}

    def find_spec(
        self, name: str, path: Optional[Sequence[str]] = None, target: Optional[ModuleType] = None
    ) -> Optional[importlib.machinery.ModuleSpec]:
        package, _, part = name.partition(".")
        if package not in self.packages:
            return None
        target_name = f"{self.packages[package]}.{part}" if part else self.packages[package]
        try:
            found = importlib.util.find_spec(target_name)
        except ModuleNotFoundError:
            return None
        if found is None:
            return None
        is_package = found.submodule_search_locations is not None
        return importlib.machinery.ModuleSpec(name, _Loader(target_name), is_package=is_package)


class _Loader(importlib.abc.Loader):
    """Gives a module that is found under another name."""

    def __init__(self, target: str) -> None:
        self.target = target

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.target)
        self.spec: Any = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just replaced it by that of the other name.
        module.__spec__ = self.spec


def _finder() -> _Finder:
    """Return the finder of this process; it comes before those that look for installed packages."""
    for known in sys.meta_path:
        if isinstance(known, _Finder):
            return known
    made = _Finder()
    sys.meta_path.insert(0, made)
    return made
