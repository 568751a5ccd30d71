"""The exceptions of scn.

Every error of the library arrives as a subclass of `Error`, with the library's own message and its `status`. Each
subclass is also the built-in exception that a Python program expects: `except ValueError`, `except OSError` and
`except MemoryError` work.
"""

from __future__ import annotations

from ._native.generated import (
    SCN_ERROR_COORDINATE,
    SCN_ERROR_FILE,
    SCN_ERROR_FORMAT,
    SCN_ERROR_HANDLE,
    SCN_ERROR_INTERNAL,
    SCN_ERROR_INVALID_ARGUMENT,
    SCN_ERROR_MEMORY,
    SCN_ERROR_OVERFLOW,
    SCN_ERROR_SHAPE,
    SCN_ERROR_STATE,
    SCN_ERROR_UNSUPPORTED,
)

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

    status: int = SCN_ERROR_INTERNAL


class InvalidArgumentError(Error, ValueError):
    """A value out of its range."""

    status = SCN_ERROR_INVALID_ARGUMENT


class ShapeError(Error, ValueError):
    """A tensor, a matrix or a spatial size of the wrong shape."""

    status = SCN_ERROR_SHAPE


class CoordinateError(Error, ValueError):
    """A site that is negative, out of range or duplicate."""

    status = SCN_ERROR_COORDINATE


class HandleError(Error):
    """An object of the library that was released or is of the wrong kind."""

    status = SCN_ERROR_HANDLE


class OutOfMemoryError(Error, MemoryError):
    """Memory that the system does not have."""

    status = SCN_ERROR_MEMORY


class SizeOverflowError(Error, ValueError, OverflowError):
    """A size that no 64-bit integer can hold."""

    status = SCN_ERROR_OVERFLOW


class FileError(Error, OSError):
    """The file system refused."""

    status = SCN_ERROR_FILE


class FormatError(Error, ValueError):
    """A file, a text or a state whose content is not what it should be."""

    status = SCN_ERROR_FORMAT


class StateError(Error):
    """Valid only at another time: a second backward pass, a deconvolution without its convolution."""

    status = SCN_ERROR_STATE


class UnsupportedError(Error, NotImplementedError):
    """What this library, or this CPU, cannot do."""

    status = SCN_ERROR_UNSUPPORTED


class InternalError(Error):
    """A defect of the library."""

    status = SCN_ERROR_INTERNAL


class ParametersOnlyWarning(UserWarning):
    """A file was saved without an architecture, because a module in the network is written in Python."""


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
