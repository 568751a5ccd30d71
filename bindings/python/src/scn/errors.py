"""The exceptions of scn.

Every error of the library arrives as a subclass of `Error`, with the library's own message and its `status`. Each
subclass is also the built-in exception that a Python program expects: `except ValueError`, `except OSError` and
`except MemoryError` work.
"""

from __future__ import annotations

__all__ = [
    "CoordinateError",
    "Error",
    "FileError",
    "FormatError",
    "HandleError",
    "InternalError",
    "InvalidArgumentError",
    "OutOfMemoryError",
    "ParametersOnlyWarning",
    "ShapeError",
    "SizeOverflowError",
    "StateError",
    "UnsupportedError",
    "error_for_status",
]


class Error(RuntimeError):
    """Any error of scn. `status` is the number that scn.h gives it (`SCN_ERROR_...`)."""

    status: int = 11


class InvalidArgumentError(Error, ValueError):
    """A value out of its range."""

    status = 1


class ShapeError(Error, ValueError):
    """A tensor, a matrix or a spatial size of another shape than is needed."""

    status = 2


class CoordinateError(Error, ValueError):
    """A site that is negative, out of range or duplicate."""

    status = 3


class HandleError(Error):
    """An object of the library that is released or of another kind."""

    status = 4


class OutOfMemoryError(Error, MemoryError):
    """Memory that the system does not have."""

    status = 5


class SizeOverflowError(Error, ValueError, OverflowError):
    """A size that no 64-bit integer can hold."""

    status = 6


class FileError(Error, OSError):
    """The file system refused."""

    status = 7


class FormatError(Error, ValueError):
    """A file, a text or a state whose content is not what it should be."""

    status = 8


class StateError(Error):
    """Valid at another time: a second backward pass, a deconvolution without its convolution."""

    status = 9


class UnsupportedError(Error, NotImplementedError):
    """What this library, or this cpu, cannot do."""

    status = 10


class InternalError(Error):
    """A defect of the library."""

    status = 11


class ParametersOnlyWarning(UserWarning):
    """A file was saved without an architecture, because a module in it is written in Python."""


_BY_STATUS = {
    kind.status: kind
    for kind in (
        InvalidArgumentError,
        ShapeError,
        CoordinateError,
        HandleError,
        OutOfMemoryError,
        SizeOverflowError,
        FileError,
        FormatError,
        StateError,
        UnsupportedError,
        InternalError,
    )
}


def error_for_status(status: int, message: str) -> Error:
    """Return the exception for a status of the library."""
    error = _BY_STATUS.get(status, Error)(message)
    error.status = status
    return error
