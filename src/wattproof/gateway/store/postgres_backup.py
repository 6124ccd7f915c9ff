"""Backup from and restore into PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg

from wattproof.errors import StorageError
from wattproof.gateway.store.backup import PART, backup
from wattproof.gateway.store.migrations import due, scripts
from wattproof.gateway.store.partitions import PARTITIONED, creation, months
from wattproof.gateway.store.postgres import WRITERS, apply, version
from wattproof.gateway.store.postgres_address import BROKEN, Address, failure
from wattproof.io.clock import SystemClock
from wattproof.io.journal import make_directory
from wattproof.model.clock import Clock
from wattproof.version import __version__

#: Our tables and views as the schema files name them.
_MADE = re.compile(r"CREATE (?:TABLE|VIEW) (\w+)")


class PostgresSource:
    """One repeatable-read transaction: what is committed while it is open is not seen, and not held up."""

    def __init__(self, connection: asyncpg.Connection, schema: int, where: str) -> None:
        self._connection, self.schema, self._where = connection, schema, where

    @classmethod
    async def open(cls, address: Address) -> PostgresSource:
        """Raises ``StorageError``."""
        connection = await address.connect()
        try:
            await connection.transaction(isolation="repeatable_read", readonly=True).start()
            schema = await version(connection)
        except asyncpg.PostgresError as error:
            await connection.close()
            raise failure(error, address.shown) from error
        if not schema:
            await connection.close()
            raise StorageError(f"there is no store at {address.shown}")
        return cls(connection, schema, address.shown)

    async def tables(self) -> Mapping[str, Sequence[str]]:
        return {name: list(columns) for name, columns in (await _columns(self._connection)).items()}

    async def size(self) -> int:
        sql = (
            "SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
        )
        return int(await self._connection.fetchval(sql))

    async def rows(self, table: str, columns: Sequence[str]) -> AsyncIterator[Sequence[Sequence[Any]]]:
        names = ", ".join(f'"{name}"' for name in columns)
        try:
            cursor = await self._connection.cursor(f"SELECT {names} FROM {table}")
            while part := await cursor.fetch(PART):
                yield [tuple(row) for row in part]
        except (asyncpg.PostgresError, *BROKEN) as error:
            raise failure(error, self._where) from error

    async def close(self) -> None:
        with suppress(*BROKEN):
            await self._connection.close()


class PostgresTarget:
    """One transaction that puts the old tables into a schema of their own, makes new ones and fills them."""

    def __init__(self, connection: asyncpg.Connection, schema: int, where: str, clock: Clock) -> None:
        self._connection, self._schema, self._where, self._clock = connection, schema, where, clock
        self._made: set[str] = set()

    @classmethod
    async def open(cls, address: Address, schema: int, *, replace: bool, stamp: str, clock: Clock) -> PostgresTarget:
        """Raises ``StorageError``: a gateway is writing, or there are tables with content and not ``replace``."""
        due(schema, scripts("postgres"), f"in the backup for {address.shown}")
        connection = await address.connect()
        try:
            if not await connection.fetchval(f"SELECT pg_try_advisory_lock({WRITERS})"):
                raise StorageError(f"the store {address.shown} is in use: stop every gateway that writes to it first")
            await connection.transaction().start()
            if await version(connection):
                if not replace and await _content(connection):
                    raise StorageError(
                        f"there is a store at {address.shown} already: --replace puts the backup in its place and "
                        "keeps the old tables in another schema"
                    )
                await _put_aside(connection, f"replaced_{stamp}".lower())
            target = cls(connection, schema, address.shown, clock)
            await target._apply(0, schema)
        except BaseException as error:
            await connection.close()
            if isinstance(error, asyncpg.PostgresError):
                raise failure(error, address.shown) from error
            raise
        return target

    async def _apply(self, after: int, until: int) -> None:
        for script in scripts("postgres"):
            if after < script.version <= until:
                await apply(self._connection, script, self._clock.time() // 1_000_000)

    async def tables(self) -> Mapping[str, Mapping[str, str]]:
        return await _columns(self._connection)

    async def load(self, table: str, columns: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
        try:
            if table in PARTITIONED:
                time = list(columns).index("time")
                for month in months(row[time] for row in rows):
                    if (name := month.partition(table)) not in self._made:
                        self._made.add(name)
                        for statement in creation(table, month):
                            await self._connection.execute(statement)
            await self._connection.copy_records_to_table(table, records=rows, columns=list(columns))
        except (asyncpg.PostgresError, *BROKEN, OverflowError) as error:
            raise failure(error, self._where) from error

    async def finish(self) -> None:
        try:
            await self._apply(self._schema, scripts("postgres")[-1].version)
            await self._connection.execute("COMMIT")
        except (asyncpg.PostgresError, *BROKEN) as error:
            raise failure(error, self._where) from error
        with suppress(asyncpg.PostgresError, *BROKEN):
            await self._connection.execute("ANALYZE")

    async def close(self) -> None:
        with suppress(*BROKEN):
            await self._connection.close()


async def save(address: Address, folder: Path, schema: int) -> None:
    """The backup before a migration. Raises ``StorageError``."""
    make_directory(folder)
    source = await PostgresSource.open(address)
    try:
        now = SystemClock().time() // 1_000_000
        await backup(source, folder / f"postgres.schema-{schema:03}.zip", created=now, release=__version__)
    finally:
        await source.close()


async def _columns(connection: asyncpg.Connection) -> dict[str, dict[str, str]]:
    sql = (
        "SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c"
        " JOIN pg_class p ON p.oid = format('%I.%I', c.table_schema, c.table_name)::regclass"
        " WHERE c.table_schema = current_schema() AND p.relkind IN ('r', 'p') AND NOT p.relispartition"
        " AND c.table_name <> 'schema_version' ORDER BY c.table_name, c.ordinal_position"
    )
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in await connection.fetch(sql):
        found.setdefault(table, {})[column] = kind
    return found


def _ours() -> list[str]:
    made = [name for script in scripts("postgres") for name in _MADE.findall(script.text)]
    return list(dict.fromkeys(["schema_version", *made]))


async def _content(connection: asyncpg.Connection) -> bool:
    for table in await _columns(connection):
        if table in _ours() and await connection.fetchval(f"SELECT EXISTS (SELECT FROM {table})"):
            return True
    return False


async def _put_aside(connection: asyncpg.Connection, schema: str) -> None:
    """Move our tables, their partitions and views into another schema."""
    sql = (
        "SELECT c.relname, c.relkind = 'v' FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid"
        " LEFT JOIN pg_class p ON p.oid = i.inhparent WHERE c.relnamespace = current_schema()::regnamespace"
        " AND c.relkind IN ('r', 'p', 'v') AND coalesce(p.relname, c.relname) = ANY($1::text[])"
    )
    found = await connection.fetch(sql, _ours())
    await connection.execute(f"CREATE SCHEMA {schema}")
    for name, view in found:
        await connection.execute(f'ALTER {"VIEW" if view else "TABLE"} "{name}" SET SCHEMA {schema}')
