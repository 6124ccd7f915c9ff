"""What a transaction does, as a generator of steps that either engine carries out: one meaning, two drivers.

A step asks for rows, runs statements, or fills one of the two large tables. Statements mark their parameters with
``?``. Rows for the large tables are gathered and filled in last, many at a time: nothing else in a transaction looks
at them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

from wattproof.errors import InvalidValue
from wattproof.gateway import records
from wattproof.gateway.records import (
    Audit,
    ClearEvents,
    ClearRows,
    DropFailures,
    DropToken,
    DropUser,
    Event,
    Kind,
    Layout,
    Readings,
    Row,
    SignedRecord,
    Write,
)
from wattproof.gateway.store import chain
from wattproof.gateway.store.tables import AUDIT, EVENTS, LAYOUTS, SIGNED_RECORDS, TABLES, to_json

#: A clearing of all channels of a kind.
EVERY_CHANNEL = -1
KINDS = {Kind.PROFILE: 0, Kind.PREVIOUS: 1, Kind.DEMAND: 2}


class Ask(NamedTuple):
    """Rows are wanted."""

    sql: str
    parameters: tuple[Any, ...] = ()


class Run(NamedTuple):
    """The same statement once for each of the parameters."""

    sql: str
    parameters: Sequence[tuple[Any, ...]]


class Fill(NamedTuple):
    """Put rows into a large table; those whose key is there already are ignored."""

    table: Large
    rows: list[tuple[Any, ...]]


class Lock(NamedTuple):
    """Numbers are given out next: until the end of the transaction no other writer may do so."""


class Large(NamedTuple):
    """A table that takes many rows at a time. ``time``: which column the partitions go by."""

    name: str
    columns: tuple[str, ...]
    time: int


READINGS = Large("readings", ("meter", "grp", "time", "layout", "values", "qualities"), 2)
ROWS = Large(
    "rows",
    ("meter", "kind", "channel", "era", "time", "local", "status", "value", "values", "statuses", "estimated"),
    4,
)


class Thin(Write, frozen=True):
    """Leave of the readings of a group of a meter (its number) between two times (the second not included) the first
    of each ``interval`` (ms), the newest of all, and those that are the last of a former layout."""

    meter: int
    group: int
    first: int
    until: int
    interval: int


Step = Ask | Run | Fill | Lock
#: What the engine sends back: the rows of an :class:`Ask`, nothing for the others.
Steps = Generator[Step, Any, None]


@dataclass(slots=True)
class Place:
    """Where readings of a group of a meter go: its number, and which layout of how many values its newest has."""

    meter: int
    group: int
    layout: int
    width: int
    time: int


@dataclass
class Memory:
    """What the writer need not ask again. It is forgotten when a transaction fails or somebody else has written.

    ``integers``: how the engine takes a list of integers.
    """

    integers: Callable[[tuple[int | None, ...]], Any]
    devices: dict[str, int] = field(default_factory=dict)
    places: dict[tuple[str, int], Place] = field(default_factory=dict)
    eras: dict[tuple[int, int, int], int] = field(default_factory=dict)
    layouts: dict[int, int] = field(default_factory=dict)

    def forget(self) -> None:
        """Ask everything again."""
        for known in (self.devices, self.places, self.eras, self.layouts):
            known.clear()


def transaction(writes: Iterable[Write], memory: Memory) -> Steps:
    """The steps of one transaction. The engine sends back the rows of each :class:`Ask`.

    Raises ``InvalidValue``: a write refers to what does not exist.
    """
    readings: list[tuple[Any, ...]] = []
    rows: list[tuple[Any, ...]] = []
    for kind, run in groupby(writes, type):
        if kind is Readings:
            yield from _readings(run, memory, readings.append)
        elif kind is Row:
            yield from _rows(run, memory, rows.append)
        else:
            handle = _OTHERS.get(kind, _put)
            yield from handle(list(run), memory)
    if readings:
        yield Fill(READINGS, readings)
    if rows:
        yield Fill(ROWS, rows)


def _put(run: list[Any], memory: Memory) -> Steps:
    table = TABLES[type(run[0])]
    if table.unless is None:
        yield Run(table.insert, [table.pack(write) for write in run])
        return
    for write in run:
        if getattr(write, table.unless) is None:
            yield Run(table.delete, [table.key_of(write)])
        else:
            yield Run(table.insert, [table.pack(write)])


def _readings(run: Iterable[Any], memory: Memory, add: Callable[[tuple[Any, ...]], None]) -> Steps:
    places, integers = memory.places, memory.integers
    for reading in run:
        place = places.get((reading.serial, reading.group))
        if place is None:
            place = yield from _find_place(reading, memory)
        time, layout = reading.time, reading.layout
        if layout != place.layout:
            yield from _change_layout(place, layout, time, memory)
        if len(reading.values) != place.width and len(reading.values) != memory.layouts[layout]:
            raise InvalidValue(f"{len(reading.values)} values of {reading.serial} do not fit their layout {layout}")
        if time > place.time:  # noqa: PLR1730 - half the time of max(), a million times an hour
            place.time = time
        add((place.meter, place.group, time, layout, integers(reading.values), reading.qualities))


def _find_place(reading: Readings, memory: Memory) -> Generator[Step, Any, Place]:
    group = int(reading.group)
    meter = yield from _device(reading.serial, memory)
    newest = 'SELECT "layout", "time" FROM readings WHERE "meter" = ? AND "grp" = ? ORDER BY "time" DESC LIMIT 1'
    found = yield Ask(newest, (meter, group))
    layout, time = found[0] if found else (0, 0)
    width = (yield from _width(layout, memory)) if layout else 0
    place = memory.places[reading.serial, group] = Place(meter, group, layout, width, time)
    return place


def _width(layout: int, memory: Memory) -> Generator[Step, Any, int]:
    """How many quantities a layout has."""
    width = memory.layouts.get(layout)
    if width is None:
        found = yield Ask('SELECT "quantities" FROM layouts WHERE "id" = ?', (layout,))
        if not found:
            raise InvalidValue(f"readings have layout {layout}, which does not exist: ask the store for one first")
        width = memory.layouts[layout] = found[0][0].count(",") + 1
    return width


def _change_layout(place: Place, layout: int, time: int, memory: Memory) -> Steps:
    """The group has another layout than before: remember when it used the one that is given up, or an older one."""
    width = yield from _width(layout, memory)
    newer = time >= place.time
    if place.layout:
        last = (place.layout, place.time) if newer else (layout, time)
        yield Run(_LAST_USE, [(place.meter, place.group, *last)])
    if newer:
        place.layout, place.width = layout, width


_LAST_USE = (
    'INSERT INTO last_uses ("meter", "grp", "layout", "time") VALUES (?, ?, ?, ?)'
    ' ON CONFLICT ("meter", "grp", "layout") DO UPDATE SET "time" = excluded."time"'
    ' WHERE excluded."time" > last_uses."time"'
)


def _device(serial: str, memory: Memory) -> Generator[Step, Any, int]:
    """The number of a serial, a new one if it has none."""
    number = memory.devices.get(serial)
    if number is None:
        ask = Ask('SELECT "number" FROM devices WHERE "serial" = ?', (serial,))
        found = yield ask
        if not found:
            yield Lock()
            yield Run(_NEW_DEVICE, [(serial,)])
            found = yield ask
        number = memory.devices[serial] = int(found[0][0])
    return number


_NEW_DEVICE = (
    'INSERT INTO devices ("number", "serial") VALUES ((SELECT coalesce(max("number"), 0) + 1 FROM devices), ?)'
    " ON CONFLICT DO NOTHING"
)


def _rows(run: Iterable[Any], memory: Memory, add: Callable[[tuple[Any, ...]], None]) -> Steps:
    for row in run:
        meter = memory.devices.get(row.serial)
        if meter is None:
            meter = yield from _device(row.serial, memory)
        kind = KINDS[row.kind]
        era = memory.eras.get((meter, kind, row.channel))
        if era is None:
            era = yield from _era(meter, kind, row.channel, memory)
        values = row.values
        single = len(values) == 1 and (values[0] is None or type(values[0]) is int)
        add(
            (
                meter,
                kind,
                row.channel,
                era,
                row.time,
                row.local,
                row.status,
                values[0] if single else None,
                None if single else to_json(values),
                to_json(row.statuses) if row.statuses else None,
                row.estimated,
            )
        )


#: How often a series has been cleared.
ERA = 'SELECT count(*) FROM clearings WHERE "meter" = ? AND "kind" = ? AND "channel" IN (?, -1)'


def _era(meter: int, kind: int, channel: int, memory: Memory) -> Generator[Step, Any, int]:
    found = yield Ask(ERA, (meter, kind, channel))
    era = memory.eras[meter, kind, channel] = int(found[0][0])
    return era


def _clear_rows(run: list[ClearRows], memory: Memory) -> Steps:
    for write in run:
        meter = yield from _device(write.serial, memory)
        channel = EVERY_CHANNEL if write.channel is None else write.channel
        key = (meter, KINDS[write.kind], channel)
        yield Run(_CLEARING, [(*key, *key, write.time)])
        for known in [known for known in memory.eras if known[:2] == key[:2]]:
            del memory.eras[known]


_CLEARING = (
    'INSERT INTO clearings ("meter", "kind", "channel", "number", "time") VALUES (?, ?, ?, (SELECT count(*) + 1'
    ' FROM clearings WHERE "meter" = ? AND "kind" = ? AND "channel" = ?), ?)'
)


def _thin(run: list[Thin], memory: Memory) -> Steps:
    for write in run:
        where = (write.meter, write.group, write.first, write.until, write.interval)
        yield Run(_THIN, [(*where, write.meter, write.group)])
        yield Run(_THINNED, [(write.meter, write.group, write.until, write.interval)])


_THIN = (
    'DELETE FROM readings WHERE "meter" = ? AND "grp" = ? AND "time" >= ? AND "time" < ? AND EXISTS ('
    'SELECT 1 FROM readings p WHERE p."meter" = readings."meter" AND p."grp" = readings."grp"'
    ' AND p."layout" = readings."layout" AND p."time" >= readings."time" - readings."time" % ?'
    ' AND p."time" < readings."time")'
    ' AND "time" < (SELECT max(n."time") FROM readings n WHERE n."meter" = ? AND n."grp" = ?)'
    ' AND NOT EXISTS (SELECT 1 FROM last_uses u WHERE u."meter" = readings."meter" AND u."grp" = readings."grp"'
    ' AND u."time" = readings."time")'
)
_THINNED = (
    'INSERT INTO thinned ("meter", "grp", "until", "interval") VALUES (?, ?, ?, ?) ON CONFLICT ("meter", "grp")'
    ' DO UPDATE SET "until" = excluded."until", "interval" = excluded."interval"'
)


def _drop_user(run: list[DropUser], memory: Memory) -> Steps:
    for write in run:
        yield Run('DELETE FROM users WHERE "name" = ?', [(write.name,)])
        yield Run('DELETE FROM bindings WHERE "user" = ?', [(write.name,)])
        yield Run('DELETE FROM tokens WHERE "user" = ?', [(write.name,)])
        yield Run('DELETE FROM failures WHERE "key" = ?', [(f"user:{write.name}",)])
        begins = [f"pair:{write.name}@", f"known:{write.name}@"]
        yield Run('DELETE FROM failures WHERE substr("key", 1, ?) = ?', [(len(begin), begin) for begin in begins])


def _drop_failures(run: list[DropFailures], memory: Memory) -> Steps:
    yield Run('DELETE FROM failures WHERE "key" = ?', [(write.key,) for write in run])


def _drop_token(run: list[DropToken], memory: Memory) -> Steps:
    yield Run('DELETE FROM tokens WHERE "id" = ?', [(write.id,) for write in run])


def _layouts(run: list[Layout], memory: Memory) -> Steps:
    """Id 0: the store chooses one, unless there is such a layout."""
    for write in run:
        packed = LAYOUTS.pack(write)
        if len(write.quantities) != len(write.exponents) or not write.quantities:
            raise InvalidValue("a layout has one exponent for each of its quantities, and at least one")
        yield Lock()
        yield Run(LAYOUTS.insert, [packed]) if write.id else Run(_NEW_LAYOUT, [packed[1:]])


_NEW_LAYOUT = (
    'INSERT INTO layouts ("id", "quantities", "exponents") VALUES ((SELECT coalesce(max("id"), 0) + 1 FROM layouts),'
    " ?, ?) ON CONFLICT DO NOTHING"
)


def _events(run: list[Event], memory: Memory) -> Steps:
    yield Lock()
    found = yield Ask('SELECT coalesce(max("number"), 0) FROM events')
    first = int(found[0][0]) + 1
    yield Run(EVENTS.insert, [(*EVENTS.pack(write), number) for number, write in enumerate(run, first)])


def _clear_events(run: list[ClearEvents], memory: Memory) -> Steps:
    for write in run:
        yield Run(_EVENT_CLEARING, [(write.time,)])


_EVENT_CLEARING = (
    'INSERT INTO event_clearings ("number", "time") VALUES ((SELECT coalesce(max("number"), 0) FROM events), ?)'
    " ON CONFLICT DO NOTHING"
)


def _signed_records(run: list[SignedRecord], memory: Memory) -> Steps:
    yield Lock()
    found = yield Ask('SELECT coalesce(max("number"), 0) FROM signed_records')
    first = int(found[0][0]) + 1
    yield Run(
        SIGNED_RECORDS.insert,
        [
            (*SIGNED_RECORDS.pack(write), number, hashlib.sha256(write.data).hexdigest())
            for number, write in enumerate(run, first)
        ],
    )


def _audit(run: list[Audit], memory: Memory) -> Steps:
    yield Lock()
    found = yield Ask('SELECT "number", "hash" FROM audit ORDER BY "number" DESC LIMIT 1')
    number, previous = found[0] if found else (0, chain.BEGINNING)
    packed = []
    for write in run:
        number, previous = number + 1, chain.link(previous, number + 1, write)
        packed.append((*AUDIT.pack(write), number, previous))
    yield Run(AUDIT.insert, packed)


_OTHERS: dict[type[Write], Callable[[list[Any], Memory], Steps]] = {
    Thin: _thin,
    records.ClearRows: _clear_rows,
    records.DropUser: _drop_user,
    records.DropFailures: _drop_failures,
    records.DropToken: _drop_token,
    records.Layout: _layouts,
    records.Event: _events,
    records.ClearEvents: _clear_events,
    records.SignedRecord: _signed_records,
    records.Audit: _audit,
}
