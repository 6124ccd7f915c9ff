"""The embedded store: one SQLite file in WAL mode with synchronous=FULL.

One thread writes. Commits that wait while it syncs are carried out together by its next transaction, so a thousand
callers share one fsync; each call is still all or nothing. Readers have connections of their own.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from wattproof.errors import InvalidValue, StorageError, WattproofError
from wattproof.gateway.records import Write
from wattproof.gateway.store.memory import Memory
from wattproof.gateway.store.migrations import SCHEMAS, Script, check_readable, due, scripts
from wattproof.gateway.store.reading import SqlReader
from wattproof.gateway.store.steps import Ask, Fill, Run
from wattproof.gateway.store.tables import to_json
from wattproof.gateway.store.writing import transaction
from wattproof.io.journal import make_directory, sync_directory

#: Writes that one transaction takes at most, so that nobody waits for long.
GROUP = 50_000
#: Rows that one statement puts into a large table.
ROWS_AT_ONCE = 200
#: Seconds to wait for another process that writes (a restore, a factory reset).
PATIENCE = 10.0
PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA cache_size = -32000",
)


#: Not the disk's errors but those of a value.
_CALLERS = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError)


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection in which nothing begins or ends a transaction by itself."""
    mode = "ro" if read_only else "rwc"
    uri = f"file:{quote(str(path))}?mode={mode}"
    with ExitStack() as opened:
        connection = sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        opened.callback(connection.close)
        connection.execute("PRAGMA cache_size = -8000")
        opened.pop_all()
    return connection


def failure(error: Exception, path: Path) -> WattproofError:
    """What a caller is told of an error of SQLite."""
    if isinstance(error, WattproofError):
        return error
    if not isinstance(error, sqlite3.Error) or isinstance(error, _CALLERS):
        return InvalidValue(f"cannot be stored: {error}")
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_FULL":
        return StorageError(f"no space for the store {path}: make room on the disk; nothing of this was stored")
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return StorageError(f"the store {path} is damaged ({error}): restore a backup with wattproof restore")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StorageError(f"the store {path} is in use by another process ({error})")
    return StorageError(f"the store {path} failed: {error}{f' ({name})' if name else ''}")


class SQLiteReader(SqlReader):
    """Read access to the file from any process. Small answers are fetched at once, parts of long ones in a thread."""

    def __init__(self, path: Path, *, known: Sequence[Script] | None = None) -> None:
        super().__init__()
        self.path = path
        if not path.exists():
            check_readable(0, known or scripts("sqlite"), str(path))
        with ExitStack() as opened:
            try:
                self._small = connect(path, read_only=True)
                opened.callback(self._small.close)
                self._long = connect(path, read_only=True)
                opened.callback(self._long.close)
                check_readable(version(self._small), known or scripts("sqlite"), str(path))
            except sqlite3.Error as error:
                raise failure(error, path) from error
            opened.pop_all()
        self._thread = ThreadPoolExecutor(1, "store-reader")

    async def fetch(self, sql: str, *parameters: Any) -> Sequence[Sequence[Any]]:
        return self._fetch(self._small, sql, parameters)

    async def fetch_part(self, sql: str, *parameters: Any) -> Sequence[Sequence[Any]]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._fetch, self._long, sql, parameters)

    def _fetch(self, connection: sqlite3.Connection, sql: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        try:
            return connection.execute(sql, parameters).fetchall()
        except (sqlite3.Error, OverflowError) as error:
            raise failure(error, self.path) from error

    async def close(self) -> None:
        self._thread.shutdown()
        self._small.close()
        self._long.close()


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """One call of ``commit`` that waits."""

    writes: Sequence[Write]
    done: asyncio.Future[None]


class SQLiteStore(SQLiteReader):
    """The writer; only one may be open on a file at a time, which its owner sees to."""

    def __init__(self, path: Path, *, schemas: Path = SCHEMAS) -> None:
        known = scripts("sqlite", schemas)
        self._writer = prepare(path, known)
        with ExitStack() as opened:
            opened.callback(self._writer.close)
            super().__init__(path, known=known)
            opened.pop_all()
        self._memory = Memory(to_json, int)
        self._seen = -1
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._closed = False
        self._writing = threading.Thread(target=self._write, name="store-writer", daemon=True)
        self._writing.start()

    async def commit(self, *writes: Write) -> None:
        """See :class:`~wattproof.gateway.store.base.Store`."""
        if self._closed:
            raise StorageError(f"the store {self.path} is closed")
        done = asyncio.get_running_loop().create_future()
        self._calls.put(_Call(writes, done))
        await done

    async def layout(self, columns: Mapping[int, int]) -> int:
        """See :class:`~wattproof.gateway.store.base.Store`."""
        return await self.layout_id(columns) or await self.new_layout(columns, self.commit)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._calls.put(None)
            await asyncio.to_thread(self._writing.join)
            self._writer.close()
        await super().close()

    def _write(self) -> None:
        """The writing thread: everything that waits, again and again."""
        ending = False
        while not ending:
            call = self._calls.get()
            group: list[_Call] = []
            size = 0
            while call is not None:
                group.append(call)
                size += len(call.writes)
                if size >= GROUP:
                    break
                try:
                    call = self._calls.get_nowait()
                except queue.Empty:
                    break
            ending = call is None
            if group:
                self._finish(self._carry_out(group))

    def _carry_out(self, group: list[_Call]) -> list[tuple[_Call, WattproofError | None]]:
        """One transaction for all of them. If that fails, one for each, so that nobody suffers for another's fault."""
        error = self._transact([write for call in group for write in call.writes])
        if error is None or len(group) == 1 or isinstance(error, StorageError):
            return [(call, error) for call in group]
        return [(call, self._transact(call.writes)) for call in group]

    def _transact(self, writes: Sequence[Write]) -> WattproofError | None:
        writer = self._writer
        try:
            writer.execute("BEGIN IMMEDIATE")
            seen = writer.execute("PRAGMA data_version").fetchone()[0]
            if seen != self._seen:  # somebody else has written
                self._memory.forget()
                self._seen = seen
            self._run(writes)
            writer.execute("COMMIT")
        except Exception as error:
            with suppress(sqlite3.Error):
                writer.execute("ROLLBACK")
            self._memory.forget()
            return failure(error, self.path)
        return None

    def _run(self, writes: Sequence[Write]) -> None:
        writer = self._writer
        steps = transaction(writes, self._memory)
        answer = None
        with suppress(StopIteration):
            while True:
                step = steps.send(answer)
                answer = None
                match step:
                    case Ask(sql, parameters):
                        answer = writer.execute(sql, parameters).fetchall()
                    case Run(sql, each):
                        writer.executemany(sql, each)
                    case Fill() as fill:  # a Lock there is already
                        _fill(writer, fill)

    def _finish(self, results: list[tuple[_Call, WattproofError | None]]) -> None:
        """Tell the callers, each in its own event loop; one that has ended is not told."""
        for loop in {call.done.get_loop() for call, _ in results}:
            mine = [(call.done, error) for call, error in results if call.done.get_loop() is loop]
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_tell, mine)


