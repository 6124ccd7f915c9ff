"""Durable state: the newest of many whole states, on a disk that may lose, tear or refuse any write.

A state file is a sequence of records, each a complete state::

    b"WPj1" | sequence (8) | length (4) | CRC-32 of sequence, length and payload (4) | payload

All integers are big-endian. The state is the payload of the readable record with the highest sequence number. A record
counts as written when ``append`` returns: file synced, and directory synced whenever a name in it changed.

The file first appears, and is shortened, by an atomic rename of a synced file that already holds one record. So an
existing file without a readable record was damaged later, and is refused instead of being taken for a new meter: a
signing counter that starts again would be used twice. A damaged tail is what an interrupted append leaves; it is passed
over. After a failed write or sync nothing is known about the end of the file, so the next record goes to a new one.
"""

from __future__ import annotations

import os
import struct
import sys
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from wattproof.errors import StorageError

MAGIC = b"WPj1"
_HEADER = struct.Struct(">4sQII")
_CHECKED = struct.Struct(">QI")

#: A record longer than this is not believed when reading, and refused when writing.
MAX_PAYLOAD = 16 * 1024 * 1024


class Disk(Protocol):
    """What a state file asks of the file system; every method may raise ``OSError``."""

    def read(self, path: Path) -> bytes | None:
        """The whole content, ``None`` if there is no such file."""

    def append(self, path: Path, data: bytes) -> None:
        """Write ``data`` at the end of an existing file and sync it."""

    def create(self, path: Path, data: bytes) -> None:
        """Make or replace a file with this content and sync it; its name is not yet durable."""

    def rename(self, source: Path, target: Path) -> None:
        """Atomically give ``source`` the name ``target`` and sync the directory."""


