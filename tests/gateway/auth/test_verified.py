"""The cache of verified credentials."""

from __future__ import annotations

import gc

import pytest

from wattproof.gateway.auth.lockout import CLEARED
from wattproof.gateway.auth.verified import LIFETIME, LIMIT, Verified

START = 1_800_000_000_000


@pytest.mark.proves("G-309")
def test_a_right_pair_is_good_for_a_minute_after_its_verification():
    cache = Verified()
    key = cache.key("a", "secret")
    assert not cache.is_right(key, 7, START)
    cache.right(key, "a", 7, START)
    assert cache.is_right(key, 7, START + LIFETIME - 1)
    assert not cache.is_right(key, 7, START + LIFETIME)
    assert not cache.is_right(key, 7, START)


def test_it_is_good_for_its_password_only():
    cache = Verified()
    key = cache.key("a", "secret")
    cache.right(key, "a", 7, START)
    assert not cache.is_right(key, 8, START)
    cache.right(key, "a", 8, START)
    cache.right(cache.key("b", "secret"), "b", 1, START)
    cache.drop("a")
    assert not cache.is_right(key, 8, START)
    assert cache.is_right(cache.key("b", "secret"), 1, START)


@pytest.mark.proves("G-314")
def test_a_wrong_pair_is_wrong_for_a_minute_and_no_new_guess_for_a_day():
    cache = Verified()
    key = cache.key("a", "wrong")
    assert cache.wrong(key, "a", 7, START)
    assert cache.is_wrong(key, 7, START + LIFETIME - 1)
    assert not cache.is_wrong(key, 7, START + LIFETIME)
    assert not cache.is_wrong(key, 8, START), "it may be the new password"
    now = START
    for _ in range(3000):  # a poller with an old password, once a minute
        now += LIFETIME
        assert not cache.wrong(key, "a", 7, now)
    assert cache.wrong(key, "a", 7, now + CLEARED)
    assert cache.wrong(key, "a", 8, now + CLEARED)


def test_keys_differ_by_where_the_name_ends_and_by_process():
    cache = Verified()
    assert cache.key("ab", "c") != cache.key("a", "bc")
    assert cache.key("a", "b") == cache.key("a", "b")
    assert Verified().key("a", "b") != cache.key("a", "b")
    assert cache.key("\ud800", "\ud800")


@pytest.mark.proves("G-309")
def test_it_holds_1024_pairs_and_wrong_ones_displace_no_right_one():
    cache = Verified()
    for number in range(LIMIT):
        cache.right(cache.key("a", str(number)), "a", 1, START)
    cache.right(cache.key("a", "new"), "a", 1, START)
    assert len(cache) == 1024
    assert not cache.is_right(cache.key("a", "0"), 1, START)
    assert cache.is_right(cache.key("a", "1"), 1, START)
    for number in range(100):
        cache.wrong(cache.key("b", str(number)), "b", 1, START)
    assert len(cache) == 1024
    assert cache.is_right(cache.key("a", "1"), 1, START)


@pytest.mark.proves("G-312")
def test_no_password_is_in_it():
    cache = Verified()
    cache.right(cache.key("name-of-user", "right-secret"), "name-of-user", 1, START)
    cache.wrong(cache.key("name-of-user", "wrong-secret"), "name-of-user", 1, START)
    seen, frontier = {}, [cache]
    while frontier:
        thing = frontier.pop()
        if id(thing) in seen or isinstance(thing, type):
            continue
        seen[id(thing)] = thing
        frontier += gc.get_referents(thing)
    held = [thing for thing in seen.values() if isinstance(thing, str | bytes)]
    assert "name-of-user" in held
    assert not [thing for thing in held if "secret" in str(thing)]
    assert "secret" not in repr(cache)
