"""Bytes that can be looked at before they are read: from memory, from a file, from a pipe, from inside a wrapper."""

from __future__ import annotations

import io
import os
import re
import tempfile
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

from msgspec import Struct
from msgspec.structs import replace

from wattproof.errors import StorageError
from wattproof.signed.formats.chargepoint_files import NOTHING, Beside
from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.records import Finding, Severity
from wattproof.signed.units import Carrier, Unit, stopped

#: Bytes that are looked at to tell what a source is.
HEAD = 64 * 1024
#: Bytes of a pipe that are kept in memory when they must be read more than once; more go to a temporary file.
_IN_MEMORY = 16 * 1024 * 1024
#: Addresses in messages of libraries, as ``repr`` writes them or as plain numbers; characters of a message.
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+|[0-9]{9,}")
_LONGEST_SAID = 160


class Reader(Protocol):
    """What is read from its beginning to its end."""

    def read(self, size: int, /) -> bytes: ...


class Refused(Exception):
    """A wrapper that is not unpacked (further): ``code`` and message of the finding."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def said(error: BaseException) -> str:
    """What a library says about broken input, short and without addresses in memory, which differ in every run."""
    return _ADDRESS.sub("...", str(error))[:_LONGEST_SAID]


class Unreadable(StorageError):
    """Reading failed half-way: the disk or the network, not the content."""


class Source:
    """Bytes behind ``opener``, which gives a new reader at the beginning with every call.

    ``size`` where it is known before reading. ``file`` is seekable, if the bytes can be read at any place at all.
    """

    def __init__(self, opener: Callable[[], Reader], size: int | None = None, file: BinaryIO | None = None) -> None:
        self._opener = opener
        self._reader: Reader | None = None
        self._head = b""
        self._file = file
        self.size = size

    def peek(self, size: int = HEAD) -> bytes:
        """The first ``size`` bytes; fewer if there are no more."""
        if len(self._head) < size:
            if self._reader is None:
                self._reader, self._head = self._opener(), b""
            pieces = [self._head]
            missing = size - len(self._head)
            while missing > 0 and (piece := self._reader.read(missing)):
                pieces.append(piece)
                missing -= len(piece)
            self._head = b"".join(pieces)
        return self._head[:size]

    def reader(self) -> Reader:
        """All bytes from the beginning."""
        if self._reader is None:
            return self._opener()
        found, self._reader = _Chained(self._head, self._reader), None
        self._head = b""
        return found

    def file(self, most: int) -> BinaryIO:
        """A file that can be read at any place. Raises :class:`Refused` if it would need more than ``most`` bytes."""
        if self._file is not None:
            return self._file
        data = read_all(self.reader(), most + 1)
        if len(data) > most:
            raise Refused("F-ARCHIVE", f"more than {most} bytes inside a wrapper, which must be read as a whole")
        self._file, self.size, self._reader, self._head = io.BytesIO(data), len(data), None, b""
        self._opener = lambda: io.BytesIO(data)
        return self._file

    def close(self) -> None:
        """Gives back what reading more than once needed."""


class _Chained:
    """What was looked at already, then the rest."""

    def __init__(self, head: bytes, rest: Reader) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int, /) -> bytes:
        if self._head:
            piece, self._head = self._head[:size], self._head[size:]
            return piece
        return self._rest.read(size)


def read_all(reader: Reader, most: int) -> bytes:
    """Everything up to ``most`` bytes."""
    pieces = []
    while most > 0 and (piece := reader.read(min(most, 1 << 20))):
        pieces.append(piece)
        most -= len(piece)
    return b"".join(pieces)


def from_bytes(data: bytes) -> Source:
    """A source in memory."""
    return Source(lambda: io.BytesIO(data), len(data), io.BytesIO(data))


class Progress:
    """How far a file has been read: ``done`` of ``total`` bytes, ``None`` where nobody knows."""

    def __init__(self, total: int | None = None) -> None:
        self.done = 0
        self.total = total


class _At(io.RawIOBase):
    """One of several readers of a file, with a place of its own."""

    def __init__(self, file: BinaryIO, progress: Progress) -> None:
        super().__init__()
        self._shared = file
        self._place = 0
        self._progress = progress

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END:
            base = self._shared.seek(0, os.SEEK_END)
        else:
            base = self._place if whence == os.SEEK_CUR else 0
        if base + offset < 0:
            raise ValueError("negative place in a file")
        self._place = base + offset
        return self._place

    def read(self, size: int = -1, /) -> bytes:
        try:
            self._shared.seek(self._place)
            data = self._shared.read(size)
        except OSError as error:
            raise Unreadable(error.strerror or str(error)) from error
        self._place += len(data)
        self._progress.done = max(self._progress.done, self._place)
        return data

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Pipe:
    """Bytes that come once."""

    def __init__(self, stream: BinaryIO, progress: Progress) -> None:
        self._stream = stream
        self._progress = progress

    def read(self, size: int, /) -> bytes:
        try:
            data = self._stream.read(size)
        except OSError as error:
            raise Unreadable(error.strerror or str(error)) from error
        self._progress.done += len(data)
        return data


def from_file(file: BinaryIO, progress: Progress | None = None) -> Source:
    """A source over an open file. A pipe is read once, and kept in a temporary file only where that is not enough."""
    progress = progress or Progress()
    try:
        size = file.seek(0, os.SEEK_END) if file.seekable() else None
    except (OSError, ValueError):
        size = None
    if size is None:
        return _OfPipe(_Pipe(file, progress))
    progress.total = size
    return Source(lambda: _At(file, progress), size, _At(file, progress))  # type: ignore[arg-type]


class _OfPipe(Source):
    """A source that cannot be opened again, unless it is kept."""

    def __init__(self, pipe: _Pipe) -> None:
        super().__init__(lambda: pipe)
        self._kept: Any = None

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()

    def keep(self) -> None:
        """Keep everything, so that it can be read again and at any place."""
        if self._file is not None:
            return
        reader = self.reader()
        kept: Any = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 (closed with this source)
        self._kept = kept
        try:
            while piece := reader.read(1 << 20):
                kept.write(piece)
        except Unreadable:
            raise
        except OSError as error:
            raise Unreadable(f"no place to keep what comes through the pipe: {error.strerror or error}") from error
        progress = Progress()
        self.size = kept.tell()
        self._file = _At(kept, progress)  # type: ignore[assignment]
        self._opener = lambda: _At(kept, progress)


def keep(source: Source) -> None:
    """Make sure that a source can be read more than once."""
    if isinstance(source, _OfPipe):
        source.keep()


class Budget:
    """How many bytes may still be unpacked from one archive and those inside it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._left = size

    def take(self, size: int) -> None:
        """Raises :class:`Refused` when that was too much."""
        self._left -= size
        if self._left < 0:
            raise Refused("F-ARCHIVE", f"more than {self._size} bytes unpacked from one archive")


