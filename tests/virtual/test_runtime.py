"""Real time, waiting requests, answer delays, durable state and the journal of one running meter."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.errors import StorageError, UnknownName
from wattproof.model.codec.crc import crc16_modbus
from wattproof.virtual.runtime import Runtime
from wattproof.wire.modbus.framing.rtu import frame

SECOND = 10**9
MBAP = 7


class Standing:
    """Time that never moves, for a meter that needs no timer."""

    def now(self) -> int:
        return 0

    def utc(self) -> int:
        return 0

    def call_at(self, when: int, callback: object) -> Any:
        raise AssertionError("an idle meter set a timer")


def test_an_ordinary_answer_comes_after_the_delay(timers: Any, small: Any, wire: Any, read: bytes) -> None:
    line = wire(timers, Runtime(small(), timers))
    line.ask(read)
    assert line.sent == []
    timers.run(0.0199)
    assert line.sent == []
    timers.run(0.0001)
    assert [data[MBAP:] for data in line.answers] == [b"\x03\x02\x00\x00"]


def test_an_idle_meter_has_no_timer(timers: Any, small: Any, wire: Any, trigger: bytes, read: bytes) -> None:
    runtime = Runtime(small(), timers)
    line = wire(timers, runtime)
    assert timers.pending == 0
    line.ask(trigger)
    timers.run(0.5)
    assert timers.pending == 0  # a creation is running, but nobody waits for it
    line.ask(read)
    assert timers.pending == 1
    timers.run(60)
    assert timers.pending == 0
    assert len(line.sent) == 2


@pytest.mark.proves("B-084", "B-085")
def test_a_blocked_meter_answers_the_trigger_at_once_and_the_rest_when_it_is_done(
    timers: Any, small: Any, wire: Any, trigger: bytes, read: bytes
) -> None:
    line = wire(timers, Runtime(small(), timers))
    begun = timers.time
    line.ask(trigger)
    timers.run(1)
    line.ask(read)
    line.ask(read, transaction=2)
    timers.run(30)
    assert [time - begun for time, _ in line.sent] == [20_000_000, 5 * SECOND, 5 * SECOND]
    assert [data[MBAP:] for data in line.answers[1:]] == [b"\x03\x02\x00\x01"] * 2
    assert [data[:2] for data in line.answers] == [b"\0\1", b"\0\1", b"\0\2"]


@pytest.mark.proves("B-182")
@pytest.mark.parametrize("speed", [Fraction(1), Fraction(10), Fraction(1, 2), Fraction(100_000), Fraction("2.5")])
def test_speed_divides_every_delay(
    speed: Fraction, timers: Any, small: Any, wire: Any, trigger: bytes, read: bytes
) -> None:
    line = wire(timers, Runtime(small(speed), timers))
    begun = timers.time
    line.ask(trigger)
    line.ask(read)
    timers.run(30)
    assert [time - begun for time, _ in line.sent] == [int(20_000_000 / speed), int(5 * SECOND / speed)]


@given(
    st.fractions(min_value=Fraction(1, 1000), max_value=100_000, max_denominator=10**6),
    st.integers(0, 10**20),
    st.integers(0, 10**18),
)
def test_real_and_meter_time_are_exact_inverses(small: Any, speed: Fraction, start: int, elapsed: int) -> None:
    runtime = Runtime(small(speed), Standing(), start=start)
    instant = runtime.meter_time(elapsed)
    assert instant == start + elapsed * speed.numerator // speed.denominator
    real = runtime.real_time(instant)
    assert runtime.meter_time(real) >= instant
    assert runtime.meter_time(real - 1) < instant


def test_a_meter_without_supply_is_silent(timers: Any, small: Any, wire: Any, trigger: bytes, read: bytes) -> None:
    meter = small()
    runtime = Runtime(meter, timers)
    line = wire(timers, runtime)
    line.ask(trigger)
    timers.run(1)
    line.ask(read)
    runtime.patch({"supply": False}, {})
    line.ask(read)
    line.ask(read, unit=43)
    timers.run(10)
    assert len(line.sent) == 1
    runtime.patch({"supply": True}, {})
    line.ask(read)
    timers.run(1)
    assert len(line.sent) == 2
    reasons = [entry["reason"] for entry in runtime.journal() if entry["kind"] == "lost"]
    assert reasons == ["the meter has no supply, or is starting"] * 2


def test_on_a_line_the_newest_of_waiting_requests_is_answered(
    timers: Any, small: Any, wire: Any, trigger: bytes, read: bytes
) -> None:
    runtime = Runtime(small(), timers)
    line = wire(timers, runtime, framing="rtu")
    line.ask(trigger)
    for _ in range(4):
        timers.run(1)
        line.ask(read)
    timers.run(10)
    assert len(line.sent) == 2
    assert [entry["reason"] for entry in runtime.journal() if entry["kind"] == "lost"] == [
        "the line's master asked anew"
    ] * 3


def test_waiting_requests_are_bounded(timers: Any, small: Any, wire: Any, trigger: bytes, read: bytes) -> None:
    runtime = Runtime(small(), timers)
    line = wire(timers, runtime)
    line.ask(trigger)
    for number in range(400):
        line.ask(read, transaction=number)
    timers.run(10)
    assert len(line.sent) == 1 + 256


@pytest.mark.proves("B-001")
def test_a_foreign_unit_gets_nothing_on_rtu_and_an_exception_on_tcp(
    timers: Any, small: Any, wire: Any, read: bytes
) -> None:
    meter = small()
    runtime = Runtime(meter, timers)
    line, socket = wire(timers, runtime, framing="rtu"), wire(timers, runtime)
    for unit in (0, 1, 41, 43, 247):
        line.ask(read, unit=unit)
        socket.ask(read, unit=unit)
    timers.run(1)
    assert line.sent == []
    assert [data[6:] for data in socket.answers] == [bytes((unit, 0x83, 0x0B)) for unit in (0, 1, 41, 43, 247)]
    assert meter.executed == []
    line.ask(read)
    timers.run(1)
    assert len(line.sent) == 1


@pytest.mark.proves("B-002", "B-003")
def test_rtu_frames_carry_a_check_sum_and_tcp_frames_do_not(timers: Any, small: Any, wire: Any, read: bytes) -> None:
    runtime = Runtime(small(), timers)
    line, socket = wire(timers, runtime, framing="rtu"), wire(timers, runtime)
    line.ask(read)
    socket.ask(read)
    timers.run(1)
    line.stream.receive(bytes.fromhex("2a0300080001ffff"), timers.time)
    timers.run(1)
    assert len(line.answers) == 1
    assert crc16_modbus(line.answers[0]) == 0
    assert line.answers[0][:-2] == bytes.fromhex("2a03020000")
    assert socket.answers == [bytes.fromhex("0001000000052a03020000")]


@pytest.mark.proves("B-046")
def test_a_written_address_counts_from_the_next_request_on(timers: Any, small: Any, wire: Any, read: bytes) -> None:
    runtime = Runtime(small(), timers)
    line = wire(timers, runtime, framing="rtu")
    line.ask(b"\x10\x00\x00\x00\x01\x02\x00\x07")
    timers.run(1)
    line.ask(read)
    timers.run(1)
    line.ask(read, unit=7)
    timers.run(1)
    assert [data[0] for data in line.answers] == [42, 7]


def test_several_meters_share_a_line(timers: Any, small: Any, wire: Any, read: bytes) -> None:
    runtimes = [Runtime(small(unit=unit), timers) for unit in (10, 11, 12)]
    line = wire(timers, *runtimes, framing="rtu")
    for unit in (12, 9, 10, 13, 11):
        line.ask(read, unit=unit)
        timers.run(1)
    assert [data[0] for data in line.answers] == [12, 10, 11]
    assert [len(runtime.meter.executed) for runtime in runtimes] == [1, 1, 1]


class Drawer:
    """A state file in memory that can be told to fail."""

    def __init__(self) -> None:
        self.states: list[bytes] = []
        self.full = False

    def append(self, state: bytes) -> None:
        if self.full:
            raise StorageError("cannot write the state file: No space left on device")
        self.states.append(state)


def test_state_is_kept_before_the_answer_that_shows_it(
    timers: Any, small: Any, wire: Any, trigger: bytes, read: bytes
) -> None:
    drawer = Drawer()
    meter = small()
    runtime = Runtime(meter, timers, store=drawer)  # type: ignore[arg-type]
    line = wire(timers, runtime)
    assert len(drawer.states) == 1  # a new meter exists from its first instant on
    line.ask(trigger)
    assert len(drawer.states) == 2
    assert line.sent == []
    line.ask(read)
    timers.run(10)
    assert drawer.states[-1][16:18] == b"\0\1"
    assert line.answers[-1][-2:] == b"\0\1"
    line.ask(read)
    timers.run(1)
    assert len(drawer.states) == 3


def test_state_is_kept_of_a_meter_that_nobody_asks(timers: Any, small: Any, wire: Any, trigger: bytes) -> None:
    drawer = Drawer()
    runtime = Runtime(small(), timers, store=drawer)  # type: ignore[arg-type]
    wire(timers, runtime).ask(trigger)
    timers.run(4)
    assert drawer.states[-1][16:18] == b"\0\0"
    timers.run(12)
    assert drawer.states[-1][16:18] == b"\0\1", "the event five seconds after the request is on disk"
    runtime.close()


def test_a_meter_that_cannot_keep_up_goes_slower_and_still_answers(
    timers: Any, small: Any, wire: Any, read: bytes
) -> None:
    meter = small(Fraction(1000))

    def event() -> None:
        timers.time += SECOND // 500  # twice as long as there is
        meter.plan(meter.time + SECOND, event)

    meter.plan(SECOND, event)
    runtime = Runtime(meter, timers)
    line = wire(timers, runtime)
    for _ in range(3):
        timers.run(10)
        asked = timers.time
        line.ask(read)
        assert timers.time - asked < 3 * SECOND
    timers.run(1)
    assert len(line.answers) == 3
    assert runtime.meter_time(timers.time) < 10_000 * SECOND  # of 38 000


def test_what_cannot_be_kept_is_never_shown(timers: Any, small: Any, wire: Any, trigger: bytes, read: bytes) -> None:
    drawer = Drawer()
    failures: list[StorageError] = []
    runtime = Runtime(small(), timers, store=drawer)  # type: ignore[arg-type]
    runtime.on_failure = failures.append
    line = wire(timers, runtime)
    line.ask(read)
    timers.run(1)
    drawer.full = True
    line.ask(trigger)
    line.ask(read)
    timers.run(10)
    assert len(line.sent) == 1
    assert [str(failure) for failure in failures] == ["cannot write the state file: No space left on device"]
    with pytest.raises(StorageError, match="No space left"):
        runtime.close()


def test_the_journal_tells_requests_answers_and_events_in_their_times(
    timers: Any, small: Any, wire: Any, trigger: bytes, read: bytes
) -> None:
    runtime = Runtime(small(Fraction(10)), timers, describe=lambda address, count: f"small.R{address}")
    line = wire(timers, runtime)
    line.ask(trigger)
    timers.run(2)
    line.ask(read)
    timers.run(1)
    line.ask(b"\x03\x00\x09\x00\x02")
    timers.run(1)
    entries = runtime.journal()
    assert [entry["n"] for entry in entries] == list(range(1, len(entries) + 1))
    assert [(entry["kind"], entry["meter_time"], entry.get("meaning", entry.get("name"))) for entry in entries] == [
        ("request", 0.0, "write 1 registers at 9 (small.R9): 0002"),
        ("state", 0.0, "working"),
        ("answer", 0.02, "written 1 registers at 9 (small.R9)"),
        ("state", 5.0, "done"),
        ("request", 20.0, "read 1 registers at 8 (small.R8)"),
        ("answer", 20.02, "1 registers at 8 (small.R8): 0001"),
        ("request", 30.0, "read 2 registers at 9 (small.R9)"),
        ("answer", 30.02, "exception 0x02 (illegal data address)"),
    ]
    assert entries[0]["bytes"] == "0001000000092a" + trigger.hex()
    assert entries[0]["time"] == "2023-11-14T22:30:00.000000Z"
    assert [entry["n"] for entry in runtime.journal(after=6)] == [7, 8]


def test_somebody_who_watches_the_journal_hears_of_events_when_they_happen(
    timers: Any, small: Any, wire: Any, trigger: bytes
) -> None:
    runtime = Runtime(small(), timers)
    line = wire(timers, runtime)
    line.ask(trigger)
    timers.run(1)
    heard: list[int] = []
    begun = timers.time - SECOND
    runtime.watch(lambda: heard.append(timers.time - begun))
    timers.run(20)
    assert heard == [5 * SECOND]
    assert timers.pending == 0


def test_the_journal_forgets_the_oldest(timers: Any, small: Any, wire: Any, read: bytes) -> None:
    runtime = Runtime(small(), timers, journal=10)
    line = wire(timers, runtime)
    for _ in range(20):
        line.ask(read)
        timers.run(1)
    assert [entry["n"] for entry in runtime.journal()] == list(range(31, 41))
    assert runtime.ring.first == 31


def test_the_short_way_is_open_only_when_nothing_stands_in_it(
    timers: Any, small: Any, wire: Any, trigger: bytes
) -> None:
    meter = small()
    meter.delay = 0
    runtime = Runtime(meter, timers)
    assert runtime.fast
    runtime.patch({}, {"garble": True})
    assert not runtime.fast
    runtime.patch({}, {"garble": False})
    assert runtime.fast
    wire(timers, runtime).ask(trigger)
    assert not runtime.fast
    assert runtime.due == timers.time + 5 * SECOND
    timers.run(6)
    runtime.catch_up()
    assert runtime.fast
    runtime.patch({"supply": False}, {})
    assert not runtime.fast
    runtime.patch({"supply": True}, {}, "request")
    assert not runtime.fast


def test_a_refused_change_leaves_the_runtime_working(timers: Any, small: Any, wire: Any, read: bytes) -> None:
    runtime = Runtime(small(), timers)
    with pytest.raises(UnknownName, match="colour"):
        runtime.patch({"colour": 1}, {})
    line = wire(timers, runtime)
    line.ask(read)
    timers.run(1)
    assert len(line.sent) == 1


def test_a_frame_that_only_a_silence_ends_is_answered_when_nothing_follows(
    timers: Any, small: Any, wire: Any, read: bytes
) -> None:
    line = wire(timers, Runtime(small(), timers), framing="rtu")
    data = frame(42, b"\x06\x00\x08")  # two bytes too short: content says that more must come
    line.stream.receive(data[:4], timers.time)
    timers.run(0.01)
    line.stream.receive(data[4:], timers.time)
    assert line.answers == []
    timers.run(0.1)
    assert [answer[:3] for answer in line.answers] == [b"\x2a\x86\x01"]

    line.stream.receive(frame(42, read)[:5], timers.time)  # a cut request is no frame
    timers.run(1)
    assert len(line.answers) == 1
    line.ask(read)
    timers.run(1)
    assert len(line.answers) == 2
