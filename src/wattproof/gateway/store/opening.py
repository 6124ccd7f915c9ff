"""Opens the store that a configuration names."""

from __future__ import annotations

from pathlib import Path

from wattproof.errors import InvalidURL
from wattproof.gateway.store.base import Reader, Store
from wattproof.gateway.store.sqlite import SQLiteReader, SQLiteStore

#: The embedded store in the data directory.
FILE = "store.sqlite3"
_POSTGRES = ("postgresql://", "postgres://")


async def open_store(url: str, data: Path, *, password_file: Path | None = None) -> Store:
    """The writing store: ``sqlite`` is a file in the directory ``data``, otherwise ``postgresql://USER@HOST/NAME``.

    It is made if there is none and brought up to the present schema, a backup first. The caller sees to it that
    nobody else writes to the same store.

    Raises:
        InvalidURL: neither of the two.
        StorageError: it cannot be opened, is damaged, or was written by a later release.
    """
    if url == "sqlite":
        return SQLiteStore(data / FILE)
    if url.startswith(_POSTGRES):
        from wattproof.gateway.store.postgres import Address, PostgresStore

        return await PostgresStore.open_store(Address(url, password_file))
    raise _unknown(url)


async def open_reader(url: str, data: Path, *, password_file: Path | None = None) -> Reader:
    """Read access to the same.

    Raises:
        InvalidURL: neither of the two.
        StorageError: there is none yet, or it has another schema than this release reads.
    """
    if url == "sqlite":
        return SQLiteReader(data / FILE)
    if url.startswith(_POSTGRES):
        from wattproof.gateway.store.postgres import Address, PostgresReader

        return await PostgresReader.open(Address(url, password_file))
    raise _unknown(url)


def _unknown(url: str) -> InvalidURL:
    return InvalidURL(f"{url!r} is no store: write sqlite, or postgresql://USER@HOST/NAME")
