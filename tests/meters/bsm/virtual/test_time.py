"""Operating seconds, Epoch and TZO: sections 8, 9 and 2.8."""

from __future__ import annotations

import struct
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.meters.bsm.enums import SnapshotType
from wattproof.meters.bsm.virtual.ocmf import moment
from wattproof.meters.bsm.virtual.timekeeping import NO_EPOCH, NO_TZO, Timekeeping
from wattproof.virtual.base import SECOND

EPOCH, TZO = 1657267228, 120
CURRENT = SnapshotType.CURRENT


def settings_of(meter):
    return meter.raw("bs_meter.EpochSetCnt"), meter.raw("bs_meter.EpochSetOS")


@pytest.mark.proves("B-058", "B-059", "B-060")
def test_the_first_setting_needs_epoch_and_zone(bench):
    meter = bench()
    meter.wait(100)
    assert (meter.raw("bs_meter.Epoch"), meter.raw("bs_meter.TZO")) == (None, None)
    assert meter.put(40260, struct.pack(">I", EPOCH)) == b"\x90\x03"
    assert meter.put(40262, struct.pack(">h", TZO)) == b"\x90\x03"
    assert meter.raw("bs_meter.Epoch") is None and settings_of(meter)[0] == 0
    assert meter.set_time() == struct.pack(">BHH", 16, 40260, 3)
    assert (meter.raw("bs_meter.Epoch"), meter.raw("bs_meter.TZO")) == (EPOCH, TZO)
    assert settings_of(meter) == (1, 100)


@pytest.mark.parametrize(("epoch", "tzo"), [(0xFFFFFFFF, 120), (EPOCH, -0x8000)])
def test_unavailable_is_no_time(bench, epoch, tzo):
    meter = bench()
    meter.set_time()
    assert meter.put(40260, struct.pack(">Ih", epoch, tzo)) == b"\x90\x03"
    assert meter.raw("bs_meter.Epoch") == EPOCH


@pytest.mark.proves("B-061", "B-062", "B-063", "B-064")
def test_settings_are_counted_updates_are_not(bench):
    meter = bench()
    meter.set_time()
    meter.wait(60)
    for deviation in (0, 1, -1):  # inside the cone
        running = meter.raw("bs_meter.Epoch")
        meter.put(40260, struct.pack(">I", running + deviation))
        assert meter.raw("bs_meter.Epoch") == running + deviation
        meter.put(40260, struct.pack(">Ih", running + deviation, TZO))
    assert settings_of(meter) == (1, 0)
    meter.put(40262, struct.pack(">h", TZO))
    assert settings_of(meter) == (1, 0)
    meter.put(40260, struct.pack(">I", EPOCH + 7200))
    assert settings_of(meter) == (2, 60)
    meter.wait(5)
    meter.put(40262, struct.pack(">h", 60))
    assert settings_of(meter) == (3, 65) and meter.raw("bs_meter.Epoch") == EPOCH + 7205
    meter.put(40260, struct.pack(">Ih", EPOCH + 7205, 120))
    assert settings_of(meter) == (4, 65)


def test_the_cone_grows_with_the_time_since_the_last_setting(bench):
    meter = bench()
    meter.set_time()
    meter.wait(1000)  # 1 % are 10 s
    meter.put(40260, struct.pack(">I", EPOCH + 1000 + 10))
    assert settings_of(meter)[0] == 1
    meter.wait(1000)
    meter.put(40260, struct.pack(">I", EPOCH + 2010 + 11))
    assert settings_of(meter)[0] == 2
    narrow = bench(cone_seconds="0", cone_percent="0")
    narrow.set_time()
    narrow.put(40260, struct.pack(">I", EPOCH + 1))
    assert settings_of(narrow)[0] == 2


@pytest.mark.proves("B-065")
def test_epoch_and_operating_seconds_tick_together(bench):
    meter = bench()
    meter.wait(0.4)
    meter.set_time()
    difference = EPOCH
    for _ in range(30):
        meter.wait(0.37)
        assert meter.raw("bs_meter.Epoch") - meter.raw("bs_meter.OS") == difference
    assert meter.raw("bs_meter.OS") == int(0.4 + 30 * 0.37)


@pytest.mark.proves("B-067")
def test_local_time_of_the_manual():
    assert moment(1574076961, 60, True) == "2019-11-18T12:36:01,000+0100 S"


@pytest.mark.proves("B-068")
def test_the_time_expires(bench):
    meter = bench()
    meter.set_time()
    meter.wait(100_000)
    meter.put(40260, struct.pack(">I", EPOCH + 100_000))  # refreshed
    meter.wait(172_799)
    assert meter.raw("bs_meter.Epoch") == EPOCH + 272_799
    meter.wait(1)
    assert (meter.raw("bs_meter.Epoch"), meter.raw("bs_meter.TZO")) == (None, None)
    assert meter.raw("bs_meter.OS") == 272_800
    short = bench(time_expiry="10")
    short.set_time()
    short.wait(10)
    assert short.raw("bs_meter.Epoch") is None
    never = bench(time_expiry="0")
    never.set_time()
    never.wait(10**7)
    assert never.raw("bs_meter.Epoch") == EPOCH + 10**7


@pytest.mark.proves("B-184", "B-182")
def test_a_fast_meter_has_no_drift_cone(bench):
    meter = bench(speed=100)
    meter.set_time()
    meter.wait(50)
    meter.put(40260, struct.pack(">I", EPOCH + 36_000))
    assert meter.raw("bs_meter.Epoch") == EPOCH + 36_000 and settings_of(meter) == (1, 0)
    assert meter.snapshot(CURRENT) == 0
    assert b' S"' in meter.text(CURRENT)
    meter.put(40260, struct.pack(">Ih", EPOCH + 36_000, 60))
    assert settings_of(meter)[0] == 2
    assert meter.meter.speed == Fraction(100)


def test_the_status_letter(bench):
    meter = bench()
    meter.set_time()
    meter.snapshot(CURRENT)
    assert b'+0200 S"' in meter.text(CURRENT)
    meter.put(40260, struct.pack(">I", EPOCH + 9000))
    meter.snapshot(CURRENT)
    assert b'+0200 U"' in meter.text(CURRENT)
    meter.put(40260, struct.pack(">I", meter.raw("bs_meter.Epoch")))
    meter.snapshot(CURRENT)
    assert b'+0200 S"' in meter.text(CURRENT)


@given(writes=st.lists(st.tuples(st.integers(0, 10**5), st.integers(0, 4 * 10**9), st.integers(-900, 900)), max_size=8))
@settings(max_examples=50, deadline=None)
def test_whatever_is_written_epoch_is_that_and_runs(writes):
    clock, now = Timekeeping(0), 0
    assert (clock.epoch(0), clock.tzo) == (NO_EPOCH, NO_TZO)
    for pause, epoch, tzo in writes:
        now += pause * SECOND
        before = clock.settings
        counted = clock.write(now, epoch, tzo)
        assert clock.settings == before + counted
        assert clock.epoch(clock.os(now)) == epoch and clock.tzo == tzo
        assert clock.epoch(clock.os(now + 5 * SECOND)) == epoch + 5


def test_operating_seconds_end_after_136_years(bench):
    meter = bench()
    meter.wait(5 * 10**9)
    assert meter.raw("bs_meter.OS") == 0xFFFFFFFE
    assert meter.snapshot(CURRENT) == 0 and meter.verifies(CURRENT)
    assert bench(state=meter.meter.checkpoint()).raw("bs_meter.OS") == 0xFFFFFFFE
