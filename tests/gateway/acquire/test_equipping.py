"""What engines are told about their meters, and what becomes of readings through transformers."""

from __future__ import annotations

import struct
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.acquire.conftest import Open
from tests.gateway.acquire.rig import virtual
from tests.gateway.acquire.world import WHO, World
from tests.gateway.sources.rig import dmed4, record
from tests.meters.abb.cosem.rig import Rig
from tests.meters.mapped.registers import Unit
from wattproof.gateway.acquire.sources import Options, open_source
from wattproof.gateway.answers import Trait
from wattproof.gateway.config import MeterConfig
from wattproof.model.values import to_decimal
from wattproof.wire.modbus.serve import serve
from wattproof.wire.modbus.store import MemoryStore

CABINET = """
name = "cabinet"
title = "Cabinet"
source = "list"
transformer = true
[serial]
address = 0
type = "str"
registers = 2
[[point]]
quantity = "voltage_l1"
address = 2
type = "u16"
unit = "V"
scale = "0.1"
[[point]]
quantity = "active_power_total"
address = 3
type = "u16"
unit = "W"
[[point]]
quantity = "active_energy_import_total"
address = 4
type = "u32"
unit = "Wh"
modulus = "100000"
"""
RATIOS = {"ctnum": 200, "ctdenum": 5, "vtnum": 1, "vtdenum": 1}
VOLTAGE, POWER, ENERGY, TARIFF = 69, 96, 1, 9


class Cabinet:
    """A Modbus meter behind a current transformer that it knows nothing of."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.store.holding.write(0, b"CAB7" + struct.pack(">HHI", 2301, 50, 1000))

    def count(self, energy: int) -> None:
        self.store.holding.write(4, struct.pack(">I", energy))

    def advance(self, now: int) -> None: ...

    def execute(self, pdu: bytes, now: int) -> bytes:
        return serve(pdu, self.store)


async def shown(here: World, *ids: int, serial: str = "CAB7") -> list[Decimal]:
    values = await here.run(here.commands.values(serial, ids, 0.0))
    return [to_decimal(*values[id][:2]) for id in ids]


@pytest.mark.proves("G-148")
async def test_a_meter_of_a_map_file_behind_transformers(world: Open, tmp_path: Path) -> None:
    """#48 works on all that is shown, stored and counted, at once and after a restart."""
    (tmp_path / "cabinet.toml").write_text(CABINET)
    cabinet = Cabinet()
    meters = (MeterConfig("hall", "map", unit=1, map="cabinet"),)
    async with world(meters, {1: cabinet}) as here:
        await here.pass_(20)
        assert await shown(here, VOLTAGE, POWER, ENERGY) == [Decimal("230.1"), 50, 1000]
        await here.run(here.commands.put("CAB7", 48, RATIOS, {}, WHO))
        begun = here.site.now
        values = await here.run(here.commands.values("CAB7", [VOLTAGE, POWER], 60.0))
        assert to_decimal(*values[POWER][:2]) == 2000, "what was read before is too old, however young"
        info = await here.run(here.commands.get("CAB7", 43))
        assert info["document"]["ratio"] == RATIOS
        obis = [1, 0, 1, 8, 0, 255]
        (row,) = await here.run(here.commands.execute(["CAB7"], obis, 3, [{"value": 2, "unit": 3}]))
        assert row["values"] == [{"value": "40000", "unit": "Wh"}]
        await here.pass_(20)
        cabinet.count(1003)
        await here.pass_(20)
        assert await shown(here, VOLTAGE, ENERGY, TARIFF) == [Decimal("230.1"), 40_120, 120]
        rows = here.store.readings("CAB7", [ENERGY], begun, here.site.now)
        assert {to_decimal(*values[ENERGY][:2]) async for _, values in rows} == {40000, 40120}
    async with world(meters, {1: cabinet}) as here:
        cabinet.count(99_999)
        await here.pass_(20)
        cabinet.count(1)
        await here.pass_(20)
        assert await shown(here, POWER, ENERGY, TARIFF) == [2000, 40, 40 * (100_001 - 1000)]
        assert [one.verdict for one in await here.store.corrections("CAB7")] == ["roll-over"]


def test_a_meter_of_a_map_file_without_transformers(tmp_path: Path) -> None:
    (tmp_path / "cabinet.toml").write_text(CABINET.replace("transformer = true", ""))
    source: Any = open_source(record("map", place={"unit": 1, "map": "cabinet"}), Unit(), Options(folders=(tmp_path,)))
    assert (source.transformer, source.most, source.nominal, source.recorded) == (False, None, None, False)


async def test_what_is_known_of_a_meter_counts_before_it_answers_again(world: Open) -> None:
    """After a restart there is an engine at once, which knows the supply and what the meter counts at most."""
    bsm = virtual(42)
    meters = (MeterConfig("hall", "bsm", unit=42, keep_time=False),)
    async with world(meters, {42: bsm}) as here:
        await here.pass_(5)
        engine: Any = here.fleet.station(bsm.serial).engine
        assert (engine.facts.nominal, engine.facts.most) == (230, 50_000)
    async with world(meters, {42: bsm}) as here:
        engine = here.fleet.station(bsm.serial).engine
        assert (engine.facts.nominal, engine.facts.most) == (230, 50_000)
        bsm.patch(here.clock.now(), {}, {"phase-lost": 2, "counter-jump": 1_000_000})
        await here.pass_(60)
        assert (await shown(here, TARIFF, serial=bsm.serial))[0] < 1000

        (jumped,) = await here.store.corrections(bsm.serial)
        assert (jumped.verdict, jumped.booked) == ("reset", 0)
        (entry,) = await here.store.meter_events(bsm.serial, "quality", until=None, count=10)
        assert entry.logid == 1001


@pytest.mark.parametrize("way", ["modbus", "rest"])
def test_what_a_direct_current_meter_counts_at_most(way: str) -> None:
    """Known from the model; of one that was not reached yet since the start, from what was stored."""
    rig = dmed4(way).opened()
    assert rig.source.most == 2_700_000 and rig.source.nominal is None
    for label, most in (("DMED404D0150", 270_000), ("unknown model 0x99", None)):
        stored: Any = open_source(record("dmed4", label=label, place={"unit": 1}), rig.link)
        assert stored.most == most


def test_an_abb_meter_that_was_not_reached_yet() -> None:
    """Where its energies roll over, and whether it keeps a profile, are no news from the bus."""
    of = record("abb", protocol=3, place={"address": "17"}, traits=(Trait.PROFILES,))
    source: Any = open_source(of, Rig("A44-552-100").bus)
    assert source.recorded and source.moduli[ENERGY] == (1, 13)
