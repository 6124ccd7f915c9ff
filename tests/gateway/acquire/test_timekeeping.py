"""Clocks of meters follow the gateway's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.gateway.acquire.eqline import EqLine
from tests.gateway.acquire.rig import SECOND, Wire, virtual
from tests.gateway.acquire.world import WHO, World
from wattproof.errors import StorageError
from wattproof.gateway.acquire.timekeeping import Kept
from wattproof.gateway.config import BusConfig, Config, MeterConfig
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Kind, Write
from wattproof.io.url import parse_url
from wattproof.model.clock import VirtualClock
from wattproof.wire.modbus.serve import serve
from wattproof.wire.modbus.store import MemoryStore

HALL = "tcp://10.0.0.1:502"
EQ = "hdlc:///dev/eq"
HOUR, DAY = 3600, 86400


def world(folder: Path, meter: Any, clock: VirtualClock | None = None, **options: Any) -> World:
    """A BSM that is polled once an hour, so that a week is short."""
    clock = clock or VirtualClock()
    config = Config(
        data=folder,
        buses=(BusConfig("hall", HALL, poll_live_s=HOUR, poll_energy_s=HOUR),),
        meters=(MeterConfig("hall", "bsm", unit=42, engines="off", **options),),
        timezone="Europe/Berlin",
    )
    return World(folder, config, {HALL: Wire(clock, {42: meter})}, clock)


def kept(here: World, meter: Any) -> Kept:
    found = here.acquire.timekeeper.of(meter.serial)
    assert found is not None
    return found


@pytest.mark.proves("G-361")
async def test_a_clock_is_set_once_a_day_and_stays_right_for_a_week(tmp_path: Path) -> None:
    bsm = virtual(42)
    async with world(tmp_path, bsm) as here:
        await here.pass_(10)
        source: Any = here.fleet.station(bsm.serial).source
        assert kept(here, bsm).settings == 1
        for day in range(1, 8):
            await here.pass_(DAY)
            assert kept(here, bsm).settings == 1 + day
            time = await here.run(source.time())
            assert time is not None and abs(time - here.site.now) <= 2000


@pytest.mark.proves("G-361")
async def test_a_clock_that_is_off_is_set_within_the_hour_but_never_while_charging(tmp_path: Path) -> None:
    bsm = virtual(42)
    async with world(tmp_path, bsm) as here:
        await here.pass_(10)
        source: Any = here.fleet.station(bsm.serial).source
        await here.run(source.set_time(here.site.now + 30_000))
        here.fleet.charging = lambda serial: True
        await here.pass_(6 * HOUR)
        time = await here.run(source.time())
        assert abs(time - here.site.now - 30_000) <= 2000 and kept(here, bsm).settings == 1
        here.fleet.charging = lambda serial: False
        await here.pass_(70)
        time = await here.run(source.time())
        assert abs(time - here.site.now) <= 2000 and kept(here, bsm).settings == 2


async def test_a_restart_is_no_reason_to_set_a_clock(tmp_path: Path) -> None:
    bsm = virtual(42)
    async with world(tmp_path, bsm) as here:
        await here.pass_(10)
        clock = here.clock
    async with world(tmp_path, bsm, clock=clock) as here:
        await here.pass_(10)
        assert kept(here, bsm).settings == 0 and kept(here, bsm).deviation is not None


async def test_keep_time_false_leaves_the_clock_alone(tmp_path: Path) -> None:
    bsm = virtual(42)
    async with world(tmp_path, bsm, keep_time=False) as here:
        await here.pass_(DAY)
        source: Any = here.fleet.station(bsm.serial).source
        assert await here.run(source.time()) is None


@pytest.mark.proves("G-333")
async def test_the_gateways_time_moves_events_and_grids_but_not_the_store(tmp_path: Path) -> None:
    bsm = virtual(42)
    async with world(tmp_path, bsm) as here:
        await here.pass_(10)
        before = here.site.now
        await here.run(here.commands.set_clock_offset(90_000, WHO))
        assert await here.store.setting("clock") == {"offset_ms": 90_000}
        assert here.site.time // 10**6 - here.site.now == 90_000
        assert 0 <= here.site.now - before < 1000
        assert (await here.events())[-1] == 4
        # Readings follow the new grid, the store keeps host time; the meter's clock follows the gateway's.
        await here.pass_(HOUR + 10)
        rows = [time async for time, _ in here.store.readings(bsm.serial, [1], before + 1, here.site.now)]
        assert rows and abs((rows[-1] + 90_000) % (HOUR * 1000)) < 8000
        source: Any = here.fleet.station(bsm.serial).source
        time = await here.run(source.time())
        assert abs(time - here.site.now - 90_000) <= 2000


LAMP = """
name = "lamp"
title = "Lamp"
source = "list"
[[point]]
quantity = "active_power_total"
address = 3
type = "u16"
unit = "W"
"""
CLOCK = """
[clock]
address = 0
type = "unix32"
access = "rw"
"""


class Stubborn:
    """A Modbus meter whose clock takes every time that it is given, and shows another one."""

    serial = "M-hall_1"

    def __init__(self, *, refuses: bool = False) -> None:
        self.store = MemoryStore()
        self.store.holding.write(0, bytes(8))
        self.refuses = refuses
        self.tried = 0

    def advance(self, now: int) -> None:
        self.store.holding.write(0, (1_600_000_000 + now // SECOND).to_bytes(4, "big"))

    def execute(self, pdu: bytes, now: int) -> bytes:
        if pdu[0] == 16:
            self.tried += 1
            if self.refuses:
                return bytes((pdu[0] | 0x80, 4))
        return serve(pdu, self.store)


def stubborn(folder: Path, meter: Stubborn, text: str) -> World:
    (folder / "lamp.toml").write_text(text)
    clock = VirtualClock()
    config = Config(
        data=folder,
        buses=(BusConfig("hall", HALL, poll_live_s=HOUR, poll_energy_s=HOUR),),
        meters=(MeterConfig("hall", "map", unit=1, map="lamp", engines="off"),),
    )
    return World(folder, config, {HALL: Wire(clock, {1: meter})}, clock)


@pytest.mark.proves("G-361")
@pytest.mark.parametrize("refuses", [True, False])
async def test_a_clock_that_cannot_be_set_is_tried_and_told_once_a_day(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, refuses: bool
) -> None:
    meter = Stubborn(refuses=refuses)
    async with stubborn(tmp_path, meter, LAMP + CLOCK) as here:
        # A meter that comes and goes is no reason to try more often.
        await here.pass_(2 * HOUR)
        here.wires[HALL].dead.add(1)
        await here.pass_(2 * HOUR)
        here.wires[HALL].dead.clear()
        await here.pass_(2 * HOUR)
        assert here.fleet.station(meter.serial).presence.status == 1
        for day in (1, 2, 3):
            await here.pass_(DAY - 7 * HOUR if day == 1 else DAY)
            assert (meter.tried, kept(here, meter).settings) == (day, 0)
            assert sum("could not be kept" in record.message for record in caplog.records) == day


async def test_a_meter_without_a_clock_is_not_asked_for_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    meter = Stubborn()
    async with stubborn(tmp_path, meter, LAMP) as here:
        await here.pass_(3 * HOUR)
        assert (meter.tried, kept(here, meter).deviation) == (0, None)
        assert not [record for record in caplog.records if "clock" in record.message]


@pytest.mark.proves("G-361")
async def test_an_abb_meter_that_lets_nobody_write_is_tried_once_a_day(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without its password everything can be read, and nothing set."""
    line = EqLine(VirtualClock(), 17)
    config = Config(
        data=tmp_path,
        buses=(BusConfig("eq", EQ, poll_live_s=6 * HOUR, poll_energy_s=6 * HOUR),),
        meters=(MeterConfig("eq", "abb", address=17),),
    )
    async with World(tmp_path, config, {}, line.clock, {parse_url(EQ).place: line.line}) as here:
        await here.pass_(DAY - HOUR)
        [serial] = here.fleet.stations
        known = here.acquire.timekeeper.of(serial)
        assert known is not None and known.settings == 0 and known.deviation
        told = [record.getMessage() for record in caplog.records if "could not be kept" in record.message]
        assert len(told) == 1 and "READ_WRITE_DENIED" in told[0]
        await here.pass_(DAY)
        assert sum("could not be kept" in record.message for record in caplog.records) == 2
        assert here.fleet.station(serial).presence.status == 1


