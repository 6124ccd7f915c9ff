from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.drivers.schedule import BackOff, Entry, Priority, Schedule
from wattproof.wire.modbus.pdu import read_request, write_multiple_request

READ = read_request(3, 100, 2)
OTHER = read_request(3, 200, 2)
WRITE = write_multiple_request(100, b"\0\1")
SECOND = 10**9


def served(schedule: Schedule[str]) -> list[str]:
    """What goes out, in its order, when everything is answered."""
    order: list[str] = []
    while (entry := schedule.take(0)) is not None:
        order.append(entry.work)
        schedule.answered(entry, 0)
    return order


def fail_until_resting(schedule: Schedule[str], unit: int, now: int) -> None:
    schedule.add(unit, READ, "dead")
    while (entry := schedule.take(now)) is not None:
        schedule.failed(entry, now)
    assert not schedule.state(unit).is_healthy


def test_units_take_turns_and_each_keeps_its_order() -> None:
    schedule: Schedule[str] = Schedule()
    for unit, work in [(1, "1a"), (1, "1b"), (1, "1c"), (2, "2a"), (3, "3a"), (2, "2b")]:
        schedule.add(unit, READ, work)
    assert served(schedule) == ["1a", "2a", "3a", "1b", "2b", "1c"]


def test_the_urgent_goes_first_wherever_it_waits() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add(1, READ, "archive", priority=Priority.BACKGROUND)
    schedule.add(1, READ, "poll 1")
    schedule.add(2, READ, "poll 2")
    schedule.add(2, READ, "person", priority=Priority.COMMAND)
    assert served(schedule) == ["person", "poll 1", "poll 2", "archive"]


def test_an_unanswered_read_waits_for_the_others_before_it_is_repeated() -> None:
    schedule: Schedule[str] = Schedule(BackOff(limit=3), retries=2)
    for unit, work in [(1, "dead"), (1, "dead too"), (2, "2"), (3, "3")]:
        schedule.add(unit, READ if work != "dead too" else OTHER, work)
    order: list[str] = []
    lost: list[str] = []
    while (entry := schedule.take(0)) is not None:
        order.append(entry.work)
        if entry.unit == 1:
            lost += [one.work for one in schedule.failed(entry, 0).hopeless]
        else:
            schedule.answered(entry, 0)
    assert order == ["dead", "2", "3", "dead", "dead"]
    assert lost == ["dead too"]
    state = schedule.state(1)
    assert (state.requests, state.timeouts, state.retries, state.declined) == (3, 3, 2, 1)


def test_a_write_is_not_repeated_and_alone_puts_no_unit_to_rest() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add(1, WRITE, "write", reads=False)
    entry = schedule.take(0)
    assert entry is not None
    assert not schedule.failed(entry, 0).repeated
    assert schedule.may_ask(1, 0)


def test_a_dead_unit_rests_and_one_probe_at_a_time_asks_for_it() -> None:
    schedule: Schedule[str] = Schedule(BackOff(limit=3, first=1, factor=2, most=5))
    fail_until_resting(schedule, 7, 0)
    intervals = []
    now = 0
    for _ in range(5):
        assert not schedule.may_ask(7, now)
        rest = schedule.rest(7, now)
        intervals.append(rest)
        now += round(rest * SECOND)
        assert schedule.may_ask(7, now)
        schedule.add(7, READ, "probe")
        assert not schedule.may_ask(7, now)  # the probe is under way
        entry = schedule.take(now)
        assert entry is not None
        assert entry.probe
        assert not schedule.failed(entry, now).repeated
    assert intervals == [1, 2, 4, 5, 5]


def test_one_answer_brings_a_unit_back_at_once() -> None:
    schedule: Schedule[str] = Schedule()
    fail_until_resting(schedule, 7, 0)
    schedule.add(7, READ, "probe")
    entry = schedule.take(2 * SECOND)
    assert entry is not None
    schedule.answered(entry, 3 * SECOND, refused=True)
    state = schedule.state(7)
    assert state.is_healthy
    assert (state.refusals, state.last_asked, state.last_answer) == (1, 2 * SECOND, 3 * SECOND)
    assert schedule.may_ask(7, 3 * SECOND)


def test_equal_reads_are_one_but_not_across_a_write() -> None:
    schedule: Schedule[str] = Schedule()
    first = schedule.add(1, READ, "first")
    assert schedule.twin(1, READ, reads=True) is first
    assert schedule.twin(1, OTHER, reads=True) is None
    assert schedule.twin(2, READ, reads=True) is None
    taken = schedule.take(0)
    assert taken is first
    assert schedule.twin(1, READ, reads=True) is first  # under way
    write = schedule.add(1, WRITE, "write", reads=False)
    assert schedule.twin(1, WRITE, reads=False) is None
    assert schedule.twin(1, READ, reads=True) is None  # it was asked before the write
    after = schedule.add(1, READ, "after")
    assert schedule.twin(1, READ, reads=True) is after
    schedule.answered(first, 0)
    assert schedule.take(0) is write
    assert schedule.state(1).shared == 3


def test_what_nobody_waits_for_is_forgotten() -> None:
    schedule: Schedule[str] = Schedule()
    one, two = schedule.add(1, READ, "one"), schedule.add(2, READ, "two")
    schedule.remove(one)
    schedule.remove(one)
    assert schedule.take(0) is two
    fail_until_resting(schedule, 3, 0)
    schedule.remove(schedule.add(3, READ, "probe"))
    assert schedule.may_ask(3, 2 * SECOND)


def test_a_lost_line_says_nothing_about_a_unit() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add(1, READ, "one")
    entry = schedule.take(0)
    assert entry is not None
    schedule.dropped(entry)
    assert schedule.state(1).failures == 0
    assert list(schedule.states()) == [1]


def test_a_year_of_silence_is_no_problem() -> None:
    assert BackOff().interval(10**6) == 60.0


@given(
    st.lists(st.tuples(st.integers(1, 4), st.sampled_from(list(Priority)), st.booleans()), max_size=40),
    st.sets(st.integers(1, 4)),
)
@settings(max_examples=60)
def test_every_request_ends_exactly_once(rows: list[tuple[int, Priority, bool]], dead: set[int]) -> None:
    schedule: Schedule[int] = Schedule()
    for number, (unit, priority, reads) in enumerate(rows):
        schedule.add(unit, READ if reads else WRITE, number, priority=priority, reads=reads)
    ended: list[int] = []

    def end(*entries: Entry[int]) -> None:
        ended.extend(entry.work for entry in entries)

    for now in range(1000):
        entry = schedule.take(now)
        if entry is None:
            break
        if entry.unit in dead:
            verdict = schedule.failed(entry, now)
            end(*verdict.hopeless, *(() if verdict.repeated else (entry,)))
        else:
            schedule.answered(entry, now)
            end(entry)
    assert sorted(ended) == list(range(len(rows)))
