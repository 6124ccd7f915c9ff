"""Meters of map files, SunSpec meters, and families outside this repository behind the gateway."""

from __future__ import annotations

import importlib
import struct
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.gateway.sources.rig import record, shown
from tests.meters.conftest import Bench
from tests.meters.mapped.registers import Unit
from wattproof.drivers.modbus import run_blocking as run
from wattproof.errors import ModbusRefused, UnknownName
from wattproof.gateway.acquire.sources import Options, open_source
from wattproof.gateway.acquire.sources.registers import bindings_of, id_of
from wattproof.gateway.answers import METER, Unsupported, answer, supported
from wattproof.gateway.local import CommandFailed
from wattproof.gateway.records import Group, Value
from wattproof.io.tomlfile import InvalidFile
from wattproof.meters.bsm.points import MAP as BSM
from wattproof.model.quantities import Kind, Quantity
from wattproof.model.units import PERCENT, VOLT, WATT, WATT_HOUR
from wattproof.model.values import Quality

CHILLER = """
name = "chiller"
title = "ACME Chiller"
source = "list"
max_gap = 100

[serial]
address = 0
type = "str"
registers = 4
[firmware]
address = 4
type = "u16"
[hardware]
address = 5
type = "u16"
[clock]
address = 6
type = "unix32"
access = "rw"

[[point]]
quantity = "VOLTAGE_L1"
address = 10
type = "u16"
unit = "V"
scale = "0.1"
invalid = ["0xFFFF"]
[[point]]
quantity = "active_energy_import_total"
address = 12
type = "u32"
unit = "kWh"
scale = "0.01"
poll = "live"
[[point]]
quantity = "power_fail_counter"
address = 14
type = "u16"
unit = "none"
[[point]]
quantity = "input_state_1"
type = "bool"
address = 15
bit = 0
[[point]]
quantity = "io_input_cumulation_1"
type = "u16"
address = 16
unit = "none"
[[point]]
quantity = "output_state_3"
type = "bool"
function = 1
address = 9
access = "rw"
[[point]]
type = "bool"
address = 15
bit = 7
flag = "Fan stopped"
"""


@pytest.fixture
def chiller(tmp_path: Path) -> Any:
    """Makes an opened source and its unit: ``chiller(text, **options)``."""

    def make(text: str = CHILLER, **options: Any) -> tuple[Any, Unit]:
        (tmp_path / "chiller.toml").write_text(text)
        unit = Unit()
        unit.store.holding.write(0, b"CH/0815\0" + struct.pack(">HHI", 21, 3, 1783206691))
        unit.store.holding.write(8, bytes(20))
        unit.store.holding.write(10, struct.pack(">HHIHHH", 2301, 0, 123456, 4, 0x81, 77))
        unit.store.coils[9] = False
        place = {"unit": 1, "map": "chiller"}
        of = record("map", place=place)
        source = open_source(of, unit, Options(folders=(tmp_path,), zone=ZoneInfo("Europe/Berlin"), **options))
        run(source.open())
        return source, unit

    return make


def get(source: Any, resource: int) -> Any:
    return shown(resource, run(source.get(resource, {})).body)


@pytest.mark.proves("G-353")
def test_who_it_is(chiller: Any) -> None:
    source, _ = chiller()
    assert (source.serial, source.label) == ("CH_0815", "ACME Chiller")
    source, _ = chiller(CHILLER[: CHILLER.index("[serial]")] + CHILLER[CHILLER.index("[[point]]") :])
    assert source.serial == "M-hall_1"
    source, _ = chiller(serial="COLD-1")
    assert source.serial == "COLD-1"


def test_values_and_what_is_polled_together(chiller: Any) -> None:
    source, unit = chiller()
    unit.asked.clear()
    now = unit.clock.time() // 10**6
    assert run(source.read([69, 1, 152, 96])) == {
        69: Value(2301, -1, now),
        1: Value(123456, 1, now),
        152: Value(4, 0, now),
    }
    assert len(unit.asked) == 1
    unit.store.holding.write(10, b"\xff\xff")
    assert run(source.read([69]))[69] == Value(None, 0, now, Quality.MISSING)
    assert source.groups() == {Group.LIVE: {69, 1}, Group.ENERGY: {152, 51}}
    assert source.moduli == {1: (2**32, 1), 51: (2**16, 0), 152: (2**16, 0)}


