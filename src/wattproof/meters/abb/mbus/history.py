"""What an ABB meter has recorded, asked for over M-Bus (abb-meters.md 1.14).

A meter sends backwards from the time that it is asked for, so a readout is broken off as soon as it has gone far
enough, and what came is turned round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import TypeVar

from wattproof.drivers.mbus.readout import Enough
from wattproof.errors import InvalidValue, UnknownName
from wattproof.meters.abb.mbus.reading import AbbReading
from wattproof.meters.abb.mbus.recorded import (
    SUB_INTERVAL,
    demand_rows,
    interval_of,
    log_entries,
    previous_rows,
    profile_rows,
)
from wattproof.meters.abb.quantities import ROWS, by_name
from wattproof.meters.abb.records import (
    Column,
    Demand,
    DemandRow,
    LoadProfile,
    Log,
    LogEntry,
    PreviousRow,
    PreviousValues,
    ProfileRow,
    log_of,
)
from wattproof.meters.abb.rows import Row
from wattproof.model.units import NONE
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.requests import Request
from wattproof.wire.mbus.telegrams import Telegram

T = TypeVar("T", bound=ProfileRow | DemandRow | PreviousRow)
RowsOf = Callable[[Iterable[Record]], Iterable[ProfileRow | DemandRow | PreviousRow]]
CHANNELS = range(1, 9)
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2080, 12, 30)
LOG_NAMES = {Log.SYSTEM: "system", Log.QUALITY: "net_quality", Log.EVENT: "event"}
#: Load profiles that can be asked for by quantity: how names of quantities begin, and what the request calls them.
PROFILED = {
    "ACTIVE_ENERGY_IMPORT_TOTAL": "active_energy_import",
    "ACTIVE_ENERGY_EXPORT_TOTAL": "active_energy_export",
    "REACTIVE_ENERGY_IMPORT_TOTAL": "reactive_energy_import",
    "REACTIVE_ENERGY_EXPORT_TOTAL": "reactive_energy_export",
    "APPARENT_ENERGY_IMPORT_TOTAL": "apparent_energy_import",
    "APPARENT_ENERGY_EXPORT_TOTAL": "apparent_energy_export",
    **{f"IO_INPUT_CUMULATION_{port}": f"input_{port}" for port in range(1, 5)},
    "CURRENT_QUADRANT": "",
    "CURRENT_": "current",
    "VOLTAGE_": "voltage",
    "THD_VOLTAGE_": "thd_voltage",
    "THD_CURRENT_": "thd_current",
    "POWER_FACTOR_": "power_factor",
}


class AbbHistory(AbbReading):
    """The part of the driver that reads what was recorded; see `wattproof.meters.abb.mbus.driver`."""

    async def load_profile(
        self, channel: int | str = 1, *, start: datetime | None = None, end: datetime | None = None,
        count: int | None = None,
    ) -> LoadProfile:  # fmt: skip
        """See `wattproof.meters.abb.driver.AbbDriver.load_profile`.

        Raises:
            InvalidValue: no such channel.
            UnknownName: no such quantity, or none that M-Bus can ask for.
        """
        row = None if isinstance(channel, int) else _quantity(channel)
        request = _profile_request(channel, row, end)
        window = _Window(start, end, count)
        readout = await self.ask(request, window.enough(_rows_of_profile))
        found: dict[Column, list[ProfileRow]] = {}
        for column, item in profile_rows(readout):
            found.setdefault(column, []).append(item)
        column = _column(found, row)
        rows = window.cut(found.get(column, []))
        return LoadProfile(column, interval_of(readout), rows, channel if isinstance(channel, int) else None)

    async def demand(
        self, *, start: datetime | None = None, end: datetime | None = None, count: int | None = None
    ) -> Demand:
        """See `wattproof.meters.abb.driver.AbbDriver.demand`. The running period comes last."""
        window = _Window(start, end, count)
        request = Request("demand", Moment.of(await self._day(end)))
        readout = await self.ask(request, window.enough(demand_rows))
        rows = window.cut([*demand_rows(readout)])
        return Demand(interval_of(readout), interval_of(readout, SUB_INTERVAL), rows)

    async def previous_values(
        self, *, start: datetime | None = None, end: datetime | None = None, count: int | None = None
    ) -> PreviousValues:
        """See `wattproof.meters.abb.driver.AbbDriver.previous_values`. M-Bus does not tell the interval."""
        window = _Window(start, end, count)
        request = Request("previous_values", Moment.of(await self._day(end)))
        readout = await self.ask(request, window.enough(previous_rows))
        return PreviousValues(window.cut([*previous_rows(readout)]))

    async def log(
        self, log: Log, *, until: datetime | None = None, count: int = 100, offset: int = 0
    ) -> list[LogEntry]:
        """See `wattproof.meters.abb.driver.AbbDriver.log`. ``offset``: entries to begin before (-) or behind ``until``.

        Raises ``InvalidValue`` for a count below 1.
        """
        if count < 1:
            raise InvalidValue(f"{count} log entries cannot be read: ask for 1 or more")
        name = LOG_NAMES[log_of(log)]
        newest = until or await self._present()
        asked = Moment.of(datetime.combine(_telling(newest.date()), newest.time()))
        seen = 0

        def enough(telegram: Telegram) -> bool:
            nonlocal seen
            entries = [*log_entries(telegram.records, name)]
            seen += len(entries)
            return not entries or seen >= count

        readout = await self.ask(Request("log", asked, name, offset), enough)
        return [entry for entry in log_entries(readout, name) if offset > 0 or entry.time <= newest][:count]

    async def _present(self) -> datetime:
        """The present time of the meter; where nobody has set it, that of the system."""
        time = (await self.read_clock()).time
        return time or self._now().replace(tzinfo=None)

    async def _day(self, end: datetime | None) -> date:
        return _telling((end or await self._present()).date())


class _Window:
    """Which rows are wanted of those that come newest first."""

    def __init__(self, start: datetime | None, end: datetime | None, count: int | None) -> None:
        if count is not None and count < 1:
            raise InvalidValue(f"{count} rows cannot be read: ask for 1 or more")
        if start is not None and end is not None and end < start:
            raise InvalidValue(f"the end {end} lies before the start {start}")
        self.start = start
        self.end = end
        self.count = count

    def enough(self, rows_of: RowsOf) -> Enough:
        """Whether the telegrams that came reach far enough back, or are not what was asked for."""
        seen = telegrams = 0

        def enough(telegram: Telegram) -> bool:
            nonlocal seen, telegrams
            rows = [*rows_of(telegram.records)]
            seen += len(self._until_end(rows))
            telegrams += 1
            if telegrams == 1 and not rows and not interval_of(telegram.records):
                return True  # the standard readout, of a meter that records nothing of this kind
            if self.start is not None:
                return bool(rows) and _time(rows[-1]) < self.start
            return self.count is not None and seen >= self.count

        return enough

    def cut(self, rows: Sequence[T]) -> tuple[T, ...]:
        """The rows wanted, oldest first."""
        kept = [row for row in self._until_end(rows) if self.start is None or _time(row) >= self.start][::-1]
        if self.count is None:
            return tuple(kept)
        return tuple(kept[: self.count] if self.start is not None else kept[-self.count :])

    def _until_end(self, rows: Sequence[T]) -> list[T]:
        return [row for row in rows if self.end is None or _time(row) <= self.end]


def _telling(day: date) -> date:
    """The day, or the one nearest to it that M-Bus can say (EN 13757-3, type G), with one more behind it."""
    return min(max(day, FIRST_DAY), LAST_DAY)


def _time(row: ProfileRow | DemandRow | PreviousRow) -> datetime:
    return row.end if isinstance(row, DemandRow) else row.time


def _rows_of_profile(records: Iterable[Record]) -> Iterator[ProfileRow]:
    return (row for _, row in profile_rows(records))


def _quantity(name: str) -> Row:
    """Raises ``UnknownName`` for a quantity that there is not, or that has no load profile on M-Bus."""
    row = ROWS[int(name)] if name.isdecimal() and int(name) in ROWS else by_name(name.rpartition(".")[2])
    if not _subject(row):
        names = ", ".join(start.rstrip("_") for start, subject in PROFILED.items() if subject)
        raise UnknownName(f"M-Bus cannot ask for the load profile of {row.name}; it can of {names}, or by channel")
    return row


def _subject(row: Row) -> str:
    return next((subject for start, subject in PROFILED.items() if row.name.startswith(start)), "")


def _profile_request(channel: int | str, row: Row | None, end: datetime | None) -> Request:
    if row is not None:
        newest = None if end is None else Moment.of(datetime.combine(_telling(end.date()), end.time()))
        return Request("load_profile", newest, _subject(row))
    if channel not in CHANNELS:
        raise InvalidValue(f"load profile channel {channel} is not 1 to 8")
    # A channel can be asked for by its date alone; the rows of that day end with the next midnight.
    day = None if end is None else Moment.of(_telling(end.date()) + timedelta(days=1))
    return Request("load_profile_channel", day, int(channel))


def _column(found: dict[Column, list[ProfileRow]], row: Row | None) -> Column:
    """The column asked for; where several come, as of all phases, that of the row, else the first."""
    if row is not None:
        return next((column for column in found if column.row is row), Column.of(row))
    return next(iter(found), Column("", NONE))
