"""The backup file: one portable archive that either engine writes and either reads.

A ZIP file with ``tables/NAME.jsonl`` for each table, a JSON array a row (bytes as Base64), and last ``manifest.json``:
format, schema version, time, and for each table its columns, number of rows and SHA-256. A file that was cut off has
no directory and is refused; a changed table does not have its sum.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from wattproof.errors import StorageError
from wattproof.io.journal import sync_directory

FORMAT = "wattproof-backup"
MANIFEST = "manifest.json"
#: Bytes that are read at a time.
BLOCK = 1024 * 1024

_rows = msgspec.json.Encoder()
_lines: msgspec.json.Decoder[list[Any]] = msgspec.json.Decoder(list[Any])


class Content(Struct):
    """One table of an archive."""

    columns: list[str]
    rows: int = 0
    sha256: str = ""


class Manifest(Struct):
    """What an archive holds. ``created``: UTC ms. ``release``: version of the package that wrote it."""

    schema: int
    created: int
    release: str
    tables: dict[str, Content]
    format: str = FORMAT
    version: int = 1


class Writing:
    """An archive that is being written."""

    def __init__(self, file: zipfile.ZipFile, manifest: Manifest) -> None:
        self._file = file
        self.manifest = manifest

    @contextmanager
    def table(self, name: str, columns: Sequence[str]) -> Iterator[_Adding]:
        """Begin a table; its rows go to what this yields."""
        content = self.manifest.tables[name] = Content(list(columns))
        with self._file.open(f"tables/{name}.jsonl", "w", force_zip64=True) as entry:
            adding = _Adding(entry, content)
            yield adding
        content.sha256 = adding.sum.hexdigest()


class _Adding:
    def __init__(self, entry: Any, content: Content) -> None:
        self._entry, self._content = entry, content
        self.sum = hashlib.sha256()

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Append rows."""
        data = _rows.encode_lines(rows)
        self.sum.update(data)
        self._entry.write(data)
        self._content.rows += len(rows)


@contextmanager
def writing(path: Path, *, schema: int, created: int, release: str) -> Iterator[Writing]:
    """Write an archive: whole and synced under its name at the end, or not there at all.

    Raises:
        StorageError: the file cannot be written.
    """
    beside = path.with_name(path.name + ".new")
    try:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o600)
        with open(descriptor, "wb") as raw:  # noqa: PTH123 - a descriptor
            with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
                made = Writing(file, Manifest(schema, created, release, {}))
                yield made
                file.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(made.manifest)))
            raw.flush()
            os.fsync(raw.fileno())
        beside.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise StorageError(f"cannot write the backup {path}: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)


class Archive:
    """An archive that is read."""

    def __init__(self, file: zipfile.ZipFile, path: Path) -> None:
        self._file, self.path = file, path
        try:
            self.manifest = msgspec.json.decode(file.read(MANIFEST), type=Manifest)
        except (KeyError, msgspec.MsgspecError) as error:
            raise StorageError(f"{path} is no backup of a gateway ({error})") from error
        if self.manifest.format != FORMAT or self.manifest.version != 1:
            raise StorageError(
                f"the backup {path} has the format {self.manifest.format!r}, version {self.manifest.version}, "
                "which this release does not read"
            )

    def rows(self, name: str) -> Iterator[list[list[Any]]]:
        """The rows of a table, some thousands at a time; the sum is checked at the end.

        Raises:
            StorageError: the table is not what was written.
        """
        content = self.manifest.tables[name]
        found, rest, sum = 0, b"", hashlib.sha256()
        try:
            with self._file.open(f"tables/{name}.jsonl") as entry:
                while block := entry.read(BLOCK):
                    sum.update(block)
                    whole, mark, rest = (rest + block).rpartition(b"\n")
                    if rows := _lines.decode_lines(whole + mark):
                        found += len(rows)
                        yield rows
        except (KeyError, OSError, EOFError, zipfile.BadZipFile, msgspec.MsgspecError, *_DAMAGE) as error:
            raise StorageError(f"the backup {self.path} is damaged in table {name}: {error}") from error
        if rest or found != content.rows or sum.hexdigest() != content.sha256:
            raise StorageError(f"the backup {self.path} is damaged in table {name}: it is not what was written")


_DAMAGE = (zlib.error, NotImplementedError)


@contextmanager
def reading(path: Path) -> Iterator[Archive]:
    """Read an archive.

    Raises:
        StorageError: it is none, or damaged.
    """
    try:
        file = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is damaged or no backup"
        raise StorageError(f"cannot read the backup {path}: {reason}") from error
    with file:
        yield Archive(file, path)


def check(path: Path) -> Manifest:
    """Read a whole archive and compare every sum.

    Raises:
        StorageError: it is damaged, and where.
    """
    with reading(path) as archive:
        for name in archive.manifest.tables:
            for _ in archive.rows(name):
                pass
        return archive.manifest
