"""Errors for names that another library has and scn has not."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import UnsupportedError

__all__ = ["MissingError", "missing"]


class MissingError(UnsupportedError, AttributeError):
    """What a module of another library has and one of scn lacks: programs ask whether it is there."""


def missing(shown: str, name: str, reasons: Mapping[str, str]) -> AttributeError:
    """Return the error for a name that a module does not have, which says why if there is a reason.

    shown: the name by which programs import the module.
    """
    if name in reasons:
        return MissingError(f"{shown}.{name}: {reasons[name]}")
    return AttributeError(f"module {shown!r} has no attribute {name!r}")
