"""Sums and registers of energy."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.metering.energy import MODULUS, UNIT, WATT_HOUR, Register, TariffRegisters, grow


@pytest.mark.proves("A-211")
@given(
    segments=st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 10**7)), min_size=1, max_size=8),
    cuts=st.lists(st.floats(0, 1, exclude_min=True, exclude_max=True), max_size=4),
)
def test_any_split_gives_the_same_sum(segments, cuts):
    whole, split = [0], [0]
    for power, duration in segments:
        grow(whole, [(0, power)], duration)
        edges = sorted({0, duration, *(int(cut * duration) for cut in cuts)})
        for begin, end in pairwise(edges):
            grow(split, [(0, power)], end - begin)
    assert whole == split


def test_a_register_rolls_over_and_counts_its_resets():
    register = Register(offset=(MODULUS - 10) * UNIT)
    assert register.read(0) == 999_999_999_990
    assert register.read(9 * UNIT + UNIT - 1) == 999_999_999_999
    assert register.read(10 * UNIT) == 0
    register.clear(10 * UNIT + 5)
    assert (register.read(11 * UNIT + 4), register.read(11 * UNIT + 5), register.resets) == (0, 1, 1)
    register.put(100, 7 * UNIT)
    assert register.content(101) == 7 * UNIT + 1


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 10**15), st.integers(0, 10**15)), max_size=20))
def test_tariffs_add_up_to_the_totals(changes):
    registers = TariffRegisters(2)
    totals = [0, 0]
    booked = {(number, tariff): 0 for number in (0, 1) for tariff in (1, 2, 3, 4)}
    active = 1
    for tariff, first, second in changes:
        for number, grown in enumerate((first, second)):
            totals[number] += grown
            booked[number, active] += grown
        registers.switch(totals, tariff)
        active = tariff
    for (number, tariff), content in booked.items():
        assert registers.content(number, tariff, totals[number]) == content
    kept = TariffRegisters(2)
    kept.restore(registers.save())
    assert kept == registers


def test_a_jump_goes_to_the_active_tariff():
    registers = TariffRegisters(1)
    registers.switch([UNIT], 3)
    registers.add(0, 5 * UNIT)
    assert [registers.read(0, tariff, 2 * UNIT) for tariff in (1, 2, 3, 4)] == [1, 0, 6, 0]
    registers.put([2 * UNIT], 9 * UNIT)
    assert [registers.read(0, tariff, 3 * UNIT) for tariff in (1, 2, 3, 4)] == [9, 9, 10, 9]
    assert WATT_HOUR * 10 == UNIT
