"""Counters that fall."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.metering.integrity import Counter, Verdict

MODULUS = 10**12
V = Verdict
HOUR = 3_600_000


def read(counter: Counter, *values: int) -> list[tuple[Verdict, int]]:
    return [tuple(counter.read(value)) for value in values]


@pytest.mark.proves("A-206")
def test_a_roll_over_books_the_difference():
    counter = Counter(MODULUS)
    found = read(counter, 999_999_999_980, 999_999_999_990, 0, 5)
    assert found == [(V.FIRST, 0), (V.COUNTED, 10), (V.ROLLED_OVER, 10), (V.COUNTED, 5)]


@pytest.mark.proves("A-207")
@pytest.mark.parametrize("glitches", [1, 2])
def test_a_glitch_books_nothing_and_loses_nothing(glitches):
    counter = Counter(MODULUS)
    found = read(counter, 5000, *[0] * glitches, 5007)
    assert found == [(V.FIRST, 0), *[(V.SUSPECT, 0)] * glitches, (V.GLITCH, 7)]


def test_a_reset_counts_from_where_it_begins():
    assert read(Counter(MODULUS), 5000, 0, 1, 3, 10) == [
        (V.FIRST, 0), (V.SUSPECT, 0), (V.SUSPECT, 0), (V.RESET, 3), (V.COUNTED, 7)]  # fmt: skip


def test_only_the_fall_of_a_reset_is_not_booked():
    found = read(Counter(MODULUS), 200, 220, 0, 0, 50, 50, 130, 480)
    assert [verdict for verdict, _ in found[2:]] == [V.SUSPECT, V.SUSPECT, V.RESET, *[V.COUNTED] * 3]
    assert sum(amount for _, amount in found) == 20 + 480


@pytest.mark.parametrize(("readings", "booked"), [
    ((3, 0, 4), 1), ((50, 0, 3), 3), ((0, 9_000_000, 9_000_002), 2), ((0, 0, 9_000), 0)])  # fmt: skip
def test_a_glitch_beside_a_reset_is_not_booked(readings, booked):
    counter = Counter(MODULUS, most=1000)
    counter.read(10**7, 0)
    found = [counter.read(value, HOUR * number) for number, value in enumerate(readings, 1)]
    assert found[-1] == (V.RESET, booked)


def test_a_meter_whose_hours_are_short_loses_nothing_after_its_reset():
    counter = Counter(MODULUS, most=1000)
    counter.read(10**7, 0)
    found = [counter.read(5000 * number, HOUR * (number + 1)) for number in range(9)]
    assert found[2] == (V.RESET, 10_000) and sum(amount for _, amount in found) == 40_000


def test_another_meter_during_the_confirmation_of_a_reset_books_nothing():
    counter = Counter(MODULUS)
    found = [counter.read(value, 0, who) for value, who in ((5000, "a"), (0, "a"), (40, "a"), (90, "b"), (95, "b"))]
    assert found[3:] == [(V.REPLACED, 0), (V.COUNTED, 5)]


def test_another_meter_is_known_by_its_identity():
    counter = Counter(MODULUS)
    found = [counter.read(value, 0, who) for value, who in ((5000, "a"), (70, "b"), (75, "b"), (76, None))]
    assert found == [(V.FIRST, 0), (V.REPLACED, 0), (V.COUNTED, 5), (V.COUNTED, 1)]


def test_a_jump_beyond_what_it_can_count():
    counter = Counter(MODULUS, most=1000)
    found = [counter.read(value, number * HOUR) for number, value in enumerate((0, 900, 0x7FFFFFFF, 1700, 9_000_000))]
    assert found == [(V.FIRST, 0), (V.COUNTED, 900), (V.SUSPECT, 0), (V.GLITCH, 800), (V.SUSPECT, 0)]
    assert [counter.read(9_000_000 + number, (5 + number) * HOUR) for number in (1, 2, 3)] == [
        (V.SUSPECT, 0), (V.JUMPED, 2), (V.COUNTED, 1)]  # fmt: skip


def test_a_counter_that_is_faster_than_it_can_be_is_believed_when_it_goes_on():
    counter = Counter(MODULUS, most=1000)
    found = [counter.read(5000 * number, number * HOUR) for number in range(8)]
    assert [amount for _, amount in found] == [0, 0, 0, 15_000, 0, 0, 15_000, 0]
    assert {verdict for verdict, _ in found[1:]} == {V.SUSPECT, V.COUNTED}
    counter = Counter(MODULUS, most=1000)
    uneven = [0, 5000, 90_000, 95_000, 100_000]
    assert [counter.read(value, number * HOUR).verdict for number, value in enumerate(uneven)][3] is V.JUMPED


def test_a_step_is_no_jump():
    counter = Counter(MODULUS, most=3600, slack=10)
    found = [counter.read(value, at) for value, at in ((0, 0), (10, 1000), (20, 1001), (22, 3000))]
    assert [verdict for verdict, _ in found] == [V.FIRST, V.COUNTED, V.COUNTED, V.COUNTED]
    assert counter.read(33, 3000).verdict is V.SUSPECT


def test_a_glitch_just_before_the_roll_over_is_made_up_for():
    counter = Counter(1000)
    found = read(counter, 990, 0, 995, 999, 4)
    assert found == [(V.FIRST, 0), (V.ROLLED_OVER, 10), (V.GLITCH, 0), (V.COUNTED, 0), (V.ROLLED_OVER, 4)]
    assert sum(amount for _, amount in found) == 14


def test_a_glitch_of_two_readings_just_before_the_roll_over_is_made_up_for():
    counter = Counter(1000)
    found = read(counter, 990, 0, 0, 990, 995, 2)
    assert [verdict for verdict, _ in found[1:]] == [
        V.ROLLED_OVER, V.COUNTED, V.GLITCH, V.COUNTED, V.ROLLED_OVER]  # fmt: skip
    assert sum(amount for _, amount in found) == 12 and counter.owed == 0


@given(
    steps=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), min_size=1, max_size=40),
    start=st.integers(0, 999),
)
def test_whatever_glitches_the_sum_is_what_was_counted(steps, start):
    """Glitches to 0 of at most two readings, roll-overs included: in the end exactly the growth is booked."""
    counter, total, booked = Counter(1000), start, 0
    counter.read(start)
    for grown, glitches in steps:
        for _ in range(glitches):
            booked += counter.read(0).amount
        total += grown
        booked += counter.read(total % 1000).amount
        counter = Counter.restore(json.loads(json.dumps(counter.save())))
    assert booked - counter.owed == total - start
    assert counter.owed <= 10


@given(
    steps=st.lists(st.integers(0, 50), min_size=4, max_size=40),
    place=st.integers(0, 39),
    begin=st.integers(0, 50),
    most=st.sampled_from([None, 50]),
    restarted=st.booleans(),
)
def test_wherever_a_reset_lies_between_two_polls_all_but_the_fall_is_booked(steps, place, begin, most, restarted):
    """``begin``: what it has counted since the reset when it is read the first time, at the poll ``place``."""
    place %= len(steps) - 2  # the two readings that confirm it come
    start = 10_000
    shown, grown = start, 0
    counter = Counter(MODULUS, most)
    booked = counter.read(start).amount
    for number, step in enumerate(steps):
        if number == place:
            shown = begin
        else:
            shown, grown = shown + step, grown + step
        booked += counter.read(shown, (number + 1) * HOUR).amount
        if restarted:
            counter = Counter.restore(json.loads(json.dumps(counter.save())))
    assert booked == grown
