"""Counters that roll over at 100 000 000 kWh: section 8.7 and the faults that lead there."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]
ROLLED = 0x40
LIMIT = 100_000_000_000


def values(record: str) -> list[str]:
    payload = json.loads(record.split("|")[1], parse_float=str)
    return [reading["RV"] for reading in payload["RD"]]


def over(meter: Any) -> Any:
    """33.2 kWh flow."""
    meter.control(load="constant:119520")
    meter.wait(1000)
    meter.control(load="none")
    return meter


@pytest.mark.proves("D-234", "D-235", "D-236", "D-237", "D-324", "D-221", "D-245")
@pytest.mark.parametrize("way", ["counted", "fault"])
def test_the_manuals_example(bench: Make, way: str) -> None:
    meter = bench(energy="99999990.5" if way == "counted" else "3", load="none").set_time()
    if way == "fault":
        meter.fault("roll-over")
        assert meter.meter.state()["faults"] == {}
    assert meter.raw("energy_import_total") == 99999990500
    assert values(meter.begin()) == ["99999990.500", "0.000", "0.000"] * 2
    assert over(meter).word == 0x002A, "no record needs it yet"
    assert meter.raw("energy_import_total") == 23700 and meter.get("measure")["energyPos"] == 23700
    assert values(meter.signed("C"))[3:] == ["100000023.700", "0.000", "33.200"]
    assert meter.word == 0x006A
    assert values(meter.signed("E"))[3:] == ["100000023.700", "0.000", "33.200"]
    assert meter.word == 0x0068 and meter.raw("energy_cycle") == 33200
    assert values(meter.signed("r"))[3:] == ["100000023.700", "0.000", "33.200"]
    assert meter.message() == 200 and meter.word == 0x006A
    assert meter.put(0x4280, 0x4200) is not None
    assert meter.word == 0x0026, "the next begin clears it"
    assert values(meter.wait(1).get("ocmf")["OCMF_BUFF"])[:3] == ["23.700", "0.000", "0.000"]
    assert values(meter.signed("E"))[3] == "23.700" and meter.word == 0x0028


@pytest.mark.proves("D-234", "D-236", "D-085")
def test_exports_and_the_exchanged_total_roll_over_too(bench: Make) -> None:
    meter = bench(energy="5", energy_export="99999999.999", load="none")
    meter.begin()
    meter.control(load="constant:-3600")
    meter.wait(2)
    meter.control(load="none")
    assert (meter.raw("energy_export_total"), meter.raw("energy_exchanged_total")) == (1, 5001)
    assert values(meter.signed("E")) == ["5.000", "99999999.999", "0.000", "5.000", "100000000.001", "0.000"]
    assert meter.word & ROLLED
    assert bench(energy="60000000", energy_export="60000000").raw("energy_exchanged_total") == 20_000_000_000


@pytest.mark.proves("D-237")
def test_the_state_survives_a_roll_over(bench: Make) -> None:
    meter = bench(energy="99999990.5", load="none")
    meter.begin()
    over(meter)
    again = bench(state=meter.meter.checkpoint(), load="none").wait(2)
    assert again.raw("energy_import_total") == 23700
    assert values(again.signed("E"))[3:] == ["100000023.700", "0.000", "33.200"]
    assert again.word & ROLLED
    assert [event.code for event in again.meter.logbook.events].count(12) == 0, "it rolled over in the run before"


@pytest.mark.proves("D-324")
def test_the_fault_works_in_a_later_round_too(bench: Make) -> None:
    meter = over(bench(energy="99999990.5", load="none", load_follows="always"))
    assert values(meter.begin())[0] == "23.700"
    meter.fault("roll-over")
    assert meter.raw("energy_import_total") == 99999990500
    assert values(meter.signed("C"))[3] == "99999990.500" and not meter.word & ROLLED
    over(meter)
    assert values(meter.signed("E"))[3] == "100000023.700" and meter.word & ROLLED


@pytest.mark.proves("D-310", "D-090")
@pytest.mark.parametrize("steps", [1, 10, 1000])
def test_the_event_of_a_roll_over_has_its_own_time(bench: Make, steps: int) -> None:
    meter = bench(energy="99999999.9", load="constant:3600", load_follows="always")
    for _ in range(steps):
        meter.wait(1000 / steps)
    found = [event for event in meter.meter.logbook.events if event.code == 12]
    assert [(event.time - 1577836800, event.arguments) for event in found] == [(100, "imported")]
    assert (
        meter.raw("events_count") == len(meter.meter.logbook.events) == meter.get("logbook/info")["events_total_number"]
    )
