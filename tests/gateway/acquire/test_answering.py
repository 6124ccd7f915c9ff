"""Resources of meters through the commands: ages, caches, engines, failures."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.gateway.acquire.conftest import Open
from tests.gateway.acquire.rig import virtual
from tests.gateway.acquire.world import HALL, WHO, World
from wattproof.gateway.acquire.ages import AGES
from wattproof.gateway.config import BusConfig, MeterConfig
from wattproof.gateway.engines.rows import unfolded
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.wire.modbus.pdu import read_request

FORTYTWO = (MeterConfig("hall", "bsm", unit=42, keep_time=False),)
SLOW = (BusConfig("hall", HALL, poll_live_s=15, poll_energy_s=15),)
#: Resources that a BSM itself answers with a document, and one that is always read.
DOCUMENTS = (43, 46, 50, 63)


async def quiet(here: World, serial: str) -> None:
    """No polls from now on."""
    await here.pass_(5)
    here.fleet.station(serial).polls.clear()
    await here.pass_(3)


def asked(here: World) -> int:
    return len(here.wires[HALL].asked)


@pytest.mark.proves("G-371")
@pytest.mark.parametrize("resource", DOCUMENTS)
async def test_a_document_is_read_again_when_it_is_too_old(world: Open, resource: int) -> None:
    bsm = virtual(42)
    async with world(FORTYTWO, {42: bsm}) as here:
        await quiet(here, bsm.serial)
        most = AGES[resource].most
        first = (await here.run(here.commands.get(bsm.serial, resource)))["time"]
        before = asked(here)
        await here.pass_((first + most * 1000 - here.site.now) / 1000)
        assert (await here.run(here.commands.get(bsm.serial, resource)))["time"] == first
        assert asked(here) == before
        await here.pass_(0.001)
        assert (await here.run(here.commands.get(bsm.serial, resource)))["time"] == first + most * 1000 + 1
        assert asked(here) > before


@pytest.mark.proves("G-371")
async def test_the_clock_of_a_meter_is_always_read(world: Open) -> None:
    bsm = virtual(42)
    async with world(FORTYTWO, {42: bsm}) as here:
        await quiet(here, bsm.serial)
        for _ in range(3):
            before = asked(here)
            await here.run(here.commands.get(bsm.serial, 41))
            assert asked(here) == before + 1


@pytest.mark.proves("G-013")
async def test_equal_requests_share_a_transaction(world: Open) -> None:
    bsm = virtual(42)
    async with world(FORTYTWO, {42: bsm}) as here:
        await quiet(here, bsm.serial)
        before = asked(here)

        async def many() -> list[Any]:
            return list(await asyncio.gather(*(here.commands.get(bsm.serial, 63) for _ in range(1000))))

        answers = await here.run(many())
        assert len({answer["time"] for answer in answers}) == 1 and len(answers) == 1000
        assert asked(here) == before + 1
        assert here.fleet.station(bsm.serial).statistics.shared >= 999


@pytest.mark.proves("G-372")
async def test_a_write_drops_what_was_kept(world: Open) -> None:
    bsm = virtual(42)
    meters = (MeterConfig("hall", "bsm", unit=42, keep_time=False, allow_switching=True),)
    async with world(meters, {42: bsm}) as here:
        await quiet(here, bsm.serial)
        states = (await here.run(here.commands.get(bsm.serial, 63)))["document"]["iostatus"]
        wanted = 1 - states[1]["currentstate"]
        body = {"iostatus": [{"port": 2, "currentstate": wanted}]}
        await here.run(here.commands.put(bsm.serial, 66, body, {}, WHO))
        states = (await here.run(here.commands.get(bsm.serial, 63)))["document"]["iostatus"]
        assert states[1]["currentstate"] == wanted


@pytest.mark.proves("G-375")
async def test_what_the_gateway_keeps_is_served_while_the_meter_is_away(world: Open) -> None:
    bsm = virtual(42)
    async with world(FORTYTWO, {42: bsm}, buses=SLOW) as here:
        await here.pass_(3700)
        here.wires[HALL].dead.add(42)
        await here.pass_(17)
        assert here.fleet.station(bsm.serial).presence.status == -1
        for resource in (44, 52, 70, 74, 83):
            assert (await here.run(here.commands.get(bsm.serial, resource)))["document"]
        rows = [part async for part in unfolded(here.commands.rows(bsm.serial, 73, {"channel": 1}), here.store)]
        assert sum(map(len, rows[1:])) == 4
        values = await here.run(here.commands.values(bsm.serial, [9, 171], 5.0))
        assert set(values) == {9, 171}
        for resource in (41, 43, 46, 63):
            with pytest.raises(CommandFailed) as failed:
                await here.run(here.commands.get(bsm.serial, resource))
            assert failed.value.kind is Failing.METER
            assert failed.value.text == "received invalid response from COSEM."
        assert (await here.run(here.commands.get(bsm.serial, 49)))["document"]["status"] == -1
        with pytest.raises(CommandFailed) as failed:
            await here.run(here.commands.put(bsm.serial, 42, {"datetime": "2024-06-01T12:00:00"}, {}, WHO))
        assert failed.value.kind is Failing.METER
        assert (await here.events()).count(9) == 1
        here.wires[HALL].dead.clear()
        await here.pass_(61)
        assert (await here.events())[-1] == 5


async def test_what_is_written_to_an_engine_is_there_after_a_restart(world: Open) -> None:
    bsm = virtual(42)
    async with world(FORTYTWO, {42: bsm}) as here:
        await here.pass_(30)
        source: Any = here.fleet.station(bsm.serial).source
        await here.run(source.driver.snapshot("turn-on"))
        body = {"conversionfactor": {"co2": "1.123", "currency": "100.789"}}
        await here.run(here.commands.put(bsm.serial, 45, body, {}, WHO))
        merged = await here.run(here.commands.get(bsm.serial, 43))
        assert merged["document"]["conversionfactor"]["co2"][0] == "1.123"
        assert merged["document"]["manufacturing"]["serial"] == bsm.serial
        before = await here.run(here.commands.values(bsm.serial, [9], 60.0))
    async with world(FORTYTWO, {42: bsm}) as here:
        await here.pass_(30)
        found = await here.run(here.commands.get(bsm.serial, 44))
        assert found["document"]["conversionfactor"]["currency"][0] == "100.789"
        after = await here.run(here.commands.values(bsm.serial, [9], 60.0))
        assert after[9].mantissa > before[9].mantissa >= 0


async def test_what_a_meter_has_not_is_refused_by_name(world: Open) -> None:
    bsm = virtual(42)
    async with world(FORTYTWO, {42: bsm}) as here:
        await here.pass_(5)
        for resource, what in ((61, "harmonics"), (65, "pulse outputs"), (47, "M-Bus")):
            with pytest.raises(CommandFailed) as refused:
                await here.run(here.commands.get(bsm.serial, resource))
            assert refused.value.kind is Failing.UNSUPPORTED
            assert refused.value.text == f"not supported by this meter: {what}"
        with pytest.raises(CommandFailed) as refused:
            await here.commands.get("nobody", 46)
        assert refused.value.kind is Failing.UNKNOWN


def exception(pdu: bytes, code: int) -> bytes:
    return bytes((pdu[0] | 0x80, code))


@pytest.mark.proves("G-377")
@pytest.mark.parametrize(
    ("code", "text"),
    [
        (1, "received OBJECT_UNDEFINED response from COSEM"),
        (2, "received OBJECT_UNDEFINED response from COSEM"),
        (3, "received OBJECT_UNDEFINED response from COSEM"),
        (4, "received invalid response from COSEM."),
        (5, "received invalid response from COSEM."),
        (6, "received invalid response from COSEM."),
        (10, "received invalid response from COSEM."),
        (11, "received invalid response from COSEM."),
    ],
)
async def test_exceptions_of_a_modbus_meter_on_a_read(world: Open, code: int, text: str) -> None:
    bsm = virtual(42)
    async with world(FORTYTWO, {42: bsm}) as here:
        await quiet(here, bsm.serial)
        here.wires[HALL].answers[42] = exception(read_request(3, 0, 1), code)
        before = asked(here)
        with pytest.raises(CommandFailed) as failed:
            await here.run(here.commands.get(bsm.serial, 63))
        assert (failed.value.kind, failed.value.text) == (Failing.METER, text)
        assert "exception" in failed.value.detail or "answer" in failed.value.detail
        # What is busy, or away behind a gateway, is asked again.
        assert asked(here) - before == (3 if code in (5, 6, 10, 11) else 1)


@pytest.mark.proves("G-377")
@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        (1, Failing.METER, "received OBJECT_UNDEFINED response from COSEM"),
        (3, Failing.METER, "received TYPE_UNMATCHED response from COSEM"),
        (4, Failing.DENIED, "received READ_WRITE_DENIED response from COSEM"),
        (6, Failing.METER, "received invalid response from COSEM."),
    ],
)
async def test_exceptions_of_a_modbus_meter_on_a_write(world: Open, code: int, kind: Failing, text: str) -> None:
    bsm = virtual(42)
    async with world(FORTYTWO, {42: bsm}) as here:
        await quiet(here, bsm.serial)
        here.wires[HALL].answers[42] = bytes((0x90, code))
        with pytest.raises(CommandFailed) as failed:
            await here.run(here.commands.put(bsm.serial, 42, {"datetime": "2024-06-01T12:00:00"}, {}, WHO))
        assert (failed.value.kind, failed.value.text) == (kind, text)


@pytest.mark.proves("G-377")
async def test_silence_damage_and_no_connection(world: Open) -> None:
    bsm = virtual(42)
    async with world(FORTYTWO, {42: bsm}) as here:
        wire = here.wires[HALL]
        for fault in ("dead", "down", "garbled"):
            await quiet(here, bsm.serial)
            if fault == "dead":
                wire.dead.add(42)
            elif fault == "down":
                wire.down = True
            else:
                wire.answers[42] = b"\x03\x02\x00\x01"
            with pytest.raises(CommandFailed) as failed:
                await here.run(here.commands.get(bsm.serial, 63))
            assert failed.value.text == "received invalid response from COSEM." and failed.value.detail
            wire.dead.clear()
            wire.answers.clear()
            wire.down = False
            await here.pass_(70)
            assert here.fleet.station(bsm.serial).presence.status == 1


async def test_what_engines_add_is_told_without_a_bus(world: Open) -> None:
    bsm = virtual(42)
    async with world(FORTYTWO, {42: bsm}) as here:
        await quiet(here, bsm.serial)
        before = asked(here)
        added = (await here.run(here.commands.engine_values([bsm.serial, "nobody"])))[bsm.serial]
        assert asked(here) == before
        assert set(added) == here.fleet.station(bsm.serial).engine.provides
        ids = sorted(added)
        assert added == await here.run(here.commands.values(bsm.serial, ids, max_age=3600))
