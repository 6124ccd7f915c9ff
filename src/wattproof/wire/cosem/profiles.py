"""Buffers of profiles: a server gives the rows that are asked for, a client reads them (abb-meters.md 2.9).

A row is a tuple of data, one for each capture object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TypeAlias

from wattproof.errors import CosemRefused, FrameError
from wattproof.wire.cosem.data import Data, Tag, array, name, octet_string, structure
from wattproof.wire.cosem.descriptors import Selection
from wattproof.wire.cosem.objects import Bound, C
from wattproof.wire.cosem.results import Result
from wattproof.wire.cosem.selection import (
    CLOCK_TIME,
    ENTRIES,
    RANGE,
    CaptureObject,
    EntryDescriptor,
    RangeDescriptor,
    descriptor,
)
from wattproof.wire.cosem.shapes import items, octets
from wattproof.wire.cosem.times import DateTime, compare

Row: TypeAlias = tuple[Data, ...]


def encode_buffer(rows: Iterable[Row]) -> Data:
    """Attribute 2 of a profile: an array of structures."""
    return array(structure(*row) for row in rows)


def select(rows: Sequence[Row], columns: Sequence[CaptureObject], selection: Selection | None) -> Iterator[Row]:
    """The rows, and of them the columns, that a selection asks for; all of them without one.

    Raises:
        CosemRefused: scope of access violated: another selector, another restricting object, unknown columns.
        FrameError: the parameters have another shape.
    """
    if selection is None:
        return iter(rows)
    if selection.selector not in (RANGE, ENTRIES):
        raise _out_of_scope(f"selector {selection.selector}")
    wanted = descriptor(selection)
    if isinstance(wanted, EntryDescriptor):
        return _entries(rows, len(columns), wanted)
    return _range(rows, columns, wanted)


def _entries(rows: Sequence[Row], width: int, wanted: EntryDescriptor) -> Iterator[Row]:
    last = min(wanted.to_entry or len(rows), len(rows))
    begin, end = wanted.from_column, wanted.to_column or width
    if wanted.from_entry < 1 or not 1 <= begin <= end <= width:
        raise _out_of_scope(f"entries from {wanted.from_entry}, columns {begin} to {end} of {width}")
    chosen = (rows[at] for at in range(wanted.from_entry - 1, last))
    return chosen if end - begin + 1 == width else (row[begin - 1 : end] for row in chosen)


def _range(rows: Sequence[Row], columns: Sequence[CaptureObject], wanted: RangeDescriptor) -> Iterator[Row]:
    if wanted.restricting != CLOCK_TIME or CLOCK_TIME not in columns:
        raise _out_of_scope(f"restricting object {wanted.restricting}")
    clock = columns.index(CLOCK_TIME)
    begin, end = (DateTime.decode(octets(limit, 12)) for limit in (wanted.begin, wanted.end))
    try:
        positions = [columns.index(column) for column in wanted.columns]
    except ValueError:
        raise _out_of_scope("a selected column that the profile does not have") from None
    return _within(rows, clock, begin, end, positions)


def _within(rows: Sequence[Row], clock: int, begin: DateTime, end: DateTime, positions: list[int]) -> Iterator[Row]:
    """Rows with their time from ``begin`` to ``end``. Clocks are set back, so no order is relied on."""
    low, high = _key(begin.encode()), _key(end.encode())
    exact = _OPEN not in low and _OPEN not in high
    for row in rows:
        time = octets(row[clock], 12)
        key = _key(time)
        if exact and _OPEN not in key:
            inside = low <= key <= high
        else:
            moment = DateTime.decode(time)
            inside = compare(begin, moment) <= 0 <= compare(end, moment)
        if inside:
            yield tuple([row[at] for at in positions]) if positions else row


_OPEN = 0xFF


def _key(time: bytes) -> bytes:
    """The bytes of a date-time that are compared, highest first: without weekday, deviation and status."""
    return time[:4] + time[5:9]


def _out_of_scope(what: str) -> CosemRefused:
    return CosemRefused(Result.SCOPE_OF_ACCESS_VIOLATED, f"{what} of a profile")


def buffer(
    rows: Callable[[C], Sequence[Row]], columns: Callable[[C], Sequence[CaptureObject]], access: str | None = None
) -> Bound[C]:
    """Attribute 2 of a profile object, whole or by range or entries. ``rows``: oldest first."""
    return Bound(
        lambda context: encode_buffer(rows(context)),
        access=access,
        select=lambda context, selection: encode_buffer(select(rows(context), columns(context), selection)),
        selectors=(RANGE, ENTRIES),
    )


def decode_buffer(data: Data, columns: Sequence[CaptureObject] = (), period: int = 0) -> list[Row]:
    """The rows of a buffer as a client received it.

    A meter may leave out by a null what repeats: in a column of the clock the time ``period`` seconds after the row
    before, in another column the value of the row before (IEC 62056-62, 4.3.6, buffer). With ``columns`` every row must
    have as many values, and nulls are filled in where that can be done.

    Raises:
        FrameError: it is no array of structures, or a row has another width.
    """
    rows: list[Row] = []
    for item in items(data):
        row = items(item, Tag.STRUCTURE)
        if columns:
            if len(row) != len(columns):
                raise FrameError(f"row {len(rows) + 1} of a profile has {len(row)} values, not {len(columns)}")
            if rows and any(value.tag is Tag.NULL for value in row):
                row = tuple(map(_filled(period), row, rows[-1], columns))
        rows.append(row)
    return rows


def _filled(period: int) -> Callable[[Data, Data, CaptureObject], Data]:
    def fill(value: Data, before: Data, column: CaptureObject) -> Data:
        if value.tag is not Tag.NULL:
            return value
        if column.class_id != CLOCK_TIME.class_id or column.attribute_id != CLOCK_TIME.attribute_id:
            return before
        if not period or not isinstance(before.value, bytes):
            return value
        moment = DateTime.decode(before.value)
        time = moment.to_datetime()
        if time is None:
            return value
        later = DateTime.of(time + timedelta(seconds=period), moment.status or 0)
        return octet_string(later.encode())

    return fill


def times(rows: Iterable[Row], columns: Sequence[CaptureObject]) -> list[DateTime]:
    """The time of each row. Raises ``FrameError`` where the profile has no column of the clock, or no time in it."""
    column = next((at for at, one in enumerate(columns) if one[:3] == CLOCK_TIME[:3]), None)
    if column is None:
        raise FrameError("the profile captures no time of the clock")
    found = []
    for row in rows:
        value = row[column]
        if value.tag not in (Tag.OCTET_STRING, Tag.DATE_TIME):
            raise FrameError(f"{name(value.tag)} where the time of a row should stand")
        found.append(DateTime.decode(octets(value, 12)))
    return found
