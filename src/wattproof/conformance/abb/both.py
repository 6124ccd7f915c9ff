"""One meter on two buses: both show the same registers (abb-meters.md 3, 1.14, 2.9)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from wattproof.conformance.abb.common import INFERRED, NO_DESCRIPTION, expect, row
from wattproof.conformance.abb.cosem import CosemSide
from wattproof.conformance.abb.profiles import CLASS
from wattproof.conformance.abb.special import profile
from wattproof.conformance.abb.subject import Abb
from wattproof.conformance.abb.values import read
from wattproof.conformance.engine import Failed, Need, Skipped
from wattproof.meters.abb.mbus.recorded import profile_rows
from wattproof.meters.abb.quantities import ROWS as QUANTITIES
from wattproof.meters.abb.records import ProfileStatus
from wattproof.meters.abb.rows import COUNTER
from wattproof.meters.abb.shapes.recording import channel_name
from wattproof.model.readings import Reading
from wattproof.wire.cosem.descriptors import Attribute
from wattproof.wire.cosem.selection import EntryDescriptor, capture_objects
from wattproof.wire.cosem.shapes import fields, items, octets
from wattproof.wire.cosem.times import DateTime

#: Quantities with a plain value on both buses.
SHARED = tuple(
    id for id, found in QUANTITIES.items() if found.record and found.type[:1] in "ui" and "[" not in found.type
)
#: How much a gauge may move between two readings, as a part of its value, and in steps of its resolution.
MOVES, STEPS = 0.05, 2
#: Groups of points that are compared as drivers give them.
GROUPS = ("energy", "resettable", "conversion")


async def equal(meter: Abb) -> str:
    """M-Bus, COSEM, M-Bus: what COSEM shows lies between the two others."""
    mbus, cosem = meter.both
    before = await read(mbus, SHARED)
    between = await read(cosem, SHARED)
    after = await read(mbus, SHARED)
    count = 0
    for id in before.keys() & between.keys() & after.keys():
        found = QUANTITIES[id]
        step = Decimal(1).scaleb(found.scale)
        low, high = sorted((before[id], after[id]))
        slack = STEPS * step
        if found.kind is not COUNTER:
            slack += Decimal(str(MOVES)) * max(abs(low), abs(high))
        within = low - slack <= between[id] <= high + slack
        expect(within, f"{found.name} is {between[id]} over COSEM, {before[id]} and {after[id]} over M-Bus")
        count += 1
    expect(count, "the buses have no quantity in common")
    return f"{count} quantities"


async def intervals(meter: Abb) -> str:
    """The newest rows of a load profile: times, values and statuses, abnormal intervals among them."""
    mbus, cosem = meter.both
    channel, telegrams = await profile(mbus)
    told = [found for _, found in profile_rows(record for telegram in telegrams for record in telegram)]
    rows = await _newest(cosem, channel, len(told))
    marked = 0
    for one, (time, value, status) in zip(told, rows, strict=False):
        expect(one.time == time, f"a row of channel {channel} is of {one.time} over M-Bus, of {time} over COSEM")
        expect(one.value == value, f"the row of {time} holds {one.value} over M-Bus, {value} over COSEM")
        expect(one.status == status, f"the row of {time} has status {one.status!r} over M-Bus, {status!r} over COSEM")
        marked += status != ProfileStatus.EXISTS
    return f"{len(told)} rows, {marked} of abnormal intervals"


async def _newest(side: CosemSide, channel: int, count: int) -> list[tuple[datetime, Decimal | None, ProfileStatus]]:
    """The newest rows of a channel, newest first: time, value in its unit, status."""
    code = channel_name(channel)
    session = await side.session()
    in_use = await side.number(CLASS, code, 7)
    first = max(1, in_use - count + 1)
    data = await session.get(Attribute.of(CLASS, code, 2, EntryDescriptor(first, in_use).selection))
    columns = capture_objects(await side.get(Attribute.of(CLASS, code, 3)))
    scale = next((found.scale for found in QUANTITIES.values() if found.ln == columns[-1].name), None)
    if len(columns) != 3 or scale is None:
        raise Failed(f"channel {channel} captures {', '.join(map(str, columns))}")
    rows = []
    for entry in reversed(items(data)):
        time, status, value = fields(entry, 3)
        moment = DateTime.decode(octets(time, 12)).to_datetime()
        if moment is None or not isinstance(value.value, int) or not isinstance(status.value, int):
            raise Skipped(f"channel {channel} records no plain values")
        bits = ProfileStatus(status.value)
        good = not bits & ProfileStatus.BAD_VALUE
        rows.append((moment, Decimal(value.value).scaleb(scale) if good else None, bits))
    return rows


async def same_readings(meter: Abb) -> str:
    """The drivers of both buses give the same names, units, codes and values of what stands still."""
    mbus, cosem = meter.both
    drivers = dict(zip(meter.sides, await meter.drivers(), strict=True))
    told = [_told(await drivers[side].read(GROUPS)) for side in (mbus, cosem, mbus)]
    still = {name for name in told[0] if told[0][name] == told[2].get(name)}
    both = still & told[1].keys()
    if not both:
        raise Skipped("nothing stands still that both drivers give")
    for name in sorted(both):
        one, other = told[0][name], told[1][name]
        expect(one == other, f"{name} is {_words(one)} over M-Bus, {_words(other)} over COSEM")
    return f"{len(both)} of {len(told[0])} readings"


Told = tuple[str, str | None, object, object]


def _told(readings: Iterable[Reading]) -> dict[str, Told]:
    """By point: unit, code, quality, value as JSON has them."""
    found = {}
    for reading in readings:
        value = reading.as_dict()
        found[reading.point] = (str(value["unit"]), reading.obis, value["quality"], value["value"])
    return found


def _words(told: Told) -> str:
    return f"{told[3]} {told[0]} ({told[1]}, {told[2]})"


ROWS = (
    row("A-078", "Load profiles agree: times, values, abnormal intervals", INFERRED, Need.READ, intervals,
        NO_DESCRIPTION),
    row("A-143", "Values read by COSEM and by M-Bus are equal", INFERRED, Need.READ, equal, NO_DESCRIPTION),
    row("A-181", "Drivers of both buses give the same readings", INFERRED, Need.READ, same_readings, NO_DESCRIPTION),
)  # fmt: skip