@pytest.mark.proves("G-333")
async def test_a_time_that_is_not_stored_is_not_set(tmp_path: Path) -> None:
    """Disk full: neither the gateway nor an engine has another time; afterwards both have, also after a crash."""
    bsm = virtual(42)
    clock = VirtualClock()
    config = Config(
        data=tmp_path,
        buses=(BusConfig("hall", HALL, poll_live_s=60, poll_energy_s=60),),
        meters=(MeterConfig("hall", "bsm", unit=42, keep_time=False),),
    )

    async def full(*writes: Write) -> None:
        raise StorageError("no space left on the disk")

    async def profile(here: World) -> list[tuple[int, int]]:
        rows = here.store.rows(bsm.serial, Kind.PROFILE, 1)
        return [(row.time % 900_000, row.status) async for row in rows if not row.estimated]

    async with World(tmp_path, config, {HALL: Wire(clock, {42: bsm})}, clock) as here:
        await here.pass_(HOUR + 20)
        here.store.commit = full
        with pytest.raises(CommandFailed) as failed:
            await here.run(here.commands.set_clock_offset(90_000, WHO))
        assert failed.value.kind is Failing.STORAGE and here.site.offset == 0
        del here.store.commit
        await here.pass_(HOUR + 20)
        assert (await profile(here))[1:] == [(0, 1)] * 7
        await here.run(here.commands.set_clock_offset(90_000, WHO))
        here.store.commit = full  # what the engines write about it is lost
    async with World(tmp_path, config, {HALL: Wire(clock, {42: bsm})}, clock) as here:
        assert here.site.offset == 90_000
        await here.pass_(HOUR + 20)
        assert (await profile(here))[8:] == [(810_000, 0x19), *[(810_000, 1)] * 3]
