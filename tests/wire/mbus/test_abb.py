"""The telegrams of real ABB meters and of ABB's manual, down to their values."""
# ruff: noqa: DTZ001  (meters tell local time without a zone)

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from wattproof.model.values import Quality, Scaled
from wattproof.wire.mbus.abb import MAKER
from wattproof.wire.mbus.declarations import Declaration
from wattproof.wire.mbus.dib import DataField, Dib, Function
from wattproof.wire.mbus.frames import Long, decode
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.records import Record, decode_records
from wattproof.wire.mbus.telegrams import Identification, Telegram, decode_answer, status_texts

Frames = dict[str, dict[str, Any]]


def telegram(abb: Frames, name: str) -> Telegram:
    frame = decode(abb[name]["frame"])
    assert isinstance(frame, Long)
    answer = decode_answer(frame)
    assert isinstance(answer, Telegram)
    return answer


@pytest.fixture(scope="module")
def a41(abb: Frames) -> list[Record]:
    """All records of the readout of an A41 513-100."""
    return [record for number in range(1, 6) for record in telegram(abb, f"a41-readout-{number}")]


def find(records: list[Record], dib: str, vib: str) -> Record:
    """The record with these bytes of abb-meters.md 1.12, whatever its status."""
    key = Declaration.parse(dib, vib, MAKER).key
    (found,) = [record for record in records if record.key == key]
    return found


def number(record: Record) -> tuple[Decimal, str]:
    """Value and unit."""
    value = record.value
    assert isinstance(value, Scaled), repr(record)
    return value.decimal, str(record.unit)


#: Statement, DIB, VIB, quantity, value, unit of the A41's readout.
A41 = [
    ("A-050", "0E", "04", "active_energy_import", "39130", "Wh"),
    ("A-050", "8E 10", "04", "active_energy_import", "39130", "Wh"),
    ("A-050", "8E 20", "04", "active_energy_import", "0", "Wh"),
    ("A-050", "8E 30", "04", "active_energy_import", "0", "Wh"),
    ("A-050", "8E 80 10", "04", "active_energy_import", "0", "Wh"),
    ("A-051", "01", "FF 13", "active_tariff", "1", ""),
    ("A-054", "04", "FF 18", "power_fail_counter", "927", ""),
    ("A-054", "0E", "FF 6C", "power_outage_time", "15", "s"),
    ("A-055", "04", "29", "active_power", "18.68", "W"),
    ("A-055", "84 80 40", "29", "reactive_power", "-3.33", "var"),
    ("A-055", "84 80 80 40", "29", "apparent_power", "38.10", "VA"),
    ("A-055", "04", "FD C8 FF 01", "voltage", "230.6", "V"),
    ("A-055", "04", "FD D9 FF 01", "current", "0.166", "A"),
    ("A-055", "0A", "FF 59", "frequency", "50.25", "Hz"),
    ("A-055", "02", "FF 60", "power_factor", "0.491", ""),
    ("A-055", "02", "FF 52", "phase_angle_power", "-60.6", "°"),
    ("A-055", "02", "FF C2 FF 01", "phase_angle_voltage", "0.0", "°"),
    ("A-055", "02", "FF CA FF 01", "phase_angle_current", "-10.1", "°"),
    ("A-055", "01", "FF 17", "quadrant", "4", ""),
    ("A-056", "8E C0 40", "04", "reactive_energy_export", "8550", "varh"),
    ("A-056", "8E D0 40", "04", "reactive_energy_export", "8550", "varh"),
    ("A-057", "81 40", "FD 1A", "digital_output", "0", ""),
    ("A-057", "81 80 40", "FD 1A", "digital_output", "0", ""),
    ("A-057", "81 C0 40", "FD 1B", "digital_input", "0", ""),
    ("A-057", "81 80 80 40", "FD 1B", "digital_input", "0", ""),
    ("A-057", "C1 C0 40", "FD 1B", "digital_input", "1", ""),
    ("A-057", "C1 80 80 40", "FD 1B", "digital_input", "1", ""),
    ("A-057", "8E 40", "FD 61", "cumulation_counter", "1", ""),
    ("A-057", "8E 80 40", "FD 61", "cumulation_counter", "1", ""),
    ("A-057", "8E C0 40", "FD 61", "cumulation_counter", "1", ""),
    ("A-057", "8E 80 80 40", "FD 61", "cumulation_counter", "1", ""),
    ("A-058", "0E", "84 FF 72", "active_energy_import", "39130", "Wh"),
    ("A-058", "04", "FF 71", "reset_counter", "0", ""),
    ("A-058", "84 C0 40", "FF 71", "reset_counter", "0", ""),
    ("A-058", "0E", "FF F9 44", "energy_in_co2", "39.139", "kg"),
    ("A-058", "0E", "FF F9 49", "energy_in_currency", "39.14", "currency"),
    ("A-058", "04", "FF 24", "co2_factor", "1.000", "kg/kWh"),
    ("A-058", "04", "FF 25", "currency_factor", "1.000", "currency/kWh"),
    ("A-059", "8E 80 80 40", "04", "apparent_energy_import", "76860", "VAh"),
    ("A-059", "87 80 C0 40", "04", "active_energy_net", "39130", "Wh"),
    ("A-059", "87 C0 C0 40", "04", "reactive_energy_net", "-8550", "varh"),
    ("A-059", "87 80 80 80 40", "04", "apparent_energy_net", "76860", "VAh"),
]


