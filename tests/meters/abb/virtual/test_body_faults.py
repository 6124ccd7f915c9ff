"""Faults and controls of the meter itself."""

from __future__ import annotations

import json

import pytest

from tests.meters.abb.virtual.rigs import BOARD, DAY, HOUR, Rig
from wattproof.errors import InvalidValue, UnknownName
from wattproof.metering.dates import seconds_of
from wattproof.metering.integrity import Counter, Verdict
from wattproof.meters.abb.virtual import control
from wattproof.meters.abb.virtual.faults import METER_CONTROLS, METER_FAULTS
from wattproof.meters.abb.virtual.refusals import Missing


def test_every_name_has_an_effect():
    looked_up = {"refuse-writes", "activate-fails", "image-fails", "counter-glitch"}
    assert {row.name for row in METER_FAULTS} == control.STRIKES.keys() | looked_up
    assert {row.name for row in METER_CONTROLS} == set(control.ACTS)


@pytest.mark.parametrize(
    ("controls", "faults"),
    [
        ({"clock": "2024-01-01T00:00:00+01:00"}, {}),
        ({"clock": "1999-12-31T00:00:00"}, {}),
        ({"clock": "soon"}, {}),
        ({"frequency": 101}, {}),
        ({"harmonics": "u1:1=5"}, {}),
        ({"harmonics": "u1:17=5"}, {}),
        ({"harmonics": "u4:3=5"}, {}),
        ({"harmonics": "u1:3=1001"}, {}),
        ({"front-key": "ajar"}, {}),
        ({"input-1": 2}, {}),
        ({"load": "constant:x"}, {}),
        ({"step": -1}, {}),
        ({}, {"status-bit": 10}),
        ({}, {"status-bit": 51}),
        ({}, {"phase-lost": 4}),
        ({}, {"clock-drift": 100_001}),
        ({}, {"counter-jump": 0}),
        ({}, {"clock-back": 0}),
        ({}, {"image-fails": "transfer"}),
        ({}, {"status-15": 116}),
    ],
)
def test_values_out_of_range(controls, faults):
    rig = Rig()
    with pytest.raises(InvalidValue):
        rig.patch(controls, faults)
    assert rig.events == []


def test_names_that_are_not_there():
    for controls, faults in (({"input-5": True}, {}), ({}, {"frozen-solid": True})):
        with pytest.raises(UnknownName):
            Rig().patch(controls, faults)
    with pytest.raises(UnknownName):
        BOARD.check_when("image:lost")
    BOARD.check_when("image:activation-failed")


@pytest.mark.proves("A-207")
def test_a_glitch_is_seen_in_one_answer_and_books_nothing():
    rig = Rig(load="constant:36000")
    counter = Counter(10**12)
    rig.run(HOUR)
    counter.read(rig.body.value(1))
    rig.body.answered()
    rig.fault("counter-glitch", 2)
    rig.run(10)
    assert rig.values(96, 189) == [3_600_000, 1]
    rig.body.answered()
    for _ in range(2):
        assert rig.values(1, 13, 9, 122, 69) == [0, 0, 0, 0, 2300]
        assert counter.read(rig.body.value(1)) == (Verdict.SUSPECT, 0)
        rig.body.answered()
    assert rig.body.value(1) == 3610
    assert tuple(counter.read(rig.body.value(1))) == (Verdict.GLITCH, 10)
    assert "counter-glitch" not in rig.faults


def test_a_jump():
    rig = Rig(load="constant:1000")
    rig.body.set_tariff(2)
    rig.fault("counter-jump", 5000)
    rig.run(HOUR)
    assert rig.values(1, 9, 10, 2, 171, 3) == [600, 0, 600, 0, 100, 33]


def test_frozen_values_and_what_goes_on_inside():
    rig = Rig(load="constant:1000")
    rig.run(HOUR)
    rig.fault("frozen")
    rig.control(load="constant:2000", frequency=49)
    rig.run(HOUR)
    assert rig.values(1, 96, 170, 69) == [100, 100_000, 5000, 2300]
    assert rig.time == (1, 1, 2, 0, 0)
    rig.fault("frozen", False)
    assert rig.values(1, 96, 170) == [300, 200_000, 4900]


def test_noise_is_drawn_from_the_seed_and_changes_each_second():
    def seen(seed: int) -> list[object]:
        rig = Rig(load="constant:3000", seed=seed)
        rig.fault("noise", 2)
        found = []
        for _ in range(20):
            rig.run(0.5)
            found.append(rig.body.value(96))
        return found

    first = seen(1)
    assert first == seen(1) != seen(2)
    assert len(set(first)) == 11  # the first half second, then one value a second
    assert all(abs(power - 300_000) < 30_000 for power in first)
    rig = Rig(load="constant:3000")
    rig.fault("noise", 2)
    rig.run(DAY / 24)
    assert rig.body.value(1) == pytest.approx(300, abs=3)
    rig.fault("noise", False)
    assert rig.body.value(96) == 300_000


