"""Meter time: exact energy, one step or many, speed, loads; sections 14.4 and 14.5."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Make = Callable[..., Any]
EPOCH = 1695970042
UNHURRIED = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


# 14.4: loads


@pytest.mark.proves("D-310")
@UNHURRIED
@given(
    st.lists(st.tuples(st.integers(1, 10**9), st.integers(-3_000_000, 3_000_000)), min_size=1, max_size=6),
    st.integers(1, 7),
)
def test_energy_is_volts_times_amperes_times_seconds(bench: Make, pieces: list[tuple[int, int]], cuts: int) -> None:
    meter = bench(load_follows="always")
    imported = exported = Fraction(0)
    for nanoseconds, watts in pieces:
        meter.control(load=f"constant:{watts}")
        current = abs(meter.meter.electrics.segment.current)
        energy = Fraction(400 * current * nanoseconds, 3600 * 10**15)
        imported, exported = imported + (energy if watts > 0 else 0), exported + (energy if watts < 0 else 0)
        for cut in range(cuts):
            meter.wait(Fraction(nanoseconds * (cut + 1) // cuts - nanoseconds * cut // cuts, 10**9))
    counters = meter.meter.electrics.counters
    assert (Fraction(counters.imported, 3600 * 10**18), Fraction(counters.exported, 3600 * 10**18)) == (
        imported,
        exported,
    )
    meter.wait(1)
    assert meter.raw("energy_import_total") >= int(imported) and meter.raw("energy_export_total") >= int(exported)


ACTS = st.sampled_from(["B", "C", "E", "r", "X", "message", "time", "plug", "unplug", "wiring", "right", "off", "cold"])


def act(meter: Any, what: str) -> None:
    """The same thing done to any meter; what it refuses is no matter."""
    if len(what) == 1:
        meter.put(0x4280, ord(what) << 8)
    elif what == "message":
        meter.put_many(0x4A00, b"{}"), meter.put(0x4281, 2)
    elif what == "time":
        meter.put_many(0x4080, EPOCH.to_bytes(4, "big"))
    elif what in ("plug", "unplug"):
        meter.control(plug=what == "plug")
    elif what in ("wiring", "right"):
        meter.fault("wiring", what == "wiring")
    elif what == "off":
        meter.fault("power-cut", 3)
    else:
        meter.control(temperature_i1=-7.5)


@pytest.mark.proves("D-310", "D-073", "D-074")
@UNHURRIED
@given(st.lists(st.tuples(st.integers(0, 40_000), ACTS), max_size=10), st.integers(1, 9), st.integers(0, 5000))
def test_one_long_step_and_many_short_ones_lead_to_the_same_registers(
    bench: Make, script: list[tuple[int, str]], cuts: int, rest: int
) -> None:
    long, short = (bench("404D0150", P06_02="1", event_log_size="9") for _ in range(2))
    for milliseconds, what in [*script, (rest, "X")]:
        long.wait(Fraction(milliseconds, 1000))
        for cut in range(cuts):
            part = milliseconds * (cut + 1) // cuts - milliseconds * cut // cuts
            short.wait(Fraction(part, 1000)).ask("04 00 01 00 20")
        assert long.meter.registers.data == short.meter.registers.data
        assert list(long.meter.logbook.events) == list(short.meter.logbook.events)
        assert list(long.meter.logbook.records) == list(short.meter.logbook.records)
        act(long, what), act(short, what)
    assert long.meter.checkpoint() == short.meter.checkpoint()


@pytest.mark.proves("D-308", "D-309")
def test_the_curve_of_a_car_from_begin_to_end(bench: Make) -> None:
    meter = bench()
    assert meter.wait(3600).raw("power") == 0 and meter.raw("voltage") == 40000
    meter.begin()
    seen: list[tuple[int, int, int]] = []
    taken = []
    for _ in range(3000):
        meter.wait(1)
        stage = (meter.raw("voltage"), meter.raw("current"), meter.raw("power"))
        if not seen or stage != seen[-1]:
            seen.append(stage)
            taken.append(meter.raw("energy_cycle"))
    assert seen == [
        (40000, 250000, 10000), (40000, 2500000, 100000), (41000, 1500000, 61500), (41500, 750000, 31125),
        (42000, 250000, 10500),
    ]  # fmt: skip
    assert all(0 <= found - limit < 30 for found, limit in zip(taken, (0, 200, 24000, 36000, 44000), strict=True))
    meter.wait(3600)
    assert (meter.raw("power"), meter.raw("voltage"), meter.raw("energy_cycle")) == (0, 42000, 50000)
    meter.signed("E")
    assert meter.raw("voltage") in (40000, 42000) and meter.raw("power") == 0
    meter.begin()
    assert meter.wait(1).raw("power") == 10000, "the next car begins at 0 kWh"
    meter.signed("E")
    assert meter.wait(1).raw("power") == 0


@pytest.mark.proves("D-308")
def test_a_recorded_load_runs_since_begin_or_since_the_start(bench: Make, tmp_path: Any) -> None:
    path = tmp_path / "load.csv"
    path.write_text("t,v,a,t1\n0,400,10,\n60,500,20,31.5\n")
    follows, always = bench(load=f"csv:{path}"), bench(load=f"csv:{path}", load_follows="always")
    for meter, power in ((follows, 0), (always, 4000)):
        assert meter.wait(30).raw("power") == power
    assert (always.wait(30).raw("power"), always.raw("temp_i1_c"), always.raw("temp_i2_c")) == (10000, 315, 250)
    follows.begin()
    assert follows.wait(30).raw("power") == 4000
    assert follows.wait(30).raw("power") == 10000


# 14.5: speed


@pytest.mark.proves("D-311")
@pytest.mark.parametrize("speed", [1, 10, 60, Fraction(1, 4)])
def test_speed_divides_every_delay_of_the_meter(bus: Make, speed: Any) -> None:
    line = bus(speed=speed, answer_delay="0.01", P06_02="1", load_follows="always", load="constant:360000")
    wire, timers = line.wire("tcp"), line.timers

    def ask(pdu: str) -> str:
        before = len(wire.answers)
        wire.ask(bytes.fromhex(pdu), unit=1)
        timers.run(float(Fraction(1, 100) / speed) + 1e-9)
        return wire.answers[-1][7:].hex(" ") if len(wire.answers) > before else ""

    def wait(seconds: float) -> None:
        timers.run(float(Fraction(seconds) / speed))

    wire.ask(b"\x11", unit=1)
    timers.run(float(Fraction("0.0099") / speed))
    assert wire.answers == []
    timers.run(float(Fraction("0.0002") / speed))
    assert len(wire.answers) == 1
    assert ask("10 40 7f 00 02 04 65 16 72 fa")
    assert ask("10 49 ff 00 01 02 7b 7d") and ask("06 42 80 00 02") and ask("06 42 7f 42 00")
    wait(0.27)
    assert ask("04 42 00 00 01") == "04 02 00 26"
    wait(0.02)
    assert ask("04 42 00 00 01") == "04 02 00 2a"
    wait(50)
    assert int.from_bytes(bytes.fromhex(ask("04 40 7f 00 02"))[2:], "big") in (EPOCH + 50, EPOCH + 51)
    assert ask("04 42 00 00 01") == "04 02 00 2a"
    wait(10)
    assert ask("04 42 00 00 01") == "04 02 00 0a", "one meter minute"
    energy = int.from_bytes(bytes.fromhex(ask("04 00 01 00 04"))[2:], "big")
    wait(3600)
    assert int.from_bytes(bytes.fromhex(ask("04 00 01 00 04"))[2:], "big") - energy == pytest.approx(360_000, abs=110)
    assert ask("04 00 2f 00 04")[-2:] == "01", "an hour has been counted"
    assert ask("06 42 7f 45 00")
    wait(1)
    assert ask("06 2f 02 00 05") == ""
    wait(4.9)
    assert ask("11") == ""
    wait(0.11)
    assert ask("11") != ""


@pytest.mark.proves("D-311", "D-174")
def test_speed_divides_the_lockout(bus: Make) -> None:
    line = bus(speed=100)
    for now, expected in ((0, 403), (0, 403), (0, 403), (8.99, 403), (9.01, 200)):
        line.timers.run(now - (line.timers.time / 10**9 - 1000))
        line.benches[0].now = line.runtime.advance()
        assert line.benches[0].status_of("PUT", f"login?password={'2000' if now else 'x'}") == expected


@pytest.mark.proves("D-311", "D-327")
def test_times_of_the_line_stay_real(bus: Make) -> None:
    line = bus(speed=1000)
    line.runtime.patch({}, {"late": 2})
    wire = line.wire("tcp")
    wire.ask(b"\x11", unit=1)
    line.timers.run(1.99)
    assert wire.answers == []
    line.timers.run(0.02)
    assert len(wire.answers) == 1


@pytest.mark.proves("D-087", "D-311")
def test_refreshes_follow_the_speed(bus: Make) -> None:
    line = bus(speed=10, load="constant:360000", load_follows="always")
    first = line.registers(0x0002, 4)
    line.timers.run(0.099)
    assert line.registers(0x0002, 4) == first
    line.timers.run(0.002)
    assert int.from_bytes(line.registers(0x0002, 4), "big") == 100