@pytest.mark.proves("A-050", "A-051", "A-054", "A-055", "A-056", "A-057", "A-058", "A-059")
@pytest.mark.parametrize(
    ("dib", "vib", "quantity", "value", "unit"), [row[1:] for row in A41], ids=[f"{row[0]}-{row[3]}" for row in A41]
)
def test_the_a41_sends_these_values(
    a41: list[Record], dib: str, vib: str, quantity: str, value: str, unit: str
) -> None:
    record = find(a41, dib, vib)
    assert number(record) == (Decimal(value), unit)
    assert record.quantity == quantity
    assert record.quality is Quality.GOOD
    assert record.header.known


@pytest.mark.proves("A-051", "A-057", "A-044")
@pytest.mark.parametrize(
    ("dib", "vib"),
    [("04", f"FF 2{n}") for n in range(4)]
    + [(dib, "FD 1A") for dib in ("81 C0 40", "81 80 80 40")]
    + [(dib, "FD 1B") for dib in ("81 40", "81 80 40", "C1 40", "C1 80 40")],
)
def test_what_the_a41_does_not_have_is_missing_and_not_zero(a41: list[Record], dib: str, vib: str) -> None:
    record = find(a41, dib, vib)
    assert (record.value, record.content, record.status) == (None, 0, 0x15)
    assert (record.quality, record.problem) == (Quality.MISSING, "no data available")


@pytest.mark.proves("A-052", "A-044")
def test_the_a41_warns_that_its_date_and_time_are_not_set(abb: Frames, a41: list[Record]) -> None:
    flags = {name: number(find(a41, "07", vib))[0] for name, vib in FLAGS.items()}
    assert flags == {"error": 0, "warning": 1 << 10 | 1 << 11, "information": 0, "alarm": 0}
    clock = find(a41, "0E", "6D")
    assert (clock.value, clock.quality, clock.problem) == (None, Quality.INVALID, "data error")
    assert str(clock.content) == "2010-01-01 01:01:01"
    header = telegram(abb, "a41-readout-1").header
    assert isinstance(header, Identification)
    assert status_texts(header.status) == ["temporary error"]


FLAGS = {"error": "FF 26", "warning": "FF 27", "information": "FF 28", "alarm": "FF 29"}


@pytest.mark.proves("A-053")
def test_the_a41_says_who_it_is(abb: Frames, a41: list[Record]) -> None:
    assert find(a41, "0D", "FD 0E").value == "A1.12.0"
    assert find(a41, "0D", "FF 2A").value == "A41 513-100"
    header = telegram(abb, "a41-readout-3").header
    assert isinstance(header, Identification)
    assert (header.address.number, header.address.letters, header.access) == ("00217819", "ABB", 13)


@pytest.mark.proves("A-060")
def test_the_a41_has_one_set_of_previous_values(abb: Frames) -> None:
    stored = telegram(abb, "a41-readout-5")
    assert {record.storage for record in stored} == {1}
    stamp, *values = stored.records
    assert isinstance(stamp.value, Moment)
    assert stamp.value.datetime == datetime(2000, 1, 1)
    assert [number(record)[0] for record in values] == [0] * 12 + [1] * 4
    assert stored.body.tail == b"\x0f"
    assert not stored.more_follow


