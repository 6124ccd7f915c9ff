"""Gaps of load profiles: the meter's own rows first, the rest estimated and marked (issue 5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.gateway.acquire.rig import Wire, virtual
from tests.gateway.acquire.world import HALL, WHO, World
from tests.gateway.engines.bench import plain
from tests.meters.abb.cosem.rig import Rig as CosemRig
from wattproof.errors import FrameError
from wattproof.gateway.acquire import presence
from wattproof.gateway.acquire.lines import CosemLine
from wattproof.gateway.config import BusConfig, Config, MeterConfig
from wattproof.gateway.engines.rows import unfolded
from wattproof.gateway.records import Kind, Row
from wattproof.io.url import parse_url
from wattproof.model.clock import VirtualClock

URL = "hdlc://10.0.0.9:4001"
QUARTER, HOUR, DAY = 900, 3600, 86_400
WEEK = 7 * DAY
GOOD, AFTER_DOWN, SHORT, BAD = 1, 3, 9, 0x21


@pytest.fixture(autouse=True)
def probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A meter that is away is asked once an hour, so that a week is short."""
    monkeypatch.setattr(presence, "PROBES", (600, HOUR))


class Eq:
    """An ABB meter on an EQ bus, with engines, behind a gateway that polls it as seldom as its rows need."""

    def __init__(self, folder: Path, *, keep_time: bool = True) -> None:
        self.line = CosemRig("A44-552-100", load="constant:1000")
        self.folder = folder
        secret = folder / "password"
        secret.write_text("00000000\n")
        address = self.line.bench.meter.hdlc_address
        self.config = Config(
            data=folder,
            buses=(BusConfig("eq", URL, poll_live_s=HOUR, poll_energy_s=HOUR),),
            meters=(
                MeterConfig("eq", "abb", address=address, password_file=secret, engines="auto", keep_time=keep_time),
            ),
            timezone="Europe/Berlin",
        )

    def world(self) -> World:
        url = parse_url(URL)
        lines = {url.place: lambda bus: CosemLine(bus.name, url, self.line.bus)}
        return World(self.folder, self.config, {}, self.line.clock, lines)

    @property
    def away(self) -> bool:
        return self.line.spoil_answer(b"x") is None

    @away.setter
    def away(self, away: bool) -> None:
        self.line.spoil_answer = lambda data: None if away else data


async def rows(here: World, serial: str, since: int, until: int) -> list[Row]:
    return [row async for row in here.store.rows(serial, Kind.PROFILE, 1, first=since, last=until)]