class SystemDisk:
    """The operating system's files, with fsync. No descriptor stays open between two calls."""

    __slots__ = ()

    def read(self, path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None

    def append(self, path: Path, data: bytes) -> None:
        _write_synced(path, data, os.O_WRONLY | os.O_APPEND)

    def create(self, path: Path, data: bytes) -> None:
        _write_synced(path, data, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

    def rename(self, source: Path, target: Path) -> None:
        source.replace(target)
        sync_directory(target.parent)


def _write_synced(path: Path, data: bytes, flags: int) -> None:
    descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0), 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(folder: Path) -> None:
    """Make the names in ``folder`` durable (POSIX: fsync of the directory; elsewhere the file system does it)."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(folder: Path) -> None:
    """Make a directory and those above it, durably; nothing happens if it exists.

    :raises StorageError: it cannot be made.
    """
    try:
        missing = [part for part in (folder, *folder.parents) if not part.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for part in missing:
            sync_directory(part.parent)
    except OSError as error:
        raise StorageError(f"cannot use the directory {folder}: {_reason(error)}") from error


SYSTEM_DISK = SystemDisk()


def encode_record(sequence: int, payload: bytes) -> bytes:
    """One record as it lies in the file."""
    checksum = zlib.crc32(payload, zlib.crc32(_CHECKED.pack(sequence, len(payload))))
    return _HEADER.pack(MAGIC, sequence, len(payload), checksum) + payload


def newest_record(data: bytes) -> tuple[int, bytes, bool] | None:
    """Sequence number and payload of the newest readable record, and whether every byte was readable.

    ``None`` if no record is readable. Unreadable stretches are searched for the beginning of the next record.
    """
    records, whole = read_records(data)
    if not records:
        return None
    return (*max(records, key=lambda record: record[0]), whole)


def read_records(data: bytes) -> tuple[list[tuple[int, bytes]], bool]:
    """Every readable record in the order of the file, as number and payload, and whether every byte was readable."""
    found: list[tuple[int, bytes]] = []
    whole = True
    position = 0
    while position < len(data):
        record = _record_at(data, position)
        if record is None:
            whole = False
            position = data.find(MAGIC, position + 1)
            if position < 0:
                break
            continue
        found.append(record)
        position += _HEADER.size + len(record[1])
    return found, whole


def _record_at(data: bytes, position: int) -> tuple[int, bytes] | None:
    start = position + _HEADER.size
    if start > len(data):
        return None
    magic, sequence, length, checksum = _HEADER.unpack_from(data, position)
    if magic != MAGIC or length > MAX_PAYLOAD or start + length > len(data):
        return None
    payload = data[start : start + length]
    if zlib.crc32(payload, zlib.crc32(_CHECKED.pack(sequence, length))) != checksum:
        return None
    return sequence, payload


class StateFile:
    """One durable state. ``recover`` first, then ``append`` each new state before anyone is told of it.

    :param path: the file; its directory must exist.
    :param limit: file size in bytes above which the next append starts a new file.
    """

    __slots__ = ("_disk", "_intact", "_sequence", "_size", "damaged", "limit", "path")

    def __init__(self, path: Path, *, limit: int = 256 * 1024, disk: Disk = SYSTEM_DISK) -> None:
        self.path = path
        self.limit = limit
        #: Whether ``recover`` had to pass over unreadable bytes.
        self.damaged = False
        self._disk = disk
        self._sequence = 0
        self._size = 0
        #: Whether the file on disk is known to end with a whole record.
        self._intact = False

    def recover(self) -> bytes | None:
        """The newest state, ``None`` if there has never been one.

        :raises StorageError: the file cannot be read, or exists without one readable record.
        """
        try:
            data = self._disk.read(self.path)
        except OSError as error:
            raise StorageError(f"cannot read the state file {self.path}: {_reason(error)}") from error
        if data is None:
            return None
        found = newest_record(data)
        if found is None:
            raise StorageError(
                f"the state file {self.path} is damaged: none of its {len(data)} bytes is a readable record. "
                "Restore it from a copy, or move it away to begin with a new meter"
            )
        self._sequence, state, self._intact = found
        self.damaged = not self._intact
        self._size = len(data)
        return state

    def append(self, state: bytes) -> None:
        """Make ``state`` the newest one; it is on disk when this returns.

        :raises StorageError: it may or may not be on disk; every earlier state still is. Call again to retry.
        """
        if len(state) > MAX_PAYLOAD:
            raise StorageError(f"a state of {len(state)} bytes for {self.path} exceeds {MAX_PAYLOAD} bytes")
        # A number is spent even if writing fails: the failed record may turn up after all, and must not tie.
        self._sequence += 1
        record = encode_record(self._sequence, state)
        begin_anew = not self._intact or self._size + len(record) > self.limit
        self._intact = False
        try:
            if begin_anew:
                beside = self.path.with_name(self.path.name + ".new")
                self._disk.create(beside, record)
                self._disk.rename(beside, self.path)
            else:
                self._disk.append(self.path, record)
        except OSError as error:
            raise StorageError(
                f"cannot write the state file {self.path}: {_reason(error)}. "
                "The last state that was acknowledged is kept; make room or repair the disk, then start again"
            ) from error
        self._size = len(record) if begin_anew else self._size + len(record)
        self._intact = True


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


class DirectoryInUse(StorageError):
    """Another process holds the directory."""


class DirectoryLock:
    """A state directory, made if it is missing, held by one process as long as this object is open.

    The lock belongs to the open file, so it is gone when the process ends, however it ends.

    :raises StorageError: the directory cannot be made, or another process (or object) holds it.
    """

    __slots__ = ("_descriptor", "folder")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make_directory(folder)
        try:
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
            self._descriptor: int | None = os.open(folder / "lock", flags, 0o600)
        except OSError as error:
            raise StorageError(f"cannot use the directory {folder}: {_reason(error)}") from error
        try:
            _lock(self._descriptor)
        except OSError as error:
            with suppress(OSError):
                holder = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            self._descriptor = None
            raise DirectoryInUse(
                f"the directory {folder} is in use by process {holder or 'unknown'}: "
                "stop that process, or give another directory"
            ) from error
        with suppress(OSError):  # the number is for the message above only
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def close(self) -> None:
        """Give the directory free."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> DirectoryLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