@pytest.mark.proves("G-351")
def test_the_documents_that_the_file_binds(chiller: Any) -> None:
    source, unit = chiller()
    who = {"serial": "CH_0815", "label": "ACME Chiller"}
    assert get(source, 43) == {"manufacturing": {**who, "firmwareversion": "21"}, "power": {"powerfailcounter": 4}}
    assert get(source, 46) == {"version": ["3"]}
    assert get(source, 49) == who
    assert get(source, 50) == {"errors": ["Fan stopped"], "warnings": [], "informationflags": []}
    assert get(source, 41)["datetime"] == "2026-07-05T01:11:31"
    assert get(source, 30)["role"] == "Configure"
    run(source.put(42, {"datetime": "2026-01-05T01:00:00"}, {}))
    assert unit.store.holding.read(6, 2) == struct.pack(">I", 1767571200)
    assert get(source, 63) == {
        "iostatus": [{"port": 1, "currentstate": 1, "counter": 77}, {"port": 3, "currentstate": 0}]
    }
    assert get(source, 64) == {"ioconfig": ["input", "dont_change", "communiation_out"]}
    run(source.put(66, {"iostatus": [{"port": 3, "currentstate": 1}]}, {}))
    assert get(source, 63)["iostatus"][1] == {"port": 3, "currentstate": 1}
    refused = {1: "invalid port", 2: "invalid port"}
    for port, text in refused.items():
        with pytest.raises(CommandFailed, match=text):
            run(source.put(66, {"iostatus": [{"port": port, "currentstate": 1}]}, {}))
    assert {41, 42, 43, 46, 50, 54, 60, 63, 64, 66} <= {*supported(source.record)}
    assert not {47, 48, 59, 61, 62, 65, 67, 68} & {*supported(source.record)}


@pytest.mark.proves("G-351")
def test_an_output_that_the_file_does_not_release(chiller: Any) -> None:
    source, _ = chiller(CHILLER.replace('access = "rw"\n[[point]]', "[[point]]"))
    with pytest.raises(CommandFailed) as refused:
        run(source.put(66, {"iostatus": [{"port": 3, "currentstate": 1}]}, {}))
    assert refused.value.kind == "denied"


@pytest.mark.proves("G-377")
@pytest.mark.parametrize(
    ("code", "reading", "writing"),
    [
        (1, "received OBJECT_UNDEFINED response from COSEM", "received OBJECT_UNDEFINED response from COSEM"),
        (2, "received OBJECT_UNDEFINED response from COSEM", "received OBJECT_UNDEFINED response from COSEM"),
        (3, "received OBJECT_UNDEFINED response from COSEM", "received TYPE_UNMATCHED response from COSEM"),
        (4, "received invalid response from COSEM.", "received READ_WRITE_DENIED response from COSEM"),
        (5, "received invalid response from COSEM.", "received invalid response from COSEM."),
        (6, "received invalid response from COSEM.", "received invalid response from COSEM."),
    ],
)
def test_exceptions_of_modbus(chiller: Any, code: int, reading: str, writing: str) -> None:
    source, unit = chiller()

    def refuse(*arguments: Any) -> bytes:
        raise ModbusRefused(code, "no")

    unit.store.read = unit.store.write = refuse
    with pytest.raises(CommandFailed) as failed:
        get(source, 43)
    assert failed.value.text == reading and failed.value.detail
    with pytest.raises(CommandFailed) as failed:
        run(source.put(42, {"datetime": "2026-01-05T01:00:00"}, {}))
    assert (failed.value.text, failed.value.where) == (writing, "datetime")
    assert failed.value.kind == ("denied" if code == 4 else "meter")


def test_a_map_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(UnknownName):
        open_source(record("map", place={"map": "absent"}), Unit())
    (tmp_path / "bad.toml").write_text('name = "x"\n')
    with pytest.raises(InvalidFile):
        open_source(record("map", place={"map": "bad"}), Unit(), Options(folders=(tmp_path,)))


# SunSpec -----------------------------------------------------------------------------------------------------------


