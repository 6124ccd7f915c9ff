"""The counters of failed logins, tick by tick."""

from __future__ import annotations

import pytest

from wattproof.gateway.auth.addresses import client_address, networks
from wattproof.gateway.auth.lockout import (
    ADDRESS,
    CLEARED,
    DAY,
    KNOWN,
    PAIR,
    USER,
    WINDOW,
    Keys,
    Rule,
    failed,
    first,
    locked,
    remaining,
    sane,
)
from wattproof.gateway.records import Failures

START = 1_800_000_000_000


def after(count: int, rule: Rule, *, begin: int = START, every: int = 1) -> Failures:
    counter = Failures("k")
    for number in range(count):
        counter = failed(counter, rule, begin + number * every)
    return counter


@pytest.mark.proves("G-313")
def test_the_fifth_failure_locks_a_pair_and_each_further_one_for_longer():
    assert locked(after(4, PAIR), START + 3) == 0
    counter, now = after(5, PAIR), START + 4
    for seconds in (60, 120, 240, 480, 900, 900):
        assert locked(counter, now) == seconds * 1000
        assert locked(counter, now + seconds * 1000 - 1) == 1
        now += seconds * 1000
        assert locked(counter, now) == 0
        counter = failed(counter, PAIR, now)


@pytest.mark.proves("G-318")
@pytest.mark.parametrize(("rule", "limit", "lock"), [(PAIR, 5, 60_000), (USER, 100, WINDOW), (ADDRESS, 30, WINDOW)])
def test_each_counter_one_below_and_one_above_its_limit(rule: Rule, limit: int, lock: int):
    now = START + limit
    assert locked(after(limit - 1, rule), now) == 0
    assert locked(after(limit, rule), START + limit - 1) == lock
    # The first failure has left the window when the last one comes.
    spread = WINDOW // (limit - 1)
    for every, expected in ((spread + 1, 0), (spread - 1, lock)):
        assert locked(after(limit, rule, every=every), START + (limit - 1) * every) == expected


def test_a_lock_of_fixed_length_needs_the_full_number_again():
    counter = after(30, ADDRESS)
    later = START + 29 + WINDOW
    assert locked(failed(counter, ADDRESS, later), later) == 0


def test_a_day_without_failure_clears_the_ladder():
    counter = after(5, PAIR)
    begun = START + 4
    assert locked(failed(counter, PAIR, begun + CLEARED - 1), begun + CLEARED - 1) == 120_000
    fresh = failed(counter, PAIR, begun + CLEARED)
    assert (locked(fresh, begun + CLEARED), fresh.locks, len(fresh.times)) == (0, 0, 1)


def test_a_clock_that_was_set_back_prolongs_no_lock():
    counter = sane(after(5, PAIR), START - DAY)
    assert locked(counter, START - DAY) == WINDOW
    assert sane(counter, START) == counter
    assert locked(failed(Failures("k", (START + DAY,)), PAIR, START), START) == 0


def test_the_first_failure_for_a_while_is_told_apart():
    assert first(None, START)
    assert first(Failures("k"), START)
    assert not first(after(1, PAIR), START + WINDOW - 1)
    assert first(after(1, PAIR), START + WINDOW)


@pytest.mark.proves("G-313", "G-317")
@pytest.mark.parametrize("name", ["admin", "nobody", "not a name: " + "ä" * 9000, "\ud800"])
def test_a_lock_concerns_its_pair_its_user_or_its_address(name: str):
    here, there = Keys(name, "192.0.2.1"), Keys(name, "192.0.2.2")
    other = Keys("operator", "192.0.2.1")
    assert max(map(len, here.all())) < 128

    pair = {here.pair: after(5, PAIR)}
    assert [remaining(keys, pair, START + 4) for keys in (here, there, other)] == [60_000, 0, 0]
    address = {here.at: after(30, ADDRESS)}
    assert [remaining(keys, address, START + 29) for keys in (here, there, other)] == [WINDOW, 0, WINDOW]
    user = {here.of: after(100, USER)}
    assert [remaining(keys, user, START + 99) for keys in (here, there, other)] == [WINDOW, WINDOW, 0]
    known = user | {here.known: Failures(here.known, (START + 100 - KNOWN,))}
    assert [remaining(keys, known, START + 99) for keys in (here, there)] == [0, WINDOW]
    assert remaining(here, known, START + 100) == WINDOW - 1


def test_one_network_of_ipv6_is_one_address():
    one, same, other = (Keys("a", f"2001:db8:0:{net}::{host}") for net, host in ((1, 1), (1, 99), (2, 1)))
    assert one.all() == same.all()
    assert set(one.all()) & set(other.all()) == {one.of}
    assert Keys("a", "::ffff:192.0.2.1").all() == Keys("a", "192.0.2.1").all()


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1,203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "203.0.113.9, unknown", "10.0.0.1"),
        ("203.0.113.9", "1.1.1.1", "203.0.113.9"),
        ("::ffff:10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("fe80::1%eth0", "", "fe80::1"),
    ],
)
def test_only_a_trusted_proxy_may_say_for_whom_it_speaks(peer: str, forwarded: str, expected: str):
    assert client_address(peer, forwarded, networks(["10.0.0.0/8"])) == expected
