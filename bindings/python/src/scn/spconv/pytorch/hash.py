"""A table of whole numbers by whole numbers."""

from __future__ import annotations

from typing import Any, Optional

import torch

from ..._messages import wrong_elements, wrong_shape, wrong_value

__all__ = ["HashTable"]

DIFFERS = {"HashTable": "grows: max_size has no effect"}
_KEYS = (torch.int32, torch.int64)


class HashTable:
    """Values of keys; a key that comes again keeps its first value.

    device: where keys and values are. key_dtype: torch.int32 or torch.int64. value_dtype: a type of 4 or 8 bytes.
    max_size: without effect: the table grows.
    """

    def __init__(self, device: Any, key_dtype: torch.dtype, value_dtype: torch.dtype, max_size: int = -1) -> None:
        if key_dtype not in _KEYS:
            raise wrong_value("key_dtype", key_dtype, "torch.int32 or torch.int64")
        if torch.empty(0, dtype=value_dtype).element_size() not in (4, 8):
            raise wrong_value("value_dtype", value_dtype, "a type of 4 or 8 bytes")
        self.device = torch.device(device)
        self.is_cpu = self.device.type == "cpu"
        self.key_dtype, self.value_dtype = key_dtype, value_dtype
        # Sorted by key, which torch finds by bisection.
        self._keys = torch.empty(0, dtype=key_dtype, device=self.device)
        self._values = torch.empty(0, dtype=value_dtype, device=self.device)

    def insert(self, keys: torch.Tensor, values: Optional[torch.Tensor] = None) -> None:
        """Add keys [n] with values [n]; None for zeros."""
        keys = self._checked(keys)
        if values is None:
            values = torch.zeros(len(keys), dtype=self.value_dtype, device=self.device)
        values = self._checked_values(values, keys)
        all_keys, all_values = torch.cat([self._keys, keys]), torch.cat([self._values, values])
        order = torch.sort(all_keys, stable=True).indices
        ordered = all_keys[order]
        is_first = torch.ones(len(ordered), dtype=torch.bool, device=self.device)
        is_first[1:] = ordered[1:] != ordered[:-1]
        self._keys, self._values = ordered[is_first], all_values[order[is_first]]

    def query(self, keys: torch.Tensor, values: Optional[torch.Tensor] = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the values of keys [n], 0 where there is none, and whether there is none, [n] bool.

        values: a tensor [n] that takes the values, those of keys that are not there left as they are.
        """
        keys = self._checked(keys)
        places, is_there = self._found(keys)
        result = torch.zeros(len(keys), dtype=self.value_dtype, device=self.device) if values is None else values
        result[is_there] = self._values[places[is_there]]
        return result, ~is_there

    def insert_exist_keys(self, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Give keys [n] that are in the table other values [n], and return which are not, [n] uint8."""
        keys = self._checked(keys)
        values = self._checked_values(values, keys)
        places, is_there = self._found(keys)
        self._values[places[is_there]] = values[is_there]
        return (~is_there).to(torch.uint8)

    def assign_arange_(self) -> torch.Tensor:
        """Give the keys the values 0, 1, 2 ..., in the order of `items`, and return how many there are, [1] int64."""
        self._values = torch.arange(len(self._keys), dtype=self.value_dtype, device=self.device)
        return torch.tensor([len(self._keys)])

    def items(self, max_size: int = -1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return all keys in ascending order, their values, and how many there are, [1] int64. max_size: how many to
        return at most; -1 for all."""
        count = len(self._keys) if max_size == -1 else min(max_size, len(self._keys))
        return self._keys[:count].clone(), self._values[:count].clone(), torch.tensor([count])

    def _found(self, keys: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return where keys are, and whether they are there."""
        places = torch.searchsorted(self._keys, keys).clamp(max=max(0, len(self._keys) - 1))
        if not len(self._keys):
            return places, torch.zeros(len(keys), dtype=torch.bool, device=self.device)
        return places, self._keys[places] == keys

    def _checked(self, keys: torch.Tensor) -> torch.Tensor:
        if keys.dtype is not self.key_dtype:
            raise wrong_elements("keys", keys.dtype, str(self.key_dtype))
        if keys.ndim != 1:
            raise wrong_shape("keys", keys.shape, "[n]")
        return keys.to(self.device).contiguous()

    def _checked_values(self, values: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        if values.dtype is not self.value_dtype:
            raise wrong_elements("values", values.dtype, str(self.value_dtype))
        if values.shape != keys.shape:
            raise wrong_shape("values", values.shape, keys.shape)
        return values.to(self.device)
