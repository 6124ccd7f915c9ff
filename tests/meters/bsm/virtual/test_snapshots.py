"""The life of snapshots and the coordination with the contactor: sections 2.7, 11 and 12."""

from __future__ import annotations

import struct

import pytest

from wattproof.meters.bsm.enums import SnapshotType
from wattproof.meters.bsm.points import SNAPSHOT_BLOCKS
from wattproof.meters.bsm.virtual.machine import NEXT, TRANSITIONS, State, diagram, named_states, states

CURRENT, ON, OFF, START, END = SnapshotType
SWITCHING = (ON, OFF)


def signals(meter):
    return [meter.raw(f"bs_meter.{name}") for name in ("DI", "DO")]


@pytest.mark.proves("B-083", "B-091")
def test_after_power_up_there_are_no_snapshots(bench):
    meter = bench()
    for kind in SnapshotType:
        assert (meter.status(kind), meter.ocmf_status(kind)) == (1, 1)
        assert meter.field(kind, "Typ") == kind
        assert meter.field(kind, "BSig") == 0 and meter.text(kind) == b""
    starts = sorted(block.address for block in SNAPSHOT_BLOCKS.values())
    assert [struct.unpack(">H", meter.read(start + 2))[0] for start in starts] == [0, 1, 2, 3, 4]


@pytest.mark.proves("B-084", "B-085", "B-181", "B-088", "B-089")
@pytest.mark.parametrize("kind", SnapshotType)
def test_blocking_creation_takes_2_8_or_5_3_seconds(bench, kind):
    meter = bench()
    meter.set_time()
    meter.wait(1.25)
    start = meter.now
    assert meter.trigger(kind) == struct.pack(">BHH", 16, SNAPSHOT_BLOCKS[kind].address_of("St"), 1)
    assert meter.meter.blocked
    took = 5_300_000_000 if kind in SWITCHING else 2_800_000_000
    meter.now = start + took - 1
    meter.meter.advance(meter.now)
    assert meter.meter.blocked and meter.meter.next_event() == start + took
    assert (meter.status(kind), meter.ocmf_status(kind)) == (2, 2)
    meter.now += 1
    meter.meter.advance(meter.now)
    assert not meter.meter.blocked
    assert (meter.status(kind), meter.ocmf_status(kind)) == (0, 0)
    assert meter.verifies(kind) and meter.text_verifies(kind)


def test_turn_off_under_load_takes_5_3_seconds_too(bench):
    meter = bench()
    meter.charge()
    meter.wait(10)
    start = meter.now
    assert meter.snapshot(OFF) == 0
    assert meter.now - start == 5_300_000_000


@pytest.mark.proves("B-086", "B-093")
def test_non_blocking_creation_shows_status_2_and_refuses_another_trigger(bench):
    meter = bench(blocking="no")
    meter.set_time()
    meter.trigger(CURRENT)
    assert not meter.meter.blocked
    meter.wait(1)
    assert meter.field(CURRENT, "St") == 2 and meter.field(CURRENT, "BSig") == 0
    for kind in SnapshotType:
        assert meter.trigger(kind) == b"\x90\x06"
    assert meter.put(40268, b"\0\1") == b"\x90\x06"
    assert meter.set("bs_meter.Meta1", "later") == struct.pack(">BHH", 16, 40279, 70)
    meter.wait(1.8)
    assert meter.field(CURRENT, "St") == 0 and meter.field(CURRENT, "RCnt") == 1
    assert meter.field(CURRENT, "Meta1") is None  # of the moment of the trigger
    meter.wait(100)
    assert meter.raw("bs_meter.RCnt") == 1 and meter.field(ON, "St") == 1


@pytest.mark.proves("B-071", "B-072", "B-090", "B-095")
def test_all_kinds_share_one_counter_and_keep_their_data(bench):
    meter = bench()
    meter.set_time()
    for number, kind in enumerate((ON, CURRENT, OFF, START, END, CURRENT), 1):
        others = {other: meter.area(other) for other in SnapshotType if other is not kind}
        assert meter.snapshot(kind) == 0
        assert meter.field(kind, "RCnt") == meter.raw("bs_meter.RCnt") == number
        assert all(meter.area(other) == area for other, area in others.items())
    before = meter.area(END), meter.text(END)
    meter.wait(86_000)
    assert (meter.area(END), meter.text(END)) == before