def parts(found: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """What was measured, and what was estimated."""
    return [row for row in found if not row.estimated], [row for row in found if row.estimated]


def steps(found: Sequence[Row]) -> set[tuple[int, int]]:
    """Milliseconds, and thousandths of a Wh, from row to row."""
    return {(after.time - before.time, after.values[0] - before.values[0]) for before, after in pairwise(found)}


async def counted(here: World, own: int = QUARTER) -> str:
    """Let an ABB meter record its import in intervals of ``own`` seconds, for an hour; its serial."""
    await here.pass_(30)
    [serial] = here.fleet.stations
    await here.run(here.commands.put(serial, 75, {"lpconfig": [[900, 2, 9], [own, 1, 5000]]}, {}, WHO))
    await here.pass_(HOUR)
    return serial


async def test_a_week_without_an_abb_meter_comes_from_its_own_profile(tmp_path: Path) -> None:
    eq = Eq(tmp_path)
    async with eq.world() as here:
        serial = await counted(here)
        begun = here.site.now
        eq.away = True
        await here.pass_(WEEK)
        assert await rows(here, serial, begun, here.site.now) == [], "they may still come from the meter"
        eq.away = False
        over = here.site.now
        await here.pass_(2 * HOUR)
        measured, guessed = parts(await rows(here, serial, begun, over))
        assert len(measured) == 7 * 96 and guessed == []
        assert {row.status for row in measured} == {GOOD}
        assert steps(measured) == {(900_000, 250_000)}, "1 kW"
        # They are what the meter says, and what is polled goes on where they end.
        shown = await plain(unfolded(here.commands.rows(serial, 73, {"channel": 2}), here.store))
        own = {item["timestamp"]: item["value"] for items in shown[1:] for item in items}
        last = datetime.fromtimestamp(measured[-1].time / 1000, ZoneInfo("Europe/Berlin"))
        assert own[f"{last:%Y-%m-%dT%H:%M:%S}"] == f"{measured[-1].values[0] // 1000}"
        later = await rows(here, serial, over, here.site.now)
        assert all(abs(grown - 250_000) <= 10_000 for _, grown in steps([measured[-1], *later])), "in steps of 10 Wh"


@pytest.mark.parametrize("reason", ["clock", "interval", "channel", "damage"])
async def test_what_the_meters_own_profile_lacks_is_estimated(tmp_path: Path, reason: str) -> None:
    """Its clock is wrong; its intervals are longer; it does not record this; it cannot be read for good."""
    eq = Eq(tmp_path, keep_time=reason != "clock")
    async with eq.world() as here:
        serial = await counted(here, own=HOUR if reason == "interval" else QUARTER)
        if reason == "channel":
            await here.run(here.commands.put(serial, 75, {"lpconfig": [[900, 2, 9], [0, 0, 0]]}, {}, WHO))
        begun = here.site.now
        eq.away = True
        await here.pass_(4 * HOUR)
        eq.away = False
        if reason == "damage":
            station: Any = here.fleet.station(serial)
            station.source.driver.load_profile = broken
        over = here.site.now
        await here.pass_(4 * HOUR)
        measured, guessed = parts(await rows(here, serial, begun, over))
        bad = [row for row in measured if row.status == BAD]
        assert len(measured) == 16 and len(bad) == (12 if reason == "interval" else 16)
        assert [row.time + 1 for row in bad] == [row.time for row in guessed]
        assert {row.status for row in guessed} == {GOOD}
        assert all(abs(after - before - 250_000) <= 10_000 for before, after in pairwise(whole(measured, guessed)))


async def broken(*arguments: Any, **options: Any) -> Any:
    raise FrameError("the rows of the meter cannot be read")


def whole(measured: Sequence[Row], guessed: Sequence[Row]) -> list[int]:
    """What a profile shows with its estimates."""
    values = {row.time: row.values[0] for row in measured} | {row.time - 1: row.values[0] for row in guessed}
    return [values[time] for time in sorted(values)]


async def test_a_week_without_a_meter_that_keeps_no_profile_is_estimated(tmp_path: Path) -> None:
    bsm = virtual(42)
    clock = VirtualClock()
    config = Config(
        data=tmp_path,
        buses=(BusConfig("hall", HALL, poll_live_s=HOUR, poll_energy_s=HOUR),),
        meters=(MeterConfig("hall", "bsm", unit=42, keep_time=False),),
    )
    async with World(tmp_path, config, {HALL: Wire(clock, {42: bsm})}, clock) as here:
        await here.pass_(30)
        source: Any = here.fleet.station(bsm.serial).source
        await here.run(source.driver.snapshot("turn-on"))
        await here.pass_(HOUR)
        begun = here.site.now
        here.wires[HALL].dead.add(42)
        await here.pass_(WEEK)
        over = here.site.now
        here.wires[HALL].dead.clear()
        await here.pass_(2 * HOUR)
        measured, guessed = parts(await rows(here, bsm.serial, begun, over))
        assert len(measured) == len(guessed) == 7 * 96
        assert {row.status for row in measured} == {BAD} and {row.status for row in guessed} == {GOOD}
        assert {row.values for row in measured} == {measured[0].values}, "the last good value"
        assert [row.time + 1 for row in measured] == [row.time for row in guessed]
        assert all(abs(grown - 2_760_000) < 100 for _, grown in steps(guessed)), "11.04 kW"
        shown = await plain(unfolded(here.commands.rows(bsm.serial, 73, {"channel": 1}), here.store))
        found = Counter(item["status"] for items in shown[1:] for item in items)
        assert found.keys() == {SHORT, GOOD, BAD} and found.total() == 7 * 96 + 12, (
            "estimates are not shown as measured"
        )
        begun = here.site.now
    clock.advance(2 * HOUR)
    async with World(tmp_path, config, {HALL: Wire(clock, {42: bsm})}, clock) as here:
        await here.pass_(HOUR)
        measured, guessed = parts(await rows(here, bsm.serial, begun, here.site.now))
        assert [row.status for row in measured] == [AFTER_DOWN, GOOD, GOOD, GOOD], "no rows while the service was down"
        assert len(guessed) == 8 and guessed[-1].time == measured[0].time - 900_000
        assert all(abs(grown - 2_760_000) <= 20_000 for _, grown in steps([*guessed, *measured])), "in steps of 10 Wh"


async def test_an_abb_meter_has_its_rows_when_the_service_was_down(tmp_path: Path) -> None:
    eq = Eq(tmp_path)
    async with eq.world() as here:
        serial = await counted(here)
        begun = here.site.now
    eq.line.clock.advance(2 * HOUR)
    async with eq.world() as here:
        await here.pass_(HOUR)
        measured, guessed = parts(await rows(here, serial, begun, here.site.now))
        assert [row.status for row in measured] == [*[GOOD] * 8, AFTER_DOWN, GOOD, GOOD, GOOD] and not guessed
        assert steps(measured) == {(900_000, 250_000)}
