"""Errors of programs that use layers wrongly."""

from __future__ import annotations

from ..errors import InvalidArgumentError

__all__ = ["MisuseError"]


class MisuseError(InvalidArgumentError, AssertionError):
    """What spconv finds by an assertion or raises as a ValueError: programs catch either."""
