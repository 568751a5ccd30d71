"""Reading PyTorch's checkpoints without PyTorch, and without running anything in them."""

from __future__ import annotations

import math
import os
import pickle
import zipfile
from collections import OrderedDict
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .._files import PathLike, shown
from ..errors import FileError, FormatError

__all__ = ["from_torch_checkpoint"]

_TYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}
# What files from before PyTorch 1.6 begin with.
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def from_torch_checkpoint(path: PathLike) -> Any:
    """Return what `torch.save` wrote, with tensors as numpy arrays: for a state_dict, a dict from names to arrays.

    The dict is for `load_state_dict`, which knows SparseConvNet's older names and shapes too (the function of this name
    in `scn.torch` returns tensors for its own):

        net.load_state_dict(scn.from_torch_checkpoint("unet.pth"))

    Reads the files of every version of PyTorch without needing PyTorch. Nothing in a file is run: besides tensors it
    may hold numbers, strings, None, lists, tuples, sets and dicts. bfloat16 becomes float32; the other types stay.
    Raises `FileError`, and `FormatError` for any other content, such as a whole pickled model.
    """
    name = shown(path)
    try:
        with open(os.fsencode(path), "rb") as file:
            return _read_archive(file) if zipfile.is_zipfile(file) else _read_legacy(file)
    except OSError as error:
        raise FileError(f"{name}: {error.strerror or error}") from error
    except FormatError as error:
        raise FormatError(f"{name}: {error}") from None
    except Exception as error:  # Whatever a damaged pickle or archive makes Python's readers raise.
        raise FormatError(f"{name}: is no checkpoint of PyTorch, or damaged: {error}") from error


