"""What is recorded: capture objects of load profile and previous values, periods, demand (abb-meters.md 2.8, 2.9)."""

from __future__ import annotations

from typing import NamedTuple

from wattproof.errors import InvalidValue
from wattproof.metering.demand import Entry
from wattproof.metering.intervals import Period, Span
from wattproof.meters.abb.quantities import ROWS, by_logical_name
from wattproof.meters.abb.rows import Row
from wattproof.meters.abb.shapes.shape import Shape
from wattproof.wire.cosem.data import (
    Data,
    array,
    double_long_unsigned,
    enum,
    octet_string,
    structure,
    unsigned,
)
from wattproof.wire.cosem.descriptors import written
from wattproof.wire.cosem.selection import CLOCK_TIME, CaptureObject, capture_objects
from wattproof.wire.cosem.shapes import fields, items, number, octets

#: Channels of the load profile, and the objects of what is recorded.
CHANNELS = range(1, 9)
PREVIOUS_VALUES, DEMAND = "1-0:98.1.0", "1-0:98.2.0"
PREVIOUS_PERIOD, DEMAND_SETTINGS = "0-0:128.2.0", "0-0:128.3.0"
#: The status that previous values capture.
PREVIOUS_STATUS = CaptureObject.of(1, "0-0:96.10.2")


def channel_name(channel: int) -> str:
    """The logical name of a channel of the load profile."""
    return f"1-0:99.1.{channel}"


def channel_status(channel: int) -> CaptureObject:
    """The status that a channel captures."""
    return CaptureObject.of(1, f"0-{channel}:96.10.1")


def captured(row: Row) -> CaptureObject:
    """The column of a quantity."""
    return CaptureObject(row.class_id, row.ln, row.attribute)


def quantity_of(column: CaptureObject) -> Row:
    """The quantity of a column. Raises ``InvalidValue`` for what is none of the table."""
    row = by_logical_name(column.name, column.attribute_id)
    if row is None or row.class_id != column.class_id or column.data_index:
        raise InvalidValue(f"the column {column} is no quantity of the meter")
    return row


def _columns(head: tuple[CaptureObject, ...]) -> Shape[tuple[Row, ...]]:
    """Capture objects that begin with those of ``head``."""

    def write(rows: tuple[Row, ...]) -> Data:
        return array(column.data for column in (*head, *map(captured, rows)))

    def read(data: Data) -> tuple[Row, ...]:
        columns = capture_objects(data)
        if columns[: len(head)] != head:
            wanted = ", ".join(map(str, head))
            raise InvalidValue(f"the columns of the profile begin with others than {wanted}")
        return tuple(map(quantity_of, columns[len(head) :]))

    return Shape(write, read)


def channel_columns(channel: int) -> Shape[tuple[Row, ...]]:
    """Attribute 3 of a channel of the load profile as its quantities: one, or none where it records nothing."""
    return _columns((CLOCK_TIME, channel_status(channel)))


#: Attribute 3 of the previous values as their quantities.
PREVIOUS_COLUMNS = _columns((CLOCK_TIME, PREVIOUS_STATUS))


def _write_demand_columns(entries: tuple[Entry, ...]) -> Data:
    return array(column.data for column in (CLOCK_TIME, *(captured(ROWS[entry.quantity]) for entry in entries)))


def _span(data: Data) -> Span:
    return Span(number(data))


def _write_period(period: Period) -> Data:
    return structure(enum(period.span), unsigned(period.weekday))


def _read_period(data: Data) -> Period:
    span, weekday = fields(data, 2)
    return Period(_span(span), number(weekday))


#: When previous values are stored.
PERIOD = Shape(_write_period, _read_period)


class DemandSettings(NamedTuple):
    """Intervals in seconds, the period, and what is kept of which quantity."""

    interval: int
    sub_interval: int
    period: Period
    entries: tuple[Entry, ...] = ()

    @property
    def columns(self) -> Data:
        """Attribute 3 of the demand profile: the clock, and the quantity of each entry."""
        return _write_demand_columns(self.entries)


def _write_entry(entry: Entry) -> Data:
    return structure(octet_string(ROWS[entry.quantity].ln), unsigned(entry.code))


def _read_entry(data: Data) -> Entry:
    quantity, code = fields(data, 2)
    name = octets(quantity, 6)
    row = by_logical_name(name)
    if row is None:
        raise InvalidValue(f"demand of {written(name)}, which is no quantity of the meter")
    return Entry(row.id, number(code))


def _write_demand(settings: DemandSettings) -> Data:
    return structure(
        double_long_unsigned(settings.interval),
        double_long_unsigned(settings.sub_interval),
        enum(settings.period.span),
        unsigned(settings.period.weekday),
        array(map(_write_entry, settings.entries)),
    )


def _read_demand(data: Data) -> DemandSettings:
    interval, sub_interval, span, weekday, entries = fields(data, 5)
    period = Period(_span(span), number(weekday))
    return DemandSettings(number(interval), number(sub_interval), period, tuple(map(_read_entry, items(entries))))


#: The configuration of demand.
DEMAND_CONFIGURATION = Shape(_write_demand, _read_demand)


#: The three logs, by the last number of their logical names: system, event, net quality.
LOGS = range(3)


def log_name(log: int) -> str:
    """The logical name of a log."""
    return f"0-0:99.98.{log}"


def log_columns(log: int) -> tuple[CaptureObject, ...]:
    """What a log captures: the time, and category, code and duration (s) of its last event, elements of one object."""
    return CLOCK_TIME, *(CaptureObject.of(1, f"0-0:96.11.{log}", 2, element) for element in (1, 2, 3))
