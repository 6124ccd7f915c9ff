"""Special readouts of M-Bus: what a meter has recorded, and harmonics (abb-meters.md 1.14)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from wattproof.conformance.abb.common import CAPTURE, INFERRED, MANUAL, expect, in_order, row
from wattproof.conformance.abb.mbus import MbusSide, layout
from wattproof.conformance.abb.readout import NO_DATA
from wattproof.conformance.abb.subject import Abb
from wattproof.conformance.abb.variants import kind
from wattproof.conformance.engine import Failed, Need, NotApplicable, Skipped
from wattproof.meters.abb.mbus.recorded import interval_of, moment_of
from wattproof.meters.abb.rows import GOLD, PLATINUM
from wattproof.wire.mbus import abb
from wattproof.wire.mbus.dib import Function
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.requests import CURRENT_PHASES, VOLTAGE_PHASES, Request
from wattproof.wire.mbus.telegrams import Telegram

#: Telegrams of a special readout that a check looks at.
FEW = 3
#: Before any meter has recorded anything.
LONG_AGO = datetime.fromisoformat("2000-01-01")
#: L of a telegram of harmonics: distortion and orders 2 to 16, record status always sent.
HARMONICS_LENGTH, HARMONICS = 0xC0, 16
CHANNELS = range(1, 9)
#: Entries of a log in one telegram, and bits of the status word.
ENTRIES, STATUS_BITS = 5, 64
LOGS = tuple(abb.LOGS)
#: What a readout of demand begins with, and records of logs and periods.
HEADS = ("storage_interval", "demand_sub_interval")
TIME, EVENT_END, PERIOD_END = "date_time", "log_event", "end of demand period"


def is_event(code: object) -> bool:
    """Whether a code of a log is a bit of the status word and its class (3.9). What its last bits mean is not known."""
    return isinstance(code, int) and code // 1000 in range(3) and code % 1000 < STATUS_BITS


async def _requires(side: MbusSide, level: int, what: str) -> None:
    model = await kind(side)
    if model.level < level:
        raise NotApplicable(f"an {model.level_name} meter has no {what}")


def _records(telegrams: Sequence[Telegram]) -> list[Record]:
    return [record for telegram in telegrams for record in telegram]


async def profile(side: MbusSide) -> tuple[int, list[Telegram]]:
    """The first channel that holds rows, newest first: its number and its first telegrams."""
    await _requires(side, PLATINUM, "load profile")
    for channel in CHANNELS:
        telegrams = await side.special(Request("load_profile_channel", None, channel), FEW)
        if len(_records(telegrams)) > 1:
            return channel, telegrams
    raise Skipped("no channel of the load profile holds rows")


def _rows(records: Sequence[Record]) -> list[tuple[datetime, Record]]:
    """Pairs of time stamp and value; ``Failed`` where they do not alternate."""
    found = []
    for number in range(0, len(records) - 1, 2):
        stamp, value = records[number], records[number + 1]
        time = moment_of(stamp)
        expect(stamp.quantity == TIME and time is not None, f"{stamp.quantity} stands where a time stamp should")
        expect(value.quantity != TIME, "a time stamp has no value")
        found.append((time or LONG_AGO, value))
    return found


async def rows(meter: Abb) -> str:
    """The interval, then rows from the newest back; SND_NKE ends the readout."""
    side = meter.mbus
    channel, telegrams = await profile(side)
    records = _records(telegrams)
    interval = interval_of(records[:1])
    expect(interval, f"the load profile begins with {records[0].quantity}, not with its interval")
    found = _rows(records[1:])
    expect({value.storage for _, value in found} == {1}, "values of a load profile have another storage number than 1")
    times = [time for time, _ in found]
    in_order(times[::-1], "rows, newest first")
    off = [time for time in times if (time - datetime.combine(time, datetime.min.time())).seconds % interval]
    expect(not off, f"{off[:1]} is no multiple of {interval} s")
    await side.start()
    expect(layout(await side.telegram()) == layout((await side.standard())[0]), "SND_NKE does not end the readout")
    return f"channel {channel}, {len(found)} rows of {interval} s"


async def before_all(meter: Abb) -> None:
    """A date before the first row: nothing but the interval record."""
    side = meter.mbus
    channel, _ = await profile(side)
    request = Request("load_profile_channel", Moment.of(LONG_AGO.date()), channel)
    found = _records(await side.special(request))
    expect(len(found) == 1 and interval_of(found), f"a date before all rows gets {len(found)} records")


async def demand(meter: Abb) -> str:
    """Interval and sub-interval; maximum or minimum with its time; at last the end of the period."""
    side = meter.mbus
    await _requires(side, GOLD, "demand")
    now = await side.time()
    telegrams = await side.special(Request("demand", Moment.of(now.date())), FEW)
    heads = [record.quantity for record in telegrams[0].records[:2]]
    expect(heads == [*HEADS], f"the demand begins with {' and '.join(heads)}")
    body = [record for record in _records(telegrams) if record.quantity not in HEADS]
    if not body:
        raise Skipped("no demand is configured")
    periods, at = 0, 0
    while at < len(body):
        record = body[at]
        if any(PERIOD_END in str(item) for item in record.qualifiers):
            periods, at = periods + 1, at + 1
            continue
        expect(record.function in (Function.MAXIMUM, Function.MINIMUM), f"{record} is neither maximum nor minimum")
        level = [str(item) for item in record.qualifiers if "demand level" in str(item)]
        expect(level, f"{record} names no level")
        if at + 1 < len(body):
            expect(body[at + 1].quantity == TIME, f"{record} is followed by {body[at + 1].quantity}, not by its time")
            if record.status == NO_DATA:
                expect(moment_of(body[at + 1]) == LONG_AGO, "a missing level has another time than 2000-01-01")
        at += 2
    return f"{periods} periods"


async def log(meter: Abb) -> str:
    """Up to five entries a telegram: code, time, duration; newest first, codes of the status word."""
    side = meter.mbus
    await _requires(side, GOLD, "logs")
    until = Moment.of(await side.time() + timedelta(days=1))
    told = []
    for name in LOGS:
        telegrams = await side.special(Request("log", until, name), FEW)
        entries = _records(telegrams)
        if not entries:
            continue
        expect(len(entries) % 3 == 0, f"a telegram of the {name} log has {len(entries)} records, not three an entry")
        for telegram in telegrams:
            expect(
                len(telegram.records) <= 3 * ENTRIES, f"a telegram of the {name} log has more than {ENTRIES} entries"
            )
        times = []
        for number in range(0, len(entries), 3):
            code, begin, duration = entries[number : number + 3]
            kinds = (code.quantity.endswith(EVENT_END), begin.quantity == TIME, duration.quantity == "on_time")
            expect(all(kinds), f"an entry of the {name} log is {code.quantity}, {begin.quantity}, {duration.quantity}")
            event = int.from_bytes(code.data, "little")
            expect(is_event(event), f"code {event} of the {name} log is none of 3.9")
            times.append(moment_of(begin) or LONG_AGO)
        in_order(times[::-1], f"the {name} log, newest first")
        told.append(f"{name}: {len(times)}")
    if not told:
        raise Skipped("the logs are empty")
    return ", ".join(told)


async def offset(meter: Abb) -> str:
    """A log asked for with offset -1 begins one entry further back."""
    side = meter.mbus
    await _requires(side, GOLD, "logs")
    until = Moment.of(await side.time() + timedelta(days=1))
    for name in LOGS:
        entries = _records(await side.special(Request("log", until, name), FEW))
        if len(entries) < 6:
            continue
        moved = _records(await side.special(Request("log", until, name, -1), FEW))
        same = [one.raw for one in moved[:2]] == [one.raw for one in entries[3:5]]
        expect(same, f"the {name} log with offset -1 does not begin with the entry before the newest")
        return name
    raise Skipped("no log has two entries")


async def harmonics(meter: Abb) -> str:
    """One telegram a phase, in order; a single phase when it is asked for."""
    side = meter.mbus
    await _requires(side, PLATINUM, "harmonics")
    told = []
    for name, phases in (("current_harmonics", CURRENT_PHASES), ("voltage_harmonics", VOLTAGE_PHASES)):
        telegrams = await side.special(Request(name), 8)
        places = [_place(telegram) for telegram in telegrams]
        wanted = [place for place in phases.values() if place in places]
        expect(places == wanted, f"{name} come for {', '.join(map(str, places))}")
        for telegram in telegrams:
            _spectrum(telegram)
        number = next(number for number, place in phases.items() if place == places[-1])
        one = await side.special(Request(name, number), 8)
        expect([_place(telegram) for telegram in one] == [places[-1]], f"{name} of phase {number} alone are others")
        told.append(f"{len(places)} {name.partition('_')[0]}s")
    return ", ".join(told)


def _place(telegram: Telegram) -> str | None:
    return telegram.records[0].phase if telegram.records else None


def _spectrum(telegram: Telegram) -> None:
    """Distortion and orders 2 to 16 of one phase."""
    count = len(telegram.records)
    expect(count == HARMONICS, f"a telegram of harmonics has {count} records, not {HARMONICS}")
    expect(len({record.phase for record in telegram}) == 1, "a telegram of harmonics is of several phases")
    length = len(telegram.encode()) + 3
    if all(record.status is not None for record in telegram):
        expect(length == HARMONICS_LENGTH, f"a telegram of harmonics has L = {length:02X}, not {HARMONICS_LENGTH:02X}")


async def stored(meter: Abb) -> str:
    """One period a telegram: its time, then values, all with the number of the period as storage number."""
    side = meter.mbus
    await _requires(side, GOLD, "previous values")
    now = await side.time()
    telegrams = await side.special(Request("previous_values", Moment.of(now.date())), FEW)
    numbers = []
    for telegram in telegrams:
        if not telegram.records or not telegram.records[0].storage:
            raise Skipped("no period has ended yet")
        first = telegram.records[0]
        expect(first.quantity == TIME, f"previous values begin with {first.quantity}, not with their time")
        found = {record.storage for record in telegram}
        if len(found) != 1:
            raise Failed(f"a telegram of previous values has the storage numbers {sorted(found)}")
        numbers.append(found.pop())
    expect(numbers == [*range(numbers[0], numbers[0] + len(numbers))], f"periods are numbered {numbers}")
    return f"{len(numbers)} periods"


ROWS = (
    row("A-063", "Demand has interval and sub-interval, levels with their times, the end of the period", CAPTURE,
        Need.READ, demand),
    row("A-065", "Previous values come a period a telegram, numbered from the newest", CAPTURE, Need.READ, stored),
    row("A-066", "Logs come in fives: code, time, duration, newest first", CAPTURE, Need.READ, log),
    row("A-067", "Offset -1 begins a log one entry further back", INFERRED, Need.READ, offset,
        "the captured requests have this offset, no answer to one is known"),
    row("A-076", "A load profile is its interval and its rows, newest first, and SND_NKE ends it", MANUAL, Need.READ,
        rows),
    row("A-077", "A date before the first row gets the interval alone", MANUAL, Need.READ, before_all),
    row("A-079", "Harmonics come a telegram a phase, L = C0, in order; one phase alone", MANUAL, Need.READ, harmonics),
)  # fmt: skip
