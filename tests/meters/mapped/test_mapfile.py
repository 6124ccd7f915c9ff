"""Map files: types, orders, scales, and what is refused."""

from __future__ import annotations

import struct
from decimal import Decimal
from pathlib import Path

import pytest

from tests.meters.mapped.registers import Unit
from wattproof.drivers.modbus import run_blocking as run
from wattproof.errors import InvalidURL, ReadOnly, UnknownName
from wattproof.io.tomlfile import InvalidFile
from wattproof.io.url import parse_url
from wattproof.meters import registry
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.mapped.driver import MappedDriver
from wattproof.meters.mapped.mapfile import MeterMap, find_map, load_map, maps_in, parse_map
from wattproof.meters.mapped.probe import probe, recognise
from wattproof.meters.mapped.quantities import PORT_STATES, QUANTITIES
from wattproof.model.units import NONE
from wattproof.model.values import Quality, Scaled

HERE = Path(__file__).parent
EXAMPLE = HERE / "acme-3p.toml"
HEAD = 'name = "m"\ntitle = "M"\nsource = "s"\n'


def made(points: str, head: str = "") -> MeterMap:
    return parse_map(HEAD + head + points, "m.toml")


def point(quantity: str, type: str = "u16", unit: str = "V", address: int = 10, **more: object) -> str:
    keys = {"quantity": quantity, "address": address, "type": type, "unit": unit} | more
    lines = [f"{name} = {_toml(value)}" for name, value in keys.items() if value is not None]
    return "\n".join(["[[point]]", *lines, ""])


