"""Energy registers, loads and counters: sections 9, 10, 27.3."""

from __future__ import annotations

import struct
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.errors import InvalidValue
from wattproof.meters.bsm.enums import SnapshotType
from wattproof.meters.bsm.virtual.meter import create
from wattproof.meters.bsm.virtual.pulses import LED, S0
from wattproof.virtual.base import SECOND, SimulationOptions
from wattproof.virtual.physics import WATT_HOUR

ON, OFF, CURRENT, START, END = (
    SnapshotType.TURN_ON, SnapshotType.TURN_OFF, SnapshotType.CURRENT, SnapshotType.START, SnapshotType.END,
)  # fmt: skip


@pytest.mark.proves("B-185")
def test_nothing_flows_before_the_first_turn_on(bench):
    meter = bench()
    assert (meter.meter.variant, meter.meter.unit) == ("cm13", 42)
    meter.wait(1000)
    assert [meter.raw(f"bs_meter.{name}") for name in ("DI", "DO")] == [1, 0]
    assert [meter.raw(f"ac_meter.{name}") for name in ("W", "A", "TotWhImp")] == [0, 0, 0]
    assert meter.state["signals"] == {"demand": False, "doe": True, "do": False, "di": True, "contactor": False}
    assert meter.snapshot(ON) == 0
    meter.wait(0.1)
    assert [meter.raw(f"ac_meter.{name}") for name in ("W", "WphA", "A", "AphB", "PhVphC", "Hz", "PFphA")] == [
        1104, 368, 4800, 1600, 2300, 500, 1000,
    ]  # fmt: skip


@pytest.mark.proves("B-188")
def test_the_car_takes_20_kwh_in_7086_96_seconds(bench):
    meter = bench()
    meter.charge()
    closed = meter.meter.electrics.energy.imported * 1000 // (11_040 * 10**6)  # ns since the contactor closed
    start = meter.now - closed // 1000
    for until, watts in ((5869.56, 11040), (5869.57, 6900), (6652.17, 6900), (6652.18, 4140), (7086.95, 4140)):
        meter.now = start + round(until * SECOND)
        assert meter.state["load"]["w"] == watts, until
    meter.now = start + round(7086.96 * SECOND)
    assert meter.state["load"] == {"text": "curve:car", "delivered_wh": pytest.approx(20_000, abs=1e-6), "w": 0}
    assert meter.raw("bs_meter.RCR") == 2000
    meter.wait(100_000)
    assert meter.state["energy"] == {"TotWhImp": 20_000, "RCR": 20_000}
    meter.control(plug=False)
    assert meter.state["load"]["w"] == 0
    meter.control(plug=True)
    assert meter.state["load"]["w"] == 11040
    meter.wait(7087)
    assert meter.state["energy"]["TotWhImp"] == 40_000


