"""A gateway's load on a store, and what must be found after its process, its disk or its power has failed.

As a program: ``python -m tests.gateway.store.load`` reads folders from standard input and carries the load of each out
in a process of its own, which it forks; ``pid N`` and then ``W N`` on standard output say that commit N of worker W is
acknowledged. ``python -m tests.gateway.store.load once FOLDER COUNT FAULT`` does it once, under ``disk.c``.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from wattproof.errors import StorageError
from wattproof.gateway.records import (
    Audit,
    EngineState,
    Event,
    Group,
    Kind,
    Readings,
    Row,
    SignedRecord,
    Write,
)
from wattproof.gateway.store import (
    chain,
    postgres_backup,  # noqa: F401 - what is forked has it already
)
from wattproof.gateway.store.base import Store
from wattproof.gateway.store.opening import FILE, open_store

WORKERS = 4
#: A gateway must be back in 3 s (issue 5).
RESTART = 3.0


def commit_of(worker: int, number: int, layout: int) -> list[Write]:
    """What the commit of that number of a worker stores."""
    writes: list[Write] = [
        Row("m", Kind.PROFILE, worker, number, number, 1, (number,)),
        Readings(f"m{worker}", Group.LIVE, number, layout, (number, -number)),
        EngineState("m", f"w{worker}", number),
    ]
    if number % 3 == 0:
        writes += [Audit(number, f"w{worker}", "::1", "PUT"), Event(1, 8, number, f"w{worker}")]
    if number % 4 == 0:
        writes.append(SignedRecord(f"s{worker}", "m", str(number), number, "OCMF", _data(number), "valid", "green"))
    return writes


def _data(number: int) -> bytes:
    return b"OCMF|%d|" % number + bytes(number % 251 for _ in range(600))


async def load(store: Store, acknowledged: Callable[[int, int], None], count: int = 10**9) -> int:
    """Commit from where the store stands; says how many commits failed. Each worker goes on after a failure."""
    layout = await store.layout({1: 0, 2: 0})
    states = await store.engine_states("m")
    failures = 0

    async def work(worker: int) -> None:
        nonlocal failures
        number = int(states.get(f"w{worker}", 0))
        for _ in range(count):
            try:
                await store.commit(*commit_of(worker, number + 1, layout))
            except StorageError:
                failures += 1
                continue
            number += 1
            acknowledged(worker, number)

    await asyncio.gather(*(work(worker) for worker in range(WORKERS)))
    return failures


async def survived(url: str, data: Path, acknowledged: dict[int, int]) -> dict[int, int]:
    """Open what is left of a store and check that everything acknowledged is there, whole and once, and that nothing
    is there in part. What each worker has reached."""
    begin = time.perf_counter()
    store = await open_store(url, data)
    assert time.perf_counter() - begin < RESTART
    try:
        states = await store.engine_states("m")
        reached = {worker: int(states.get(f"w{worker}", 0)) for worker in range(WORKERS)}
        for worker, number in reached.items():
            assert number in (acknowledged.get(worker, 0), acknowledged.get(worker, 0) + 1), (worker, number)
            everything = list(range(1, number + 1))
            rows = [row async for batch in store.row_batches("m", Kind.PROFILE, worker) for row in batch]
            assert [(row.time, row.values) for row in rows] == [(time, (time,)) for time in everything]
            readings = [
                (time, [value.mantissa for value in values.values()])
                async for batch in store.reading_batches(f"m{worker}", (1, 2), 0, 10**9)
                for time, values in batch
            ]
            assert readings == [(time, [time, -time]) for time in everything]
            records = await store.signed_records(f"s{worker}")
            assert [record.data for record in records] == [_data(time) for time in everything if time % 4 == 0]
        thirds = sum(number // 3 for number in reached.values())
        assert (await chain.check(store.audit()))[0] == thirds
        assert [index for index, _ in await store.events()] == list(range(thirds, 0, -1))
        return reached
    finally:
        await store.close()


def whole(data: Path) -> None:
    """SQLite's own check of the file."""
    with closing(sqlite3.connect(data / FILE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def _forked(url: str, data: Path) -> None:
    store = await open_store(url, data)
    await load(store, lambda worker, number: _say(f"{worker} {number}"))


def _say(line: str) -> None:
    os.write(1, line.encode() + b"\n")


def _serve() -> None:
    """Fork a loaded process for each line ``URL FOLDER``, and wait until it has been killed."""
    for line in sys.stdin:
        url, data = line.split()
        child = os.fork()
        if child == 0:
            asyncio.run(_forked(url, Path(data)))
            os._exit(0)
        _say(f"pid {child}")
        os.waitpid(child, 0)
        _say("end")


async def _once(data: Path, count: int, fault: str) -> None:
    """Under ``disk.c``: mark what is acknowledged. ``fault``: ``-``, or KIND:AFTER:TIMES:ERRNO from the start on."""
    disk = ctypes.CDLL(None)
    disk.disk_mark.argtypes = (ctypes.c_int64,)
    store = await open_store("sqlite", data)
    if fault != "-":
        kind, after, times, error = fault.split(":")
        disk.disk_fault(ctypes.c_char(kind.encode()), ctypes.c_long(int(after)), ctypes.c_long(int(times)), int(error))
    failures = await load(store, lambda worker, number: disk.disk_mark(number * WORKERS + worker), count)
    _say(f"failures {failures}")
    await store.close()


if __name__ == "__main__":
    if sys.argv[1:2] == ["once"]:
        asyncio.run(_once(Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
    else:
        _serve()