@pytest.mark.parametrize("phase", [1, 2, 3])
def test_a_lost_phase(phase):
    rig = Rig(load="constant:3000")
    rig.fault("phase-lost", phase)
    assert rig.body.status_word == 1 << phase - 1
    assert [rig.body.value(66 + 3 * number) for number in (1, 2, 3)] == [
        0 if number == phase else 2300 for number in (1, 2, 3)]  # fmt: skip
    assert rig.body.value(96) == 200_000
    rig.run(60)
    rig.fault("phase-lost", False)
    (entry,) = rig.body.watch.quality.rows()
    assert (entry.code, entry.duration, entry.category) == (1000 + phase - 1, 60, 4)


def test_reversed_currents():
    rig = Rig(load="curve:day")
    before = rig.values(96, 100)
    rig.fault("reverse")
    assert rig.values(96, 100) == [-value for value in before]
    assert rig.body.status_word == 0xF0
    assert [entry.code for entry in rig.body.watch.event.rows()] == [1004, 1005, 1006, 1007]
    rig.run(HOUR)
    rig.fault("reverse", False)
    assert rig.values(1, 2) == [0, 30]


@pytest.mark.parametrize(("bit", "code", "log"), [(3, 1003, 2), (9, 1009, 1), (40, 40, 0), (50, 50, 0)])
def test_status_bits(bit, code, log):
    rig = Rig()
    rig.fault("status-bit", bit)
    assert rig.body.status_word == 1 << bit
    rig.run(7)
    rig.fault("status-bit", False)
    assert rig.body.status_word == 0
    (entry,) = rig.body.watch.logs[log].rows()
    assert (entry.code, entry.duration, entry.category) == (code, 7, 2 if code < 100 else 4)


@pytest.mark.proves("A-150")
def test_full_logs():
    rig = Rig()
    rig.fault("log-full")
    assert [len(log) for log in rig.body.watch.logs] == [500] * 3
    rig.fault("status-bit", 41)
    assert [next(log.rows(newest_first=True)).code for log in rig.body.watch.logs] == [41, 1007, 1000]
    assert len(rig.body.watch.system) == 500
    rig.body.clear_log(0)
    assert [len(log) for log in rig.body.watch.logs] == [0, 500, 500]


def test_values_replaced_by_a_status():
    rig = Rig()
    rig.fault("status-15", 69)
    rig.fault("status-18", 179)
    assert rig.body.value(69) is Missing.ABSENT
    assert rig.body.value(179) is rig.body.harmonic(179, 2) is Missing.ERROR
    assert (Missing.ERROR.record_status, Missing.ABSENT.access_result) == (0x18, 4)


def test_a_drifting_clock():
    rig = Rig(load="constant:1000")
    rig.body.set_channel(1, 1, 900, 10)
    rig.fault("clock-drift", 100_000)
    rig.run(3600)
    assert rig.time == (1, 1, 1, 6, 0)
    rows = list(rig.body.recorder.channels[0].rows())
    assert [(row.stamp.fields[4:6], row.status) for row in rows] == [
        ((0, 15), 1), ((0, 30), 1), ((0, 45), 1), ((1, 0), 1)]  # fmt: skip
    assert rows[-1].value == 90
    rig.fault("clock-drift", False)
    rig.run(60)
    assert rig.time == (1, 1, 1, 7, 0)


@pytest.mark.proves("A-209")
def test_controls():
    rig = Rig(load="constant:1000")
    rig.control(clock="2025-05-06T07:08:09", frequency="44.5", front_key="closed", input_3=True)
    assert rig.time == (5, 6, 7, 8, 9)
    assert rig.body.status_word == 0x100
    assert rig.body.access == 1
    rig.control(clock="invalid")
    assert rig.body.status_word == 0xD00
    rig.control(step=HOUR)
    assert rig.body.value(1) == 100
    rig.control(power=False)
    assert not rig.body.supplied
    rig.control(clock="2030-01-01T00:00:00")
    assert rig.events[-1][0] == "control-ignored"
    rig.run(60)
    rig.control(power=True)
    assert rig.values(1, 152, 151) == [100, 1, 60]
    shown = json.loads(json.dumps(control.state(rig.body), default=str))
    assert shown.keys() == {
        "variant", "serial", "clock", "status_word", "access_level", "tariff", "controls", "load", "energy",
        "profiles", "logs", "inputs", "outputs"}  # fmt: skip
    assert shown["energy"]["active_energy_import_total"] == 1000
    assert shown["controls"] == {
        "load": "constant:1000", "power": True, "input-1": False, "input-2": False, "input-3": True, "input-4": False,
        "frequency": "44.5", "harmonics": "", "front-key": "closed"}  # fmt: skip
    assert shown["clock"] == {"local": "2025-05-06T08:09:09", "dst": False, "set": False}


def test_factory_settings():
    rig = Rig(load="constant:1000")
    body = rig.body
    body.set_ratio(141, 10)
    body.set_port(3, 1)
    body.set_access(1)
    body.set_factor(84, 1)
    body.set_tariff(4)
    body.set_channel(3, 69, 60, 10)
    rig.control(input_4=True)
    rig.run(HOUR)
    rig.control(default=True)
    assert rig.values(141, 84, 189, 54, 1) == [1, 1000, 1, 1, 1000]
    assert (body.access, body.ports.is_input(3), body.recorder.channels[2]) == (3, True, None)
    rig.run(HOUR)
    assert rig.values(1, 12, 9) == [1100, 1000, 100]
    assert body.stamp.seconds == seconds_of(2024, 1, 1, 2)