class _Storage:
    """The numbers of one or more tensors: known by name first, read later."""

    def __init__(self, type_name: str, count: int) -> None:
        if not isinstance(count, int) or count < 0:
            raise FormatError(f"has a storage of {count!r} numbers, expected at least 0")
        self.type, self.count, self.values = _TYPES[type_name], count, np.empty(0)

    @property
    def bytes_each(self) -> int:
        return 2 if self.type == "bfloat16" else np.dtype(self.type).itemsize

    def check_size(self, count: int) -> None:
        """Raise `FormatError` for another number of bytes than the storage has."""
        if count != self.count * self.bytes_each:
            raise FormatError(f"has a storage of {count} bytes, expected {self.count * self.bytes_each}")

    def fill(self, data: bytes) -> None:
        """Take the numbers, little-endian."""
        self.check_size(len(data))
        if self.type == "bfloat16":
            # The upper half of a float32.
            self.values = (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
        else:
            self.values = np.frombuffer(data, self.type)


class _Tensor:
    """A tensor whose numbers may not be read yet."""

    def __init__(self, storage: Any, offset: Any, size: Any, stride: Any, *rest: Any) -> None:
        self.storage, self.offset, self.size, self.stride = storage, offset, tuple(size), tuple(stride)
        whole = (offset, *self.size, *self.stride)
        if not isinstance(storage, _Storage) or not all(isinstance(part, int) and part >= 0 for part in whole):
            raise FormatError("has a tensor without a storage, an offset, a shape and strides")
        if len(self.size) != len(self.stride) or len(self.size) > 32:
            raise FormatError(f"has a tensor of shape {list(self.size)}, expected {len(self.stride)} axes, at most 32")
        # Whether it needs a gradient and its hooks come first; then, in newer files, what is special about its numbers.
        special = {name for name, holds in (rest[2] or {}).items() if holds} if len(rest) > 2 else set()
        if special - {"neg"}:
            raise FormatError(f"has a tensor stored as {', '.join(sorted(special))}, expected plain numbers")
        self.is_negated = bool(special)

    def array(self) -> NDArray[Any]:
        """Return a copy of the numbers."""
        values = self.storage.values
        if 0 in self.size:
            return np.empty(self.size, values.dtype)
        last = self.offset + sum((size - 1) * stride for size, stride in zip(self.size, self.stride))
        if last >= len(values) or math.prod(self.size) > len(values):
            raise FormatError(f"has a tensor of shape {list(self.size)} that reaches beyond its {len(values)} numbers")
        strides = [stride * values.itemsize for stride in self.stride]
        array: NDArray[Any] = np.lib.stride_tricks.as_strided(
            values[self.offset :], self.size, strides, writeable=False
        ).copy()
        return -array if self.is_negated else array


class _StorageType:
    """Stands for torch.FloatStorage and its like."""

    def __init__(self, name: str) -> None:
        self.name = name


def _parameter(data: Any, *rest: Any) -> Any:
    return data


class _Unpickler(pickle.Unpickler):
    """Reads a pickle of torch.save; every name it does not know is an error."""

    _known = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch", "Size"): tuple,
        ("torch._utils", "_rebuild_tensor"): _Tensor,
        ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
        ("torch._utils", "_rebuild_parameter"): _parameter,
        ("torch._utils", "_rebuild_parameter_with_state"): _parameter,
    }

    def __init__(self, file: IO[bytes], storages: dict[str, _Storage]) -> None:
        # Old files may come from Python 2.
        super().__init__(file, encoding="utf-8")
        self._storages = storages

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a name, or raise `FormatError`: nothing is imported."""
        if (module, name) in self._known:
            return self._known[module, name]
        if module in ("torch", "torch.storage") and name in _TYPES:
            return _StorageType(name)
        raise FormatError(f"holds a {module}.{name}, expected only tensors and plain values, such as a state_dict")

    def persistent_load(self, pid: Any) -> Any:
        """Return the storage that a pickle names."""
        kind, type_of_storage, key, _, count, *view = pid
        if kind != "storage" or not isinstance(type_of_storage, _StorageType) or (view and view[0] is not None):
            raise FormatError("has a storage of an unknown kind, expected one that a tensor owns")
        return self._storages.setdefault(str(key), _Storage(type_of_storage.name, count))


def _read_archive(file: IO[bytes]) -> Any:
    """Read a file of PyTorch 1.6 or later: an archive of a pickle and a file for each storage."""
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        pickles = [name for name in names if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(pickles) != 1:
            raise FormatError("is an archive, expected a checkpoint of PyTorch")
        folder = pickles[0].rpartition("/")[0]
        order = archive.read(f"{folder}/byteorder") if f"{folder}/byteorder" in names else b"little"
        if order != b"little":
            raise FormatError("is big-endian, expected little-endian")
        storages: dict[str, _Storage] = {}
        with archive.open(pickles[0]) as content:
            value = _Unpickler(content, storages).load()
        for key, storage in storages.items():
            member = archive.getinfo(f"{folder}/data/{key}")
            storage.check_size(member.file_size)
            storage.fill(archive.read(member))
    return _finished(value)


def _read_legacy(file: IO[bytes]) -> Any:
    """Read a file from before PyTorch 1.6: five pickles, then the numbers of each storage after their count."""
    file.seek(0)
    storages: dict[str, _Storage] = {}
    if _Unpickler(file, storages).load() != _MAGIC or _Unpickler(file, storages).load() != _PROTOCOL:
        raise FormatError("is no checkpoint of PyTorch")
    system = _Unpickler(file, storages).load()
    if not isinstance(system, dict) or not system.get("little_endian", True):
        raise FormatError("is big-endian, expected little-endian")
    value = _Unpickler(file, storages).load()
    for key in _Unpickler(file, {}).load():
        storage = storages.get(str(key))
        count = int.from_bytes(file.read(8), "little")
        if storage is None or count != storage.count:
            raise FormatError(f"has a storage {key!r} of {count} numbers that no tensor names")
        storage.fill(file.read(count * storage.bytes_each))
    return _finished(value)


def _finished(value: Any) -> Any:
    """Return a value with its tensors as arrays."""
    if isinstance(value, _Tensor):
        return value.array()
    if isinstance(value, dict):
        return {_finished(key): _finished(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set)):
        return type(value)(_finished(entry) for entry in value)
    if isinstance(value, (_Storage, _StorageType)):
        raise FormatError("holds numbers outside of a tensor")
    return value
