"""Any history: what happens in between must not depend on how often anybody looked."""

from __future__ import annotations

import struct
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.errors import InvalidValue
from wattproof.meters.bsm.enums import SnapshotType
from wattproof.meters.bsm.points import SNAPSHOT_BLOCKS
from wattproof.meters.bsm.virtual.faults import METER_FAULTS
from wattproof.meters.bsm.virtual.meter import create
from wattproof.meters.bsm.virtual.registers import IN_AREA
from wattproof.signed.formats import bsm
from wattproof.virtual.base import SimulationOptions

SPOILING = {"bad-signature", "wrong-key", "tamper", "stale-snapshot", "counter-jump", "roll-over", "counter-glitch"}
HARMLESS = [row.name for row in METER_FAULTS if row.name not in SPOILING]

pauses = st.one_of(st.integers(0, 10**9), st.integers(0, 10**11), st.just(500_000_000), st.just(5_300_000_000))
actions = st.one_of(
    st.tuples(st.just("trigger"), st.sampled_from(SnapshotType)),
    st.tuples(st.just("time"), st.integers(0, 2 * 10**9)),
    st.tuples(st.just("control"), st.sampled_from([
        {"doe": False}, {"doe": True}, {"do": True}, {"do": False}, {"plug": False}, {"plug": True}, {"di": True},
        {"di": "auto"}, {"load": "curve:car1"}, {"load": "constant:12345"}, {"load": "none"}, {"power": False},
        {"power": True}, {"key": "1"}, {"clock": "invalid"}, {"step": "12.5"},
    ])),
    st.tuples(st.just("fault"), st.tuples(st.sampled_from(HARMLESS), st.booleans(),
                                          st.sampled_from([None, None, "*:signing", "turn-on:closing", "power-up"]))),
)  # fmt: skip


def act(meter, now, action):
    kind, value = action
    if kind == "trigger":
        meter.execute(struct.pack(">BHHBH", 16, SNAPSHOT_BLOCKS[value].address_of("St"), 1, 2, 2), now)
    elif kind == "time":
        meter.execute(struct.pack(">BHHBIh", 16, 40260, 3, 6, value, 60), now)
    elif kind == "control":
        meter.patch(now, value, {})
    else:
        name, on, when = value
        try:
            meter.patch(now, {}, {name: on}, when)
        except InvalidValue:
            assert name.startswith("contactor-stuck")


def make(seed):
    return create(SimulationOptions("bsm", seed=seed, settings={"blocking": "no", "energy": "0.0042"}))


@pytest.mark.proves("B-189")
@given(history=st.lists(st.tuples(pauses, actions), max_size=20), seed=st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_looking_changes_nothing(history, seed):
    watched, alone = make(seed), make(seed)
    events = []
    watched.journal = lambda event, details: events.append(event)
    now = 0
    for pause, action in history:
        for part in (3, 2, 1):
            watched.advance(now + pause // (part + 1))
            watched.state()
        while (event := watched.next_event()) is not None and event <= now + pause:
            watched.advance(event)
        now += pause
        for meter in (watched, alone):
            act(meter, now, action)
    for meter in (watched, alone):
        meter.advance(now + 60 * 10**9)
    assert watched.registers.data == alone.registers.data
    assert watched.state() == alone.state()
    assert watched.checkpoint() == alone.checkpoint()


@given(history=st.lists(st.tuples(pauses, actions), max_size=25))
@settings(max_examples=80, deadline=None)
def test_what_holds_at_every_moment(history):
    meter = make(1)
    now, seen, energy = 0, (0, 0, 0), 0
    numbers: dict[int, bytes] = {}
    for pause, action in history:
        now += pause
        act(meter, now, action)
        meter.advance(now)
        counters = (meter.clock.os(meter.now), meter.counters.response, meter.counters.power_downs)
        assert all(new >= old for new, old in zip(counters, seen, strict=True)), "a counter went back"
        assert meter.electrics.energy.total >= energy, "the energy register went back"
        seen, energy = counters, meter.electrics.energy.total
        assert not meter.blocked
        for kind in SnapshotType:
            area, status = meter.registers.area(kind), meter.registers.status(kind)
            signature = bsm.signature(area)
            assert bool(signature) == (status == 0)
            assert bool(meter.registers.ocmf(kind)) <= (status == 0)
            if signature:
                number = int.from_bytes(area[IN_AREA["RCnt"]], "big")
                assert numbers.setdefault(number, signature) == signature, "a number signed twice"
                assert number <= meter.counters.response
        assert Fraction(meter.electrics.energy.resettable) >= 0