class Place(Struct, frozen=True):
    """Where a document stands: the name its records get, its file name, the wrappers around it.

    ``container`` is the token of the innermost wrapper, ``depth`` their number. ``decoded``: it was written as text
    in hexadecimal, Base64 or Base32, which counts once (row o). ``beside``: what other files say about this one.
    ``seen`` is told every row of a transaction: its source, its container, and the row.
    """

    source: str
    name: str = ""
    container: str = "none"
    depth: int = 0
    limits: Limits = DEFAULT
    budget: Budget | None = None
    decoded: bool = False
    beside: Beside | None = None
    experimental: bool = False
    seen: Callable[[str, str, Any], object] | None = None

    def carrier(self) -> Carrier:
        """What a bare record here has around it."""
        if self.beside is None and not self.experimental:
            return Carrier(self.container, self.source)
        beside = self.beside or NOTHING
        return Carrier(
            self.container, self.source, beside.keys, detached=beside.detached, experimental=self.experimental
        )

    def inside(self, container: str) -> Place:
        """Within one more wrapper of this kind. Raises :class:`Refused` if those are too many."""
        if self.depth >= self.limits.nesting:
            raise Refused("F-ARCHIVE", f"an archive inside more than {self.limits.nesting - 1} others")
        return replace(self, container=container, depth=self.depth + 1, beside=None)

    def member(self, name: str) -> Place:
        """A member of an archive."""
        return replace(self, source=f"{self.source}!/{name}", name=name)

    def row(self, number: int) -> str:
        """The source of a row, counted from 1."""
        return f"{self.source}#{number}"


def problem(place: Place, code: str, message: str, *, text: str = "") -> Unit:
    """One unit that says why something here is not read."""
    return stopped("unknown", code, message, carrier=place.carrier(), text=text)


def shared_key(text: str) -> Finding:
    """A key that stands elsewhere in the same group or archive."""
    return Finding("F-KEY-SHARED", Severity.INFO, text, "key")
