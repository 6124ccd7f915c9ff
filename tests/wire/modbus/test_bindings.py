"""Rows: found by name, decoded with scale and meaning, encoded within what is allowed."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from wattproof.errors import InvalidValue, ReadOnly, UnknownName
from wattproof.model.quantities import Kind, Quantity
from wattproof.model.units import BIT_PER_SECOND, VOLT, WATT_HOUR
from wattproof.model.values import Quality
from wattproof.wire.modbus.bindings import (
    Access,
    Block,
    Point,
    RegisterMap,
    decode_block,
    decode_reading,
    decode_readings,
    encode_value,
    exponent_of,
)
from wattproof.wire.modbus.image import RegisterImage
from wattproof.wire.modbus.types import (
    ACC32,
    BITFIELD32,
    ENUM16,
    FLOAT32,
    INT16,
    SUNSSF,
    UINT16,
    UINT32,
    bcd,
    blob,
    string,
)

RW = Access.READ_WRITE
ENERGY = Quantity("energy", Kind.COUNTER, WATT_HOUR, obis="1-0:1.8.0*255")
VOLTAGE = Quantity("voltage", Kind.GAUGE, VOLT, phase="L1")
STATE = Quantity("state", Kind.STATE)
TEXT = Quantity("text", Kind.TEXT)
NUMBER = Quantity("number", Kind.SETTING)

POINTS = (
    Point("TotWh", 0, ACC32, ENERGY, scale="Wh_SF"),
    Point("Wh_SF", 2, SUNSSF, NUMBER),
    Point("V", 3, INT16, VOLTAGE, scale=-1),
    Point("St", 4, ENUM16, STATE, RW, symbols={0: "valid", 2: "updating"}, allowed={2}),
    Point("Evt", 5, BITFIELD32, STATE, symbols={0: "power", 3: "over-voltage"}),
    Point("Nam", 7, string(4), TEXT, RW),
    Point("BK", 11, UINT16, NUMBER),
    Point("K", 12, blob(3), Quantity("key", Kind.BLOB), length="BK"),
    Point("DA", 15, UINT16, NUMBER, RW, allowed=range(1, 248)),
    Point("Rte", 16, UINT32, Quantity("baud rate", Kind.SETTING, BIT_PER_SECOND), RW, allowed={9600, 19200}),
    Point("F", 18, FLOAT32, VOLTAGE, RW, scale=3),
    Point("D", 20, bcd(1), NUMBER, RW, allowed=lambda raw: raw != 13),
    Point("S", 21, UINT16, NUMBER, RW, scale="Wh_SF"),
)
METER = Block("meter", 100, 22, POINTS, id=1, aliases=("m", "mtr"))
OTHER = Block("other", 200, 3, (Point("V", 0, INT16, VOLTAGE), Point("Only", 1, INT16, VOLTAGE)))
MAP = RegisterMap([OTHER, METER])
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def image(**values: str) -> RegisterImage:
    """Registers of the block, zero but for the points named, given as hexadecimal bytes."""
    known = RegisterImage(100, bytes(44))
    for name, data in values.items():
        known.write(METER.address_of(name), bytes.fromhex(data))
    return known


#: (point, bytes, bytes of Wh_SF, value, quality, raw)
READINGS = [
    ("TotWh", "00bc614e", "0000", Decimal(12_345_678), Quality.GOOD, 12_345_678),
    ("TotWh", "00bc614e", "fffe", Decimal("123456.78"), Quality.GOOD, 12_345_678),
    ("TotWh", "00000000", "0001", Decimal(0), Quality.GOOD, 0),
    ("TotWh", "00bc614e", "8000", None, Quality.MISSING, 12_345_678),
    ("TotWh", "00bc614e", "000b", None, Quality.INVALID, 12_345_678),
    ("V", "08ef", "0000", Decimal("228.7"), Quality.GOOD, 2287),
    ("V", "8000", "0000", None, Quality.MISSING, None),
    ("St", "0002", "0000", "updating", Quality.GOOD, 2),
    ("St", "0007", "0000", "7", Quality.GOOD, 7),
    ("St", "ffff", "0000", None, Quality.MISSING, None),
    ("Evt", "00000009", "0000", "power, over-voltage", Quality.GOOD, 9),
    ("Evt", "00000000", "0000", "none", Quality.GOOD, 0),
    ("Evt", "00000002", "0000", "bit 1", Quality.GOOD, 2),
    ("Evt", "80000000", "0000", None, Quality.MISSING, None),
    ("Nam", "6162630000000000", "0000", "abc", Quality.GOOD, "abc"),
    ("Nam", "0000000000000000", "0000", None, Quality.MISSING, None),
    ("F", "3fc00000", "0000", Decimal(1500), Quality.GOOD, "1.5"),
    ("F", "7f800000", "0000", None, Quality.INVALID, "inf"),
    ("D", "1234", "0000", Decimal(1234), Quality.GOOD, 1234),
    ("D", "12a4", "0000", None, Quality.INVALID, None),
]


@pytest.mark.proves("B-041", "B-043", "B-044", "B-045")
@pytest.mark.parametrize(("name", "data", "factor", "value", "quality", "raw"), READINGS)
def test_registers_become_readings(
    name: str, data: str, factor: str, value: object, quality: Quality, raw: object
) -> None:
    reading = decode_reading(METER.bind(name), image(Wh_SF=factor, **{name: data}), NOW)
    assert (reading.value, reading.quality, reading.raw) == (value, quality, raw)
    assert (reading.point, reading.time) == (f"meter.{name}", NOW)
    assert reading.unit == METER.point(name).quantity.unit.symbol


@pytest.mark.parametrize(
    ("used", "value", "quality"),
    [
        ("0003", b"\x12\x34\x56", Quality.GOOD),
        ("0006", b"\x12\x34\x56\x78\x9a\xbc", Quality.GOOD),
        ("0000", None, Quality.MISSING),
        ("ffff", None, Quality.MISSING),
        ("0007", None, Quality.INVALID),
    ],
)
@pytest.mark.proves("B-042")
def test_a_blob_is_as_long_as_its_length_point_says(used: str, value: bytes | None, quality: Quality) -> None:
    reading = decode_reading(METER.bind("K"), image(BK=used, K="123456789abc"), NOW)
    assert (reading.value, reading.quality) == (value, quality)


def test_many_points_are_decoded_like_each_of_them() -> None:
    known = image(TotWh="00bc614e", Wh_SF="fffe", V="08ef", S="0005")
    readings = decode_readings(METER, known, NOW)
    assert readings == decode_block(METER, known, NOW) == [decode_reading(bound, known, NOW) for bound in METER]
    assert [reading.value for reading in readings if reading.point in ("meter.TotWh", "meter.S")] == [
        Decimal("123456.78"),
        Decimal("0.05"),
    ]


def test_registers_that_were_not_read_are_missing() -> None:
    readings = decode_block(METER, RegisterImage(100, bytes(4)), None)
    assert [reading.quality for reading in readings] == [Quality.MISSING] * len(POINTS)
    assert exponent_of(METER.bind("TotWh"), RegisterImage()) is None


#: (point, value, exponent, bytes)
WRITES = [
    ("St", "updating", 0, "0002"),
    ("St", 2, 0, "0002"),
    ("St", "2", 0, "0002"),
    ("Nam", "abc", 0, "6162630000000000"),
    ("Nam", None, 0, "0000000000000000"),
    ("DA", "0042", 0, "002a"),
    ("Rte", Decimal(19_200), 0, "00004b00"),
    ("F", "1500", 3, "3fc00000"),
    ("D", 1234, 0, "1234"),
    ("S", "12.5", -1, "007d"),
]


@pytest.mark.parametrize(("name", "value", "exponent", "data"), WRITES)
def test_values_become_registers(name: str, value: Decimal | int | str | None, exponent: int, data: str) -> None:
    assert encode_value(METER.bind(name), value, exponent).hex() == data


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DA", 0, "1 to 247"),
        ("DA", 248, "1 to 247"),
        ("DA", "42.5", "digits"),
        ("DA", "forty-two", "1 to 247"),
        ("DA", b"\x2a", "number"),
        ("Rte", 12_345, "9600, 19200"),
        ("St", "valid", "allowed are 2"),
        ("St", 65_536, "allowed are 2"),
        ("D", 13, "D"),
        ("D", 10_000, "digits"),
        ("Nam", "nine chars", "8 bytes"),
        ("S", 70_000, "uint16"),
    ],
)
def test_what_is_not_allowed_is_refused_with_the_remedy(name: str, value: str | int | bytes, says: str) -> None:
    with pytest.raises(InvalidValue, match=says) as caught:
        encode_value(METER.bind(name), value)
    assert f"meter.{name}" in str(caught.value)


def test_what_can_only_be_read_is_not_written() -> None:
    with pytest.raises(ReadOnly, match=r"meter\.TotWh"):
        encode_value(METER.bind("TotWh"), 1)


@pytest.mark.parametrize("text", ["meter.V", "METER/v", "m.V", "Mtr/V"])
def test_points_are_found_by_block_and_name(text: str) -> None:
    (found,) = MAP.find(text)
    assert (found.path, found.address, found.registers) == ("meter.V", 103, 1)


def test_bare_names_and_whole_blocks_are_found() -> None:
    assert [found.path for found in MAP.find("only")] == ["other.Only"]
    assert [found.point for found in MAP.find("mtr")] == list(POINTS)
    assert MAP.block("M") is METER


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("V", "meter.V, other.V"),
        ("meter.Wh_FS", "Wh_SF"),
        ("meters.V", "meter"),
        ("onl", "Only"),
        ("", "''"),
        ("meter.", "''"),
    ],
)
def test_unknown_names_say_what_there_is(text: str, says: str) -> None:
    with pytest.raises(UnknownName, match=says):
        MAP.find(text)


def test_addresses_lead_back_to_points() -> None:
    assert METER.address_of("Rte") == 116
    found = MAP.at(117)
    assert found is not None
    assert found.path == "meter.Rte"
    assert MAP.at(99) is None
    assert MAP.at(202) is None
    assert MAP.boundaries() == [100 + point.offset for point in POINTS] + [200, 201]


@pytest.mark.parametrize(
    "points",
    [
        (Point("A", 2, ACC32, ENERGY),),
        (Point("A", 0, INT16, VOLTAGE), Point("A", 1, INT16, VOLTAGE)),
        (Point("A", 0, INT16, VOLTAGE, scale="A_SF"),),
        (Point("A", -1, INT16, VOLTAGE),),
    ],
    ids=["beyond the end", "one name twice", "scale that is no point", "before the begin"],
)
def test_wrong_tables_are_found_when_they_are_made(points: tuple[Point, ...]) -> None:
    with pytest.raises(InvalidValue):
        Block("wrong", 0, 3, points)


def test_overlapping_blocks_and_shared_names_are_refused() -> None:
    with pytest.raises(InvalidValue, match="overlap"):
        RegisterMap([METER, Block("late", 121, 1, ())])
    with pytest.raises(InvalidValue, match="called"):
        RegisterMap([METER, Block("Mtr", 300, 1, ())])
