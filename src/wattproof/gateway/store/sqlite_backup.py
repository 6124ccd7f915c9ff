"""Backup from and restore into the SQLite file."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from wattproof.errors import StorageError
from wattproof.gateway.store.backup import PART
from wattproof.gateway.store.migrations import due, scripts
from wattproof.gateway.store.sqlite import apply, connect, failure, version
from wattproof.io.journal import sync_directory

_SIDES = ("-wal", "-shm")


class SQLiteSource:
    """One read transaction: what is committed while it is open is not seen, and not held up."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            raise StorageError(f"there is no store at {path}")
        try:
            self._connection = connect(path, read_only=True)
            self._connection.execute("BEGIN")
            self.schema = version(self._connection)
        except sqlite3.Error as error:
            raise failure(error, path) from error

    async def tables(self) -> Mapping[str, Sequence[str]]:
        return {name: list(columns) for name, columns in _columns(self._connection).items()}

    async def size(self) -> int:
        counts = (f"SELECT count(*) FROM {name}" for name in _columns(self._connection))
        return sum([(await self._fetch(self._connection.execute, sql)).fetchone()[0] for sql in counts])

    async def rows(self, table: str, columns: Sequence[str]) -> AsyncIterator[Sequence[Sequence[Any]]]:
        names = ", ".join(f'"{name}"' for name in columns)
        cursor = await self._fetch(self._connection.execute, f"SELECT {names} FROM {table}")
        while part := await self._fetch(cursor.fetchmany, PART):
            yield part

    async def _fetch(self, function: Any, *arguments: Any) -> Any:
        try:
            return await asyncio.to_thread(function, *arguments)
        except sqlite3.Error as error:
            raise failure(error, self.path) from error

    async def close(self) -> None:
        self._connection.close()


class SQLiteTarget:
    """A new file beside the store, which takes its place at the end; the old one stays under another name."""

    def __init__(self, path: Path, schema: int, *, replace: bool, stamp: str) -> None:
        self.path, self._stamp = path, stamp
        if not replace and path.exists() and _content(path):
            raise StorageError(
                f"there is a store at {path} already: --replace puts the backup in its place and keeps it"
            )
        self._beside = path.with_name(path.name + ".restoring")
        known = scripts("sqlite")
        due(schema, known, f"in the backup for {path}")
        self._later = [script for script in known if script.version > schema]
        try:
            self._beside.unlink(missing_ok=True)
            os.close(os.open(self._beside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            self._connection = connect(self._beside)
            self._connection.execute("PRAGMA journal_mode = OFF").close()
            self._connection.execute("PRAGMA synchronous = OFF").close()
            for script in known[: len(known) - len(self._later)]:
                apply(self._connection, script)
            self._connection.execute("BEGIN")
        except (sqlite3.Error, OSError) as error:
            raise failure(error, self._beside) from error

    async def tables(self) -> Mapping[str, Mapping[str, str]]:
        return _columns(self._connection)

    async def load(self, table: str, columns: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
        names, marks = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"
        try:
            await asyncio.to_thread(self._connection.executemany, sql, rows)
        except (sqlite3.Error, OverflowError) as error:
            raise failure(error, self._beside) from error

    async def finish(self) -> None:
        try:
            await asyncio.to_thread(self._connection.execute, "COMMIT")
            for script in self._later:
                await asyncio.to_thread(apply, self._connection, script)
            found = await asyncio.to_thread(self._connection.execute, "PRAGMA quick_check")
            if (verdict := found.fetchone()[0]) != "ok":
                raise StorageError(f"the restored store is damaged: {verdict}")
            self._connection.close()
            _sync(self._beside)
            _put_aside(self.path, self.path.with_name(f"{self.path.name}.replaced-{self._stamp}"))
            self._beside.replace(self.path)
            sync_directory(self.path.parent)
        except (sqlite3.Error, OSError) as error:
            raise failure(error, self.path) from error

    async def close(self) -> None:
        self._connection.close()
        with suppress(OSError):
            self._beside.unlink(missing_ok=True)


def _columns(connection: sqlite3.Connection) -> dict[str, dict[str, str]]:
    sql = (
        "SELECT m.name, c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c"
        " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name <> 'schema_version'"
    )
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in connection.execute(sql):
        found.setdefault(table, {})[column] = kind
    return found


def _content(path: Path) -> bool:
    """Whether there is anything in a store; one that cannot be read is in nobody's way."""
    try:
        connection = connect(path, read_only=True)
        try:
            tables = _columns(connection)
            return any(connection.execute(f"SELECT EXISTS (SELECT 1 FROM {name})").fetchone()[0] for name in tables)
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        raise failure(error, path) from error
    except sqlite3.DatabaseError:
        return False


def _put_aside(path: Path, aside: Path) -> None:
    """Give what is at ``path`` another name; the name stays until the new file takes it in one step.

    A file that is whole takes in its write-ahead log first; the log of a damaged one is put aside with it, because it
    must never be applied to the new file.
    """
    if not path.exists():
        return
    with suppress(sqlite3.DatabaseError):
        connection = connect(path)
        try:
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise StorageError(f"the store {path} is in use: stop the gateway first") from error
            raise
        finally:
            connection.close()
    for side in _SIDES:
        with suppress(FileNotFoundError):
            path.with_name(path.name + side).rename(aside.with_name(aside.name + side))
    sync_directory(path.parent)
    try:
        os.link(path, aside)
    except OSError:  # a file system without links
        shutil.copy2(path, aside)
        _sync(aside)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
