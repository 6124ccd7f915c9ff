"""Special readouts of ABB meters as typed rows (abb-meters.md 1.14).

All functions take the records of all telegrams of one readout, in their order, and are pure. Records that belong to
none of the shapes are passed over: a meter without the capability sends its standard readout instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from wattproof.meters.abb.mbus.binding import ROWS_BY_SENSE, Sense
from wattproof.meters.abb.records import (
    Column,
    DemandRow,
    DemandValue,
    LogEntry,
    PeriodStatus,
    PreviousRow,
    ProfileRow,
    ProfileStatus,
    Spectrum,
    StoredValue,
    category_of,
)
from wattproof.model.values import Quality, Scaled
from wattproof.wire.mbus import abb
from wattproof.wire.mbus.dib import Function
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.vife import Qualifier

INTERVAL, SUB_INTERVAL, TIME, DURATION = "storage_interval", "demand_sub_interval", "date_time", "on_time"
INTERVAL_STATUS = "interval status"
PERIOD_END = "end of demand period"
PER_HOUR = "per hour"
_LEVEL = re.compile(r"(fixed|sliding) demand level ([123])")
#: Seconds of units of intervals.
SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "mo": 2_592_000, "a": 31_536_000}
#: Status of an interval on the wire, and what it means.
INTERVAL_BITS = (
    (0x10, ProfileStatus.CLOCK_CHANGED),
    (0x08, ProfileStatus.BAD_VALUE),
    (0x04, ProfileStatus.POWER_OUTAGE),
    (0x02, ProfileStatus.SHORT),
    (0x01, ProfileStatus.LONG),
)
#: Orders of harmonics; the first is the fundamental, which is not sent.
ORDERS = 16
FUNDAMENTAL = Decimal(100)


def moment_of(record: Record) -> datetime | None:
    """The time in a record."""
    value = record.value
    return value.datetime if isinstance(value, Moment) else None


def number_of(record: Record) -> Decimal | None:
    """The number in a record, in its unit."""
    value = record.value
    return value.decimal if isinstance(value, Scaled) else None


def seconds_of(record: Record) -> int:
    """A record with a duration, in seconds; 0 if there is none."""
    return int((number_of(record) or 0) * SECONDS.get(record.unit.symbol, 0))


def interval_of(records: Iterable[Record], quantity: str = INTERVAL) -> int:
    """The interval that the readout says it has, in seconds; 0 if it says none."""
    return next((seconds_of(record) for record in records if record.quantity == quantity), 0)


def column_of(record: Record, *, drop: frozenset[str] = frozenset()) -> Column:
    """What a recorded value is of. ``drop``: qualifiers that say how it was recorded, not what it is."""
    qualifiers = tuple(item for item in record.qualifiers if item.name not in drop)
    sense = Sense.of(record.header)._replace(storage=0, function=Function.INSTANTANEOUS, qualifiers=qualifiers)
    row = ROWS_BY_SENSE.get(sense)
    if row is not None:
        return Column.of(row, record.unit)
    name = "_".join(str(word).replace(" ", "_") for word in (record.quantity, *qualifiers))
    return Column(name, record.unit)


# Load profile ---------------------------------------------------------------------------------------------------------


def profile_rows(records: Iterable[Record]) -> Iterator[tuple[Column, ProfileRow]]:
    """Time stamps and the values behind them, in the order of the readout: newest first."""
    time: datetime | None = None
    for record in records:
        if not record.storage:
            continue  # the interval; or the standard readout of a meter without load profiles
        if record.quantity == TIME:
            time = moment_of(record)
        elif time is not None:
            column = column_of(record, drop=frozenset({INTERVAL_STATUS}))
            yield column, ProfileRow(time, number_of(record), _interval_status(record))


def _interval_status(record: Record) -> ProfileStatus:
    sent = next((item.number or 0 for item in record.qualifiers if item.name == INTERVAL_STATUS), 0)
    status = ProfileStatus(0) if record.quality is Quality.MISSING else ProfileStatus.EXISTS
    if record.quality is Quality.INVALID:
        status |= ProfileStatus.BAD_VALUE
    for bit, meaning in INTERVAL_BITS:
        if sent & bit:
            status |= meaning
    return status


# Demand ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Level:
    column: Column
    record: Record
    level: int
    sliding: bool


def demand_rows(records: Iterable[Record]) -> Iterator[DemandRow]:
    """Periods in the order of the readout: the running one first, then backwards."""
    values: list[DemandValue] = []
    pending: _Level | None = None
    for record in records:
        if record.quantity != TIME:
            pending = _level_of(record)
            continue
        time = moment_of(record)
        if time is None:
            continue
        if any(item.name == PERIOD_END for item in record.qualifiers):
            yield DemandRow(time, tuple(values), running=record.storage == 0)
            values = []
        elif pending is not None:
            values.append(_demand_value(pending, time))
        pending = None


def _level_of(record: Record) -> _Level | None:
    for item in record.qualifiers:
        found = _LEVEL.fullmatch(item.name)
        if found is not None:
            return _Level(_demand_column(record), record, int(found[2]), found[1] == "sliding")
    return None


def _demand_column(record: Record) -> Column:
    """The energy or counter whose average a demand is: power of subunit u and tariff t is that of this energy."""
    dib = record.header.dib
    kind = abb.ENERGIES.get(dib.subunit) if record.header.key.chain[0] & 0x78 == 0x28 else None
    if kind is not None:
        sense = Sense(0, dib.tariff, dib.subunit, Function.INSTANTANEOUS, kind[0], record.phase, ())
        row = ROWS_BY_SENSE.get(sense)
        if row is not None:
            return Column(row.name.lower(), record.unit, row)
    levels = frozenset(item.name for item in record.qualifiers if _LEVEL.fullmatch(item.name))
    return column_of(record, drop=levels | {PER_HOUR})


def _demand_value(level: _Level, time: datetime) -> DemandValue:
    quality = level.record.quality
    status = PeriodStatus(0) if quality is Quality.MISSING else PeriodStatus.EXISTS
    if quality is Quality.INVALID:
        status |= PeriodStatus.DATA_ERROR
    maximum = level.record.function is Function.MAXIMUM
    value = number_of(level.record)
    return DemandValue(level.column, value, time, level.level, maximum, level.sliding, status)


# Previous values ------------------------------------------------------------------------------------------------------


def previous_rows(records: Iterable[Record]) -> Iterator[PreviousRow]:
    """Stored registers by their storage number, in the order of the readout: newest first."""
    time: datetime | None = None
    storage = 0
    values: list[StoredValue] = []
    for record in records:
        if record.quantity == TIME and record.storage:
            if time is not None:
                yield PreviousRow(time, tuple(values))
            time, storage, values = moment_of(record), record.storage, []
        elif time is not None and record.storage == storage:
            values.append(_stored(record))
    if time is not None:
        yield PreviousRow(time, tuple(values))


def _stored(record: Record) -> StoredValue:
    status = PeriodStatus(0) if record.quality is Quality.MISSING else PeriodStatus.EXISTS
    if record.quality is Quality.INVALID:
        status |= PeriodStatus.DATA_ERROR
    return StoredValue(column_of(record), number_of(record), status)


# Logs and harmonics ---------------------------------------------------------------------------------------------------


def log_entries(records: Iterable[Record], log: str) -> Iterator[LogEntry]:
    """Entries of one log (``system``, ``net_quality``, ``event``) in the order of the readout: newest first."""
    code: int | None = None
    time: datetime | None = None
    for record in records:
        if record.quantity == f"{log}_log_event":
            content = record.content
            code, time = content if isinstance(content, int) and not record.status else None, None
        elif record.quantity == TIME:
            time = moment_of(record)
        elif record.quantity == DURATION and code is not None and time is not None:
            yield LogEntry(time, category_of(code), code, seconds_of(record))
            code = None


def spectra(records: Iterable[Record], kind: str) -> list[Spectrum]:
    """Harmonics of each ``voltage`` or ``current`` that was sent, in the order of the readout."""
    found: dict[str, dict[int, Decimal | None]] = {}
    for record in records:
        order = _order(record.qualifiers)
        if record.quantity == f"{kind}_harmonic" and record.phase is not None and order is not None:
            found.setdefault(record.phase, {})[order] = number_of(record)
    return [
        Spectrum(place, orders.get(0), (FUNDAMENTAL, *(orders.get(order) for order in range(2, ORDERS + 1))))
        for place, orders in found.items()
    ]


def _order(qualifiers: Iterable[Qualifier]) -> int | None:
    return next((item.number for item in qualifiers if item.name == "number"), None)
