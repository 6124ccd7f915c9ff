"""Who speaks next on a line that many meters share: decisions only, no I/O, time as an argument.

::

    unit:  healthy --limit silences in a row--> resting --its interval is over--> probing --answer--> healthy
                                                   ^                                 |
                                                   '----- silence: longer interval --'

While a unit rests its requests fail at once and cost the line nothing. When its interval is over, one request goes
out as the probe; everything else for the unit goes on failing until the probe is answered. So a dead meter costs the
others one time-out per interval, and the intervals grow.

Among healthy units the most urgent request goes first, then the units take turns, and within a unit the order of
asking is kept. A read that was not answered is repeated, but not before the others have had their turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Priority(IntEnum):
    """How urgent a request is; smaller goes first."""

    COMMAND = 0  # somebody waits: a snapshot, a write, a person at a terminal
    POLL = 5
    BACKGROUND = 9  # scanning, archives


@dataclass(frozen=True, slots=True)
class BackOff:
    """When a unit rests: after ``limit`` unanswered requests in a row, repetitions counted, for ``first`` seconds, then
    ``factor`` times longer each time, up to ``most``."""

    limit: int = 3
    first: float = 1.0
    factor: float = 2.0
    most: float = 60.0

    def interval(self, rests: int) -> float:
        """Seconds of the rest number ``rests``, counted from 1."""
        # The exponent is bounded: a meter that is dead for a year must not overflow a float.
        return min(self.most, self.first * self.factor ** min(rests - 1, 64))


@dataclass(slots=True)
class UnitState:
    """What is known of one unit. Times are nanoseconds of the bus's clock, ``None``: never."""

    requests: int = 0
    answers: int = 0
    refusals: int = 0
    timeouts: int = 0
    damaged: int = 0
    retries: int = 0
    shared: int = 0
    declined: int = 0
    last_asked: int | None = None
    last_answer: int | None = None
    failures: int = 0
    rests: int = 0
    resting_until: int | None = None
    probing: bool = False

    @property
    def is_healthy(self) -> bool:
        """Whether its requests go out as they come."""
        return self.resting_until is None


@dataclass(slots=True, eq=False)
class Entry(Generic[T]):
    """A request in the schedule. ``work`` belongs to the caller; ``probe``: it decides whether the unit is back;
    ``generation`` counts the writes to its unit before it; ``attempts`` how often it was taken; ``retries`` how often
    it goes out again, ``None``: as usual."""

    unit: int
    pdu: bytes
    priority: int
    work: T
    probe: bool = False
    generation: int = 0
    reads: bool = True
    attempts: int = 0
    retries: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict(Generic[T]):
    """After a failure: whether the request goes out again, and which waiting ones have become hopeless."""

    repeated: bool
    hopeless: tuple[Entry[T], ...] = ()


@dataclass(slots=True)
class _Unit(Generic[T]):
    state: UnitState = field(default_factory=UnitState)
    waiting: dict[int, deque[Entry[T]]] = field(default_factory=dict)
    generation: int = 0

    def entries(self) -> Iterator[Entry[T]]:
        for queue in self.waiting.values():
            yield from queue


