"""cumm's tensors, as far as programs hand them to spconv's voxel generators: arrays in the CPU's memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from ...._messages import wrong_type, wrong_value
from ....errors import UnsupportedError
from . import gemm

__all__ = [
    "NPDTYPE_TO_TENSOR_MAP",
    "TENSOR_TO_NPDTYPE_MAP",
    "Tensor",
    "bool_",
    "empty",
    "float16",
    "float32",
    "float64",
    "from_numpy",
    "full",
    "gemm",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_cpu_only",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "zeros",
]

float32, int32, int16, int8, float64, bool_, uint8, float16, int64, uint16, uint32, uint64 = range(12)
_NAMES = (
    "float32", "int32", "int16", "int8", "float64", "bool", "uint8", "float16", "int64", "uint16", "uint32", "uint64"
)  # fmt: skip
TENSOR_TO_NPDTYPE_MAP: dict[int, np.dtype[Any]] = {number: np.dtype(name) for number, name in enumerate(_NAMES)}
NPDTYPE_TO_TENSOR_MAP = {kind: number for number, kind in TENSOR_TO_NPDTYPE_MAP.items()}


class Tensor:
    """An array of numbers in the CPU's memory, which `numpy_view` shares and `numpy` copies.

    array: any numpy array of a type in `TENSOR_TO_NPDTYPE_MAP`; without one, an empty tensor.
    """

    __slots__ = ("_array",)

    def __init__(self, array: Optional[NDArray[Any]] = None) -> None:
        given = np.empty(0, np.float32) if array is None else array
        if not isinstance(given, np.ndarray):
            raise wrong_type("array", given, "a numpy.ndarray")
        if given.dtype not in NPDTYPE_TO_TENSOR_MAP:
            raise wrong_value("array.dtype", given.dtype, "a type of numbers that cumm has")
        self._array = given

    def numpy(self) -> NDArray[Any]:
        """Return a copy as an array."""
        copied: NDArray[Any] = self._array.copy()
        return copied

    def numpy_view(self) -> NDArray[Any]:
        """Return an array that shares the memory."""
        return self._array

    @property
    def shape(self) -> list[int]:
        """The number of elements along each axis."""
        return list(self._array.shape)

    @property
    def stride(self) -> list[int]:
        """How many elements further along each axis the next one is."""
        return [step // self._array.itemsize for step in self._array.strides]

    @property
    def dtype(self) -> int:
        """cumm's number of the element type."""
        return NPDTYPE_TO_TENSOR_MAP[self._array.dtype]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._array.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._array.size

    @property
    def itemsize(self) -> int:
        """The bytes of an element."""
        return self._array.itemsize

    @property
    def device(self) -> int:
        """-1, the CPU."""
        return -1

    def dim(self, axis: int) -> int:
        """Return the number of elements along an axis."""
        return self.shape[axis]

    def empty(self) -> bool:
        """Return whether there are no elements."""
        return not self._array.size

    def is_contiguous(self) -> bool:
        """Return whether the elements lie one after the other, the last axis fastest."""
        return bool(self._array.flags.c_contiguous)

    def clone(self) -> Tensor:
        """Return a copy."""
        return Tensor(self._array.copy())

    def cpu(self) -> Tensor:
        """Return the tensor as one of the CPU, which it is: a copy."""
        return self.clone()

    def cuda(self, *arguments: Any) -> Tensor:
        """Raise `UnsupportedError`: there is no GPU."""
        raise UnsupportedError("cumm.tensorview: scn computes on the CPU; leave out .cuda()")

    def view(self, *shape: Any) -> Tensor:
        """Return the same elements in another shape: numbers, or one list of them."""
        return Tensor(self._array.reshape(*shape))

    def slice_first_axis(self, start: int, end: int) -> Tensor:
        """Return the rows start ... end - 1, which share the memory."""
        return Tensor(self._array[start:end])

    def zero_(self) -> Tensor:
        """Set all elements to 0, and return the tensor."""
        self._array[...] = 0
        return self

    def __getitem__(self, which: Any) -> Tensor:
        return Tensor(np.asarray(self._array[which]))

    def __len__(self) -> int:
        return len(self._array)

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> NDArray[Any]:
        array = self._array if dtype is None else self._array.astype(dtype, copy=False)
        return array.copy() if copy and array is self._array else array

    def __repr__(self) -> str:
        return f"Tensor[shape={list(self.shape)}, dtype={self._array.dtype}]"


def from_numpy(arr: NDArray[Any]) -> Tensor:
    """Return an array as a tensor that shares its memory."""
    if not isinstance(arr, np.ndarray):
        raise wrong_type("arr", arr, "a numpy.ndarray")
    return Tensor(arr)


def zeros(shape: Sequence[int], dtype: int = float32, device: int = -1) -> Tensor:
    """Return a tensor of zeros. dtype: cumm's number of an element type. device: -1, the CPU."""
    return full(shape, 0, dtype, device)


def empty(shape: Sequence[int], dtype: int = float32, device: int = -1) -> Tensor:
    """Return a tensor whose elements may be anything. Arguments as those of `zeros`."""
    return full(shape, 0, dtype, device)


def full(shape: Sequence[int], val: Any, dtype: int = float32, device: int = -1) -> Tensor:
    """Return a tensor whose elements are `val`. Other arguments as those of `zeros`."""
    if device != -1:
        raise UnsupportedError(f"device: is {device}, expected -1, the CPU, where scn computes")
    if dtype not in TENSOR_TO_NPDTYPE_MAP:
        raise wrong_value("dtype", dtype, "cumm's number of an element type")
    return Tensor(np.full(list(shape), val, TENSOR_TO_NPDTYPE_MAP[dtype]))


def is_cpu_only() -> bool:
    """Return True: there is no GPU."""
    return True
