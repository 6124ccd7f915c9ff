"""Reading what an ABB meter has recorded, in pieces, so that the line serves others in between (abb-meters.md 2.9)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from wattproof.errors import FrameError, InvalidValue, UnknownName
from wattproof.metering.intervals import Period
from wattproof.meters.abb.cosem.asking import Asking, given, understood
from wattproof.meters.abb.cosem.binding import attribute_of
from wattproof.meters.abb.cosem.recorded import (
    column,
    demand_row,
    log_entries,
    moment,
    previous_row,
    profile_row,
)
from wattproof.meters.abb.quantities import ROWS, by_name
from wattproof.meters.abb.records import Demand, LoadProfile, Log, LogEntry, PreviousValues, log_of
from wattproof.meters.abb.rows import Row as Quantity
from wattproof.meters.abb.shapes.recording import (
    CHANNELS,
    DEMAND,
    DEMAND_CONFIGURATION,
    DEMAND_SETTINGS,
    PERIOD,
    PREVIOUS_COLUMNS,
    PREVIOUS_PERIOD,
    PREVIOUS_VALUES,
    channel_columns,
    channel_name,
    log_name,
)
from wattproof.wire.cosem.data import Data
from wattproof.wire.cosem.descriptors import Attribute, Selection
from wattproof.wire.cosem.profiles import Row, decode_buffer
from wattproof.wire.cosem.selection import EntryDescriptor, RangeDescriptor
from wattproof.wire.cosem.shapes import number
from wattproof.wire.cosem.times import DateTime

T = TypeVar("T")
#: Rows that are asked for at once.
PIECE = 500
#: Pieces after which a meter that always has more is not believed: it holds 40000 rows (3.10).
MOST_PIECES = 10_000
#: By how many rows a full buffer may have shifted since the piece before.
SHIFTS = (0, 2, 16)
_CLASS = 7
BUFFER, COLUMNS, PERIOD_OF, IN_USE, ENTRIES = 2, 3, 4, 7, 8
_CLOCK = Attribute.of(8, "0-0:1.0.0")
_SECOND, _HOUR = timedelta(seconds=1), timedelta(hours=1)
#: Before every row, and after.
_EVER = DateTime()


class Recording(Asking):
    """The part of the driver that reads profiles and logs."""

    async def load_profile(
        self,
        channel: int | str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        count: int | None = None,
    ) -> LoadProfile:
        """See `AbbDriver.load_profile`. A channel that records harmonics has rows with all their orders.

        Raises:
            UnknownName: no such channel, or none that records this quantity.
        """
        head, *parts = [part async for part in self.load_profile_parts(channel, start=start, end=end, count=count)]
        return replace(head, rows=tuple(row for part in parts for row in part.rows))

    async def load_profile_parts(
        self,
        channel: int | str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        count: int | None = None,
    ) -> AsyncIterator[LoadProfile]:
        """The same piece by piece, as the meter sends it: first what the channel records, without rows.

        Raises as `load_profile`, also after parts.
        """
        _check_count(count)
        place, quantity, interval = await self._channel(channel)
        scale = (await self._scales_of([attribute_of(quantity)])).get(quantity.ln)
        head = LoadProfile(column(quantity, scale), interval, (), place)
        yield head
        async for piece in self._pieces(channel_name(place), start, end, count, timedelta(seconds=interval)):
            yield replace(head, rows=tuple(profile_row(row, quantity, scale) for row in piece))

    async def previous_values(
        self, *, start: datetime | None = None, end: datetime | None = None, count: int | None = None
    ) -> PreviousValues:
        """See `AbbDriver.previous_values`."""
        _check_count(count)
        where = Attribute.of(_CLASS, PREVIOUS_VALUES, COLUMNS)
        quantities = await self.get_setting(where, PREVIOUS_COLUMNS)
        scales = await self._scales_of(map(attribute_of, quantities))
        period: Period = await self.get_setting(Attribute.of(1, PREVIOUS_PERIOD), PERIOD)
        rows = [previous_row(row, quantities, scales) for row in await self._rows(PREVIOUS_VALUES, start, end, count)]
        return PreviousValues(tuple(rows), period.span.name.lower())

    async def demand(
        self, *, start: datetime | None = None, end: datetime | None = None, count: int | None = None
    ) -> Demand:
        """See `AbbDriver.demand`. Periods that have ended: the running one is not told over COSEM."""
        _check_count(count)
        settings = await self.get_setting(Attribute.of(1, DEMAND_SETTINGS), DEMAND_CONFIGURATION)
        scales = await self._scales_of(attribute_of(ROWS[entry.quantity]) for entry in settings.entries)
        rows = [demand_row(row, settings.entries, scales) for row in await self._rows(DEMAND, start, end, count)]
        return Demand(settings.interval, settings.sub_interval, tuple(rows))

    async def log(self, log: Log, *, until: datetime | None = None, count: int = 100) -> list[LogEntry]:
        """See `AbbDriver.log`."""
        _check_count(count)
        name = log_name(log_of(log))
        if until is None:
            stored = await self._stored(name)
            rows = await self._entries(name, max(1, stored - count + 1), stored) if stored else []
        else:
            rows = await self._between(name, None, _local(until))
        return log_entries(rows[-count:])[::-1]

    async def newest_previous(self) -> tuple[Sequence[Quantity], Row | None]:
        """The columns of previous values, and their newest row if there is one."""
        quantities = await self.get_setting(Attribute.of(_CLASS, PREVIOUS_VALUES, COLUMNS), PREVIOUS_COLUMNS)
        stored = await self._stored(PREVIOUS_VALUES)
        rows = await self._entries(PREVIOUS_VALUES, stored, stored) if stored else []
        return quantities, rows[-1] if rows else None

    async def channels(self) -> dict[int, Quantity | None]:
        """What each channel of the load profile records; none on meters without one."""
        present = [channel for channel in CHANNELS if await self.has(Attribute.of(_CLASS, channel_name(channel)))]
        where = [Attribute.of(_CLASS, channel_name(channel), COLUMNS) for channel in present]
        found: dict[int, Quantity | None] = {}
        for channel, attribute, data in zip(present, where, await self.get_all(where), strict=True):
            if isinstance(data, Data):
                rows = understood(channel_columns(channel), data, attribute)
                found[channel] = rows[0] if rows else None
        return found

    async def _channel(self, wanted: int | str) -> tuple[int, Quantity, int]:
        """The channel of this number, or that records the quantity of this name: number, quantity, interval (s)."""
        place = wanted if isinstance(wanted, int) else await self._channel_of(by_name(wanted))
        if place not in CHANNELS:
            raise UnknownName(f"the load profile has no channel {place}: channels are {CHANNELS[0]} to {CHANNELS[-1]}")
        where = [Attribute.of(_CLASS, channel_name(place), part) for part in (COLUMNS, PERIOD_OF)]
        columns, period = (given(data, one) for data, one in zip(await self.get_all(where), where, strict=True))
        rows = understood(channel_columns(place), columns, where[0])
        if not rows:
            raise UnknownName(f"channel {place} of the load profile records nothing")
        return place, rows[0], number(period)

    async def _channel_of(self, row: Quantity) -> int:
        """The channel that records a quantity."""
        recorded = await self.channels()
        found = next((channel for channel, one in recorded.items() if one is row), None)
        if found is None:
            names = ", ".join(f"{one.name} ({channel})" for channel, one in recorded.items() if one) or "nothing"
            raise UnknownName(f"no channel of the load profile records {row.name}; the meter records {names}")
        return found

    # rows ---------------------------------------------------------------------------------------------------------

    async def _rows(
        self, name: str, start: datetime | None, end: datetime | None, count: int | None, step: timedelta | None = None
    ) -> list[Row]:
        """Rows of a profile, oldest first; see `_pieces`."""
        return [row async for piece in self._pieces(name, start, end, count, step) for row in piece]

    async def _pieces(
        self, name: str, start: datetime | None, end: datetime | None, count: int | None, step: timedelta | None
    ) -> AsyncIterator[list[Row]]:
        """Rows of a profile, oldest first: at most the first ``count``, without ``start`` the newest ``count``.

        ``step``: how far rows lie apart, if that is known.
        """
        start, end = (None if time is None else _local(time) for time in (start, end))
        if start is None and end is None and count is None:
            pieces = self._everything(name, 1)
        elif start is None and count is not None:
            yield await self._last(name, end, count, step)
            return
        else:
            pieces = self._window(name, start, end, count, step)
        async for piece in _limited(pieces, count):
            yield piece

    async def _last(self, name: str, end: datetime | None, count: int, step: timedelta | None) -> list[Row]:
        """The newest ``count`` rows, up to ``end``."""
        if end is not None:
            return (await self._newest(name, end, count, step))[-count:]
        first = max(1, await self._stored(name) - count + 1)
        return [row async for piece in _limited(self._everything(name, first)) for row in piece][-count:]

    async def _everything(self, name: str, first: int) -> AsyncIterator[list[Row]]:
        """All rows from number ``first`` on, in pieces.

        A full buffer drops its oldest row for a new one, which shifts the numbers: so the last row of a piece is asked
        for again with the next one, and found where it has gone.
        """
        last: Row | None = None
        at, stored = first, await self._stored(name)
        while at <= stored:
            if last is None:
                piece = await self._entries(name, at, at + PIECE - 1)
            else:
                at, piece = await self._behind(name, at, last)
            if not piece:
                return
            yield piece
            last, at = piece[-1], at + len(piece)

    async def _behind(self, name: str, at: int, last: Row) -> tuple[int, list[Row]]:
        """The rows behind one that had the number before ``at``, and the number of the first of them."""
        piece: list[Row] = []
        for shift in SHIFTS:
            first = max(1, at - 1 - shift)
            piece = await self._entries(name, first, at + PIECE - 1)
            if last in piece:
                found = piece.index(last) + 1
                return first + found, piece[found:]
        return at, piece

    async def _window(
        self, name: str, start: datetime | None, end: datetime | None, count: int | None, step: timedelta | None
    ) -> AsyncIterator[list[Row]]:
        """Rows from ``start`` to ``end``, both included."""
        if step is None or not step:
            yield await self._between(name, start, end)
            return
        begin = await self._oldest(name)
        if begin is None:
            return
        if start is not None and start < begin:  # only where the clock was set back are there such rows
            yield await self._between(name, start, min(begin - _SECOND, end or begin))
        elif start is not None:
            begin = start
        width = step * min(PIECE, count or PIECE)
        last = end if end is not None and end - begin < width else await self._now()
        last = min(last, end or last)
        for first, behind in _windows(begin, last, width):
            yield await self._between(name, first, min(behind - _SECOND, last))
        if end is not None and end > last:  # rows of the future are there only where the clock was set back
            yield await self._between(name, max(begin, last + _SECOND), end)

    async def _newest(self, name: str, end: datetime, count: int, step: timedelta | None) -> list[Row]:
        """The last rows up to ``end``, ``count`` of them or more: pieces backwards from there."""
        if not step:
            return await self._between(name, None, end)
        oldest = await self._oldest(name)
        last = min(end, await self._now())
        width = step * min(PIECE, count)
        found: list[Row] = []
        for _ in range(MOST_PIECES):
            if oldest is None or last < oldest or len(found) >= count:
                return found
            first = max(_full_hour(last - width + _SECOND), oldest)
            found = [*await self._between(name, first, last), *found]
            last = first - _SECOND
        raise _endless()

    async def _stored(self, name: str) -> int:
        return number(await self.get(Attribute.of(_CLASS, name, IN_USE)))

    async def _entries(self, name: str, first: int, last: int) -> list[Row]:
        """Rows by number, counted from 1, both included."""
        return await self._buffer(name, EntryDescriptor(first, last).selection)

    async def _between(self, name: str, start: datetime | None, end: datetime | None) -> list[Row]:
        begin, last = (_EVER if time is None else DateTime.of(time) for time in (start, end))
        return await self._buffer(name, RangeDescriptor.between(begin, last).selection)

    async def _buffer(self, name: str, selection: Selection) -> list[Row]:
        return decode_buffer(await self.get(Attribute.of(_CLASS, name, BUFFER, selection)))

    async def _oldest(self, name: str) -> datetime | None:
        rows = await self._entries(name, 1, 1)
        return moment(rows[0][0])[0] if rows else None

    async def _now(self) -> datetime:
        """The present of the meter's clock, with some room for what was recorded before it was set back."""
        now = DateTime.decode(_octets(await self.get(_CLOCK))).to_datetime()
        if now is None:
            raise FrameError("the clock of the meter shows no time: name the end of what is wanted")
        return now.replace(tzinfo=None, microsecond=0)


