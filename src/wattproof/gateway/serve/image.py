"""Takes a firmware image out of a form and onto the disk (g13-api.md 8.4, #25).

Where images lie, and which setting says which of them it is, stands in :mod:`wattproof.gateway.images`. A new image is
written under another name, synced, renamed and only then named by the setting, so a broken upload, a full disk or a
power failure leaves the old one.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from wattproof.errors import StorageError
from wattproof.gateway.images import CHECK, FOLDER, GATEWAY, METER, VERSION
from wattproof.gateway.serve.problems import Problem, invalid

#: Bytes around the image: boundaries and headers of the part.
OVERHEAD = 64 * 1024
TYPES = frozenset(
    {"", "application/octet-stream", "application/zip", "application/gzip", "application/x-tar"},
)
_NAME_LIMIT = 255
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_CHUNK = 1 << 20

MISSING = "missing image in form"
PART = ".part"


def boundary_of(content_type: bytes) -> bytes | None:
    """The boundary of a form, ``None`` if it is none."""
    kind, options = parse_options_header(content_type)
    return options.get(b"boundary") if kind == b"multipart/form-data" else None


class Upload:
    """One form as it comes in. All methods block on the disk: call them in a thread.

    ``limit``: largest size of an image in bytes; ``any_type``: whatever the part says it is (``compat=g13``).
    """

    def __init__(self, data: Path, boundary: bytes, limit: int, *, any_type: bool = False) -> None:
        self._folder = data / FOLDER
        self._limit = limit
        self._any_type = any_type
        self._path = self._folder / f".{secrets.token_hex(8)}{PART}"
        self._file = -1
        self._headers: dict[str, bytes] = {}
        self._field = self._value = b""
        self._parts = 0
        self._received = 0
        self._complete = False
        self._digest = hashlib.sha256()
        self.size = 0
        self.file_name = ""
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._part,
                    "on_part_data": self._write,
                    "on_header_field": self._take_field,
                    "on_header_value": self._take_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._judge,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise invalid(MISSING) from error

    def feed(self, chunk: bytes) -> None:
        """Raises ``Problem``: 400, 413, or 500 where there is no space."""
        self._received += len(chunk)
        if self._received > self._limit + OVERHEAD:
            raise Problem(413, "image too large")
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise invalid(MISSING) from error
        except OSError as error:
            raise _storage(error) from error

    def finish(self) -> dict[str, Any]:
        """Keep the image: it is durable when this returns. Its name, size, digest and kind. Raises ``Problem``."""
        if not self._complete or self._parts != 1 or not self.size:
            raise invalid(MISSING)
        digest = self._digest.hexdigest()
        try:
            kind = _kind(self._path, self.size)
            os.fsync(self._file)
            os.close(self._file)
            self._file = -1
            self._path.replace(self._folder / digest)
            _sync(self._folder)
        except OSError as error:
            raise _storage(error) from error
        return {"name": self.file_name, "size": self.size, "sha256": digest, "kind": kind}

    def abandon(self) -> None:
        """Leave nothing behind; does nothing to an image that is kept."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._path.unlink(missing_ok=True)

    def _part(self) -> None:
        self._parts += 1
        self._headers = {}
        if self._parts > 1:
            raise invalid(MISSING)

    def _take_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._field.decode("latin-1").lower()] = self._value
        self._field = self._value = b""

    def _judge(self) -> None:
        """The headers of the part are complete: is it an image?"""
        kind, options = parse_options_header(self._headers.get("content-disposition", b""))
        if kind != b"form-data" or options.get(b"name") != b"image":
            raise invalid(MISSING)
        type_, _ = parse_options_header(self._headers.get("content-type", b""))
        if not self._any_type and type_.decode("latin-1") not in TYPES:
            raise invalid("unsupported image type")
        name = options.get(b"filename", b"").decode(errors="replace")
        self.file_name = "".join(letter for letter in name if letter.isprintable())[:_NAME_LIMIT]
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)

    def _write(self, data: bytes, start: int, end: int) -> None:
        self.size += end - start
        if self.size > self._limit:
            raise Problem(413, "image too large")
        piece = memoryview(data)[start:end]
        self._digest.update(piece)
        while piece:
            piece = piece[os.write(self._file, piece) :]

    def _end(self) -> None:
        self._complete = True


def discard_others(data: Path, needed: Collection[str], *, uploads: bool = False) -> None:
    """Remove images whose digest is not among those that are needed; with ``uploads`` also what broken uploads have
    left, when there can be none that goes on."""
    folder = data / FOLDER
    for path in folder.glob("*") if folder.is_dir() else ():
        if path.name not in needed and (uploads or path.suffix != PART):
            path.unlink(missing_ok=True)


def _kind(path: Path, size: int) -> str:
    """``meter`` if the image keeps the rule of the ABB meters (abb-meters.md 2.12): a version in its first 16 bytes, a
    CRC-32 in its last four."""
    if size < VERSION + CHECK:
        return GATEWAY
    check, left = 0, size - CHECK
    with path.open("rb") as file:
        version = file.read(VERSION).rstrip(b"\0")
        file.seek(0)
        while left and (chunk := file.read(min(_CHUNK, left))):
            check = zlib.crc32(chunk, check)
            left -= len(chunk)
        signature = file.read(CHECK)
    named = version.isascii() and version.decode("ascii").isprintable() and bool(version)
    return METER if named and signature == check.to_bytes(CHECK, "little") else GATEWAY


def _sync(folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _storage(error: OSError) -> Exception:
    if error.errno in _FULL:
        return Problem(500, "no space for image", detail=str(error))
    return StorageError(f"the image cannot be stored: {error}")
