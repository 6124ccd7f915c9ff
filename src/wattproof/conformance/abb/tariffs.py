"""Tariffs over COSEM: source, scripts, calendar, special days (abb-meters.md 2.10, 2.16, 3.8).

The calendar is tried with entries that nothing names, and put back as it was found.
"""

from __future__ import annotations

from wattproof.conformance.abb.common import INFERRED, NO_DESCRIPTION, expect, row
from wattproof.conformance.abb.cosem import CosemSide, Session, refused
from wattproof.conformance.abb.settings import COMMUNICATION, DENIED, kept, manager
from wattproof.conformance.abb.subject import Abb
from wattproof.conformance.engine import Failed, Need, NotApplicable
from wattproof.wire.cosem.data import Data, array, enum, integer, long_unsigned, octet_string, structure, unsigned
from wattproof.wire.cosem.descriptors import Attribute, Method, logical_name
from wattproof.wire.cosem.results import Result
from wattproof.wire.cosem.shapes import fields, items, number
from wattproof.wire.cosem.times import Date, DateTime, Time
from wattproof.wire.hdlc.addresses import PUBLIC

OUT_OF_RANGE, WRONG_TYPE = Result.SCOPE_OF_ACCESS_VIOLATED, Result.TYPE_UNMATCHED
TARIFF, SOURCE = Attribute.of(1, "0-0:96.14.0"), Attribute.of(1, "0-0:96.14.128")
SCRIPT_TABLE = logical_name("0-0:10.0.100")
EXECUTE = Method.of(9, "0-0:10.0.100", 1)
SCRIPTS = Attribute.of(9, "0-0:10.0.100")
CALENDAR = "0-0:13.0.0"
#: Passive tables: seasons, weeks, days; and the most entries of each.
SEASONS, WEEKS, DAYS = (Attribute.of(20, CALENDAR, attribute) for attribute in (7, 8, 9))
MOST_SEASONS, MOST_WEEKS, MOST_DAYS, MOST_ACTIONS, MOST_SPECIAL = 4, 4, 16, 30, 50
ACTIVATE = Method.of(20, CALENDAR, 1)
SPECIAL_DAYS = Attribute.of(11, "0-0:11.0.0")
INSERT, DELETE = (Method.of(11, "0-0:11.0.0", method) for method in (1, 2))
TARIFFS = range(1, 5)
PORTS = range(1, 5)


async def source(meter: Abb) -> str:
    """A SET of the active tariff is taken from communication, and denied with any other source."""
    side = meter.cosem
    await side.need(TARIFF.name, "tariffs")
    session = await manager(side)
    async with kept(session, SOURCE):
        await session.set(SOURCE, enum(COMMUNICATION))
        before = number(await session.get(TARIFF))
        for tariff in (before % 4 + 1, before):
            await session.set(TARIFF, unsigned(tariff))
            found = number(await session.get(TARIFF))
            expect(found == tariff, f"tariff {tariff} is set, and {found} is active")
        for wrong in (0, 5):
            await refused(session, session.client.set(TARIFF, unsigned(wrong)), OUT_OF_RANGE, f"SET of tariff {wrong}")
        await session.set(SOURCE, enum(2))
        await refused(session, session.client.set(TARIFF, unsigned(1)), DENIED, "SET of the tariff with source 2")
    return f"tariff {before}"


async def scripts(meter: Abb) -> str:
    """Scripts 1 to 4 activate their tariff, 5 to 12 set and reset communication outputs."""
    side = meter.cosem
    await side.need(SCRIPT_TABLE, "script table")
    session = await manager(side)
    async with kept(session, SOURCE):
        await session.set(SOURCE, enum(COMMUNICATION))
        before = number(await session.get(TARIFF))
        try:
            for tariff in TARIFFS:
                await session.act(EXECUTE, long_unsigned(tariff))
                found = number(await session.get(TARIFF))
                expect(found == tariff, f"script {tariff} leaves tariff {found}")
        finally:
            await session.set(TARIFF, unsigned(before))
    tried = []
    for port in PORTS:
        if await side.plain(1, f"0-{port}:96.3.130") == COMMUNICATION:
            await _output(session, port)
            tried.append(port)
    return f"outputs {tried}" if tried else "no communication output"


