"""Engines on the real store: what they commit is what they serve, before and after the process was killed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.engines.bench import BERLIN, BSM, HOUR, MINUTE, SECOND, plain, utc
from wattproof.errors import StorageError
from wattproof.gateway.engines.engine import MeterEngine, open_engine
from wattproof.gateway.engines.rows import unfolded
from wattproof.gateway.records import Kind, Row, Value, Write
from wattproof.gateway.store.opening import open_store
from wattproof.gateway.store.sqlite import SQLiteStore

START = utc(2026, 6, 1, 21, 50)


class Site:
    """A data directory and the time."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.at = folder, START
        self.store: Any = None
        self.engine: MeterEngine

    async def start(self) -> None:
        """Open the store and the engine, without closing anything before: the process was killed."""
        if self.store is not None:
            await self.store.close()
        self.store = await open_store("sqlite", self.folder)
        self.engine, writes = await open_engine(
            BSM, BERLIN, 0, reader=self.store, commit=self.commit, now=lambda: self.at
        )
        await self.store.commit(*writes)

    async def commit(self, writes: Sequence[Write]) -> None:
        await self.store.commit(*writes)

    async def read(self, energy: int) -> None:
        await self.store.commit(*self.engine.feed({1: Value(energy, -3, self.at)}, self.at))

    async def rows(self, resource: int, **arguments: Any) -> list[Any]:
        return await plain(unfolded(self.engine.rows(resource, arguments), self.store))


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path)
    await made.start()
    yield made
    await made.store.close()


@pytest.mark.proves("G-357")
async def test_rows_settings_and_registers_after_a_kill(site):
    await site.read(5_000_000)
    await site.engine.put(71, {"interval": "daily", "pvconfig": [1, 9, 122]}, {})
    await site.engine.put(79, {"dmc": [[1, 5], [1, 1]], "interval": [300, 300], "period": "daily"}, {})
    await site.engine.put(84, {"actions": [[2, "06:00"], [1, "22:00"]], "profile": 1}, {})
    await site.engine.put(45, {"conversionfactor": {"co2": "0.380"}}, {})
    for energy in range(1, 21):
        site.at += MINUTE
        await site.read(5_000_000 + energy * 1000)
    configured = [(await site.engine.get(number, {})).body for number in (44, 70, 74, 78, 81, 83)]
    served = [await site.rows(number) for number in (69, 73, 77)]
    values = site.engine.values(site.at)
    assert [len(parts[1]) for parts in served] == [1, 1, 1]
    assert [item["value"] for item in served[1][1]] == ["5010.000"]
    assert served[0][1][0]["values"] == [[1, "5010.000"], [1, "10.000"], [1, "1.904"]]
    assert served[2][1][0]["values"] == [[1, "60.00", "2026-06-01T23:55:00", 1], [1, "60.00", "2026-06-01T23:55:00", 1]]
    await site.start()
    assert [(await site.engine.get(number, {})).body for number in (44, 70, 74, 78, 81, 83)] == configured
    assert [await site.rows(number) for number in (69, 73, 77)] == served
    assert site.engine.values(site.at) == values
    await site.engine.put(72, {}, {})
    await site.engine.put(76, {}, {})
    await site.start()
    assert [len(await site.rows(number)) for number in (69, 73, 77)] == [1, 1, 2]


@pytest.mark.proves("G-358")
async def test_a_reset_and_the_log_are_stored(site):
    for energy in (5_000_000, 5_000_100, 0, 1, 2, 3):
        await site.read(energy)
        site.at += 15 * SECOND
    await site.start()
    found = await site.engine.get(51, {"datetime": "2026-06-02T00:00:00", "count": 5})
    assert [entry["logid"] for entry in found.body["system"]] == [2061]
    [correction] = await site.store.corrections(BSM.serial)
    assert (correction.verdict, correction.before, correction.after, correction.booked) == ("reset", 5_000_100, 0, 2)


async def test_estimates_stand_beside_the_rows(site):
    await site.read(1_000_000)
    site.at += HOUR
    while (due := site.engine.due()) <= site.at:
        await site.store.commit(*site.engine.tick(due))
    await site.read(1_003_600)
    kept = [row async for row in site.store.rows(BSM.serial, Kind.PROFILE, 1)]
    assert [(row.status, row.estimated, row.values[0]) for row in kept] == [
        (0x29, False, 1_000_000), (1, True, 1_000_600), (0x21, False, 1_000_000), (1, True, 1_001_500),
        (0x21, False, 1_000_000), (1, True, 1_002_400), (0x21, False, 1_000_000), (1, True, 1_003_300)]  # fmt: skip
    _, items = await site.rows(73)
    assert [item["status"] for item in items] == [0x29, 0x21, 0x21, 0x21]


async def test_a_year_of_rows_comes_in_parts(site):
    """35,040 rows, none twice, in the order of their times; no part is the whole."""
    year = 35_040
    rows = [
        Row(BSM.serial, Kind.PROFILE, 1, START + k * 900_000, 834_000_000 + k * 900, 1, (k * 250_000,))
        for k in range(year)
    ]
    await site.store.commit(*rows)
    _, *parts = await site.rows(73)
    assert len(parts) >= 8 and max(map(len, parts)) <= 5000
    shown = [item["timestamp"] for part in parts for item in part]
    assert (len(shown), shown) == (year, sorted(set(shown)))


async def test_the_disk_is_full(site, monkeypatch):
    await site.read(5_000_000)

    async def full(self: SQLiteStore, *writes: Write) -> None:
        raise StorageError("no space left on the device")

    before = (await site.engine.get(74, {})).body
    monkeypatch.setattr(SQLiteStore, "commit", full)
    with pytest.raises(StorageError):
        await site.engine.put(75, {"lpconfig": []}, {})
    monkeypatch.undo()
    assert (await site.engine.get(74, {})).body == before
    site.at += 15 * SECOND
    await site.read(5_000_100)
    assert site.engine.values(site.at)[9].mantissa == 100
