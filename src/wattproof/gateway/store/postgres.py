"""The large store: PostgreSQL, its two large tables partitioned by month, filled by COPY.

Commits that wait for the server are carried out together by the next transaction. A transaction whose end was not
heard of, because the connection broke, is asked about by its number when there is a connection again, and repeated
only if it did not take place.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from wattproof.errors import StorageError, WattproofError
from wattproof.gateway.records import Write
from wattproof.gateway.store.memory import Memory
from wattproof.gateway.store.migrations import SCHEMAS, Script, check_readable, due, scripts
from wattproof.gateway.store.partitions import END, PARTITIONED, Month, creation, months
from wattproof.gateway.store.postgres_address import BROKEN, CALLERS, Address, failure, numbered
from wattproof.gateway.store.reading import SqlReader
from wattproof.gateway.store.steps import Ask, Fill, Lock, Run
from wattproof.gateway.store.writing import transaction
from wattproof.io.clock import SystemClock
from wattproof.model.clock import Clock

log = logging.getLogger(__name__)
# It logs a traceback for every connection that a server which restarts refuses; we say it once, in words.
logging.getLogger("asyncpg.pool").setLevel(logging.CRITICAL)

#: Writes that one transaction takes at most.
GROUP = 50_000
#: From so many rows on COPY is worth its two more round trips.
COPY_FROM = 200
#: Seconds between attempts to connect again while commits wait.
PAUSES = (0.0, 0.1, 0.3, 1.0, 2.0, 3.0, 4.0)
#: Advisory locks: who gives out numbers, who changes the schema, and (shared) who writes at all.
NUMBERS, SCHEMA, WRITERS = 0x57505F4E, 0x57505F53, 0x57505F57
#: What is no caller's fault.
_DOWN = (*BROKEN, StorageError, asyncpg.InsufficientResourcesError, asyncpg.PostgresSystemError)
#: What may be over at the next attempt: the connection, or a conflict with another writer.
_PASSING = (*BROKEN, StorageError, asyncpg.TransactionRollbackError)


class PostgresReader(SqlReader):
    """Read access over a few connections of its own."""

    def __init__(self, address: Address, pool: asyncpg.Pool) -> None:
        super().__init__()
        self.address = address
        self._pool = pool

    @classmethod
    async def open(cls, address: Address) -> PostgresReader:
        """Raises ``StorageError``."""
        pool = await address.pool()
        try:
            check_readable(await version(pool), scripts("postgres"), address.shown)
        except BaseException:
            await pool.close()
            raise
        return cls(address, pool)

    async def fetch(self, sql: str, *parameters: Any) -> Sequence[Sequence[Any]]:
        for attempt in (1, 2):
            try:
                return list(await self._pool.fetch(numbered(sql), *parameters))
            except BROKEN as error:  # a connection of the pool may have died since it was used last
                if attempt == 2:
                    raise failure(error, self.address.shown) from error
            except asyncpg.PostgresError as error:
                raise failure(error, self.address.shown) from error
        raise AssertionError

    async def fetch_part(self, sql: str, *parameters: Any) -> Sequence[Sequence[Any]]:
        return await self.fetch(sql, *parameters)

    def integers(self, stored: Any) -> Sequence[int | None]:
        return stored  # type: ignore[no-any-return]

    async def close(self) -> None:
        await self._pool.close()


class _Call(NamedTuple):
    """One call of ``commit`` that waits."""

    writes: Sequence[Write]
    done: asyncio.Future[None]


class PostgresStore(PostgresReader):
    """A writer. Several gateways may write to one database, each its own meters."""

    def __init__(self, address: Address, pool: asyncpg.Pool, clock: Clock) -> None:
        super().__init__(address, pool)
        self._clock = clock
        self._connection: asyncpg.Connection | None = None
        self._memory = Memory(lambda values: values, bool)
        self._months: set[tuple[str, Month]] = set()
        self._calls: asyncio.Queue[_Call | None] = asyncio.Queue()
        self._writing = asyncio.create_task(self._write(), name="store-writer")
        self._closed = False
        #: Whether the last failure was the server's and no caller's.
        self._down = False

    @classmethod
    async def open_store(
        cls, address: Address, save: Callable[[int], Awaitable[None]], *, schemas: Path = SCHEMAS
    ) -> PostgresStore:
        """Make the tables or bring them up to the present schema, then open. ``save`` makes a backup of a store with
        the old schema that it is told. Raises ``StorageError``."""
        clock = SystemClock()
        await prepare(address, scripts("postgres", schemas), clock, save)
        return cls(address, await address.pool(), clock)

    async def commit(self, *writes: Write) -> None:
        """See :class:`~wattproof.gateway.store.base.Store`."""
        if self._closed:
            raise StorageError(f"the store {self.address.shown} is closed")
        done = asyncio.get_running_loop().create_future()
        self._calls.put_nowait(_Call(writes, done))
        await done

    async def layout(self, columns: Mapping[int, int]) -> int:
        """See :class:`~wattproof.gateway.store.base.Store`."""
        return await self.layout_id(columns) or await self.new_layout(columns, self.commit)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._calls.put_nowait(None)
            await self._writing
            if self._connection is not None:
                with suppress(*BROKEN):
                    await self._connection.close()
        await super().close()

    async def _write(self) -> None:
        """Everything that waits, again and again."""
        ending = False
        while not ending:
            call = await self._calls.get()
            group: list[_Call] = []
            size = 0
            while call is not None:
                group.append(call)
                size += len(call.writes)
                if size >= GROUP or self._calls.empty():
                    break
                call = self._calls.get_nowait()
            ending = call is None
            if group:
                for (_, done), error in await self._carry_out(group):
                    if done.done():  # the caller no longer waits
                        continue
                    if error is None:
                        done.set_result(None)
                    else:
                        done.set_exception(error)

    async def _carry_out(self, group: list[_Call]) -> list[tuple[_Call, WattproofError | None]]:
        """One transaction for all of them. If that fails, one for each, so that nobody suffers for another's fault."""
        error = await self._transact([write for call in group for write in call.writes])
        if error is None or len(group) == 1 or self._down:
            return [(call, error) for call in group]
        return [(call, await self._transact(call.writes)) for call in group]

    async def _transact(self, writes: Sequence[Write]) -> WattproofError | None:
        number: str | None = None
        again = False
        for pause in PAUSES:
            await self._clock.sleep(pause)
            try:
                connection = await self._connected()
                if number is not None and await _took_place(connection, number):
                    return None
                transaction = connection.transaction()
                await transaction.start()
                try:
                    await self._run(connection, writes, again)
                    number = await connection.fetchval("SELECT pg_current_xact_id()::text")
                except BaseException:
                    with suppress(*BROKEN, asyncpg.PostgresError):
                        await transaction.rollback()
                    raise
                await transaction.commit()
                return None
            except asyncpg.UniqueViolationError as error:
                self._memory.forget()
                self._months.clear()
                self._down = False
                last = failure(error, self.address.shown)
                if again:
                    return last
                again = True
            except Exception as error:
                self._memory.forget()
                self._months.clear()
                self._down = isinstance(error, _DOWN) and not isinstance(error, CALLERS)
                last = failure(error, self.address.shown)
                if isinstance(error, CALLERS) or not isinstance(error, _PASSING):
                    return last
                if isinstance(error, BROKEN) and self._connection is not None:
                    self._connection.terminate()  # nobody knows in which state it is
                    self._connection = None
                log.warning("%s; trying again", last)
        return last

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self.address.connect()
            if not await self._connection.fetchval(f"SELECT pg_try_advisory_lock_shared({WRITERS})"):
                await self._connection.close()
                raise StorageError(f"a backup is being restored into the store {self.address.shown}")
        return self._connection

    async def _run(self, connection: asyncpg.Connection, writes: Sequence[Write], again: bool) -> None:
        """``again``: some of the rows are there already."""
        steps = transaction(writes, self._memory)
        answer = None
        with suppress(StopIteration):
            while True:
                step = steps.send(answer)
                answer = None
                match step:
                    case Ask(sql, parameters):
                        answer = await connection.fetch(numbered(sql), *parameters)
                    case Run(sql, each):
                        await connection.executemany(numbered(sql), each)
                    case Fill() as fill:
                        await self._fill(connection, fill, again)
                    case Lock():
                        await connection.execute(f"SELECT pg_advisory_xact_lock({NUMBERS})")

    async def _fill(self, connection: asyncpg.Connection, fill: Fill, again: bool) -> None:
        table, columns, time, cells = fill
        width = len(columns)
        needed = months(cells[time::width])
        rows = list(zip(*[iter(cells)] * width, strict=True))
        if any((table, month) not in self._months for month in needed):
            await self._make_months(connection, needed)
        if len(rows) < COPY_FROM:
            await connection.executemany(_insert(table, columns), rows)
            return
        if not again:
            await connection.copy_records_to_table(table, records=rows, columns=columns)
            return
        aside, names = f"filling_{table}", _names(columns)  # COPY itself cannot leave out what is there: rare and slow
        await connection.execute(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {aside} (LIKE {table} INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"
        )
        await connection.copy_records_to_table(aside, records=rows, columns=columns)
        await connection.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM {aside} ON CONFLICT DO NOTHING")
        await connection.execute(f"TRUNCATE {aside}")

    async def _make_months(self, connection: asyncpg.Connection, needed: set[Month]) -> None:
        """Make the partitions of these months and of the ones after them, as far as they are missing.

        The first row of a month so makes the partition of the next one, and never waits for its own.
        """
        await connection.execute(f"SELECT pg_advisory_xact_lock({SCHEMA})")
        for table in PARTITIONED:
            there = await _partitions(connection, table)
            ahead = {month.next for month in needed if month.next.begin < END}
            for month in sorted(needed | ahead):
                if month.partition(table) not in there:
                    for statement in creation(table, month):
                        await connection.execute(statement)
            self._months |= {(table, month) for month in needed}


async def _partitions(connection: asyncpg.Connection, table: str) -> set[str]:
    sql = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = $1::text::regclass"
    return {row[0] for row in await connection.fetch(sql, table)}


async def _took_place(connection: asyncpg.Connection, number: str) -> bool:
    """Whether the transaction of that number was committed. Raises ``StorageError``: the server is still at it."""
    for _ in range(100):
        status = await connection.fetchval("SELECT pg_xact_status($1::text::xid8)", number)
        if status != "in progress":
            return bool(status == "committed")
        await asyncio.sleep(0.05)
    raise StorageError(f"the server does not finish transaction {number}")


@lru_cache
def _insert(table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(columns))
    return numbered(f"INSERT INTO {table} ({_names(columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING")


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


async def version(connection: asyncpg.Connection | asyncpg.Pool) -> int:
    """The schema version of a database, 0 if there are no tables of ours."""
    if await connection.fetchval("SELECT to_regclass('schema_version')") is None:
        return 0
    return int(await connection.fetchval('SELECT max("version") FROM schema_version') or 0)


async def prepare(
    address: Address, known: Sequence[Script], clock: Clock, save: Callable[[int], Awaitable[None]]
) -> None:
    """Make the tables or bring them up to the present schema, a backup first.

    Raises:
        StorageError: it cannot be reached, or was written by a later release.
    """
    connection = await address.connect()
    try:
        if await connection.fetchval("SHOW fsync") != "on":
            log.warning("the store %s runs with fsync=off: what it acknowledges may be lost", address.shown)
        await connection.execute(f"SELECT pg_advisory_lock({SCHEMA})")
        present = await version(connection)
        waiting = due(present, known, address.shown)
        if present and waiting:
            await save(present)
        for script in waiting:
            await apply(connection, script, clock.time() // 1_000_000)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise failure(error, address.shown) from error
    finally:
        await connection.close()


async def apply(connection: asyncpg.Connection, script: Script, now: int) -> None:
    """One schema file, whole or not at all."""
    async with connection.transaction():
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_version (version integer PRIMARY KEY, applied bigint NOT NULL)"
        )
        await connection.execute(script.text)
        await connection.execute("INSERT INTO schema_version VALUES ($1, $2)", script.version, now)
