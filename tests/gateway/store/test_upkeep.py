"""What a store is relieved of, and what is made in it beforehand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.gateway.postgres import Cluster
from wattproof.gateway.auth.clearing import clear
from wattproof.gateway.records import Failures, Group, Readings
from wattproof.gateway.store.base import Store
from wattproof.gateway.store.opening import open_store
from wattproof.model.clock import VirtualClock

DAY = 86_400_000
NOW = 1_704_067_200_000
OLD = NOW - 30 * DAY


async def cleared(store: Store) -> int:
    """In virtual time."""
    clock = VirtualClock()
    clock.set_time(NOW * 10**6)
    task = asyncio.create_task(clear(store, clock))
    while not task.done():
        await clock.run(1)
        await asyncio.sleep(0.001)
    return await task


async def test_counters_of_failed_logins_are_forgotten_after_a_month(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattproof.gateway.store.reading.RECORDS", 3)
    kept = [
        Failures("address:2001:db8::/64", (OLD - 5, OLD)),
        Failures("pair:kate@::1", (OLD - 1,), 3, OLD),
        Failures("user:kate", (), 1, NOW + 5),
        Failures("known:kate@::1", (NOW,)),
    ]
    old = [Failures(f"pair:{name}@::1", (1, OLD - 1), 2, OLD - 1) for name in "abcdefg"]
    await store.commit(*kept, *old, Failures("user:nobody"))
    assert await cleared(store) == len(old) + 1
    assert await store.failures([one.key for one in (*kept, *old)]) == {one.key: one for one in kept}
    assert await cleared(store) == 0


async def test_the_partition_of_a_month_is_there_before_its_first_row(postgres: Cluster, tmp_path: Path) -> None:
    url = postgres.database()
    store = await open_store(url, tmp_path)
    layout = await store.layout({1: 0})

    async def partitions() -> set[str]:
        found = await store.fetch(  # type: ignore[attr-defined]
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'readings'::regclass"
        )
        return {name.removeprefix("readings_") for (name,) in found} - {"before", "after", "early", "late"}

    before = await partitions()
    for month, ahead in ((1, 2), (2, 3), (3, 4), (12, 13)):
        time = int(datetime(2026, month, 5, tzinfo=UTC).timestamp()) * 1000
        await store.commit(Readings("m", Group.LIVE, time, layout, (1,)))
        made = f"2026{ahead:02}" if ahead < 13 else "202701"
        assert made in await partitions()
    assert await partitions() - before == {"202601", "202602", "202603", "202604", "202612", "202701"}
    await store.close()
