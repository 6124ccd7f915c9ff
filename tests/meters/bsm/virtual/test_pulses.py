"""Pulse counts from the energy register."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.meters.bsm.virtual.pulses import LED, S0

ENERGY = st.fractions(min_value=0, max_value=1_000_000_000, max_denominator=3600)


@pytest.mark.proves("B-158")
def test_a_kilowatt_hour_is_10000_pulses_of_the_led_and_100_of_s0() -> None:
    assert (LED.count(1000), S0.count(1000)) == (10_000, 100)
    assert (LED.count(Fraction(99, 1000)), LED.count(Fraction(1, 10))) == (0, 1)
    assert (S0.count(Fraction(999, 100)), S0.count(10)) == (0, 1)
    assert LED.duration_ms == 2


@pytest.mark.proves("B-158")
def test_at_11_kw_the_led_pulses_some_31_times_a_second_and_never_without_load() -> None:
    interval = LED.interval(11_040)
    assert interval is not None
    assert 1 / interval == Fraction(92, 3)
    assert LED.interval(0) is None
    assert S0.interval(-5) is None


@given(ENERGY, ENERGY, ENERGY)
def test_pulses_add_up_however_the_energy_is_cut(first: Fraction, second: Fraction, third: Fraction) -> None:
    a, b, c = sorted([first, second, third])
    assert LED.between(a, b) + LED.between(b, c) == LED.between(a, c) >= 0
