"""End points of meters: what they measure now, and what they measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from wattproof.gateway import records
from wattproof.gateway.answers import Trait, supported
from wattproof.gateway.engines.scales import exponent_of
from wattproof.gateway.local import CommandFailed
from wattproof.gateway.quantities import IDS, NUMBERS
from wattproof.gateway.serve.modern import shapes
from wattproof.gateway.serve.modern.face import Called, Face, moment, shown
from wattproof.gateway.serve.problems import Problem

#: Longer than any time that is stored.
FOR_EVER = 2**62
_ADDED = dict[str, dict[int, records.Value]]


async def meters(face: Face, called: Called) -> shapes.Meters:
    """Meters that the user may see."""
    return shapes.Meters(meters=[info(one) for one in await face.reader.meters() if called.user.sees(one.serial)])


async def meter(face: Face, called: Called) -> shapes.MeterInfo:
    """One meter."""
    return info(await known(face, called.serial))


def info(one: records.Meter) -> shapes.MeterInfo:
    """A meter as shown."""
    return shapes.MeterInfo(
        serial=one.serial,
        alias=one.alias,
        location=one.location,
        family=one.family,
        label=one.label,
        protocol=one.protocol,
        address=one.address,
        bus=one.bus,
        status=-1 if one.status < 0 else min(one.status, 1),  # type: ignore[arg-type]
        origin="file" if one.origin == "file" else "api",
        quantities=names(one.provides),
        computed=names(computed(one)),
        resources=sorted(supported(one)),
        signs=Trait.SIGNS in one.traits,
    )


def names(ids: Iterable[int]) -> list[str]:
    """Names of quantities, in the order of their ids."""
    return [NUMBERS[id].name.lower() for id in sorted(ids) if id in NUMBERS]


async def known(face: Face, serial: str) -> records.Meter:
    """A registered meter. Raises ``Problem`` 404."""
    found = await face.reader.meter(serial)
    if found is None or not found.active:
        raise Problem(404, "meter not found")
    return found


async def latest(face: Face, called: Called) -> shapes.Latest:
    """The newest values of a meter."""
    await known(face, called.serial)
    values = await newest(face, [called.serial])
    return shapes.Latest(serial=called.serial, values=shown_values(values[called.serial]))


async def newest(face: Face, serials: Sequence[str]) -> dict[str, dict[int, records.Value]]:
    """The newest values of meters by serial: what they said, and what engines have made of it. Without ``acquire``,
    where the engines are, only the former."""
    found = {serial: await face.reader.latest(serial) for serial in serials}
    try:
        added = msgspec.convert(await face.local.call("engine_values", serials=list(serials)), _ADDED, strict=False)
    except CommandFailed:
        return found
    return {serial: values | added.get(serial, {}) for serial, values in found.items()}


def shown_values(values: dict[int, records.Value]) -> dict[str, shapes.Value]:
    """Values by the names of their quantities."""
    return {
        NUMBERS[id].name.lower(): shapes.Value(
            value=None if value.mantissa is None else digits(value.mantissa, value.exponent),
            unit=NUMBERS[id].unit.symbol,
            obis=f"{NUMBERS[id].obis}*255" if NUMBERS[id].obis else None,
            quality=value.quality.value,
            time=shown(value.time),
        )
        for id, value in sorted(values.items())
        if id in NUMBERS
    }


def digits(mantissa: int, exponent: int) -> str:
    """An exact decimal number without an exponent."""
    return format(Decimal(mantissa).scaleb(exponent), "f")


def chosen(text: str | None, one: records.Meter) -> list[int]:
    """Ids of comma-separated names; all of them without names. Raises ``Problem``: no such quantity, or one that the
    gateway computes for this meter and keeps no readings of."""
    if text is None:
        return list(NUMBERS)
    names = [name.strip().lower() for name in text.split(",")]
    for name in names:
        if name not in IDS:
            raise Problem(400, f"unknown quantity {name}")
        if IDS[name] in computed(one):
            raise Problem(400, f"{name} is computed by the gateway and not stored as readings: its value is in latest")
    return [IDS[name] for name in names]


def computed(one: records.Meter) -> frozenset[int]:
    """Ids of the quantities that not the meter gives but its engine."""
    return frozenset(one.provides).difference(one.place["measured"]) if "measured" in one.place else frozenset()


async def readings(face: Face, called: Called) -> shapes.History:
    """Stored readings of a range, a page of them."""
    one = await known(face, called.serial)
    query: shapes.ReadingsQuery = called.query
    first, last = span(query)
    items: list[shapes.Moment] = []
    found = face.reader.readings(called.serial, chosen(query.quantity, one), first, last, limit=query.limit + 1)
    async for time, values in found:
        if len(items) == query.limit and items[-1].time != shown(time):
            return shapes.History(items=items, next=str(time))
        items.append(shapes.Moment(time=shown(time), values=shown_values(values)))
    return shapes.History(items=items, next=None)


def span(query: shapes.Range) -> tuple[int, int]:
    """First and last moment of a page, UTC ms. Raises ``Problem``."""
    first, last = moment(query.from_, "from") or 0, moment(query.to, "to")
    if query.from_ is not None and last is not None and first > last:
        raise Problem(400, "from is later than to")
    if query.cursor is not None:
        if not query.cursor.isascii() or not query.cursor.isdigit() or len(query.cursor) > 16:
            raise Problem(400, "invalid cursor")
        first = max(first, int(query.cursor))
    return first, FOR_EVER if last is None else last


async def corrections(face: Face, called: Called) -> shapes.Corrections:
    """Counters that did not simply grow."""
    await known(face, called.serial)
    return shapes.Corrections(
        items=[
            shapes.Correction(
                time=shown(one.time),
                quantity=NUMBERS[one.quantity].name.lower(),
                unit=NUMBERS[one.quantity].unit.symbol,
                exponent=exponent_of(one.quantity),
                verdict=one.verdict,
                before=one.before,
                after=one.after,
                booked=one.booked,
            )
            for one in await face.reader.corrections(called.serial)
            if one.quantity in NUMBERS
        ]
    )


async def keys(face: Face, called: Called) -> shapes.Keys:
    """Public keys of a meter as first seen."""
    await known(face, called.serial)
    found = await face.reader.keys(called.serial)
    return shapes.Keys(keys=[shapes.Key(key=one.key.hex(), seen=shown(one.seen)) for one in found])
