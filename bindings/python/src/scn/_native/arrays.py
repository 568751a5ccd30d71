"""From Python's numbers and arrays to the library's, with every check that C cannot make."""

from __future__ import annotations

import ctypes
import math
import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._messages import counted, text_of, type_of, wrong_elements, wrong_value
from ..errors import Error, InvalidArgumentError, ShapeError, SizeOverflowError
from .generated import SCN_MAX_DIMENSION, Matrix
from .handles import TensorHandle
from .library import library

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


def integer(value: Any, name: str, bits: int | None = 64) -> int:
    """Return a Python integer that fits into `bits` bits, sign included, or any for None; ctypes would truncate
    silently."""
    try:
        number = operator.index(value)
    except TypeError:
        array = np.asarray(value)
        if array.ndim or array.dtype.kind not in "iuf" or array != np.floor(array) or not np.isfinite(array):
            raise wrong_value(name, value, "an integer") from None
        number = int(array)
    if bits is not None and not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise SizeOverflowError(f"{name}: is {text_of(number)}, expected an integer of at most {bits} bits")
    return number


def number(value: Any, name: str) -> float:
    """Return a number of any type as a Python float."""
    try:
        if not isinstance(value, (str, bytes)):
            return float(value)
    except (TypeError, ValueError):
        pass
    raise wrong_value(name, value, "a number")


def finite(value: Any, name: str) -> float:
    """Return a finite number of any type as a Python float."""
    result = number(value, name)
    if not math.isfinite(result):
        raise wrong_value(name, result, "a finite number")
    return result


def positive(value: Any, name: str) -> float:
    """Return a number above 0 that float32 holds with all its digits, as the library's `epsilon`s must be."""
    least, most = (float(limit) for limit in (np.finfo(np.float32).tiny, np.finfo(np.float32).max))
    if not least <= (result := number(value, name)) <= most:
        raise wrong_value(name, result, f"{least:.9g} ... {most:.9g}")
    return result


def at_least_zero(value: Any, name: str) -> float:
    """Return a number that is at least 0 and finite, also as float32."""
    most = float(np.finfo(np.float32).max)
    if not 0 <= (result := number(value, name)) <= most:
        raise wrong_value(name, result, f"0 ... {most:.9g}")
    return result


def flag(value: Any, name: str) -> bool:
    """Return a truth value: a bool, 0 or 1; anything else was meant for another argument."""
    if isinstance(value, (bool, np.bool_)) or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    raise wrong_value(name, value, "True or False")


def dimension_of(value: Any) -> int:
    """Return a dimension, 1 ... SCN_MAX_DIMENSION."""
    number = integer(value, "dimension")
    if not 1 <= number <= SCN_MAX_DIMENSION:
        raise wrong_value("dimension", number, f"1 ... {SCN_MAX_DIMENSION}")
    return number


def sizes(value: Any, dimension: int, name: str) -> list[int]:
    """Return a size for each axis: an integer counts for all of them, a sequence must have one for each."""
    if np.ndim(value) == 0:
        return [integer(value, name)] * dimension
    result = [integer(size, name) for size in value]
    if len(result) != dimension:
        raise ShapeError(f"{name}: has {counted(len(result), 'entry')}, expected {dimension}")
    return result


def entries(value: Any, name: str, meaning: str) -> list[Any]:
    """Return the entries of a list or of any other iterable."""
    try:
        return list(value)
    except TypeError:
        raise wrong_value(name, value, meaning) from None


def pair(value: Any, name: str, meaning: str) -> tuple[Any, Any]:
    """Return the two parts of a list or tuple."""
    if isinstance(value, (list, tuple, np.ndarray)) and len(value) == 2:
        return value[0], value[1]
    raise wrong_value(name, value, meaning)


def int64s(values: list[int]) -> Any:
    """Return a C array of 64-bit integers."""
    return (ctypes.c_int64 * len(values))(*values)


# DLPack's devices whose memory the CPU can read: its own, and memory pinned by CUDA or ROCm.
_CPU_DEVICES = (1, 3, 11)


def plain(value: Any, name: str = "values") -> NDArray[Any]:
    """Return a host's value as an array, without a copy if it shares its memory.

    It may be numbers, or have `__dlpack__`, `__array_interface__`, `__array__` or the buffer protocol. A foreign
    tensor's gradient history is left behind. Raises `InvalidArgumentError` for memory that the CPU cannot read, and for
    nested lists that make no array.
    """
    if isinstance(value, np.ndarray):
        return value
    value, is_dlpack = _detached(value, name)
    others = ("__array__", "__array_interface__", "__array_struct__")
    if is_dlpack and not any(hasattr(value, other) for other in others):
        return np.from_dlpack(value)
    try:
        return np.asarray(value)
    except ValueError:
        raise wrong_value(name, value, "rows of one length") from None