async def _output(session: Session, port: int) -> None:
    one = Attribute.of(1, f"0-{port}:96.3.2")
    async with kept(session, one):
        for selector, wanted in ((3 + 2 * port, True), (4 + 2 * port, False)):
            await session.act(EXECUTE, long_unsigned(selector))
            found = (await session.get(one)).value
            expect(found is wanted, f"script {selector} leaves output {port} at {found!r}")


async def execution(meter: Abb) -> None:
    """Tariff scripts with source 1 only, output scripts on communication outputs only; other selectors; client 16."""
    side = meter.cosem
    await side.need(SCRIPT_TABLE, "script table")
    session = await manager(side)
    client = session.client
    async with kept(session, SOURCE):
        await session.set(SOURCE, enum(2))
        await refused(session, client.action(EXECUTE, long_unsigned(1)), DENIED, "script 1 with source 2")
    for selector in (0, 13):
        await refused(session, client.action(EXECUTE, long_unsigned(selector)), OUT_OF_RANGE, f"script {selector}")
    await refused(session, client.action(EXECUTE, unsigned(1)), WRONG_TYPE, "a script number of another type")
    table = await session.get(SCRIPTS)
    await refused(session, client.set(SCRIPTS, table), DENIED, "SET of the script table")
    for port in PORTS:
        if await side.plain(1, f"0-{port}:96.3.130") != COMMUNICATION:
            action = client.action(EXECUTE, long_unsigned(3 + 2 * port))
            await refused(session, action, DENIED, f"script {3 + 2 * port}, whose port is no communication output")
    public = await side.fresh(PUBLIC)
    try:
        await refused(public, public.client.action(EXECUTE, long_unsigned(1)), DENIED, "script 1 by client 16")
    finally:
        await public.close()


# Calendar --------------------------------------------------------------------------------------------------------


