"""Clock, ports, alarms and write access over COSEM: set, read back, put back (abb-meters.md 2.11, 3.5, 3.6, 3.9)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from wattproof.conformance.abb.common import INFERRED, NO_DESCRIPTION, expect, row
from wattproof.conformance.abb.cosem import INVALID, TIME, CosemSide, Session, refused
from wattproof.conformance.abb.services import FACTOR, open_level
from wattproof.conformance.abb.subject import Abb
from wattproof.conformance.engine import Failed, Need, NotApplicable, Skipped
from wattproof.meters.abb.quantities import ROWS as QUANTITIES
from wattproof.meters.abb.shapes.alarms import alarm_name
from wattproof.wire.cosem.data import (
    Data,
    boolean,
    double_long_unsigned,
    integer,
    long64,
    octet_string,
    structure,
    unsigned,
)
from wattproof.wire.cosem.descriptors import Attribute, Method
from wattproof.wire.cosem.results import Result
from wattproof.wire.cosem.shapes import fields, octets
from wattproof.wire.cosem.times import Date, DateTime, DstRule, Time

CLOCK = "0-0:1.0.0"
STATUS_WORD, ALARM_WORD = Attribute.of(1, "0-0:97.97.0"), Attribute.of(1, "0-0:97.98.0")
ACCESS = "0-0:128.5.0"
DENIED = Result.READ_WRITE_DENIED
CLOSED = 1
#: By how much the clock is put forward, and how far it may be off afterwards.
AHEAD, NEAR = timedelta(seconds=90), timedelta(seconds=20)
#: Rules that are tried: weeks 1 to 4 and the last, as month, weekday, week, hour; and the bytes of day of month.
RULES = ((3, 7, 1, 2), (4, 1, 2, 1), (5, 3, 3, 3), (9, 6, 4, 2), (10, 7, 254, 3))
DAYS = {1: 1, 2: 8, 3: 15, 4: 22, 254: 0xFE}
SUMMER_TIME = 0x80
#: The alarm that checks set: the last one; it watches the frequency and is logged nowhere.
ALARM, FREQUENCY = 25, 170
#: Its delay, in seconds of the meter.
DELAY = 8
#: First bit of the alarms in the status word.
FIRST_ALARM = 13
COMMUNICATION = 1
PORTS = range(1, 5)


@asynccontextmanager
async def kept(session: Session, *attributes: Attribute) -> AsyncIterator[list[Data]]:
    """The values of attributes, which are put back at the end."""
    before = [await session.get(attribute) for attribute in attributes]
    try:
        yield before
    finally:
        for attribute, value in zip(attributes, before, strict=True):
            if session.is_open:
                await session.set(attribute, value)


async def manager(side: CosemSide) -> Session:
    """The association of client 1. ``NotApplicable`` where the meter is closed."""
    session = await side.manager()
    if not await open_level(side):
        raise NotApplicable("the write access level is closed")
    return session


# Clock -----------------------------------------------------------------------------------------------------------


async def clock(meter: Abb) -> str:
    """The weekday fits the date, the status says whether it is set; a SET is taken, whatever its deviation."""
    side = meter.cosem
    await side.need(CLOCK, "clock")
    moment = DateTime.decode(octets(await side.get(TIME), 12))
    told = moment.to_datetime()
    if told is None:
        raise Failed(f"the clock reads {moment}")
    expect(moment.date.weekday == told.isoweekday(), f"{told:%Y-%m-%d} is said to be weekday {moment.date.weekday}")
    expect(moment.deviation is None, f"the clock gives a deviation of {moment.deviation} min")
    status = await side.number(8, CLOCK, 4)
    expect(status == moment.status, f"attribute 4 is {status}, the time says {moment.status}")
    word = await side.number(1, "0-0:97.97.0")
    expect(bool(status & INVALID) == bool(word >> 10 & 3), f"clock status {status:02X} does not fit warnings {word:x}")
    if meter.writes and side.is_manager and await open_level(side):
        await _set(side)
    return str(told)


async def _set(side: CosemSide) -> None:
    session = await side.manager()
    before, begun = await side.time(), side.clock.now()
    wanted = before + AHEAD
    wrong_weekday = Date(wanted.year, wanted.month, wanted.day, None)
    sent = DateTime(wrong_weekday, Time(wanted.hour, wanted.minute, wanted.second), -60, 0)
    try:
        await session.set(TIME, octet_string(sent.encode()))
        found = DateTime.decode(octets(await session.get(TIME), 12))
    finally:
        now = before + timedelta(seconds=(side.clock.now() - begun) / 1e9 + 1.0)
        await session.set(TIME, octet_string(DateTime.of(now).encode()))
    told = found.to_datetime() or before
    expect(abs(told - wanted) < NEAR, f"the clock is set to {wanted}, and reads {told}")
    expect(found.date.weekday == told.isoweekday(), "the weekday is not computed when the clock is set")


async def summer_time(meter: Abb) -> None:
    """Rules of weeks 1 to 4 and of the last week come back byte for byte; the deviation is 60."""
    side = meter.cosem
    await side.need(CLOCK, "clock")
    session = await manager(side)
    begin, end = (Attribute.of(8, CLOCK, attribute) for attribute in (5, 6))
    ahead = await side.number(8, CLOCK, 7)
    expect(ahead == 60, f"summer time is {ahead} min ahead")
    async with kept(session, begin, end):
        for month, weekday, week, hour in RULES:
            rule = DstRule(month, weekday, week, hour).encode()
            expect(rule[3] == DAYS[week], f"week {week} is day {rule[3]:02X}")
            for attribute in (begin, end):
                await session.set(attribute, octet_string(rule))
                found = octets(await session.get(attribute), 12)
                expect(found[:10] == rule[:10], f"the rule {rule.hex(' ')} is read back as {found.hex(' ')}")


# Alarms ----------------------------------------------------------------------------------------------------------


async def alarm(meter: Abb) -> str:
    """High and low alarms of the frequency, with and without a delay: alarm word and status word."""
    side = meter.cosem
    settings = Attribute.of(1, alarm_name(ALARM))
    await side.need(settings.name, "alarms")
    session = await manager(side)
    frequency = QUANTITIES[FREQUENCY]
    now = await side.number(3, frequency.logical_name)
    if not now:
        raise NotApplicable("the meter measures no frequency")
    async with kept(session, settings) as (before,):
        if octets(fields(before, 7)[0]):
            raise NotApplicable(f"alarm {ALARM} is in use")
        for high, on in ((True, now - 100), (False, now + 100)):
            word = "high" if high else "low"
            off = on - 100 if high else on + 100
            await session.set(settings, _alarm(frequency.ln, on, off, 0))
            expect(await _active(side), f"a {word} alarm that is due at once is not active")
            beyond = (now + 100, now + 50) if high else (now - 100, now - 50)
            await session.set(settings, _alarm(frequency.ln, *beyond, 0))
            expect(not await _active(side), f"a {word} alarm is active on the other side of its threshold")
            await session.set(settings, _alarm(frequency.ln, on, off, DELAY))
            expect(not await _active(side, wait=0.0), f"a {word} alarm with a delay of {DELAY} s is active at once")
            await _until(side, await side.time() + timedelta(seconds=DELAY + 1))
            expect(await _active(side), f"a {word} alarm with a delay of {DELAY} s is not active after it")
            await session.set(settings, before)
            expect(not await _active(side), "an alarm that is off is active")
    return f"alarm {ALARM}, {now / 100:.2f} Hz"


async def _until(side: CosemSide, moment: datetime) -> None:
    """Wait for a time of the meter's clock, which may run faster than others."""
    for _ in range(2 * DELAY):
        if await side.time() >= moment:
            return
        await side.clock.sleep(1.0)
    raise Skipped(f"the clock of the meter does not come to {moment}")