async def _limited(pieces: AsyncIterator[list[Row]], count: int | None = None) -> AsyncIterator[list[Row]]:
    """Pieces that have rows, with at most ``count`` of them in all. Raises ``FrameError`` where there is no end to
    them."""
    left, done = count, 0
    async for piece in pieces:
        done += 1
        if done > MOST_PIECES:
            raise _endless()
        if piece[:left]:
            yield piece[:left]
        if left is not None:
            left -= len(piece)
            if left <= 0:
                return


def _endless() -> FrameError:
    return FrameError(
        f"the meter has rows in more than {MOST_PIECES} pieces of {PIECE}: that is no profile of an ABB meter"
    )


def _windows(begin: datetime, last: datetime, width: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Begin of each window and of the one behind it."""
    while begin <= last:
        behind = _full_hour(begin + width)
        if behind <= begin:
            behind += _HOUR
        yield begin, behind
        begin = behind


def _full_hour(time: datetime) -> datetime:
    """The full hour before. The hour that is passed twice at the end of summer time is one, so it lies within one
    window and its rows stay in their order."""
    return time.replace(minute=0, second=0)


def _local(time: datetime) -> datetime:
    """The meter knows no zones and no fractions of a second."""
    return time.replace(tzinfo=None, microsecond=0)


def _octets(data: Data) -> bytes:
    return data.value if isinstance(data.value, bytes) else b""


def _check_count(count: int | None) -> None:
    if count is not None and count < 1:
        raise InvalidValue(f"{count} rows are not possible: ask for 1 or more")