@pytest.mark.proves("B-054", "B-092")
def test_a_snapshot_holds_the_values_of_its_moment(bench):
    meter = bench(energy="12.34")
    meter.charge()
    meter.wait(1000)
    texts = {"Meta1": "contract-id: rfid:12345678abcdef", "Meta2": "evse-id: DE*BDO*E8025334492*2", "Meta3": "v1"}
    for name, text in texts.items():
        meter.set(f"bs_meter.{name}", text)
    meter.trigger(CURRENT)
    meter.wait(2.5)
    live = {name: meter.raw(f"bs_meter.{name}") for name in ("RCR", "MA1", "OS", "Epoch", "TZO", "EpochSetCnt")}
    live |= {name: meter.raw(f"bs_meter.{name}") for name in ("EpochSetOS", "DI", "DO", "Meta1", "Meta2", "Meta3")}
    live |= {name: meter.raw(f"ac_meter.{name}") for name in ("TotWhImp", "W", "Evt")}
    meter.wait(1)
    assert {name: meter.field(CURRENT, name) for name in live} == live
    assert live["Meta1"] == texts["Meta1"] and live["W"] == 1104 and live["Evt"] == 0


@pytest.mark.proves("B-096", "B-097", "B-101")
def test_turn_on_step_by_step(bench):
    meter = bench()
    meter.set_time()
    meter.trigger(ON)
    meter.wait(4.9)
    assert signals(meter) == [1, 0]
    meter.wait(0.1)  # ON4
    assert meter.raw("bs_meter.DO") == 1 and meter.status(ON) == 2
    assert meter.raw("bs_meter.DI") == 1
    meter.wait(0.03)
    assert signals(meter) == [0, 1] and meter.status(ON) == 2
    assert meter.raw("ac_meter.W") == 1104
    meter.wait(0.27)
    assert meter.status(ON) == 0
    assert [meter.field(ON, name) for name in ("DI", "DO", "RCR", "W")] == [1, 0, 0, 0]
    assert [details["state"] for event, details in meter.journal if event == "state"] == ["power-up"] + [
        f"turn-on:{state}" for state in ("accepted", "opening", "feedback", "collecting", "closing", "signing", "done")
    ]


@pytest.mark.proves("B-098", "B-074", "B-094")
def test_turn_on_without_feedback_fails(bench):
    meter = bench(load="constant:36000")
    meter.charge()
    meter.wait(100)
    rcr, number = meter.raw("bs_meter.RCR"), meter.raw("bs_meter.RCnt")
    meter.control(di=False)
    start = meter.now
    assert meter.snapshot(ON) == 5
    assert meter.now - start == 500_000_000
    assert meter.ocmf_status(ON) == 5 and meter.field(ON, "BSig") == 0 and meter.text(ON) == b""
    assert set(meter.area(ON)[-96:]) == {0}
    assert meter.raw("bs_meter.DO") == 0
    assert meter.raw("bs_meter.RCR") >= rcr > 0 and meter.raw("bs_meter.RCnt") == number


@pytest.mark.proves("B-099", "B-106", "B-107")
def test_doe_and_demand_meet_in_hardware(bench):
    meter = bench()
    meter.control(doe=False)
    meter.charge()
    assert signals(meter) == [1, 1] and meter.raw("ac_meter.W") == 0
    meter.wait(10)
    meter.control(doe=True)
    meter.wait(0.032)
    assert signals(meter) == [0, 1] and meter.raw("ac_meter.W") == 1104
    stamps = [meter.raw(f"bs_meter.DIChg{name}") for name in ("OS", "Epoch", "TZO")]
    assert stamps == [15, 1657267228 + 15, 120]
    meter.wait(10)
    meter.control(doe=False)
    meter.wait(0.031)
    assert signals(meter) == [1, 1] and meter.raw("ac_meter.W") == 0
    assert meter.raw("bs_meter.DIChgOS") == 25
    assert meter.state["signals"] == {"demand": True, "doe": False, "do": False, "di": True, "contactor": False}
    assert meter.state["leds"] == {"adr": False, "doe": False, "do": False}


