"""Sessions as such: limits to the tick."""

from __future__ import annotations

import gc

import pytest

from wattproof.gateway.auth.sessions import ABSOLUTE, IDLE, Sessions, SessionsFull, cookie

START = 1_800_000_000_000


@pytest.mark.proves("G-319")
def test_the_cookie():
    sessions = Sessions()
    token = sessions.open("a", 1, "x", START)
    assert cookie(token) == f"wattproof={token}; Secure; HttpOnly; SameSite=Strict; Path=/"
    assert len(bytes.fromhex(token)) == 16
    assert len({sessions.open("a", 1, "x", START) for _ in range(100)}) == 100


@pytest.mark.proves("G-319")
def test_an_idle_session_ends_and_one_in_use_ends_after_half_a_day():
    sessions = Sessions()
    token = sessions.open("a", 1, "x", START)
    assert sessions.find(token, START + IDLE - 1)
    assert sessions.find(token, START + 2 * IDLE - 2)
    assert sessions.find(token, START + 3 * IDLE - 2) is None
    assert sessions.find(token, START + 2 * IDLE) is None

    token, now = sessions.open("a", 1, "x", START), START
    while now + IDLE - 1 < START + ABSOLUTE:
        now += IDLE - 1
        assert sessions.find(token, now)
    assert sessions.find(token, START + ABSOLUTE - 1)
    assert sessions.find(token, START + ABSOLUTE) is None


@pytest.mark.proves("G-319", "G-318")
def test_the_sixth_session_of_a_user_ends_his_oldest_and_the_65th_of_all_is_refused():
    sessions = Sessions()
    tokens = [sessions.open("a", 1, "x", START + number) for number in range(6)]
    assert [sessions.find(token, START + 6) is not None for token in tokens] == [False, True, True, True, True, True]
    for number in range(59):
        sessions.open(f"u{number}", 1, "x", START + 7)
    assert len(sessions) == 64
    with pytest.raises(SessionsFull):
        sessions.open("late", 1, "x", START + 8)
    sessions.open("a", 1, "x", START + 9)  # he takes the place of his own oldest
    assert sessions.find(tokens[1], START + 9) is None
    sessions.open("late", 1, "x", START + 7 + IDLE)  # and those that are over take no place
    assert len(sessions) == 2


def test_sessions_of_a_user_end_together_but_for_one():
    sessions = Sessions()
    here, there = sessions.open("a", 1, "x", START), sessions.open("a", 1, "y", START + 1)
    other = sessions.open("b", 1, "x", START)
    assert sessions.newest("a", "x", START + 2) is sessions.find(here, START + 2)
    sessions.end_all("a", address="y")
    assert [sessions.find(token, START + 2) is not None for token in (here, there, other)] == [True, False, True]
    kept = sessions.open("a", 1, "y", START + 1)
    wide = sessions.open("c", 1, "2001:db8::1", START + 1)
    sessions.end_all("c", address="2001:db8::2")
    assert sessions.find(wide, START + 2) is None
    sessions.end_all("a", but=sessions.find(kept, START + 2).digest)
    assert [sessions.find(token, START + 2) is not None for token in (here, kept, other)] == [False, True, True]
    assert sessions.newest("a", "x", START + 2) is None


@pytest.mark.proves("G-312")
def test_a_token_is_not_kept():
    sessions = Sessions()
    token = sessions.open("a", 1, "x", START)
    held = [*gc.get_referents(*gc.get_referents(sessions)), *(vars_of(s) for s in sessions._sessions.values())]
    assert token not in repr(held)
    assert token not in repr(sessions._sessions)


def vars_of(session: object) -> list[object]:
    return [getattr(session, name) for name in type(session).__slots__]