@pytest.mark.proves("B-189")
@given(
    watts=st.integers(-41_400_000, 41_400_000),
    pauses=st.lists(st.integers(1, 10**13), min_size=1, max_size=20),
)
@settings(max_examples=60, deadline=None)
def test_constant_power_times_time_is_the_energy_exactly(watts, pauses):
    text = f"constant:{watts // 1000}.{watts % 1000:03d}" if watts >= 0 else f"constant:{watts // 1000 + 1}"
    power = Fraction(text.partition(":")[2])
    options = SimulationOptions("bsm", seed=1, load=text, settings={"wiring": "direct", "start-threshold": "0"})
    many, one = create(options), create(options)
    now = 0
    for pause in pauses:
        now += pause
        many.advance(now)
    one.advance(now)
    expected = max(power, Fraction(0)) * Fraction(now, 3600 * SECOND)
    assert Fraction(one.electrics.energy.total, WATT_HOUR) == expected
    assert many.registers.data == one.registers.data
    assert many.checkpoint() == one.checkpoint()
    assert one.measured()[0] == int(expected // 10)


@pytest.mark.proves("B-189")
def test_a_recorded_load_equals_its_segments_however_it_is_stepped(bench):
    rows = "t,i1,i2,i3,u1,pf1\n0,10,10,10,230,1\n10,16,,,231.5,0.5\n\n33.25,0,6,0,,\n100,0,0,0,,\n"
    options = SimulationOptions(
        "bsm", seed=1, load="csv:file", settings={"wiring": "direct"}, read_text=lambda path: rows
    )
    expected = 3 * 2300 * 10 + Fraction("231.5") * 16 * Fraction(1, 2) * Fraction("23.25") + 1380 * Fraction("66.75")
    one = create(options)
    one.advance(200 * SECOND)
    assert Fraction(one.electrics.energy.total, WATT_HOUR) * 3600 == expected
    for step in (SECOND // 3, 7 * SECOND, 10**8 + 1):
        many = create(options)
        for now in range(0, 200 * SECOND, step):
            many.advance(now)
        many.advance(200 * SECOND)
        assert many.electrics.energy.total == one.electrics.energy.total
        assert many.registers.data == one.registers.data


@pytest.mark.parametrize("noise", [None, "3"])
def test_one_step_and_many_lead_to_the_same_registers_in_a_whole_session(bench, noise):
    def session(pauses):
        meter = bench()
        if noise:
            meter.fault(noise=noise)
        meter.charge()
        start = meter.now
        for pause in pauses:
            meter.wait(pause)
        meter.now = start + 3_000 * SECOND
        assert meter.snapshot(OFF) == 0
        return bytes(meter.meter.registers.data)

    assert session([]) == session([0.3] * 200) == session([1, 10, 100, 1000])


@pytest.mark.proves("B-082")
def test_reversed_power_is_not_counted(bench):
    meter = bench(load="constant:-5000", wiring="direct")
    meter.wait(7200)
    assert meter.raw("ac_meter.W") == -500 and meter.raw("ac_meter.WphB") == -167
    assert meter.raw("ac_meter.TotWhImp") == 0 and meter.raw("bs_meter.RCR") == 0


@pytest.mark.proves("B-075", "B-164", "B-132")
@pytest.mark.parametrize(("variant", "scale", "raw"), [("cm13", 1, 123), ("cm12", 0, 1230), ("cm11", 0, 1230)])
def test_units_of_the_energy_registers(bench, variant, scale, raw):
    meter = bench(variant=variant, energy="1.2399", load="none")
    assert [meter.raw(f"{name}") for name in ("ac_meter.TotWh_SF", "bs_meter.RCR_SF")] == [scale, scale]
    assert meter.raw("ac_meter.TotWhImp") == raw
    assert meter.state["energy"]["TotWhImp"] == 1230
    meter.set_time()
    assert meter.snapshot(CURRENT) == 0
    assert meter.field(CURRENT, "TotWhImp") * 10 ** meter.field(CURRENT, "Wh_SF") == 1230
    assert (b'"XV":1.23,' if scale else b'"XV":1230,') in meter.text(CURRENT)
    assert (b'"RV":0.00,"RI":"1-0:1.8.0*198","RU":"kWh"' if scale else b'"RV":0,"RI"') in meter.text(CURRENT)


@pytest.mark.proves("B-076", "B-077", "B-078", "B-165")
@given(hidden=st.integers(0, 9_999), seconds=st.integers(1, 4000))
@settings(max_examples=30, deadline=None)
def test_hidden_digits(hidden, seconds):
    meter = create(SimulationOptions("bsm", seed=2, load="constant:7777", settings={"energy": f"5.{hidden:04d}"}))
    assert meter.measured()[0] == (50_000 + hidden) // 100

    def snapshot(kind, now):
        meter.execute(struct.pack(">BHHB", 16, 40524 + 254 * kind, 1, 2) + b"\0\2", now)
        meter.advance(now + 6 * SECOND)
        area = meter.registers.area(kind)
        return [int.from_bytes(area[at : at + 4], "big") for at in (8, 12)]  # RCR, TotWhImp

    before = meter.electrics.energy.total
    rcr_on, total_on = snapshot(ON, 0)
    assert rcr_on == 0 and total_on == before // (10 * WATT_HOUR)  # hidden digits of TotWhImp stay
    rcr_off, total_off = snapshot(OFF, (6 + seconds) * SECOND)
    assert total_off - total_on - rcr_off in (0, 1)
    assert meter.electrics.energy.total - before == meter.electrics.energy.resettable
    text = meter.registers.ocmf(OFF)
    assert b'"RV":%d.%02d,' % divmod(rcr_off, 100) in text and b'"XV":%d.%02d,' % divmod(total_off, 100) in text


@pytest.mark.proves("B-079", "B-080")
def test_which_snapshots_reset_rcr(bench):
    meter = bench(load="constant:36000")
    meter.charge()
    for kind in (CURRENT, END):
        meter.wait(10)
        before = meter.raw("bs_meter.RCR")
        assert meter.snapshot(kind) == 0
        assert meter.field(kind, "RCR") >= before > 0 and meter.raw("bs_meter.RCR") >= before
    assert meter.snapshot(OFF) == 0
    assert meter.field(OFF, "RCR") == meter.raw("bs_meter.RCR") > 0
    assert meter.snapshot(START) == 0
    assert meter.field(START, "RCR") == 0 and meter.raw("bs_meter.RCR") == 0
    assert meter.raw("ac_meter.TotWhImp") > 0
    other = bench(load="constant:36000", start_resets_rcr="no", wiring="direct")
    other.wait(10)
    assert other.snapshot(START) == 0
    assert other.field(START, "RCR") > 0


def test_the_registers_roll_over_at_a_million_kwh(bench):
    meter = bench(load="constant:36000", energy="999999.9", wiring="direct")
    assert meter.raw("ac_meter.TotWhImp") == 99_999_990
    meter.wait(9)
    assert meter.raw("ac_meter.TotWhImp") == 99_999_999
    meter.wait(1)
    assert meter.raw("ac_meter.TotWhImp") == 0


def test_currents_below_the_start_threshold_count_nothing(bench):
    meter = bench(load="constant:13.7", wiring="direct")  # 0.01986 A a phase
    meter.wait(36_000)
    assert [meter.raw(f"ac_meter.{name}") for name in ("W", "AphA", "TotWhImp")] == [0, 2, 0]
    above = bench(load="constant:14", wiring="direct")  # 0.0203 A
    above.wait(36_000)
    assert above.raw("ac_meter.TotWhImp") == 14
    assert bench(load="constant:14", wiring="direct", start_threshold="0.1").meter.electrics.energy.rate == 0


@pytest.mark.proves("B-158")
def test_pulses_follow_the_energy(bench):
    meter = bench(load="constant:3600", wiring="direct")
    before = Fraction(meter.meter.electrics.energy.imported, WATT_HOUR)
    meter.wait(1000)  # one kilowatt hour
    after = Fraction(meter.meter.electrics.energy.imported, WATT_HOUR)
    assert (LED.between(before, after), S0.between(before, after)) == (10_000, 100)


def test_reactive_power_has_the_sign_of_the_load(bench):
    rows = "t,i1,pf1\n0,0.19,-0.775\n"
    meter = bench(load="none")
    meter.meter.read_text = lambda path: rows
    meter.control(load="csv:x")
    meter.control(do=True)
    meter.wait(1)
    # 230 V x 0.19 A = 43.7 VA, 33.9 W, -27.6 var
    assert [meter.raw(f"ac_meter.{name}") for name in ("A", "WphA", "VAphA", "VARphA", "PFphA", "PFphB")] == [
        19, 3, 4, -3, 775, 0,
    ]  # fmt: skip


@pytest.mark.parametrize("load", ["curve:tesla", "constant:41401", "constant:x", "constant:", "nothing", "csv:", ""])
def test_unknown_loads_are_refused(bench, load):
    with pytest.raises(InvalidValue, match="load"):
        bench(load=load)
