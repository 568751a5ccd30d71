"""Dense arrays that can be differentiated."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._messages import wrong_shape
from .._native.arrays import FloatArray, address, float32, int64s, integer, lent, new_tensor, shape_of, view
from .._native.generated import ReleaseCallback
from .._native.handles import TensorHandle
from .._native.library import library
from ..errors import InvalidArgumentError, ShapeError
from .value import Value

T = TypeVar("T", bound="Tensor")

__all__ = ["Parameter", "Tensor", "from_numpy", "tensor"]


class Tensor(Value):
    """A float32 array of rank 0 ... 16 through which gradients flow; made by `scn.tensor` and by modules.

    `tensor[...]` and `numpy.asarray(tensor)` are numpy arrays (views of the same memory), and so is what
    `torch.from_dlpack(tensor)` returns: they keep the memory alive, and writing into them changes the tensor. `+`, `-`,
    `*`, `/`, `sum`, `mean` and `reshape` are recorded and give tensors.
    """

    __slots__ = ("_handle", "_shape")

    def __init__(self, values: Any, requires_grad: bool = False) -> None:
        self._handle: TensorHandle = new_tensor(float32(values))
        self._shape: tuple[int, ...] | None = None
        if requires_grad:
            self.requires_grad_()

    @classmethod
    def _of(cls: type[T], handle: TensorHandle) -> T:
        """Return a tensor around one of the library's."""
        self = cls.__new__(cls)
        self._handle = handle
        self._shape = None
        return self

    def _native_handle(self) -> TensorHandle:
        return self._handle

    def _wrap(self, handle: TensorHandle) -> Tensor:
        return Tensor._of(handle)

    def _constant(self, values: Any) -> TensorHandle:
        array = float32(values)
        try:
            return new_tensor(np.array(np.broadcast_to(array, self.shape), order="C"))
        except ValueError:
            raise wrong_shape("operand", array.shape, f"{list(self.shape)} or one that broadcasts to it") from None

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each axis."""
        if self._shape is None:
            self._shape = shape_of(self._handle)
        return self._shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32, always."""
        return np.dtype(np.float32)

    def numel(self) -> int:
        """Return the number of elements."""
        count = 1
        for size in self.shape:
            count *= size
        return count

    def numpy(self) -> FloatArray:
        return view(self._handle, self.shape)

    numpy.__doc__ = Value.numpy.__doc__

    def item(self) -> float:
        """Return the value of a one-element tensor. Raises `ShapeError` for any other."""
        if self.numel() != 1:
            raise ShapeError(f"item: the tensor has {self.numel()} elements, expected 1")
        return float(self.numpy().reshape(()))

    def __float__(self) -> float:
        return self.item()

    def __bool__(self) -> bool:
        return self.item() != 0

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len: the tensor has rank 0, expected at least 1")
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        return self.numpy()[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.numpy())

    # Comparisons are numpy's: element by element, arrays of truth values.

    def __eq__(self, other: Any) -> Any:
        return self.numpy() == _compared(other)

    def __ne__(self, other: Any) -> Any:
        return self.numpy() != _compared(other)

    def __lt__(self, other: Any) -> Any:
        return self.numpy() < _compared(other)

    def __le__(self, other: Any) -> Any:
        return self.numpy() <= _compared(other)

    def __gt__(self, other: Any) -> Any:
        return self.numpy() > _compared(other)

    def __ge__(self, other: Any) -> Any:
        return self.numpy() >= _compared(other)

    __hash__ = object.__hash__

    def copy_(self, values: Any) -> Tensor:
        """Overwrite the values with others of the same shape, and return this tensor."""
        array = float32(values)
        if array.shape != self.shape:
            raise wrong_shape("values", array.shape, self.shape)
        library.scn_tensor_copy_from(self._handle, address(array), array.size)
        return self

    def sum(self) -> Tensor:
        """Return the sum of all elements, rank 0."""
        return Tensor._of(TensorHandle.make(library.scn_tensor_sum, self._handle))

    def mean(self) -> Tensor:
        """Return the mean of all elements, rank 0. Raises `ShapeError` if there are none."""
        if not self.numel():
            raise ShapeError("mean: the tensor has no elements, expected at least 1")
        return self.sum() / self.numel()

    def reshape(self, *shape: Any) -> Tensor:
        """Return a tensor of another shape with the same elements in order; one size may be -1: it is inferred."""
        given = shape[0] if len(shape) == 1 and np.ndim(shape[0]) else shape
        wanted = [integer(size, "shape") for size in given]
        handle = TensorHandle.make(library.scn_tensor_reshape, self._handle, int64s(wanted), len(wanted))
        return Tensor._of(handle)

    view = reshape

    def __repr__(self) -> str:
        text = np.array2string(self.numpy(), precision=4, threshold=200, separator=", ", prefix="tensor(")
        end = ", requires_grad=True)" if self.requires_grad else ")"
        return f"{'Parameter' if isinstance(self, Parameter) else 'tensor'}({text}{end}"

    def __format__(self, spec: str) -> str:
        """Format a tensor of rank 0 as a number, f"{loss:.3f}"; no other tensor has a format."""
        if not spec:
            return str(self)
        if self.shape:
            raise TypeError(f"format {spec!r}: the tensor has shape {list(self.shape)}, expected rank 0")
        return format(self.item(), spec)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        copied = type(self)(self.numpy(), self.requires_grad)
        memo[id(self)] = copied
        return copied

    def __reduce__(self) -> Any:
        return type(self), (self.numpy().copy(), self.requires_grad)


