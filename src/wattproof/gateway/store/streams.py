"""Readings and rows of series, read from the two large tables.

Long answers are fetched in parts by key, each a statement of its own, so that no transaction stays open while somebody
reads slowly.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from wattproof.gateway.records import Group, Kind, Layout, Row, Value
from wattproof.gateway.store.measured import KINDS, Thin
from wattproof.gateway.store.tables import to_json
from wattproof.model.values import Quality

#: Rows that are fetched at a time: few at first, for who wants no more.
FIRST, PART = 256, 4096
#: Readings that are looked at in one step of thinning out, and how many groups of meters are looked up at a time.
THINNED_AT_ONCE, SERIES_AT_ONCE = 2000, 500
#: More rows than any table has: LIMIT of who wants all.
ALL = 2**62
QUALITIES = {"g": Quality.GOOD, "e": Quality.ESTIMATED, "i": Quality.INVALID, "m": Quality.MISSING}

_GROUPS = tuple(int(group) for group in Group)
_READING = '"time", "layout", "values", "qualities"'
_NEWEST = " UNION ALL ".join(
    f'SELECT * FROM (SELECT {_READING}, "grp" FROM readings WHERE "meter" = ? AND "grp" = {group}'
    f' ORDER BY "time" DESC LIMIT 1) AS newest{group}'
    for group in _GROUPS
)
_GIVEN_UP = (
    'SELECT r."time", r."layout", r."values", r."qualities" FROM last_uses u JOIN readings r ON r."meter" = u."meter"'
    ' AND r."grp" = u."grp" AND r."time" = u."time" AND r."layout" = u."layout" WHERE u."meter" = ?'
)
_ROW = '"time", "local", "status", "value", "values", "statuses", "estimated"'
_SERIES_OF = (
    'SELECT d."number", (SELECT count(*) FROM clearings c WHERE c."meter" = d."number" AND c."kind" = ?'
    ' AND c."channel" IN (?, -1)), s."low", s."high" FROM devices d LEFT JOIN skews s ON s."id" = 1'
    ' WHERE d."serial" = ?'
)

#: Groups of meters with readings before a time that are not yet thinned out, and from when on.
_BEGIN = 'CASE WHEN t."interval" >= ? THEN t."until" ELSE 0 END'
_TO_THIN = (
    f'SELECT d."number", g."grp", {_BEGIN} FROM devices d CROSS JOIN (SELECT 0 AS "grp" UNION ALL SELECT 1'
    ' UNION ALL SELECT 2) g LEFT JOIN thinned t ON t."meter" = d."number" AND t."grp" = g."grp"'
    ' WHERE (d."number" > ? OR (d."number" = ? AND g."grp" > ?)) AND EXISTS (SELECT 1 FROM readings r'
    f' WHERE r."meter" = d."number" AND r."grp" = g."grp" AND r."time" >= {_BEGIN} AND r."time" < ?)'
    ' ORDER BY d."number", g."grp" LIMIT ?'
)
_STEP_END = (
    'SELECT "time" FROM readings WHERE "meter" = ? AND "grp" = ? AND "time" >= ? AND "time" < ?'
    ' ORDER BY "time" LIMIT 1 OFFSET ?'
)

_integers = msgspec.json.Decoder(tuple[int | None, ...]).decode
_anything = msgspec.json.Decoder(tuple[Any, ...]).decode


class MeasuredReader(ABC):
    """The part of the :class:`~wattproof.gateway.store.base.Reader` that is about measured values. An engine only
    fetches."""

    def __init__(self) -> None:
        self._devices: dict[str, int] = {}
        self._layout_ids: dict[tuple[tuple[int, int], ...], int] = {}
        self._layouts: dict[int, tuple[tuple[int, int], ...]] = {}

    @abstractmethod
    async def fetch(self, sql: str, *parameters: Any) -> Sequence[Sequence[Any]]:
        """The rows of a small answer. Raises ``StorageError``."""

    @abstractmethod
    async def fetch_part(self, sql: str, *parameters: Any) -> Sequence[Sequence[Any]]:
        """The rows of a part of a long answer, fetched without holding up others. Raises ``StorageError``."""

    @abstractmethod
    async def close(self) -> None:
        """End the connection. Safe to call twice."""

    def integers(self, stored: Any) -> Sequence[int | None]:
        """A list of integers as it was stored."""
        return _integers(stored)

    async def latest(self, serial: str, ids: Sequence[int] | None = None) -> dict[int, Value]:
        device = await self._device(serial)
        if device is None:
            return {}
        newest = await self.fetch(_NEWEST, *[device] * len(_GROUPS))
        given_up = await self.fetch(_GIVEN_UP, device)
        wanted = None if ids is None else frozenset(ids)
        values: dict[int, Value] = {}
        for row in sorted((*given_up, *newest), key=lambda row: int(row[0])):
            columns = await self._columns(row[1], wanted)
            values.update(self._values(row, columns))
        return values

    async def readings(
        self,
        serial: str,
        ids: Sequence[int],
        first: int,
        last: int,
        *,
        group: Group | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[tuple[int, dict[int, Value]]]:
        async for batch in self.reading_batches(serial, ids, first, last, group=group, limit=limit):
            for reading in batch:
                yield reading

    async def reading_batches(
        self,
        serial: str,
        ids: Sequence[int],
        first: int,
        last: int,
        *,
        group: Group | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[list[tuple[int, dict[int, Value]]]]:
        device = await self._device(serial)
        wanted = frozenset(ids)
        if device is None or not wanted:
            return
        groups = await self._groups(device, wanted, group)
        await self._learn_layouts()
        layouts = [id for id in self._layouts if await self._columns(id, wanted)]
        position, left = (first, -1), ALL if limit is None else limit
        part = FIRST
        while groups and layouts and left > 0:
            size = min(part, PART, left)
            sql, parameters = _merged(device, groups, layouts, position, last, size)
            found = await (self.fetch_part if size > FIRST else self.fetch)(sql, *parameters)
            if found:
                yield [(row[0], dict(self._values(row, await self._columns(row[1], wanted)))) for row in found]
            if len(found) < size:
                return
            left, part = left - size, PART
            position = (found[-1][0], found[-1][4])

    async def rows(
        self,
        serial: str,
        kind: Kind,
        channel: int,
        *,
        first: int | None = None,
        last: int | None = None,
        count: int | None = None,
        local: bool = False,
    ) -> AsyncIterator[Row]:
        batches = self.row_batches(serial, kind, channel, first=first, last=last, count=count, local=local)
        async for batch in batches:
            for row in batch:
                yield row

    async def row_batches(
        self,
        serial: str,
        kind: Kind,
        channel: int,
        *,
        first: int | None = None,
        last: int | None = None,
        count: int | None = None,
        local: bool = False,
    ) -> AsyncIterator[list[Row]]:
        found = await self.fetch(_SERIES_OF, KINDS[kind], channel, serial)
        if not found or (count is not None and count <= 0):
            return
        device, era, low, high = found[0]
        skew = (low or 0, high or 0) if local else None
        where, parameters = _limits((device, KINDS[kind], channel, era), first, last, skew)
        position = None
        if first is None and count is not None:
            position = await self._start(where, parameters, count)
        left, much = ALL if count is None else count, FIRST
        while left > 0:
            size = min(much, PART, left)
            after = "" if position is None else ' AND "time" >= ?'
            sql = f'SELECT {_ROW} FROM rows WHERE {where}{after} ORDER BY "time" LIMIT ?'
            bound = () if position is None else (position,)
            part = await (self.fetch_part if size > FIRST else self.fetch)(sql, *parameters, *bound, size)
            if part:
                yield _made(serial, kind, channel, part)
            if len(part) < size:
                return
            left, much = left - size, PART
            position = part[-1][0] + 1

    async def _start(self, where: str, parameters: tuple[Any, ...], count: int) -> int | None:
        """Where the newest ``count`` rows begin, ``None`` if there are not so many."""
        sql = f'SELECT "time" FROM rows WHERE {where} ORDER BY "time" DESC LIMIT 1 OFFSET ?'
        found = await self.fetch_part(sql, *parameters, count - 1)
        return int(found[0][0]) if found else None

    async def thinning(self, before: int, interval: int) -> AsyncIterator[Thin]:
        after = (-1, -1)
        while found := await self.fetch_part(_TO_THIN, interval, *after[:1], *after, interval, before, SERIES_AT_ONCE):
            for meter, group, begin in found:
                position: int | None = begin
                while position is not None and position < before:
                    end = await self.fetch_part(_STEP_END, meter, group, position, before, THINNED_AT_ONCE)
                    until = end[0][0] if end else before
                    yield Thin(meter, group, position, until, interval)
                    position = until
            after = (found[-1][0], found[-1][1])

    async def quantities(self) -> list[int]:
        await self._learn_layouts()
        return sorted({id for columns in self._layouts.values() for id, _ in columns})

    async def layout_id(self, columns: Mapping[int, int]) -> int:
        """The id of a layout, 0 if there is none with these columns."""
        key = tuple(columns.items())
        if key not in self._layout_ids:
            quantities, exponents = to_json(tuple(columns)), to_json(tuple(columns.values()))
            sql = 'SELECT "id" FROM layouts WHERE "quantities" = ? AND "exponents" = ?'
            found = await self.fetch(sql, quantities, exponents)
            if not found:
                return 0
            self._layout_ids[key] = int(found[0][0])
        return self._layout_ids[key]

    async def new_layout(self, columns: Mapping[int, int], commit: Callable[[Layout], Awaitable[None]]) -> int:
        """The id of a layout that is put into the store."""
        await commit(Layout(0, tuple(columns), tuple(columns.values())))
        return await self.layout_id(columns)

    async def _device(self, serial: str) -> int | None:
        number = self._devices.get(serial)
        if number is None:
            found = await self.fetch('SELECT "number" FROM devices WHERE "serial" = ?', serial)
            if not found:
                return None
            number = self._devices[serial] = int(found[0][0])
        return number

    async def _groups(self, device: int, wanted: frozenset[int], group: Group | None) -> list[int]:
        """Groups of a meter that have, or once had, one of these quantities."""
        if group is not None:
            return [int(group)]
        newest = await self.fetch(_NEWEST, *[device] * len(_GROUPS))
        used = {(row[4], row[1]) for row in newest}
        given_up = await self.fetch('SELECT "grp", "layout" FROM last_uses WHERE "meter" = ?', device)
        used |= {(row[0], row[1]) for row in given_up}
        return sorted({grp for grp, layout in used if await self._columns(layout, wanted)})

    async def _columns(self, layout: int, wanted: frozenset[int] | None) -> list[tuple[int, int, int]]:
        """Quantity, place and exponent of what is wanted of a layout."""
        if layout not in self._layouts:
            await self._learn_layouts()
        columns = self._layouts[layout]
        return [(id, place, exponent) for place, (id, exponent) in enumerate(columns) if wanted is None or id in wanted]

    async def _learn_layouts(self) -> None:
        """Layouts never change, there only come more."""
        newest = max(self._layouts, default=0)
        sql = 'SELECT "id", "quantities", "exponents" FROM layouts WHERE "id" > ?'
        for id, quantities, exponents in await self.fetch(sql, newest):
            self._layouts[id] = tuple(zip(msgspec.json.decode(quantities), msgspec.json.decode(exponents), strict=True))

    def _values(self, row: Sequence[Any], columns: Iterable[tuple[int, int, int]]) -> Iterable[tuple[int, Value]]:
        time, qualities = row[0], row[3]
        mantissas = self.integers(row[2])
        for id, place, exponent in columns:
            mantissa = mantissas[place]
            if qualities is not None:
                quality = QUALITIES[qualities[place]]
            else:
                quality = Quality.GOOD if mantissa is not None else Quality.MISSING
            yield id, Value(mantissa, exponent, time, quality)


def _limits(
    series: tuple[int, int, int, int], first: int | None, last: int | None, skew: tuple[int, int] | None
) -> tuple[str, tuple[Any, ...]]:
    """The condition for the rows of a series between two times. ``skew``: the times are civil, and by how much (ms)
    these are ahead at least and at most; the index knows UTC alone."""
    where, parameters = '"meter" = ? AND "kind" = ? AND "channel" = ? AND "era" = ?', list(series)
    limits = [("time", ">=", first), ("time", "<=", last)]
    if skew is not None:
        limits = [("local", ">=", first), ("local", "<=", last)]
        limits += [("time", ">=", None if first is None else first * 1000 - skew[1])]
        limits += [("time", "<=", None if last is None else last * 1000 - skew[0])]
    for column, sign, limit in limits:
        if limit is not None:
            where += f' AND "{column}" {sign} ?'
            parameters.append(limit)
    return where, tuple(parameters)


def _made(serial: str, kind: Kind, channel: int, part: Sequence[Sequence[Any]]) -> list[Row]:
    return [
        Row(
            serial,
            kind,
            channel,
            time,
            local,
            status,
            (value,) if values is None else _anything(values),
            () if statuses is None else _integers(statuses),  # type: ignore[arg-type]
            True if estimated else False,  # noqa: SIM210 - four times as fast as bool()
        )
        for time, local, status, value, values, statuses, estimated in part
    ]


def _merged(
    device: int, groups: Sequence[int], layouts: Sequence[int], position: tuple[int, int], last: int, size: int
) -> tuple[str, list[Any]]:
    """Readings of several groups after ``position`` (time, group), in the order of time."""
    time, behind = position
    marks = ", ".join("?" * len(layouts))
    parts, parameters = [], []
    for group in groups:
        parts.append(
            f'SELECT {_READING}, "grp" FROM readings WHERE "meter" = ? AND "grp" = ? AND "time" >= ? AND "time" <= ?'
            f' AND "layout" IN ({marks}) ORDER BY "time" LIMIT ?'
        )
        parameters += [device, group, time if group > behind else time + 1, last, *layouts, size]
    if len(parts) == 1:
        return parts[0], parameters
    wrapped = (f"SELECT * FROM ({part}) AS part{number}" for number, part in enumerate(parts))
    return " UNION ALL ".join(wrapped) + ' ORDER BY "time", "grp" LIMIT ?', [*parameters, size]