def _alarm(name: bytes, on: int, off: int, delay: int) -> Data:
    delays = double_long_unsigned(delay), double_long_unsigned(0)
    return structure(octet_string(name), long64(on), long64(off), *delays, boolean(False), unsigned(0))


async def _active(side: CosemSide, wait: float = 2.0) -> bool:
    """Whether the alarm is active, by both words."""
    await side.clock.sleep(wait)
    session = await side.session()
    words = [await session.get(attribute) for attribute in (ALARM_WORD, STATUS_WORD)]
    bits = [int(word.value) if isinstance(word.value, int) else 0 for word in words]
    told = bits[0] >> ALARM - 1 & 1, bits[1] >> FIRST_ALARM + ALARM - 1 & 1
    expect(told[0] == told[1], f"alarm word and status word differ: {bits[0]:x}, {bits[1]:x}")
    return bool(told[0])


# Ports -----------------------------------------------------------------------------------------------------------


async def ports(meter: Abb) -> str:
    """A port has the object of its kind; a communication output follows a SET, others do not."""
    side = meter.cosem
    await side.need("0-1:96.3.130", "ports")
    session = await manager(side)
    kinds, outputs = [], Attribute.of(1, "0-0:96.3.2")
    for port in PORTS:
        function = await side.number(1, f"0-{port}:96.3.130")
        levels = [await _there(session, f"0-{port}:96.3.{group}") for group in (1, 2)]
        expect(
            levels == [function == 0, function != 0], f"port {port} with function {function} has the objects {levels}"
        )
        kinds.append(function)
        if function == COMMUNICATION:
            await _follows(session, port, outputs)
        elif function:
            one = Attribute.of(1, f"0-{port}:96.3.2")
            value = boolean(not (await session.get(one)).value)
            await refused(session, session.client.set(one, value), DENIED, f"SET of output {port}, function {function}")
    return f"functions {kinds}"


