"""Searching for ABB meters on an EQ bus and on M-Bus, in memory."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.acquire.conftest import Open
from tests.gateway.acquire.eqline import EqLine
from tests.gateway.acquire.test_registration import scan
from tests.gateway.acquire.world import WHO
from tests.mbusline import BusLink
from tests.meters.abb.virtual.mbusmaster import made
from wattproof.drivers.mbus import bus as mbus
from wattproof.drivers.mbus.line import Line
from wattproof.drivers.mbus.timing import LineTiming
from wattproof.gateway.acquire.lines import MbusLine
from wattproof.gateway.config import BusConfig
from wattproof.gateway.local import CommandFailed
from wattproof.io.url import parse_url
from wattproof.model.clock import VirtualClock

EQ, WIRED = "hdlc:///dev/eq", "mbus:///dev/mbus"


class Slave:
    """A virtual meter on an M-Bus line."""

    def __init__(self, clock: VirtualClock, address: int, serial: str) -> None:
        self.clock = clock
        self.delay = 0.02
        self.meter: Any = made("A44", unit=address, serial=serial)
        self.face = self.meter.face("mbus")

    def answer(self, frame: Any) -> bytes | None:
        now = self.clock.now()
        self.meter.advance(now)
        answer: bytes | None = self.face.answer(frame, now)
        return answer


class Wired:
    """The line that the gateway opens, at whatever rate."""

    def __init__(self, clock: VirtualClock, **meters: int) -> None:
        self.link = BusLink([Slave(clock, address, serial[1:]) for serial, address in meters.items()], baudrate=9600)
        self.link.clock = clock
        self.rates: list[int] = []

    def line(self, config: BusConfig) -> MbusLine:
        url = parse_url(config.url)
        self.rates.append(url.whole("baudrate", 2400))

        async def opener() -> BusLink:
            self.link.closed = False
            return self.link

        timing = LineTiming.of(url)
        line = Line(opener, name=config.name, clock=self.link.clock, timing=timing)
        return MbusLine(config.name, url, mbus.Bus(line))


@pytest.mark.proves("G-354", "G-136")
async def test_a_scan_of_an_eq_bus(world: Open) -> None:
    line = EqLine(world.clock, 17, 20, 40)
    async with world((), buses=(BusConfig("eq", EQ),), lines={EQ: line.line}) as here:
        found = await scan(here, {"eqbus": {"start": 17, "end": 30}})
        assert [(row["serial"], row["protocol"], row["address"], row["family"]) for row in found["scanresult"]] == [
            ("00000017", "3", "17", "abb"),
            ("00000020", "3", "20", "abb"),
        ]
        found = await scan(here, {"eqbus": {"range": [40]}}, token=8)
        assert [row["token"] for row in found["scanresult"]] == [7, 7, 8]
        await here.run(here.commands.register("00000040", "", "", WHO))
        await here.pass_(20)
        (meter,) = await here.store.meters()
        assert (meter.address, meter.protocol, meter.status, meter.engines) == (40, 3, 1, "off")


@pytest.mark.proves("G-354", "G-136")
async def test_a_scan_of_m_bus_sets_the_rate_of_a_line_without_meters(world: Open) -> None:
    wired = Wired(world.clock, s00000011=5, s00000012=7)
    async with world((), buses=(BusConfig("wired", f"{WIRED}?baudrate=2400"),), lines={WIRED: wired.line}) as here:
        found = await scan(here, {"mbus-wired": {"start": 4, "end": 8, "baudrate": 9600}})
        assert wired.rates[-1] == 9600
        assert [(row["serial"], row["protocol"], row["address"]) for row in found["scanresult"]] == [
            ("00000011", "1", "5"),
            ("00000012", "1", "7"),
        ]
        await here.run(here.commands.register("00000011", "", "", WHO))
        await here.pass_(70)
        (meter,) = await here.store.meters()
        assert meter.status == 1
        with pytest.raises(CommandFailed) as refused:
            await here.run(here.commands.scan({"mbus-wired": {"start": 1, "end": 2, "baudrate": 300}}, 9, WHO))
        assert "polled at 9600 bit/s" in refused.value.detail
        found = await scan(here, {"mbus-wired": {"mode": "secondary", "baudrate": 9600}}, token=9)
        by_number = {row["serial"]: row["address"] for row in found["scanresult"]}
        assert set(by_number) == {"00000011", "00000012"}
    async with world((), buses=(BusConfig("wired", f"{WIRED}?baudrate=2400"),), lines={WIRED: wired.line}) as here:
        assert wired.rates[-1] == 9600
        await here.pass_(70)
        assert (await here.store.meters())[0].status == 1
