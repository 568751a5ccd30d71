"""The kind of dictionary that configurations of convolutions are."""

from __future__ import annotations

from typing import Any

__all__ = ["AttributeDict"]


class AttributeDict(dict[str, Any]):
    """A dictionary whose entries are attributes, too.

    entries: a dictionary, or pairs of names and values.
    """

    def __init__(self, entries: Any = ()) -> None:
        super().__init__(entries)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"{name}: is not in the dictionary, expected one of {sorted(self)}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        self.__getattr__(name)
        del self[name]

    def copy(self) -> AttributeDict:
        """Return a dictionary with the same entries."""
        return type(self)(self)
