"""Load profiles: rows that the gateway keeps, or those of the meter itself where it records them (10.3, row 73).

A meter's own rows are asked for as #73 asks for them. They carry local time alone, so their moments are found from the
order in which its clock passed them; in that order they come in pages.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import tzinfo
from typing import Any

from wattproof.gateway import records
from wattproof.gateway.answers import Answer, Unsupported, answer
from wattproof.gateway.engines.rows import moment_text, seconds_in
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.quantities import NUMBERS
from wattproof.gateway.records import Kind
from wattproof.gateway.serve import localtime
from wattproof.gateway.serve.localtime import Passing
from wattproof.gateway.serve.modern import shapes
from wattproof.gateway.serve.modern.face import Called, Face, shown
from wattproof.gateway.serve.modern.meters import FOR_EVER, digits, known, span
from wattproof.gateway.serve.problems import Problem

#: Resource of the old face that reads a load profile.
LOAD_PROFILE = 73
HOUR = 3_600_000
#: Times that a meter may be asked for, ms: 2000-01-02 to 2099-12-30.
EARLIEST, LATEST = 946_771_200_000, 4_102_272_000_000
#: Rows, and how far the time of the profile had come with each (UTC ms).
Rows = AsyncIterator[tuple[int, shapes.ProfileItem]]


async def profile(face: Face, called: Called) -> shapes.Profile:
    """Rows of a channel of a load profile."""
    one = await known(face, called.serial)
    text = called.arguments["channel"]
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 8:
        raise Problem(400, "invalid channel")
    channel = int(text)
    times, limit = span(called.query), called.query.limit
    who = answer(one, LOAD_PROFILE, {"channel": channel})
    if who is Answer.METER:
        return await _of_meter(face, one.serial, channel, times, limit)
    series = next(
        (
            found
            for found in await face.reader.series(one.serial)
            if (found.kind, found.channel) == (Kind.PROFILE, channel)
        ),
        None,
    )
    if series is None and isinstance(who, Unsupported):
        raise CommandFailed(Failing.UNSUPPORTED, who.text)
    if series is None or not series.columns:
        return shapes.Profile(channel=channel, quantity=None, unit=None, interval=None, items=[], next=None)
    return await _kept(face, series, times, limit)


async def _kept(face: Face, series: records.Series, times: tuple[int, int], limit: int) -> shapes.Profile:
    """Rows of the gateway's own engine."""
    id, exponent = series.columns[0]

    async def rows() -> Rows:
        first, last = times
        found = face.reader.rows(series.serial, Kind.PROFILE, series.channel, first=first, last=last, count=limit + 1)
        async for row in found:
            value = None if row.values[0] is None else digits(row.values[0], exponent)
            yield row.time, _item(row.time, row.local, row.status, value, estimated=row.estimated)

    items, following = await _page(rows(), limit)
    return shapes.Profile(
        channel=series.channel,
        quantity=NUMBERS[id].name.lower() if id in NUMBERS else None,
        unit=NUMBERS[id].unit.symbol if id in NUMBERS else None,
        interval=series.interval if isinstance(series.interval, int) else None,
        items=items,
        next=following,
    )


async def _of_meter(face: Face, serial: str, channel: int, times: tuple[int, int], limit: int) -> shapes.Profile:
    """Rows that the meter keeps, read now. Raises ``CommandFailed``."""
    zone, offset = face.serving.zone, await face.serving.offset()
    arguments = {"channel": channel, **_asked(times, offset, zone)}
    stream: Any = face.local.stream("rows", serial=serial, resource=LOAD_PROFILE, arguments=arguments)
    async with aclosing(stream) as parts:
        head = await anext(parts)
        quantity, unit = head.get("mapping") or (None, None)
        items, following = await _page(_placed(parts, Passing(zone, offset), times), limit)
    return shapes.Profile(
        channel=channel,
        quantity=quantity,
        unit=unit,
        interval=head.get("interval") or None,
        items=items,
        next=following,
    )


def _asked(times: tuple[int, int], offset: int, zone: tzinfo) -> dict[str, str]:
    """The local times that #73 takes; an hour more on both sides, because there is one that is passed twice."""
    first, last = times
    if first <= 0 and last >= FOR_EVER:
        return {}
    ends = {"from": first - HOUR, "to": last + HOUR}
    return {name: localtime.shown(min(max(at + offset, EARLIEST), LATEST), 0, zone) for name, at in ends.items()}


async def _placed(parts: AsyncIterator[Any], passing: Passing, times: tuple[int, int]) -> Rows:
    """Items of #73 with their moments. What comes later in a profile was later, whatever the clock was set to."""
    first, last = times
    reached = 0
    async for part in parts:
        for item in part:
            local = seconds_in(item["timestamp"])
            time = passing.moment(local)
            reached = max(reached, time)
            if first <= reached and time <= last:
                value = item["value"]
                text = ",".join(value) if isinstance(value, list) else value
                yield reached, _item(time, local, item["status"], text, estimated=False)


async def _page(rows: Rows, limit: int) -> tuple[list[shapes.ProfileItem], str | None]:
    """A page and the cursor of the next one; what belongs to one moment of the profile is not torn apart."""
    items: list[shapes.ProfileItem] = []
    end = 0
    async with aclosing(rows) as taken:  # type: ignore[type-var]
        async for reached, item in taken:
            if len(items) >= limit and reached > end:
                return items, str(reached)
            items.append(item)
            end = reached
    return items, None


def _item(time: int, local: int, status: int, value: str | None, *, estimated: bool) -> shapes.ProfileItem:
    return shapes.ProfileItem(
        time=shown(time), local=moment_text(local), status=status, value=value, estimated=estimated
    )
