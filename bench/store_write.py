"""Rows of twelve values into the store of the gateway, durably: ours, and the engine's own fastest way.

A row is a meter, a time and twelve integers; 10,000 a transaction, of a hundred meters, each transaction synced.
SQLite: ``executemany`` with the same pragmas into a table with a column a value. PostgreSQL: ``COPY`` through asyncpg
into a table of the same columns as ours. Both get ready tuples; ours gets the gateway's records, and finds meter and
layout.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg

from bench.measure import Figure, Target, interleaved, report
from tests.gateway.postgres import Cluster, cluster, programs
from wattproof.gateway.records import Group, Readings
from wattproof.gateway.store.opening import open_store
from wattproof.gateway.store.sqlite import PRAGMAS

METERS, BATCH, BATCHES = 100, 10_000, 10
COLUMNS = dict.fromkeys(range(69, 81), -1)
BEGIN = 1_790_000_000_000


@cache
def values() -> list[tuple[int, ...]]:
    """What a meter shows: voltages, currents, powers."""
    return [tuple(2300 + (number * 7919 + place * 104_729) % 40_000 for place in range(12)) for number in range(BATCH)]


def rows() -> Iterator[Iterator[tuple[int, int, tuple[int, ...]]]]:
    """Batches of meter, time and values."""
    for batch in range(BATCHES):
        begin = BEGIN + batch * BATCH // METERS * 1000
        yield ((place % METERS, begin + place // METERS * 1000, row) for place, row in enumerate(values()))


def bare_sqlite() -> float:
    """Rows a second."""
    batches = [[(meter, time, *row) for meter, time, row in batch] for batch in rows()]
    columns = ", ".join(f"v{place} INTEGER" for place in range(12))
    with (
        tempfile.TemporaryDirectory(dir=".") as folder,
        closing(sqlite3.connect(Path(folder) / "bare.db")) as connection,
    ):
        connection.isolation_level = None
        for pragma in PRAGMAS:
            connection.execute(pragma).close()
        connection.execute(
            f"CREATE TABLE r (meter INTEGER, time INTEGER, {columns}, PRIMARY KEY (meter, time)) WITHOUT ROWID"
        )
        insert = f"INSERT INTO r VALUES ({', '.join('?' * 14)})"
        begin = time.perf_counter()
        for batch in batches:
            connection.execute("BEGIN")
            connection.executemany(insert, batch)
            connection.execute("COMMIT")
        return BATCH * BATCHES / (time.perf_counter() - begin)


def ours(url: str) -> float:
    """Rows a second."""

    async def write(folder: Path) -> float:
        store = await open_store(url, folder)
        try:
            layout = await store.layout(COLUMNS)
            serials = [f"{number:08}" for number in range(METERS)]
            batches = [[Readings(serials[m], Group.LIVE, t, layout, row) for m, t, row in batch] for batch in rows()]
            first = [Readings(serial, Group.LIVE, 1, layout, values()[0]) for serial in serials]
            await store.commit(*first)  # the bare contestant knows its meters too
            begin = time.perf_counter()
            for batch in batches:
                await store.commit(*batch)
            return BATCH * BATCHES / (time.perf_counter() - begin)
        finally:
            await store.close()

    with tempfile.TemporaryDirectory(dir=".") as folder:
        return asyncio.run(write(Path(folder)))


def bare_copy(url: str) -> float:
    """Rows a second."""

    async def write() -> float:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(
                "CREATE TABLE r (time bigint NOT NULL, meter integer NOT NULL, layout integer NOT NULL,"
                " grp smallint NOT NULL, vs bigint[] NOT NULL, qualities text, PRIMARY KEY (meter, grp, time))"
            )
            batches = [[(time, meter, 1, 0, row, None) for meter, time, row in batch] for batch in rows()]
            begin = time.perf_counter()
            for batch in batches:
                await connection.copy_records_to_table("r", records=batch)
            return BATCH * BATCHES / (time.perf_counter() - begin)
        finally:
            await connection.close()

    return asyncio.run(write())


@contextmanager
def server() -> Iterator[Cluster]:
    """PostgreSQL with its defaults, synced."""
    with cluster("shared_buffers=256MB", "max_wal_size=4GB") as made:
        yield made


def main() -> bool:
    figures: dict[str, Figure] = interleaved(
        "store_write", "rows/s", {"SQLite, executemany": bare_sqlite, "SQLite, ours": lambda: ours("sqlite")}
    )
    targets = [_target("SQLite", figures["SQLite, ours"], figures["SQLite, executemany"])]
    if programs() is not None:
        with server() as made:
            contestants: dict[str, Any] = {
                "PostgreSQL, COPY": lambda: bare_copy(made.database()),
                "PostgreSQL, ours": lambda: ours(made.database()),
            }
            more = interleaved("store_write", "rows/s", contestants)
        targets.append(_target("PostgreSQL", more["PostgreSQL, ours"], more["PostgreSQL, COPY"]))
        figures.update(more)
    return report("Writing to the store", figures, targets)


def _target(engine: str, ours: Figure, bare: Figure) -> Target:
    return Target(f"{engine}: rows a second, ours / bare", ours.median / bare.median, 0.8, at_least=True)
