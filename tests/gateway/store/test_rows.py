"""Rows of series: written once, read by time and by civil time, cleared without being lost."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from wattproof.gateway.records import ClearRows, Kind, Row
from wattproof.gateway.store.base import Store
from wattproof.gateway.store.opening import open_store

QUARTER = 900_000
BEGIN = 1_750_000_000_000


def profile(number: int, value: int | None = 1, *, channel: int = 1, serial: str = "m") -> Row:
    time = BEGIN + number * QUARTER
    return Row(serial, Kind.PROFILE, channel, time, time // 1000 + 7200, 1, (value,))


async def found(store: Store, *series: Any, **limits: Any) -> list[Row]:
    return [row async for row in store.rows(*(series or ("m", Kind.PROFILE, 1)), **limits)]


SHAPES = [
    Row("m", Kind.PROFILE, 3, 5, 6, 0x21, (-(2**63),), estimated=True),
    Row("m", Kind.PROFILE, 3, 6, 7, 0, (None,)),
    Row("m", Kind.PREVIOUS, 0, 5, 6, 1, (1, None, 3), statuses=(1, 2, 1)),
    Row("m", Kind.PREVIOUS, 0, 6, 6, 1, (1,), statuses=(4,)),
    Row("m", Kind.DEMAND, 0, 5, 6, 1, ([1, 500, 1234567, 3], [0, None, 0, 2])),
    Row("m", Kind.DEMAND, 0, 6, 6, 1, ([1, 2**64, 9, 1],)),
    Row("m", Kind.PREVIOUS, 0, 7, 6, 0, ()),
]


async def test_rows_of_every_kind_come_back_as_they_were(store: Store) -> None:
    await store.commit(*SHAPES)
    for kind, channel in ((Kind.PROFILE, 3), (Kind.PREVIOUS, 0), (Kind.DEMAND, 0)):
        assert await found(store, "m", kind, channel) == [row for row in SHAPES if row.kind is kind]
    assert await found(store, "m", Kind.PROFILE, 0) == []
    assert await found(store, "n", Kind.PROFILE, 3) == []


LIMITS: list[tuple[dict[str, int], range]] = [
    ({}, range(20)),
    ({"count": 7}, range(13, 20)),
    ({"count": 70}, range(20)),
    ({"count": 0}, range(0)),
    ({"first": 5}, range(5, 20)),
    ({"first": 5, "count": 5}, range(5, 10)),
    ({"first": 5, "last": 12}, range(5, 13)),
    ({"last": 8, "count": 4}, range(5, 9)),
    ({"first": 12, "last": 5}, range(0)),
]


@pytest.mark.parametrize("part", [4, 4096])
async def test_limits(store: Store, monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    monkeypatch.setattr("wattproof.gateway.store.streams.PART", part)
    rows = [profile(number, number) for number in range(20)]
    shuffled = rows + [profile(number, 0, channel=2) for number in range(20)]
    random.Random(1).shuffle(shuffled)
    await store.commit(*shuffled)
    for local in (False, True):
        for limits, expected in LIMITS:
            times = [row.local if local else row.time for row in rows]
            bounds = {name: value if name == "count" else times[value] for name, value in limits.items()}
            wanted = [rows[number] for number in expected]
            assert await found(store, **bounds, local=local) == wanted, (limits, local)
            batches = [batch async for batch in store.row_batches("m", Kind.PROFILE, 1, **bounds, local=local)]
            assert [row for batch in batches for row in batch] == wanted, (limits, local)
            assert all(batches)


async def test_in_the_hour_that_comes_twice_the_order_is_that_of_time(store: Store) -> None:
    """GD-57."""
    rows = [Row("m", Kind.PROFILE, 1, time, local, 1, (time,)) for time, local in ((1, 10), (2, 20), (3, 10), (4, 20))]
    await store.commit(*rows)
    assert await found(store, first=10, last=15, local=True) == [rows[0], rows[2]]


@pytest.mark.parametrize("together", [False, True])
async def test_civil_times_may_be_anything(url: str, tmp_path: Path, together: bool) -> None:
    """A gateway's time may be set to any year (#12), and back."""
    ahead = [0, 7200, -3 * 10**8, 10**8, -(10**8), 3601]
    rows = [Row("m", Kind.PROFILE, 1, n * QUARTER, n * 900 + skew, 1, (n,)) for n, skew in enumerate(ahead)]
    store = await open_store(url, tmp_path)
    if together:
        await store.commit(*rows)
    else:
        for row in rows:
            await store.commit(row)
        await store.close()
        store = await open_store(url, tmp_path)
    for row in rows:
        assert await found(store, first=row.local, last=row.local, local=True) == [row]
    assert await found(store, first=-(2**40), last=2**40, local=True) == rows
    await store.close()


@pytest.mark.proves("G-357")
async def test_a_row_is_written_once(store: Store) -> None:
    rows = [profile(number, number) for number in range(500)]
    await store.commit(*rows[:300])
    again = [msgspec.structs.replace(row, values=(-1,)) for row in rows[200:300]]
    await store.commit(*again, *rows[300:], *rows[300:], *rows[:100])
    assert await found(store) == rows


async def test_cleared_rows_are_served_no_more_and_stay(url: str, tmp_path: Path) -> None:
    store = await open_store(url, tmp_path)
    old = [profile(number, 1, channel=channel) for number in range(10) for channel in (1, 2)]
    await store.commit(*old)
    await store.commit(ClearRows("m", Kind.PROFILE, 1, BEGIN), profile(3, 5), ClearRows("n", Kind.PROFILE, None, BEGIN))
    assert await found(store) == [profile(3, 5)], "the same interval again after the clearing"
    assert len(await found(store, "m", Kind.PROFILE, 2)) == 10
    await store.commit(ClearRows("m", Kind.PROFILE, None, BEGIN), ClearRows("m", Kind.DEMAND, None, BEGIN))
    assert await found(store) == await found(store, "m", Kind.PROFILE, 2) == []
    await store.close()
    store = await open_store(url, tmp_path)
    await store.commit(profile(3, 6), profile(3, 7, channel=2))
    assert await found(store) == [profile(3, 6)]
    assert await found(store, "m", Kind.PROFILE, 2) == [profile(3, 7, channel=2)]
    assert len(await store.fetch("SELECT 1 FROM rows")) == 23  # type: ignore[attr-defined]
    await store.close()


async def test_a_long_answer_holds_up_no_writer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wattproof.gateway.store.streams.PART", 200)
    rows = [profile(number, number) for number in range(1000)]
    await store.commit(*rows)
    reading = store.row_batches("m", Kind.PROFILE, 1)
    first = await anext(reading)
    await store.commit(profile(1000, 1), profile(1001, 1, channel=2))
    rest = [row async for batch in reading for row in batch]
    assert first + rest == [*rows, profile(1000, 1)]


async def test_rows_of_any_time_have_a_place(store: Store) -> None:
    times = [-1, 0, 946_684_800_000, 951_782_400_000, 1_709_251_199_999, 4_102_444_799_999, 4_102_444_800_000, 2**60]
    rows = [Row("m", Kind.PROFILE, 1, time, time // 1000, 0, (time,)) for time in times]
    await store.commit(*rows)
    assert await found(store) == rows
