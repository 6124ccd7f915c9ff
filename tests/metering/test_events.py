"""Alarms, pulses, harmonics."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.metering.alarms import Alarm, Setting
from wattproof.metering.dates import MINUTE, SECOND
from wattproof.metering.harmonics import distortion, root, spectrum
from wattproof.metering.pulses import KILOWATT_HOUR, PulseOutput


def states(setting: Setting, values: list[int | None]) -> list[bool]:
    """What an alarm is after each second, one value a second."""
    alarm, found = Alarm(setting), []
    for second, value in enumerate(values):
        alarm.expire(second * SECOND)
        alarm.watch(value, second * SECOND)
        found.append(alarm.active)
    return found


@pytest.mark.proves("A-156")
@pytest.mark.parametrize(
    ("setting", "values", "expected"),
    [
        (Setting(1, 10, 5), [10, 11, 10, 6, 5, 4, 5, 10], "01111000"),
        (Setting(1, 5, 10), [5, 4, 5, 9, 10, 11, 10, 5], "01111000"),
        (Setting(1, 10, 10), [10, 11, 10, 9], "0110"),
        (Setting(1, 10, 5, 2), [11, 11, 11, 4, 4], "00100"),
        (Setting(1, 10, 5, 2), [11, 4, 11, 11, 11], "00001"),
        (Setting(1, 10, 5, 2), [11, 7, 7, 4], "0010"),
        (Setting(1, 10, 5, 0, 2), [11, 4, 4, 4, 4], "11100"[:3] + "00"),
        (Setting(1, 10, 5, 0, 2), [11, 4, 11, 4, 6, 6], "111110"),
        (Setting(1, -10, -20), [-10, -9, -15, -21], "0110"),
        (Setting(1, 10, 5), [None, 11, None, None, 4], "01110"),
    ],
)
def test_alarms(setting, values, expected):
    assert "".join("01"[state] for state in states(setting, values)) == expected


def test_an_alarm_is_kept_with_its_running_delay():
    alarm = Alarm(Setting(1, 10, 5, 60))
    alarm.watch(11, 7)
    again = Alarm.restore(json.loads(json.dumps(alarm.save())))
    assert again == alarm
    assert not again.expire(7 + 59_999)
    assert again.expire(7 + 60_000)
    assert again.drop()
    assert again == Alarm(Setting(1, 10, 5, 60))


def slot_by_slot(length: int, frequency: int, runs: list[tuple[int, int]]) -> tuple[int, int, int, bool]:
    """The same queue, millisecond by millisecond."""
    rest = due = queue = emitted = dropped = now = 0
    merged = False
    limit = max(1, 1000 // (2 * length))
    for power, duration in runs:
        for _ in range(duration):
            rest += power * frequency
            due += rest // KILOWATT_HOUR
            rest %= KILOWATT_HOUR
            now += 1
            if now % (2 * length) == 0:
                queue += due
                due = 0
                if queue:
                    queue -= 1
                    emitted += 1
                if queue > limit:
                    dropped += queue - limit
                    queue = limit
                    merged = True
            if now % MINUTE == 0:
                merged = False
    return emitted, dropped, queue, merged


@settings(max_examples=40, deadline=None)
@given(
    length=st.sampled_from([10, 11, 37, 400, 990]),
    frequency=st.sampled_from([1, 1000, 77_777, 1_000_000]),
    runs=st.lists(st.tuples(st.integers(0, 10**8), st.integers(1, 4000)), min_size=1, max_size=5),
    seed=st.integers(0, 99),
)
def test_pulses_are_those_of_a_queue_however_time_is_cut(length, frequency, runs, seed):
    cuts = random.Random(seed)
    whole, cut = PulseOutput(length, frequency, 0), PulseOutput(length, frequency, 0)
    now = 58_000 // (2 * length) * (2 * length) if seed % 2 else 0
    for output in (whole, cut):
        output.advance(0, now)
    shift = now
    for power, duration in runs:
        for moment in sorted(cuts.choices(range(now, now + duration + 1), k=6)):
            cut.advance(power, moment)
        now += duration
        whole.advance(power, now)
        cut.advance(power, now)
    assert whole.save() == cut.save()
    expected = slot_by_slot(length, frequency, [(0, shift), *runs])
    assert (whole.emitted, whole.dropped, whole.queue, whole.merged) == expected
    again = PulseOutput.restore(json.loads(json.dumps(whole.save())))
    assert again.save() == whole.save()


@pytest.mark.proves("A-158")
def test_an_hour_gives_energy_times_frequency():
    output = PulseOutput(100, 1000, 0)
    output.advance(2_500_000, 3_600_000)
    assert (output.emitted + output.queue, output.dropped, output.merged) == (2500, 0, False)
    fast = PulseOutput(100, 10_000, 0)
    fast.advance(2_500_000, 3_600_000 + 5000)
    assert fast.emitted == (3_600_000 + 5000) // 200
    assert fast.merged
    assert fast.emitted + fast.dropped + fast.queue == 25_034


def test_the_level_of_a_pulse():
    output = PulseOutput(50, 1_000_000, 0)
    output.advance(10**9, 100)
    assert [output.level(moment) for moment in (100, 149, 150, 199)] == [True, True, False, False]
    output.advance(0, 100_000)
    assert not output.level(100_000)


@given(st.integers(0, 10**12))
def test_roots_are_rounded(square):
    found = root(square)
    assert (2 * found - 1) ** 2 <= 4 * square < (2 * found + 1) ** 2 or square == 0 == found


def test_distortion_and_spectrum():
    assert distortion([30, 40, 0]) == 50
    assert distortion([65_535, 65_535]) == 65_535
    assert spectrum([7, 8]) == (1000, 7, 8, *(0,) * 13)
