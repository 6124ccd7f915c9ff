"""What a profile of class 7 holds, as its object asks for it: columns, and rows by number or time (abb-meters.md 2.9).

The engines keep numbers and stamps; a row becomes data when it is asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import overload

from wattproof.errors import CosemRefused, InvalidValue
from wattproof.metering import demand
from wattproof.metering.load_profile import Channel
from wattproof.metering.logs import Entry
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.rows import Row as Quantity
from wattproof.meters.abb.shapes.recording import (
    PREVIOUS_STATUS,
    captured,
    channel_status,
    log_columns,
)
from wattproof.meters.abb.shapes.stamps import STAMP, date_time, seconds
from wattproof.meters.abb.virtual.body import Body
from wattproof.meters.abb.virtual.cosem.binding import TYPES
from wattproof.wire.cosem import profiles
from wattproof.wire.cosem.data import (
    Data,
    double_long_unsigned,
    long64,
    long_unsigned,
    structure,
    unsigned,
)
from wattproof.wire.cosem.descriptors import Selection
from wattproof.wire.cosem.profiles import Row, encode_buffer
from wattproof.wire.cosem.results import Result
from wattproof.wire.cosem.selection import CLOCK_TIME, RANGE, CaptureObject, RangeDescriptor

_stamp = STAMP.writer


class Table(Sequence[Row], ABC):
    """Rows, oldest first. ``columns`` are the capture objects."""

    columns: tuple[CaptureObject, ...]

    @abstractmethod
    def row(self, number: int) -> Row:
        """One row, 0 the oldest."""

    @abstractmethod
    def between(self, first: int, last: int) -> list[int]:
        """Numbers of the rows between two local times, both included (s since 2000-01-01 00:00)."""

    @overload
    def __getitem__(self, key: int) -> Row: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[Row]: ...
    def __getitem__(self, key: int | slice) -> Row | Sequence[Row]:
        if isinstance(key, slice):
            return [self.row(number) for number in range(*key.indices(len(self)))]
        if key >= len(self):
            raise IndexError(key)
        return self.row(key)

    def select(self, selection: Selection | None) -> Data:
        """The buffer, or a part of it. Raises ``CosemRefused`` (scope of access violated) and ``FrameError``."""
        if selection is not None and selection.selector == RANGE:
            return encode_buffer(self._range(selection))
        return encode_buffer(profiles.select(self, self.columns, selection))

    def _range(self, selection: Selection) -> Iterator[Row]:
        """By time: the engine finds the rows unless a field of a limit is open."""
        wanted = RangeDescriptor.read(selection.parameter)
        limits = _limits(wanted)
        if limits is None or wanted.restricting != CLOCK_TIME:
            return profiles.select(self, self.columns, selection)
        try:
            places = [self.columns.index(column) for column in wanted.columns]
        except ValueError:
            message = "a selected column that the profile does not have"
            raise CosemRefused(Result.SCOPE_OF_ACCESS_VIOLATED, message) from None
        rows = map(self.row, self.between(*limits))
        return (tuple(row[place] for place in places) for row in rows) if places else rows


def _limits(wanted: RangeDescriptor) -> tuple[int, int] | None:
    """Both limits in seconds, ``None`` where they are not two moments of the calendar."""
    begin, end = (date_time(limit) for limit in (wanted.begin, wanted.end))
    try:
        first, last = seconds(begin), seconds(end)
    except InvalidValue:
        return None
    if begin.time.second is None or end.time.second is None:
        return None
    return first + bool(begin.time.hundredths), last


def _values(row: Quantity) -> Callable[[object], Data]:
    return TYPES[row.type][1]


class ChannelTable(Table):
    """A channel of the load profile: time, status, value. Without a quantity it has no rows."""

    def __init__(self, number: int, quantity: int | None, channel: Channel | None) -> None:
        head = (CLOCK_TIME, channel_status(number))
        self._channel = None if quantity is None else channel
        self.columns = head if quantity is None else (*head, captured(ROWS[quantity]))
        self._value = unsigned if quantity is None else _values(ROWS[quantity])

    def __len__(self) -> int:
        return 0 if self._channel is None else len(self._channel)

    def row(self, number: int) -> Row:
        if self._channel is None:
            raise IndexError(number)
        stamp, status, value = self._channel.row(number)
        return _stamp(stamp), unsigned(status), self._value(value)  # type: ignore[arg-type]

    def between(self, first: int, last: int) -> list[int]:
        return [] if self._channel is None else self._channel.between(first, last)


class PreviousTable(Table):
    """Previous values: time, status, registers."""

    def __init__(self, body: Body) -> None:
        self._kept = body.recorder.previous
        rows = [ROWS[id] for id in self._kept.columns]
        self.columns = (CLOCK_TIME, PREVIOUS_STATUS, *map(captured, rows))
        self._values = [_values(row) for row in rows]

    def __len__(self) -> int:
        return len(self._kept.table)

    def row(self, number: int) -> Row:
        stamp, status, values = self._kept.table[number]
        cells = (write(value) for write, value in zip(self._values, values, strict=True))
        return _stamp(stamp), unsigned(status), *cells

    def between(self, first: int, last: int) -> list[int]:
        return self._kept.between(first, last)


def _demanded(value: int) -> Data:
    """A demand: 32 bits without sign, as "no value" is, wherever it fits."""
    return double_long_unsigned(value) if 0 <= value <= demand.NOTHING else long64(value)


def _cell(cell: demand.Cell) -> Data:
    return structure(unsigned(cell.status), _demanded(cell.value), _stamp(cell.stamp), unsigned(cell.level))


class DemandTable(Table):
    """Demand: the end of a period, and a structure for each entry (AD-24)."""

    def __init__(self, body: Body) -> None:
        self._kept = body.recorder.demand
        self.columns = (CLOCK_TIME, *(captured(ROWS[entry.quantity]) for entry in self._kept.entries))

    def __len__(self) -> int:
        return len(self._kept.table)

    def row(self, number: int) -> Row:
        stamp, cells = self._kept.table[number]
        return _stamp(stamp), *map(_cell, cells)

    def between(self, first: int, last: int) -> list[int]:
        return self._kept.between(first, last)


class LogTable(Table):
    """A log: time, category, code, duration in seconds."""

    def __init__(self, number: int, body: Body) -> None:
        self._log = body.watch.logs[number]
        self.columns = log_columns(number)

    def __len__(self) -> int:
        return len(self._log)

    def row(self, number: int) -> Row:
        entry: Entry = (self._log.entries or ())[number]
        code, duration = long_unsigned(entry.code), double_long_unsigned(entry.duration)
        return _stamp(entry.stamp), unsigned(entry.category), code, duration

    def between(self, first: int, last: int) -> list[int]:
        return self._log.between(first, last)