class Parameter(Tensor):
    """A tensor that a module trains: assigned to an attribute of a `Module`, it becomes part of its state."""

    __slots__ = ()

    def __init__(self, values: Any, requires_grad: bool = True) -> None:
        super().__init__(values, requires_grad)


def _compared(other: Any) -> Any:
    return other.numpy() if isinstance(other, Value) else other


def tensor(array: Any, requires_grad: bool = False) -> Tensor:
    """Return a tensor with a copy of the array's values.

    array: numbers, nested lists, a numpy array, or anything with `__dlpack__`, `__array_interface__`, `__array__` or
    the buffer protocol, of any real type; `from_numpy` shares memory instead. requires_grad: whether backward passes
    should leave a gradient in `grad`.
    """
    return Tensor(float32(array, "array"), requires_grad)


_loans: dict[int, NDArray[Any]] = {}
_loan_numbers = itertools.count(1)


@ReleaseCallback  # type: ignore[untyped-decorator]
def _end_loan(number: int | None, loans: dict[int, NDArray[Any]] = _loans) -> None:
    loans.pop(number or 0, None)


# The library may call back even while the interpreter is tearing down its modules.
ctypes.pythonapi.Py_IncRef(ctypes.py_object(_end_loan))


def from_numpy(array: Any, requires_grad: bool = False) -> Tensor:
    """Return a tensor that shares the array's memory: writing into one shows in the other.

    array: a numpy array, or anything that lends its memory by `__dlpack__`, `__array_interface__` or the buffer
    protocol, such as PyTorch's tensors on the CPU: float32, writable, contiguous (C order). It is kept alive while the
    tensor needs it. Do not write into it between an operation and its backward pass. Raises `InvalidArgumentError` for
    any other.
    """
    array = lent(array, "array")
    faults = {
        f"of type {array.dtype}": array.dtype != np.float32 or not array.dtype.isnative,
        "read-only": not array.flags.writeable,
        "not in C order": not array.flags.c_contiguous,
        "not aligned": not array.flags.aligned,
    }
    if what := next((fault for fault, is_there in faults.items() if is_there), None):
        raise InvalidArgumentError(
            f"array: is {what}, expected a writable float32 array in C order; scn.tensor copies any other"
        )
    number = next(_loan_numbers)
    _loans[number] = array
    try:
        handle = TensorHandle.make(
            library.scn_tensor_borrow, int64s(list(array.shape)), array.ndim, address(array), _end_loan, number
        )
    except Exception:
        del _loans[number]
        raise
    result: Tensor = Tensor._of(handle)
    return result.requires_grad_(requires_grad)
