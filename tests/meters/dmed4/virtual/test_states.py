"""Changes that wait for a named state, and the controls: sections 15.1 and 15.7."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from wattproof.errors import InvalidValue, UnknownName

Make = Callable[..., Any]
EPOCH = 1695970042
COMMANDS = {"begin": "B", "intermediate": "C", "end": "E", "recover": "r"}


def prepared(make: Make, letter: str) -> Any:
    """A meter in which this command is the next thing."""
    meter = make()
    assert meter.message() == 200
    if letter in "CEr":
        meter.signed("B")
    return meter


def tariff(meter: Any) -> bool:
    """Whether the change that waited has come: the temperature is the mark."""
    return bool(meter.meter.temperatures[0] == 555)


@pytest.mark.proves("D-328")
@pytest.mark.parametrize("word", [*COMMANDS, "*"])
@pytest.mark.parametrize("state", ["accepted", "signing", "done"])
def test_a_change_waits_for_its_command_and_state(bench: Make, word: str, state: str) -> None:
    for command, letter in COMMANDS.items():
        meter = prepared(bench, letter)
        meter.meter.patch(meter.now, {"temperature-i1": 55.5}, {}, f"{word}:{state}")
        assert not tariff(meter), "nothing changes at first"
        for _ in range(3):
            meter.read(0x4200, 2), meter.get("measure")
        assert not tariff(meter)
        meter.put(0x4280, ord("X") << 8)
        assert not tariff(meter), "X has no states"
        seen = []
        meter.meter.journal = lambda event, details, meter=meter, seen=seen: seen.append(
            (event, details.get("state"), meter.meter.charge.status, meter.word if event == "control" else 0)
        )
        meter.put(0x4280, ord(letter) << 8)
        wanted = word in (command, "*")
        assert tariff(meter) == (wanted and state != "done")
        meter.wait(0.29)
        assert tariff(meter) == (wanted and state != "done")
        meter.wait(0.01)
        assert tariff(meter) == wanted
        assert [entry[1] for entry in seen if entry[0] == "state"] == [
            f"{command}:{name}" for name in ("accepted", "signing", "done")
        ]


@pytest.mark.proves("D-328")
@pytest.mark.parametrize(("state", "status"), [("begin:accepted", 1), ("begin:signing", 2), ("begin:done", 2)])
def test_what_the_meter_is_when_a_state_begins(bench: Make, state: str, status: int) -> None:
    meter = prepared(bench, "B")
    seen = []
    meter.meter.journal = lambda event, details: seen.append(
        (
            details.get("state"),
            int(meter.meter.charge.status),
            meter.meter.charge.signature_status(meter.meter.now) & 0xC,
        )
    )
    meter.command("B")
    meter.wait(1)
    expected = {"begin:accepted": 0, "begin:signing": 4, "begin:done": 8}[state]
    assert (state, status, expected) in seen


@pytest.mark.proves("D-328", "D-220")
def test_a_fault_of_the_signing_armed_for_its_beginning_hits_it(bench: Make) -> None:
    meter = prepared(bench, "B")
    meter.fault("signature-error", 1, when="begin:signing")
    assert meter.meter.state()["faults"] == {}
    meter.command("B")
    assert meter.wait(1).measurement == 1 and meter.word & 0x10
    late = prepared(bench, "B")
    late.fault("signature-error", 1, when="begin:done")
    late.command("B")
    assert late.wait(1).measurement == 2 and late.word & 8


@pytest.mark.proves("D-328", "D-313")
def test_a_fault_armed_for_a_message_judges_this_message(bench: Make) -> None:
    meter = bench()
    meter.fault("error-json-value", when="json")
    assert meter.errors == 0
    assert meter.message() == 400 and meter.errors == 8
    modbus = bench()
    modbus.fault("error-json-value", when="json")
    modbus.put_many(0x4A00, b"{}")
    assert modbus.errors == 0, "the area alone is no message"
    modbus.put(0x4281, 2)
    assert modbus.errors == 8 and not modbus.word & 2


@pytest.mark.proves("D-328", "D-314")
@pytest.mark.parametrize("state", ["power-up", "reboot"])
def test_a_change_waits_for_a_restart(bench: Make, state: str) -> None:
    meter = bench()
    meter.meter.patch(0, {"temperature-i1": 55.5}, {}, state)
    meter.command("X")
    meter.wait(10)
    assert not tariff(meter)
    if state == "power-up":
        meter.control(power=False)
        meter.wait(1)
        meter.control(power=True)
        assert not tariff(meter.wait(0.99))
        assert tariff(meter.wait(0.01))
    else:
        meter.power_cycle()
        assert not tariff(meter)
        meter.put(0x2F03, 5)
        assert tariff(meter)


@pytest.mark.proves("D-328")
def test_a_change_waits_for_the_next_request(bus: Make) -> None:
    line = bus()
    line.runtime.patch({}, {"exception": 6}, "request")
    line.timers.run(100)
    assert line.runtime.state()["faults"] == {}
    assert line.send("01 11 C0 2C")[:8] == "01 91 06"
    assert line.runtime.state()["faults"] == {"exception": 6}


@pytest.mark.proves("D-328")
@pytest.mark.parametrize("when", ["begin", "begin:", "reset:done", "begin:never", "BEGIN:done", "power", "", "*"])
def test_other_states_are_refused(bench: Make, when: str) -> None:
    meter = bench()
    with pytest.raises(UnknownName):
        meter.fault("noise", 1, when=when)


@pytest.mark.proves("D-328", "D-319")
def test_a_fault_of_the_command_line_waits_too(bench: Make) -> None:
    meter = bench(faults=("signature-error=1@end:signing",))
    meter.begin()
    assert meter.command("E") == 200
    assert meter.wait(1).word & 0x10 and meter.measurement == 1


# 15.7


@pytest.mark.proves("D-329", "D-308")
def test_plug(bench: Make) -> None:
    meter = bench()
    meter.begin()
    assert meter.wait(600).raw("power") == 100_000
    meter.control(plug=False)
    assert meter.wait(1).raw("power") == 0 and meter.measurement == 2
    energy = meter.wait(600).raw("energy_cycle")
    meter.control(plug=True)
    assert meter.wait(1).raw("power") == 10_000, "the curve begins at 0 kWh"
    assert meter.raw("energy_cycle") >= energy


@pytest.mark.proves("D-329")
def test_load_and_temperatures(bench: Make) -> None:
    meter = bench(load_follows="always")
    meter.control(load="constant:1000", temperature_i1=-60.0, temperature_i2="199.9")
    meter.wait(1)
    assert (meter.raw("power"), meter.raw("temp_i1_c"), meter.raw("temp_i2_c")) == (1000, -600, 1999)
    assert meter.meter.state()["load"]["text"] == "constant:1000"
    for wrong in (
        {"load": "fast"},
        {"temperature-i1": 200.1},
        {"temperature-i2": -60.1},
        {"plug": "yes"},
        {"step": -1},
    ):
        with pytest.raises(InvalidValue):
            meter.meter.patch(meter.now, wrong, {})
    with pytest.raises(UnknownName):
        meter.meter.patch(meter.now, {"colour": True}, {})


@pytest.mark.proves("D-329", "D-325")
def test_supply(bench: Make) -> None:
    meter = bench()
    meter.begin()
    meter.control(power=False)
    assert meter.wait(100).ask("11") is None and meter.meter.state()["controls"]["power"] is False
    meter.control(power=False)
    meter.control(power=True)
    meter.control(power=True)
    assert meter.wait(2).measurement == 3


@pytest.mark.proves("D-329")
def test_the_clock_is_set_in_every_status(bench: Make) -> None:
    meter = bench()
    meter.begin()
    meter.control(clock="2023-09-29T08:47:22+02:00")
    assert (meter.raw("datetime"), meter.word & 0x20, meter.raw("datetime_offset")) == (EPOCH, 0x20, 0)
    assert meter.meter.logbook.events[-1].code == 2
    for wrong in ("2023-09-29T08:47:22", "now", ""):
        with pytest.raises(InvalidValue):
            meter.control(clock=wrong)


@pytest.mark.proves("D-329", "D-310")
def test_step_takes_everything_in_between_in_its_order(bench: Make) -> None:
    stepped, waited = bench(load="constant:3600"), bench(load="constant:3600")
    for meter in (stepped, waited):
        meter.set_time()
        meter.message()
        meter.command("B")
    stepped.control(step=86400.5)
    waited.wait(86400.5)
    assert stepped.meter.registers.data == waited.meter.registers.data
    assert stepped.raw("energy_cycle") == 86400 and stepped.word & 8
    later = stepped.wait(1).raw("energy_cycle")
    assert later == 86401


@pytest.mark.proves("D-329", "D-118")
def test_operative_and_cable(bench: Make) -> None:
    meter = bench()
    meter.control(operative="operating")
    assert meter.get("system_status")["operative_status"] == "Operating" and meter.put(0x2F03, 5) == b"\x86\x04"
    meter.control(operative="ready")
    assert meter.get("system_status")["operative_status"] == "Ready", "the way back"
    for locked in (True, False):
        meter.control(cable_locked=locked)
        assert meter.get("system_status")["cable_res_locked"] == int(locked)
        assert meter.status_of("PUT", "charge_settings?res_cable=5") == (400 if locked else 200)


@pytest.mark.proves("D-329")
def test_the_state_of_a_meter(bench: Make, bus: Make) -> None:
    line = bus("403D0400", unit=7, energy="1.5", energy_export="0.25", serial="12345678")
    state = line.runtime.state()
    assert list(state) == [
        "model", "variant", "serial", "node", "speed", "listen", "clock", "status", "parameters", "controls", "faults",
        "load", "energy", "log", "display",
    ]  # fmt: skip
    assert (state["model"], state["variant"], state["serial"], state["node"]) == ("dmed4", "403D0400", "12345678", 7)
    assert state["status"] == {"measurement": 1, "signature": 0, "error_1": 0, "error_2": 0, "operative": "Ready"}
    assert state["energy"]["import"] == 1500 and state["energy"]["export"] == 250
    assert state["log"] == {"ocmf": 0, "events": 1} and state["listen"] == {}
    assert len(state["parameters"]) == 27
    assert set(state["controls"]) >= {
        "plug",
        "load",
        "power",
        "temperature-i1",
        "temperature-i2",
        "operative",
        "cable-locked",
    }
    assert state["display"] == {"on": True, "page": 1, "text": "total imported energy: 1.500 kWh"}
    line.meter.patch(line.runtime.advance(), {}, {"noise": 5, "wrong-node": True})
    assert line.runtime.state()["faults"] == {"noise": 5, "wrong-node": True}
    assert json.dumps(line.runtime.state()["status"])


@pytest.mark.proves("D-329", "D-104", "D-200")
def test_the_text_of_every_page(bench: Make) -> None:
    meter = bench(energy="1234.567", energy_export="0.5", load="constant:-720").set_time(EPOCH, 120)
    meter.begin()
    meter.wait(49.5)
    texts = {}
    for page in range(1, 14):
        meter.put(0x4F11, page)
        texts[page] = meter.meter.state()["display"]["text"].partition(": ")[2]
    assert texts == {
        1: "1234.567 kWh", 2: "0.000 kWh", 3: "400.00 V", 4: "1.8000 A", 5: "-0.720 kW", 6: "2023-09-29", 7: "08:48:12",
        8: "25.0 °C", 9: "25.0 °C", 10: "0 h", 11: "0 h", 12: "0.510 kWh", 13: "0.010 kWh",
    }  # fmt: skip
    assert meter.meter.state()["display"]["page"] == 13
    meter.fault("board2-display-init-err")
    assert meter.meter.state()["display"] == {"on": False, "page": 13, "text": ""}
