"""Token buckets, to the millisecond."""

from __future__ import annotations

import pytest

from wattproof.gateway.auth.buckets import Buckets


@pytest.mark.proves("G-318")
def test_a_burst_and_then_one_a_tenth_of_a_second():
    buckets = Buckets(10, 30)
    assert [buckets.take("a", 1000) for _ in range(31)] == [True] * 30 + [False]
    assert buckets.take("b", 1000)
    assert not buckets.take("a", 1099)
    assert buckets.take("a", 1100)
    assert not buckets.take("a", 1100)
    assert buckets.wait("a", 1100) == 1
    assert [buckets.take("a", 11_100) for _ in range(31)] == [True] * 30 + [False]


def test_a_slow_bucket_says_how_long_to_wait():
    buckets = Buckets(0.1, 1)
    assert buckets.take("a", 0)
    assert [buckets.wait("a", now) for now in (0, 1000, 9500)] == [10, 9, 1]


def test_what_was_not_needed_comes_back_and_no_more():
    buckets = Buckets(1, 2)
    buckets.take("a", 0)
    buckets.give_back("a", 0)
    buckets.give_back("a", 0)
    buckets.give_back("b", 0)
    assert [buckets.take("a", 0) for _ in range(3)] == [True, True, False]


def test_many_names_do_not_fill_the_memory():
    buckets = Buckets(1, 1, remembered=10)
    for number in range(1000):
        assert buckets.take(str(number), 0)
    assert len(buckets._buckets) == 10
    assert not buckets.take("999", 0)
