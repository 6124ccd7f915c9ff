"""Exact energy, whatever the steps."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.virtual.base import SECOND
from wattproof.virtual.physics import (
    UNITY,
    WATT_HOUR,
    Energy,
    Phase,
    crossing,
    idle,
    nearest,
    phase,
    reversed_,
    shaken,
    started,
    three,
    without,
)

DIGIT = 10 * WATT_HOUR


@given(value=st.integers(-(10**30), 10**30), divisor=st.integers(1, 10**12))
def test_rounding_is_half_away_from_zero(value, divisor):
    result = nearest(value, divisor)
    distance = abs(Fraction(value, divisor) - result)
    assert distance <= Fraction(1, 2)
    if distance == Fraction(1, 2):
        assert abs(result) > abs(Fraction(value, divisor))


@given(distance=st.integers(1, 10**30), rate=st.integers(1, 10**12))
def test_crossing_is_the_first_nanosecond(distance, rate):
    instant = crossing(distance, rate)
    assert instant * rate >= distance > (instant - 1) * rate


def test_a_watt_hour():
    energy = Energy(0, 0, 10**9 * WATT_HOUR, 0)
    energy.run(0, 3_600 * 10**6)
    energy.integrate(SECOND)
    assert energy.total == energy.resettable == energy.imported == WATT_HOUR


@pytest.mark.proves("B-189")
@given(
    power=st.integers(0, 10**11),
    steps=st.lists(st.integers(0, 10**14), min_size=1, max_size=30),
    total=st.integers(0, 10**9 * WATT_HOUR - 1),
)
@settings(max_examples=100)
def test_one_step_and_many_count_the_same(power, steps, total):
    many, one = (Energy(total, 0, 10**9 * WATT_HOUR, 0, power) for _ in range(2))
    now = 0
    for step in steps:
        now += step
        many.integrate(now)
    one.integrate(now)
    assert many == one and one.imported == power * now
    assert one.total == (total + power * now) % (10**9 * WATT_HOUR)


@given(power=st.integers(1, 10**11), total=st.integers(0, 10**27), resettable=st.integers(0, 10**27))
def test_the_next_digit_is_announced_to_the_nanosecond(power, total, resettable):
    energy = Energy(total, resettable, 10**9 * WATT_HOUR, 0, power)
    at = energy.next_digit(DIGIT)

    def shown(now):
        copy = Energy(total, resettable, 10**9 * WATT_HOUR, 0, power)
        copy.integrate(now)
        return copy.total // DIGIT, copy.resettable // DIGIT

    assert shown(at - 1) == shown(0) != shown(at)


def test_nothing_is_announced_while_nothing_flows():
    energy = Energy(5, 5, 10**9 * WATT_HOUR, 0)
    assert energy.next_digit(DIGIT) is None
    energy.run(0, -500)
    assert energy.rate == 0 and energy.next_digit(DIGIT) is None


def test_phases():
    one = phase(230_000, 16_000_000, UNITY)
    assert (one.power, one.apparent, one.reactive) == (3_680_000_000, 3_680_000_000, 0)
    capacitive = phase(228_700, 190_000, -775_000)
    assert capacitive.power == nearest(228_700 * 190_000 * 775_000, 10**9)
    assert capacitive.reactive < 0 < capacitive.factor * -1
    assert abs(capacitive.reactive**2 + capacitive.power**2 - capacitive.apparent**2) < 2 * capacitive.apparent
    assert phase(230_000, -1_000_000, UNITY) == Phase(230_000, 1_000_000, -230_000_000, UNITY)


def test_changes_of_a_segment():
    one, small = phase(230_000, 16_000_000, UNITY), phase(230_000, 19_999, UNITY)
    segment = three(one, small, one)
    assert idle(segment).power == 0 and idle(segment).phases[0].voltage == 230_000
    assert reversed_(segment).power == -segment.power
    assert without(segment, 1).phases[0] == Phase(0, 0, 0, 0) and without(segment, 1).phases[2] == one
    counted = started(segment, 20_000)
    assert counted.phases[1].power == 0 and counted.phases[1].current == 19_999 and counted.phases[0] == one
    assert shaken(segment, (1.0,) * 6) == segment
    doubled = shaken(segment, (2.0, 3.0, 1.0, 1.0, -1.0, 1.0))
    assert doubled.phases[0] == Phase(460_000, 48_000_000, 6 * one.power, UNITY)
    assert doubled.phases[2].voltage == 0 == doubled.phases[2].power