def _action(minute: int, selector: int, table: bytes = SCRIPT_TABLE) -> Data:
    start = Time(minute // 60, minute % 60, 0, 0).encode()
    return structure(octet_string(start), octet_string(table), long_unsigned(selector))


def _day(number_of_day: int, *actions: Data) -> Data:
    return structure(unsigned(number_of_day), array(actions))


def _week(name: bytes, day: int = 1) -> Data:
    return structure(octet_string(name), *(unsigned(day) for _ in range(7)))


def _season(name: bytes, month: int, week: bytes) -> Data:
    start = DateTime(Date(None, month, 1), Time(0, 0, 0, 0)).encode()
    return structure(octet_string(name), octet_string(start), octet_string(week))


async def _calendar(side: CosemSide) -> Session:
    await side.need(CALENDAR, "calendar")
    return await manager(side)


async def calendar(meter: Abb) -> None:
    """Days, weeks and seasons of the passive tables, and a special day, come back as written; too many are refused."""
    side = meter.cosem
    session = await _calendar(side)
    async with kept(session, SEASONS, WEEKS, DAYS):
        for attribute, entries, many in (
            (DAYS, [_day(1, _action(0, 1), _action(450, 2)), _day(2, _action(0, 1))],
             [_day(n, _action(0, 1)) for n in range(1, MOST_DAYS + 2)]),
            (WEEKS, [_week(b"W1"), _week(b"W2", 2)], [_week(b"W%d" % n) for n in range(MOST_WEEKS + 1)]),
            (SEASONS, [_season(b"S1", 1, b"W1"), _season(b"S2", 7, b"W2")],
             [_season(b"S%d" % n, n + 1, b"W1") for n in range(MOST_SEASONS + 1)]),
        ):  # fmt: skip
            await session.set(attribute, array(entries))
            found = await session.get(attribute)
            expect(found == array(entries), f"what is written to {attribute} is read back as {found.plain!r}")
            too_many = f"{len(many)} entries of {attribute}"
            await refused(session, session.client.set(attribute, array(many)), OUT_OF_RANGE, too_many)
        long = _day(1, *(_action(n, 1 + n % 4) for n in range(MOST_ACTIONS + 1)))
        await refused(session, session.client.set(DAYS, array([long])), OUT_OF_RANGE, f"{MOST_ACTIONS + 1} actions")
    await _special(session)


async def _special(session: Session) -> None:
    """A special day with a free index, in a year that is over."""
    before = await session.get(SPECIAL_DAYS)
    used = {number(fields(one, 3)[0]) for one in items(before)}
    index = next((n for n in range(MOST_SPECIAL, 0, -1) if n not in used), 0)
    if not index:
        return
    entry = structure(long_unsigned(index), octet_string(Date(2001, 2, 3).encode()), unsigned(1))
    await session.act(INSERT, entry)
    try:
        found = items(await session.get(SPECIAL_DAYS))
    finally:
        await session.act(DELETE, long_unsigned(index))
    expect(entry in found, f"special day {index} is inserted, and is not among {len(found)}")
    expect(await session.get(SPECIAL_DAYS) == before, f"special day {index} is deleted, and the table is another one")
    beyond = structure(long_unsigned(MOST_SPECIAL + 1), octet_string(Date(2001, 2, 3).encode()), unsigned(1))
    action = session.client.action(INSERT, beyond)
    await refused(session, action, OUT_OF_RANGE, f"special day {MOST_SPECIAL + 1}")


async def activation(meter: Abb) -> None:
    """Activation copies the passive tables to the active ones; until then these are as they were."""
    side = meter.cosem
    session = await _calendar(side)
    active = [Attribute.of(20, CALENDAR, attribute) for attribute in (3, 4, 5)]
    passive = [SEASONS, WEEKS, DAYS]
    before = [await session.get(attribute) for attribute in active]
    async with kept(session, *passive):
        for attribute, value in zip(passive, before, strict=True):
            await session.set(attribute, value)
        days = [*items(before[2])]
        used = {number(fields(one, 2)[0]) for one in days}
        free = next((n for n in range(MOST_DAYS, 0, -1) if n not in used), 0)
        if not free or len(days) >= MOST_DAYS:
            raise NotApplicable("the calendar has no room for another day")
        more = array([*days, _day(free, _action(0, 1))])
        await session.set(DAYS, more)
        expect(await session.get(active[2]) == before[2], "a passive table is written, and the active one changes")
        await session.act(ACTIVATE, integer(0))
        try:
            found = await session.get(active[2])
        finally:
            await session.set(DAYS, before[2])
            await session.act(ACTIVATE, integer(0))
        expect(found == more, "activation does not copy the passive days to the active ones")
        now = [await session.get(attribute) for attribute in active]
    expect(now == before, "the calendar is not what it was: it was activated anew")


async def foreign_script(meter: Abb) -> None:
    """An action with another script table, or a selector that there is not, is refused; the table stays."""
    side = meter.cosem
    session = await _calendar(side)
    async with kept(session, DAYS) as (before,):
        other = logical_name("0-0:10.0.101")
        for what, day in (
            ("another script table", _day(1, _action(0, 1, other))),
            ("selector 13", _day(1, _action(0, 13))),
            ("selector 0", _day(1, _action(0, 0))),
        ):
            action = session.client.set(DAYS, array([day]))
            await refused(session, action, OUT_OF_RANGE, f"a day action with {what}")
            if await session.get(DAYS) != before:
                raise Failed(f"a day action with {what}, which is refused, is taken")


ROWS = (
    row("A-151", "Days, weeks, seasons and special days come back as written, up to their numbers", INFERRED,
        Need.WRITE, calendar, NO_DESCRIPTION),
    row("A-152", "Activation copies the passive tables to the active ones", INFERRED, Need.WRITE, activation,
        NO_DESCRIPTION),
    row("A-154", "The tariff is set by communication with source 1 alone", INFERRED, Need.WRITE, source,
        NO_DESCRIPTION),
    row("A-155", "Scripts act on tariffs and on outputs", INFERRED, Need.SWITCHING, scripts, NO_DESCRIPTION),
    row("A-187", "Scripts need source 1, a communication output, a number from 1 to 12, client 1", INFERRED, Need.WRITE,
        execution, NO_DESCRIPTION),
    row("A-188", "An action that names another script is refused, the passive table stays", INFERRED, Need.WRITE,
        foreign_script, NO_DESCRIPTION),
)  # fmt: skip
