"""Errors that are also what MinkowskiEngine raises.

It checks arguments by assertions: a program may catch an AssertionError where scn has a ValueError or a TypeError.
"""

from __future__ import annotations

from ..errors import InvalidArgumentError, ShapeError, StateError

__all__ = ["asserted"]


class _AssertedValue(InvalidArgumentError, AssertionError):
    """A value out of its range."""


class _AssertedShape(ShapeError, AssertionError):
    """A tensor of the wrong shape."""


class _AssertedState(StateError, AssertionError):
    """Tensors that do not belong together."""


class _AssertedType(TypeError, AssertionError):
    """A value of the wrong type."""


def asserted(error: Exception) -> Exception:
    """Return the same error as one that is also an AssertionError."""
    for kind, known in (
        (InvalidArgumentError, _AssertedValue),
        (ShapeError, _AssertedShape),
        (StateError, _AssertedState),
        (TypeError, _AssertedType),
    ):
        if type(error) is kind:
            return known(*error.args)
    return error
