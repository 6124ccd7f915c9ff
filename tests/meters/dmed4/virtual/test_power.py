"""What a power failure leaves and what it takes: section 8.6, wherever in a cycle it falls."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Make = Callable[..., Any]
EPOCH = 1695970042


class Files:
    """What a disk would hold of a meter: its newest checkpoint and its log, written as the runtime does."""

    def __init__(self) -> None:
        self.state: bytes | None = None
        self.log: list[bytes] = []

    def keep(self, meter: Any) -> None:
        self.log += meter.meter.unsaved()
        self.state = meter.meter.checkpoint() or self.state


def restarted(make: Make, way: str, meter: Any, **options: Any) -> Any:
    """The meter after its supply came back, or after its process began anew with what was kept; it has started."""
    if way == "supply":
        return meter.power_cycle()
    files = Files()
    files.keep(meter)
    return make(state=files.state, log=tuple(meter.meter.log()), **options).wait(2)


@pytest.mark.proves("D-215", "D-231", "D-232", "D-264", "D-109", "D-256", "D-325")
@pytest.mark.parametrize("way", ["supply", "process"])
def test_a_cycle_outlives_a_power_failure(bench: Make, way: str) -> None:
    meter = bench(energy="5", energy_export="1", load="constant:3600").set_time(EPOCH, 60)
    meter.status_of("PUT", "charge_settings?tariff=7&res_cable=9")
    first = meter.begin()
    meter.wait(99.5)
    meter.put(0x5000, 3), meter.put(0x4F11, 5)
    assert meter.status_of("PUT", "login?password=2000") == 200
    meter = restarted(bench, way, meter, load="constant:3600")
    assert (meter.measurement, meter.word, meter.errors) == (3, 0x0002, 0)
    assert meter.read(0x4202, 3) == bytes(6) and meter.get("ocmf") == {"OCMF_BUFF": ""}
    assert meter.read(0x4280, 2) == meter.read(0x5000, 2) == bytes(4) and not any(meter.read(0x4A00, 120))
    assert meter.get("system_status")["logged"] == 0 and meter.meter.display_page == 1
    assert meter.raw("energy_import_total") in (5100, 5101) and meter.raw("energy_export_total") == 1000
    assert meter.raw("energy_cycle") == meter.raw("energy_import_total") - 5000
    assert meter.raw("datetime_offset") == 60
    charge = meter.get("charge_settings")
    assert (charge["tariff"], charge["res_cable"]) == (7, 9)
    last = json.loads(meter.signed("E").split("|")[1])
    assert (last["PG"], last["ID"], last["RD"][3]["EF"]) == ("T2", "1F2D3A4F5506C7", "t")
    assert last["RD"][:3] == json.loads(first.split("|")[1])["RD"][:3]
    assert meter.measurement == 1
    events = [event.code for event in meter.meter.logbook.events]
    assert events[:1] == [1] and events[-3:-1] == [7, 1] and events[-1] == 11
    assert meter.meter.logbook.events[-1].arguments == "T1"


@pytest.mark.proves("D-215", "D-216", "D-217", "D-256")
@pytest.mark.parametrize("end", "Er")
def test_a_second_failure_changes_nothing_more(bench: Make, end: str) -> None:
    meter = bench(load="constant:3600")
    meter.begin()
    for _ in range(3):
        meter.power_cycle()
        assert meter.measurement == 3
        assert json.loads(meter.signed("C").split("|")[1])["RD"][3]["EF"] == "t"
    assert json.loads(meter.signed(end).split("|")[1])["RD"][3]["EF"] == "t"
    assert meter.measurement == 1
    meter.power_cycle()
    assert (meter.measurement, meter.word) == (1, 0), "no cycle is open any more"


@pytest.mark.proves("D-225", "D-232")
@pytest.mark.parametrize("way", ["supply", "process"])
def test_in_idle_message_time_and_output_are_lost(bench: Make, way: str) -> None:
    meter = bench().set_time()
    meter.begin()
    meter.signed("E")
    assert meter.message() == 200 and meter.word == 0x002A
    meter = restarted(bench, way, meter)
    assert (meter.measurement, meter.word) == (1, 0)
    assert meter.put(0x4280, 0x4200) == b"\x86\x04"
    assert json.loads(meter.signed("r").split("|")[1])["PG"] == "T3"


@pytest.mark.proves("D-232")
def test_failures_of_the_login_and_its_lockout_are_lost(bench: Make) -> None:
    meter = bench()
    for _ in range(3):
        assert meter.status_of("PUT", "login?password=1") == 403
    assert meter.status_of("PUT", "login?password=2000") == 403
    meter.power_cycle()
    assert meter.status_of("PUT", "login?password=2000") == 200


@pytest.mark.proves("D-254", "D-311")
@pytest.mark.parametrize("speed", [1, 60])
def test_the_clock_runs_on_without_supply_and_without_a_process(bench: Make, speed: int) -> None:
    meter = bench(speed=speed).set_time(EPOCH)
    meter.power_cycle(3600)
    assert meter.raw("datetime") == EPOCH + 3602
    state = meter.meter.checkpoint()
    again = bench(state=state, speed=speed, wall=EPOCH + 3602 // speed + 1000).wait(2)
    assert abs(again.raw("datetime") - (EPOCH + 3602 + 1000 * speed + 2)) <= speed


@pytest.mark.proves("D-119", "D-215")
def test_a_meter_with_kept_state_starts_as_after_a_power_failure(bench: Make) -> None:
    meter = bench()
    meter.begin()
    again = bench(state=meter.meter.checkpoint())
    assert again.ask("11") is None
    assert again.wait(0.99).ask("11") is None
    assert (again.wait(0.01).measurement, again.word) == (0, 0x0003)
    assert again.put(0x4280, 0x4500) == b"\x86\x04"
    assert again.wait(0.5).measurement == 3


STEPS = st.lists(
    st.one_of(
        st.sampled_from(["B", "C", "E", "r", "X", "message", "time", "half", "cut", "off"]),
        st.integers(1, 40).map(lambda tenths: tenths / 10),
    ),
    min_size=1,
    max_size=25,
)


@pytest.mark.proves("D-215", "D-231", "D-280", "D-281", "D-222", "D-224", "D-105")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_wherever_the_supply_or_the_process_ends_numbers_are_new_and_records_are_kept(
    bench: Make, steps: list[str | float]
) -> None:
    """What has left the meter is on disk; the last words may be lost with the process."""
    meter, files = bench(load="constant:7200", ocmf_log_size="100"), Files()
    files.keep(meter)
    seen: dict[str, str] = {}
    for step in steps:
        open_before = meter.measurement if not meter.meter.silent else None
        if step == "message":
            meter.message()
        elif step == "time":
            meter.set_time() if meter.measurement == 1 and not meter.word & 4 else None
        elif step == "half":
            meter.wait(Fraction(1, 7))
        elif step == "off":
            meter.power_cycle(5)
        elif step == "cut":
            meter = bench(load="constant:7200", ocmf_log_size="100", state=files.state, log=tuple(files.log)).wait(2)
        elif isinstance(step, str):
            meter.put(0x4280, ord(step) << 8)
        else:
            meter.wait(step)
        files.keep(meter)
        if step in ("cut", "off"):
            assert meter.measurement == (3 if open_before in (2, 3) else 1), (open_before, step)
        text = meter.get("ocmf")["OCMF_BUFF"]
        if text:
            page = json.loads(text.split("|")[1])["PG"]
            assert seen.setdefault(page, text) == text, "a number is used once"
        status = meter.word
        assert sum(bool(status & bit) for bit in (4, 8, 16)) <= 1 and not status & 0x7F80
        assert bool(status & 0x8000) == bool(any(meter.read(0x4000, 4)))
    for page, text in seen.items():
        assert meter.get(f"logbook/OCMF?index_type=PROGR&index_value={page[1:]}")["OCMF_LOG"] == text
        assert meter.verifies(text)
    numbers = [record.number for record in meter.meter.logbook.records]
    assert numbers == sorted(set(numbers))


@pytest.mark.proves("D-119", "D-183")
def test_a_restart_that_was_still_to_come_is_that_of_the_supply(bench: Make) -> None:
    meter = bench(init_delay="0")
    assert meter.status_of("PUT", "login?password=2000") == 200
    values = {**meter.get("system_parameters"), "P02_01": 1}
    assert meter.status_of("POST", "system_parameters", values) == 200
    meter.control(power=False)
    meter.control(power=True)
    assert meter.wait(1).raw("measurement_status") == 1 and meter.meter.active["P02_01"] == 1
    meter.wait(100)
    assert [event.arguments for event in meter.meter.logbook.events if event.code == 1] == ["power", "power"]


@pytest.mark.proves("D-308")
def test_the_curve_goes_on_where_it_was(bench: Make) -> None:
    meter = bench()
    meter.begin()
    meter.wait(600)
    taken = meter.raw("energy_cycle")
    assert meter.raw("power") == 100_000 and taken > 200
    files = Files()
    files.keep(meter)
    for again in (meter.power_cycle(), bench(state=files.state, log=tuple(files.log)).wait(2)):
        assert again.wait(1).raw("power") == 100_000, "more than 0.2 kWh have been taken since B"