@pytest.mark.proves("A-061", "A-035")
def test_five_telegrams_hold_97_records(abb: Frames, a41: list[Record]) -> None:
    telegrams = [telegram(abb, f"a41-readout-{number}") for number in range(1, 6)]
    assert [len(one.records) for one in telegrams] == [23, 24, 16, 17, 17]
    assert len(a41) == 97
    assert [one.more_follow for one in telegrams] == [True] * 4 + [False]
    assert len({record.key for record in a41}) == len(a41)


@pytest.mark.proves("A-062")
def test_the_b23_misses_two_voltages(abb: Frames) -> None:
    first = telegram(abb, "b23-readout-1")
    records = list(first)
    flags = {name: int(number(find(records, "07", vib))[0]) for name, vib in FLAGS.items()}
    assert flags["warning"] == 1 << 1 | 1 << 2
    assert flags["alarm"] == flags["information"] >> 13 == 0xD90DB0
    assert find(records, "0D", "FF 2A").value == "B23 212-100"
    assert first.more_follow


@pytest.mark.proves("A-063", "A-043")
def test_demand_of_the_running_period(abb: Frames) -> None:
    first = telegram(abb, "a43-demand-1")
    interval, sub_interval, *pairs, end = first.records
    assert [number(interval), number(sub_interval)] == [(15, "min"), (1, "min")]
    values = [(str(one), stamp.value) for one, stamp in zip(pairs[::2], pairs[1::2], strict=True)]
    assert [text for text, _ in values] == [
        "maximum active_power fixed demand level 1 = 131.58 W",
        "maximum active_power fixed demand level 2 = 6.18 W",
        "maximum active_power fixed demand level 3 = no data available",
        "minimum active_power sliding demand level 1 = 3.96 W",
        "maximum reactive_power sliding demand level 1 subunit 2 = 21.60 var",
        "maximum reactive_power sliding demand level 2 subunit 2 = 19.20 var",
        "maximum reactive_power sliding demand level 3 subunit 2 = 16.56 var",
        "minimum reactive_power fixed demand level 1 subunit 2 = 0.00 var",
    ]
    assert values[0][1] == Moment(2014, 8, 16, 0, 15, 0)
    assert "end of demand period" in [qualifier.name for qualifier in end.qualifiers]
    assert end.value == Moment(2014, 8, 16, 0, 42, 4)
    assert first.more_follow


@pytest.mark.proves("A-064")
def test_demand_of_the_last_period(abb: Frames) -> None:
    _, _, power, stamp, pulses, when, end = telegram(abb, "a43-demand-6").records
    assert (power.storage, power.tariff, power.function) == (1, 2, Function.MAXIMUM)
    assert (number(power), stamp.value) == ((Decimal("90.18"), "W"), Moment(2014, 8, 15, 14, 0, 0))
    assert [qualifier.name for qualifier in pulses.qualifiers] == ["per hour", "sliding demand level 1"]
    assert (pulses.subunit, number(pulses)[0], when.value) == (1, 244, Moment(2014, 8, 15, 13, 46, 0))
    assert end.value == Moment(2014, 8, 16, 0, 0, 0)


@pytest.mark.proves("A-065")
def test_previous_values_of_the_manual(abb: Frames) -> None:
    records = list(telegram(abb, "a43-previous-last"))
    assert {record.storage for record in records} == {2}
    energies = [record for record in records if record.quantity == "active_energy_import"]
    assert [number(record)[0] for record in energies] == [5170, 1550, 2270, 310, 1040]
    assert [record.tariff for record in energies] == [0, 1, 2, 3, 4]


@pytest.mark.proves("A-066")
def test_net_quality_log_of_the_manual(abb: Frames) -> None:
    log = telegram(abb, "a43-netquality-1")
    codes, stamps, durations = (log.records[start::3] for start in range(3))
    assert [int(number(record)[0]) for record in codes] == [2017, 2014, 1008, 1000, 2018]
    assert {record.quantity for record in codes} == {"net_quality_log_event"}
    assert [number(record) for record in durations] == [(seconds, "s") for seconds in (989, 989, 999, 999, 999)]
    assert {str(record.value) for record in stamps} == {"2010-01-06 23:47:21", "2010-01-06 23:47:11"}
    assert [str(qualifier) for qualifier in stamps[0].qualifiers] == ["start of"]
    assert log.more_follow


