"""What is recorded, as COSEM profiles: load profile, previous values, demand, logs (abb-meters.md 2.9, 3.10)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from wattproof.conformance.abb.common import INFERRED, MANUAL, NO_DESCRIPTION, expect, in_order, row
from wattproof.conformance.abb.cosem import CosemSide, Session, refused
from wattproof.conformance.abb.services import open_level
from wattproof.conformance.abb.special import is_event
from wattproof.conformance.abb.subject import Abb
from wattproof.conformance.engine import Failed, Need, NotApplicable, Skipped
from wattproof.meters.abb.quantities import ROWS as QUANTITIES
from wattproof.meters.abb.records import category_of
from wattproof.meters.abb.shapes.recording import (
    DEMAND,
    DEMAND_CONFIGURATION,
    DEMAND_SETTINGS,
    PREVIOUS_VALUES,
    captured,
    channel_name,
    log_name,
)
from wattproof.wire.cosem.data import Data, array, double_long_unsigned, octet_string, structure, unsigned
from wattproof.wire.cosem.descriptors import Attribute, Selection
from wattproof.wire.cosem.results import Result
from wattproof.wire.cosem.selection import CLOCK_TIME, CaptureObject, EntryDescriptor, RangeDescriptor
from wattproof.wire.cosem.shapes import fields, items, number
from wattproof.wire.cosem.times import DateTime

CLASS = 7
CHANNELS = range(1, 9)
#: Rows that checks read at once, and all that the load profiles may hold together.
SOME, CAPACITY = 6, 40000
#: Most columns of previous values, most entries of demand.
MOST_COLUMNS, MOST_ENTRIES = 23, 50
OUT_OF_RANGE = Result.SCOPE_OF_ACCESS_VIOLATED
#: Members of the demand configuration.
SETTINGS = 5
#: Seconds of intervals that a load profile may have.
INTERVALS = (60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
LONG_AGO = datetime.fromisoformat("2000-01-01")


def _buffer(code: str, selection: Selection | None = None) -> Attribute:
    return Attribute.of(CLASS, code, 2, selection)


def _rows(data: Data) -> list[tuple[Data, ...]]:
    return [item.value for item in items(data) if isinstance(item.value, tuple)]


def _time(row_found: tuple[Data, ...]) -> datetime:
    """The time of a row. ``Failed`` if its first column is none."""
    value = row_found[0].value if row_found else None
    moment = DateTime.decode(value).to_datetime() if isinstance(value, bytes) and len(value) == 12 else None
    if moment is None:
        raise Failed(f"a row begins with {row_found[:1]}, not with a time")
    return moment


async def _channel(side: CosemSide) -> tuple[str, int]:
    """A channel of the load profile with some rows, and how many."""
    await side.need(channel_name(1), "load profile")
    for channel in CHANNELS:
        code = channel_name(channel)
        count = await side.number(CLASS, code, 7)
        if count >= 3:
            return code, count
    raise Skipped("no channel of the load profile holds three rows")


async def load_profile(meter: Abb) -> str:
    """Entries, columns, a range of times with both ends, an empty one, other selectors."""
    side = meter.cosem
    code, count = await _channel(side)
    session = await side.session()
    interval = await side.number(CLASS, code, 4)
    expect(interval in INTERVALS, f"the interval is {interval} s")
    columns = items(await side.get(Attribute.of(CLASS, code, 3)))
    begins = [CaptureObject.read(one) for one in columns[:1]]
    expect(begins == [CLOCK_TIME], "the first column is not the time of the clock")
    entries = _rows(await session.get(_buffer(code, EntryDescriptor(1, min(SOME, count)).selection)))
    expect(len(entries) == min(SOME, count), f"entries 1 to {min(SOME, count)} are {len(entries)} rows")
    expect({len(one) for one in entries} == {len(columns)}, "rows have another number of columns than there are")
    times = [_time(one) for one in entries]
    in_order(times, "rows, oldest first")
    off = [time for time in times if (time - datetime.combine(time, datetime.min.time())).seconds % interval]
    expect(not off, f"a row of {off[:1]} is no multiple of {interval} s")
    second = _rows(await session.get(_buffer(code, EntryDescriptor(2, 2, 3, 3).selection)))
    expect(len(second) == 1 and second[0] == entries[1][2:3], f"column 3 of entry 2 is {second}")
    await _ranges(session, code, entries)
    if meter.writes and side.is_manager and await open_level(side):
        size = Attribute.of(CLASS, code, 8)
        await _keeps(await side.manager(), size, double_long_unsigned(CAPACITY + 1), "more than 40000 rows")
    return f"{code}: {count} rows of {interval} s"


async def _ranges(session: Session, code: str, entries: list[tuple[Data, ...]]) -> None:
    times = [_time(one) for one in entries]
    begin, end = DateTime.of(times[0]), DateTime.of(times[-1])
    found = _rows(await session.get(_buffer(code, RangeDescriptor.between(begin, end).selection)))
    expect(found == entries, f"a range of {len(entries)} rows with both ends gives {len(found)}")
    one = DateTime.of(times[1])
    found = _rows(await session.get(_buffer(code, RangeDescriptor.between(one, one, CLOCK_TIME).selection)))
    expect(found == [entries[1][:1]], f"a range of one moment, time alone, gives {len(found)} rows")
    ends = DateTime.of(LONG_AGO), DateTime.of(LONG_AGO + timedelta(days=1))
    found = _rows(await session.get(_buffer(code, RangeDescriptor.between(*ends).selection)))
    expect(found == [], f"a range before all rows gives {len(found)}")
    other = Selection(3, double_long_unsigned(1))
    await refused(session, session.client.get(_buffer(code, other)), OUT_OF_RANGE, "selector 3")
    column = RangeDescriptor(octet_string(begin.encode()), octet_string(end.encode()), CLOCK_TIME._replace(class_id=3))
    await refused(
        session, session.client.get(_buffer(code, column.selection)), OUT_OF_RANGE, "another restricting object"
    )


async def _manager(side: CosemSide) -> Session:
    session = await side.manager()
    if not await open_level(side):
        raise NotApplicable("the write access level is closed")
    return session


async def previous(meter: Abb) -> str:
    """Rows at the ends of days, weeks or months; a 24th column is refused."""
    side = meter.cosem
    await side.need(PREVIOUS_VALUES, "previous values")
    session = await side.session()
    stored = _rows(await session.get(_buffer(PREVIOUS_VALUES)))
    columns = items(await side.get(Attribute.of(CLASS, PREVIOUS_VALUES, 3)))
    for one in stored:
        time = _time(one)
        expect(time.time() == datetime.min.time(), f"a period ends at {time}, not at midnight")
        expect(len(one) == len(columns), f"a row has {len(one)} columns, {len(columns)} are captured")
    if meter.writes and side.is_manager and await open_level(side):
        manager = await side.manager()
        ids = [id for id, found in QUANTITIES.items() if found.type == "u64" and await side.has(found.ln)]
        if len(ids) > MOST_COLUMNS:
            chosen = [captured(QUANTITIES[id]).data for id in ids[: MOST_COLUMNS + 1]]
            await _keeps(manager, Attribute.of(CLASS, PREVIOUS_VALUES, 3), array([*columns[:2], *chosen]), "24 columns")
    return f"{len(stored)} rows, {len(columns) - 2} quantities"


async def _keeps(session: Session, attribute: Attribute, value: Data, what: str) -> None:
    """A SET that is refused as out of range, and changes nothing."""
    before = await session.get(attribute)
    await refused(session, session.client.set(attribute, value), OUT_OF_RANGE, f"SET of {what}")
    expect(await session.get(attribute) == before, f"{what}, which are refused, are taken")


async def demand(meter: Abb) -> str:
    """Attribute 3 lists the quantity of each entry; rows have a structure for each; 51 entries are refused."""
    side = meter.cosem
    await side.need(DEMAND, "demand")
    session = await side.session()
    configured = await session.get(Attribute.of(1, DEMAND_SETTINGS))
    settings = DEMAND_CONFIGURATION.read(configured)
    columns = items(await side.get(Attribute.of(CLASS, DEMAND, 3)))
    wanted = [CLOCK_TIME, *(captured(QUANTITIES[entry.quantity]) for entry in settings.entries)]
    expect([CaptureObject.read(one) for one in columns] == wanted, "the columns are not the quantities of the entries")
    stored = _rows(await session.get(_buffer(DEMAND)))
    for one in stored:
        _time(one)
        for cell in one[1:]:
            parts = cell.value if isinstance(cell.value, tuple) else ()
            expect(len(parts) == 4, f"an entry of a row is {cell.plain!r}, not status, value, time, level")
    if meter.writes and side.is_manager and await open_level(side):
        entry = structure(octet_string(QUANTITIES[96].ln), unsigned(5))
        many = _changed(configured, 4, array([entry] * (MOST_ENTRIES + 1)))
        await _keeps(await side.manager(), Attribute.of(1, DEMAND_SETTINGS), many, "51 entries")
    return f"{len(stored)} rows, {len(settings.entries)} entries"


def _changed(settings: Data, place: int, value: Data) -> Data:
    parts = list(fields(settings, SETTINGS))
    parts[place] = value
    return structure(*parts)


async def sub_interval(meter: Abb) -> None:
    side = meter.cosem
    await side.need(DEMAND_SETTINGS, "demand")
    session = await _manager(side)
    attribute = Attribute.of(1, DEMAND_SETTINGS)
    before = await session.get(attribute)
    interval = number(fields(before, SETTINGS)[0])
    odd = next(seconds for seconds in (420, 660, 780, 1020) if interval % seconds and seconds < 2 * interval)
    wrong = _changed(before, 1, double_long_unsigned(odd))
    await _keeps(session, attribute, wrong, f"a sub-interval of {odd} s in {interval} s")


async def logs(meter: Abb) -> str:
    """Oldest first; category and code fit each other; a range of times."""
    side = meter.cosem
    await side.need(log_name(0), "logs")
    session = await side.session()
    told = []
    for log in range(3):
        stored = _rows(await session.get(_buffer(log_name(log))))
        times = [_time(one) for one in stored]
        in_order(times, f"log {log_name(log)}, oldest first")
        for one in stored:
            _entry(one)
        if stored:
            moment = DateTime.of(times[-1])
            part = _rows(await session.get(_buffer(log_name(log), RangeDescriptor.between(moment, moment).selection)))
            last = [one for one, time in zip(stored, times, strict=True) if time == times[-1]]
            expect(len(part) == len(last), f"a range of the last moment of {log_name(log)} gives {len(part)} entries")
        told.append(len(stored))
    if not any(told):
        raise Skipped("the logs are empty")
    return " + ".join(map(str, told))


def _entry(one: tuple[Data, ...]) -> None:
    expect(len(one) == 4, f"an entry of a log has {len(one)} columns, not time, category, code and duration")
    _, category, code, duration = (part.value for part in one)
    expect(is_event(code), f"code {code!r} is none of 3.9")
    wanted = category_of(_number(code))
    expect(category == wanted, f"code {code!r} has category {category!r}, not {wanted}")
    expect(isinstance(duration, int) and duration >= 0, f"an entry lasted {duration!r}")


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


ROWS = (
    row("A-146", "Load profile: entries, columns, ranges with both ends, nothing for others", MANUAL, Need.READ,
        load_profile, NO_DESCRIPTION),
    row("A-147", "Previous values: ends of periods, at most 23 quantities", INFERRED, Need.READ, previous,
        NO_DESCRIPTION),
    row("A-148", "Demand: an entry a column, status, value, time and level, at most 50", INFERRED, Need.READ, demand,
        NO_DESCRIPTION),
    row("A-149", "The sub-interval divides the interval", INFERRED, Need.WRITE, sub_interval, NO_DESCRIPTION),
    row("A-150", "Logs: oldest first, the category of the code, a range of times", INFERRED, Need.READ, logs,
        NO_DESCRIPTION),
)  # fmt: skip
