"""Errors of programs that use layers wrongly."""

from __future__ import annotations

from ..errors import InvalidArgumentError, UnsupportedError

__all__ = ["MissingError", "MisuseError"]


class MisuseError(InvalidArgumentError, AssertionError):
    """What spconv finds by an assertion or raises as a ValueError: programs catch either."""


class MissingError(UnsupportedError, AttributeError):
    """What a module of spconv has and one of scn lacks: programs ask whether it is there."""
