"""Load profiles of many meters in PostgreSQL: 8 channels each, a row a quarter of an hour.

A month of 100,000 meters would be 2.4 thousand million rows and some 280 GB, which is more than this machine's disk, so
it is cut both ways: a whole month of some meters, and whole quarters of an hour of all 100,000, in one table. Rows come
in the order of time, as they do in life. ``BENCH_METERS`` (100) and ``BENCH_QUARTERS`` (4) ask for more.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Figure, Target, report
from bench.store_write import server
from tests.gateway.postgres import Cluster, programs
from wattproof.gateway.records import Kind, Row
from wattproof.gateway.store.base import Store
from wattproof.gateway.store.opening import open_store

ALL, CHANNELS, QUARTER = 100_000, 8, 900_000
MONTH = 31 * 96
BEGIN = 1_790_812_800_000  # 2026-10-01
FEW, QUARTERS = int(os.environ.get("BENCH_METERS", "100")), int(os.environ.get("BENCH_QUARTERS", "4"))
BATCH = 40_000


def rows(meters: range, quarters: range) -> Iterator[list[Row]]:
    """Batches in the order of time."""
    batch: list[Row] = []
    for quarter in quarters:
        end = BEGIN + (quarter + 1) * QUARTER
        for meter in meters:
            batch += [_row(meter, channel, quarter, end) for channel in range(1, CHANNELS + 1)]
            if len(batch) >= BATCH:
                yield batch
                batch = []
    yield batch


def _row(meter: int, channel: int, quarter: int, end: int) -> Row:
    value = meter * 7 + quarter * 13 * channel
    return Row(f"{meter:08}", Kind.PROFILE, channel, end, end // 1000, 1, (value,))


async def ingested(store: Store, meters: range, quarters: range) -> float:
    """Rows a second, the making of the records not counted."""
    spent, count = 0.0, 0
    for batch in rows(meters, quarters):
        begin = time.perf_counter()
        await store.commit(*batch)
        spent += time.perf_counter() - begin
        count += len(batch)
    return count / spent


async def meter_month(store: Store, meter: int) -> float:
    """Seconds for all channels of one meter and month."""
    begin, found = time.perf_counter(), 0
    for channel in range(1, CHANNELS + 1):
        last = BEGIN + MONTH * QUARTER
        batches = store.row_batches(f"{meter:08}", Kind.PROFILE, channel, first=BEGIN, last=last)
        found += sum([len(batch) async for batch in batches])
    seconds = time.perf_counter() - begin
    if found != CHANNELS * MONTH:
        raise SystemExit(f"{found} rows of meter {meter}")
    return seconds


async def run(made: Cluster, url: str) -> dict[str, Figure]:
    with tempfile.TemporaryDirectory() as folder:
        store = await open_store(url, Path(folder))
        try:
            await store.commit(*(Row(f"{meter:08}", Kind.DEMAND, 0, 1, 1, 0, ()) for meter in range(ALL)))  # numbers
            month = await ingested(store, range(FEW), range(MONTH))
            wide = [await ingested(store, range(FEW, ALL), range(one, one + 1)) for one in range(QUARTERS)]
            name = url.split("/")[3].split("?", maxsplit=1)[0]
            count, size = map(int, made.psql(_SIZE, name).split("|"))
            asked = random.Random(1).sample(range(FEW), min(20, FEW))
            reads = [await meter_month(store, meter) for meter in asked]
        finally:
            await store.close()
    quarter = ALL * CHANNELS / statistics.median(wide)
    return {
        "rate": Figure("store_month", f"a month of {FEW} meters", "rows/s", (month,)),
        "wide": Figure("store_month", "quarters of 100,000 meters", "rows/s", tuple(wide)),
        "factor": Figure("store_month", "times real time", "", (900 / quarter,)),
        "bytes": Figure("store_month", "a value on disk", "bytes", (size / count,)),
        "read": Figure("store_month", "a meter-month, 8 channels", "ms", tuple(1000 * one for one in reads)),
    }


_SIZE = """SELECT (SELECT count(*) FROM rows), sum(pg_total_relation_size(inhrelid)) FROM pg_inherits
WHERE inhparent = 'rows'::regclass"""


def main() -> bool:
    if programs() is None:
        raise SystemExit("no PostgreSQL here")
    with server() as made:
        figures = asyncio.run(run(made, made.database()))
    targets = [
        Target("ingest of 100,000 meters x 8 channels, times real time", figures["factor"].median, 10, at_least=True),
        Target("ms for a meter-month", figures["read"].median, 100),
    ]
    return report("Load profiles of 100,000 meters in PostgreSQL", figures, targets)
