"""Readings and rows of series on their way into the two large tables.

They are gathered by meter and filled in last, many at a time and in the order of the key, which is what the tables take
fastest: nothing else in a transaction looks at them. What most rows lack is left out, because SQLite's driver takes
longer for a ``None`` than for a number.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from itertools import chain
from operator import attrgetter
from typing import Any

from wattproof.errors import InvalidValue
from wattproof.gateway.records import ClearRows, Kind, Readings, Row, Write
from wattproof.gateway.store.steps import Ask, Channel, Fill, Lock, Memory, Place, Run, Step, Steps
from wattproof.gateway.store.tables import to_json

#: A clearing of all channels of a kind.
EVERY_CHANNEL = -1
KINDS = {Kind.PROFILE: 0, Kind.PREVIOUS: 1, Kind.DEMAND: 2}
_READING = ("meter", "grp", "time", "layout", "values")
_ROW = ("meter", "kind", "channel", "era", "time", "local", "status")
#: Columns of the large tables.
READINGS, ROWS = (*_READING, "qualities"), (*_ROW, "value", "values", "statuses", "estimated")
_INT64 = range(-(2**63), 2**63)


class Thin(Write, frozen=True):
    """Leave of the readings of a group of a meter (its number) between two times (the second not included) the first
    of each ``interval`` (ms), the newest of all, and those that are the last of a former layout."""

    meter: int
    group: int
    first: int
    until: int
    interval: int


class Gathering:
    """The readings and rows of one transaction."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._places: list[Place] = []
        self._qualified: list[tuple[Any, ...]] = []
        self._channels: list[Channel] = []
        self._unusual: list[tuple[Any, ...]] = []

    def readings(self, run: Iterable[Readings]) -> Steps:
        """Take readings."""
        places, integers = self._memory.places, self._memory.integers
        for reading in run:
            place = places.get((reading.serial, reading.group))
            if place is None:
                place = yield from _find_place(reading, self._memory)
            time, layout, values = reading.time, reading.layout, reading.values
            if layout != place.layout:
                yield from _change_layout(place, layout, time, self._memory)
            if len(values) != place.width and len(values) != self._memory.layouts[layout]:
                raise InvalidValue(f"{len(values)} values of {reading.serial} do not fit their layout {layout}")
            if time > place.time:  # noqa: PLR1730 - half the time of max(), a million times an hour
                place.time = time
            row = (place.meter, place.group, time, layout, integers(values))
            if reading.qualities is not None:
                self._qualified.append((*row, reading.qualities))
                continue
            if not place.rows:
                self._places.append(place)
            place.rows.append(row)

    def rows(self, run: Iterable[Row]) -> Steps:
        """Take rows of series."""
        channels = self._memory.channels
        for row in run:
            channel = channels.get((row.serial, row.kind, row.channel))
            if channel is None:
                channel = yield from _find_channel(row, self._memory)
            values = row.values
            key = (channel.meter, channel.kind, channel.channel, channel.era, row.time, row.local, row.status)
            number = values[0] if len(values) == 1 and type(values[0]) is int and values[0] in _INT64 else None
            if number is None or row.statuses or row.estimated:
                lists = to_json(values) if number is None else None, to_json(row.statuses) if row.statuses else None
                self._unusual.append((*key, number, *lists, self._memory.flag(row.estimated)))
                continue
            if not channel.rows:
                self._channels.append(channel)
            channel.rows.append((*key, number))

    def filled(self) -> Steps:
        """Fill in what was taken."""
        self._places.sort(key=attrgetter("meter", "group"))
        self._channels.sort(key=attrgetter("meter", "kind", "channel"))
        readings = list(chain.from_iterable(place.rows for place in self._places))
        rows = list(chain.from_iterable(channel.rows for channel in self._channels))
        for place in self._places:
            place.rows = []
        for channel in self._channels:
            channel.rows = []
        for fill in (
            Fill("readings", _READING, 2, readings),
            Fill("readings", READINGS, 2, self._qualified),
            Fill("rows", (*_ROW, "value"), 4, rows),
            Fill("rows", ROWS, 4, self._unusual),
        ):
            if fill.rows:
                yield fill


def _find_place(reading: Readings, memory: Memory) -> Generator[Step, Any, Place]:
    group = int(reading.group)
    meter = yield from device(reading.serial, memory)
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


def device(serial: str, memory: Memory) -> Generator[Step, Any, int]:
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


def _find_channel(row: Row, memory: Memory) -> Generator[Step, Any, Channel]:
    meter = yield from device(row.serial, memory)
    found = yield Ask(ERA, (meter, KINDS[row.kind], row.channel))
    channel = Channel(meter, KINDS[row.kind], row.channel, int(found[0][0]))
    memory.channels[row.serial, row.kind, row.channel] = channel
    return channel


#: How often a series has been cleared.
ERA = 'SELECT count(*) FROM clearings WHERE "meter" = ? AND "kind" = ? AND "channel" IN (?, -1)'


def clear_rows(run: list[ClearRows], memory: Memory) -> Steps:
    for write in run:
        meter = yield from device(write.serial, memory)
        channel = EVERY_CHANNEL if write.channel is None else write.channel
        key = (meter, KINDS[write.kind], channel)
        yield Run(_CLEARING, [(*key, *key, write.time)])
        for known in [known for known in memory.channels if known[:2] == (write.serial, write.kind)]:
            del memory.channels[known]


_CLEARING = (
    'INSERT INTO clearings ("meter", "kind", "channel", "number", "time") VALUES (?, ?, ?, (SELECT count(*) + 1'
    ' FROM clearings WHERE "meter" = ? AND "kind" = ? AND "channel" = ?), ?)'
)


def thin(run: list[Thin], memory: Memory) -> Steps:
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