def _toml(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def one(text: str, data: bytes, head: str = "", function: int = 3) -> tuple[object, Quality]:
    """Value and quality of the only point of a map, with these bytes at register 10."""
    unit = Unit()
    (unit.store.holding if function == 3 else unit.store.inputs).write(10, data)
    (reading,) = run(MappedDriver(unit, meter_map=made(text, head)).read())
    return reading.value, reading.quality


@pytest.mark.proves("G-342")
def test_the_printed_example_loads_as_printed() -> None:
    found = load_map(EXAMPLE)
    assert (found.name, found.title, found.max_registers, found.max_gap) == ("acme-3p", "ACME three phase", 100, 0)
    unit = Unit()
    unit.store.inputs.write(0, struct.pack(">HHI", 0x3A17, 0, 2301))
    unit.store.inputs.write(0x48, struct.pack(">Q", 123_456))
    unit.store.inputs.write(0x100, b"AC-77/4".ljust(16, b"\0"))
    driver = MappedDriver(unit, 1, meter_map=found)
    voltage, energy = run(driver.read("voltage_l1", "input.active_energy_import_total"))
    assert (voltage.value, voltage.unit, voltage.obis) == (Decimal("230.1"), "V", "1-0:32.7.0")
    assert energy.value == Decimal("1234560") and energy.value.as_tuple().exponent == 1
    assert run(driver.info()).serial == "AC-77/4"
    assert run(probe(unit, 1, found)) is not None
    assert run(recognise(unit, 1, [made(point("voltage_l1")), found])) is found
    unit.store.inputs.write(0, struct.pack(">H", 0x3A18))
    assert run(probe(unit, 1, found)) is None
    assert {one.path: one.modulus for one in found.points} == {
        "input.voltage_l1": None,
        "input.active_energy_import_total": Scaled(2**64, 1),
    }


LITTLE_WORDS, LITTLE_OCTETS = 'word_order = "little"\n', 'byte_order = "little"\n'


@pytest.mark.proves("G-362")
@pytest.mark.parametrize(
    ("type", "data", "value"),
    [
        ("u16", "FFFF", 65535),
        ("s16", "8000", -32768),
        ("u32", "FFFFFFFF", 4294967295),
        ("s32", "FFFFFFFE", -2),
        ("u64", "FFFFFFFFFFFFFFFF", 18446744073709551615),
        ("s64", "FFFFFFFFFFFFFFFD", -3),
        ("f32", "436619 9A".replace(" ", ""), "230.1"),
        ("f64", "406CC33333333333", "230.1"),
        ("bcd16", "9876", 9876),
        ("bcd32", "12345678", 12345678),
        ("bcd64", "1234567890123456", 1234567890123456),
    ],
)
def test_types_and_orders(type: str, data: str, value: object) -> None:
    octets = bytes.fromhex(data)
    registers = [octets[at : at + 2] for at in range(0, len(octets), 2)]
    for words in (False, True):
        for swapped in (False, True):
            placed = b"".join(each[::-1] if swapped else each for each in (registers[::-1] if words else registers))
            head = LITTLE_WORDS * words + LITTLE_OCTETS * swapped
            assert one(point("voltage_l1", type), placed, head) == (Decimal(value), Quality.GOOD)


@pytest.mark.proves("G-362")
@pytest.mark.parametrize(
    ("quantity", "unit", "scale", "raw", "value"),
    [
        ("voltage_l1", "V", "0.1", 2301, "230.1"),
        ("voltage_l1", "mV", None, 2301, "2.301"),
        ("current_l1", "mA", "10", 77, "0.77"),
        ("active_energy_import_total", "kWh", "0.25", 3, "7.5E+2"),
        ("active_energy_import_total", "MWh", "0.001", 12, "1.2E+4"),
        ("reactive_energy_export_l2", "kvarh", None, 5, "5E+3"),
        ("apparent_energy_import_total", "kVAh", "1", 5, "5E+3"),
        ("active_power_total", "kW", "-0.01", 1234, "-1.234E+4"),
        ("power_factor_l1", "%", None, 98, "0.98"),
        ("power_factor_l1", "none", "0.001", 981, "0.981"),
        ("thd_voltage_l1", "%", "0.1", 23, "2.3"),
        ("phase_angle_power_l1", "deg", "0.1", 1800, "180.0"),
        ("frequency", "Hz", "0.01", 4999, "49.99"),
    ],
)
def test_units_and_scales_are_exact(quantity: str, unit: str, scale: str | None, raw: int, value: str) -> None:
    found, _ = one(point(quantity, "u16", unit, scale=scale), struct.pack(">H", raw))
    assert isinstance(found, Decimal) and found.as_tuple() == Decimal(value).as_tuple()


@pytest.mark.proves("G-362")
def test_floats_are_scaled_exactly() -> None:
    assert one(point("voltage_l1", "f32", scale="0.5"), struct.pack(">f", 230.1)) == (Decimal("115.05"), Quality.GOOD)


@pytest.mark.proves("G-362")
@pytest.mark.parametrize(
    ("type", "invalid", "data"),
    [
        ("u16", ["0xFFFF"], "FFFF"),
        ("s16", [-1, 7], "FFFF"),
        ("s16", [-1, 7], "0007"),
        ("u32", ["0xFFFFFFFF", 0], "00000000"),
        ("s32", ["0x80000000"], "80000000"),
        ("u64", ["0x7FFFFFFFFFFFFFFF"], "7FFFFFFFFFFFFFFF"),
        ("f32", ["0x7F800000"], "7F800000"),
        ("f32", [], "7FC00000"),
        ("bcd32", ["0x99999999"], "99999999"),
    ],
)
def test_raw_values_that_mean_nothing_are_missing(type: str, invalid: list[object], data: str) -> None:
    octets = bytes.fromhex(data)
    assert one(point("voltage_l1", type, invalid=invalid), octets) == (None, Quality.MISSING)
    swapped = b"".join(octets[at : at + 2] for at in range(len(octets) - 2, -1, -2))
    assert one(point("voltage_l1", type, invalid=invalid), swapped, LITTLE_WORDS) == (None, Quality.MISSING)


@pytest.mark.proves("G-362")
def test_digits_that_are_none_are_invalid() -> None:
    assert one(point("voltage_l1", "bcd16"), b"\x12\xab") == (None, Quality.INVALID)


@pytest.mark.proves("G-362")
def test_a_power_of_ten_from_a_register() -> None:
    text = point("active_power_total", "s32", "kW", scale_register=20) + point(
        "voltage_l1", address=12, scale_register=20
    )
    unit = Unit()
    unit.store.holding.write(10, struct.pack(">iH", 1234, 2301))
    unit.store.holding.write(20, struct.pack(">h", -1))
    driver = MappedDriver(unit, meter_map=made(text))
    power, voltage = run(driver.read())
    assert (str(power.value), str(voltage.value)) == ("1.234E+5", "230.1")
    unit.store.holding.write(20, struct.pack(">h", 99))
    assert [reading.quality for reading in run(driver.read())] == [Quality.INVALID, Quality.INVALID]


@pytest.mark.proves("G-362")
@pytest.mark.parametrize(
    ("type", "more", "modulus"),
    [
        ("u32", {"scale": "0.1"}, Scaled(2**32, 2)),
        ("bcd32", {}, Scaled(10**8, 3)),
        ("u64", {"modulus": "1000000"}, Scaled(1_000_000, 3)),
        ("s32", {}, None),
        ("f32", {}, None),
        ("u32", {"scale_register": 20}, None),
    ],
)
def test_where_a_counter_begins_anew(type: str, more: dict[str, object], modulus: Scaled | None) -> None:
    (found,) = made(point("active_energy_import_total", type, "kWh", **more)).points
    assert found.modulus == modulus


@pytest.mark.proves("G-362")
def test_bits_coils_and_inputs() -> None:
    text = (
        point("input_state_1", "bool", None, 10, bit=3)
        + point("output_state_2", "bool", None, 5, function=1, access="rw")
        + point("input_state_3", "bool", None, 7, function=2)
        + '[[point]]\naddress = 10\ntype = "bool"\nbit = 15\nflag = "Fan stopped"\n'
    )
    found = made(text)
    unit = Unit()
    unit.store.holding.write(10, bytes.fromhex("8008"))
    unit.store.coils[5] = False
    unit.store.discrete_inputs[7] = True
    driver = MappedDriver(unit, meter_map=found)
    values = {reading.point: reading.value for reading in run(driver.read())}
    assert values == {
        "holding.input_state_1": 1,
        "holding.flag_fan_stopped": 1,
        "coils.output_state_2": 0,
        "inputs.input_state_3": 1,
    }
    run(driver.write({"output_state_2": 1}))
    assert unit.store.coils[5] is True
    with pytest.raises(ReadOnly):
        run(driver.write({"input_state_3": 1}))
    assert [point.flag for point in found.points] == ["", "", "", "Fan stopped"]
    little = made(text, LITTLE_OCTETS)
    unit.store.holding.write(10, bytes.fromhex("0880"))
    assert run(MappedDriver(unit, meter_map=little).read("input_state_1"))[0].value == 1


def test_reads_across_gaps_and_in_pieces() -> None:
    text = point("voltage_l1", address=10) + point("voltage_l2", address=14) + point("frequency", "u16", "Hz", 60)
    for head, asked in (
        ("", 3),
        ("max_gap = 3\n", 2),
        ("max_gap = 50\n", 1),
        ("max_gap = 50\nmax_registers = 10\n", 2),
    ):
        unit = Unit()
        unit.store.holding.write(0, bytes(200))
        run(MappedDriver(unit, meter_map=made(text, head)).read())
        assert len(unit.asked) == asked, head


def test_one_based_numbers() -> None:
    unit = Unit()
    unit.store.holding.write(9, struct.pack(">H", 230))
    (reading,) = run(MappedDriver(unit, meter_map=made(point("voltage_l1"), "base = 1\n")).read())
    assert reading.value == 230


def test_who_it_is() -> None:
    text = (
        '[serial]\naddress = 0\ntype = "u32"\n[firmware]\naddress = 2\ntype = "str"\nregisters = 2\n'
        '[clock]\naddress = 4\ntype = "unix32"\naccess = "rw"\n' + point("voltage_l1")
    )
    unit = Unit()
    unit.store.holding.write(0, struct.pack(">I4sI", 4711, b"2.1 ", 1_700_000_000) + bytes(10))
    driver = MappedDriver(unit, meter_map=made(text))
    info = run(driver.info())
    assert (info.serial, info.firmware, info.type) == ("4711", "2.1", "M")
    assert run(driver.read("clock"))[0].value == 1_700_000_000
    run(driver.write({"clock": 1_800_000_000}))
    assert run(driver.read("clock"))[0].value == 1_800_000_000


@pytest.mark.proves("G-362")
@pytest.mark.parametrize(
    ("text", "line", "key", "why"),
    [
        (point("voltage_l9"), 5, "quantity", "no such quantity"),
        (point("voltage_l1", unit="A"), 8, "unit", "another dimension"),
        (point("voltage_l1") + point("frequency", "u32", "Hz", 9), 11, "address", "overlaps voltage_l1"),
        (point("voltage_l1", "u32", address=65535), 6, "address", "beyond 65536"),
        (point("active_energy_import_total", "f32", "Wh", modulus="1000"), 9, "modulus", "has none"),
        (point("voltage_l1") + point("VOLTAGE_L1", address=20), 10, "quantity", "two points"),
        (point("voltage_l1", unit=None), 4, "unit", "missing"),
        (point("voltage_l1", scale="0.1x"), 9, "scale", "decimal number"),
        (point("voltage_l1", scale="1", scale_register=3), 10, "scale_register", "exclude"),
        (point("voltage_l1", invalid=["0x1FFFF"]), 9, "invalid", "16 bits"),
        (point("voltage_l1", access="rw"), 9, "access", "coils"),
        (point("voltage_l1", colour="red"), 9, "colour", "unknown key"),
        (point("input_state_1", "bool", None), 4, "bit", "missing"),
        (point("voltage_l1", "u17"), 7, "type", "one of"),
        ("", None, "point", "missing"),
        (point("voltage_l1", address=-1), 6, "address", "from 0"),
    ],
)
def test_what_is_refused_when_loaded(text: str, line: int | None, key: str, why: str) -> None:
    with pytest.raises(InvalidFile) as refused:
        made(text)
    message = str(refused.value)
    assert why in message and f"{key}:" in message
    assert message.startswith(f"m.toml, line {line}:" if line else "m.toml:"), message


def test_names_and_units_are_those_of_the_interface() -> None:
    table = {row.name.lower(): row for row in ROWS.values()}
    for name, quantity in QUANTITIES.items():
        row = table[name]
        assert (quantity.kind, quantity.unit, quantity.phase) == (row.kind, row.unit, row.phase), name
        if quantity.obis is not None and name not in ("active_energy_net_total",):
            assert quantity.obis == row.logical_name, name
    assert not {*PORT_STATES} & {*table}
    numeric = {
        name
        for name, row in table.items()
        if row.type not in ("table", "text", "date-time", "enum", "u16[16]", "u8[4]") and "table" not in row.type
    }
    missing = numeric - {*QUANTITIES}
    assert not [name for name in missing if not name.startswith(("io_pulse", "nrg_", "rstreg_", "tariff_", "trafo_"))]
    assert QUANTITIES["tariff_active"].unit is NONE


def test_the_family_and_its_address(tmp_path: Path) -> None:
    assert registry.family("map").load("driver") is MappedDriver
    place = parse_url(f"map+tcp://127.0.0.1:502?unit=1&map={EXAMPLE}")
    assert MappedDriver.url_options(place)["meter_map"].name == "acme-3p"
    with pytest.raises(InvalidURL, match="map file is missing"):
        MappedDriver.url_options(parse_url("map+tcp://127.0.0.1:502?unit=1"))
    assert find_map("acme-3p", [HERE]) == EXAMPLE
    (tmp_path / "other.toml").write_text("[gateway]\n")
    (tmp_path / "m.toml").write_text(HEAD + point("voltage_l1"))
    assert [found.name for found in maps_in([HERE, tmp_path])] == ["acme-3p", "m"]
    with pytest.raises(UnknownName, match="nowhere"):
        find_map("nowhere", [HERE])
