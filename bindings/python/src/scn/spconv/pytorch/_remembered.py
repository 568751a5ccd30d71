"""Values that belong to tensors as long as these exist and do not change.

Torch counts the changes that it makes. What else writes into a tensor's memory, such as numpy or `tensor.data`, shows
only in the content.
"""

from __future__ import annotations

import weakref
from typing import Any, Optional

import torch

__all__ = ["Remembered"]


class _Known:
    __slots__ = ("copy", "reference", "value", "version")

    def __init__(self, tensor: torch.Tensor, value: Any, forget: Any) -> None:
        self.reference = weakref.ref(tensor, forget)
        self.copy = tensor.detach().clone()
        # Tensors of inference mode count no changes.
        self.version = None if tensor.is_inference() else tensor._version
        self.value = value

    def is_of(self, tensor: torch.Tensor, is_compared: bool) -> bool:
        if self.reference() is not tensor:
            return False
        if self.version is not None and self.version != tensor._version:
            return False
        return torch.equal(self.copy, tensor) if is_compared or self.version is None else True


class Remembered:
    """Values by tensor: by the object, not by its content; forgotten when it is changed in place or is gone."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}

    def get(self, tensor: torch.Tensor, is_compared: bool = False) -> Optional[Any]:
        """Return the value of a tensor, None if it has none or has changed since. is_compared: whether changes are
        looked for that torch did not make."""
        known = self._known.get(id(tensor))
        return known.value if known is not None and known.is_of(tensor, is_compared) else None

    def put(self, tensor: torch.Tensor, value: Any) -> None:
        """Give a tensor, as it is now, a value."""
        identity = id(tensor)

        def forget(reference: Any) -> None:
            # Another tensor may have the number by now.
            known = self._known.get(identity)
            if known is not None and known.reference is reference:
                del self._known[identity]

        self._known[identity] = _Known(tensor, value, forget)