class Schedule(Generic[T]):
    """The order of requests on one line. An unanswered read goes out ``retries`` times more; a probe and a write do
    not."""

    def __init__(self, back_off: BackOff | None = None, retries: int = 2) -> None:
        self._back_off = back_off or BackOff()
        self._retries = retries
        self._units: dict[int, _Unit[T]] = {}
        self._turn: deque[int] = deque()
        self._under_way: list[Entry[T]] = []

    def state(self, unit: int) -> UnitState:
        """What is known of a unit."""
        return self._unit(unit).state

    def states(self) -> dict[int, UnitState]:
        """The same of all units that were ever asked."""
        return {unit: one.state for unit, one in sorted(self._units.items())}

    def twin(self, unit: int, pdu: bytes, *, reads: bool) -> Entry[T] | None:
        """A read that is waiting or under way and will bring the very answer; never one asked before a later write."""
        if not reads:
            return None
        one = self._unit(unit)
        for entry in (*self._under_way, *one.entries()):
            if entry.unit == unit and entry.reads and entry.pdu == pdu and entry.generation == one.generation:
                one.state.shared += 1
                return entry
        return None

    def may_ask(self, unit: int, now: int) -> bool:
        """Whether a request would go out: the unit is healthy, or due for its probe and has none yet."""
        state = self._unit(unit).state
        if state.resting_until is None:
            return True
        due = now >= state.resting_until and not state.probing
        if not due:
            state.declined += 1
        return due

    def rest(self, unit: int, now: int) -> float:
        """Seconds until a resting unit is probed; 0 if it is due or not resting."""
        until = self._unit(unit).state.resting_until
        return 0.0 if until is None else max(0.0, (until - now) / 1e9)

    def add(
        self,
        unit: int,
        pdu: bytes,
        work: T,
        *,
        priority: int = Priority.POLL,
        reads: bool = True,
        retries: int | None = None,
    ) -> Entry[T]:
        """Put a request that `may_ask` allowed into its place."""
        one = self._unit(unit)
        if not reads:
            one.generation += 1
        probe = not one.state.is_healthy
        one.state.probing = one.state.probing or probe
        entry = Entry(unit, pdu, priority, work, probe, one.generation, reads, retries=retries)
        one.waiting.setdefault(priority, deque()).append(entry)
        if unit not in self._turn:
            self._turn.append(unit)
        return entry

    def take(self, now: int) -> Entry[T] | None:
        """The next request to send, ``None`` if nothing waits. Give it back with `answered`, `failed` or `dropped`."""
        if not self._turn:
            return None
        best = min(
            (min(self._units[unit].waiting) for unit in self._turn if self._units[unit].waiting),
            default=None,
        )
        if best is None:
            self._turn.clear()
            return None
        for _ in range(len(self._turn)):
            unit = self._turn.popleft()
            one = self._units[unit]
            queue = one.waiting.get(best)
            if queue is None:
                if one.waiting:
                    self._turn.append(unit)
                continue
            entry = queue.popleft()
            if not queue:
                del one.waiting[best]
            if one.waiting:
                self._turn.append(unit)
            self._under_way.append(entry)
            entry.attempts += 1
            one.state.requests += 1
            one.state.last_asked = now
            return entry
        return None

    def answered(self, entry: Entry[T], now: int, *, refused: bool = False) -> None:
        """The unit has answered, be it with an exception: it is alive."""
        self._finish(entry)
        state = self._unit(entry.unit).state
        state.answers += 1
        state.refusals += refused
        state.last_answer = now
        state.failures = state.rests = 0
        state.resting_until = None

    def failed(self, entry: Entry[T], now: int, *, damaged: bool = False) -> Verdict[T]:
        """No answer, or no usable one."""
        self._finish(entry)
        one = self._unit(entry.unit)
        state = one.state
        state.damaged += damaged
        state.timeouts += not damaged
        state.failures += 1
        if state.failures < self._back_off.limit and not entry.probe:
            retries = self._retries if entry.retries is None else entry.retries
            if not entry.reads or entry.attempts > retries:
                return Verdict(False)
            state.retries += 1
            one.waiting.setdefault(entry.priority, deque()).appendleft(entry)
            if entry.unit not in self._turn:
                self._turn.append(entry.unit)
            return Verdict(True)
        state.rests += 1
        state.resting_until = now + round(self._back_off.interval(state.rests) * 1e9)
        hopeless = tuple(one.entries())
        one.waiting.clear()
        state.declined += len(hopeless)
        state.probing = False
        return Verdict(False, hopeless)

    def dropped(self, entry: Entry[T]) -> None:
        """The request ended without saying anything about its unit: the line was lost, or the caller was cancelled."""
        self._finish(entry)

    def remove(self, entry: Entry[T]) -> None:
        """Forget a request that still waits, because nobody wants its answer any more."""
        one = self._unit(entry.unit)
        queue = one.waiting.get(entry.priority)
        if queue is not None and entry in queue:
            queue.remove(entry)
            if not queue:
                del one.waiting[entry.priority]
            if entry.probe:
                one.state.probing = False

    def _finish(self, entry: Entry[T]) -> None:
        self._under_way.remove(entry)
        if entry.probe:
            self._unit(entry.unit).state.probing = False

    def _unit(self, unit: int) -> _Unit[T]:
        if unit not in self._units:
            self._units[unit] = _Unit()
        return self._units[unit]
