"""Where the modules of version 0.1 are now: pickles name the module of each class and function."""

from __future__ import annotations

import sys

# A module's new place, and what was there: its own name, or "old:new".
_MOVED = {
    "scn": {
        "values": "grad_mode metadata sparse tensor voxels",
        "nn": "activation batched combining containers convolution inference input_batch input_output layer linear "
        "module networks normalization permutohedral pooling shape_context sparsify spectral summary",
        "training": "checkpoint:saving _classification:classification_loop classification:train_validate schedules",
        "conversion": "torch_checkpoint:pytorch_files weights",
    },
    "scn.torch": {
        "layers": "activation combining containers convolution input_output layer linear normalization "
        "pooling running_statistics sparsify spectral sync_normalization",
        "": "checkpoint:saving classification:train_validate",
    },
}


def provide(package: str) -> None:
    """Make the old names of a package's modules importable; the package has imported the new ones."""
    for room, names in _MOVED[package].items():
        for old, _, new in (name.partition(":") for name in names.split()):
            module = sys.modules[".".join(filter(None, (package, room, new or old)))]
            known = sys.modules.setdefault(f"{package}.{old}", module)
            # A module of SparseConvNet has that name: it gains what it lacks.
            for name, value in vars(module).items():
                vars(known).setdefault(name, value)
