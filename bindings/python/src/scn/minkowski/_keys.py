"""The name of a coordinate map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional, Union

from .._messages import counted, wrong_type
from ..errors import ShapeError, StateError
from ._maps import Key

__all__ = ["CoordinateMapKey"]


class CoordinateMapKey:
    """Names a coordinate map of a manager, by its tensor stride and a string.

    `CoordinateMapKey(size)`, with size = 1 + dimension, is a key that is not set yet: functions set it to the map that
    they make. `CoordinateMapKey(tensor_stride, string_id)` is set. Keys are equal if both are set and name the same.
    """

    def __init__(self, size_or_stride: Union[int, Sequence[int]], string_id: str = "") -> None:
        self._key: Optional[Key] = None
        if isinstance(size_or_stride, int):
            self._size = size_or_stride
        else:
            self._size = 1 + len(size_or_stride)
            self.set_key(size_or_stride, string_id)

    @classmethod
    def _of(cls, key: Key) -> CoordinateMapKey:
        made = cls.__new__(cls)
        made._key, made._size = key, 1 + len(key[0])
        return made

    def is_key_set(self) -> bool:
        """Return whether the key names a map."""
        return self._key is not None

    def get_coordinate_size(self) -> int:
        """Return 1 + the dimension."""
        return self._size

    def get_key(self) -> tuple[list[int], str]:
        """Return the tensor stride and the string; `StateError` if the key is not set."""
        stride, string_id = self._known()
        return list(stride), string_id

    def get_tensor_stride(self) -> list[int]:
        """Return the tensor stride; `StateError` if the key is not set."""
        return list(self._known()[0])

    def set_key(self, stride_or_key: Any, string_id: Optional[str] = None) -> None:
        """Set the tensor stride and the string, given as two arguments or as a pair."""
        stride, name = stride_or_key if string_id is None else (stride_or_key, string_id)
        values = tuple(int(step) for step in stride)
        if len(values) != self._size - 1:
            raise ShapeError(f"tensor_stride: has {counted(len(values), 'entry')}, expected {self._size - 1}")
        self._key = (values, str(name))

    def _known(self) -> Key:
        if self._key is None:
            raise StateError("coordinate map key: is not set, expected one that a tensor or a layer has set")
        return self._key

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CoordinateMapKey):
            return NotImplemented
        return self._key is not None and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        if self._key is None:
            return "coordinate map key: not set"
        stride, name = self._key
        return f"coordinate map key:{list(stride)}{':' if name else ''}{name}"


def known_key(value: Any, name: str) -> Key:
    """Return what a key names; `TypeError` for a value that is no key."""
    if not isinstance(value, CoordinateMapKey):
        raise wrong_type(name, value, "a CoordinateMapKey")
    return value._known()
