"""What the gateway adds to one meter (g13-api.md 10.3, column E): readings in, writes out.

An engine computes; it reads the store only to serve rows that it has written before. Whoever feeds it commits what it
returns together with the readings, in one transaction, in the order of the calls. Its state is the last one committed,
so after `kill -9` it goes on as if nothing had happened: a row is written once, and none that is due is left out.

Resources that write are carried out on the state, committed, and taken back if that fails. What is read meanwhile waits
until it is known which of the two holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import Any

from wattproof.gateway.engines.books import SYSTEM, Books
from wattproof.gateway.engines.facts import Facts
from wattproof.gateway.engines.gaps import Gap, Recorded
from wattproof.gateway.engines.resources import Resources
from wattproof.gateway.engines.scales import exponent_of
from wattproof.gateway.records import EngineState, Value, Write
from wattproof.gateway.store.base import Reader
from wattproof.metering.dst import FAR
from wattproof.model.values import Quality

#: A change of the gateway's time that open intervals are marked for, ms (8.2).
JUMP = 2_000
#: Log entry: the gateway's time was set (2000 + a bit that no meter sends).
CLOCK_CHANGED = 2058
#: Log entry: the service was down when something was due.
RESTARTED = 2059
#: How long after something was due the service must have been down: longer than any queue lasts, ms.
ASLEEP = 60_000
Commit = Callable[[Sequence[Write]], Coroutine[Any, Any, None]]


class MeterEngine(Resources):
    """:meth:`begin` or :meth:`restore` comes first.

    :param offset: what the gateway's time is ahead of host time, ms.
    :param commit: returns when the writes are durable; raises ``StorageError``.
    :param now: host time, UTC ms.
    """

    def __init__(
        self, facts: Facts, zone: tzinfo, offset: int, *, reader: Reader, commit: Commit, now: Callable[[], int]
    ) -> None:
        super().__init__(Books(facts, zone, offset), reader, now)
        self._commit = commit
        self._seen = now()
        self._lock = asyncio.Lock()
        self._held = False
        self._waiting: list[Callable[[], None]] = []

    @property
    def provides(self) -> frozenset[int]:
        """Tariff registers, resettable registers, CO2, currency, and energies integrated from power."""
        return self.registers.provides | self.facts.integrated

    # beginning

    def begin(self, at: int) -> list[Write]:
        """The meter was registered: the defaults of 10.3."""
        self._seen = at
        self.profile.begin(at)
        self.previous.begin(at)
        return self._take()

    def restore(self, states: Mapping[str, Any], at: int) -> list[Write]:
        """The service has started: go on from what was committed last (`Reader.engine_states`)."""
        offset = self.books.offset
        self._load(states)
        self._seen = max((point.time for point in self.counters.newest()), default=at)
        self._woken(at, patience=0)
        moved, self.books.offset = offset - self.books.offset, offset
        if moved or states[Books.name]["zone"] != self.books.zone:
            self._moved(moved, at)
        return self._take()

    def _load(self, states: Mapping[str, Any]) -> None:
        for part in self.parts:
            part.changed = part.name not in states
            if part.name in states:
                part.restore(states[part.name])

    # readings

    def feed(self, values: Mapping[int, Value], at: int) -> list[Write]:
        """New readings."""
        return self._do(lambda: self._feed(values, at))

    def tick(self, at: int) -> list[Write]:
        """Close what is due."""
        return self._do(lambda: self._feed({}, at))

    def _feed(self, values: Mapping[int, Value], at: int) -> None:
        self._woken(at, ASLEEP)
        self.tariffs.advance(at)
        if values:
            wanted = min(part.wanted() for part in (self.profile, self.previous, self.demand))
            for id, value in {**values, **self._integrals.read(values)}.items():
                if id in self.facts.counters:
                    self._count(id, value, wanted)
                elif id in self.averages.sums:
                    self.averages.read(id, value, wanted)
        self.alarms.expire(at)
        self.alarms.read(values, at)
        self.warnings.read(values, at)
        self._close(at, at)

    def _count(self, id: int, value: Value, wanted: int) -> None:
        growth = self.counters.read(id, value, wanted)
        if growth is None:
            return
        if growth.before is None:
            self.registers.begin(id, growth.after)
        self.tariffs.book(id, growth.before, growth.after)
        self.gaps.grown(id, growth.before, growth.after)

    def _close(self, at: int, late: int) -> None:
        """End what ended until ``at``; a reading that may come after ``late`` is not waited for."""
        self.profile.close(at, late)
        self.previous.close(at, late)
        self.demand.close(at, late)

    def due(self) -> int | None:
        """When :meth:`tick` has something to do (UTC ms); after a write it may be sooner than before."""
        return self._seen if self._waiting and not self._held else self._due()

    def _due(self) -> int | None:
        patience = self.facts.patience
        found = min(
            self.profile.wanted() + patience,
            self.previous.due(),
            self.demand.wanted() + patience,
            self.tariffs.due(),
            self.alarms.due(),
        )
        return None if found >= FAR else found

    def boundary(self) -> int | None:
        """The next moment of which a reading is wanted (UTC ms): whoever polls the counters exactly then gets rows that
        hold what the meter showed at their end."""
        found = min(self.profile.wanted(), self.previous.wanted(), self.demand.wanted(), self.tariffs.due())
        return None if found >= FAR else found

    def values(self, at: int) -> dict[int, Value]:
        """The quantities it adds, as of the last reading."""
        found = self.registers.values()
        for id in self.facts.integrated:
            track = self.counters.tracks.get(id)
            if track is not None and track.latest is not None:
                found[id] = Value(track.latest.value, exponent_of(id), track.latest.time, Quality.ESTIMATED)
        return found

    def transformed(self, values: Mapping[int, Value]) -> dict[int, Value]:
        """Values as read, on the primary side of the transformers (48): to be stored, shown and fed."""
        return self.transformer.apply(values)

    def identify(self, identity: str) -> None:
        """Who answers from now on, by whatever tells one meter from another: with another one nothing is booked of what
        its counters are ahead."""
        if self.counters.identity != identity:
            self.counters.identity, self.counters.changed = identity, True

    # gaps

    def lacks(self) -> list[Gap]:
        """What the meter's own profile is to be asked for, now that the gap is over, then :meth:`fill`: only with
        `Facts.recorded`."""
        return [gap for gap in self.gaps.open if gap.held and gap.after is not None]

    def fill(self, channel: int, rows: Iterable[Recorded], at: int) -> list[Write]:
        """Rows of the meter's own profile for what a channel lacks, none if it has none; the rest is estimated."""
        kept = list(rows)
        return self._do(lambda: self.gaps.fill(channel, kept))

    # time

    def clock_moved(self, offset: int, at: int) -> list[Write]:
        """The gateway's time was set (8.2): the offset to host time is now ``offset`` ms."""
        return self._do(lambda: self._set_offset(offset, at))

    def _set_offset(self, offset: int, at: int) -> None:
        self._woken(at, ASLEEP)
        self.tariffs.advance(at)
        self._close(at, at + self.facts.patience)
        moved, self.books.offset = offset - self.books.offset, offset
        if moved:
            self._moved(moved, at)

    def _moved(self, moved: int, at: int) -> None:
        """Local time has jumped by so many ms."""
        marked = abs(moved) > JUMP
        self.profile.clock_moved(moved, at, marked)
        self.previous.clock_moved(at)
        self.demand.clock_moved(at)
        self.tariffs.decide(at)
        if marked:
            self.books.note(SYSTEM, CLOCK_CHANGED, at)

    def _woken(self, at: int, patience: int) -> None:
        """Was the host's clock set back since the last call? Was the service down when something was due?"""
        since, back = self._seen, self._seen - at
        self._seen = at
        if back > JUMP:
            for part in (self.counters, self.averages, self._integrals, self.tariffs):
                part.turn_back(at)
            self.alarms.turn_back(back)
            self._moved(-back, at)
        due = self._due()
        if due is not None and due + patience < at:
            self.books.note(SYSTEM, RESTARTED, min(since, due), (at - min(since, due)) // 1000)
            self.profile.skip(at, self.gaps.skipped)
            self.previous.skip(at)
            self.demand.skip(at)

    # writing

    async def put(self, resource: int, body: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
        """Carry out a writing or deleting resource, whole or not at all (11.4).

        Raises:
            CommandFailed: refused; nothing has changed.
            StorageError: not stored; nothing has changed.
        """
        async with self._lock:
            at = self._now()
            earlier = self._do(lambda: self._feed({}, at))
            states = {part.name: part.save() for part in self.parts}
            cancelled = False
            try:
                self.carry_out(resource, body, arguments, at)
                self._held = True
                cancelled = await self._stored([*earlier, *self._take()])
            except Exception:
                self.books.take()
                self._load(states)
                for part in self.parts:
                    part.changed = True
                self.books.write(*(write for write in earlier if not isinstance(write, EngineState)))
                raise
            finally:
                self._held = False
            if cancelled:
                raise asyncio.CancelledError

    async def _stored(self, writes: Sequence[Write]) -> bool:
        """Commit; whether the caller has lost interest meanwhile: what becomes of it has to be known all the same."""
        task, cancelled = asyncio.ensure_future(self._commit(writes)), False
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError:
                cancelled = True
        task.result()
        return cancelled

    def _do(self, act: Callable[[], None]) -> list[Write]:
        """Act, after what had to wait; while a write is under way, wait for how it ends."""
        self._waiting.append(act)
        if self._held:
            return []
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one()
        return self._take()

    def _take(self) -> list[Write]:
        """What is to be committed, and the parts that have changed."""
        return [*self.books.take(), *(self.books.state(part) for part in self.parts if part.changed)]


async def open_engine(
    facts: Facts, zone: tzinfo, offset: int, *, reader: Reader, commit: Commit, now: Callable[[], int]
) -> tuple[MeterEngine, list[Write]]:
    """The engine of a meter as it was left, or a new one; and what is to be committed first."""
    engine = MeterEngine(facts, zone, offset, reader=reader, commit=commit, now=now)
    states = await reader.engine_states(facts.serial)
    return engine, (engine.restore(states, now()) if Books.name in states else engine.begin(now()))