def test_a_sunspec_meter(bench: Any) -> None:
    meter: Bench = bench(serial="001BZR1521070006", load="constant:11040")
    meter.run(meter.driver.snapshot("turn-on"))
    meter.wait(10)
    source: Any = open_source(record("sunspec", bus="line1", place={"unit": 42}), meter.link)
    meter.run(source.open())
    assert source.label == "BSM-WS36A-H01-1311-0000"
    assert source.serial and source.serial != "S-line1_42"
    assert {1, 69, 72, 75, 70, 71, 93, 96, 100, 104, 170} <= {*source.ids()}
    assert not {78, 82} & {*source.ids()}
    values = meter.run(source.read([69, 96, 71]))
    assert values[96][:2] == (1104, 1) and 0.9 < values[71].mantissa * 10.0 ** values[71].exponent <= 1
    assert get(source, 50) == {"errors": [], "warnings": [], "informationflags": []}
    assert get(source, 43)["manufacturing"]["serial"] == source.serial
    assert answer(source.record, 41) == Unsupported("clock")


# Families outside this repository ------------------------------------------------------------------------------------

ROWS = """
from wattproof.meters.registry import Family
from wattproof.model.quantities import Kind, Quantity
from wattproof.model.units import VOLT, WATT, WATT_HOUR
from wattproof.wire.modbus.bindings import Block, Point, RegisterMap
from wattproof.wire.modbus.types import UINT16, UINT32, string

MAP = RegisterMap([Block("main", 0, 9, (
    Point("V", 0, UINT16, Quantity("voltage", Kind.GAUGE, VOLT), scale=-1),
    Point("P", 1, UINT32, Quantity("active_power", Kind.GAUGE, WATT)),
    Point("E", 3, UINT32, Quantity("anything", Kind.COUNTER, WATT_HOUR, "1-0:1.8.0*255")),
    Point("SN", 5, string(4), Quantity("serial_number", Kind.TEXT)),
))])
FAMILY = Family(name="acme-a1", label="Acme A1", points="acme_a1:MAP", unit=3)
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution with a family that is nothing but rows, as pip would lay it out."""
    (tmp_path / "acme_a1.py").write_text(ROWS)
    info = tmp_path / "acme_a1-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-a1\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[wattproof.meters]\nacme-a1 = acme_a1:FAMILY\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()


@pytest.mark.proves("G-363")
@pytest.mark.usefixtures("installed")
def test_a_family_outside_this_repository_by_its_bindings_alone() -> None:
    unit = Unit()
    unit.store.holding.write(0, struct.pack(">HII8s", 2301, 1500, 99_000, b"A1-4711"))
    source: Any = open_source(record("acme-a1", place={"unit": 3}), unit)
    run(source.open())
    assert (source.serial, {*source.ids()}) == ("A1-4711", {69, 96, 1})
    now = unit.clock.time() // 10**6
    assert run(source.read([1, 69, 96])) == {
        1: Value(99_000, 0, now),
        69: Value(2301, -1, now),
        96: Value(1500, 0, now),
    }
    assert answer(source.record, 59) is METER and answer(source.record, 54, {"type": "active"}) is METER
    assert answer(source.record, 46) == Unsupported("hardware version")
    assert get(source, 43) == {"manufacturing": {"serial": "A1-4711", "label": "acme-a1"}}
    assert get(source, 30)["role"] == "View Only"


def test_a_family_that_there_is_not() -> None:
    with pytest.raises(UnknownName):
        open_source(record("acme-a9"), Unit())


@pytest.mark.proves("G-363")
@pytest.mark.parametrize(
    ("quantity", "found"),
    [
        (Quantity("voltage_l2", Kind.GAUGE, VOLT), (72, 0)),
        (Quantity("voltage", Kind.GAUGE, VOLT, phase="L2"), (72, 0)),
        (Quantity("voltage", Kind.GAUGE, VOLT, phase="L1-L2"), (78, 0)),
        (Quantity("voltage", Kind.GAUGE, VOLT), (69, 0)),
        (Quantity("active_power", Kind.GAUGE, WATT), (96, 0)),
        (Quantity("power_factor", Kind.GAUGE, PERCENT), (82, -2)),
        (Quantity("total", Kind.COUNTER, WATT_HOUR, "1-0:2.8.0"), (2, 0)),
        (Quantity("active_energy_imported", Kind.COUNTER, WATT_HOUR), (1, 0)),
        (Quantity("voltage", Kind.GAUGE, WATT), None),
        (Quantity("colour", Kind.STATE), None),
    ],
)
def test_what_a_quantity_is(quantity: Quantity, found: tuple[int, int] | None) -> None:
    assert id_of(quantity) == found


def test_the_rows_of_a_known_meter_say_the_same_as_its_own_table() -> None:
    block = BSM.block("ac_meter")
    ids = bindings_of(block)
    assert ids[69].point == "ac_meter.PhVphA" and ids[1].point == "ac_meter.TotWhImp"