@pytest.mark.proves("B-100")
@pytest.mark.parametrize("variant", ["cm11", "fw17"])
def test_up_to_cm_1_1_turn_on_needs_doe(bench, variant):
    meter = bench(variant=variant)
    meter.control(doe=False)
    assert meter.snapshot(ON) == 4 and meter.ocmf_status(ON) == 4
    assert meter.raw("bs_meter.DO") == 0 and meter.raw("bs_meter.RCnt") == 0
    meter.control(doe=True)
    assert meter.snapshot(ON) == 0


def test_up_to_cm_1_1_the_contactor_has_to_close(bench):
    meter = bench(variant="cm11")
    meter.fault(contactor_stuck_open=True)
    assert meter.snapshot(ON) == 5
    assert signals(meter) == [1, 0] and meter.raw("bs_meter.RCnt") == 0
    newer = bench(variant="cm12")
    newer.fault(contactor_stuck_open=True)
    assert newer.snapshot(ON) == 0 and signals(newer) == [1, 1]


def test_fw17_has_no_start_and_end(bench):
    meter = bench(variant="fw17")
    assert meter.trigger(START) == meter.trigger(END) == b"\x90\x03"
    assert meter.snapshot(CURRENT) == 0


@pytest.mark.proves("B-092")
@pytest.mark.parametrize(("current", "raw"), [("327", 0x7FFF), ("-327", -0x7FFF)])
def test_a_power_beyond_its_register_is_signed_as_the_register_shows_it(bench, tmp_path, current, raw):
    load = tmp_path / "load.csv"
    load.write_text(f"t,u1,i1,u2,i2\n0,1000,{current},1000,{current}\n")
    meter = bench(load=f"csv:{load}", wiring="direct")
    assert meter.raw("ac_meter.W") == raw
    assert meter.snapshot(START) == 0 and meter.verifies(START)
    assert meter.field(START, "W") == raw


@pytest.mark.proves("B-074", "B-094")
def test_a_creation_that_breaks_down_fails_and_the_meter_lives_on(bench):
    meter = bench()
    meter.meter.counters.response = meter.meter.counters.reserved = 0xFFFFFFFF  # no number is left
    assert meter.snapshot(ON) == 3 and meter.ocmf_status(ON) == 3
    assert meter.field(ON, "BSig") == 0 and meter.text(ON) == b""
    assert meter.meter.counters.response == 0xFFFFFFFF
    assert [details["state"] for event, details in meter.journal if event == "creation-failed"] == ["signing"]
    meter.meter.counters.response = meter.meter.counters.reserved = 6
    assert meter.snapshot(ON) == 0 and meter.field(ON, "RCnt") == 7


@pytest.mark.proves("B-102")
def test_turn_on_under_load_opens_first(bench):
    meter = bench()
    meter.charge()
    meter.wait(1000)
    assert meter.raw("bs_meter.RCR") > 0
    meter.trigger(ON)
    meter.wait(0.03)
    assert signals(meter) == [1, 0]
    meter.wait(6)
    assert meter.status(ON) == 0 and signals(meter) == [0, 1]
    assert [meter.field(ON, name) for name in ("DI", "DO", "RCR", "RCnt")] == [1, 0, 0, 2]


@pytest.mark.proves("B-103")
def test_turn_off_opens_at_once(bench):
    meter = bench()
    meter.charge()
    meter.wait(100)
    meter.trigger(OFF)
    assert meter.raw("bs_meter.DO") == 0
    meter.wait(0.03)
    assert meter.raw("bs_meter.DI") == 1 and meter.raw("ac_meter.W") == 0
    meter.wait(6)
    assert [meter.field(OFF, name) for name in ("St", "DI", "DO", "W")] == [0, 1, 0, 0]
    assert meter.field(OFF, "OS") - meter.raw("bs_meter.DOChgOS") == 5


