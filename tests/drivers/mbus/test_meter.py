"""Any meter on M-Bus: names of its records, and what is kept of them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.mbusline import BusLink, PlayedMeter, good_frame
from wattproof.drivers.mbus.address import Address, address_of
from wattproof.drivers.mbus.meter import MbusMeter, status_of
from wattproof.drivers.mbus.names import named
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import FrameError, InvalidURL, Refused, UnknownName
from wattproof.io.url import parse_url
from wattproof.model.values import Quality
from wattproof.wire.mbus.frames import Long, decode
from wattproof.wire.mbus.telegrams import Telegram, decode_answer


def meter_of(*telegrams: bytes, number: str | None = None, address: str = "3") -> MbusMeter:
    return MbusMeter(BusLink([PlayedMeter(telegrams, 3, number)]).bus(), Address.parse(address))


def test_records_of_a_heat_meter_have_readable_names(vectors: Path) -> None:
    meter = meter_of(good_frame(vectors, "kamstrup_multical_601"))
    found = {reading.point: reading for reading in run_blocking(meter.read())}
    assert list(found)[:10] == [
        "fabrication_number",
        "energy",
        "volume",
        "on_time",
        "flow_temperature",
        "return_temperature",
        "temperature_difference",
        "power",
        "power.max",
        "volume_flow",
    ]
    assert (found["energy"].value, found["energy"].unit, found["energy"].raw) == (Decimal(37351000), "Wh", 37351)
    assert (found["power.max.s1"].value, found["energy.s1.t2"].value) == (Decimal(55000), 0)
    assert found["date_time"].value == "2011-01-05T15:26:00"
    assert found["date.s1"].value == "2010-12-31"
    assert found["energy.u3"].quantity == "energy"
    assert meter.details("power.max.s1") == {
        "function": "maximum",
        "storage": 1,
        "tariff": 0,
        "subunit": 0,
        "phase": None,
        "qualifiers": [],
        "problem": None,
        "record": "542d26020000",
    }
    assert meter.details("counter.1") == {}
    info = run_blocking(meter.info())
    assert (info.model, info.manufacturer, info.type, info.serial) == ("mbus", "KAM", "heat, outlet", "06855817")


def test_points_are_chosen_by_name_pattern_and_case(vectors: Path) -> None:
    meter = meter_of(good_frame(vectors, "kamstrup_multical_601"))
    chosen = [reading.point for reading in run_blocking(meter.read(["POWER", "energy.s1*", "power*"]))]
    assert chosen == ["power", "energy.s1", "energy.s1.t1", "energy.s1.t2", "energy.s1.u3", "power.max", "power.max.s1"]
    with pytest.raises(UnknownName, match="has sent no record 'voltage'; it has fabrication_number, energy"):
        run_blocking(meter.read(["voltage"]))


def test_every_record_of_every_maker_has_a_name_of_its_own_and_none_is_dropped(vectors: Path) -> None:
    unnamed = 0
    for path in sorted((vectors / "mbus" / "good").glob("*.hex")):
        frame = decode(good_frame(vectors, path.stem))
        assert isinstance(frame, Long)
        answer = decode_answer(frame)
        if not isinstance(answer, Telegram):
            continue
        found = named(answer.records)
        assert [*found.values()] == [*answer.records], path.stem
        for position, (name, record) in enumerate(found.items(), 1):
            if name.startswith("record."):
                assert name == f"record.{position}" and record.value is not None
                unnamed += 1
    assert unnamed == 14


def test_unknown_codes_of_a_maker_come_raw(vectors: Path) -> None:
    meter = meter_of(good_frame(vectors, "siemens_rvd235"))
    found = [reading for reading in run_blocking(meter.read()) if reading.point.startswith("record.")]
    assert [(item.point, item.value, item.raw) for item in found] == [
        ("record.4", Decimal(1), 1),
        ("record.5", Decimal(0), 0),
        ("record.6", Decimal(0), 0),
    ]
    assert meter.details("record.4")["qualifiers"] == ["unknown FD VIF 124"]
    assert meter.details("record.4")["tariff"] == 3
    phases = run_blocking(meter_of(good_frame(vectors, "electricity-meter-1")).read(["*_vife_1"]))
    assert [(item.point, item.value, item.unit) for item in phases][:2] == [
        ("voltage.manufacturer_vife_1", Decimal(237), "V"),
        ("current.manufacturer_vife_1", Decimal("3.2"), "A"),
    ]


def test_an_older_meter_has_two_counters(vectors: Path) -> None:
    meter = MbusMeter(BusLink([PlayedMeter([good_frame(vectors, "manual_frame2")], 5)]).bus(), Address.parse("5"))
    readings = run_blocking(meter.read())
    assert [(item.point, item.value, item.unit) for item in readings] == [
        ("counter.1", Decimal("1"), "l"),
        ("counter.2", Decimal("135"), "l"),
    ]
    assert run_blocking(meter.info()).serial == "12345678"


def test_a_record_with_a_status_has_no_value(a41: list[bytes]) -> None:
    meter = meter_of(*a41)
    found = {item.point: item for item in run_blocking(meter.read(["current_transformer_primary", "date_time"]))}
    assert [(item.value, item.quality) for item in found.values()] == [
        (None, Quality.MISSING),
        (None, Quality.INVALID),
    ]
    assert meter.details("date_time")["problem"] == "data error"
    readout = run_blocking(meter.readout())
    assert status_of(readout.telegrams[0]) == ["temporary error"]


@pytest.mark.parametrize("address", ["00217819", "0021FFFF", "FFFFFFFF", "00217819420420FF", "254"])
def test_a_meter_is_reached_by_its_secondary_address(a41: list[bytes], address: str) -> None:
    assert len(run_blocking(meter_of(*a41, address=address).read())) == 97


def test_two_meters_that_take_turns_at_one_address_are_a_collision(a41: list[bytes]) -> None:
    link = BusLink([one := PlayedMeter(a41, 3), other := PlayedMeter(a41, 3, "00000001")])
    one.spoil = lambda request, answer: None if one.access == 2 else answer
    other.spoil = lambda request, answer: answer if other.access == 2 else None
    with pytest.raises(FrameError, match="0021781942042002 and 0000000142042002 both answer"):
        run_blocking(MbusMeter(link.bus(), Address.parse("3")).read())


def test_a_late_answer_of_another_meter_is_not_taken_for_the_selected_one(a41: list[bytes]) -> None:
    link = BusLink([meter := PlayedMeter(a41, 3)])
    other = PlayedMeter(a41, 4, "00000001")
    meter.spoil = lambda request, answer: answer if answer == b"\xe5" else other.answer(request) or answer
    other._selected = True
    with pytest.raises(FrameError, match="00217819 was selected, and 0000000142042002 answers"):
        run_blocking(MbusMeter(link.bus(), Address.parse("00217819")).read())


def test_an_application_error_is_a_refusal(vectors: Path, a41: list[bytes]) -> None:
    busy = bytes.fromhex((vectors / "mbus" / "error" / "application_busy.hex").read_text(encoding="ascii").strip())
    link = BusLink([meter := PlayedMeter(a41, 3)])
    frame = decode(busy)
    assert isinstance(frame, Long)
    error = Long(frame.control, 3, frame.ci, frame.data).encode()
    meter.spoil = lambda request, answer: answer if answer == b"\xe5" else error
    bus = link.bus()
    with pytest.raises(Refused, match="application busy"):
        run_blocking(MbusMeter(bus, Address.parse("3")).read())
    assert bus.statistics["3"].refusals == 1 and bus.statistics["3"].is_healthy


def test_the_address_of_a_url_is_checked() -> None:
    assert str(address_of(parse_url("mbus:///dev/x"))) == "1"
    assert str(address_of(parse_url("mbus:///dev/x?address=002178ff"))) == "002178FF"
    with pytest.raises(InvalidURL, match="0 to 250"):
        address_of(parse_url("mbus:///dev/x?address=252"))
    with pytest.raises(InvalidURL, match="address=5G is not allowed"):
        parse_url("mbus:///dev/x?address=5G")
