"""Old readings are thinned out in small steps; what is left is as it was read."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.gateway.store.filling import content, fill
from wattproof.gateway.acquire.service import Acquire
from wattproof.gateway.config import Config
from wattproof.gateway.records import Group, Readings
from wattproof.gateway.store.base import Store
from wattproof.gateway.store.opening import open_store
from wattproof.gateway.store.retention import Policy, keep_thinning, thin_out
from wattproof.model.clock import VirtualClock

SECOND, DAY = 1000, 86_400_000
NOW = 1_704_067_200_000
POLICY = Policy(days=30, interval_s=900)
OLD = NOW - 30 * DAY


async def times(store: Store, serial: str = "m", group: Group | None = None) -> list[int]:
    return [time async for time, _ in store.readings(serial, (1, 2), 0, 2**60, group=group)]


def clock(days: float = 0) -> VirtualClock:
    made = VirtualClock()
    made.set_time((NOW + round(days * DAY)) * 10**6)
    return made


async def thinned(store: Store, policy: Policy = POLICY, days: float = 0) -> int:
    """In virtual time."""
    moving = clock(days)
    task = asyncio.create_task(thin_out(store, policy, moving))
    while not task.done():
        await moving.run(1)
        await asyncio.sleep(0)
    return await task


async def test_the_first_of_each_interval_stays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wattproof.gateway.store.streams.THINNED_AT_ONCE", 7)
    layout, former = await store.layout({1: 0}), await store.layout({1: 0, 2: 0})
    old = [OLD - 2000 * SECOND + number * 60 * SECOND + 7 for number in range(33)]
    new = [OLD + number * 60 * SECOND for number in range(10)]
    await store.commit(
        *(Readings("m", Group.ENERGY, time, layout, (time,)) for time in old + new),
        *(Readings("m", Group.LIVE, time, former, (time, time)) for time in (5, 6, 7)),
        *(Readings("m", Group.LIVE, time, layout, (time,)) for time in (8, 9)),
        *(Readings("n", Group.LIVE, time, layout, (time,)) for time in (1, 2, 3)),
        Readings("p", Group.LIVE, NOW, layout, (1,)),
    )
    assert await thinned(store) > 3
    edges = sorted({min(time for time in old if time // 900_000 == place) for place in {t // 900_000 for t in old}})
    assert await times(store, group=Group.ENERGY) == edges + new
    assert await times(store, group=Group.LIVE) == [5, 7, 8, 9], "the last of a former layout, and the newest"
    assert await times(store, "n") == [1, 3]
    assert (await store.latest("m"))[2].time == 7
    assert await thinned(store) == 0, "nothing is looked at twice"
    assert await thinned(store, days=1) == 2
    assert await times(store, group=Group.ENERGY) == [*edges, new[0], new[-1]]
    assert await thinned(store, Policy(30, 3600), days=1) >= 1, "a coarser policy begins anew"
    assert len(await times(store, group=Group.ENERGY)) < len(edges) + 2


async def test_others_commit_meanwhile(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wattproof.gateway.store.streams.THINNED_AT_ONCE", 50)
    layout = await store.layout({1: 0})
    await store.commit(*(Readings("m", Group.LIVE, number * SECOND, layout, (number,)) for number in range(1000)))
    moving = clock()
    task = asyncio.create_task(keep_thinning(store, POLICY, moving))
    while len(await times(store)) > 500:
        await moving.run(0.06)
        await asyncio.sleep(0.001)
    while moving.next_wake() is None:  # a step is under way
        await asyncio.sleep(0.001)
    left = await times(store)
    await store.commit(Readings("m", Group.LIVE, NOW, layout, (1,)))
    assert await times(store) == [*left, NOW]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_by_default_everything_stays(url: str, tmp_path: Path) -> None:
    store = await open_store(url, tmp_path)
    await fill(store, rows=20)
    before = await content(url, tmp_path)
    assert await thin_out(store, Policy(), clock(10**4)) == 0
    await keep_thinning(store, Policy(), clock(10**4))
    assert await content(url, tmp_path) == before
    assert await thinned(store, Policy(30, 3600), days=10**4) > 0
    after = await content(url, tmp_path)
    assert {name for name in after if after[name] != before[name]} == {"readings", "thinned"}
    await store.close()


async def test_the_gateway_thins_out_by_its_configuration(tmp_path: Path) -> None:
    store = await open_store("sqlite", tmp_path)
    layout = await store.layout({1: 0})
    await store.commit(
        *(Readings("m", Group.LIVE, OLD - number * SECOND, layout, (number,)) for number in range(1, 99))
    )
    moving = clock()
    acquire = Acquire(store, moving, Config(data=tmp_path, timezone="UTC", retention_days=30, downsample_s=900))
    await acquire.start()
    while len(await times(store)) > 2:
        await moving.run(1)
        await asyncio.sleep(0.001)
    await acquire.stop()
    await store.close()
