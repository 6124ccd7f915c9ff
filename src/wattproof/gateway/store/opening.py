"""Opens the store that a configuration names."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from wattproof.errors import InvalidURL
from wattproof.gateway.store.base import Reader, Store
from wattproof.gateway.store.sqlite import SQLiteReader, SQLiteStore

if TYPE_CHECKING:
    from wattproof.gateway.store.backup import Source, Target
    from wattproof.model.clock import Clock

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
        from wattproof.gateway.store.postgres import PostgresStore
        from wattproof.gateway.store.postgres_address import Address
        from wattproof.gateway.store.postgres_backup import save

        address = Address(url, password_file)
        return await PostgresStore.open_store(address, partial(save, address, data))
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
        from wattproof.gateway.store.postgres import PostgresReader
        from wattproof.gateway.store.postgres_address import Address

        return await PostgresReader.open(Address(url, password_file))
    raise _unknown(url)


async def open_source(url: str, data: Path, *, password_file: Path | None = None) -> Source:
    """A picture of a store, to back it up. Raises ``InvalidURL``, ``StorageError``."""
    if url == "sqlite":
        from wattproof.gateway.store.sqlite_backup import SQLiteSource

        return SQLiteSource(data / FILE)
    if url.startswith(_POSTGRES):
        from wattproof.gateway.store.postgres_address import Address
        from wattproof.gateway.store.postgres_backup import PostgresSource

        return await PostgresSource.open(Address(url, password_file))
    raise _unknown(url)


async def open_target(
    url: str, data: Path, schema: int, clock: Clock, *, replace: bool, password_file: Path | None = None
) -> Target:
    """An empty store with this schema that takes the place of the present one when it is filled.

    Raises:
        InvalidURL: neither of the two.
        StorageError: there is a store that is in use, or that has content and ``replace`` is false.
    """
    stamp = datetime.fromtimestamp(clock.time() // 10**9, UTC).strftime("%Y%m%dT%H%M%SZ")
    if url == "sqlite":
        from wattproof.gateway.store.sqlite_backup import SQLiteTarget

        return SQLiteTarget(data / FILE, schema, replace=replace, stamp=stamp)
    if url.startswith(_POSTGRES):
        from wattproof.gateway.store.postgres_address import Address
        from wattproof.gateway.store.postgres_backup import PostgresTarget

        address = Address(url, password_file)
        return await PostgresTarget.open(address, schema, replace=replace, stamp=stamp, clock=clock)
    raise _unknown(url)


def _unknown(url: str) -> InvalidURL:
    return InvalidURL(f"{url!r} is no store: write sqlite, or postgresql://USER@HOST/NAME")
