"""Which meters belong to the gateway, and what they are called."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.acquire.conftest import Open
from tests.gateway.acquire.rig import virtual
from tests.gateway.acquire.world import HALL, WHO, YARD, World
from wattproof.gateway.acquire.configuring import timed
from wattproof.gateway.config import BusConfig, MeterConfig
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Access, Group, Meter, Setting
from wattproof.io.url import parse_url

FORTYTWO = MeterConfig("hall", "bsm", unit=42)


@pytest.mark.proves("G-352")
async def test_a_meter_of_the_file_is_registered_when_it_says_who_it_is(world: Open) -> None:
    bsm = virtual(42)
    async with world((FORTYTWO,), {}) as here:
        await here.users()
        await here.pass_(5)
        assert await here.store.meters() == []
        here.wires[HALL].meters[42] = bsm
        await here.pass_(25)
        (meter,) = await here.store.meters()
        assert (meter.serial, meter.family, meter.protocol) == (bsm.serial, "bsm", 5)
        assert (meter.address, meter.bus, meter.alias) == ("10.0.0.1:502/42", "hall", bsm.serial)
        assert meter.status == 1 and {1, 69, 96} <= set(meter.provides)
        assert await here.store.bindings("admin") == {bsm.serial: Access.CONFIGURE}
        assert (await here.events()).count(6) == 1
        assert [row async for row in here.store.readings(bsm.serial, [69], 0, here.site.now, group=Group.LIVE)]


async def test_file_and_interface_do_not_fight(world: Open) -> None:
    bsm = virtual(42)
    async with world((MeterConfig("hall", "bsm", unit=42, alias="Car 1", location="Yard"),), {42: bsm}) as here:
        await here.users()
        await here.pass_(5)
        await here.run(here.commands.rename(bsm.serial, "Wall box", "Yard", WHO))
        with pytest.raises(CommandFailed, match="configured by file") as refused:
            await here.run(here.commands.deregister(bsm.serial, WHO))
        assert refused.value.kind is Failing.CONFLICT
    # The alias was changed by the interface and stays; the location was not, and follows the file.
    changed = MeterConfig("hall", "bsm", unit=42, alias="Car 2", location="Hall")
    async with world((changed,), {42: bsm}) as here:
        await here.pass_(5)
        (meter,) = await here.store.meters()
        assert (meter.alias, meter.location) == ("Wall box", "Hall")
    async with world((), {42: bsm}) as here:
        assert await here.store.meters() == []
        gone = await here.store.meter(bsm.serial)
        assert gone is not None and not gone.active
    async with world((changed,), {42: bsm}) as here:
        await here.pass_(5)
        (meter,) = await here.store.meters()
        assert meter.serial == bsm.serial and meter.alias == "Wall box"


async def scan(here: World, body: dict[str, Any], token: int = 7) -> dict[str, Any]:
    await here.run(here.commands.scan(body, token, WHO))
    for _ in range(600):
        if (found := await here.commands.scanned())["scancomplete"] == 1:
            return found
        await here.pass_(1)
    raise AssertionError("the scan does not end")


async def test_a_scanned_meter_is_registered_by_the_interface_and_stays_after_a_restart(world: Open) -> None:
    bsm = virtual(3)
    body = {"modbus": {"urls": [HALL], "start": 1, "end": 4}}
    async with world((), {3: bsm}, buses=()) as here:
        await here.users("maria", "otto")
        found = await scan(here, body)
        assert found["scanresult"] == [
            {"token": 7, "serial": bsm.serial, "protocol": "5", "address": "10.0.0.1:502/3", "family": "bsm"}
        ]
        with pytest.raises(CommandFailed, match="meter not scanned"):
            await here.commands.register("nobody", "", "", WHO)
        await here.run(here.commands.register(bsm.serial, "Car", "Yard", {"user": "maria", "address": "10.1.1.1"}))
        assert await here.store.bindings("maria") == {bsm.serial: Access.CONFIGURE}
        assert await here.store.bindings("otto") == {}
        await here.pass_(3)
        assert here.fleet.station(bsm.serial).presence.status == 1
    async with world((), {3: bsm}, buses=()) as here:
        await here.pass_(3)
        (meter,) = await here.store.meters()
        assert (meter.alias, meter.location, meter.origin, meter.status) == ("Car", "Yard", "api", 1)
        await here.run(here.commands.deregister(bsm.serial, WHO))
        assert await here.store.meters() == [] and not here.fleet.buses
        assert (await here.events())[-2:] == [11, 7]
        actions = [entry.action async for _, _, entry in here.store.audit()]
        assert actions == ["scan", "register", "deregister"]


@pytest.mark.proves("G-353")
async def test_a_moved_meter_keeps_its_history(world: Open) -> None:
    bsm = virtual(3)
    body = {"modbus": {"bus": ["hall", "yard"], "range": [3]}}
    async with world((), {3: bsm}) as here:
        await here.users()
        await scan(here, body)
        await here.run(here.commands.register(bsm.serial, "Car", "Yard", WHO))
        await here.pass_(5)
        first = here.site.now
        # A copy answers at another address while the first is still there.
        here.wires[YARD].meters[3] = bsm
        await scan(here, {"modbus": {"bus": ["yard"], "range": [3]}})
        with pytest.raises(CommandFailed, match="serial already registered") as refused:
            await here.run(here.commands.register(bsm.serial, "Car", "Yard", WHO))
        assert refused.value.kind is Failing.CONFLICT
        del here.wires[HALL].meters[3]
        await here.run(here.commands.register(bsm.serial, "Car", "Yard", WHO))
        await here.pass_(5)
        (meter,) = await here.store.meters()
        assert (meter.bus, meter.address, meter.status) == ("yard", "10.0.0.2:502/3", 1)
        times = [time async for time, _ in here.store.readings(bsm.serial, [69], 0, here.site.now)]
        assert times[0] < first < times[-1]
        assert await here.store.bindings("admin") == {bsm.serial: Access.CONFIGURE}


@pytest.mark.proves("G-353")
async def test_a_serial_of_another_family_gets_a_prefix(world: Open) -> None:
    bsm = virtual(42)
    async with world((FORTYTWO,), {}) as here:
        await here.run(here.site.commit(Meter(bsm.serial, "abb", 1, 5, "elsewhere", active=False)))
        here.wires[HALL].meters[42] = bsm
        await here.pass_(25)
        (meter,) = await here.store.meters()
        assert meter.serial == "B-" + bsm.serial[-14:] and len(meter.serial) <= 16
        assert meter.place["identity"] == bsm.serial and meter.status == 1
    async with world((FORTYTWO,), {42: bsm}) as here:
        await here.pass_(5)
        assert [one.serial for one in await here.store.meters()] == [meter.serial]


@pytest.mark.proves("G-133")
async def test_a_permitted_wireless_meter_is_registered_and_stays_out_of_reach(world: Open) -> None:
    async with world() as here:
        await here.users()
        await here.run(here.site.commit(Setting("permitted", ["W1"])))
        with pytest.raises(CommandFailed, match="meter not scanned"):
            await here.commands.register("W2", "", "", WHO)
        await here.run(here.commands.register("W1", "Radio", "Roof", WHO))
        assert await here.store.bindings("admin") == {"W1": Access.CONFIGURE}
    async with world() as here:
        (meter,) = await here.store.meters()
        assert (meter.protocol, meter.status, meter.alias) == (4, 0, "Radio")
        with pytest.raises(CommandFailed) as failed:
            await here.commands.values("W1", [69], 5.0)
        assert failed.value.kind is Failing.METER
        await here.run(here.commands.register("W1", "Antenna", "Roof", WHO))
        assert (await here.store.meters())[0].alias == "Antenna"
        await here.run(here.commands.deregister("W1", WHO))
        assert await here.store.meters() == []


async def test_a_meter_whose_bus_is_gone_can_still_be_removed(world: Open) -> None:
    bsm = virtual(3)
    async with world((), {3: bsm}) as here:
        await scan(here, {"modbus": {"bus": ["hall"], "range": [3]}})
        await here.run(here.commands.register(bsm.serial, "Car", "Yard", WHO))
        await here.pass_(3)
    async with world((), {3: bsm}, buses=()) as here:
        await here.pass_(1)
        (meter,) = await here.store.meters()
        assert meter.status == -1
        with pytest.raises(CommandFailed, match="received invalid response from COSEM"):
            await here.commands.get(bsm.serial, 46)
        await here.run(here.commands.deregister(bsm.serial, WHO))
        assert await here.store.meters() == []


async def test_two_meters_that_say_the_same_serial_at_once_are_not_mixed(
    world: Open, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = virtual(42), virtual(42)
    async with world((FORTYTWO, MeterConfig("yard", "bsm", unit=42)), {42: first}, {42: second}) as here:
        await here.users()
        await here.pass_(5)
        (meter,) = await here.store.meters()
        assert meter.serial == first.serial == second.serial
        assert (await here.events()).count(6) == 1
        polled = [visitor for lane in here.fleet.buses.values() for one in lane.runners for visitor in one.visitors]
        assert len(polled) == 1, "the other one is left out"
        assert "is registered at" in caplog.text
        (awaited,) = (await here.commands.state())["awaited"]
        assert {awaited["bus"], meter.bus} == {"hall", "yard"} and awaited["family"] == "bsm"
        assert awaited["why"] == (
            f"left out: it says it is {meter.place['identity']}, which is registered at {meter.address} on {meter.bus}"
        )


async def test_a_meter_of_the_file_is_awaited_until_it_answers(world: Open) -> None:
    bsm = virtual(42)
    async with world((FORTYTWO,), {}) as here:
        (awaited,) = (await here.commands.state())["awaited"]
        place = {"bus": "hall", "family": "bsm", "address": "10.0.0.1:502/42"}
        assert awaited == place | {"why": "it has not been asked yet"}
        await here.pass_(5)
        (awaited,) = (await here.commands.state())["awaited"]
        assert awaited["why"] == "unit 42 did not answer"
        here.wires[HALL].meters[42] = bsm
        await here.pass_(120)
        assert (await here.commands.state())["awaited"] == []
        assert [meter.serial for meter in await here.store.meters()] == [bsm.serial]


def test_a_network_has_a_shortest_pause_between_two_bytes() -> None:
    stored = {"eqbus": {"baudrate": 9600, "interoctettimeout": 40}}
    device, network = (timed(BusConfig("eq", url), stored).url for url in ("hdlc:///dev/ttyS0", "hdlc://10.0.0.1:4059"))
    assert parse_url(device).options == {"baudrate": "9600", "inter-octet": "40"}
    assert parse_url(network).options == {"inter-octet": "300"}