async def _there(session: Session, code: str) -> bool:
    found = (await session.get_list([Attribute.of(1, code), TIME]))[0]
    return isinstance(found, Data)


async def _follows(session: Session, port: int, outputs: Attribute) -> None:
    """Its own object and the mask of all outputs, one by the other."""
    one = Attribute.of(1, f"0-{port}:96.3.2")
    async with kept(session, one) as (before,):
        other = boolean(not before.value)
        await session.set(one, other)
        found, mask = await session.get(one), await session.get(outputs)
        bit = isinstance(mask.value, int) and mask.value >> port - 1 & 1
        expect(found.value == other.value, f"output {port} is set to {other.value!r}, and reads {found.value!r}")
        expect(bool(bit) == other.value, f"output {port} is {other.value!r}, and its bit of the mask is {bit}")


# Write access ----------------------------------------------------------------------------------------------------


async def closed(meter: Abb) -> None:
    """A closed meter refuses SET and protected ACTION of client 1."""
    side = meter.cosem
    session = await side.manager()
    if await side.number(1, ACCESS) != CLOSED:
        raise NotApplicable("the write access level is not closed, and only its keys open it again")
    objects = await side.objects(session)
    for attribute in (FACTOR, TIME):
        if objects.find(attribute.name) is not None:
            value = await session.get(attribute)
            await refused(session, session.client.set(attribute, value), DENIED, f"SET of {attribute}")
    reset = Method.of(3, "1-0:1.8.128", 1)
    if objects.find(reset.name) is not None:
        await refused(session, session.client.action(reset, integer(0)), DENIED, "reset of a register")


ROWS = (
    row("A-144", "The clock has its weekday and status, and takes a SET as local time", INFERRED, Need.READ, clock,
        NO_DESCRIPTION),
    row("A-145", "Rules of summer time for weeks 1 to 4 and the last come back as they were set", INFERRED, Need.WRITE,
        summer_time, NO_DESCRIPTION),
    row("A-156", "Alarms: high, low, delayed, in alarm word and status word", INFERRED, Need.WRITE, alarm,
        NO_DESCRIPTION),
    row("A-157", "Ports have the object of their kind; communication outputs follow a SET", INFERRED, Need.SWITCHING,
        ports, NO_DESCRIPTION),
    row("A-161", "A closed meter refuses SET and protected ACTION of client 1", INFERRED, Need.WRITE, closed,
        NO_DESCRIPTION),
)  # fmt: skip
