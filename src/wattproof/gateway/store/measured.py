"""Readings and rows of series on their way into the two large tables.

They are gathered by meter and filled in last, many at a time and in the order of the key, which is what the tables take
fastest: nothing else in a transaction looks at them. What most rows lack is left out, because SQLite's driver takes
longer for a ``None`` than for a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from operator import attrgetter
from typing import Any

from wattproof.errors import InvalidValue
from wattproof.gateway.records import ClearRows, Kind, Readings, Row, Write
from wattproof.gateway.store.memory import (
    EVERY_CHANNEL,
    Device,
    Memory,
    Place,
    device,
    find_devices,
    find_places,
    width_of,
)
from wattproof.gateway.store.steps import Ask, Fill, Run, Steps
from wattproof.gateway.store.tables import to_json

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
        self._devices: list[Device] = []
        self._qualified: list[Any] = []
        self._unusual: list[Any] = []

    def readings(self, run: list[Readings]) -> Steps:
        """Take readings."""
        devices, integers = self._memory.devices, self._memory.integers
        for number, reading in enumerate(run):
            meter = devices.get(reading.serial)
            place = None if meter is None else meter.places.get(reading.group)
            if place is None:
                yield from self._find_places(run[number:])
                place = devices[reading.serial].places[reading.group]
            time, layout, values = reading.time, reading.layout, reading.values
            if layout != place.layout:
                yield from _change_layout(place, layout, time, self._memory)
            if len(values) != place.width and len(values) != self._memory.layouts[layout]:
                raise InvalidValue(f"{len(values)} values of {reading.serial} do not fit their layout {layout}")
            if time > place.time:  # noqa: PLR1730 - half the time of max(), a million times an hour
                place.time = time
            if reading.qualities is not None:
                self._qualified += place.meter, place.group, time, layout, integers(values), reading.qualities
                continue
            if not place.cells:
                self._places.append(place)
            place.cells += place.meter, place.group, time, layout, integers(values)

    def _find_places(self, run: list[Readings]) -> Steps:
        yield from find_devices({reading.serial for reading in run}, self._memory)
        for group in {reading.group for reading in run}:
            meters = {reading.serial for reading in run if reading.group == group}
            yield from find_places([self._memory.devices[serial] for serial in meters], int(group), self._memory)

    def rows(self, run: list[Row]) -> Steps:
        """Take rows of series."""
        devices = self._memory.devices
        yield from self._widen_skew(run)
        for number, row in enumerate(run):
            meter = devices.get(row.serial)
            if meter is None:
                yield from find_devices({row.serial for row in run[number:]}, self._memory)
                meter = devices[row.serial]
            kind, channel, values = KINDS[row.kind], row.channel, row.values
            key = (meter.number, kind, channel, meter.era(kind, channel), row.time, row.local, row.status)
            value = values[0] if len(values) == 1 and type(values[0]) is int and values[0] in _INT64 else None
            if value is None or row.statuses or row.estimated:
                lists = to_json(values) if value is None else None, to_json(row.statuses) if row.statuses else None
                self._unusual += *key, value, *lists, self._memory.flag(row.estimated)
                continue
            if not meter.rows:
                self._devices.append(meter)
            meter.rows.append((*key, value))

    def _widen_skew(self, run: list[Row]) -> Steps:
        """Note by how much civil times are ahead, if it is more or less than ever."""
        skews = [row.local * 1000 - row.time for row in run]
        low, high = min(skews), max(skews)
        if self._memory.skew is None:
            found = yield Ask('SELECT "low", "high" FROM skews')
            self._memory.skew = tuple(found[0]) if found else (low + 1, low)  # an empty range
        least, most = self._memory.skew
        if low < least or high > most:
            self._memory.skew = min(low, least), max(high, most)
            yield Run(_SKEW, [(1, *self._memory.skew)])

    def filled(self) -> Iterator[Fill]:
        """What was taken, to be filled in."""
        self._places.sort(key=attrgetter("meter", "group"))
        self._devices.sort(key=attrgetter("number"))
        for meter in self._devices:
            meter.rows.sort()
        readings = list(chain.from_iterable(place.cells for place in self._places))
        rows = list(chain.from_iterable(chain.from_iterable(meter.rows for meter in self._devices)))
        for place in self._places:
            place.cells = []
        for meter in self._devices:
            meter.rows = []
        for fill in (
            Fill("readings", _READING, 2, readings),
            Fill("readings", READINGS, 2, self._qualified),
            Fill("rows", (*_ROW, "value"), 4, rows),
            Fill("rows", ROWS, 4, self._unusual),
        ):
            if fill.cells:
                yield fill


def _change_layout(place: Place, layout: int, time: int, memory: Memory) -> Steps:
    """The group has another layout than before: remember when it used the one that is given up, or an older one."""
    width = yield from width_of(layout, memory)
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


_SKEW = (
    'INSERT INTO skews ("id", "low", "high") VALUES (?, ?, ?) ON CONFLICT ("id") DO UPDATE SET'
    ' "low" = CASE WHEN excluded."low" < skews."low" THEN excluded."low" ELSE skews."low" END,'
    ' "high" = CASE WHEN excluded."high" > skews."high" THEN excluded."high" ELSE skews."high" END'
)


def clear_rows(run: list[ClearRows], memory: Memory) -> Steps:
    """Begin a new era of series."""
    for write in run:
        meter = yield from device(write.serial, memory)
        kind, channel = KINDS[write.kind], EVERY_CHANNEL if write.channel is None else write.channel
        yield Run(_CLEARING, [(meter.number, kind, channel, meter.number, kind, channel, write.time)])
        meter.eras[kind, channel] = meter.eras.get((kind, channel), 0) + 1


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
