"""A contactor and its faults."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wattproof.virtual.base import NEVER
from wattproof.virtual.contactor import Contactor, Stuck


def test_it_follows_its_coil_after_the_delay():
    contactor = Contactor(30)
    assert not contactor.energise(True, 100)
    assert (contactor.closed, contactor.moves_at) == (False, 130)
    assert not contactor.advance(129) and contactor.advance(130)
    assert contactor.closed and contactor.moves_at == NEVER
    contactor.energise(False, 200)
    contactor.energise(False, 210)  # the same again does not start anew
    assert contactor.moves_at == 230


def test_a_coil_that_changes_its_mind_moves_nothing():
    contactor = Contactor(30)
    contactor.energise(True, 0)
    contactor.energise(False, 10)
    assert contactor.moves_at == NEVER and not contactor.advance(1000)


def test_without_delay_it_moves_at_once():
    contactor = Contactor(0)
    assert contactor.energise(True, 5) and contactor.closed


def test_welded():
    contactor = Contactor(30)
    contactor.jam(Stuck.CLOSED, 0)
    assert contactor.moves_at == NEVER  # open: it welds when it closes
    contactor.energise(True, 0)
    contactor.advance(30)
    contactor.energise(False, 40)
    assert contactor.closed and contactor.moves_at == NEVER
    contactor.release()
    assert contactor.closed
    contactor.jam(Stuck.NO, 50)
    assert contactor.moves_at == 80


def test_stuck_open():
    contactor = Contactor(30)
    contactor.energise(True, 0)
    contactor.advance(30)
    assert contactor.jam(Stuck.OPEN, 40) and not contactor.closed
    contactor.energise(True, 50)
    assert contactor.moves_at == NEVER
    contactor.jam(Stuck.NO, 60)
    assert contactor.moves_at == 90
    contactor.release()
    assert not contactor.closed and contactor.moves_at == NEVER


@given(steps=st.lists(st.tuples(st.integers(0, 100), st.booleans()), max_size=30), delay=st.integers(0, 50))
def test_after_the_delay_it_is_where_its_coil_wants_it(steps, delay):
    contactor, now, coil = Contactor(delay), 0, False
    for pause, coil in steps:
        while contactor.moves_at <= now + pause:
            contactor.advance(contactor.moves_at)
        now += pause
        contactor.energise(coil, now)
    contactor.advance(now + delay)
    assert contactor.closed == coil
