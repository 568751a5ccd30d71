"""Rows of whole numbers without their repetitions."""

from ..values.unique import UniqueRows, unique_rows

__all__ = ["UniqueRows", "unique_rows"]