@pytest.mark.proves("A-043")
@pytest.mark.parametrize(
    ("octets", "text", "known"),
    [
        ("02 FF EE FF 82 FF F8 85 00 2A 00", "voltage_harmonic L2 number 5 = 4.2 %", True),
        ("02 FF ED FF 84 FF F8 80 15 00 00", "current_harmonic N number 0 = no data available", True),
        ("0E 84 FF FE 09 00 00 00 00 00 00", "active_energy_import interval status 9 = 0 Wh", True),
        ("04 FD C8 FF 87 00 02 09 00 00", "voltage L1-L3 = 230.6 V", True),
        ("02 FF F9 8A 18 50 00", "manufacturer_specific ABB VIFE F9 10 = data error", False),
        ("01 FF AD 00 01", "manufacturer_specific ABB VIFE 45 = 1", False),
        ("01 FF 01", "", None),
        ("04 FF F9 B8 FF 83 00 01 00 00 00", "manufacturer_specific L3 load profile of channel = 1", True),
    ],
)
def test_chains_of_manufacturer_codes(octets: str, text: str, known: bool | None) -> None:
    data = bytes.fromhex(octets)
    if known is None:  # a qualifier alone, and no data behind it
        assert [str(record) for record in decode_records(data + b"\x05", MAKER).records] == [
            "manufacturer_specific L1 = 5"
        ]
        return
    (record,) = decode_records(data, MAKER).records
    assert (str(record), record.header.known) == (text, known)
    assert record.raw == data


@pytest.mark.parametrize("status", [None, 0, 0x15])
@pytest.mark.parametrize(
    ("dib", "vib"),
    [("0E", "04"), ("8E 80 50", "04"), ("87 80 80 80 40", "84 FF 01"), ("02", "FF EE FF 81 FF F8 05"), ("0D", "FF 2A")],
)
def test_a_declaration_finds_and_makes_its_record(dib: str, vib: str, status: int | None) -> None:
    declared = Declaration.parse(dib, vib, MAKER)
    value = "A44 552-100" if dib == "0D" else 4711
    record = declared.record(value, status)
    (read,) = decode_records(record.raw, MAKER).records
    assert read == record
    assert read.key == declared.key
    assert (read.content, read.status) == (value, status)
    assert read.raw.startswith(bytes.fromhex(dib))
    missing = declared.record(None, 0x15)
    assert (missing.quality, set(missing.data)) == (Quality.MISSING, {0})


def test_numbers_in_the_unit_of_the_record_are_scaled_exactly() -> None:
    power = Declaration(Dib(DataField.INT32), b"\x29", MAKER)
    assert power.record(Scaled.of("18.68"), 0).raw == bytes.fromhex("04 A9 00 4C 07 00 00")
    assert power.record(Scaled(2, 1), 0).content == 2000
    with pytest.raises(ValueError, match="more digits"):
        power.record(Scaled.of("18.685"))
    with pytest.raises(ValueError, match="no value of type B"):
        power.record(Scaled.of("99999999.99"))


@pytest.mark.parametrize("subunit", range(9))
def test_the_subunit_decides_the_unit_of_a_power_as_of_its_energy(subunit: int) -> None:
    dib = Dib(DataField.INT32, Function.MAXIMUM, 1, 0, subunit)
    power = number(Declaration(dib, bytes.fromhex("A9 FF F9 51"), MAKER).record(2160, 0))
    energy = number(Declaration(Dib(DataField.BCD12, subunit=subunit), b"\x04", MAKER).record(1, 0))
    assert power == (Decimal("21.60"), energy[1].removesuffix("h"))


@pytest.mark.proves("A-043")
@pytest.mark.parametrize(
    ("vib", "status", "unknown"),
    [
        ("FF FA 05", None, ["ABB VIFE FA 5"]),
        ("FF FA 85 15", 0x15, ["ABB VIFE FA 5"]),
        ("84 FF FC 81 FF F1 00", 0, ["ABB VIFE FC 1", "reset_counter"]),
        ("FF F7 05", 0x05, ["ABB VIFE 119"]),
    ],
)
def test_what_belongs_to_an_unknown_code_is_no_status(vib: str, status: int | None, unknown: list[str]) -> None:
    (record,) = decode_records(bytes.fromhex(f"01 {vib} 07"), MAKER).records
    assert (record.status, [str(qualifier) for qualifier in record.qualifiers]) == (status, unknown)
