"""Where the records of a charging session are kept: a file for what there is so far, and one for the whole session.

Space is set aside before anything is switched, because a disk that is full when the energy has flowed would cost the
signed end. It belongs to an unlinked file: a crash gives it back.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from wattproof.cli import output
from wattproof.errors import StorageError, UsageError

PARTIAL = ".partial.json"
#: Bytes set aside: a record with several snapshots beside begin and end, and the session written from it.
RESERVED = 65536


class Keeping:
    """The files of one session. ``partial`` holds what there is so far; ``stored`` says whether its last write did."""

    def __init__(self, target: Path) -> None:
        self.partial = free(target.with_name(target.name + PARTIAL), PARTIAL)
        self.stored = False
        self._space: IO[bytes] | None = None

    def reserve(self) -> None:
        """Make sure, before anything is switched, that there is room. Raises ``StorageError``."""
        with output.writing(self.partial):
            self._space = tempfile.TemporaryFile(dir=self.partial.parent)  # noqa: SIM115
            try:
                self._space.write(os.urandom(RESERVED))  # nothing that a file system could compress
                self._space.flush()
                os.fsync(self._space.fileno())
            except OSError:
                self.release()
                raise
        self.store(b"{}\n")

    def release(self) -> None:
        """Give back the space that was set aside."""
        space, self._space = self._space, None
        if space is not None:
            space.close()

    def store(self, data: bytes) -> None:
        """Put everything there is so far on disk. Raises ``StorageError``; :attr:`stored` tells afterwards too."""
        self.stored = False
        self.write(self.partial, data)
        self.stored = True

    def write(self, path: Path, data: bytes) -> None:
        """Write one of the session's files, if need be into the space that was set aside. Raises ``StorageError``."""
        try:
            write_durably(path, data)
        except StorageError:
            if self._space is None:
                raise
            self.release()
            write_durably(path, data)

    def drop(self) -> None:
        """Remove the file of what there is so far: all of it is elsewhere, or there is nothing."""
        self.partial.unlink(missing_ok=True)
        self.stored = False


def refuse_taken(path: Path) -> None:
    """Raises :class:`~wattproof.errors.UsageError` where a session cannot or should not be written."""
    if path.is_dir():
        raise UsageError(f"--output {path} is a directory: give the name of a file in it")
    if path.exists():
        raise UsageError(f"--output {path} exists, and signed sessions are not overwritten: move it, or give another")


def free(path: Path, suffix: str) -> Path:
    """The path, or one with a number before ``suffix`` where an earlier session lies."""
    number, found = 1, path
    while found.exists():
        number += 1
        found = path.with_name(f"{path.name.removesuffix(suffix)}-{number}{suffix}")
    return found


def attempt(action: Callable[[], None]) -> StorageError | None:
    """What goes wrong with the disk in an action, as a value: for what has to go on."""
    try:
        action()
    except StorageError as error:
        return error
    return None


def write_durably(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write a file whole or not at all, and have it on disk afterwards, its name included.

    ``private``: nobody but its owner may ever read or write it (mode 0600). A pipe or device, such as ``/dev/stdout``,
    is written to and stays what it is.
    Raises :class:`~wattproof.errors.StorageError`.
    """
    with output.writing(path):
        mode = path.stat().st_mode if path.exists() else stat.S_IFREG
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            with path.open("wb") as file:
                file.write(data)
            return
        scratch = path.with_name(path.name + ".writing")
        try:
            if private:
                scratch.unlink(missing_ok=True)
            with open(scratch, "wb", opener=_private if private else None) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(path)
        except OSError:
            scratch.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL, 0o600)