def lent(value: Any, name: str) -> NDArray[Any]:
    """Return an array that is a value's own memory, as `plain` does; `InvalidArgumentError` if it lends none."""
    if isinstance(value, np.ndarray):
        return value
    value, is_dlpack = _detached(value, name)
    try:
        if is_dlpack:
            return np.from_dlpack(value)
        if not hasattr(value, "__array_interface__") and not hasattr(value, "__array_struct__"):
            memoryview(value)
        return np.asarray(value)
    except (BufferError, TypeError) as error:
        reason = f"{type_of(value)} that lends no memory ({error})"
        raise InvalidArgumentError(f"{name}: is {reason}, expected an array; scn.tensor copies it") from None


def _detached(value: Any, name: str) -> tuple[Any, bool]:
    """Return a value without its gradient history, and whether it has `__dlpack__`; its memory must be the CPU's."""
    detach = getattr(value, "detach", None)
    if callable(detach):
        value = detach()
    is_dlpack = hasattr(value, "__dlpack__") and hasattr(value, "__dlpack_device__")
    if is_dlpack:
        try:
            device = int(value.__dlpack_device__()[0])
        except (BufferError, ValueError) as error:
            reason = f"in memory that the CPU cannot read ({error})"
            raise InvalidArgumentError(f"{name}: is {reason}, expected the CPU's") from None
        if device not in _CPU_DEVICES:
            raise InvalidArgumentError(
                f"{name}: is on device {device} of DLPack, expected the CPU; copy it there first"
            )
    return value, is_dlpack


def _aligned(array: NDArray[Any]) -> NDArray[Any]:
    return array if array.flags.aligned else array.copy()


def float32(value: Any, name: str = "values") -> FloatArray:
    """Return the values as a contiguous float32 array, without a copy if they already are one."""
    array = plain(value, name)
    if array.dtype.kind not in "biuf":
        raise wrong_elements(name, array.dtype, "real numbers")
    return _aligned(np.asarray(array, dtype=np.float32, order="C"))


def int64(value: Any, name: str, error: type[Error] = InvalidArgumentError) -> IntArray:
    """Return whole numbers as a contiguous int64 array, or raise `error`."""
    array = plain(value, name)
    kind = array.dtype.kind
    if kind == "f" and array.size:
        is_whole = np.isfinite(array) & (array == np.floor(array))
        if not is_whole.all():
            raise error(f"{name}: has {array[~is_whole][0]}, expected whole numbers")
        if float(np.abs(array).max()) >= 2.0**63:
            raise _too_large(name, array)
    elif kind == "u" and array.size and int(array.max()) >= 2**63:
        raise _too_large(name, array)
    elif kind not in "biuf":
        raise wrong_elements(name, array.dtype, "integers")
    return _aligned(np.asarray(array, dtype=np.int64, order="C"))


def _too_large(name: str, array: NDArray[Any]) -> SizeOverflowError:
    most = array.flat[int(np.abs(array).argmax())]
    return SizeOverflowError(f"{name}: has {most}, expected integers of at most 64 bits")


def address(array: NDArray[Any]) -> int:
    """Return the address of the array's numbers."""
    return int(array.ctypes.data)


def matrix(array: FloatArray) -> Matrix:
    """Return the struct for a contiguous array [rows, planes], which must outlive it."""
    rows, planes = array.shape
    return Matrix(data=address(array), rows=rows, planes=planes)


class _Memory:
    """The library's memory, described as numpy wants it; an array made from it keeps the handle alive."""

    __slots__ = ("__array_interface__", "_handle")

    def __init__(self, handle: TensorHandle, shape: tuple[int, ...], where: int) -> None:
        self._handle = handle
        self.__array_interface__ = {
            "shape": shape,
            "typestr": np.dtype(np.float32).str,
            "data": (where, False),
            "version": 3,
        }


def shape_of(handle: TensorHandle) -> tuple[int, ...]:
    """Return the shape of a library tensor."""
    rank = ctypes.c_int32()
    library.scn_tensor_rank(handle, ctypes.byref(rank))
    shape = (ctypes.c_int64 * max(rank.value, 1))()
    library.scn_tensor_shape(handle, shape, rank.value)
    return tuple(shape[: rank.value])


def view(handle: TensorHandle, shape: tuple[int, ...]) -> FloatArray:
    """Return the values of a library tensor as an array over that very memory."""
    if 0 in shape:
        return np.empty(shape, np.float32)
    where = ctypes.c_void_p()
    library.scn_tensor_data(handle, ctypes.byref(where))
    assert where.value is not None, "the library returned no memory"
    return np.asarray(_Memory(handle, shape, where.value))


def new_tensor(array: FloatArray) -> TensorHandle:
    """Create a dense library tensor with a copy of the array."""
    shape = int64s(list(array.shape))
    return TensorHandle.make(library.scn_tensor_create, shape, array.ndim, address(array))
