"""Faults and controls: section 28."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest

from wattproof.errors import InvalidValue, UnknownName
from wattproof.meters.bsm.enums import SnapshotType, decode_error
from wattproof.meters.bsm.virtual.faults import BUS_FAULTS, CONTROLS, METER_FAULTS
from wattproof.signed.formats import bsm
from wattproof.virtual.line import LINE_FAULTS

CURRENT, ON, OFF, START, END = SnapshotType

NAMES_28_3 = (
    "contactor-stuck-closed contactor-stuck-open contactor-slow feedback-lost feedback-inverted doe-low "
    "collecting-fails signing-fails ocmf-fails slow-collecting slow-signing stale-snapshot pagination-gap "
    "bad-signature wrong-key tamper firmware-hash cm-init-failed dev-module meter-fatal clock-lost clock-drift "
    "counter-glitch counter-jump roll-over frozen phase-lost phase-order reverse noise power-cut"
).split()
NAMES_28_4 = (
    "drop drop-answer late garble truncate wrong-unit wrong-transaction exception disconnect line-noise "
    "foreign-traffic echo collision"
).split()


def signals(meter):
    return [meter.raw(f"bs_meter.{name}") for name in ("DI", "DO")]


def reading(meter, kind):
    return json.loads(meter.text(kind).split(b"|")[1])["RD"][0]


def refused(meter, kind, status, number):
    """A refused snapshot: status in both instances, no signature, no text, no number used."""
    assert (meter.status(kind), meter.ocmf_status(kind)) == (status, status)
    assert meter.field(kind, "BSig") == 0 and set(meter.area(kind)[-96:]) == {0}
    assert meter.text(kind) == b"" and meter.raw("bs_meter.RCnt") == number


# 28.1: the tables are closed


@pytest.mark.proves("B-190")
def test_the_tables_hold_exactly_the_names_of_the_specification():
    assert [row.name for row in METER_FAULTS] == NAMES_28_3
    assert [row.name for row in BUS_FAULTS] == NAMES_28_4
    assert [row.name for row in CONTROLS.rows] == "di doe do plug load power clock step key".split()


@pytest.mark.proves("B-190", "B-195")
@pytest.mark.parametrize(
    ("controls", "faults", "name"),
    [
        ({}, {"contactor-stuck": True}, "contactor-stuck"),
        ({"door": True}, {}, "door"),
        ({}, {"tamper": "Sig"}, "tamper"),
        ({}, {"contactor-slow": 61}, "contactor-slow"),
        ({}, {"contactor-slow": "NaN"}, "contactor-slow"),
        ({}, {"feedback-lost": 3}, "feedback-lost"),
        ({}, {"pagination-gap": 0}, "pagination-gap"),
        ({}, {"pagination-gap": 1.5}, "pagination-gap"),
        ({}, {"meter-fatal": "00000000"}, "meter-fatal"),
        ({}, {"meter-fatal": "0010000"}, "meter-fatal"),
        ({}, {"phase-lost": 4}, "phase-lost"),
        ({}, {"drop": 101}, "drop"),
        ({}, {"exception": 12}, "exception"),
        ({}, {"clock-drift": 100_001}, "clock-drift"),
        ({"di": "maybe"}, {}, "di"),
        ({"doe": None}, {}, "doe"),
        ({"load": "constant:50000"}, {}, "constant:50000"),
        ({"load": 5}, {}, "load"),
        ({"clock": "2026-01-01T00:00:00"}, {}, "clock"),
        ({"step": -1}, {}, "step"),
        ({"step": 31_536_001}, {}, "step"),
        ({"key": "4"}, {}, "key"),
    ],
)
def test_what_is_not_in_the_tables_is_refused_and_nothing_changes(bench, controls, faults, name):
    meter = bench()
    before = meter.state
    with pytest.raises((UnknownName, InvalidValue), match=re.escape(name)):
        meter.meter.patch(meter.now, {"doe": False} | controls, {"frozen": True} | faults, None)
    assert meter.state == before
    with pytest.raises((UnknownName, InvalidValue)):
        meter.meter.patch(meter.now, {"doe": False} | controls, {"frozen": True} | faults, "turn-on:signing")
    assert meter.snapshot(ON) == 0 and meter.state["faults"] == {}


def test_a_state_that_does_not_exist_is_refused(bench):
    meter = bench()
    for when in ("turn-on", "turn-on:shut", "current:opening", "", "*", "*:power-up"):
        with pytest.raises(UnknownName, match="named state"):
            meter.fault(when=when, frozen=True)


def test_contradicting_faults(bench):
    meter = bench()
    meter.fault(contactor_stuck_closed=True)
    with pytest.raises(InvalidValue, match=r"contactor-stuck-open.*contactor-stuck-closed"):
        meter.fault(contactor_stuck_open=True)
    assert list(meter.state["faults"]) == ["contactor-stuck-closed"]
    meter.fault(contactor_stuck_closed=False, contactor_stuck_open=True)
    assert list(meter.state["faults"]) == ["contactor-stuck-open"]
    with pytest.raises(InvalidValue):
        bench(faults=("contactor-stuck-open", "contactor-stuck-closed"))


@pytest.mark.proves("B-191")
def test_values_counts_and_the_end_of_a_fault(bench):
    meter = bench(faults=("contactor-slow", "collecting-fails=2", "late=1.5", "meter-fatal=0010000a"))
    assert meter.state["faults"] == {
        "contactor-slow": 1, "collecting-fails": 2, "meter-fatal": "0010000A", "late": 1.5,
    }  # fmt: skip
    assert [meter.snapshot(CURRENT) for _ in range(3)] == [3, 3, 0]
    assert "collecting-fails" not in meter.state["faults"]
    meter.fault(contactor_slow=None, late=False)
    meter.meter.patch(meter.now, {}, {"meter-fatal": "false"})
    assert meter.state["faults"] == {}
    events = [(event, details["fault"]) for event, details in meter.journal if event.startswith("fault")]
    assert events == [
        ("fault-set", "contactor-slow"), ("fault-set", "collecting-fails"), ("fault-set", "late"),
        ("fault-set", "meter-fatal"),
        ("fault-hit", "collecting-fails"), ("fault-hit", "collecting-fails"), ("fault-ended", "collecting-fails"),
        ("fault-ended", "contactor-slow"), ("fault-ended", "late"), ("fault-ended", "meter-fatal"),
    ]  # fmt: skip


# 28.2: the moment


@pytest.mark.proves("B-194")
@pytest.mark.parametrize("when", ["turn-off:opening", "*:opening"])
def test_a_change_waits_for_its_state(bench, when):
    meter = bench()
    meter.charge()
    meter.fault(when=when, contactor_stuck_closed=True)
    meter.wait(100)
    assert meter.state["faults"] == {} and meter.snapshot(CURRENT) == 0
    assert meter.snapshot(OFF) == 5  # set before the contactor opened
    assert meter.state["faults"] == {"contactor-stuck-closed": True}


@pytest.mark.proves("B-194")
def test_a_change_acts_before_the_state_does(bench):
    meter = bench()
    meter.charge()
    meter.fault(when="turn-off:feedback", contactor_stuck_closed=True)
    assert meter.snapshot(OFF) == 5
    late = bench()
    late.charge()
    late.fault(when="turn-off:collecting", contactor_stuck_closed=True)  # the contactor is open by then
    assert late.snapshot(OFF) == 0
    control = bench()
    control.meter.patch(0, {"doe": False}, {}, "turn-on:closing")
    control.charge()
    assert signals(control) == [1, 1] and control.state["signals"]["doe"] is False
    cut = bench()
    cut.fault(when="current:signing", power_cut=1)
    cut.trigger(CURRENT)
    cut.wait(2.5)
    assert cut.meter.silent and not cut.meter.blocked


def test_a_trigger_whose_meter_loses_its_supply_is_not_answered(bench):
    meter = bench()
    meter.fault(when="current:accepted", power_cut=1)
    assert meter.trigger(CURRENT) is None
    meter.wait(4)
    assert meter.status(CURRENT) == 1 and meter.snapshot(CURRENT) == 0


@pytest.mark.proves("B-194")
def test_the_states_request_and_power_up(bench):
    meter = bench(faults=("meter-fatal@power-up",))
    assert meter.raw("bs_meter.ErrM") == "00100000"
    meter = bench(faults=("phase-lost=3@request",), wiring="direct")
    meter.meter.advance(10)
    assert meter.meter.electrics.segment.phases[2].voltage
    assert meter.raw("ac_meter.PhVphC") == 0  # before this request is executed
    meter.fault(when="power-up", reverse=True)
    meter.fault(power_cut=1)
    meter.wait(2.9)
    assert "reverse" not in meter.meter.faults
    meter.wait(0.2)
    assert "reverse" in meter.meter.faults


# 28.3: each fault


@pytest.mark.proves("B-191", "B-196")
def test_contactor_stuck_closed(bench):
    meter = bench()
    meter.charge()
    meter.wait(100)
    meter.fault(contactor_stuck_closed=True)
    number, before = meter.raw("bs_meter.RCnt"), meter.raw("bs_meter.RCR")
    start = meter.now
    assert meter.snapshot(OFF) == 5 and meter.now - start == 500_000_000
    refused(meter, OFF, 5, number)
    assert signals(meter) == [0, 0] and meter.raw("ac_meter.W") == 1104
    meter.wait(1000)
    assert meter.raw("bs_meter.RCR") > before + 300 and meter.raw("ac_meter.TotWhImp") > before + 300
    assert meter.snapshot(ON) == 5 and meter.snapshot(CURRENT) == 0 and meter.snapshot(END) == 0
    meter.fault(contactor_stuck_closed=False)
    meter.wait(0.03)
    assert signals(meter) == [1, 0]
    assert meter.snapshot(OFF) == 0
    opened = bench()
    opened.fault(contactor_stuck_closed=True)
    assert opened.snapshot(ON) == 0  # an open one closes with the next demand
    assert opened.snapshot(OFF) == 5


@pytest.mark.proves("B-191")
def test_contactor_stuck_open(bench):
    meter = bench()
    meter.charge()
    meter.wait(5)
    meter.fault(contactor_stuck_open=True)
    assert signals(meter) == [1, 1] and meter.raw("ac_meter.W") == 0
    assert meter.snapshot(OFF) == 0 and meter.snapshot(ON) == 0
    meter.wait(1000)
    assert meter.raw("bs_meter.RCR") == 0
    meter.fault(contactor_stuck_open=False)
    meter.wait(1)
    assert signals(meter) == [0, 1]


@pytest.mark.proves("B-191")
@pytest.mark.parametrize(("delay", "status"), [(0.5, 0), (0.51, 5), (1, 5)])
def test_contactor_slow(bench, delay, status):
    meter = bench()
    meter.charge()
    meter.wait(5)
    meter.fault(contactor_slow=delay)
    os = meter.raw("bs_meter.OS")
    assert meter.snapshot(OFF) == status
    meter.wait(delay)
    assert signals(meter) == [1, 0]
    assert meter.raw("bs_meter.DIChgOS") - os == int(meter.raw("bs_meter.DIChgOS") - os) <= 1


@pytest.mark.proves("B-191")
@pytest.mark.parametrize("fault", ["feedback-lost", "feedback-inverted"])
def test_wrong_feedback(bench, fault):
    meter = bench(faults=(fault,))
    assert meter.raw("bs_meter.DI") == 0
    for kind in (ON, OFF):
        assert meter.snapshot(kind) == 5
        refused(meter, kind, 5, 0)
    meter.control(do=True)
    meter.wait(1)
    assert meter.raw("ac_meter.W") == 1104 and meter.raw("bs_meter.DI") == (fault == "feedback-inverted")


@pytest.mark.proves("B-191")
def test_doe_low(bench):
    meter = bench()
    meter.charge()
    meter.fault(doe_low=True)
    meter.wait(0.03)
    assert signals(meter) == [1, 1] and meter.raw("ac_meter.W") == 0
    assert meter.state["leds"] == {"adr": False, "doe": False, "do": False}
    assert meter.snapshot(ON) == 0 and meter.raw("ac_meter.W") == 0
    older = bench(variant="cm11", faults=("doe-low",))
    assert older.snapshot(ON) == 4
    refused(older, ON, 4, 0)


@pytest.mark.proves("B-191")
def test_collecting_fails(bench):
    meter = bench()
    meter.charge()
    meter.wait(100)
    rcr = meter.raw("bs_meter.RCR")
    meter.fault(collecting_fails=True)
    for kind in SnapshotType:
        assert meter.snapshot(kind) == 3
        refused(meter, kind, 3, 1)
    assert meter.raw("bs_meter.RCR") >= rcr and meter.raw("bs_meter.DO") == 0


@pytest.mark.proves("B-191")
def test_signing_fails(bench):
    meter = bench()
    meter.charge()
    meter.wait(100)
    meter.fault(signing_fails=1)
    assert meter.snapshot(ON) == 3
    refused(meter, ON, 3, 1)
    assert meter.raw("bs_meter.DO") == 1 and meter.raw("bs_meter.RCR") == 0
    assert meter.snapshot(ON) == 0 and meter.field(ON, "RCnt") == 2


@pytest.mark.proves("B-191")
def test_ocmf_fails(bench):
    meter = bench(faults=("ocmf-fails=1",))
    assert meter.snapshot(CURRENT) == 0 and meter.verifies(CURRENT)
    assert meter.ocmf_status(CURRENT) == 3 and meter.text(CURRENT) == b"" and meter.raw("bs_meter.RCnt") == 1
    assert meter.snapshot(CURRENT) == 0 and meter.text_verifies(CURRENT)


@pytest.mark.proves("B-191")
@pytest.mark.parametrize(("fault", "seconds"), [("slow-collecting", 20.3), ("slow-signing", 22.5)])
def test_slow_creation(bench, fault, seconds):
    meter = bench(faults=(fault,))
    start = meter.now
    assert meter.snapshot(CURRENT) == 0
    assert meter.now - start == round(seconds * 10**9)


@pytest.mark.proves("B-191")
def test_slow_signing_of_a_turn_on_has_the_contactor_closed(bench):
    meter = bench(faults=("slow-signing=30",))
    meter.trigger(ON)
    meter.wait(20)
    assert meter.meter.blocked and meter.meter.electrics.closed
    meter.wait(15)
    assert meter.status(ON) == 0


@pytest.mark.proves("B-191")
def test_stale_snapshot(bench):
    meter = bench(faults=("stale-snapshot=1",))
    assert meter.snapshot(CURRENT) == 3
    refused(meter, CURRENT, 3, 0)
    meter.set_time()
    assert meter.snapshot(CURRENT) == 0
    before = meter.area(CURRENT), meter.text(CURRENT)
    meter.wait(100)
    meter.fault(stale_snapshot=1)
    assert meter.snapshot(CURRENT) == 0
    assert (meter.area(CURRENT), meter.text(CURRENT)) == before
    assert meter.raw("bs_meter.RCnt") == 1 == meter.field(CURRENT, "RCnt")
    assert meter.snapshot(CURRENT) == 0 and meter.raw("bs_meter.RCnt") == 2


@pytest.mark.proves("B-191")
def test_pagination_gap(bench):
    meter = bench()
    meter.snapshot(CURRENT)
    meter.fault(pagination_gap=7)
    assert meter.raw("bs_meter.RCnt") == 8 and meter.state["faults"] == {}
    meter.snapshot(CURRENT)
    assert meter.field(CURRENT, "RCnt") == 9


@pytest.mark.proves("B-191")
@pytest.mark.parametrize("fault", ["bad-signature", "wrong-key"])
def test_signatures_that_do_not_verify(bench, fault):
    meter = bench(faults=(fault,))
    key = meter.raw("bs_meter.PK")
    assert meter.snapshot(CURRENT) == 0 and not meter.verifies(CURRENT) and not meter.text_verifies(CURRENT)
    assert meter.raw("bs_meter.PK") == key and 68 <= meter.field(CURRENT, "BSig") <= 72
    meter.meter.patch(meter.now, {}, {fault: False})
    assert meter.snapshot(CURRENT) == 0 and meter.verifies(CURRENT) and meter.text_verifies(CURRENT)


@pytest.mark.proves("B-191")
@pytest.mark.parametrize("field", [field.name for field in bsm.CURRENT])
def test_tamper(bench, field):
    meter = bench(load="constant:36000")
    meter.charge()
    for name in ("Meta1", "Meta2"):
        meter.set(f"bs_meter.{name}", "text")
    meter.wait(60)
    meter.fault(tamper=field)
    assert meter.snapshot(CURRENT) == 0 and not meter.verifies(CURRENT)
    shown = field in ("RCR", "TotWhImp", "Epoch", "Meta1", "Meta2", "Meta3")
    assert meter.text_verifies(CURRENT) is not shown
    fields = json.loads(meter.text(CURRENT).split(b"|")[1])
    if field == "Meta1":
        assert (meter.field(CURRENT, "Meta1"), fields["ID"]) == ("texu", "texu")
    if field == "Meta3":
        assert (meter.field(CURRENT, "Meta3"), fields["X3"]) == ("\x01", "\x01")
    if field == "RCR":
        assert fields["RD"][0]["RV"] * 100 == pytest.approx(meter.field(CURRENT, "RCR"))
    meter.fault(tamper=False)
    assert meter.snapshot(CURRENT) == 0 and meter.verifies(CURRENT) and meter.text_verifies(CURRENT)


@pytest.mark.proves("B-191")
def test_firmware_hash_dev_module_init_failed(bench):
    meter = bench()
    digest = meter.raw("cm_firmware_hash.B")
    meter.fault(firmware_hash=True)
    assert meter.raw("cm_firmware_hash.B") == bytes((digest[0] ^ 0xFF,)) + digest[1:]
    meter.fault(firmware_hash=False, dev_module=True)
    assert meter.raw("bs_meter.VrC") == "01d484f-dirty"
    assert meter.snapshot(CURRENT) == 0
    assert json.loads(meter.text(CURRENT).split(b"|")[1])["GV"] == "1.9:32CA:AFF4, 01d484f-dirty"
    meter.fault(dev_module=False, cm_init_failed=True)
    assert meter.raw("ac_meter.Evt") == 1 << 17 and meter.raw("bs_meter.VrC") == "01d484f"
    for kind in SnapshotType:
        assert meter.snapshot(kind) == 3
        refused(meter, kind, 3, 1)


@pytest.mark.proves("B-191", "B-152", "B-153")
def test_meter_fatal(bench):
    meter = bench()
    meter.meter.patch(0, {}, {"meter-fatal": "00200011"})
    assert meter.raw("bs_meter.ErrM") == "00200011" and meter.raw("ac_meter.Evt") == 1 << 16
    meter.meter.patch(0, {}, {"meter-fatal": True})
    assert meter.raw("bs_meter.ErrM") == "00100000" and decode_error("00100000") == ["hardware error"]
    assert meter.snapshot(CURRENT) == 0 and meter.field(CURRENT, "Evt") == 1 << 16
    assert meter.meter.optical_values.error == "00100000"


@pytest.mark.proves("B-191", "B-152")
def test_service_mode_is_an_error_code_for_a_minute(bench):
    meter = bench()
    meter.meter.set_service_mode(True)
    assert meter.raw("bs_meter.ErrM") == "00000010" and meter.raw("ac_meter.Evt") == 1 << 16
    meter.wait(59)
    meter.meter.set_service_mode(True)
    meter.wait(59.9)
    assert meter.raw("bs_meter.ErrM") == "00000010"
    meter.wait(0.1)
    assert meter.raw("bs_meter.ErrM") == "00000000" and meter.raw("ac_meter.Evt") == 0


@pytest.mark.proves("B-191")
def test_clock_lost_and_clock_drift(bench):
    meter = bench()
    meter.set_time()
    meter.fault(clock_drift=True)
    meter.wait(1000)
    assert meter.raw("bs_meter.Epoch") == 1657267228 + 1020
    meter.fault(clock_drift=-100_000)
    meter.wait(1000)
    assert meter.raw("bs_meter.Epoch") == 1657267228 + 1020 + 900
    meter.fault(clock_drift=False)
    meter.wait(1000)
    assert meter.raw("bs_meter.Epoch") == 1657267228 + 2920
    meter.fault(clock_lost=True)
    assert (meter.raw("bs_meter.Epoch"), meter.raw("bs_meter.TZO")) == (None, None)
    assert meter.snapshot(CURRENT) == 0 and reading(meter, CURRENT)["EF"] == "t"
    assert meter.set_time() is not None and meter.raw("bs_meter.EpochSetCnt") == 2


@pytest.mark.proves("B-191")
def test_counter_glitch(bench):
    meter = bench(energy="7", load="constant:36000", wiring="direct")
    meter.wait(10)
    right = meter.raw("ac_meter.TotWhImp"), meter.raw("bs_meter.RCR")
    meter.fault(counter_glitch=2)
    assert meter.raw("ac_meter.W") == 3600  # an answer without them is no hit
    assert (meter.raw("ac_meter.TotWhImp"), meter.raw("bs_meter.RCR")) == (0, 0)
    assert (meter.raw("ac_meter.TotWhImp"), meter.raw("bs_meter.RCR")) == right
    meter.fault(counter_glitch=True)
    assert meter.read(40137, 1) == b"\0\0" and meter.raw("ac_meter.TotWhImp") == right[0]
    meter.fault(counter_glitch=1)
    assert meter.snapshot(CURRENT) == 0 and meter.field(CURRENT, "TotWhImp") > 700


@pytest.mark.proves("B-198")
def test_a_glitch_books_nothing_where_counters_may_only_grow(bench):
    meter = bench(energy="7", load="constant:36000", wiring="direct")
    last, booked = meter.raw("ac_meter.TotWhImp"), 0
    for second in range(30):
        if second in (5, 17):
            meter.fault(counter_glitch=2)
        meter.wait(1)
        value = meter.raw("ac_meter.TotWhImp")
        if value >= last:
            booked, last = booked + value - last, value
    assert booked == 30 and last == 730


@pytest.mark.proves("B-191")
def test_counter_jump_and_roll_over(bench):
    meter = bench(load="constant:36000", wiring="direct")
    meter.fault(counter_jump=True)
    assert (meter.raw("ac_meter.TotWhImp"), meter.raw("bs_meter.RCR")) == (100_000, 100_000)
    meter.fault(roll_over=True)
    assert (meter.raw("ac_meter.TotWhImp"), meter.raw("bs_meter.RCR")) == (99_999_990, 100_000)
    meter.wait(10)
    assert (meter.raw("ac_meter.TotWhImp"), meter.raw("bs_meter.RCR")) == (0, 100_010)
    assert meter.state["faults"] == {}


@pytest.mark.proves("B-191")
def test_frozen(bench):
    meter = bench(load="constant:36000", wiring="direct")
    meter.wait(10)
    meter.fault(frozen=True)
    before = meter.read(40090, 107)
    meter.control(load="constant:7000")
    meter.wait(1000)
    assert meter.read(40090, 107) == before and meter.raw("bs_meter.RCR") > 190
    assert meter.snapshot(CURRENT) == 0 and meter.field(CURRENT, "TotWhImp") > 190
    meter.fault(frozen=False)
    assert meter.raw("ac_meter.W") == 700 and meter.raw("ac_meter.TotWhImp") == meter.raw("bs_meter.RCR") > 190


@pytest.mark.proves("B-191")
def test_phases(bench):
    meter = bench(wiring="direct")
    assert meter.meter.phase_symbols == ("steady",) * 3
    meter.fault(phase_order=True)
    assert meter.meter.phase_symbols == ("blinking",) * 3 and meter.raw("ac_meter.W") == 1104
    meter.fault(phase_order=False, phase_lost=True)
    assert meter.meter.phase_symbols == ("missing", "blinking", "blinking")
    assert [meter.raw(f"ac_meter.{name}") for name in ("PhVphA", "AphA", "W", "PFphA")] == [0, 0, 736, 0]
    before = meter.meter.electrics.energy.total
    meter.fault(reverse=True)
    meter.wait(1000)
    assert [meter.raw(f"ac_meter.{name}") for name in ("W", "WphA", "WphB")] == [-736, 0, -368]
    assert meter.meter.electrics.energy.total == before


@pytest.mark.proves("B-191")
def test_noise_changes_every_second_and_is_seeded(bench):
    def watch(seed):
        meter = bench(seed=seed, wiring="direct")
        meter.fault(noise=2)
        seen = []
        for _ in range(30):
            meter.wait(1)
            seen.append((meter.raw("ac_meter.PhVphA"), meter.raw("ac_meter.AphB"), meter.raw("ac_meter.W")))
        return seen

    first = watch(1)
    assert len(set(first)) > 20 and first == watch(1) != watch(2)
    assert all(2000 < volts < 2600 and 1200 < amperes < 2000 for volts, amperes, _ in first)


@pytest.mark.proves("B-191", "B-182", "B-055", "B-058")
def test_power_cut(bench):
    meter = bench()
    meter.charge()
    meter.set("bs_meter.Meta1", "x")
    meter.wait(100)
    os, rcr = meter.raw("bs_meter.OS"), meter.raw("bs_meter.RCR")
    meter.fault(power_cut=True)
    for pause in (0, 5, 4.9, 1.9):
        meter.wait(pause)
        assert meter.meter.silent and meter.ask(b"\x03\x9c\x40\0\x01") is None
    assert meter.state["signals"]["contactor"] is False
    meter.wait(0.3)
    assert not meter.meter.silent
    assert meter.raw("bs_meter.OS") == os + 2 and meter.raw("bs_meter.RCR") == rcr > 0
    assert (meter.raw("bs_meter.Epoch"), meter.raw("bs_meter.Meta1"), meter.raw("bs_meter.PDCnt")) == (None, None, 1)
    assert signals(meter) == [1, 0] and meter.raw("bs_meter.DIChgOS") is None is meter.raw("bs_meter.DOChgOS")


# 28.4: faults of the bus go to the line


@pytest.mark.proves("B-190")
def test_bus_faults_are_the_lines(bench):
    meter = bench(faults=tuple(NAMES_28_4))
    assert list(meter.meter.line.active) == NAMES_28_4
    assert meter.meter.line.active == {name: LINE_FAULTS[name].default for name in NAMES_28_4}
    meter.meter.patch(0, {}, dict.fromkeys(NAMES_28_4, False))
    assert not meter.meter.line.active


# 28.5: controls


@pytest.mark.proves("B-195")
def test_each_control(bench):
    meter = bench()
    meter.control(di=False)
    assert meter.raw("bs_meter.DI") == 0 and meter.raw("bs_meter.DIChgOS") == 0
    meter.control(di="auto")
    assert meter.raw("bs_meter.DI") == 1
    meter.control(doe=False, do=True)
    meter.wait(1)
    assert signals(meter) == [1, 1]
    meter.control(doe=True)
    meter.wait(1)
    assert meter.raw("ac_meter.W") == 1104 and meter.raw("bs_meter.DOChgOS") == 0
    meter.control(plug=False)
    assert meter.raw("ac_meter.W") == 0 and meter.raw("ac_meter.PhVphA") == 2300
    meter.control(plug=True, load="constant:3450")
    assert meter.raw("ac_meter.W") == 345
    meter.control(clock="2022-07-08T10:00:28+02:00")
    assert (meter.raw("bs_meter.Epoch"), meter.raw("bs_meter.TZO")) == (1657267228, 120)
    assert meter.raw("bs_meter.EpochSetCnt") == 1
    meter.control(clock="invalid")
    assert meter.raw("bs_meter.Epoch") is None
    meter.control(power=False)
    assert meter.meter.silent
    meter.wait(3600)
    meter.control(power=True)
    assert meter.meter.silent
    meter.wait(2)
    assert not meter.meter.silent and meter.raw("bs_meter.PDCnt") == 1 and meter.raw("bs_meter.OS") == 4
    meter.control(key="1")
    assert meter.state["display"]["page"] == 2


@pytest.mark.proves("B-195")
def test_a_step_passes_everything_in_its_order(bench):
    meter = bench()
    meter.set_time()
    meter.trigger(ON)
    meter.control(step=7200)
    assert not meter.meter.blocked and meter.status(ON) == 0
    assert meter.raw("bs_meter.OS") == 7200 and meter.raw("bs_meter.RCR") == 2000
    assert meter.raw("bs_meter.Epoch") == 1657267228 + 7200
    slow = bench()
    slow.set_time()
    slow.trigger(ON)
    slow.wait(7200)
    assert slow.meter.registers.data == meter.meter.registers.data
    meter.control(step="0.5")
    meter.wait(0.5)
    assert meter.raw("bs_meter.OS") == 7201
    meter.control(step=172_800)
    assert meter.raw("bs_meter.Epoch") is None


@pytest.mark.proves("B-195")
def test_the_state_has_the_stated_keys(bench):
    meter = bench()
    meter.charge()
    meter.wait(10)
    state = meter.state
    assert list(state) == (
        "model variant serial unit speed time controls faults signals load energy snapshots display leds".split()
    )
    assert list(state["time"]) == ["os", "epoch", "tzo"]
    assert list(state["signals"]) == ["demand", "doe", "do", "di", "contactor"]
    assert list(state["load"]) == ["text", "delivered_wh", "w"] and list(state["energy"]) == ["TotWhImp", "RCR"]
    assert state["snapshots"]["turn-on"] == {"St": 0, "state": "done", "RCnt": 1}
    assert state["snapshots"]["end"] == {"St": 1, "state": None, "RCnt": None}
    assert list(state["display"]) == "language page obis lines value power checksum light".split()
    assert state["display"]["checksum"] is None and list(state["leds"]) == ["adr", "doe", "do"]
    assert json.loads(json.dumps(state)) == state
    meter.trigger(CURRENT)
    meter.meter.advance(meter.now)
    assert meter.meter.state()["snapshots"]["current"] == {"St": 2, "state": "collecting", "RCnt": None}


# without supply


@pytest.mark.proves("B-195", "B-163")
def test_controls_inside_the_meter_do_nothing_without_supply(bench):
    meter = bench()
    meter.charge()
    meter.control(power=False)
    for controls in ({"do": True}, {"clock": "2026-01-01T00:00:00Z"}, {"key": "1"}):
        meter.control(**controls)
    assert [
        details["control"] for event, details in meter.journal if event == "control-ignored"
    ] == "do clock key".split()
    meter.control(power=True)
    meter.wait(2)
    state = meter.state
    assert state["signals"]["demand"] is False and state["time"]["epoch"] is None
    assert (meter.raw("bs_meter.DO"), meter.raw("bs_meter.Epoch"), meter.raw("bs_meter.DOChgOS")) == (0, None, None)
    assert state["display"]["page"] == 1


@pytest.mark.proves("B-195")
def test_the_display_is_dark_without_supply(bench):
    meter = bench(language="de")
    keys = list(meter.state["display"])
    meter.control(power=False)
    state = meter.state
    assert list(state["display"]) == keys
    assert state["display"] == {"language": "de", "lines": [], "light": False} | dict.fromkeys(
        ("page", "obis", "value", "power", "checksum")
    )
    assert state["leds"] == {"adr": False, "doe": False, "do": False}


@pytest.mark.proves("B-190")
def test_values_are_shown_as_numbers_and_named_in_plain_words(bench):
    meter = bench()
    meter.fault(phase_lost="3", garble="100", late=5)
    assert meter.state["faults"] == {"phase-lost": 3, "garble": 100, "late": 5}
    shown = [details["value"] for event, details in meter.journal if event == "fault-set"]
    assert [repr(value) for value in shown] == ["3", "100", "5"]
    for faults, words in (
        ({"pagination-gap": Decimal("1.5")}, "pagination-gap: 1.5 is not possible"),
        ({"pagination-gap": [1]}, "pagination-gap: a list is not possible"),
        ({"pagination-gap": 10**5000}, "pagination-gap: so large a number is not possible"),
        ({"frozen": {}}, "frozen: an object is not possible"),
    ):
        with pytest.raises(InvalidValue, match=re.escape(words)):
            meter.meter.patch(meter.now, {}, faults, None)