def _fill(writer: sqlite3.Connection, fill: Fill) -> None:
    """Many rows a statement: Python's lock is given back and taken once for each statement, which is a quarter of the
    time and, while the event loop is busy, nearly all of it."""
    cells, width = fill.cells, len(fill.columns)
    step = ROWS_AT_ONCE * width
    for begin in range(0, len(cells), step):
        part = cells[begin : begin + step]
        writer.execute(_insert(fill.table, fill.columns, len(part) // width), part)


@lru_cache(maxsize=64)
def _insert(table: str, columns: tuple[str, ...], rows: int) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    marks = ", ".join([f"({', '.join('?' * len(columns))})"] * rows)
    return f"INSERT OR IGNORE INTO {table} ({names}) VALUES {marks}"


def _tell(results: list[tuple[asyncio.Future[None], WattproofError | None]]) -> None:
    for done, error in results:
        if done.done():  # the caller no longer waits
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)


def version(connection: sqlite3.Connection) -> int:
    """The schema version of a file, 0 if it is empty."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return 0
    if "schema_version" not in tables:
        raise sqlite3.DatabaseError("it is another program's database")
    return int(connection.execute("SELECT max(version) FROM schema_version").fetchone()[0])


def prepare(path: Path, known: Sequence[Script]) -> sqlite3.Connection:
    """Make the file or bring it up to the present schema; a backup is made before a migration.

    Raises:
        StorageError: it cannot be opened, is damaged, or was written by a later release.
    """
    make_directory(path.parent)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
        sync_directory(path.parent)
    except OSError as error:
        raise StorageError(f"cannot open the store {path}: {error.strerror or error}") from error
    connection = None
    try:
        connection = connect(path)
        for pragma in PRAGMAS:
            connection.execute(pragma).close()
        present = version(connection)
        waiting = due(present, known, str(path))
        if present and waiting:
            copy(connection, path.with_name(f"{path.name}.schema-{present:03}"))
        for script in waiting:
            apply(connection, script)
    except Exception as error:
        if connection is not None:
            connection.close()
        raise failure(error, path) from error
    return connection


def apply(connection: sqlite3.Connection, script: Script) -> None:
    """One schema file, whole or not at all."""
    table = (
        'CREATE TABLE IF NOT EXISTS schema_version ("version" INTEGER PRIMARY KEY, "applied" INTEGER NOT NULL) STRICT'
    )
    mark = f"INSERT INTO schema_version VALUES ({script.version}, CAST(strftime('%s') AS INTEGER) * 1000)"
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{table};\n{script.text}\n;{mark};\nCOMMIT;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def copy(source: sqlite3.Connection, target: Path) -> None:
    """A consistent copy of a database while others read and write it; it is whole once it has its name."""
    beside = target.with_name(target.name + ".new")
    beside.unlink(missing_ok=True)
    os.close(os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    made = sqlite3.connect(beside, isolation_level=None)
    try:
        source.backup(made)
    finally:
        made.close()
    descriptor = os.open(beside, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    beside.replace(target)
    sync_directory(target.parent)
