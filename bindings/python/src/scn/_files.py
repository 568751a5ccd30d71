"""Paths, which are bytes that need not be text, and files that are replaced as a whole."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import socket
import stat
from collections.abc import Iterator
from typing import IO, Union

PathLike = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]

_DAY = 86_400


def shown(path: PathLike) -> str:
    r"""Return a path for a message: bytes that are not text as \xe9."""
    return os.fsencode(path).decode(errors="backslashreplace")


@contextlib.contextmanager
def replacing(path: PathLike) -> Iterator[IO[bytes]]:
    """Open a file whose content moves to the path when the block ends; if the block fails, what was there stays.

    The content goes to a temporary file in the same folder, named and locked like the library's own (see
    TemporaryFile.swift), so that the next save, by either one, removes what a killed save left behind.
    """
    target = os.path.realpath(os.fsencode(path))
    folder = os.path.dirname(target)
    name, descriptor = _temporary(folder)
    unfinished = True
    try:
        _remove_leftovers(folder, os.fstat(descriptor).st_mtime)
        # A copy, so that the file stays locked until it has its name.
        with os.fdopen(os.dup(descriptor), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
        unfinished = False
    finally:
        if unfinished:
            os.unlink(name)
        os.close(descriptor)


def _machine() -> str:
    """Return this machine's name as a number: FNV-1a in hexadecimal."""
    number = 0xCBF29CE484222325
    for byte in os.fsencode(socket.gethostname()):
        number = (number ^ byte) * 0x100000001B3 % 2**64
    return f"{number:x}"


def _temporary(folder: bytes) -> tuple[bytes, int]:
    """Return the path of a new file in a folder, and its descriptor, which holds the lock on it."""
    while True:
        path = os.path.join(folder, f".scn-{_machine()}-{secrets.randbits(64):x}.tmp".encode())
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Another save took it for a leftover.
            os.close(descriptor)
            continue
        except OSError:
            # A file system without locks.
            pass
        if os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)


def _remove_leftovers(folder: bytes, now: float) -> None:
    own = f".scn-{_machine()}-".encode()
    for name in os.listdir(folder):
        if name.startswith(b".scn-") and name.endswith(b".tmp"):
            with contextlib.suppress(OSError):
                _remove_leftover(os.path.join(folder, name), name.startswith(own), now)


def _remove_leftover(path: bytes, is_of_this_machine: bool, now: float) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            return
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        named = os.lstat(path)
        # Another machine's lock may be invisible here: its files must be old.
        if (is_of_this_machine or found.st_mtime < now - _DAY) and (named.st_dev, named.st_ino) == (
            found.st_dev,
            found.st_ino,
        ):
            os.unlink(path)
    finally:
        os.close(descriptor)
