"""Bus faults armed for a named state of a BSM, and what waits while it creates a snapshot: sections 11 and 28.2."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from wattproof.meters.bsm.enums import SnapshotType
from wattproof.meters.bsm.points import SNAPSHOT_BLOCKS
from wattproof.meters.bsm.virtual.meter import create
from wattproof.virtual.base import SimulationOptions
from wattproof.virtual.runtime import Runtime

MBAP = 7
READ = struct.pack(">BHH", 3, 40002, 2)
ANSWER = struct.pack(">BBHH", 3, 4, 1, 66)


def status_at(kind: SnapshotType) -> int:
    return SNAPSHOT_BLOCKS[kind].address_of("St")


def trigger(kind: SnapshotType) -> bytes:
    return struct.pack(">BHHBH", 16, status_at(kind), 1, 2, 2)


@pytest.fixture
def bsm(timers: Any, wire: Any) -> Any:
    """Makes a BSM and its wire: ``bsm(seed=1, framing="tcp")``."""

    def make(seed: int = 1, framing: str = "tcp", faults: tuple[str, ...] = ()) -> Any:
        options = SimulationOptions("bsm", serial="001BZR9900000001", seed=seed, faults=faults)
        runtime = Runtime(create(options), timers)
        return runtime, wire(timers, runtime, framing=framing)

    return make


def kinds(runtime: Runtime) -> list[str]:
    return [str(entry["kind"]) for entry in runtime.journal()]


@pytest.mark.proves("B-194", "B-192")
@pytest.mark.parametrize(
    ("fault", "value", "answers"),
    [
        ("drop", 100, []),
        ("drop-answer", 100, []),
        ("disconnect", 100, []),
        ("exception", 4, [b"\x83\x04"]),
        ("wrong-unit", True, [ANSWER]),
    ],
)
def test_a_bus_fault_armed_for_a_request_hits_this_request(
    bsm: Any, timers: Any, fault: str, value: object, answers: list[bytes]
) -> None:
    runtime, line = bsm()
    runtime.patch({}, {fault: value}, "request")
    line.ask(READ)
    timers.run(1)
    assert [data[MBAP:] for data in line.answers if data] == answers
    assert [data[6] for data in line.answers if data] == [43 if fault == "wrong-unit" else 42] * len(answers)
    assert line.closed == (fault == "disconnect")
    assert kinds(runtime)[1:5] == ["request", "state", "fault-set", "fault-hit"]


@pytest.mark.proves("B-194")
def test_a_bus_fault_that_ends_with_a_request_spares_it(bsm: Any, timers: Any) -> None:
    runtime, line = bsm(faults=("exception=3",))
    line.ask(trigger(SnapshotType.CURRENT))
    timers.run(1)
    runtime.patch({}, {"exception": False}, "request")
    line.ask(READ)
    timers.run(1)
    assert [data[MBAP:] for data in line.answers] == [b"\x90\x03", ANSWER]


@pytest.mark.proves("B-192")
def test_a_bus_fault_that_ends_while_a_request_waits_spares_it(bsm: Any, timers: Any) -> None:
    runtime, line = bsm()
    line.ask(trigger(SnapshotType.CURRENT))
    timers.run(1)
    runtime.patch({}, {"exception": 4, "garble": 100}, None)
    line.ask(READ)
    runtime.patch({}, {"exception": False, "garble": False}, None)
    timers.run(10)
    assert line.answers[-1][MBAP:] == ANSWER


@pytest.mark.proves("B-194", "B-192")
def test_the_state_accepted_comes_before_the_acknowledgement(bsm: Any, timers: Any) -> None:
    runtime, line = bsm()
    runtime.patch({}, {"drop-answer": 100}, "current:accepted")
    line.ask(READ)
    line.ask(trigger(SnapshotType.CURRENT))
    timers.run(1)
    assert [data[MBAP:] for data in line.answers if data] == [ANSWER]
    runtime.patch({}, {"drop-answer": False})
    timers.run(10)
    assert runtime.state()["snapshots"]["current"]["St"] == 0


@pytest.mark.proves("B-193", "B-194")
def test_chance_is_the_same_however_a_fault_came_into_force(bsm: Any, timers: Any) -> None:
    def hits(seed: int, when: str | None) -> list[bool]:
        runtime, line = bsm(seed)
        runtime.patch({}, {"drop-answer": 50}, when)
        found = []
        for _ in range(40):
            before = len(runtime.journal())
            line.ask(READ)
            timers.run(1)
            found.append("lost" in kinds(runtime)[before:])
        return found

    assert hits(7, None) == hits(7, "request")
    assert hits(7, None) != hits(8, "request")


@pytest.mark.proves("B-093", "B-088")
@pytest.mark.parametrize("second", [SnapshotType.CURRENT, SnapshotType.TURN_ON])
@pytest.mark.parametrize("framing", ["tcp", "rtu"])
def test_a_trigger_that_waited_for_a_creation_starts_no_second(
    bsm: Any, timers: Any, framing: str, second: SnapshotType
) -> None:
    runtime, line = bsm(framing=framing)
    line.ask(trigger(SnapshotType.CURRENT))  # its acknowledgement is lost, say
    timers.run(1)
    line.ask(trigger(second))
    timers.run(10)
    start = MBAP if framing == "tcp" else 1
    late = struct.pack(">BHH", 16, status_at(second), 1)
    assert [data[start : start + 5] for data in line.answers][-1] == late
    snapshots = runtime.state()["snapshots"]
    assert {name: one["St"] for name, one in snapshots.items() if one["St"] != 1} == {"current": 0}
    assert snapshots["current"]["RCnt"] == 1
    assert [entry["instance"] for entry in runtime.journal() if entry["kind"] == "trigger-ignored"] == [second.word]
    line.ask(trigger(second))
    timers.run(10)
    assert runtime.state()["snapshots"][second.word]["RCnt"] == 2
