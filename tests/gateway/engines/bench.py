"""An engine in virtual time, with a store in memory that serves what was committed, and can be killed at any moment."""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from wattproof.errors import StorageError
from wattproof.gateway.engines.engine import MeterEngine, open_engine
from wattproof.gateway.engines.facts import Facts
from wattproof.gateway.engines.rows import unfolded
from wattproof.gateway.records import (
    ClearRows,
    Correction,
    EngineState,
    Kind,
    MeterEvent,
    Row,
    Value,
    Write,
)

BERLIN = ZoneInfo("Europe/Berlin")
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
BSM = Facts("001BZR1521070006", frozenset({1, 69, 70, 72, 73, 75, 76, 93, 94, 95, 96, 100, 104, 170}))
DMED4 = Facts("D-1", frozenset({1, 2, 69, 70, 96}))


def utc(*moment: int) -> int:
    """UTC milliseconds."""
    return round(datetime(*moment, tzinfo=UTC).timestamp() * 1000)


async def plain(parts: AsyncIterator[Any]) -> list[Any]:
    """The head and the lists of an answer as plain data."""
    return [msgspec.to_builtins(part) async for part in parts]


class Kept:
    """Rows, states, log and corrections as they were committed."""

    def __init__(self) -> None:
        self.table: dict[tuple[Kind, int], dict[int, Row]] = {}
        self.states: dict[str, Any] = {}
        self.log: dict[tuple[str, int], MeterEvent] = {}
        self.corrected: list[Correction] = []
        self.full = False
        self.commits = 0

    def keep(self, writes: Sequence[Write]) -> None:
        self.commits += bool(writes)
        for write in writes:
            if isinstance(write, Row):
                rows = self.table.setdefault((write.kind, write.channel), {})
                assert write.time not in rows, f"written twice: {write} {rows[write.time]}"
                rows[write.time] = json_safe(write)
            elif isinstance(write, ClearRows):
                for key in [key for key in self.table if key[0] is write.kind and write.channel in (None, key[1])]:
                    self.table[key] = {}
            elif isinstance(write, EngineState):
                self.states[write.name] = json.loads(json.dumps(write.state))
            elif isinstance(write, MeterEvent):
                self.log[write.log, write.number] = write
            elif isinstance(write, Correction):
                self.corrected.append(write)

    async def commit(self, writes: Sequence[Write]) -> None:
        if self.full:
            raise StorageError("no space left")
        self.keep(writes)

    def all(self, kind: Kind, channel: int = 0) -> list[Row]:
        return [row for _, row in sorted(self.table.get((kind, channel), {}).items())]

    async def engine_states(self, serial: str) -> dict[str, Any]:
        return copy.deepcopy(self.states)

    async def row_batches(
        self, serial: str, kind: Kind, channel: int, *, first: int | None = None, last: int | None = None,
        count: int | None = None, local: bool = False,
    ) -> AsyncIterator[list[Row]]:  # fmt: skip
        found = [
            row
            for row in self.all(kind, channel)
            if (first is None or (row.local if local else row.time) >= first)
            and (last is None or (row.local if local else row.time) <= last)
        ]
        if count is not None:
            found = found[-count:] if first is None else found[:count]
        for start in range(0, len(found), 500):
            yield found[start : start + 500]

    async def meter_events(self, serial: str, log: str, *, until: int | None, count: int) -> list[MeterEvent]:
        found = [entry for (name, _), entry in sorted(self.log.items()) if name == log]
        return [entry for entry in reversed(found) if until is None or entry.local <= until][:count]


def json_safe(row: Row) -> Row:
    """As a row comes back from a store."""
    values, statuses = json.loads(json.dumps([row.values, row.statuses]))
    return Row(row.serial, row.kind, row.channel, row.time, row.local, row.status, tuple(values), tuple(statuses),
               row.estimated)  # fmt: skip


class Bench:
    """One engine. ``energy``: what its counters show at a moment (thousandths); ``power``: gauges. Polls lie at
    multiples of 15 s and 5 s, as those of a station do, and a tick comes whenever one is due."""

    def __init__(
        self, facts: Facts, at: int, energy: Callable[[int], dict[int, int]], power: Callable[[int], dict[int, int]]
        | None = None, zone: ZoneInfo = BERLIN,
    ) -> None:  # fmt: skip
        self.facts, self.at, self.energy, self.power, self.zone = facts, at, energy, power, zone
        self.kept = Kept()
        self.offset = 0
        self.online = True
        self.engine: MeterEngine
        self.polls = 15 * SECOND

    async def start(self) -> None:
        """The service starts; a new meter is read at once."""
        new = not self.kept.states
        self.engine, writes = await open_engine(
            self.facts, self.zone, self.offset, reader=self.kept, commit=self.kept.commit, now=lambda: self.at
        )
        self.kept.keep(writes)
        if new and self.online:
            self.feed(self.energy(self.at), -3)
            self.feed(self.power(self.at) if self.power else {}, -2)

    async def restart(self, at: int | None = None) -> None:
        """The service was killed, and starts again at once, or at a later moment."""
        self.at = self.at if at is None else at
        await self.start()

    def run(self, until: int) -> None:
        """Let time pass."""
        while self.at < until:
            due = self.engine.due()
            poll = self.at // self.polls * self.polls + self.polls
            live = self.at // (5 * SECOND) * 5 * SECOND + 5 * SECOND if self.power else poll
            ahead = [moment for moment in (poll, live, due, until) if moment is not None]
            self.at = max(self.at, min(ahead))
            if self.online and self.at == live and self.power:
                self.feed(self.power(self.at), -2)
            if self.online and self.at == poll:
                self.feed(self.energy(self.at), -3)
            due = self.engine.due()
            if due is not None and due <= self.at:
                self.kept.keep(self.engine.tick(self.at))
                assert (self.engine.due() or until) > self.at or self.engine.due() == due

    def feed(self, values: dict[int, int], exponent: int, at: int | None = None) -> None:
        """One poll."""
        moment = self.at if at is None else at
        found = {id: Value(mantissa, exponent, moment) for id, mantissa in values.items()}
        self.kept.keep(self.engine.feed(found, self.at))

    def set_clock(self, offset: int) -> None:
        """Resource 12."""
        self.offset = offset
        self.kept.keep(self.engine.clock_moved(offset, self.at))

    async def put(self, resource: int, body: dict[str, Any], **arguments: Any) -> None:
        await self.engine.put(resource, body, arguments)

    async def get(self, resource: int, **arguments: Any) -> Any:
        return (await self.engine.get(resource, arguments)).body

    async def rows(self, resource: int, **arguments: Any) -> tuple[Any, list[Any]]:
        parts = await plain(unfolded(self.engine.rows(resource, arguments), self.kept))
        return parts[0], [item for part in parts[1:] for item in part]


def constant(watts: int, since: int, start: int = 0, id: int = 1) -> Callable[[int], dict[int, int]]:
    """A counter that grows by so many W, in thousandths of a Wh."""
    return lambda at: {id: start + watts * (at - since) // 3600}


async def bench_at(*moment: int, facts: Facts = BSM, watts: int = 3600, **options: Any) -> Bench:
    """A new engine at a moment of UTC, whose meter counts a thousandth of a Wh a ms for each 3600 W, from 1 kWh on."""
    start = utc(*moment)
    bench = Bench(facts, start, constant(watts, start, 1_000_000), **options)
    await bench.start()
    return bench
