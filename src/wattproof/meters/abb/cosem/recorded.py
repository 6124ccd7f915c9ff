"""Rows of profiles as typed rows (abb-meters.md 2.9): what `wattproof.meters.abb.records` has, from COSEM data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from wattproof.errors import FrameError
from wattproof.metering.demand import NOTHING, Entry
from wattproof.meters.abb.cosem.binding import Scale, number_of, numbers_of, scale_of
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.records import (
    Category,
    Column,
    DemandRow,
    DemandValue,
    LogEntry,
    PeriodStatus,
    PreviousRow,
    ProfileRow,
    ProfileStatus,
    StoredValue,
    category_of,
)
from wattproof.meters.abb.rows import Row as Quantity
from wattproof.model.readings import value_text
from wattproof.model.units import VAR_HOUR, VOLT_AMPERE_HOUR, WATT_HOUR
from wattproof.model.values import to_decimal
from wattproof.wire.cosem.data import Data
from wattproof.wire.cosem.profiles import Row
from wattproof.wire.cosem.shapes import fields, number, octets
from wattproof.wire.cosem.times import DateTime

#: Scale of the demand of an energy, in W, var or VA (3.10).
DEMAND_SCALE = -2
_ENERGIES = frozenset({WATT_HOUR, VAR_HOUR, VOLT_AMPERE_HOUR})
Scales = Mapping[bytes, Scale]


@dataclass(frozen=True, slots=True)
class SpectrumRow(ProfileRow):
    """One interval of a channel that records harmonics: ``orders`` in percent, ``value`` is ``None``."""

    orders: tuple[Decimal, ...] = ()

    def as_dict(self) -> dict[str, object]:
        return {**ProfileRow.as_dict(self), "value": [value_text(order) for order in self.orders]}


def moment(data: Data) -> tuple[datetime, bool]:
    """The time of a row, local and without a zone, and whether it is summer time. Raises ``FrameError``."""
    found = DateTime.decode(octets(data, 12))
    time = found.to_datetime()
    if time is None:
        raise FrameError(f"the time of a row leaves open when it is: {found.encode().hex()}")
    return time.replace(tzinfo=None, microsecond=0), found.dst


def column(row: Quantity, scale: Scale) -> Column:
    """The column of a quantity in the unit that its register has."""
    return Column.of(row, scale_of(row, scale)[1])


def profile_row(row: Row, quantity: Quantity, scale: Scale) -> ProfileRow:
    """A row of a channel: time, status, value. Raises ``FrameError``."""
    stamp, status, value = _wide(row, 3)
    time, summer = moment(stamp)
    flags = ProfileStatus(number(status))
    if quantity.type.endswith("]"):
        return SpectrumRow(time, None, flags, summer, numbers_of(quantity, value))
    return ProfileRow(time, number_of(quantity, value, scale), flags, summer)


def previous_row(row: Row, quantities: Sequence[Quantity], scales: Scales) -> PreviousRow:
    """A row of previous values: time, status, registers. Raises ``FrameError``."""
    stamp, status, *values = _wide(row, 2 + len(quantities))
    flags = PeriodStatus(number(status))
    found = tuple(
        StoredValue(column(one, scales.get(one.ln)), number_of(one, data, scales.get(one.ln)), flags)
        for one, data in zip(quantities, values, strict=True)
    )
    return PreviousRow(moment(stamp)[0], found)


def demand_row(row: Row, entries: Sequence[Entry], scales: Scales) -> DemandRow:
    """A period: its end, and a structure for each entry. Raises ``FrameError``."""
    stamp, *cells = _wide(row, 1 + len(entries))
    return DemandRow(
        moment(stamp)[0], tuple(_demand(cell, entry, scales) for cell, entry in zip(cells, entries, strict=True))
    )


def _demand(cell: Data, entry: Entry, scales: Scales) -> DemandValue:
    status, value, stamp, level = fields(cell, 4)
    row = ROWS[entry.quantity]
    scale = scales.get(row.ln)
    flags, raw = PeriodStatus(number(status)), number(value)
    exponent = DEMAND_SCALE if row.unit in _ENERGIES else scale_of(row, scale)[0]
    absent = PeriodStatus.EXISTS not in flags and raw == NOTHING
    shown = None if absent else to_decimal(raw, exponent)
    return DemandValue(
        column(row, scale).as_power, shown, moment(stamp)[0], number(level), entry.maximum, entry.sliding, flags
    )


def log_entries(rows: Iterable[Row]) -> list[LogEntry]:
    """Events, oldest first as the meter keeps them. Raises ``FrameError``."""
    return [_log_entry(*_wide(row, 4)) for row in rows]


def _log_entry(stamp: Data, category: Data, code: Data, duration: Data) -> LogEntry:
    event = number(code)
    kind = number(category)
    known = Category(kind) if kind in set(Category) else category_of(event)
    return LogEntry(moment(stamp)[0], known, event, number(duration))


def _wide(row: Row, width: int) -> Row:
    if len(row) != width:
        raise FrameError(f"a row of {len(row)} values where {width} should stand")
    return row