@pytest.mark.proves("B-104")
def test_turn_off_with_a_welded_contactor(bench):
    meter = bench()
    meter.charge()
    meter.fault(contactor_stuck_closed=True)
    assert meter.snapshot(OFF) == 5
    assert signals(meter) == [0, 0]
    assert meter.snapshot(OFF) == 5 and meter.snapshot(ON) == 5 and meter.snapshot(CURRENT) == 0


@pytest.mark.proves("B-105")
def test_turn_off_without_turn_on(bench):
    meter = bench()
    assert meter.snapshot(OFF) == 0 and meter.verifies(OFF)


@pytest.mark.proves("B-108", "B-109")
def test_snapshots_that_do_not_switch(bench):
    meter = bench()
    for kind in (START, END, CURRENT):
        assert meter.snapshot(kind) == 0 and signals(meter) == [1, 0]
    meter.charge()
    meter.wait(10)
    for kind in (CURRENT, START, END):
        assert meter.snapshot(kind) == 0 and signals(meter) == [0, 1]
        assert [meter.field(kind, name) for name in ("DI", "DO", "W")] == [0, 1, 1104]


@pytest.mark.proves("B-142", "B-143")
def test_the_ocmf_instance_follows_its_snapshot(bench):
    meter = bench()
    for failing, status in (({"collecting_fails": 1}, 3), ({"signing_fails": 1}, 3), ({}, 0)):
        meter.fault(**failing)
        meter.trigger(CURRENT)
        assert meter.ocmf_status(CURRENT) == meter.status(CURRENT) == 2
        meter.wait(5)
        assert meter.ocmf_status(CURRENT) == meter.status(CURRENT) == status
    first = meter.text(CURRENT)
    meter.wait(3600)
    assert first and meter.text(CURRENT) == first


@pytest.mark.proves("B-163")
@pytest.mark.parametrize("after", [0.0, 0.2, 4.9, 5.1])
def test_a_power_failure_during_a_creation(bench, after):
    meter = bench()
    meter.charge()
    meter.wait(100)
    number = meter.raw("bs_meter.RCnt")
    meter.trigger(ON)
    meter.wait(after)
    meter.fault(power_cut=3)
    assert meter.meter.silent and meter.ask(b"\x03\x9c\x40\0\x01") is None
    meter.wait(3 + 2)
    assert not meter.meter.silent and not meter.meter.blocked
    assert [meter.status(kind) for kind in SnapshotType] == [1] * 5
    assert signals(meter) == [1, 0] and meter.raw("ac_meter.W") == 0
    assert meter.raw("bs_meter.RCnt") == number
    meter.wait(100)
    assert meter.status(ON) == 1


@pytest.mark.proves("B-187")
def test_direct_wiring(bench):
    meter = bench(wiring="direct")
    assert meter.raw("ac_meter.W") == 1104 and signals(meter) == [0, 0]
    assert meter.snapshot(ON) == 5 and meter.snapshot(OFF) == 5
    assert meter.snapshot(START) == 0 and meter.snapshot(END) == 0
    meter.control(do=True)
    meter.control(do=False)
    assert meter.raw("ac_meter.W") == 1104
    assert meter.state["signals"]["contactor"] is None


def test_the_table_is_complete():
    """From every state that a kind reaches there is a way on, and all end in done."""
    for kind in SnapshotType:
        assert states(kind)[0] is State.ACCEPTED and states(kind)[-1] is State.DONE
        for state in states(kind)[:-1]:
            assert [row for (of, source, _), row in NEXT.items() if of is kind and source is state]
        drawn = diagram(kind)
        assert all(str(state) in drawn for state in states(kind))
    assert len(TRANSITIONS) == len({(row.kinds, row.source, row.cause) for row in TRANSITIONS})
    assert [str(state) for state in states(ON)] == [
        "accepted", "opening", "feedback", "collecting", "closing", "signing", "done",
    ]  # fmt: skip
    assert "closing" not in [str(state) for state in states(OFF)]
    assert {"turn-on:signing", "*:done", "power-up", "request"} <= set(named_states())
    assert "current:opening" not in set(named_states())
